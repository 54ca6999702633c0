"""Files of the logs: rotated by size and time, compressed, and never a line lost or cut."""

import gzip
import json
import os
import re
import signal
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get
from program import Site, log_text, run, until
from projects import write
from small_disk import small_disk

NAME = re.compile(r"access\.log-\d{8}T\d{6}Z(\.\d\d)?(\.gz)?")


def start(sites: Sites, *options: str, log: str = "logs/access.log") -> Site:
    (sites.folder / "logs").mkdir(exist_ok=True)
    path = sites.folder / log
    fields = ["--access-fields", "target,status"]
    site: Site = sites.start("plain", "--access-log", str(path), *fields, *options)
    return site


def ask(site: Site, first: int, count: int) -> None:
    with Peer(site.address) as peer:
        for n in range(first, first + count):
            peer.send(build("GET", f"/{n}"))
            assert peer.response().status == 200


def rotated(folder: Path) -> list[Path]:
    found = [
        p for p in folder.iterdir() if p.suffix != ".part" and p.name not in ("access.log", "moved")
    ]
    assert all(NAME.fullmatch(p.name) for p in found), found
    return sorted(found, key=lambda p: p.name.removesuffix(".gz"))


def text(path: Path) -> str:
    return (
        gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    ).decode()


def expect(folder: Path, count: int) -> None:
    """Each request once, in order, over all files."""
    whole = [f'"/{n}" 200' for n in range(count)]

    def look() -> bool:
        try:
            files = [*rotated(folder), folder / "access.log"]
            return [line for path in files for line in text(path).splitlines()] == whole
        except (FileNotFoundError, EOFError):  # one was being compressed
            return False

    until(f"{count} lines", look)


def all_packed(folder: Path) -> bool:
    return all(path.suffix == ".gz" for path in rotated(folder))


def test_by_size(sites: Sites) -> None:
    site = start(sites, "--log-rotate-size", "1000", "--log-keep", "0")
    ask(site, 0, 1000)
    folder = sites.folder / "logs"
    expect(folder, 1000)
    until("all to be compressed", lambda: all_packed(folder))
    files = rotated(folder)
    assert len(files) >= 10 and all(900 < len(text(path)) <= 1000 for path in files)
    assert all(path.stat().st_mode & 0o777 == 0o640 for path in files)
    until("the count", lambda: site.status()["logs"]["rotated"] == len(files))


def test_the_oldest_go(sites: Sites) -> None:
    site = start(sites, "--log-rotate-size", "100", "--log-keep", "3", "--no-log-compress")
    ask(site, 0, 100)
    folder = sites.folder / "logs"
    until("three", lambda: len(rotated(folder)) == 3 and '"/99" 200' in text(folder / "access.log"))
    lines = [
        line
        for path in [*rotated(folder), folder / "access.log"]
        for line in text(path).split("\n")
    ]
    numbers = [int(line.split('"')[1][1:]) for line in lines if line]
    assert numbers == list(range(numbers[0], 100)) and len(numbers) < 50


def test_many_of_them(sites: Sites) -> None:
    """More than are sorted without asking how much memory there is."""
    site = start(sites, "--log-rotate-size", "50", "--log-keep", "80")
    ask(site, 0, 1000)
    folder = sites.folder / "logs"
    until("what is kept", lambda: len(rotated(folder)) == 80 and all_packed(folder))


def test_by_time(sites: Sites) -> None:
    folder = sites.folder / "logs"
    folder.mkdir()
    path = folder / "access.log"
    path.write_text("old\n")
    os.utime(path, (1763968699, 1763968699))
    site = start(sites, "--log-rotate-every", "24h")
    ask(site, 0, 2)
    until("lines", lambda: log_text(path) == '"/0" 200\n"/1" 200\n')
    packed = folder / "access.log-20251124T071819Z.gz"
    until("the old one", lambda: packed.exists())
    assert text(packed) == "old\n"


def test_a_scribe_that_is_killed_loses_nothing(sites: Sites) -> None:
    site = start(sites, "--log-rotate-size", "2000", "--log-keep", "0")
    folder = sites.folder / "logs"
    for n in range(10):
        ask(site, n * 50, 50)
        # What it has read and not written would be lost with it.
        until("the lines", lambda: f'"/{n * 50 + 49}" 200' in text(folder / "access.log"))  # noqa: B023
        (scribe,) = site.pids("scribe")
        os.kill(scribe, signal.SIGKILL)
        until("another", lambda: site.pids("scribe") not in ([], [scribe]))  # noqa: B023
    ask(site, 500, 50)
    expect(folder, 550)
    until("all to be compressed", lambda: all_packed(folder))
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("how", ["create", "create, no signal", "copytruncate"])
def test_as_logrotate_does_it(sites: Sites, how: str) -> None:
    site = start(sites)
    folder = sites.folder / "logs"
    path, moved = folder / "access.log", folder / "moved"
    ask(site, 0, 5)
    until("lines", lambda: path.read_text().count("\n") == 5)
    if how == "copytruncate":
        moved.write_bytes(path.read_bytes())
        os.truncate(path, 0)
    else:
        path.rename(moved)
        path.touch(0o600)
        if how == "create":
            site.signal(signal.SIGUSR1)
    first = 5
    while how == "create, no signal" and not path.read_text():  # it looks once a second
        ask(site, first, 1)
        first += 1
    if how == "create":  # the signal and the lines come by different ways
        until("another file", lambda: ask_one(site) and path.read_text())
    ask(site, first, 5)
    until("the last", lambda: f'"/{first + 4}" 200' in path.read_text())
    if how != "create":
        both = moved.read_text() + path.read_text()
        assert both == "".join(f'"/{n}" 200\n' for n in range(first + 5))


