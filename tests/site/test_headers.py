"""HSTS and its like: what Django's middleware says of a page, the edge says of what it answers."""

import os
from pathlib import Path

import certificates
import pytest
from conftest import Sites
from http1 import Fields, Response, get
from http2 import Wire, tls_context
from program import Site
from projects import SETTINGS, make_django, write
from tls_client import TlsPeer

SECURITY, FRAMES = (
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
# An interpreter with Django 6, for what no older one has; `make test` has one with Django 5.
DJANGO6 = os.environ.get("SLIPWAY_TEST_DJANGO6", "")
BOTH = f"MIDDLEWARE = [{SECURITY!r}, {FRAMES!r}]\n"
HSTS = "SECURE_HSTS_SECONDS = 3600\n"
PROXY_SAYS = 'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")\n'
NAMES = {
    "strict-transport-security",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "x-frame-options",
    "content-security-policy",
    "content-security-policy-report-only",
    "x-greeting",
}
URLS = """
from django.http import HttpResponse
from django.urls import path
from django.views.static import serve

def own(request):
    return HttpResponse("own", headers={
        "x-FRAME-options": "SAMEORIGIN", "X-Custom-Thing": "1",
        "Strict-Transport-Security": "max-age=1", "REFERRER-POLICY": "origin",
    })

COLLECTED = __file__.rpartition("/")[0] + "/../collected"
urlpatterns = [
    path("through/<path:path>", serve, {"document_root": COLLECTED}),
    path("own", own),
]
"""
OWN = """
from django.middleware.security import SecurityMiddleware
from django.middleware.clickjacking import XFrameOptionsMiddleware

class Security(SecurityMiddleware):
    def process_response(self, request, response):
        response = super().process_response(request, response)
        response.headers["X-Greeting"] = "of pages only"
        return response

class Frames(XFrameOptionsMiddleware):
    def get_xframe_options_value(self, request, response):
        return "SAMEORIGIN"

class Failing(SecurityMiddleware):
    def process_response(self, request, response):
        response.headers["X-Account"] = request.account
        return response
"""


def project(folder: Path, more: str) -> Path:
    make_django(folder)
    text = SETTINGS.format(debug=False, root=str(folder / "collected"))
    media = f'\nMEDIA_URL = "/media/"\nMEDIA_ROOT = {str(folder / "uploads")!r}\n'
    write(folder / "tiny" / "settings.py", text + media + PROXY_SAYS + more)
    write(folder / "tiny" / "urls.py", URLS)
    write(folder / "tiny" / "own.py", OWN)
    write(folder / "uploads" / "ship.txt", "a ship")
    return folder


def start(sites: Sites, more: str, *options: str, **how: str) -> Site:
    count = len(list(sites.folder.iterdir()))
    folder = project(sites.folder / f"p{count}", more)
    trust = ["--trusted-peers", "loopback", "--media", "yes"]
    site: Site = sites.start(None, *trust, *options, chdir=folder, **how)
    return site


def policy(response: Response) -> list[tuple[str, str]]:
    """The fields in question, names as they are spelled, however often they come."""
    return sorted((n, v) for n, v in response.head.fields if n.lower() in NAMES)


SECURE, PLAIN = [("X-Forwarded-Proto", "https")], [("X-Forwarded-Proto", "http")]


@pytest.mark.parametrize(
    ("why", "more", "expected"),
    [
        ("Django's defaults", BOTH, 4),
        ("HSTS", BOTH + HSTS, 5),
        (
            "HSTS of all that is beneath",
            BOTH + HSTS + "SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True\n",
            5,
        ),
        ("another policy for frames", BOTH + 'X_FRAME_OPTIONS = "sameorigin"\n', 4),
        (
            "several referrer policies",
            BOTH + 'SECURE_REFERRER_POLICY = ["origin", "same-origin"]\n',
            4,
        ),
        (
            "switched off",
            BOTH
            + "SECURE_CONTENT_TYPE_NOSNIFF = False\nSECURE_REFERRER_POLICY = None\n"
            + "SECURE_CROSS_ORIGIN_OPENER_POLICY = None\n",
            1,
        ),
        ("no middleware", HSTS, 0),
        ("one of the two", f"MIDDLEWARE = [{FRAMES!r}]\n" + HSTS, 1),
        ("a subclass", 'MIDDLEWARE = ["tiny.own.Frames"]\n', 1),
        ("DEBUG", BOTH + HSTS + "DEBUG = True\n", 5),
    ],
)
def test_a_file_has_what_django_gives_it(sites: Sites, why: str, more: str, expected: int) -> None:
    site = start(sites, more)
    for fields in (PLAIN, SECURE):
        through = get(site.address, "/through/a.css", fields)
        direct = get(site.address, "/static/a.css", fields)
        assert direct.status == through.status == 200
        assert direct.body == through.body
        assert policy(direct) == policy(through)
    assert len(policy(direct)) == expected  # the last one was secure


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    listen = ["--listen", "127.0.0.1:0 tls", "--body-limit", "1K"]
    pair = certificates.make(shared.folder, "site", "site.test")
    return start(shared, BOTH + HSTS, *listen, *pair.options)


@pytest.mark.parametrize(
    ("method", "target", "more", "status"),
    [
        ("GET", "/static/a.css", [], 200),
        ("HEAD", "/static/a.css", [], 200),
        ("GET", "/static/a.css", [("If-None-Match", "*")], 304),
        ("GET", "/static/a.css", [("Range", "bytes=0-1")], 206),
        ("GET", "/static/a.css", [("Range", "bytes=99999-")], 416),
        ("GET", "/media/ship.txt", [], 200),
        ("POST", "/own", [("Content-Length", "9999")], 413),
        ("GET", "/a%00b", [], 400),
        ("TRACE", "/", [], 501),
        ("GET", "/own", [("Host", "a"), ("Host", "b")], 400),
    ],
)
def test_of_each_answer_of_the_edge(
    site: Site, method: str, target: str, more: Fields, status: int
) -> None:
    with TlsPeer(site.addresses[1]) as peer:
        secure = peer.ask(method, target, more)
    plain = get(site.address, target, more, method)
    assert (secure.status, plain.status) == (status, status)
    expected = [
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    ]
    uploads = [f for f in policy(plain) if f[0] == "Content-Security-Policy"]
    assert len(uploads) == (1 if target.startswith("/media/") else 0)
    assert policy(plain) == sorted(expected + uploads)
    hsts = ("Strict-Transport-Security", "max-age=3600")
    assert policy(secure) == sorted([*expected, *uploads, hsts])


def test_what_the_application_says_stands(site: Site) -> None:
    """Spelled and in the order as it has them, once each; Django itself adds what it lacks."""
    response = get(site.address, "/own", SECURE)
    names = [name for name, _ in response.head.fields]
    own = ["x-FRAME-options", "X-Custom-Thing", "Strict-Transport-Security", "REFERRER-POLICY"]
    assert [name for name in names if name in own] == own
    assert len({name.lower() for name in names}) == len(names)
    assert response.get("x-frame-options") == "SAMEORIGIN"
    assert response.get("Strict-Transport-Security") == "max-age=1"
    assert response.get("Referrer-Policy") == "origin"


def test_over_http2(site: Site) -> None:
    with Wire(site.addresses[1], context=tls_context()) as wire:
        answer = wire.ask("GET", "/static/a.css")
        head = dict(answer.heads[-1])
    assert head["strict-transport-security"] == "max-age=3600"
    assert head["x-frame-options"] == "DENY"
    assert len(answer.heads[-1]) == len(head)


def test_a_stranger_cannot_have_hsts_said(sites: Sites) -> None:
    """Without trust in the peer its X-Forwarded-Proto is nobody's word."""
    site = start(sites, BOTH + HSTS, "--trusted-peers", "192.0.2.1")
    folder = project(sites.folder / "q", BOTH + HSTS)
    untrusting = sites.start(None, chdir=folder)
    assert get(untrusting.address, "/static/a.css", SECURE).get("Strict-Transport-Security") is None
    assert get(site.address, "/static/a.css", SECURE).get("Strict-Transport-Security")


def test_switched_off(sites: Sites) -> None:
    site = start(sites, BOTH + HSTS, "--security-headers", "no")
    assert policy(get(site.address, "/static/a.css", SECURE)) == []
    assert len(policy(get(site.address, "/through/a.css", SECURE))) == 5


def test_only_known_names_of_a_subclass(sites: Sites) -> None:
    site = start(sites, 'MIDDLEWARE = ["tiny.own.Security"]\n' + HSTS)
    direct = policy(get(site.address, "/static/a.css", SECURE))
    through = policy(get(site.address, "/through/a.css", SECURE))
    assert [f for f in through if f[0] != "X-Greeting"] == direct
    assert len(through) == len(direct) + 1


def test_a_middleware_that_cannot_be_asked(sites: Sites) -> None:
    site = start(sites, 'MIDDLEWARE = ["tiny.own.Failing"]\n' + HSTS)
    assert policy(get(site.address, "/static/a.css", SECURE)) == []
    assert "security headers are left to the application: AttributeError" in site.log()


def test_another_application_has_none(sites: Sites) -> None:
    root = sites.folder / "files"
    write(root / "a.txt", "a")
    site = sites.start("plain", "--static", f"/static/={root}")
    assert policy(get(site.address, "/static/a.txt")) == []


CSP = """
from django.utils.csp import CSP
SECURE_CSP = {"default-src": [CSP.SELF], "script-src": [CSP.SELF, CSP.NONCE]}
SECURE_CSP_REPORT_ONLY = {"img-src": ["https:"]}
MIDDLEWARE = ["django.middleware.csp.ContentSecurityPolicyMiddleware"]
"""


@pytest.mark.skipif(not DJANGO6, reason="SLIPWAY_TEST_DJANGO6 names no interpreter")
def test_content_security_policy(sites: Sites) -> None:
    """A nonce is of a page; a file has none, and so has Django's own answer that uses none."""
    site = start(sites, CSP, python=DJANGO6)
    through = get(site.address, "/through/a.css")
    assert policy(get(site.address, "/static/a.css")) == policy(through)
    assert through.get("Content-Security-Policy") == "default-src 'self'; script-src 'self'"
    media = get(site.address, "/media/ship.txt")
    assert "sandbox" in (media.get("Content-Security-Policy") or "")
    assert media.get("Content-Security-Policy-Report-Only") == "img-src https:"


def test_switched_off_for_some_paths(sites: Sites) -> None:
    folder = project(sites.folder / "p", BOTH)
    write(folder / "slipway.ini", "[route /static/a]\nsecurity-headers = no\n")
    write(folder / "collected" / "b.css", "b")
    write(folder / "collected" / "a" / "a.css", "a")
    site = sites.start(None, chdir=folder)
    assert policy(get(site.address, "/static/a/a.css")) == []
    assert len(policy(get(site.address, "/static/b.css"))) == 4
