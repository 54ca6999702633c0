"""Every feature over HTTP/1 and HTTP/2, each plain and by TLS: the four answer alike.

What each answer must be is said where the feature is tested; here it is asked of one wire, and the
others must say the same. What may differ: words about the message itself (framing, the connection)
and, by rule, what is only for https.
"""

import base64
import gzip
import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
import wires
from conftest import Sites
from http1 import Cut
from program import Site, until
from projects import SETTINGS, make_django, write
from wires import WIRES, Asker, Got

SECURE = """
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",  # lengths: else small ones may go through a coding
]
SECURE_HSTS_SECONDS, SECURE_CONTENT_TYPE_NOSNIFF = 3600, True
SECURE_REFERRER_POLICY = "same-origin"
"""
URLS = """
import json
from django.http import HttpResponse, JsonResponse
from django.urls import re_path

def page(request, path):
    if path.startswith("give"):
        return HttpResponse(headers=dict(request.GET.items()))
    if path.startswith("large"):
        return HttpResponse("a line that comes again\\n" * 500, headers={"ETag": '"x"'})
    if path.startswith("stream"):
        return HttpResponse((b"piece %d\\n" % n for n in range(500)), content_type="text/plain")
    if path.startswith("fails"):
        raise RuntimeError("on purpose")
    if path.startswith("missing"):
        return HttpResponse("not here", status=404)
    kept = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "REMOTE_USER",
            "HTTP_HOST", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "SERVER_NAME", "CONTENT_TYPE",
            "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_X_ONE")
    seen = {name: request.META[name] for name in kept if name in request.META}
    return JsonResponse(seen | {"body": request.body.decode("latin-1"), "user": str(path)})

urlpatterns = [re_path("^(.*)$", page)]
"""
INI = """
[slipway]
hosts = site.test
wall = no
protected = /p/={folder}/private
static = /fonts/={folder}/fonts
error-page = 404 {folder}/404.html
error-page = 413 {folder}/413.html
redirects = {folder}/moved.txt
request-id-response = yes
server-timing = yes
body-limit = 1M

[route /walled]
wall = yes

[route /login]
basic-auth = {folder}/people

[route /fonts]
static-cors = https://other.test
cache-control = public, max-age=7

[route /index/]
static-index = index.html

[route /small]
body-limit = 10

[route /gone]
maintenance = yes
maintenance-retry = 90s

[route /secure]
redirect-https = yes

[route /moved]
redirect = 302 /new$path?$query

[route /shut]
deny = all

[route /silent]
deny = all
deny-status = close

[route /read]
methods = GET

[route /marked]
header = X-Marked: yes
header = Server: other
header-remove = X-Request-ID
cache-control = no-store

[route /errors]
error-page-app = yes
"""
TEXT = "a { color: red }\n" * 200
REPORT = "".join(f"report {number}\n" for number in range(3000))
ENCODINGS = [("Accept-Encoding", "gzip, br, zstd")]


