"""HTTP/1.0 and 1.1 as a client sees it, good manners and bad ones (RFC 9110, RFC 9112)."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from conftest import Sites
from http1 import Cut, Head, Peer, build, chunked, get, latin1, post
from program import Site, until


@pytest.fixture(scope="module")
def plain(shared: Sites) -> Site:
    return shared.start(
        "plain",
        *["--head-limit", "8K", "--fields-limit", "50", "--body-limit", "1M"],
        *["--body-memory", "64K", "--head-timeout", "60s"],
    )


@pytest.fixture
def peer(plain: Site) -> Iterator[Peer]:
    with Peer(plain.address) as one:
        yield one


def environ_of(site: Site, target: str = "/environ", **more: object) -> dict[str, str]:
    with Peer(site.address) as one:
        answer = one.ask(target=target, **more)  # type: ignore[arg-type]
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


def closes(head: Head) -> bool:
    return (head.get("Connection") or "").lower() == "close"


# ---- connections


def test_keep_alive(peer: Peer) -> None:
    for _ in range(5):
        answer = peer.ask(target="/hello")
        assert (answer.status, answer.body) == (200, b"hello\n")
        assert not closes(answer.head)
    assert peer.is_quiet()


def test_connection_close_is_obeyed(peer: Peer) -> None:
    answer = peer.ask(target="/hello", fields=[("Connection", "close")])
    assert answer.status == 200 and closes(answer.head)
    peer.expect_end()


def test_http_1_0_closes(peer: Peer) -> None:
    answer = peer.ask(target="/hello", version="1.0")
    assert answer.head.version == "HTTP/1.1" and answer.body == b"hello\n"
    peer.expect_end()


def test_http_1_0_keep_alive(peer: Peer) -> None:
    fields = [("Connection", "keep-alive")]
    for _ in range(3):
        answer = peer.ask(target="/hello", version="1.0", fields=fields)
        assert answer.body == b"hello\n"
        assert (answer.get("Connection") or "").lower() == "keep-alive"
    assert peer.is_quiet()


def test_http_1_0_gets_no_chunks(shared: Sites, peer: Peer) -> None:
    gate = shared.gate("old")
    fields = [("Connection", "keep-alive")]
    peer.send(build("GET", "/stream?n=3&name=old", fields, version="1.0"))
    head = peer.head()
    assert head.get("Transfer-Encoding") is None and closes(head)
    gate.wait_reached()
    gate.open()
    assert peer.to_end() == b"piece 0\npiece 1\npiece 2\n"


def test_pipelining_keeps_the_order(peer: Peer) -> None:
    names = [f"/p/{number}" for number in range(40)]
    peer.send(b"".join(build("GET", name) for name in names))
    assert [peer.response().text for _ in names] == [f"GET {name}\n" for name in names]


def test_pipelined_bodies(peer: Peer) -> None:
    peer.send(
        build("POST", "/echo", body=b"one")
        + build("POST", "/echo", [("Transfer-Encoding", "chunked")], chunked(b"tw", b"o"))
        + build("POST", "/echo", body=b"")
        + build("GET", "/hello")
    )
    assert [peer.response().body for _ in range(4)] == [b"one", b"two", b"", b"hello\n"]


def test_byte_by_byte(peer: Peer) -> None:
    request = build("POST", "/echo", [("X-Slow", "yes")], b"slowly")
    for at in range(len(request)):
        peer.send(request[at : at + 1])
    assert peer.response().body == b"slowly"


def test_chunks_byte_by_byte(peer: Peer) -> None:
    fields = [("Transfer-Encoding", "chunked")]
    body = chunked(b"slow", b"ly", end=b"0\r\nX-Trailer: 1\r\n\r\n")
    request = build("POST", "/echo", fields, body)
    for at in range(len(request)):
        peer.send(request[at : at + 1])
    assert peer.response().body == b"slowly"
    assert peer.ask(target="/hello").status == 200


def test_half_closed_together_with_the_request(plain: Site) -> None:
    with Peer(plain.address) as one:
        one.send_last(build("GET", "/hello"))
        assert one.response().body == b"hello\n"
        one.expect_end()


def test_half_closed_while_the_application_runs(plain: Site, shared: Sites) -> None:
    gate = shared.gate("half")
    with Peer(plain.address) as one:
        one.send(build("GET", "/gate?name=half"))
        gate.wait_reached()
        one.shut()
        gate.open()
        assert one.response().body == b"through\n"
        one.expect_end()


def test_empty_lines_before_a_request(peer: Peer) -> None:
    peer.send(b"\r\n" + build("GET", "/hello"))
    assert peer.response().status == 200


def test_idle_connections_are_closed(sites: Sites) -> None:
    site = sites.start("plain", "--idle-timeout", "50ms")
    with Peer(site.address) as one:
        assert one.ask(target="/hello").status == 200
        one.expect_end()


def test_requests_limit_of_a_connection(sites: Sites) -> None:
    site = sites.start("plain", "--requests-limit", "3")
    with Peer(site.address) as one:
        heads = [one.ask(target="/hello").head for _ in range(3)]
        assert [closes(head) for head in heads] == [False, False, True]
        one.expect_end()


def test_unix_socket(sites: Sites) -> None:
    path = sites.folder / "s"
    site = sites.start("plain", listen=f"unix:{path}")
    assert site.address == str(path)
    words = json.loads(get(str(path), "/environ").body)
    assert words["REMOTE_ADDR"] == ""
    site.stop()
    assert not path.exists()


# ---- what the application sees


def test_environ(plain: Site) -> None:
    words = environ_of(plain, "/environ?a=1&b=%20", fields=[("Host", "site.test:81")])
    assert words["REQUEST_METHOD"] == "GET"
    assert words["PATH_INFO"] == "/environ" and words["SCRIPT_NAME"] == ""
    assert words["QUERY_STRING"] == "a=1&b=%20"
    assert words["REQUEST_URI"] == "/environ?a=1&b=%20"
    assert words["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert words["SERVER_NAME"] == "site.test" and words["SERVER_PORT"] == str(plain.port)
    assert words["HTTP_HOST"] == "site.test:81"
    assert words["REMOTE_ADDR"] == "127.0.0.1" and int(words["REMOTE_PORT"]) > 0
    assert words["wsgi.url_scheme"] == "http"
    assert "HTTPS" not in words and "CONTENT_LENGTH" not in words


def test_absolute_form(plain: Site) -> None:
    words = environ_of(plain, "http://other.test:82/environ?x", fields=[("Host", "site.test")])
    assert words["PATH_INFO"] == "/environ" and words["QUERY_STRING"] == "x"
    assert words["HTTP_HOST"] == "other.test:82" and words["SERVER_NAME"] == "other.test"


def test_absolute_form_cannot_say_https(plain: Site) -> None:
    words = environ_of(plain, "https://other.test/environ")
    assert words["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a%20b", "/a b"),
        ("/caf%C3%A9", "/caf\xc3\xa9"),
        ("/raw%ff", "/raw\xff"),
        ("/plus+plus", "/plus+plus"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a//b", "/a//b"),
        ("/%2Fx", "//x"),
        ("/a%3Fb", "/a?b"),
        ("/a%252e", "/a%2e"),
        ("/...", "/..."),
        ("/.hidden", "/.hidden"),
    ],
)
def test_paths_are_decoded_once(plain: Site, target: str, path: str) -> None:
    assert get(plain.address, target).body == latin1(f"GET {path}\n")


def test_raw_bytes_in_the_target(peer: Peer) -> None:
    peer.send(b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert peer.response().body == b"GET /\xc3\xa9\n"


def test_options_asterisk(peer: Peer) -> None:
    answer = peer.ask("OPTIONS", "*")
    assert answer.status == 200 and "GET" in (answer.get("Allow") or "")
    assert answer.body == b"" and answer.get("X-App") is None
    assert peer.ask(target="/hello").status == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND", "M-SEARCH", "get"])
def test_methods_reach_the_application(plain: Site, method: str) -> None:
    assert get(plain.address, "/m", method=method).text == f"{method} /m\n"


def test_head_has_the_fields_of_get_and_no_body(peer: Peer) -> None:
    whole, bare = peer.ask(target="/hello"), peer.ask("HEAD", "/hello")
    assert bare.body == b"" and bare.get("Content-Length") == "6"
    same = [pair for pair in whole.head.fields if pair[0] != "Date"]
    assert [pair for pair in bare.head.fields if pair[0] != "Date"] == same
    assert peer.ask(target="/hello").body == b"hello\n"


def test_date_and_server_once(peer: Peer) -> None:
    head = peer.ask(target="/hello").head
    assert head.get("Date") is not None and head.get("Server") is not None


def test_repeated_fields_are_joined(plain: Site) -> None:
    fields = [("X-List", "a"), ("Cookie", "c=1"), ("x-list", "b, c"), ("Cookie", "d=2")]
    words = environ_of(plain, fields=fields)
    assert words["HTTP_X_LIST"] == "a, b, c" and words["HTTP_COOKIE"] == "c=1; d=2"


def test_empty_and_latin1_values(plain: Site) -> None:
    words = environ_of(plain, fields=[("X-Empty", ""), ("X-Name", "caf\xe9")])
    assert words["HTTP_X_EMPTY"] == "" and words["HTTP_X_NAME"] == "caf\xe9"


FORGED = [
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Port", "666"),
    ("X-Forwarded-Ssl", "on"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Real-IP", "6.6.6.6"),
    ("Forwarded", "for=6.6.6.6;proto=https;host=evil.test"),
    ("Proxy", "http://evil.test"),
    ("X_Forwarded_For", "6.6.6.6"),
    ("X-Forwarded_Proto", "https"),
    ("Remote_User", "evil"),
    ("Remote-User", "evil"),
    ("Https", "on"),
    ("Remote-Addr", "6.6.6.6"),
    ("Script-Name", "/evil"),
    ("Content_Length", "666"),
    ("wsgi.url_scheme", "https"),
]


def test_nothing_can_be_forged(plain: Site) -> None:
    words = environ_of(plain, fields=[("Host", "site.test"), *FORGED])
    assert words["REMOTE_ADDR"] == "127.0.0.1" and words["wsgi.url_scheme"] == "http"
    assert words["SCRIPT_NAME"] == "" and words["SERVER_NAME"] == "site.test"
    for name in ("HTTPS", "REMOTE_USER", "HTTP_PROXY", "HTTP_FORWARDED", "CONTENT_LENGTH"):
        assert name not in words
    assert words.get("HTTP_X_FORWARDED_FOR", "127.0.0.1") == "127.0.0.1"
    assert words.get("HTTP_X_FORWARDED_PROTO", "http") == "http"
    assert words.get("HTTP_X_FORWARDED_HOST", "site.test") == "site.test"
    assert words.get("HTTP_X_REAL_IP", "127.0.0.1") == "127.0.0.1"
    for name in ("PORT", "SSL", "PREFIX"):
        assert f"HTTP_X_FORWARDED_{name}" not in words


def test_an_underscore_is_said_in_the_log_but_not_each_time(sites: Sites) -> None:
    site = sites.start("plain")
    for name in ("X_First", "X_Second", "X_Third"):
        environ_of(site, fields=[(name, "1"), ("X-Kept", "1")])
    line = site.err.wait(r"^.*underscore.*$")[0]
    assert 'name="X_First"' in line and "address=127.0.0.1 headers=1" in line
    assert site.log().count("underscore") < 3


def test_hop_by_hop_fields_stay_with_us(plain: Site) -> None:
    fields = [("Connection", "keep-alive"), ("Keep-Alive", "9"), ("TE", "trailers")]
    fields += [("Upgrade", "websocket"), ("Proxy-Connection", "close"), ("Trailer", "X")]
    words = environ_of(plain, fields=fields)
    for name in ("CONNECTION", "KEEP_ALIVE", "TE", "UPGRADE", "PROXY_CONNECTION", "TRAILER"):
        assert f"HTTP_{name}" not in words


# ---- request bodies


@pytest.mark.parametrize("size", [0, 1, 1000, 40_000, 64 * 1024, 300_000, 1 << 20])
def test_bodies_of_every_size(plain: Site, size: int) -> None:
    body = bytes(i * 7 % 251 for i in range(997)) * (size // 997 + 1)
    body = body[:size]
    with Peer(plain.address) as one:
        assert one.ask("POST", "/echo", body=body).body == body
        fields = [("Transfer-Encoding", "chunked")]
        pieces = [body[at : at + 10_007] for at in range(0, size, 10_007)]
        assert one.ask("POST", "/echo", fields, chunked(*pieces)).body == body


def test_a_chunked_body_has_a_length(plain: Site) -> None:
    fields = [("Transfer-Encoding", "chunked")]
    words = environ_of(plain, method="POST", fields=fields, body=chunked(b"ab", b"c"))
    assert words["body"] == "abc" and words["CONTENT_LENGTH"] == "3"
    assert "HTTP_TRANSFER_ENCODING" not in words


def test_streams_are_chunked(shared: Sites, peer: Peer) -> None:
    gate = shared.gate("stream")
    peer.send(build("GET", "/stream?n=20&name=stream"))
    head = peer.head()
    assert head.get("Transfer-Encoding") == "chunked"
    gate.wait_reached()
    gate.open()
    assert peer.body(head) == b"".join(b"piece %d\n" % number for number in range(20))
    assert peer.ask(target="/hello").status == 200


def test_expect_continue(peer: Peer) -> None:
    fields = [("Expect", "100-continue"), ("Content-Length", "4")]
    peer.send(build("POST", "/echo", fields))
    interim = peer.head()
    assert interim.status == 100 and not interim.fields
    peer.send(b"body")
    assert peer.response().body == b"body"
    assert peer.ask(target="/hello").status == 200


def test_expect_continue_with_the_body_already_there(peer: Peer) -> None:
    peer.send(build("POST", "/echo", [("Expect", "100-continue")], b"body"))
    head = peer.head()
    if head.status == 100:
        head = peer.head()
    assert peer.body(head) == b"body"


def test_expect_continue_is_refused_before_the_body(peer: Peer) -> None:
    fields = [("Expect", "100-continue"), ("Content-Length", str(2 << 20))]
    peer.send(build("POST", "/echo", fields))
    answer = peer.response()
    assert answer.status == 413 and closes(answer.head)
    peer.expect_end()


def edge_connections(site: Site) -> int:
    return sum(edge.get("connections", 0) for edge in site.status()["edges"])


CUT_SHORT = [
    ("length", build("POST", "/mark?name=cut", [("Content-Length", "100")]) + b"half"),
    ("nothing", build("POST", "/mark?name=cut", [("Content-Length", "100")])),
    ("large", build("POST", "/mark?name=cut", [("Content-Length", "900000")]) + b"x" * 300_000),
    ("chunk", build("POST", "/mark?name=cut", [("Transfer-Encoding", "chunked")]) + b"64\r\nab"),
    (
        "no last chunk",
        build("POST", "/mark?name=cut", [("Transfer-Encoding", "chunked")], b"1\r\na\r\n"),
    ),
    (
        "no trailer end",
        build("POST", "/mark?name=cut", [("Transfer-Encoding", "chunked")], b"0\r\n"),
    ),
]


@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
@pytest.mark.parametrize(("why", "data"), CUT_SHORT, ids=[row[0] for row in CUT_SHORT])
def test_a_body_that_ends_early_never_arrives(
    plain: Site, shared: Sites, why: str, data: bytes, how: str
) -> None:
    with Peer(plain.address) as one:
        one.send(data)
        if how == "half-close":
            one.shut()
            with suppress(Cut):
                assert one.head().status == 400
        elif how == "reset":
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until("the edge to see the end", lambda: edge_connections(plain) == 0)
    assert get(plain.address, "/hello").status == 200  # one queue: what came before was before it
    assert shared.marks_of("cut") == []


# ---- bounds


def test_414(peer: Peer) -> None:
    peer.send(build("GET", "/" + "a" * 9000))
    assert peer.response().status == 414
    peer.expect_end()


def test_431_for_size(peer: Peer) -> None:
    peer.send(build("GET", "/", [("X-Long", "a" * 9000)]))
    assert peer.response().status == 431
    peer.expect_end()


def test_431_for_a_head_without_end(peer: Peer) -> None:
    peer.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000)
    assert peer.response().status == 431
    peer.expect_end()


def test_431_for_the_number_of_fields(plain: Site) -> None:
    many = [(f"X-{number}", "1") for number in range(49)]
    assert get(plain.address, "/hello", many).status == 200
    assert get(plain.address, "/hello", [*many, ("X-Last", "1")]).status == 431


def test_a_head_up_to_the_limit(plain: Site) -> None:
    room = 8 * 1024 - len(build("GET", "/hello", [("X", "")]))
    assert get(plain.address, "/hello", [("X", "a" * room)]).status == 200
    assert get(plain.address, "/hello", [("X", "a" * (room + 1))]).status == 431


def test_413_by_length(plain: Site) -> None:
    with Peer(plain.address) as one:
        one.send(build("POST", "/echo", [("Content-Length", str((1 << 20) + 1))]) + b"x" * 1000)
        answer = one.response()
        assert answer.status == 413 and closes(answer.head)
        one.expect_end()


def test_413_by_chunks(plain: Site) -> None:
    with Peer(plain.address) as one:
        one.send(build("POST", "/echo", [("Transfer-Encoding", "chunked")]))
        with suppress(OSError):
            for _ in range(40):
                one.send(chunked(b"x" * 65536, end=b""))
        assert one.response().status == 413
        one.expect_end()


def test_408_for_a_slow_head(sites: Sites) -> None:
    site = sites.start("plain", "--head-timeout", "100ms")
    with Peer(site.address) as one:
        one.send(b"GET /hello HTTP/1.1\r\nHost:")
        answer = one.response()
        assert answer.status == 408 and closes(answer.head)
        one.expect_end()


def test_408_for_a_slow_body(sites: Sites) -> None:
    site = sites.start("plain", "--body-timeout", "100ms")
    with Peer(site.address) as one:
        one.send(build("POST", "/mark?name=slow", [("Content-Length", "10")]) + b"12345")
        answer = one.response()
        assert answer.status == 408 and closes(answer.head)
        one.expect_end()
    assert get(site.address, "/hello").status == 200
    assert sites.marks_of("slow") == []


def test_411_for_http_1_0_without_a_length(plain: Site) -> None:
    with Peer(plain.address) as one:
        one.send(b"POST /mark?name=none HTTP/1.0\r\n\r\nbody")
        assert one.response().status == 411
        one.expect_end()


def test_no_body_without_a_length(plain: Site) -> None:
    words = environ_of(plain, method="POST")
    assert words["body"] == ""


# All that is refused, with reasons: test_strictness.py.  These are for the form of the answer.
REFUSED = [
    (400, "no Host", b"GET /x HTTP/1.1\r\n\r\n"),
    (400, "not HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    (417, "another expectation", b"GET /x HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"),
    (501, "CONNECT", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    (505, "HTTP/2.0", b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n"),
]


@pytest.mark.parametrize(
    ("status", "why", "data"), REFUSED, ids=[f"{row[0]} {row[1]}" for row in REFUSED]
)
def test_refused(plain: Site, status: int, why: str, data: bytes) -> None:
    with Peer(plain.address) as one:
        one.send(data)
        answer = one.response()
        assert answer.status == status
        assert closes(answer.head) and answer.get("X-App") is None
        assert (answer.get("Content-Type") or "").startswith("text/plain")
        assert answer.body.endswith(b"\n") and len(answer.body) < 200
        one.expect_end()


SMUGGLED = b"GET /mark?name=smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def test_the_rest_of_a_refused_body_is_no_request(plain: Site, shared: Sites) -> None:
    with Peer(plain.address) as one:
        head = build("POST", "/echo", [("Content-Length", str(3 << 20))])
        one.send(head + SMUGGLED * 3)
        assert one.response().status == 413
        one.expect_end()
    assert get(plain.address, "/hello").status == 200
    assert shared.marks_of("smuggled") == []


def test_the_access_log(plain: Site) -> None:
    since = len(plain.access_log())
    fields = [("User-Agent", 'quo"te'), ("Referer", "http://from.test/\x7e")]
    get(plain.address, "/hello?logged=1", fields)
    line = plain.out.wait(r"^.*logged=1.*$", since)[0]
    assert line.startswith("127.0.0.1 - - [")
    assert '"GET /hello?logged=1 HTTP/1.1" 200 6 "http://from.test/~" "quo\\x22te"' in line


def test_the_application_was_never_found_wanting(plain: Site) -> None:
    assert post(plain.address, "/echo", b"x").body == b"x"
    complaints = [line for line in plain.log().splitlines() if "WSGIWarning" in line]
    assert all("Unknown REQUEST_METHOD" in line for line in complaints), complaints
    assert "Traceback" not in plain.log()
