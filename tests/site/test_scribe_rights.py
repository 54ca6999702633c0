"""The scribe's rights: what it keeps of root's, and whose files it can be led to write."""

import gzip
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, get
from program import IS_SANITIZED, SANDBOX, Site, log_text, status_of, until
from projects import make_wsgi, write

NOBODY = 65534
CAPABILITIES = 1 << 0 | 1 << 1 | 1 << 6 | 1 << 7  # CHOWN, DAC_OVERRIDE, SETGID, SETUID

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")


def start(sites: Sites, path: Path, *options: str) -> Site:
    site: Site = sites.start("plain", "--access-log", str(path), *options)
    return site


def asked(site: Site, path: Path, target: str) -> None:
    """Requests, until there is a line: a file is looked for once a second."""

    def look() -> bool:
        get(site.address, target)
        return f"GET {target} " in log_text(path)

    until(target, look)


@pytest.fixture
def his(sites: Sites) -> Path:
    """A folder of logs that is somebody else's, in a place that is root's."""
    sites.folder.chmod(0o755)
    folder = sites.folder / "his"
    folder.mkdir()
    os.chown(folder, NOBODY, 4)
    return folder


@pytest.mark.skipif(SANDBOX == "no" or IS_SANITIZED, reason="no sandbox")
def test_what_it_keeps(sites: Sites) -> None:
    (sites.folder / "logs").mkdir()
    site = start(sites, sites.folder / "logs/a")
    asked(site, sites.folder / "logs/a", "/x")
    (scribe,) = site.pids("scribe")
    found = status_of(scribe)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    kept = int(found["CapPrm"], 16)
    assert kept == int(found["CapEff"], 16)
    assert kept & ~CAPABILITIES == 0 if os.geteuid() == 0 else kept == 0
    assert os.geteuid() != 0 or not found["Groups"].strip()
    assert os.stat(f"/proc/{scribe}/mem").st_uid == 0  # not dumpable: root's, whoever runs it


@is_root
def test_files_in_his_folder_are_his(sites: Sites, his: Path) -> None:
    path = his / "a"
    site = start(sites, path, "--log-rotate-size", "300")
    for n in range(8):
        asked(site, path, f"/{n}")
    packed = until("a compressed one", lambda: list(his.glob("a-*.gz")))
    until("the next one", path.exists)
    for one in (path, packed[0]):
        found = one.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (NOBODY, 4, 0o640)


@is_root
@pytest.mark.parametrize("way", ["file", "folder", "hard link", "new file"])
def test_a_link_of_his_leads_nowhere_of_roots(sites: Sites, his: Path, way: str) -> None:
    """Who owns a folder of logs cannot have root's scribe write elsewhere (CVE-2016-1247)."""
    logs = his / "logs"
    logs.mkdir()
    os.chown(logs, NOBODY, 4)
    path, others = logs / "a", sites.folder / "roots"
    others.mkdir()
    target = others / ("b" if way == "new file" else "a")
    if way != "new file":
        target.write_text("root's\n")
        target.chmod(0o600)
    site = start(sites, path, "--log-rotate-size", "1000")
    asked(site, path, "/before")
    path.rename(logs / "old")
    if way == "folder":
        logs.rename(his / "moved")
        logs.symlink_to(others)
        os.lchown(logs, NOBODY, NOBODY)
    elif way == "hard link":
        os.link(target, path)
    else:
        path.symlink_to(target)
        os.lchown(path, NOBODY, NOBODY)
    site.signal(signal.SIGUSR1)
    with Peer(site.address) as peer:
        for n in range(50):
            assert peer.ask("GET", f"/{n}").status == 200
    if way == "hard link":  # a file that is not his is moved away, and is as it was
        until("a file of his", lambda: path.exists() and path.stat().st_uid == NOBODY)
        packed = [gzip.decompress(one.read_bytes()) for one in logs.glob("a-*.gz")]
        assert not [text for text in packed if b"root's" in text]
    if way == "new file":
        assert not target.exists()
    else:
        assert target.read_text() == "root's\n" and list(others.iterdir()) == [target]
    if way == "folder":
        logs.unlink()
        (his / "moved").rename(logs)
    elif way != "hard link":
        path.unlink()
    asked(site, path, "/after")
    assert path.stat().st_uid == NOBODY


@is_root
def test_his_link_to_what_is_his(sites: Sites, his: Path) -> None:
    """`current/log`, as tools that deploy have it."""
    release = his / "releases/1/log"
    release.mkdir(parents=True)
    (his / "current").symlink_to("releases/1")
    for path in (his / "current", his / "releases", his / "releases/1", release):
        os.lchown(path, NOBODY, NOBODY)
    site = start(sites, his / "current/log/a")
    asked(site, release / "a", "/x")
    assert (release / "a").stat().st_uid == NOBODY


