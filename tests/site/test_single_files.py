"""Single files at URLs (option file); pages of other origins that use static files."""

import os
from pathlib import Path

import pytest
import wires
from conftest import Sites
from http1 import get
from program import Site, run, until
from projects import make_django, write
from wires import WIRES, Asker

SECRET = "never to be seen"
ORIGIN = "https://www.example.org"


@pytest.fixture(scope="module")
def folder(shared: Sites) -> Path:
    folder = shared.folder / "project"
    write(folder / "robots.txt", "User-agent: *\n")
    write(folder / "icons" / "favicon.ico", "icon")
    write(folder / "well" / "security.txt", "Contact: mailto:a@example.org\n")
    write(folder / "public" / "a.woff2", "font")
    write(folder / "public" / "a.css", "a {}" * 500)
    write(folder / "public" / "a.css.gz", "not really gzip")
    write(folder / ".env", SECRET)
    write(folder / "other.txt", SECRET)
    return folder


@pytest.fixture(scope="module")
def site(shared: Sites, folder: Path) -> Site:
    files = [
        f"/robots.txt={folder}/robots.txt",
        f"/favicon.ico={folder}/icons/favicon.ico",
        f"/.well-known/security.txt={folder}/well/security.txt",
        f"/gone.txt={folder}/gone.txt",
    ]
    return wires.start(
        shared,
        "plain",
        *[word for file in files for word in ("--file", file)],
        *["--static", f"/static/={folder}/public"],
    )


@pytest.mark.parametrize("wire", WIRES)
def test_single_files(site: Site, wire: str) -> None:
    with Asker(wire, site) as one:
        for target, kind, text in [
            ("/robots.txt", "text/plain", "User-agent: *\n"),
            ("/favicon.ico", "image/vnd.microsoft.icon", "icon"),
            ("/.well-known/security.txt", "text/plain", "Contact: mailto:a@example.org\n"),
        ]:
            got = one.ask(target)
            assert got.status == 200 and got.text == text and got.get("ETag")
            assert (got.get("Content-Type") or "").startswith(kind)
            assert one.ask(target, [("Range", "bytes=0-1")]).text == text[:2]
            assert one.ask(target, [("If-None-Match", got.get("ETag") or "")]).status == 304
            assert one.ask(target, method="OPTIONS").get("Allow") == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "target",
    ["/robots.txt/", "/robots.txt/x", "/robots.txt/../other.txt", "/robots.txtx", "/Robots.txt"]
    + ["/other.txt", "/.env", "/robots.txt/../.env", "/robots.txt%2f..%2f.env", "/gone.txt"]
    + ["/.well-known/", "/.well-known/other", "/.well-known/security.txt/.env", "//robots.txt"],
)
def test_nothing_else_of_its_folder(site: Site, target: str) -> None:
    got = get(site.address, target)
    assert got.get("X-App") == "plain" and SECRET not in got.text


def test_one_that_is_replaced(sites: Sites) -> None:
    """The sandbox lets the edge read that file alone: for a new one a new edge is started."""
    folder = sites.folder / "project"
    write(folder / "robots.txt", "one")
    site = sites.start("plain", "--file", f"/robots.txt={folder}/robots.txt")
    assert get(site.address, "/robots.txt").text == "one"
    for text in ("two", "three, and longer"):
        write(folder / "new", text)
        os.rename(folder / "new", folder / "robots.txt")
        until("the new one", lambda text=text: get(site.address, "/robots.txt").text == text)


def test_it_replaces_no_folder_of_django(sites: Sites) -> None:
    folder = make_django(sites.folder / "site")
    write(folder / "own.ico", "own")
    write(folder / "slipway.ini", "[slipway]\nfile = /static/own.ico=own.ico\n")
    site = sites.start(None, chdir=folder)
    assert get(site.address, "/static/own.ico").text == "own"
    assert get(site.address, "/static/a.css").text == "a { color: red }\n"


