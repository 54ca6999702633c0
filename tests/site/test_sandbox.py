"""What an edge gives up: it is nobody in particular, gains nothing, shows its memory to none."""

import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get, post
from load import Load
from program import APPS, IS_SANITIZED, Site, ids_of, run, status_of, until, wait_gone
from projects import make_django, write

NEEDS_LANDLOCK = pytest.mark.skipif(IS_SANITIZED, reason="sanitizers leave Landlock off")

NOBODY = 65534
is_root = os.geteuid() == 0
as_root = pytest.mark.skipif(not is_root, reason="only root has users to give up")


def edge_of(site: Site) -> int:
    (pid,) = site.pids("edge")
    return pid


# ---- whom it runs as


@as_root
@pytest.mark.parametrize("verb", ["serve", "run"])
def test_roots_edges_are_nobody(sites: Sites, verb: str) -> None:
    site = sites.start("plain", verb=verb, workers=2 if verb == "serve" else 1)
    status = status_of(edge_of(site))
    assert set(status["Uid"].split() + status["Gid"].split()) == {str(NOBODY)}
    assert status["Groups"] == ""
    assert {status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {""}
    assert status["NoNewPrivs"] == "1"
    assert status_of(site.pid)["Uid"].split()[0] == "0"


@as_root
@pytest.mark.parametrize(
    ("user", "ids"),
    [("daemon", (1, 1)), ("daemon:adm", (1, 4)), ("4711", (4711, 4711)), ("4711:12", (4711, 12))],
)
def test_another_user(sites: Sites, user: str, ids: tuple[int, int]) -> None:
    site = sites.start("plain", "--edge-user", user)
    assert ids_of(edge_of(site)) == ids
    assert get(site.address, "/hello").status == 200


@as_root
def test_files_that_it_may_not_read_are_told_of(sites: Sites) -> None:
    folder = make_django(sites.folder / "p")
    for name in ["collected/shut.css", "robots.txt", "closed/deep/a.txt"]:
        write(folder / name, "x").chmod(0o600)
    (folder / "closed" / "deep").chmod(0o700)
    site = sites.start(
        None, "--file", "/robots.txt=robots.txt", "--static", "/closed/=closed", chdir=folder
    )
    words = r"a file may not be read by the user of the edges \(option edge-user\): .* path=\"{}\""
    assert get(site.address, "/static/shut.css").status == 404
    site.err.wait(words.format("/static/shut.css"))
    assert get(site.address, "/static/a.css").status == 200
    assert get(site.address, "/closed/deep/a.txt").status == 404
    assert "deep" not in site.log()  # once in ten seconds


@as_root
def test_a_single_file_that_it_may_not_read(sites: Sites) -> None:
    folder = make_django(sites.folder / "p")
    write(folder / "robots.txt", "x").chmod(0o600)
    site = sites.start(None, "--file", "/robots.txt=robots.txt", chdir=folder)

    def is_told() -> bool:
        assert get(site.address, "/robots.txt").status == 404
        return 'path="/robots.txt"' in site.log()

    until("a line in the log", is_told)
    (folder / "robots.txt").chmod(0o644)
    assert get(site.address, "/robots.txt").text == "x"


@as_root
@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("root", "edges never run as root"),
        ("0", "edges never run as root"),
        ("no-such-one", "there is no user 'no-such-one' (--edge-user)"),
        ("daemon:no-such-one", "there is no group 'no-such-one' (--edge-user)"),
    ],
)
def test_a_user_that_will_not_do(user: str, words: str) -> None:
    done = run("serve", "plain:application", "--edge-user", user, folder=APPS)
    assert done.returncode == 1 and words in done.stderr
    assert len(done.stderr.splitlines()) == 1


@as_root
def test_a_spool_folder_that_is_not_the_edges(sites: Sites) -> None:
    folder = sites.folder / "spool"
    folder.mkdir()
    sites.folder.chmod(0o711)
    done = run("serve", "plain:application", "--spool-dir", str(folder), folder=APPS)
    assert done.returncode == 1 and f"chown {NOBODY}" in done.stderr
    os.chown(folder, NOBODY, NOBODY)
    site = sites.start("plain", "--spool-dir", str(folder))
    assert get(site.address, "/hello").status == 200


@as_root
def test_a_tmpdir_that_is_roots_alone(sites: Sites) -> None:
    """mkdtemp's folders are; the system's own takes the big bodies then."""
    site = sites.start("work", "--body-memory", "64K", env={"TMPDIR": str(sites.folder)})
    assert post(site.address, "/upload", b"x" * 200_000).status == 200


