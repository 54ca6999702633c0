"""The demo site, as a visitor and an editor meet it."""

import hashlib
import re
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from conftest import HARBOUR, Sites, start_harbour
from http1 import Peer, build, get
from program import Site

Session = requests.Session


def png(seed: int) -> bytes:
    """A small picture, each seed another one."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    rows = b"".join(b"\0" + bytes([seed, row, 200]) * 64 for row in range(64))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def token_of(page: requests.Response) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


@pytest.fixture
def visitor(harbour: Site) -> Iterator[Session]:
    with requests.Session() as session:
        session.headers["Referer"] = harbour.url
        yield session


def log_in(session: Session, url: str, path: str = "/accounts/login/") -> requests.Response:
    page = session.get(url + path, timeout=20)
    fields = {"username": "demo", "password": "demo", "csrfmiddlewaretoken": token_of(page)}
    return session.post(url + path, fields, timeout=20)


@pytest.mark.parametrize(
    "path",
    ["/", "/ships/", "/quays/", "/tide/", "/accounts/login/", "/ships/?q=tug", "/admin/login/"],
)
def test_pages(harbour: Site, visitor: Session, path: str) -> None:
    page = visitor.get(harbour.url + path, timeout=20)
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "</html>" in page.text


def test_a_list_and_its_details(harbour: Site, visitor: Session) -> None:
    page = visitor.get(harbour.url + "/ships/", timeout=20)
    slugs = set(re.findall(r'href="(/ships/[a-z0-9-]+/)"', page.text))
    assert len(slugs) == 4
    for slug in slugs:
        assert visitor.get(harbour.url + slug, timeout=20).status_code == 200


def test_search(harbour: Site, visitor: Session) -> None:
    page = visitor.get(harbour.url + "/ships/", params={"q": "no ship of that name"}, timeout=20)
    assert page.status_code == 200 and not re.search(r'href="/ships/[a-z0-9-]+/"', page.text)


def test_login_and_upload(harbour: Site, visitor: Session, harbour_data: Path) -> None:
    new = harbour.url + "/sightings/new/"
    assert "/accounts/login/" in visitor.get(new, timeout=20).url
    assert log_in(visitor, harbour.url).status_code == 200
    page = visitor.get(new, timeout=20)
    ship = re.search(r'<option value="(\d+)"', page.text)
    assert ship
    caption = f"seen by a test {time.monotonic_ns()}"
    fields = {"ship": ship[1], "caption": caption, "csrfmiddlewaretoken": token_of(page)}
    picture = png(7)
    sent = visitor.post(new, fields, files={"picture": ("a.png", picture, "image/png")}, timeout=20)
    assert sent.status_code == 200 and caption in sent.text
    kept = list((harbour_data / "media" / "sightings").glob("*.png"))
    assert picture in [path.read_bytes() for path in kept]
    path = re.search(r'(/media/sightings/small/[^"]+\.jpg)', sent.text)
    assert path
    shown = visitor.get(harbour.url + path[1], timeout=20)
    assert shown.status_code == 200 and shown.headers["Content-Type"] == "image/jpeg"


def test_a_form_without_its_token(harbour: Site, visitor: Session) -> None:
    url = harbour.url + "/accounts/login/"
    assert (
        visitor.post(url, {"username": "demo", "password": "demo"}, timeout=20).status_code == 403
    )


def test_the_admin(harbour: Site, visitor: Session) -> None:
    page = log_in(visitor, harbour.url, "/admin/login/?next=/admin/")
    assert page.status_code == 200 and "Harbour office" in page.text
    listing = visitor.get(harbour.url + "/admin/fleet/ship/", timeout=20)
    assert listing.status_code == 200 and listing.text.count("field-name") >= 4
    style = re.search(r'href="(/static/admin/css/base[^"]*\.css)"', listing.text)
    assert style
    sheet = visitor.get(harbour.url + style[1], timeout=20)
    assert sheet.status_code == 200 and sheet.headers["Content-Type"].startswith("text/css")
    assert sheet.headers["ETag"] and sheet.headers["Accept-Ranges"] == "bytes"


def test_static_files(harbour: Site) -> None:
    want = (HARBOUR / "fleet" / "static" / "fleet" / "site.css").read_bytes()
    answer = get(harbour.address, "/static/fleet/site.css")
    assert answer.body == want and answer.get("Content-Type") == "text/css; charset=utf-8"
    assert get(harbour.address, "/static/fleet/nothing.css").status == 404


def test_a_download(harbour: Site, visitor: Session, harbour_data: Path) -> None:
    page = visitor.get(harbour.url + "/ships/", timeout=20)
    slug = re.findall(r'href="/ships/([a-z0-9-]+)/"', page.text)[0]
    with Peer(harbour.address) as one:
        answer = one.ask(target=f"/ships/{slug}/picture/")
        pictures = [path.read_bytes() for path in (harbour_data / "media" / "ships").glob("*.jpg")]
        assert answer.body in pictures
        assert answer.get("Content-Length") == str(len(answer.body))
        assert (answer.get("Content-Disposition") or "").startswith("attachment")
        bare = one.ask("HEAD", f"/ships/{slug}/picture/")
        assert bare.get("Content-Length") == str(len(answer.body))
        sheet = one.ask(target=f"/ships/{slug}/sheet/")
        assert sheet.status == 200 and len(sheet.body) > 100


def test_the_stream(harbour: Site) -> None:
    """Line by line; that none waits for the next is test_http's, with gates."""
    with Peer(harbour.address) as one:
        one.send(build("GET", "/stream/?lines=3&delay_ms=10"))
        head = one.head()
        assert head.get("Transfer-Encoding") == "chunked" and head.get("X-Accel-Buffering") is None
        assert b"".join(one.pieces(head)).count(b"\n") == 4
        whole = one.ask(target="/stream/?lines=20000")
        assert whole.body.count(b"\n") == 20001


