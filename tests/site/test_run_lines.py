"""Request lines under `slipway run`: colours in a terminal, plain in a pipe, combined in a file."""

import re
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get
from program import Site
from projects import make_django
from terminal import COLUMNS, TerminalSite

SEQUENCE = re.compile(r"\x1b\[[0-9;]*m")
LINE = r"^\d\d:\d\d:\d\d {status} +[\d.]+ m?s +!? +[\d.]+[BKM] {method} +{target}$"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_django(tmp_path, debug=True)


def line(method: str, target: str, status: int = 200) -> str:
    return LINE.format(status=status, method=method, target=re.escape(target))


def test_plain_in_a_pipe(sites: Sites, project: Path) -> None:
    site = sites.start(None, chdir=project, verb="run")
    get(site.address, "/?page=2")
    site.out.wait(line("GET", "/?page=2"))
    get(site.address, "/static/a.css")
    site.out.wait(line("GET", "/static/a.css"))
    get(site.address, "/nothing")
    site.out.wait(line("GET", "/nothing", 404))
    assert "\x1b" not in site.access_log()


def test_colours_in_a_terminal(sites: Sites, project: Path) -> None:
    site = sites.start(None, chdir=project, verb="run", kind=TerminalSite)
    long = "/?" + "q" * 300
    with Peer(site.address) as one:  # one connection: nothing of a request is left to the next
        for target in (long, "/static/a.css"):
            one.send(build("GET", target))
            assert one.response().status == 200
    site.out.wait(r"a\.css.*$")
    page, static = [one for one in site.out.text.splitlines() if " GET" in SEQUENCE.sub("", one)]
    assert len(SEQUENCE.sub("", page)) == COLUMNS and SEQUENCE.sub("", page).endswith("qqq...")
    assert "\x1b[32m200\x1b[0m" in page and "\x1b[32m" not in static and "\x1b[2m200" in static


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_when_told(sites: Sites, project: Path, env: dict[str, str]) -> None:
    site = sites.start(None, chdir=project, verb="run", kind=TerminalSite, env=env)
    get(site.address, "/")
    site.out.wait(line("GET", "/"))
    assert "\x1b" not in site.out.text


def test_foreign_bytes_stay_escaped(sites: Sites, project: Path) -> None:
    site = sites.start(None, chdir=project, verb="run", kind=TerminalSite)
    with Peer(site.address) as one:
        one.send(b"GET /?\x1b[2Jred\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n")
        one.response()
    get(site.address, '/?after"x')
    site.out.wait(r"\?after|after\\x22x")
    assert "\x1b[2J" not in site.out.text


def test_a_file_gets_the_combined_lines(sites: Sites, project: Path, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    site = sites.start(None, "--access-log", str(path), chdir=project, verb="run")
    get(site.address, "/?one")
    get(site.address, "/static/a.css")
    site.stop()
    page, static = path.read_text().splitlines()
    pids = {str(worker) for worker in re.findall(r" (\d+)$", page)}
    assert '"GET /?one HTTP/1.1" 200 ' in page and len(pids) == 1
    assert '"GET /static/a.css HTTP/1.1" 200 ' in static and static.endswith(" -")


def test_serve_is_combined_in_a_terminal_too(sites: Sites, project: Path) -> None:
    site: Site = sites.start(None, chdir=project, kind=TerminalSite)
    get(site.address, "/?one")
    site.out.wait(r'^127\.0\.0\.1 - - \[.*\] "GET /\?one HTTP/1\.1" 200 ')
