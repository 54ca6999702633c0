"""Pages of the project for errors of slipway's own: which one, in what form, and of whom not."""

import json
import re
from pathlib import Path

import certificates
import pytest
from conftest import Sites
from http1 import Fields, Peer, Response, build, get, post
from http2 import Wire, tls_context
from program import APPS, Site
from projects import SETTINGS, make_django, write

HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"
PROBLEM = "application/problem+json"
JSON = [("Accept", "application/json, text/plain, */*")]
BROWSER = [("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")]
ID = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(scope="module")
def pages(shared: Sites) -> Path:
    folder = shared.folder / "pages"
    write(folder / "failed.html", "<h1>{status} {unknown}</h1><p>{request_id} {message}</p> {")
    write(folder / "large.html", "<p>too large</p>")
    write(folder / "range.txt", "no such range")
    write(folder / "method.json", '{"no": "{status}"}')
    write(folder / "big.html", "x" * 48 * 1024)
    write(folder / "bigger.html", "x" * (48 * 1024 + 1))
    write(folder / "static" / "a.txt", "a")
    return folder


def ini(pages: Path) -> str:
    return f"""
error-page = 5xx {pages}/big.html
error-page = 50x {pages}/failed.html
error-page = 413,414 {pages}/large.html
error-page = 416 {pages}/range.txt
error-page = 405 {pages}/method.json
error-page = 412 {pages}/missing.html
error-page = 431 {pages}/bigger.html
static = /static/={pages}/static
body-limit = 1K

[route /route]
error-page = 502 {pages}/large.html

[route /status/4*]
error-page-app = yes
error-page = 4xx {pages}/failed.html

[route /status/503]
error-page-app = yes
"""


@pytest.fixture(scope="module")
def site(shared: Sites, pages: Path) -> Site:
    folder = shared.folder / "p"
    write(folder / "slipway.ini", ini(pages))
    pair = certificates.make(shared.folder, "site", "site.test")
    tls = ["--listen", "127.0.0.1:0 tls", *pair.options]
    more = {"PYTHONPATH": str(APPS)}
    write(folder / "own.py", "from failing import application\n")
    site: Site = shared.start("own", *tls, chdir=folder, env=more, workers=2)
    return site


def kind(response: Response) -> str | None:
    assert response.get("Cache-Control") == "no-store"
    return response.get("Content-Type")


def test_a_page_with_its_marks(site: Site) -> None:
    response = post(site.address, "/die", b"x", BROWSER)
    said = response.get("X-Request-ID") or ""
    assert response.status == 502 and kind(response) == HTML and ID.fullmatch(said)
    message = "The application ended before it gave an answer.\n"
    assert response.text == f"<h1>502 {{unknown}}</h1><p>{said} {message}</p> {{"


def test_also_over_http2(site: Site) -> None:
    with Wire(site.addresses[1], context=tls_context()) as wire:
        answer = wire.ask("POST", "/die", body=b"x")
    assert answer.status == 502 and answer.get("content-type") == HTML
    assert answer.get("x-request-id") in answer.body.decode()
    assert len(answer.body) == int(answer.get("content-length") or 0)


def test_a_head_has_no_body(site: Site) -> None:
    with Peer(site.address) as peer:
        whole = peer.ask("GET", "/static/a.txt", [("Range", "bytes=9-")])
        bare = peer.ask("HEAD", "/die")  # safe, so it is tried twice
    assert bare.status == 502 and kind(bare) == HTML and bare.body == b""
    assert int(bare.get("Content-Length") or 0) > 60
    assert whole.status == 416


