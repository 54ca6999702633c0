"""Sections [route PATTERN] of slipway.ini: options that hold for some paths."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get, post
from program import APPS, Site

INI = """
[slipway]
body-limit = 10
access-log = access.log
access-format = json

[route /echo/large]
body-limit = 1K

[route /gate]
harakiri = 200ms
"""


def project(sites: Sites, ini: str) -> Path:
    folder = sites.folder / "p"
    shutil.copytree(APPS, folder)
    (folder / "slipway.ini").write_text(ini)
    return folder


@pytest.fixture
def site(sites: Sites) -> Site:
    return sites.start("work", "--harakiri-grace", "100ms", chdir=project(sites, INI))


def test_a_body_is_bounded_by_its_route(site: Site) -> None:
    assert post(site.address, "/echo", b"x" * 11).status == 413
    assert post(site.address, "/echo/largest", b"x" * 11).status == 413
    for path in ["/echo/large", "/echo/large/x", "/echo/%6carge", "/echo/./large"]:
        assert post(site.address, path, b"x" * 1024).status != 413, path
        assert post(site.address, path, b"x" * 1025).status == 413, path


def test_a_chunked_body_too(site: Site) -> None:
    pieces = b"".join(b"8\r\n12345678\r\n" for _ in range(129)) + b"0\r\n\r\n"
    for path, status in [("/echo", 413), ("/echo/large", 413)]:
        with Peer(site.address) as one:
            one.send(build("POST", path, [("Transfer-Encoding", "chunked")]) + pieces)
            assert one.response().status == status


def test_a_limit_of_one_route_ends_no_other(sites: Sites, site: Site) -> None:
    gate = sites.gate("hangs")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=hangs"))
        gate.wait_reached()
        assert one.response().status == 504
    assert get(site.address, "/hello").status == 200


def test_check_shows_sections(sites: Sites) -> None:
    folder = project(sites, "[slipway]\napp = work:application\n[route /a]\nretry = no\n")
    site = sites.start(None, chdir=folder)
    shown = json.loads(site.verb("check", "--json").stdout)
    rows = [row for row in shown["options"] if row.get("route")]
    assert [(r["route"], r["name"], r["value"], r["origin"]) for r in rows] == [
        ("/a", "retry", "no", "slipway.ini:4")
    ]


ADDED = """
[slipway]
app = work:application
header = X-Site: yes

[route /hello/closed]
deny = all

[route /hello/closed/deep]
compress = no
header = X-Deep: yes

[route *.csv]
retry = no
header = X-Csv: yes

[route /hello/closed/open]
allow = all
"""


@pytest.fixture(scope="module")
def added(shared: Sites) -> Site:
    return shared.start("work", chdir=project(shared, ADDED))


@pytest.mark.parametrize(
    ("path", "is_closed", "marks"),
    [
        ("/hello", False, "site"),
        ("/hello/closed", True, "site"),
        ("/hello/closed/deep", True, "site deep"),
        ("/hello/closed/a.csv", True, "site csv"),
        ("/hello/closed/deep/x.csv", True, "site deep csv"),
        ("/hello/closed/open/x.csv", False, "site csv"),
        ("/hello.csv", False, "site csv"),
    ],
)
def test_sections_add_up(added: Site, path: str, is_closed: bool, marks: str) -> None:
    answer = get(added.address, path)
    assert (answer.status == 403) == is_closed
    assert [name for name in ["site", "deep", "csv"] if answer.get(f"X-{name}")] == marks.split()