def test_roots_link_is_followed(sites: Sites) -> None:
    """And what it leads to is rotated, beside itself: the link stays."""
    (sites.folder / "disk").mkdir()
    path, target = sites.folder / "a", sites.folder / "disk/b"
    path.symlink_to("disk/b")
    site = start(sites, path, "--log-rotate-size", "300")
    for n in range(8):
        asked(site, target, f"/{n}")
    until("rotated ones", lambda: list((sites.folder / "disk").glob("b-*")))
    assert path.is_symlink() and not list(sites.folder.glob("a-*"))


@is_root
def test_a_file_that_logrotate_gave_away(sites: Sites) -> None:
    """`create 0640 www-data adm` in a folder of root's."""
    logs = sites.folder / "logs"
    logs.mkdir()
    site = start(sites, logs / "a")
    asked(site, logs / "a", "/before")
    (logs / "a").rename(logs / "a.1")
    (logs / "a").touch(0o640)
    os.chown(logs / "a", NOBODY, 4)
    site.signal(signal.SIGUSR1)
    asked(site, logs / "a", "/after")
    found = (logs / "a").stat()
    assert (found.st_uid, found.st_gid) == (NOBODY, 4) and "/after" not in (
        logs / "a.1"
    ).read_text()


def test_a_pipe_in_its_place(sites: Sites) -> None:
    """Nobody reads it: nothing waits.  Somebody does: he gets lines.  He goes: the same again."""
    logs = sites.folder / "logs"
    logs.mkdir()
    path = logs / "a"
    site = start(sites, path)
    asked(site, path, "/before")
    path.unlink()
    os.mkfifo(path)
    site.signal(signal.SIGUSR1)
    with Peer(site.address) as peer:
        for n in range(50):
            assert peer.ask("GET", f"/{n}").status == 200
    for _ in range(2):
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            until("lines", lambda: get(site.address, "/x") and read_some(reader))  # noqa: B023
        finally:
            os.close(reader)
    path.unlink()
    asked(site, path, "/after")


def read_some(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def test_a_pipe_from_the_start(sites: Sites) -> None:
    path = sites.folder / "pipe"
    os.mkfifo(path)
    site = start(sites, path)
    assert get(site.address, "/x").status == 200
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    until("lines", lambda: b"GET /x " in read_some(reader))
    os.close(reader)


def test_a_folder_made_anew_takes_another_scribe(sites: Sites) -> None:
    """Landlock is for the folder that was there: who comes after has the lines that waited."""
    logs = sites.folder / "logs"
    logs.mkdir()
    path = logs / "a"
    site = start(sites, path, "--log-rotate-size", "100000")
    asked(site, path, "/before")
    before = site.pids("scribe")
    (logs / "a").unlink()
    logs.rmdir()
    with Peer(site.address) as peer:
        for n in range(300):
            assert peer.ask("GET", f"/{n}").status == 200
    logs.mkdir()
    until("a file", lambda: path.exists())
    asked(site, path, "/last")
    text = path.read_text()
    assert all(text.count(f"GET /{n} ") == 1 for n in range(300))
    assert IS_SANITIZED or SANDBOX == "no" or site.pids("scribe") != before
    assert "scribe died" not in site.log() and "dropped" not in site.log()
    assert site.status()["restarts"] == 0


def test_a_site_that_comes_with_a_folder(sites: Sites) -> None:
    for name in ("one", "two"):
        (sites.folder / name).mkdir()
        make_wsgi(sites.folder / name, name)
        (sites.folder / f"logs-{name}").mkdir()
    write(sites.folder / "slipway.ini", "sites = sites\nworkers = 1\n")

    def add(name: str) -> Path:
        path = sites.folder / f"logs-{name}/a"
        lines = f"chdir = ../{name}\napp = own:application\nhosts = {name}.test\n"
        write(sites.folder / f"sites/{name}.ini", f"{lines}access-log = {path}\n")
        return path

    def ask(name: str, path: Path) -> None:
        get(site.address, f"/{name}", [("Host", f"{name}.test")])
        until("its line", lambda: f"GET /{name} " in log_text(path))

    one = add("one")
    site = sites.start(None, chdir=sites.folder, options_of_count=False)
    ask("one", one)
    two = add("two")
    assert site.verb("reload", "--chdir", str(sites.folder)).returncode == 0
    ask("two", two)
    ask("one", one)
    assert "scribe died" not in site.log() and site.status()["restarts"] == 0


@pytest.fixture
def disk(sites: Sites) -> Iterator[Path]:
    folder = sites.folder / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_read_only_for_a_while(sites: Sites, disk: Path) -> None:
    path = disk / "a"
    site = start(sites, path)
    asked(site, path, "/before")
    path.unlink()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(disk)], check=True)
    with Peer(site.address) as peer:
        for n in range(50):
            assert peer.ask("GET", f"/{n}").status == 200
    subprocess.run(["umount", "-l", str(disk)], check=True)
    asked(site, path, "/after")
    assert all(f"GET /{n} " in path.read_text() for n in range(50))
    site.stop()
