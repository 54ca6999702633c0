"""A reload reads slipway.ini and the env file again."""

import shutil
import signal
from pathlib import Path

from conftest import Sites
from http1 import get
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
    folder = project(sites, "workers = 1\nbody-limit = 1M\n")
    site = start(sites, folder)
    (folder / "slipway.ini").write_text("[slipway]\nworkers = 2\nbody-limit = 2M\n")
    assert site.verb("reload").returncode == 0
    site.wait_workers(2)
    site.err.wait(r"option changed: option=body-limit")