@pytest.mark.parametrize(
    ("method", "target", "fields", "status", "type_", "text"),
    [
        ("POST", "/", [("Content-Length", "1025")], 413, HTML, "<p>too large</p>"),
        ("GET", "/static/a.txt", [("Range", "bytes=9-")], 416, PLAIN, "no such range"),
        ("POST", "/static/a.txt", [], 405, "application/json", '{"no": "405"}'),
        ("GET", "/static/a.txt", [("If-Match", '"b"')], 412, PLAIN, None),
    ],
)
def test_each_error_has_its_page(
    site: Site, method: str, target: str, fields: Fields, status: int, type_: str, text: str | None
) -> None:
    response = get(site.address, target, fields, method)
    assert response.status == status
    assert (kind(response) or "").startswith(type_)
    assert text is None or response.text == text
    if status == 405:
        assert response.get("Allow")
    if status == 416:
        assert response.get("Content-Range") == "bytes */1"


def test_a_route_has_pages_of_its_own(site: Site) -> None:
    """... beside those of the site."""
    assert post(site.address, "/route/die", b"x").text == "<p>too large</p>"
    large = get(site.address, "/route", [("Content-Length", "1025")], "POST")
    assert large.status == 413 and large.text == "<p>too large</p>"
    assert post(site.address, "/die", b"x").text != "<p>too large</p>"


def test_who_prefers_json_gets_a_problem(site: Site) -> None:
    response = post(site.address, "/die", b"x", JSON)
    assert response.status == 502 and kind(response) == PROBLEM
    assert json.loads(response.body) == {
        "type": "about:blank",
        "title": "Bad Gateway",
        "status": 502,
        "detail": "The application ended before it gave an answer.",
        "request_id": response.get("X-Request-ID"),
    }
    large = get(site.address, "/", [("Content-Length", "1025"), *JSON], "POST")
    assert json.loads(large.body)["status"] == 413 and "request_id" not in json.loads(large.body)


def test_what_cannot_be_a_page_is_named(site: Site, pages: Path) -> None:
    log = site.log()
    assert f"file={pages}/bigger.html" in log and "it has more than 48 KiB" in log
    assert f"file={pages}/missing.html" in log and "No such file" in log


# ---- 503, 504


def test_busy(sites: Sites, pages: Path) -> None:
    gate = sites.gate("held")
    page = ["--error-page", f"503 {pages}/failed.html", "--error-page", f"504 {pages}/big.html"]
    site = sites.start("failing", *page, "--queue-timeout", "100ms", "--harakiri", "1s")
    with Peer(site.address) as held:
        held.send(build("GET", "/gate?held"))
        gate.wait_reached()
        response = get(site.address, "/", BROWSER)
        assert response.status == 503 and kind(response) == HTML
        assert response.get("Retry-After") == "1" and response.text.startswith("<h1>503")
        problem = get(site.address, "/", JSON)
        assert problem.get("Retry-After") == "1" and json.loads(problem.body)["status"] == 503
        late = held.response()
    assert late.status == 504 and late.body == b"x" * 48 * 1024


def test_a_reload_reads_them_again(sites: Sites) -> None:
    page = write(sites.folder / "p.html", "one")
    site = sites.start("failing", "--error-page", f"50x {page}", workers=2)
    assert post(site.address, "/die", b"x").text == "one"
    page.write_text("two")
    assert post(site.address, "/die", b"x").text == "one"
    assert site.verb("reload").returncode == 0
    assert post(site.address, "/die", b"x").text == "two"


@pytest.mark.parametrize("value", ["404", "abc x.html", "200 x.html"])
def test_what_is_no_page(sites: Sites, value: str) -> None:
    site = sites.start("failing", "--error-page", value, waits=False)
    site.err.wait("error-page takes a status and a file, such as 404 pages/404.html")
    assert site.process.wait(20) == 2
    site.is_stopped = True


# ---- the application's own


def test_the_applications_own_answers_stand(site: Site) -> None:
    response = get(site.address, "/status/500/text/html", BROWSER)
    assert response.status == 500 and response.body == b"of the application" * 1000
    assert response.get("X-Own") == "yes" and response.get("Cache-Control") is None


