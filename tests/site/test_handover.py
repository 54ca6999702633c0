"""Files that the application names: X-Accel-Redirect and X-Sendfile to protected folders."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import wires
from byte_ranges import parts_of
from conftest import Sites
from http1 import Peer, get
from program import Site, run, until
from projects import make_django, write
from wires import WIRES, Asker, Got

TEXT = "".join(f"report {number}\n" for number in range(2000))
SECRET = "never to be seen\n"
NAMED = "X-Accel-Redirect"
PATHS = [
    "report.txt",
    "sub/deep.pdf",
    "caf\xe9 \u2603.txt",
    "100%.txt",
    "a+b&c.txt",
    "q?x.txt",
    "data.tar.gz",
]


@pytest.fixture(scope="module")
def folder(shared: Sites) -> Path:
    folder = shared.folder / "data"
    private, open_one = folder / "private", folder / "open"
    for path in (private / "sub", private / ".git", open_one / "in"):
        path.mkdir(parents=True)
    for name in PATHS:
        (private / name).write_text(TEXT)
    for path in (folder / "secret.txt", private / ".env", private / ".git" / "config"):
        path.write_text(SECRET)
    (private / "link-out").symlink_to("../secret.txt")
    (private / "link-in").symlink_to("sub/deep.pdf")
    (private / "big.bin").write_bytes(os.urandom(5 << 20))
    (folder / "other").symlink_to("private")
    (open_one / "open.css").write_text("open {}\n")
    (open_one / "in" / "own.txt").write_text("own\n")
    return folder


@pytest.fixture(scope="module")
def site(shared: Sites, folder: Path) -> Site:
    return wires.start(
        shared,
        "given",
        *["--static", f"/static/={folder}/open", "--static", f"/p/open/={folder}/open/in"],
        *["--protected", f"/p/={folder}/private", "--protected", f"/other={folder}/other"],
    )


def ask(one: Asker, value: str, name: str = NAMED, fields: Any = (), **more: Any) -> Got:
    words = {name: value} | more.pop("words", {})
    return one.ask("/download?" + urlencode(words, encoding="utf-8"), fields, **more)


@pytest.mark.parametrize("wire", WIRES)
def test_a_file_by_its_url(site: Site, wire: str) -> None:
    with Asker(wire, site) as one:
        for name in PATHS:
            got = ask(one, "/p/" + quote(name))
            assert got.status == 200 and got.body.decode() == TEXT, name
            assert got.get("Content-Length") == str(len(TEXT)) and got.get("X-App") == "given"
            assert got.get("ETag") and got.get("Last-Modified") and got.get("Date")
            assert not [n for n in got.fields if n.startswith(("x-accel", "x-send"))]


@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_a_file_by_its_path(site: Site, folder: Path, wire: str) -> None:
    with Asker(wire, site) as one:
        for name in PATHS:
            for root in ("private", "other"):
                got = ask(one, quote(f"{folder}/{root}/{name}"), "X-Sendfile")
                assert got.status == 200 and got.body.decode() == TEXT, name
        got = ask(one, f"{folder}/private/100%.txt", "x-sendfile")  # not quoted, and no escape
        assert got.body.decode() == TEXT


def test_any_spelling_of_the_name_and_a_query(site: Site) -> None:
    with Asker("http1", site) as one:
        for name in ("x-accel-redirect", "X-ACCEL-REDIRECT"):
            assert ask(one, "/p/report.txt", name).body.decode() == TEXT
        assert ask(one, "/p/report.txt?token=1").body.decode() == TEXT
        assert ask(one, "/p/./report.txt").body.decode() == TEXT
        assert ask(one, "/p/report.txt?a=/../b").body.decode() == TEXT
        assert ask(one, "/p/link-in").body.decode() == TEXT
        assert ask(one, "/static/open.css").text == "open {}\n"  # a public one, too


def test_which_fields_remain(site: Site) -> None:
    kept = {
        "Content-Type": "text/csv",
        "Content-Disposition": 'attachment; filename="r.csv"',
        "Cache-Control": "private, max-age=5",
        "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
        "Set-Cookie": "a=1",
        "X-Frame-Options": "DENY",
        "Vary": "Cookie",
    }
    dropped = {
        "ETag": '"of nothing"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "Content-Encoding": "gzip",
        "Content-Range": "bytes 0-0/1",
        "Accept-Ranges": "none",
        "Date": "Thu, 01 Jan 1970 00:00:00 GMT",
        "Server": "other",
        "X-Accel-Expires": "10",
        "X-Accel-Limit-Rate": "1",
        "X-Accel-Charset": "koi8-r",
        "X-Accel-Buffering": "yes",
    }
    with Asker("http1", site) as one:
        got = ask(one, "/p/report.txt", words=kept | dropped)
        assert got.status == 200 and got.body.decode() == TEXT
        for name, value in kept.items():
            assert got.get(name) == value, name
        for name, value in dropped.items():
            assert got.get(name) != value, name
        assert got.get("Accept-Ranges") == "bytes" and got.get("Content-Encoding") is None


def test_what_the_application_does_not_say(site: Site) -> None:
    with Asker("http1", site) as one:
        for words in ({}, {"Content-Type": ""}):
            got = ask(one, "/p/sub/deep.pdf", words=words)
            assert got.get("Content-Type") == "application/pdf"
            assert got.get("Cache-Control") == "private"
        got = ask(one, "/p/sub/deep.pdf", words={"Expires": "0"})
        assert got.get("Cache-Control") is None
        got = ask(one, "/static/open.css")
        assert got.get("Cache-Control") == "public, max-age=60, must-revalidate"


@pytest.mark.parametrize("wire", WIRES)
def test_ranges_and_conditions(site: Site, wire: str) -> None:
    with Asker(wire, site) as one:
        whole = ask(one, "/p/report.txt")
        etag = whole.get("ETag") or ""
        got = ask(one, "/p/report.txt", fields=[("Range", "bytes=5-9")])
        assert got.status == 206 and got.text == TEXT[5:10] and got.get("X-App") == "given"
        words = {"Content-Type": "text/csv"}
        got = ask(one, "/p/report.txt", fields=[("Range", "bytes=0-1,500-501")], words=words)
        parts = parts_of(got.get("Content-Type") or "", got.body)
        assert [part.body for part in parts] == [b"re", TEXT[500:502].encode()]
        assert {part.kind for part in parts} == {"text/csv"}
        got = ask(one, "/p/report.txt", fields=[("Range", "bytes=999999-")])
        assert got.status == 416
        many = {f"X-Field-{number}": "x" for number in range(20)}
        got = ask(one, "/p/report.txt", fields=[("If-None-Match", etag)], words=many)
        assert got.status == 304 and got.body == b"" and got.get("ETag") == etag
        assert got.get("X-Field-19") == "x"
        got = ask(one, "/p/report.txt", fields=[("If-Match", '"other"')])
        assert got.status == 412
        assert ask(one, "/p/big.bin").get("Content-Length") == str(5 << 20)


@pytest.mark.parametrize("wire", WIRES)
def test_methods(site: Site, wire: str) -> None:
    with Asker(wire, site) as one:
        head = ask(one, "/p/report.txt", method="HEAD")
        assert head.status == 200 and head.get("Content-Length") == str(len(TEXT))
        assert head.body == b""
        got = ask(
            one,
            "/p/report.txt",
            method="POST",
            body=b"x" * 100_000,
            fields=[("If-None-Match", "*"), ("Range", "bytes=0-1")],
        )
        assert got.status == 200 and got.body.decode() == TEXT
        assert ask(one, "/p/report.txt", method="OPTIONS").body.decode() == TEXT


@pytest.mark.parametrize("words", [{"status": "404 Not Found"}, {"body": "x" * 9}, {"stream": "9"}])
def test_what_else_the_application_sends_is_dropped(site: Site, words: dict[str, str]) -> None:
    with Asker("http1", site) as one:
        for _ in range(50):
            got = ask(one, "/p/report.txt", words=words)
            assert got.status == 200 and got.body.decode() == TEXT
        assert one.ask("/hello").status == 200


OUTSIDE = [
    (NAMED, "/p/nothing.txt"),
    (NAMED, "/p/"),
    (NAMED, "/p"),
    (NAMED, "/p/sub"),
    (NAMED, "/elsewhere/report.txt"),
    (NAMED, "report.txt"),
    (NAMED, "/p/.env"),
    (NAMED, "/p/.git/config"),
    (NAMED, "/p/link-out"),
    (NAMED, "/p/../secret.txt"),
    (NAMED, "/p/sub/../report.txt"),  # there, but the name is not the application's own
    (NAMED, "/p/sub/%2e%2e/report.txt"),
    (NAMED, "/p/sub/%2E./report.txt"),
    (NAMED, "/p/sub%2f..%2freport.txt"),
    (NAMED, "/p/sub/.."),
    (NAMED, "/../p/report.txt"),
    (NAMED, "/p/%2e%2e/secret.txt"),
    (NAMED, "/p/..%2fsecret.txt"),
    (NAMED, "/p/%00"),
    (NAMED, "/preport.txt"),
    (NAMED, "@named"),
    ("X-Sendfile", "FOLDER/private/nothing.txt"),
    ("X-Sendfile", "FOLDER/secret.txt"),
    ("X-Sendfile", "FOLDER/private/../secret.txt"),
    ("X-Sendfile", "FOLDER/private/%2e%2e/secret.txt"),
    ("X-Sendfile", "FOLDER/private/link-out"),
    ("X-Sendfile", "FOLDER/private/.env"),
    ("X-Sendfile", "FOLDER/privatereport.txt"),
    ("X-Sendfile", "FOLDER/open/open.css"),
    ("X-Sendfile", "/etc/passwd"),
    ("X-Sendfile", "/p/report.txt"),
    ("X-Sendfile", "private/report.txt"),
]


@pytest.mark.parametrize(("name", "value"), OUTSIDE)
def test_what_is_not_there(site: Site, folder: Path, name: str, value: str) -> None:
    with Asker("http1", site) as one:
        got = ask(one, value.replace("FOLDER", str(folder)), name)
        assert got.status == 404 and SECRET not in got.text and got.get("X-App") is None


def test_a_missing_one_is_logged(site: Site) -> None:
    with Asker("http1", site) as one:
        assert ask(one, '/p/who is"it.txt').status == 404
        site.err.wait("X-Accel-Redirect=.*who is.*it.txt")
        assert "option protected" in site.log()


@pytest.mark.parametrize(
    "target",
    ["/p/report.txt", "/p/sub/deep.pdf", "/p/", "/p", "/p/nothing", "/p/%72eport.txt"]
    + ["/p/./report.txt", "/x/../p/report.txt", "/other/report.txt", "/p/report.txt?x"],
)
@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_not_from_outside(site: Site, wire: str, target: str) -> None:
    with Asker(wire, site) as one:
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            got = one.ask(target, method=method)
            assert got.status == 404 and got.get("X-App") is None
        for fields in ([("X-Accel-Redirect", "/p/report.txt")], [("X-Sendfile", "/p/report.txt")]):
            assert one.ask(target, fields).status == 404


def test_what_lies_beside_is_the_applications(site: Site) -> None:
    for target in ("/px", "/p.txt", "/P/report.txt", "//p/report.txt"):
        assert get(site.address, target).get("X-App") == "given"
    assert get(site.address, "/p/open/own.txt").text == "own\n"  # a longer public URL goes first


def test_without_a_folder_no_field_leaks(sites: Sites) -> None:
    site = sites.start("given")
    for name in ("X-Accel-Redirect", "X-Sendfile"):
        got = get(site.address, f"/?{name}=/p/report.txt")
        assert got.status == 404 and got.get(name) is None
    got = get(site.address, "/?X-Accel-Expires=1&X-Accel-Limit-Rate=1&X-Accel-Redirect=")
    assert got.status == 200 and not [n for n, _ in got.head.fields if n.startswith("X-Accel")]
    site.err.wait("option protected")


def test_a_server_in_front_may_heed_them(sites: Sites) -> None:
    site = sites.start("given", "--protected", "front", "--trusted-peers", "127.0.0.1")
    words = "/?X-Accel-Redirect=/p/a&X-Sendfile=/b&X-Accel-Buffering=no"
    got = get(site.address, words)
    assert got.status == 200 and got.get("X-Accel-Redirect") == "/p/a"
    assert got.get("X-Sendfile") == "/b" and got.get("X-Accel-Buffering") == "no"
    other = sites.start("given", "--protected", "front")
    got = get(other.address, words)
    assert got.status == 404 and got.get("X-Accel-Redirect") is None


def test_after_a_reload(sites: Sites) -> None:
    """Another folder, which the sandbox of the first edge cannot read."""
    for name in ("one", "two"):
        write(sites.folder / "site" / name / "a.txt", name)
    ini = write(sites.folder / "site" / "slipway.ini", "[slipway]\nprotected = /p/=one\n")
    write(sites.folder / "site" / "given.py", (Path(__file__).parent / "apps/given.py").read_text())
    site = sites.start("given", chdir=sites.folder / "site")
    target = "/?X-Accel-Redirect=/p/a.txt"
    assert get(site.address, target).text == "one"
    ini.write_text("[slipway]\nprotected = /p/=two\n")
    assert site.verb("reload").returncode == 0
    until("the other folder", lambda: get(site.address, target).text == "two")


@pytest.mark.parametrize("value", ["/=x", "//=x", "p=x", "/p/=", "back"])
def test_a_bad_option(tmp_path: Path, value: str) -> None:
    done = run("serve", "given:application", "--protected", value, folder=tmp_path)
    assert done.returncode == 2 and "URL=DIR" in done.stderr


# ---- packages from PyPI

VIEWS = """
from django.http import HttpResponse
from django.urls import path
{imports}

