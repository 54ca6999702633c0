"""What the connection is told, bounds, and other protocols."""

from raw_table import (
    ABC,
    FIVE,
    GET,
    HOST,
    LIMITS,
    SMUGGLED,
    Topic,
    Words,
    chunks,
    get,
    lines,
    post,
    sized,
    target,
)

connection = Topic("Connection")
connection.last("close", get("Connection: close"), "RFC 9112 9.6: what follows is not answered")
connection.last("close, upper case", get("Connection: CLOSE"), "RFC 9110 7.6.1: without case")
connection.last("close in a list", get("Connection: x, close"), "RFC 9110 7.6.1: a list")
connection.last(
    "close in a second field", get("Connection: x", "Connection: close"), "RFC 9110 5.3"
)
connection.last(
    "close beside keep-alive", get("Connection: keep-alive, close"), "RFC 9112 9.3: close wins"
)
connection.ok("keep-alive", get("Connection: keep-alive"), "RFC 9112 9.3")
connection.ok("empty", get("Connection:"), "RFC 9110 5.6.1")
connection.ok("an unknown option", get("Connection: closed"), "RFC 9110 7.6.1: ignored")
connection.ok(
    "Proxy-Connection: close",
    get("Proxy-Connection: close"),
    "RFC 9112 C.2.2: no field of HTTP",
    HTTP_PROXY_CONNECTION=None,
)
connection.ok(
    "HTTP/1.0 with keep-alive",
    lines("GET /first HTTP/1.0", "Connection: Keep-Alive"),
    "RFC 9112 9.3, C.2.2",
)
connection.last(
    "HTTP/1.0 with close", lines("GET /first HTTP/1.0", "Connection: close"), "RFC 9112 9.6"
)
connection.no(
    400,
    "33 options",
    get("Connection: " + ", ".join("abcdefghijklmnopqrstuvwxyzABCDEFG")),
    "a bound of our own",
)
HOP = "RFC 9110 7.6.1: for this connection only, so not for the application"
for name, value in (
    ("Keep-Alive", "timeout=9"),
    ("TE", "trailers, deflate;q=0.5"),
    ("Trailer", "X-A"),
    ("Proxy-Authorization", "Basic eDp5"),
):
    words: Words = {"HTTP_" + name.upper().replace("-", "_"): None, "HTTP_CONNECTION": None}
    connection.ok(name, get(f"{name}: {value}", f"Connection: {name}"), HOP, **words)
connection.ok(
    "a field it names", get("Connection: X-Hop, keep-alive", "X-Hop: 1"), HOP, HTTP_X_HOP=None
)
connection.ok(
    "a field it names, in another case", get("X-Hop: 1", "Connection: x-hOP"), HOP, HTTP_X_HOP=None
)
NOT_HOP = "RFC 9110 7.6.1: a field for all recipients is none of the connection's"
connection.ok("Host named", get("Connection: Host"), NOT_HOP, HTTP_HOST="first.test")
connection.ok("Cookie named", get("Connection: Cookie", "Cookie: a=1"), NOT_HOP, HTTP_COOKIE="a=1")
connection.ok(
    "Authorization named",
    get("Connection: Authorization", "Authorization: B x"),
    NOT_HOP,
    HTTP_AUTHORIZATION="B x",
)
connection.ok(
    "Content-Length named",
    post("Connection: Content-Length", FIVE, body="hello"),
    NOT_HOP,
    body="hello",
)
connection.ok(
    "Transfer-Encoding named", chunks(ABC, "Connection: Transfer-Encoding"), NOT_HOP, body="abc"
)
connection.ok(
    "Proxy", get("Proxy: http://evil.test"), "RFC 3875 4.1.18: would be HTTP_PROXY", HTTP_PROXY=None
)
UPGRADE = "RFC 9110 7.8: an upgrade may be ignored, and is for this connection only"
connection.ok(
    "Upgrade: h2c",
    get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    UPGRADE + "; RFC 9113 3.1: obsolete, and a way around a proxy's checks",
    HTTP_UPGRADE=None,
    HTTP_HTTP2_SETTINGS=None,
)
connection.ok("Upgrade: h2c without Connection", get("Upgrade: h2c"), UPGRADE, HTTP_UPGRADE=None)
connection.ok(
    "Upgrade: h2c with a body",
    post("Connection: Upgrade", "Upgrade: h2c", FIVE, body="hello"),
    UPGRADE,
    body="hello",
    HTTP_UPGRADE=None,
)
connection.ok(
    "Upgrade: TLS/1.0", get("Connection: Upgrade", "Upgrade: TLS/1.0"), UPGRADE, HTTP_UPGRADE=None
)
connection.ok(
    "Upgrade: HTTP/2.0, websocket",
    get("Connection: Upgrade", "Upgrade: HTTP/2.0, websocket"),
    UPGRADE,
)