@pytest.mark.parametrize("size", [0, 10, 100_000, 3_000_000, 20_000_000])
def test_uploads_arrive_whole(harbour: Site, size: int) -> None:
    body = b"harbour " * (size // 8) + b"x" * (size % 8)
    with Peer(harbour.address) as one:
        answer = one.ask("POST", "/echo/", body=body)
    assert answer.status == 200
    assert hashlib.sha256(body).hexdigest().encode() in answer.body
    assert f'"length": {size}'.encode() in answer.body


def test_errors(harbour: Site) -> None:
    assert get(harbour.address, "/no/such/page/").status == 404
    since = len(harbour.log())
    assert get(harbour.address, "/boom/").status == 500
    harbour.err.wait("RuntimeError: boom, as asked", since)


def test_slash_and_redirect(harbour: Site) -> None:
    answer = get(harbour.address, "/ships", [("Host", "harbour.test:8080")])
    assert (answer.status, answer.get("Location")) == (301, "/ships/")


def test_the_environment(harbour: Site) -> None:
    fields = [("Host", "harbour.test"), ("X-Forwarded-Proto", "https"), ("X-Test", "yes")]
    answer = get(harbour.address, "/environ/?q=1", fields)
    assert b'"HTTP_X_TEST": "yes"' in answer.body and b'"QUERY_STRING": "q=1"' in answer.body
    assert b"https" not in answer.body


def test_both_workers_answer(harbour: Site) -> None:
    """One after the other: any worker will do, and it is one of ours."""
    pids = {int(get(harbour.address, "/pid/").body) for _ in range(10)}
    assert pids <= set(harbour.pids("worker"))


def test_without_debugging(sites: Sites, harbour_data: Path) -> None:
    site = start_harbour(sites, harbour_data, env={"HARBOUR_DEBUG": "0"}, threads=2)
    assert get(site.address, "/", [("Host", "localhost")]).status == 200
    assert get(site.address, "/", [("Host", "evil.test")]).status == 400
    answer = get(site.address, "/boom/", [("Host", "localhost")])
    assert answer.status == 500 and b"boom, as asked" not in answer.body
    site.err.wait("RuntimeError: boom, as asked")


def test_media_is_served_and_the_database_is_not(harbour: Site) -> None:
    for target in ("/media/../db.sqlite3", "/media/%2e%2e/db.sqlite3", "/media//../db.sqlite3"):
        assert get(harbour.address, target).status in (400, 404)
