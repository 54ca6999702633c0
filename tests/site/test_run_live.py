"""`slipway run --live`: which pages get the script, and when it hears of a save."""

import re
from pathlib import Path

import pytest
import requests
from conftest import Sites
from http1 import Peer, build
from program import Site
from projects import write
from test_run_reload import make, save, urls

PAGES = """
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import condition
from django.shortcuts import render

BODY = "<html><body>words</BODY></html>"

def html(request):
    return HttpResponse(BODY)

def sized(request):
    return HttpResponse(BODY, headers={"Content-Length": str(len(BODY))})

def fragment(request):
    return HttpResponse("<p>part</p>")

def plain(request):
    return HttpResponse(BODY, content_type="text/plain")

def stream(request):
    return StreamingHttpResponse([BODY])

def templated(request):
    return render(request, "tiny/page.html")

zipped = gzip_page(lambda request: HttpResponse(BODY + " " * 1000))
tagged = condition(etag_func=lambda request: '"one"')(html)

urlpatterns = [path(name.__name__ + "/", name) for name in
               (html, sized, fragment, plain, stream, templated)]
urlpatterns += [path("zipped/", zipped), path("tagged/", tagged)]
"""
SCRIPT = re.compile(r'<script src="/\.slipway/live\.js\?since=(\d+\.\d+)"></script></body', re.I)


@pytest.fixture
def folder(sites: Sites) -> Path:
    folder = make(sites.folder / "p")
    write(folder / "tiny" / "urls.py", PAGES)
    write(folder / "templates" / "tiny" / "page.html", "<body>one</body>")
    write(folder / "tiny" / "static" / "a.css", "a {}")
    settings = folder / "tiny" / "settings.py"
    write(settings, settings.read_text() + "INSTALLED_APPS += ['tiny']\n")
    return folder


@pytest.fixture
def site(sites: Sites, folder: Path) -> Site:
    """The edge leaves lengths as they are: it is the worker's that are looked at."""
    return sites.start(None, "--live", "--compress", "no", chdir=folder, verb="run")


def page(site: Site, path: str, **headers: str) -> requests.Response:
    return requests.get(site.url + path, headers=headers, timeout=20)


def stamp(site: Site, path: str = "/html/") -> str:
    found = SCRIPT.search(page(site, path).text)
    assert found
    return found[1]


class Waiting:
    """A page that asked for changes."""

    def __init__(self, site: Site, since: str):
        self.peer = Peer(site.address)
        self.peer.send(build("GET", f"/.slipway/changes?since={since}"))

    def answer(self) -> int:
        with self.peer:
            return self.peer.response().status


@pytest.mark.parametrize("name", ["html", "sized", "zipped", "tagged"])
def test_pages_with_the_script(site: Site, name: str) -> None:
    got = page(site, f"/{name}/", **{"If-None-Match": '"other"'})
    assert got.status_code == 200 and SCRIPT.search(got.text)
    assert int(got.headers["Content-Length"]) == len(got.content)
    assert got.headers["Cache-Control"] == "no-store" and "ETag" not in got.headers


@pytest.mark.parametrize("name", ["fragment", "plain", "stream"])
def test_pages_without(site: Site, name: str) -> None:
    got = page(site, f"/{name}/")
    assert got.status_code == 200 and "<script" not in got.text and "ETag" not in got.headers


def test_the_script_itself(site: Site) -> None:
    got = page(site, "/.slipway/live.js?since=1.0")
    assert got.headers["Content-Type"].startswith("text/javascript") and "reload()" in got.text
    assert page(site, "/.slipway/changes?since=x").status_code == 400


def test_a_module_a_template_and_a_style(site: Site, folder: Path) -> None:
    for path, text in (
        ("tiny/urls.py", PAGES + "\n"),
        ("templates/tiny/page.html", "<body>two</body>"),
        ("tiny/static/a.css", "a { color: red }"),
        ("tiny/static/new.css", "b {}"),
    ):
        before = stamp(site)
        with Waiting(site, before).peer as peer:
            save(folder / path, text)
            assert peer.response().status == 200
        assert stamp(site) != before
    assert "two" in page(site, "/templated/").text


def test_a_save_before_the_question_is_not_missed(site: Site, folder: Path) -> None:
    before = stamp(site)
    save(folder / "templates" / "tiny" / "page.html", "<body>two</body>")
    assert Waiting(site, before).answer() == 200
    assert Waiting(site, before).answer() == 200


def test_the_error_page_loads_itself_again(site: Site, folder: Path) -> None:
    first = Waiting(site, stamp(site))
    urls(folder, "x", more="import no_such_module\n")
    assert first.answer() == 200
    error = page(site, "/", Accept="text/html")
    found = SCRIPT.search(error.text)
    assert error.status_code == 500 and found
    second = Waiting(site, found[1])
    urls(folder, "mended")
    assert second.answer() == 200


def test_pages_that_wait_do_not_hold_up_the_end(site: Site) -> None:
    waiting = Waiting(site, stamp(site))
    page(site, "/html/")
    site.stop()
    assert waiting.answer() == 503


@pytest.mark.parametrize("verb, options", [("run", []), ("serve", ["--live"])])
def test_nothing_of_it_unless_asked(
    sites: Sites, folder: Path, verb: str, options: list[str]
) -> None:
    site = sites.start(None, *options, chdir=folder, verb=verb)
    assert "<script" not in page(site, "/html/").text
    assert page(site, "/.slipway/live.js?since=1.0").status_code == 404
    assert page(site, "/.slipway/changes?since=0.0").status_code == 404