expect = Topic("Expect")
GO = "RFC 9110 10.1.1"
expect.ok(
    "100-continue",
    post("Expect: 100-continue", FIVE, body="hello"),
    GO,
    body="hello",
    HTTP_EXPECT=None,
)
expect.ok("100-continue, chunked", chunks(ABC, "Expect: 100-continue"), GO, body="abc")
expect.ok(
    "100-continue in upper case", post("Expect: 100-CONTINUE", FIVE, body="hello"), GO, body="hello"
)
expect.ok(
    "100-continue twice",
    post("Expect: 100-continue", "Expect: 100-continue", FIVE, body="hello"),
    GO,
)
expect.ok("100-continue without a body", get("Expect: 100-continue"), GO + ": no content, no 100")
expect.last(
    "100-continue in HTTP/1.0",
    lines("POST /first HTTP/1.0", HOST, "Expect: 100-continue", FIVE, body="hello"),
    GO + ": ignored in HTTP/1.0",
    body="hello",
)
OTHER = GO + ": an expectation that cannot be met"
expect.no(417, "another expectation", get("Expect: tea"), OTHER)
expect.no(417, "one more expectation", post("Expect: 100-continue, tea", FIVE, body="hello"), OTHER)
expect.no(417, "an empty expectation", post("Expect:", FIVE, body="hello"), OTHER)
expect.no(
    413,
    "100-continue of too large a body",
    post("Expect: 100-continue", f"Content-Length: {LIMITS['body'] + 1}"),
    GO + ": refused before the body",
)

pipelining = Topic("Pipelining")
ORDER = "RFC 9112 9.3.2: answered in their order"
pipelining.many(
    (200, 200), ({}, {"QUERY_STRING": "2"}), True, "two", get() + target("/first?2"), ORDER
)
pipelining.many(
    (200, 200, 200),
    ({"body": "hello"}, {"body": "abc"}, {"body": ""}),
    True,
    "bodies of three kinds",
    post(FIVE, body="hello") + chunks(ABC) + post("Content-Length: 0"),
    ORDER,
)
pipelining.many(
    (200, 200),
    ({"REQUEST_METHOD": "HEAD"}, {"REQUEST_METHOD": "GET"}),
    True,
    "HEAD, then GET",
    lines("HEAD /first HTTP/1.1", HOST) + get(),
    ORDER,
    heads=(0,),
)
pipelining.many((200,) * 30, ({},) * 30, True, "thirty", get() * 30, ORDER)
pipelining.many((200, 400), ({},), False, "a bad one after a good one", get() + lines(GET), ORDER)
pipelining.many(
    (200, 400),
    ({"body": "abc"},),
    False,
    "bytes after the last chunk",
    chunks(ABC + "\r\n\0"),
    "RFC 9112 7.1: the next request begins there",
)
pipelining.many(
    (200,), ({},), False, "after a last one", get("Connection: close") + get(), "RFC 9112 9.6"
)
pipelining.many(
    (200, 505),
    ({},),
    False,
    "HTTP/2.0 after HTTP/1.1",
    get() + lines("GET /smuggled HTTP/2.0", HOST),
    "RFC 9110 15.6.6",
)

