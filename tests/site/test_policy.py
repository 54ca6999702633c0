"""cache-control, header and header-remove: what is said of every response of a route."""

from pathlib import Path

import pytest
from asker import Asker
from conftest import Sites
from program import Site, run
from projects import write

APP = """
def application(environ, start_response):
    words = environ["QUERY_STRING"]
    fields = [("Content-Type", "text/plain"), ("X-Powered-By", "tea"), ("X-Frame-Options", "DENY")]
    if "own" in words:
        fields.append(("Cache-Control", "max-age=1"))
    if "expires" in words:
        fields.append(("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"))
    if "cookie" in words:
        fields.append(("Set-Cookie", "a=b"))
    if "server" in words:
        fields.append(("Server", "other"))
    status = {"gone": "404 Not Found", "away": "302 Found", "sad": "500 Oh"}.get(words, "200 OK")
    start_response(status, fields)
    return [b"x" * 3000]
"""
INI = """
[slipway]
static = /files/=files
static = /plain/=files
basic-auth-realm = x

[route /kept]
cache-control = public, max-age=60

[route /never]
cache-control = no-store

[route /files]
cache-control = public, max-age=2592000, immutable
header = X-Robots-Tag: noindex

[route /plain/fresh]
static-max-age = 0

[route /plain/long]
static-max-age = 2h

[route /said]
header = X-Frame-Options: SAMEORIGIN
header = Link: </a.css>; rel=preload
header = Link: </b.css>; rel=preload
header-remove = X-Powered-By
header-remove = Server
methods = GET

[route /mine]
header = Server: mine

[route /private]
basic-auth = people
cache-control = public, s-maxage=9, max-age=60

[route /moved]
redirect = 301 /there
cache-control = max-age=5
header = X-A: b
"""


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    folder = shared.folder / "p"
    write(folder / "own.py", APP)
    write(folder / "slipway.ini", INI)
    for name in ("a.txt", "fresh/b.txt", "long/c.txt"):
        write(folder / "files" / name, "a file\n")
    write(folder / "people", "zoe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    return shared.start("own", chdir=folder)


@pytest.mark.parametrize(("target", "policy"), [
    ("/other", None), ("/kept", "public, max-age=60"), ("/kept?own", "max-age=1"),
    ("/kept?expires", None), ("/kept?cookie", None), ("/kept?gone", None), ("/kept?sad", None),
    ("/kept?away", "public, max-age=60"), ("/never?cookie", "no-store"), ("/never", "no-store"),
    ("/files/a.txt", "public, max-age=2592000, immutable"), ("/moved", "max-age=5"),
    ("/plain/fresh/b.txt", "no-cache"),
    ("/plain/long/c.txt", "public, max-age=7200, must-revalidate"),
])  # fmt: skip
def test_caches(site: Site, asker: Asker, target: str, policy: str | None) -> None:
    assert asker(site.address, target).get("Cache-Control") == policy


def test_a_file_that_is_not_there(site: Site, asker: Asker) -> None:
    answer = asker(site.address, "/files/b.txt")
    assert "2592000" not in (answer.get("Cache-Control") or "") or answer.status == 200


def test_a_file_that_has_not_changed(site: Site, asker: Asker) -> None:
    etag = asker(site.address, "/files/a.txt").get("ETag") or ""
    answer = asker(site.address, "/files/a.txt", ("If-None-Match", etag))
    assert answer.status == 304
    assert answer.get("Cache-Control") == "public, max-age=2592000, immutable"
    assert answer.get("X-Robots-Tag") == "noindex"


def test_behind_a_password_it_stays_private(site: Site, asker: Asker) -> None:
    answer = asker(site.address, "/private", ("Authorization", "Basic em9lOnNlY3JldA=="))
    assert (answer.status, answer.get("Cache-Control")) == (200, "private, max-age=60")
    assert asker(site.address, "/private").get("Cache-Control") == "no-store"


def test_fields(site: Site, asker: Asker) -> None:
    for target in ("/said", "/said?gone", "/said?sad", "/said?server"):
        answer = asker(site.address, target)
        assert answer.all("X-Frame-Options") == ["SAMEORIGIN"]
        assert answer.all("Link") == ["</a.css>; rel=preload", "</b.css>; rel=preload"]
        assert not answer.all("X-Powered-By") and not answer.all("Server")
    assert asker(site.address, "/other").get("X-Powered-By") == "tea"
    assert asker(site.address, "/other").get("Server") == "slipway"
    assert asker(site.address, "/mine").all("Server") == ["mine"]
    assert asker(site.address, "/mine?server").all("Server") == ["mine"]


def test_answers_of_our_own_too(site: Site, asker: Asker) -> None:
    answer = asker(site.address, "/said", method="POST", body=b"x")
    assert answer.status == 405 and answer.get("X-Frame-Options") == "SAMEORIGIN"
    assert answer.get("Allow") == "GET, HEAD"
    assert asker(site.address, "/moved").get("X-A") == "b"
    answer = asker(site.address, "/said", ("Accept-Encoding", "gzip"))
    assert answer.get("Content-Encoding") == "gzip" and answer.get("Vary") == "Accept-Encoding"


@pytest.mark.parametrize(("line", "sentence"), [
    ("header = Content-Length: 5", "header takes NAME: VALUE"),
    ("header = nothing", "header takes"), ("header = Cache-Control: public", "header takes"),
    ("header-remove = Vary", "header-remove takes"),
    ("header-remove = a b", "header-remove takes"),
])  # fmt: skip
def test_what_is_refused(tmp_path: Path, line: str, sentence: str) -> None:
    write(tmp_path / "own.py", APP)
    write(tmp_path / "slipway.ini", f"[route /a]\n{line}\n")
    result = run("check", "own:application", "--chdir", str(tmp_path))
    assert result.returncode == 1 and sentence in result.stdout + result.stderr