def ask_one(site: Site) -> bool:
    return get(site.address, "/one").status == 200


def test_a_full_disk_costs_lines_and_nothing_else(sites: Sites) -> None:
    with small_disk(sites.folder / "logs") as disk:
        site = start(sites, "--access-fields", "target,status,agent")
        disk.fill()
        agent = [("User-Agent", "a" * 500)]
        with Peer(site.address) as peer:
            for n in range(4000):  # more than scribe and disk hold
                assert peer.ask("GET", f"/{n}", agent).status == 200
        until("the count", lambda: site.status()["logs"]["access_dropped"] > 0)
        log = disk.folder / "access.log"
        found = log.read_text()
        assert found.endswith("\n") and all(len(line) > 500 for line in found.splitlines())
        disk.make_room()
        agent = [("User-Agent", "b" * 500)]
        until(
            "lines again",
            lambda: get(site.address, "/later", agent) and "/later" in text(log),
        )
        lines = text(log).splitlines()
        assert all(re.fullmatch(r'"/[0-9later]+" 200 "(a{500}|b{500})"', line) for line in lines)
        until("the log", lambda: 'lines were dropped: log="access log" count=' in site.log())
        assert "lines of the access log were dropped" in site.verb("status").stdout
        site.stop()


TALKS = """
def application(environ, start_response):
    print(environ["PATH_INFO"] + " " + "x" * 500)
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""


def test_lines_of_json_are_whole_when_a_full_disk_has_room_again(sites: Sites) -> None:
    write(sites.folder / "p/own.py", TALKS)
    with small_disk(sites.folder / "logs") as disk:
        log = disk.folder / "log"
        options = ["--log", str(log), "--log-format", "json", "--access-log", "off"]
        site: Site = sites.start("own", *options, chdir=sites.folder / "p")
        disk.fill()
        with Peer(site.address) as peer:
            for n in range(4000):
                assert peer.ask("GET", f"/{n}").status == 200
        until("the count", lambda: site.status()["logs"]["log_dropped"] > 0)
        disk.make_room()
        until("lines again", lambda: get(site.address, "/later") and "/later" in text(log))
        lines = [json.loads(line) for line in text(log).splitlines()]
        assert any("lines were dropped" in str(line) for line in lines)
        site.stop()


def test_a_folder_that_went_and_came_back(sites: Sites) -> None:
    site = start(sites)
    folder = sites.folder / "logs"
    ask(site, 0, 1)
    until("a line", lambda: log_text(folder / "access.log"))
    folder.rename(sites.folder / "away")
    (sites.folder / "away/access.log").unlink()
    ask(site, 1, 20)
    folder.mkdir()
    until("the lines", lambda: (folder / "access.log").exists())
    expected = "".join(f'"/{n}" 200\n' for n in range(1, 21))
    until("all of them", lambda: log_text(folder / "access.log") == expected)


def test_the_log_is_rotated_too(sites: Sites) -> None:
    (sites.folder / "logs").mkdir()
    log = sites.folder / "logs/access.log"  # by that name for the helpers above
    site = sites.start(
        "pep",
        "--log",
        str(log),
        "--access-log",
        "off",
        "--log-rotate-size",
        "2000",
        "--log-keep",
        "0",
    )
    for _ in range(30):
        get(site.address, "/raise")
    until("files", lambda: len(rotated(sites.folder / "logs")) > 2)
    for path in rotated(sites.folder / "logs"):
        if path.suffix != ".gz":
            continue
        assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in text(path).splitlines())


@pytest.mark.parametrize(("option", "value", "said"), [
    ("log-rotate-size", "much", "--log-rotate-size takes a size from 0"),
    ("log-rotate-every", "daily", "--log-rotate-every takes a time from 0"),
    ("log-keep", "-1", "--log-keep takes a number from 0"),
])  # fmt: skip
def test_what_is_refused(sites: Sites, option: str, value: str, said: str) -> None:
    done = run("serve", f"--{option}={value}", folder=sites.folder)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
