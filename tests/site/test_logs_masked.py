"""What a query says in secret is in no log: not in the access log, and not beside a failure."""

import json

import pytest
from conftest import Sites
from http1 import Cut, get
from program import Site, until
from projects import make_django, write

APPLICATION = """
import os, threading

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("of the application")
    if path == "/die":
        os._exit(3)
    if path == "/late":
        threading.Event().wait()
    if path == "/away":
        start_response("200 OK", [("Content-Length", "0"), ("X-Sendfile", "/no/such")])
        return [b""]
    if path == "/short":
        start_response("200 OK", [("Content-Length", "9")])
        return [b"short"]
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
QUERY = "page=2&to%6Ben=hidden1&code=hidden2&KEY=hidden3"
SHOWN = "page=2&to%6Ben=***&code=***&KEY=***"
INI = """
[slipway]
app = app:application
harakiri = 300ms
harakiri-grace = 100ms
access-format = json
[route /]
mask-query = code, token, key
"""


@pytest.mark.parametrize("path", ["/fail", "/die", "/late", "/away", "/short", "/"])
def test_no_secret_beside_a_failure(sites: Sites, path: str) -> None:
    write(sites.folder / "p/app.py", APPLICATION)
    write(sites.folder / "p/slipway.ini", INI)
    site: Site = sites.start(None, chdir=sites.folder / "p")
    # A POST is not asked twice of another worker.
    try:
        get(
            site.address, f"{path}?{QUERY}", [("Referer", f"http://r.test/?{QUERY}")], method="POST"
        )
    except Cut:
        assert path == "/short"
    row = json.loads(until("a line", site.access_log).splitlines()[0])
    assert (row["target"], row["referer"]) == (f"{path}?{SHOWN}", f"http://r.test/?{SHOWN}")
    if path != "/":
        site.err.wait(f"{path}\\?page=2")
    site.stop()
    assert "hidden" not in site.log() + site.access_log()
    assert path == "/" or SHOWN in site.log()


VIEWS = """
from django.http import HttpResponse
from django.urls import path

def fail(request):
    raise KeyError("of a view")

urlpatterns = [path("fail", fail)]
"""


def test_nor_beside_an_exception_that_django_caught(sites: Sites) -> None:
    folder = make_django(sites.folder / "p")
    write(folder / "tiny" / "urls.py", VIEWS)
    site: Site = sites.start(None, chdir=folder)
    get(site.address, "/fail?page=2&to%6Ben=hidden&x")
    site.err.wait(r'exception in the application: "GET /fail\?page=2&to%6Ben=\*\*\*&x"')
    assert "hidden" not in site.log() + site.access_log()
