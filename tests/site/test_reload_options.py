"""A reload reads slipway.ini and the env file again."""

import shutil
import signal
from pathlib import Path

from conftest import Sites
from http1 import Peer, build, get, post
from program import APPS


def project(sites: Sites, ini: str) -> Path:
    folder = sites.folder / "p"
    shutil.copytree(APPS, folder)
    (folder / "slipway.ini").write_text("[slipway]\n" + ini)
    return folder


def start(sites: Sites, folder: Path):
    return sites.start("plain", chdir=folder, options_of_count=False)


def test_workers_and_static_change(sites: Sites) -> None:
    folder = project(sites, "workers = 1\n")
    site = start(sites, folder)
    assert len(site.wait_workers(1)) == 1
    (folder / "files").mkdir()
    (folder / "files" / "new.txt").write_text("new")
    (folder / "slipway.ini").write_text(
        "[slipway]\nworkers = 3\nthreads = 2\nstatic = /files/=files\n"
    )
    assert site.verb("reload").returncode == 0
    site.wait_workers(3)
    assert get(site.address, "/files/new.txt").body == b"new"


def test_a_mistake_refuses_the_reload(sites: Sites) -> None:
    folder = project(sites, "workers = 1\n")
    site = start(sites, folder)
    ini = folder / "slipway.ini"
    good = ini.read_text()
    ini.write_text("[slipway]\nworkers = 2\nwokers = 3\n")
    done = site.verb("reload")  # it reads the file, too, and says so before it asks
    assert done.returncode != 0 and "slipway.ini:3" in done.stderr
    site.signal(signal.SIGHUP)
    site.err.wait(r"slipway\.ini:3: unknown option 'wokers', did you mean 'workers'\?")
    ini.write_text(good)
    assert len(site.wait_workers(1)) == 1
    assert get(site.address, "/hello").body == b"hello\n"


def test_what_takes_effect_at_the_next_start_is_said(sites: Sites) -> None:
    folder = project(sites, "workers = 1\nedges = 1\n")
    site = start(sites, folder)
    (folder / "slipway.ini").write_text("[slipway]\nworkers = 2\nedges = 2\nlog-keep = 3\n")
    done = site.verb("reload")
    assert done.returncode == 0
    assert "the next start will heed what changed in: edges, log-keep\n" in done.stdout
    site.wait_workers(2)
    site.err.wait(r"option changed: option=edges")
    assert site.log().count("option=edges") == 1
    assert "next start" in site.verb("reload").stdout


def test_what_edges_heed_changes_too(sites: Sites) -> None:
    folder = project(sites, "workers = 1\nbody-limit = 10\n[route /echo/b]\nbody-limit = 20\n")
    site = sites.start("work", chdir=folder, options_of_count=False)
    assert post(site.address, "/echo/a", b"x" * 11).status == 413
    assert post(site.address, "/echo/b", b"x" * 21).status == 413
    (folder / "slipway.ini").write_text("body-limit = 30\n[route /echo/a]\nbody-limit = 5\n")
    assert site.verb("reload").returncode == 0
    assert post(site.address, "/echo/a", b"x" * 6).status == 413
    assert post(site.address, "/echo/b", b"x" * 30).status != 413
    assert post(site.address, "/echo/b", b"x" * 31).status == 413


def test_a_refused_reload_changes_nothing_in_edges(sites: Sites) -> None:
    folder = project(sites, "workers = 1\npreload = no\nbody-limit = 10\n")
    site = sites.start("work", chdir=folder, options_of_count=False)
    (folder / "slipway.ini").write_text("workers = 1\npreload = no\nbody-limit = 20\n")
    (folder / "work.py").write_text("raise RuntimeError('broken')\n")
    assert site.verb("reload").returncode == 1
    assert post(site.address, "/echo", b"x" * 11).status == 413


def test_who_is_under_way_keeps_his_options(sites: Sites) -> None:
    """A worker may take as long as was allowed when it was asked."""
    folder = project(sites, "workers = 2\n")
    site = sites.start("work", chdir=folder, options_of_count=False)
    gate = sites.gate("slow")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=slow"))
        gate.wait_reached()
        (folder / "slipway.ini").write_text("workers = 2\nharakiri = 10ms\n")
        assert site.verb("reload").returncode == 0
        gate.open()
        assert one.response().status == 200