def page(request):
    return HttpResponse("page")

urlpatterns = [path("", page), {routes}]
"""


def make_project(folder: Path, imports: str, routes: str, settings: str) -> Path:
    make_django(folder)
    write(folder / "tiny" / "urls.py", VIEWS.format(imports=imports, routes=routes))
    with (folder / "tiny" / "settings.py").open("a") as file:
        file.write(settings)
    for name in ("report.txt", "caf\xe9 \u2603.txt"):
        write(folder / "private" / name, TEXT)
    write(folder / "slipway.ini", f"[slipway]\nprotected = /protected/={folder}/private\n")
    return folder


@pytest.mark.parametrize("backend", ["nginx", "xsendfile"])
def test_django_sendfile2(sites: Sites, backend: str) -> None:
    pytest.importorskip("django_sendfile")
    folder = make_project(
        sites.folder / "site",
        "from django_sendfile import sendfile\n"
        "def give(request, name): return sendfile(request, name, attachment=True)",
        "path('get/<path:name>', give)",
        f"SENDFILE_BACKEND = 'django_sendfile.backends.{backend}'\n"
        f"SENDFILE_ROOT = '{sites.folder}/site/private'\nSENDFILE_URL = '/protected'\n",
    )
    site = sites.start(None, chdir=folder)
    with Peer(site.address) as one:
        got = one.ask(target="/get/report.txt")
        assert got.status == 200 and got.text == TEXT
        assert (got.get("Content-Type") or "").startswith("text/plain")
        assert got.get("Content-Disposition") == 'attachment; filename="report.txt"'
        got = one.ask(target="/get/report.txt", fields=[("Range", "bytes=0-5")])
        assert got.status == 206 and got.text == "report"
        assert one.ask(target="/get/nothing.txt").status == 404
        assert one.ask(target="/protected/report.txt").status == 404
        if backend == "nginx":  # the other one does not quote
            got = one.ask(target="/get/" + quote("caf\xe9 \u2603.txt"))
            assert got.status == 200 and got.text == TEXT
    assert "shorter" not in site.log()  # it says the length of the file


def test_django_downloadview(sites: Sites) -> None:
    pytest.importorskip("django_downloadview")
    folder = make_project(
        sites.folder / "site",
        "from django_downloadview import PathDownloadView\n"
        f"class Give(PathDownloadView):\n    path = '{sites.folder}/site/private/report.txt'\n",
        "path('get/', Give.as_view())",
        "MIDDLEWARE = ['django_downloadview.SmartDownloadMiddleware']\n"
        "DOWNLOADVIEW_BACKEND = 'django_downloadview.nginx.XAccelRedirectMiddleware'\n"
        "DOWNLOADVIEW_RULES = [{'source_dir': "
        f"'{sites.folder}/site/private', 'destination_url': '/protected'}}]\n",
    )
    site = sites.start(None, chdir=folder)
    got = get(site.address, "/get/")
    assert got.status == 200 and got.text == TEXT
    assert "report.txt" in (got.get("Content-Disposition") or "")
    got = get(site.address, "/get/", [("Range", "bytes=0-1,500-501")])
    assert len(parts_of(got.get("Content-Type") or "", got.body)) == 2