def basic(pair: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(pair.encode()).decode()


WALL = basic("harbour:tide")
PREFLIGHT = [("Origin", "https://other.test"), ("Access-Control-Request-Method", "GET")]


class Question(NamedTuple):
    target: str
    status: int  # 0: no answer at all
    fields: list[tuple[str, str]] = []  # noqa: RUF012
    method: str = "GET"
    body: bytes | None = None


Q = Question
QUESTIONS = [
    # files
    Q("/static/a.css", 200),
    Q("/static/a.css", 200, method="HEAD"),
    Q("/static/a.css?x=/../y", 200),
    Q("/static/%61.css", 200),
    Q("/static/x/../a.css", 200),
    Q("/static/a.css", 206, [("Range", "bytes=5-9")]),
    Q("/static/a.css", 206, [("Range", "bytes=-7")]),
    Q("/static/a.css", 206, [("Range", "bytes=0-1,500-501,900-950")]),
    Q("/static/a.css", 416, [("Range", "bytes=999999-")]),
    Q("/static/a.css", 200, [("Range", "bytes=0-1"), ("If-Range", '"other"')]),
    Q("/static/a.css", 206, [("Range", "bytes=0-1"), ("If-Range", "ETAG")]),
    Q("/static/a.css", 304, [("If-None-Match", "ETAG")]),
    Q("/static/a.css", 304, [("If-None-Match", "*")]),
    Q("/static/a.css", 304, [("If-Modified-Since", "MODIFIED")]),
    Q("/static/a.css", 412, [("If-Match", '"other"')]),
    Q("/static/a.css", 204, method="OPTIONS"),
    Q("/static/a.css", 405, method="DELETE"),
    Q("/static/a.css", 405, method="POST", body=b"x" * 5),
    Q("/static/made.css", 200, ENCODINGS),  # in memory, compressed by ourselves
    Q("/static/made.css", 304, [*ENCODINGS, ("If-None-Match", "ETAG")]),
    Q("/static/made.css", 200, [("Accept-Encoding", "identity")]),
    Q("/static/packed.js", 200, [("Accept-Encoding", "gzip")]),
    Q("/static/packed.js", 200, [("Accept-Encoding", "gzip;q=0")]),
    Q("/static/packed.js", 206, [("Accept-Encoding", "gzip"), ("Range", "bytes=0-9")]),
    Q("/static/big.bin", 200),
    Q("/static/empty.txt", 200),
    Q("/static/nothing.css", 200),  # the application's page, whatever its path
    Q("/static/..%2f404.html", 200),
    Q("/static/%2e%2e/%2e%2e/%2e%2e/x", 400),
    Q("/static/%00", 400),
    Q("/fonts/a.woff2", 200, [("Origin", "https://other.test")]),
    Q("/fonts/a.woff2", 200, [("Origin", "https://evil.test")]),
    Q("/fonts/a.woff2", 204, PREFLIGHT, method="OPTIONS"),
    # files that the application names
    Q("/give?X-Accel-Redirect=/p/report.txt&Content-Type=text/csv", 200),
    Q("/give?X-Accel-Redirect=/p/report.txt", 206, [("Range", "bytes=0-9")]),
    Q("/give?X-Accel-Redirect=/p/report.txt", 206, [("Range", "bytes=0-9,1000-1010")]),
    Q("/give?X-Accel-Redirect=/p/report.txt", 304, [("If-None-Match", "ETAG")]),
    Q("/give?X-Accel-Redirect=/p/report.txt", 200, method="HEAD"),
    Q("/give?X-Accel-Redirect=/p/x/../report.txt", 404),
    Q("/give?X-Sendfile=FOLDER/private/report.txt", 200),
    Q("/give?X-Sendfile=/etc/passwd", 404),
    Q("/p/report.txt", 404),
    Q("/p/report.txt", 404, [("Accept", "application/json")]),
    # the application
    Q("/any/%61?q=%20x", 200, [("X-One", "1"), ("X-One", "2"), ("X_Two", "no")]),
    Q("/any", 200, [("Cookie", "a=1; b=2")]),
    Q("/any", 200, [("Cookie", "a=1"), ("Cookie", "b=2")]),
    Q("/any", 200, [("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1.2.3.4")]),
    Q("/any", 200, [("X-Real-IP", "1.2.3.4"), ("X-Forwarded-Host", "evil.test")]),
    Q("//any", 200),
    Q("/any;x=1/%2e", 200),
    Q("/any", 200, method="POST", body=b"x" * 70_000),
    Q("/any", 200, method="OPTIONS"),
    Q("/any", 200, method="BREW"),
    Q("/large", 200),
    Q("/large", 200, [("Accept-Encoding", "gzip")]),
    Q("/large", 200, [("Accept-Encoding", "gzip")], method="HEAD"),
    Q("/stream", 200),
    Q("/fails", 500),
    Q("/missing", 404),
    Q("/errors/missing", 200),
    # who may come in
    Q("/walled", 401),
    Q("/walled", 401, [basic("harbour:ebb")]),
    Q("/walled", 401, [("Authorization", "Basic !!")]),
    Q("/walled", 200, [WALL]),
    Q("/walled/x", 200, [("Cookie", "COOKIE")]),
    Q("/walled/x", 200, [("Cookie", "COOKIE"), basic("other:one")]),
    Q("/walled", 401, [("Cookie", "slipway_wall=9999999999." + "0" * 64)]),
    Q("/walled/large", 200, PREFLIGHT, method="OPTIONS"),
    Q("/%77alled", 401),
    Q("/x/../walled", 401),
    Q("/x/%2e%2e%2fwalled", 401),
    Q("/login", 401),
    Q("/login", 401, [basic("one:wrong")]),
    Q("/login", 200, [basic("one:secret")]),
    Q("/login/static/a.css", 401),
    Q("/shut", 403),
    Q("/sh%75t/x", 403),
    Q("/silent", 0),
    Q("/read", 200),
    Q("/read", 200, method="HEAD"),
    Q("/read", 405, method="POST", body=b"x"),
    # elsewhere, not now, too much
    Q("/old", 301),
    Q("/old?x=1", 301),
    Q("/blog/%0d%0aSet-Cookie:%20a=b", 301),
    Q("/blog//evil.test/", 301),
    Q("/moved/a%2Fb?c=d", 302),
    Q("/moved", 307, method="POST", body=b"x"),
    Q("/gone", 503),
    Q("/gone/x", 503, [("Accept", "application/json")]),
    Q("/small", 413, method="POST", body=b"x" * 11),
    Q("/small", 200, method="POST", body=b"x" * 10),
    Q("/any", 413, method="POST", body=b"x" * ((1 << 20) + 1)),
    Q("/marked", 200),
    Q("/any", 421, [("Host", "other.test")]),
    Q("/any", 200, [("Host", "SITE.test")]),
    Q("/any", 501, method="TRACE"),
    Q("/any", 417, [("Expect", "other")]),
    Q("*", 200, method="OPTIONS"),
    Q("/.slipway/ready", 200),
    Q("/.slipway/ready", 405, method="POST", body=b""),
]


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    folder = make_django(shared.folder / "p")
    root = str(folder / "collected")
    write(folder / "tiny/settings.py", SETTINGS.format(debug=False, root=root) + SECURE)
    write(folder / "tiny/urls.py", URLS)
    write(folder / ".env", "AUTH_WALL_USERNAME=harbour\nAUTH_WALL_PASSWORD=tide\n")
    for name in ("a.css", "made.css", "packed.js"):
        write(folder / "collected" / name, TEXT)
    (folder / "collected/packed.js.gz").write_bytes(gzip.compress(TEXT.encode()))
    (folder / "collected/big.bin").write_bytes(bytes(range(256)) * 4000)
    write(folder / "collected/empty.txt", "")
    write(folder / "fonts/a.woff2", "a font")
    write(folder / "private/report.txt", REPORT)
    write(folder / "404.html", "<h1>{status} of ours</h1>")
    write(folder / "413.html", "<h1>{status} too much: {request_id}</h1>")
    write(folder / "people", "one:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    write(folder / "moved.txt", "/old /new\n/blog/* /news/*\n")
    write(folder / "slipway.ini", INI.format(folder=folder))
    return wires.start(shared, None, chdir=folder, workers=2)


SAID_OF_THE_MESSAGE = {"connection", "transfer-encoding", "date", ":status"}


def normal(got: Got) -> tuple[int, dict[str, str], bytes]:
    """What of an answer does not depend on when it was made."""
    fields = {name: value for name, value in got.fields.items() if name not in SAID_OF_THE_MESSAGE}
    body = got.body
    if number := fields.get("x-request-id"):
        body = body.replace(number.encode(), b"ID")
        fields["x-request-id"] = "ID"
    body = re.sub(rb"\b[0-9a-f]{32}\b", b"HEX", body)
    for name, value in fields.items():
        value = re.sub(r"boundary=\w+", "boundary=HEX", value)
        value = value.removesuffix("; Secure")
        value = re.sub(r"slipway_wall=[^;]*", "slipway_wall=COOKIE", value)
        fields[name] = re.sub(r"dur=[\d.]+", "dur=MS", value)
    if got.get("content-encoding") == "gzip" and got.status == 200 and body:
        body = gzip.decompress(body)  # each answer has a padding of its own (BREACH)
    return got.status, fields, body


def ask(wire: str, site: Site, q: Question, known: dict[str, str]) -> Got | None:
    """None: no answer at all."""
    fields = [(name, known.get(value, value)) for name, value in q.fields]
    target = q.target.replace("FOLDER", str(site.folder))
    host = dict(fields).get("Host")
    with Asker(wire, site) as one:
        try:
            if host and wire.startswith("http2"):
                one.authority, fields = host, [pair for pair in fields if pair[0] != "Host"]
            return one.ask(target, fields, q.method, q.body)
        except (Cut, AssertionError):
            return None


def learn(wire: str, site: Site, q: Question) -> dict[str, str]:
    """What the question's fields stand for, as this wire says it."""
    values = {value for _, value in q.fields}
    known: dict[str, str] = {}
    if values & {"ETAG", "MODIFIED"}:
        kept = [pair for pair in q.fields if pair[0] == "Accept-Encoding"]
        first = ask(wire, site, q._replace(fields=kept), {})
        assert first
        known = {"ETAG": first.get("etag") or "", "MODIFIED": first.get("last-modified") or ""}
    if "COOKIE" in values:
        first = ask(wire, site, Question("/walled", 200, [WALL]), {})
        assert first
        known = {"COOKIE": (first.get("set-cookie") or "").split(";")[0]}
    return known


def wait_made(site: Site) -> None:
    """Until the edge has compressed it, and keeps it in memory."""
    q = Question("/static/made.css", 200, ENCODINGS)

    def is_made() -> bool:
        got = ask("http1", site, q, {})
        return bool(got and got.get("content-encoding"))

    until("made.css compressed", is_made)


@pytest.fixture(scope="module")
def answers(site: Site) -> Callable[[str, Question], Got | None]:
    wait_made(site)
    return lambda wire, q: ask(wire, site, q, learn(wire, site, q))


@pytest.mark.parametrize("q", QUESTIONS, ids=lambda q: f"{q.method} {q.target[:40]} {q.status}")
def test_all_wires_answer_alike(
    answers: Callable[[str, Question], Got | None], site: Site, q: Question
) -> None:
    found = {wire: answers(wire, q) for wire in WIRES}
    assert {got.status if got else 0 for got in found.values()} == {q.status}, found
    if q.status == 0:
        return
    shown = {wire: normal(got) for wire, got in found.items() if got}
    hsts = {
        wire: fields.pop("strict-transport-security", None)
        for wire, (_, fields, _) in shown.items()
    }
    assert {hsts[wire] for wire in WIRES if not wire.endswith("tls")} == {None}
    assert hsts["http1-tls"] == hsts["http2-tls"]
    if q.status not in (421, 501, 417, 400) and not found["http1"].fields.get("x-marked"):
        assert hsts["http1-tls"] == "max-age=3600"
    first = shown["http1"]
    for wire in WIRES[1:]:
        status, fields, body = shown[wire]
        assert fields.keys() ^ first[1].keys() <= {"content-length"}, wire
        assert {k: v for k, v in fields.items() if k in first[1]} == {
            k: v for k, v in first[1].items() if k in fields
        }, wire
        assert body == first[2], wire
        assert str(site.folder / "private") not in body.decode("latin-1")


def test_who_comes_by_http_is_sent_to_https(site: Site) -> None:
    for wire in WIRES:
        with Asker(wire, site) as one:
            got = one.ask("/secure/a%20b?c")
            if wire.endswith("tls"):
                assert got.status == 200
            else:
                location = "https://site.test/secure/a%20b?c"
                assert (got.status, got.get("location")) == (301, location)