@pytest.mark.parametrize("type_", ["text/html", "text/html;charset=utf-8", "text/plain", ""])
def test_by_option_the_page_stands_for_them(site: Site, type_: str) -> None:
    with Peer(site.address) as peer:
        for _ in range(3):
            response = peer.ask("GET", f"/status/404/{type_}", BROWSER)
            assert response.status == 404 and kind(response) == HTML
            assert response.text.startswith("<h1>404") and response.head.reason == "Not Found"
            assert response.get("X-Own") is None
            assert response.get("Set-Cookie") == "a=1" and response.get("Retry-After") == "77"
        assert peer.ask(target="/").body == b"fine"


def test_but_not_for_what_programs_read(site: Site) -> None:
    response = get(site.address, "/status/404/application/json", BROWSER)
    assert response.body == b"of the application" * 1000 and response.get("X-Own") == "yes"


def test_nor_where_there_is_no_page_or_no_error(site: Site) -> None:
    assert get(site.address, "/status/200/text/html").get("X-Own") == "yes"
    busy = get(site.address, "/status/503/text/html", BROWSER)
    assert busy.get("Retry-After") == "77" and busy.text.startswith("<h1>503")


# ---- templates

VIEWS = """
import os
from django.http import HttpResponse
from django.urls import path

def die(request):
    os._exit(1)

urlpatterns = [path("die", die), path("", lambda request: HttpResponse("fine"))]
"""
TEMPLATES = """
TEMPLATES = [{{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [{!r}],
    "OPTIONS": {{"libraries": {{"own": "tiny.own"}}}},
}}]
"""
OWN = """
import threading
from django import template
register = template.Library()

@register.simple_tag
def thread():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    return "threaded"

@register.simple_tag
def endless():
    threading.Event().wait()

@register.simple_tag
def broken():
    raise ValueError("no menu")
"""


def django(folder: Path, debug: bool = False, **templates: str) -> Path:
    make_django(folder)
    text = SETTINGS.format(debug=debug, root=str(folder / "collected"))
    write(folder / "tiny" / "settings.py", text + TEMPLATES.format(str(folder / "templates")))
    write(folder / "tiny" / "urls.py", VIEWS)
    write(folder / "tiny" / "own.py", OWN)
    for name, words in templates.items():
        write(folder / "templates" / f"{name.strip('_')}.html", words)
    return folder


def test_templates_of_the_project(sites: Sites) -> None:
    words = {"_500": "{% load own %}é {{ 1|add:1 }} {% thread %} ({{ request_id }})", "_503": "b"}
    site = sites.start(None, chdir=django(sites.folder / "p", **words), workers=2)
    response = get(site.address, "/die", BROWSER)
    assert response.status == 502 and kind(response) == HTML
    assert response.text == f"é 2 threaded ({response.get('X-Request-ID')})"
    assert "imports the project by itself" not in site.log()
    assert "not used for errors" not in site.log()


def test_templates_switched_off(sites: Sites) -> None:
    folder = django(sites.folder / "p", _500="a")
    site = sites.start(None, "--error-templates", "no", chdir=folder, workers=2)
    assert kind(get(site.address, "/die", BROWSER)) == PLAIN


def test_no_templates_under_debug(sites: Sites) -> None:
    site = sites.start(None, chdir=django(sites.folder / "p", True, _500="a"), workers=2)
    assert kind(get(site.address, "/die", BROWSER)) == PLAIN


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{% load own %}{% broken %}", "template 500.html is not .*ValueError: no menu"),
        ("{% extends 'gone.html' %}", "it needs the template gone.html"),
        ("{% if %}", "template 500.html is not used for errors: TemplateSyntaxError"),
        ("a" * 20000, "name a file by error-page"),
        ("{% load own %}{% endless %}", "they took more than 5 s"),
    ],
)
def test_a_template_that_is_of_no_use_is_named(sites: Sites, template: str, why: str) -> None:
    site = sites.start(None, chdir=django(sites.folder / "p", _500=template), workers=2)
    site.err.wait(why)
    assert kind(get(site.address, "/die", BROWSER)) == PLAIN
    assert get(site.address, "/").body == b"fine"
