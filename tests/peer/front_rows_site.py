"""Rows of names, redirects, the application and uploads."""

import re
import ssl

from front_row import (
    BEARER,
    MAIN,
    NOTES,
    STAGING,
    form_of,
    image,
    links,
    row,
    seen,
    upload,
    visitor,
)
from fronts import PASSWORD, Front
from http1 import Response, build, chunked
from tls_client import TlsPeer, client_context


def place(front: Front, answer: Response) -> str:
    """Where it leads; the port of this world is 443 elsewhere."""
    return (answer.get("Location") or "").replace(f":{front.address(True)[1]}", "", 1)


# ---- hosts and redirects


@row("Hosts and redirects", "three sites by their names", "one address, three projects")
def sites_by_name(front: Front) -> None:
    assert "<h1>Gallery</h1>" in front.ask(MAIN).text
    assert front.ask(STAGING).status == 401
    assert front.ask(NOTES).text == "notes at notes.test https\n"


@row(
    "Hosts and redirects",
    "a certificate for each",
    "a client asks for a name before it asks for a page",
)
def certificates(front: Front) -> None:
    by_name = {}
    for host in (MAIN, STAGING, NOTES):
        with TlsPeer(front.address(True), host) as peer:
            by_name[host] = peer.certificate
    assert by_name[MAIN] == by_name[STAGING] != by_name[NOTES]


@row(
    "Hosts and redirects",
    "an unknown name gets 421",
    "not the first site: RFC 9110, section 15.5.20",
)
def unknown_host(front: Front) -> None:
    assert front.ask("stranger.test").status == 421
    assert front.ask("stranger.test", tls=False).status == 421


@row("Hosts and redirects", "so does the bare address", "scanners ask that way")
def by_address(front: Front) -> None:
    assert front.ask("127.0.0.1", name="").status == 421
    assert front.ask("127.0.0.1", tls=False).status == 421


@row(
    "Hosts and redirects",
    "a certificate's name and Host of two sites get 421",
    "one site's certificate is no way into another",
    nginx="serves the site that Host names",
)
def name_and_host(front: Front) -> None:
    assert front.ask(MAIN, name=NOTES).status == 421


@row("Hosts and redirects", "HTTP goes to HTTPS with path and query", "old links and typed names")
def to_https(front: Front) -> None:
    answer = front.ask(MAIN, "/a%20b/?c=d&e=%2F", tls=False)
    assert answer.status in (301, 308)
    assert place(front, answer) == "https://gallery.test/a%20b/?c=d&e=%2F"


@row(
    "Hosts and redirects",
    "a forged Host is not sent on",
    "a cached redirect would lead to a stranger",
)
def forged_host(front: Front) -> None:
    for host in ("evil.test", "gallery.test.evil.test", "gallery.test@evil.test"):
        answer = front.ask(host, "/", tls=False)
        assert answer.status in (400, 421) and answer.get("Location") is None


@row("Hosts and redirects", "www goes to the bare name", "one address a page")
def www(front: Front) -> None:
    answer = front.ask("www.gallery.test", "/x?y=z")
    assert answer.status in (301, 308)
    assert place(front, answer) == "https://gallery.test/x?y=z"


@row("Hosts and redirects", "pages that moved, by a map", "links last longer than pages")
def moved(front: Front) -> None:
    for old, new in (("/old-prices.html", "/docs/prices.html"), ("/2019/summer", "/")):
        answer = front.ask(MAIN, old)
        assert answer.status in (301, 308)
        assert place(front, answer).removeprefix("https://gallery.test") == new


@row(
    "Hosts and redirects", "certificates are renewed by plain HTTP", "the authority asks on port 80"
)
def acme(front: Front) -> None:
    answer = front.ask(MAIN, "/.well-known/acme-challenge/a-token", tls=False)
    assert (answer.status, answer.text) == (200, "a-token.a-thumbprint")