bounds = Topic("Bounds")
bounds.no(414, "a target of 9000 bytes", target("/" + "a" * 9000), "RFC 9112 3, RFC 9110 15.5.15")
bounds.no(414, "a query of 9000 bytes", target("/?" + "a" * 9000), "RFC 9112 3, RFC 9110 15.5.15")
bounds.ok("a target of 7000 bytes", target("/first?" + "a" * 7000), "RFC 9112 3: 8000 at least")
bounds.no(431, "a value of 9000 bytes", get("X-A: " + "a" * 9000), "RFC 6585 5")
bounds.no(431, "a name of 9000 bytes", get("X" * 9000 + ": a"), "RFC 6585 5")
bounds.no(
    431, "many fields of 9000 bytes", get(*[f"X-{n}: {'a' * 290}" for n in range(30)]), "RFC 6585 5"
)
bounds.no(431, "51 fields", get(*[f"X-{n}: a" for n in range(50)]), "RFC 6585 5")
bounds.ok("50 fields", get(*[f"X-{n}: a" for n in range(49)]), "RFC 6585 5")
LARGE = "RFC 9110 15.5.14"
bounds.no(413, "a body by its length", post(f"Content-Length: {LIMITS['body'] + 1}"), LARGE)
bounds.no(413, "a body of 2^63 - 1", sized(" 9223372036854775807"), LARGE)
bounds.no(413, "a chunk by its size", chunks(f"{LIMITS['body'] + 1:x}\r\n" + SMUGGLED), LARGE)
bounds.no(413, "a chunk of 15 digits", chunks("f" * 15 + "\r\n" + SMUGGLED), LARGE)
bounds.no(
    411,
    "HTTP/1.0 POST without a length",
    lines("POST /first HTTP/1.0", HOST, body="hello"),
    "RFC 9110 15.5.12, RFC 1945 8.3",
)

alien = Topic("Other protocols")
ALIEN = "RFC 9112 3: no request line"
alien.no(
    400, "TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x42" * 32 + "\r\n\r\n", ALIEN
)
alien.no(400, "SSH", "SSH-2.0-OpenSSH_9.2\r\n", ALIEN)
alien.no(400, "SMTP", "EHLO first.test\r\n", ALIEN)
alien.no(400, "Redis", "*1\r\n$4\r\nPING\r\n", ALIEN)
alien.no(
    400,
    "PROXY protocol without being asked",
    "PROXY TCP4 6.6.6.6 127.0.0.1 56324 80\r\n" + get(),
    "RFC 9112 3: only a configured peer may say who it is",
)
alien.no(
    400,
    "PROXY protocol, version 2",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x06\x06\x06\x06\x7f\0\0\x01\xdb\xff\0\x50" + get(),
    "RFC 9112 2.2: a NUL",
)
PREFACE = "PRI * HTTP/2.0\r\n\r\n"
alien.no(505, "the preface of HTTP/2, not whole", PREFACE + "XX\r\n\r\n", "RFC 9113 3.4")
alien.no(
    505, "the preface of HTTP/2 after an empty line", f"\r\n{PREFACE}SM\r\n\r\n", "RFC 9113 3.4"
)
alien.many(
    (200, 505),
    ({},),
    False,
    "the preface of HTTP/2 after a request",
    get() + PREFACE + "SM\r\n\r\n",
    "RFC 9113 3.4: only as the first bytes of a connection",
)
alien.no(400, "PRI in HTTP/1.1", lines("PRI * HTTP/1.1", HOST), "RFC 9112 3.2.4: only OPTIONS")
alien.no(400, "a response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ALIEN)

TOPICS = [connection, expect, pipelining, bounds, alien]