@as_root
def test_files_beneath_a_folder_that_is_roots_alone(sites: Sites) -> None:
    """The sites' folder has mode 0700: the way to the root is the master's."""
    root = sites.folder / "files"
    root.mkdir()
    (root / "a.txt").write_text("text")
    (root / "closed.txt").write_text("secret")
    (root / "closed.txt").chmod(0o600)
    site = sites.start("plain", "--static", f"/files/={root}")
    assert get(site.address, "/files/a.txt").body == b"text"
    assert b"secret" not in get(site.address, "/files/closed.txt").body


@as_root
def test_a_root_that_its_user_cannot_look_into(sites: Sites) -> None:
    root = sites.folder / "files"
    root.mkdir(mode=0o700)
    site = sites.start("plain", "--static", f"/files/={root}")
    site.err.wait(f'static root left out: url=/files/ root={root} error="Permission denied"')


# ---- what it cannot get back, and what others cannot see


@pytest.mark.skipif(IS_SANITIZED, reason="the search for leaks looks into its own process")
def test_its_memory_is_nobodys(sites: Sites) -> None:
    """A process that is not dumpable belongs to root in /proc, whoever it runs as."""
    edge = edge_of(sites.start("plain"))
    assert Path(f"/proc/{edge}/mem").stat().st_uid == 0
    assert Path(f"/proc/{edge}/environ").stat().st_uid == 0


def test_no_sandbox(sites: Sites) -> None:
    site = sites.start("plain", "--sandbox", "no")
    status = status_of(edge_of(site))
    assert status["NoNewPrivs"] == "0"
    assert ids_of(edge_of(site)) == (os.getuid(), os.getgid())
    assert get(site.address, "/hello").status == 200


def test_a_mode_that_there_is_not() -> None:
    done = run("serve", "plain:application", "--sandbox", "maybe", folder=APPS)
    assert done.returncode == 2 and re.search("auto, yes, kill or no", done.stderr)


# ---- folders that come later: Landlock never widens, so another edge takes over


def static_site(sites: Sites, *options: str) -> tuple[Site, Path]:
    folder = sites.folder / "p"
    shutil.copytree(APPS, folder)
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "which.txt").write_text(name)
    (folder / "now").symlink_to("one")
    (folder / "slipway.ini").write_text("[slipway]\nstatic = /files/=now\n")
    return sites.start("work", *options, chdir=folder), folder


def which(site: Site) -> str:
    return get(site.address, "/files/which.txt").body.decode()


@NEEDS_LANDLOCK
def test_a_link_to_another_folder(sites: Sites) -> None:
    """As many deploy: STATIC_ROOT is beneath a link, and each release another folder."""
    site, folder = static_site(sites)
    assert which(site) == "one"
    for turn in range(6):
        name = ("two", "one")[turn % 2]
        (folder / "now").unlink()
        (folder / "now").symlink_to(name)
        before = edge_of(site)
        assert site.verb("reload").returncode == 0
        assert which(site) == name
        assert get(site.address, "/.slipway/ready").status == 200
        wait_gone([before])
    assert len(site.status()["edges"]) == 1
    assert "died" not in site.log()


def test_the_same_folder_keeps_the_edge(sites: Sites) -> None:
    site, _ = static_site(sites)
    before = edge_of(site)
    for _ in range(3):
        assert site.verb("reload").returncode == 0
        assert which(site) == "one"
    assert edge_of(site) == before


@pytest.mark.parametrize("edges", ["1", "2", "16"])
def test_nothing_is_lost_while_edges_are_replaced(sites: Sites, edges: str) -> None:
    site, folder = static_site(sites, "--edges", edges)
    with Load(site.address, clients=6) as load:
        load.ends_at_refusal = False
        for turn in range(4):
            load.wait_more(20)
            (folder / "now").unlink()
            (folder / "now").symlink_to(("two", "one")[turn % 2])
            assert site.verb("reload").returncode == 0
        load.wait_more(20)
    assert not load.failures and load.refused == 0
    until("as many edges as are wanted", lambda: len(site.status()["edges"]) == int(edges))
    site.stop()
    assert "died" not in site.log()


@NEEDS_LANDLOCK
def test_a_request_under_way_is_finished_by_the_edge_that_leaves(sites: Sites) -> None:
    site, folder = static_site(sites)
    gate = sites.gate("slow")
    before = edge_of(site)
    with Peer(site.address) as slow:
        slow.send(build("GET", "/gate?name=slow"))
        gate.wait_reached()
        (folder / "now").unlink()
        (folder / "now").symlink_to("two")
        assert site.verb("reload").returncode == 0
        assert which(site) == "two" and len(site.pids("edge")) == 2
        gate.open()
        assert slow.response().status == 200
    wait_gone([before])