@row("Hosts and redirects", "TLS 1.2 and 1.3, nothing older", "RFC 8996")
def tls_versions(front: Front) -> None:
    old = client_context(maximum_version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with TlsPeer(front.address(True), MAIN, old):
            raise AssertionError("TLS 1.1 was spoken")
    except (ssl.SSLError, ConnectionError):
        pass
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(minimum_version=version, maximum_version=version)
        with TlsPeer(front.address(True), MAIN, context) as peer:
            assert peer.ask(target="/", fields=[("Host", MAIN)]).status == 200


@row("Hosts and redirects", "HTTP/2 is offered", "browsers speak it wherever they can")
def http2(front: Front) -> None:
    context = client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with TlsPeer(front.address(True), MAIN, context) as peer:
        assert peer.socket.selected_alpn_protocol() == "h2"


# ---- the application


@row("The application", "knows host and scheme", "links, CSRF and secure cookies depend on them")
def host_and_scheme(front: Front) -> None:
    there = seen(front)
    assert (there["host"], there["scheme"]) == (MAIN, "https")


@row("The application", "knows the client behind a trusted proxy", "rate limits, logs, allow lists")
def client_address(front: Front) -> None:
    assert seen(front)["REMOTE_ADDR"] == "127.0.0.1"
    assert seen(front, visitor("198.51.100.7"))["REMOTE_ADDR"] == "198.51.100.7"
    assert seen(front, visitor("192.0.2.1, 198.51.100.7"))["REMOTE_ADDR"] == "198.51.100.7"


@row("The application", "is not told lies by others", "who is no proxy names nobody")
def forged_forwarding(front: Front) -> None:
    fields = [visitor("198.51.100.7"), ("X-Forwarded-Proto", "http"), ("X_Forwarded_Proto", "http")]
    there = seen(front, *fields, source="127.0.0.2")
    assert there["REMOTE_ADDR"] == "127.0.0.2" and there["scheme"] == "https"
    assert "198.51.100.7" not in there.get("HTTP_X_FORWARDED_FOR", "")


@row(
    "The application",
    "gets no header Proxy",
    "HTTP_PROXY would become a setting of libraries (httpoxy)",
    nginx='passes it on; a line `uwsgi_param HTTP_PROXY "";` is usually forgotten',
)
def no_proxy(front: Front) -> None:
    assert not seen(front, ("Proxy", "http://evil.test"), ("X_User", "boss")).get("HTTP_PROXY")


@row(
    "The application", "gets no name with an underscore", "X_User and X-User would be one variable"
)
def underscores(front: Front) -> None:
    assert "HTTP_X_USER" not in seen(front, ("X_User", "boss"))


@row("The application", "gets a request id", "one word that log lines of all parts have in common")
def request_id(front: Front) -> None:
    one, other = seen(front)["HTTP_X_REQUEST_ID"], seen(front)["HTTP_X_REQUEST_ID"]
    assert one != other and len(one) >= 16


@row("The application", "its API takes a token", "Authorization reaches the application")
def api_token(front: Front) -> None:
    refused = front.ask(MAIN, "/api/me/")
    assert refused.status == 401 and refused.get("WWW-Authenticate") == "Bearer"
    assert front.ask(MAIN, "/api/me/", [BEARER]).text == '{"user": "boss"}'


def log_in(front: Front, host: str = MAIN, *extra: tuple[str, str]) -> str:
    """The admin's own form; the session's cookie."""
    page = front.ask(host, "/admin/login/?next=/admin/", extra)
    assert page.status == 200, page
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    cookie = next(c for c in page.head.all("Set-Cookie") if c.startswith("csrftoken="))
    assert token and "Secure" in cookie
    body = f"csrfmiddlewaretoken={token[1]}&username=boss&password={PASSWORD}&next=/admin/"
    mine = next((value for name, value in extra if name == "Cookie"), "")
    fields = [
        ("Cookie", "; ".join(filter(None, [mine, cookie.split(";")[0]]))),
        ("Referer", f"https://{host}/admin/login/"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        *[pair for pair in extra if pair[0] != "Cookie"],
    ]
    answer = front.ask(host, "/admin/login/?next=/admin/", fields, "POST", body.encode())
    assert answer.status == 302 and answer.get("Location") == "/admin/", answer
    session = next(c for c in answer.head.all("Set-Cookie") if c.startswith("sessionid="))
    return session.split(";")[0]


@row("The application", "one logs in to the admin", "cookies, CSRF and a redirect in one")
def admin_login(front: Front) -> None:
    assert front.ask(MAIN, "/admin/").status == 302
    page = front.ask(MAIN, "/admin/", [("Cookie", log_in(front))])
    assert page.status == 200 and "Site administration" in page.text


@row("The application", "the admin has its style sheets", "they lie in Django, not in the project")
def admin_styled(front: Front) -> None:
    sheets = links(front, "/admin/login/", r'href="(/static/admin/[^"]+\.css)"')
    for sheet in sheets:
        answer = front.ask(MAIN, sheet)
        assert answer.status == 200 and (answer.get("Content-Type") or "").startswith("text/css")


@row(
    "The application",
    "streams what it makes",
    "an export's first line is there before its last one is made",
)
def streams(front: Front) -> None:
    with front.peer(MAIN) as peer:
        peer.send(build("GET", "/export/", [("Host", MAIN)]))
        head = peer.head()
        pieces = peer.pieces(head)
        assert next(pieces) == b"first\n"
        assert front.ask(MAIN, "/export/more/").status == 200
        assert b"".join(pieces) == b"second\n"


@row("The application", "may take longer on one path", "reports do; 6 s where 5 s are the rule")
def slow_path(front: Front) -> None:
    assert front.ask(MAIN, "/slow/?s=6").text == "at last\n"


@row("The application", "is given up elsewhere, with the site's page", "504 and words for visitors")
def too_slow(front: Front) -> None:
    answer = front.ask(MAIN, "/stuck/?s=9")
    assert answer.status == 504 and "<h1>Out of order</h1>" in answer.text


@row("The application", "its own errors are its own", "Django's 404 and 500 are not replaced")
def own_errors(front: Front) -> None:
    for target, status in (("/nowhere/", 404), ("/broken/", 500)):
        answer = front.ask(MAIN, target)
        assert answer.status == status and "Out of order" not in answer.text
        assert "There is no such file" not in answer.text


# ---- uploads


@row("Uploads", "a picture comes back as it was sent", "ImageField, Pillow, /media/")
def upload_and_back(front: Front) -> None:
    data = image()
    answer = upload(front, data)
    assert answer.status == 201, answer
    url = re.search(r'"url": "([^"]+)"', answer.text)
    assert url
    back = front.ask(MAIN, url[1])
    assert back.status == 200 and back.body == data
    assert back.get("Content-Type") == "image/png"


@row("Uploads", "sent in chunks, too", "programs that do not know the length yet; WSGI wants one")
def upload_in_chunks(front: Front) -> None:
    kind, body = form_of("Chunked", image())
    data = chunked(*[body[at : at + 1000] for at in range(0, len(body), 1000)])
    fields = [BEARER, kind, ("Transfer-Encoding", "chunked")]
    assert front.ask(MAIN, "/api/pictures/", fields, "POST", data).status == 201


@row("Uploads", "too large is 413 with the site's page", "1 MB where no more is expected")
def too_large(front: Front) -> None:
    answer = front.ask(MAIN, "/", (), "POST", bytes(1_200_000))
    assert answer.status == 413 and "<h1>Too large</h1>" in answer.text


@row("Uploads", "the API takes 10 MB", "its own bound on one path")
def larger_on_a_path(front: Front) -> None:
    data = image(2000)
    assert len(data) > 2_000_000
    assert upload(front, data).status == 201
    assert upload(front, bytes(10 << 20)).status == 413


@row(
    "Uploads",
    "refused before it is sent",
    "a client that asks first (Expect) sends nothing in vain",
)
def refused_early(front: Front) -> None:
    fields = [("Host", MAIN), ("Content-Length", "5000000"), ("Expect", "100-continue")]
    with front.peer(MAIN) as peer:
        peer.send(build("POST", "/", fields))
        assert peer.head().status == 413