@pytest.mark.parametrize("value", ["robots.txt=x", "/robots.txt", "/robots.txt=", "/a/=x", "/a=x/"])
def test_a_bad_file(tmp_path: Path, value: str) -> None:
    done = run("serve", "plain:application", "--file", value, folder=tmp_path)
    assert done.returncode == 2 and "URL=FILE" in done.stderr


# ---- other origins


@pytest.mark.parametrize("wire", WIRES)
def test_cors(sites: Sites, folder: Path, wire: str) -> None:
    site = wires.start(
        sites,
        "plain",
        *["--static", f"/static/={folder}/public"],
        *["--static-cors", ORIGIN, "--static-cors", "http://localhost:3000"],
    )
    with Asker(wire, site) as one:
        for origin in (ORIGIN, "http://localhost:3000"):
            got = one.ask("/static/a.woff2", [("Origin", origin)])
            assert got.status == 200 and got.get("Access-Control-Allow-Origin") == origin
            assert got.get("Vary") == "Origin"
            assert "Content-Range" in (got.get("Access-Control-Expose-Headers") or "")
            assert got.get("Access-Control-Allow-Credentials") is None
            etag = got.get("ETag") or ""
            for fields in ([("If-None-Match", etag)], [("Range", "bytes=0-1")]):
                got = one.ask("/static/a.woff2", [("Origin", origin), *fields])
                assert got.status in (206, 304)
                assert got.get("Access-Control-Allow-Origin") == origin
                assert got.get("Vary") == "Origin"
        for origin in ("https://example.org", f"{ORIGIN}:444", "null", f"{ORIGIN}.evil.test", "*"):
            got = one.ask("/static/a.woff2", [("Origin", origin)])
            assert got.status == 200 and got.get("Vary") == "Origin"
            assert got.get("Access-Control-Allow-Origin") is None
        assert one.ask("/static/a.woff2").get("Vary") == "Origin"
        assert one.ask("/static/a.css").get("Vary") == "Accept-Encoding, Origin"
        assert one.ask("/hello", [("Origin", ORIGIN)]).get("Access-Control-Allow-Origin") is None


def test_a_preflight(sites: Sites, folder: Path) -> None:
    static = ["--static", f"/static/={folder}/public"]
    site = sites.start("plain", *static, "--static-cors", ORIGIN)
    asks = [("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "range")]
    got = get(site.address, "/static/a.woff2", [("Origin", ORIGIN), *asks], "OPTIONS")
    assert got.status == 204 and got.get("Access-Control-Allow-Origin") == ORIGIN
    assert got.get("Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS"
    assert "Range" in (got.get("Access-Control-Allow-Headers") or "")
    assert got.get("Access-Control-Max-Age") == "86400" and got.get("Vary") == "Origin"
    got = get(site.address, "/static/a.woff2", [("Origin", "https://evil.test"), *asks], "OPTIONS")
    assert got.status == 204 and got.get("Access-Control-Allow-Origin") is None
    assert got.get("Access-Control-Allow-Methods") is None


def test_any_origin_and_routes(sites: Sites, folder: Path) -> None:
    project = sites.folder / "project"
    ini = (
        f"[slipway]\nstatic = /static/={folder}/public\n[route /static/*.woff2]\nstatic-cors = *\n"
    )
    write(project / "slipway.ini", ini)
    write(project / "plain.py", "def application(e, s):\n    s('200 OK', [])\n    return [b'']\n")
    site = sites.start("plain", chdir=project)
    for fields in ([], [("Origin", ORIGIN)], [("Origin", "null")]):
        got = get(site.address, "/static/a.woff2", fields)
        assert got.get("Access-Control-Allow-Origin") == "*" and got.get("Vary") is None
        assert get(site.address, "/static/a.css", fields).get("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize(
    "value", ["example.org", "https://a/b", "https://", "ftp://a", "https://*.a"]
)
def test_a_bad_origin(tmp_path: Path, value: str) -> None:
    done = run("serve", "plain:application", "--static-cors", value, folder=tmp_path)
    assert done.returncode == 2 and "an origin" in done.stderr
