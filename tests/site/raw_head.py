"""The request line and the fields."""

from raw_table import (
    CHUNKED,
    COLON,
    FIVE,
    FOLD,
    GET,
    HOST,
    LF,
    SMUGGLED,
    Topic,
    get,
    lines,
    post,
    target,
)

line = Topic("Request line")
WS = "RFC 9112 3: one space between the parts; leniency lets two readers split the line differently"
line.ok("a plain request", get(), "RFC 9112 3", REQUEST_METHOD="GET", SERVER_PROTOCOL="HTTP/1.1")
line.ok("an empty line before it", "\r\n" + get(), "RFC 9112 2.2: at least one CRLF is ignored")
line.ok("two empty lines before it", "\r\n\r\n" + get(), "RFC 9112 2.2: old clients end a POST so")
line.no(400, "three empty lines before it", "\r\n" * 3 + get(), "RFC 9112 2.2: a bound of our own")
line.no(400, "a bare LF before it", "\n" + get(), "RFC 9112 2.2: only CRLF may be ignored")
line.no(400, "a bare CR before it", "\r" + get(), "RFC 9112 2.2: a bare CR is invalid")
line.no(400, "a space before the method", " " + get(), WS)
line.no(400, "a tab before the method", "\t" + get(), WS)
line.no(400, "a byte order mark", "\xef\xbb\xbf" + get(), "RFC 9110 9.1: a method is a token")
line.no(400, "two spaces after the method", lines("GET  /first HTTP/1.1", HOST), WS)
line.no(400, "a tab after the method", lines("GET\t/first HTTP/1.1", HOST), WS)
line.no(400, "two spaces before the version", lines("GET /first  HTTP/1.1", HOST), WS)
line.no(400, "a tab before the version", lines("GET /first\tHTTP/1.1", HOST), WS)
line.no(400, "a vertical tab before the version", lines("GET /first\x0bHTTP/1.1", HOST), WS)
line.no(400, "a space after the version", lines(f"{GET} ", HOST), WS)
line.no(400, "a tab after the version", lines(f"{GET}\t", HOST), WS)
line.no(400, "no space after the method", lines("GET/first HTTP/1.1", HOST), WS)
line.no(400, "only a method", lines("GET", HOST), "RFC 9112 3: three parts")
line.no(400, "no target", lines("GET HTTP/1.1", HOST), "RFC 9112 3.2: a target is not empty")
line.no(400, "an empty target", lines("GET  HTTP/1.1", HOST), "RFC 9112 3.2: a target is not empty")
line.no(400, "no version (HTTP/0.9)", "GET /first\r\n\r\n", "RFC 9112 3: no HTTP/0.9 any more")
line.no(400, "words after the version", lines(f"{GET} more", HOST), "RFC 9112 3: three parts")
line.no(
    400,
    "a second request in the line",
    lines("GET /first HTTP/1.1 GET /smuggled HTTP/1.1", HOST),
    "RFC 9112 3: three parts",
)
line.no(400, "a bare LF at its end", f"{GET}\n{HOST}\r\n\r\n", "RFC 9112 2.2: lines end in CRLF")
line.no(400, "a bare CR at its end", f"{GET}\r{HOST}\r\n\r\n", "RFC 9112 2.2: a bare CR is invalid")
line.no(400, "CR CR LF at its end", f"{GET}\r\r\n{HOST}\r\n\r\n", "RFC 9112 2.2: CR before a CRLF")
line.no(400, "a NUL in the method", lines("GE\0T /first HTTP/1.1", HOST), "RFC 9110 5.6.2: token")
line.no(400, "a NUL in the target", target("/first\0"), "RFC 9112 3.2, RFC 3986 2")
line.no(400, "a NUL in the version", lines(f"{GET}\0", HOST), "RFC 9112 2.3")

method = Topic("Method")
method.many(
    (200,),
    ({"REQUEST_METHOD": "HEAD"},),
    True,
    "HEAD",
    lines("HEAD /first HTTP/1.1", HOST),
    "RFC 9110 9.3.2: the fields of GET, no content",
    heads=(0,),
)
for name in ("PUT", "DELETE", "PATCH", "PROPFIND", "M-SEARCH", "QUERY"):
    method.ok(
        name, target("/first", name), "RFC 9110 9.1: for the application", REQUEST_METHOD=name
    )
method.ok("lower case", target("/first", "get"), "RFC 9110 9.1: with case", REQUEST_METHOD="get")
method.ok("odd but a token", target("/first", "$!%&'*+.^_`|~"), "RFC 9110 5.6.2: token")
method.ok("32 bytes", target("/first", "M" * 32), "RFC 9112 3: a bound of our own")
method.no(
    501, "33 bytes", target("/first", "M" * 33), "RFC 9112 3: longer than any implemented: 501"
)
method.no(414, "9000 bytes", target("/first", "M" * 9000), "RFC 9112 3: the line ends nowhere")
method.no(
    501, "CONNECT", lines("CONNECT a:443 HTTP/1.1", "Host: a:443"), "RFC 9110 9.3.6: no proxy"
)
method.no(501, "CONNECT with a path", target("/first", "CONNECT"), "RFC 9110 9.3.6: no proxy")
method.no(501, "TRACE", target("/first", "TRACE"), "RFC 9110 9.3.8: would send cookies back (XST)")
for name in ("GET:", "G@T", "G(T", 'G"T', "G,T", "GET/", "G\x7fT", "G\xe9T", "[GET]"):
    method.no(400, f"with {name!r}", target("/first", name), "RFC 9110 5.6.2: not a token")

version = Topic("Version")
version.last(
    "HTTP/1.0", lines("GET /first HTTP/1.0"), "RFC 9112 9.3: closes", SERVER_PROTOCOL="HTTP/1.0"
)
version.ok("HTTP/1.2", lines("GET /first HTTP/1.2", HOST), "RFC 9110 2.5: read as 1.1")
version.ok("HTTP/1.9", lines("GET /first HTTP/1.9", HOST), "RFC 9110 2.5: read as 1.1")
for name in ("HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/5.6"):
    version.no(
        505, name, lines(f"GET /first {name}", HOST), "RFC 9110 15.6.6: another major version"
    )
for name in (
    *(
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1,1",
        "HTTP/111",
        "HTTP/+1.1",
    ),
    *("HTTP/ 1.1", "HTTP /1.1", "HTTP1.1", "HTTP/1.1.1", "HTTP/1.x", "HTTP/x.1", "HTTP/1.1\xa0"),
    *("http/1.1", "Http/1.1", "HTTPS/1.1", "XHTTP/1.1", "ICE/1.0", "RTSP/1.0", "FTP/1.1"),
):
    version.no(
        400, name, lines(f"GET /first {name}", HOST), "RFC 9112 2.3: HTTP, digit, dot, digit"
    )
version.no(
    400, "a version of 100 digits", lines(f"GET /first HTTP/{'1' * 100}.1", HOST), "RFC 9112 2.3"
)

fields = Topic("Fields")
fields.ok("no space after the colon", get("X-A:b"), "RFC 9112 5", HTTP_X_A="b")
fields.ok(
    "blanks around the value", get("X-A: \t b \t"), "RFC 9112 5: OWS is no part", HTTP_X_A="b"
)
fields.ok("an empty value", get("X-A:"), "RFC 9110 5.5", HTTP_X_A="")
fields.ok(
    "colons in the value", get("X-A: b:c: d"), "RFC 9112 5: the first one counts", HTTP_X_A="b:c: d"
)
fields.ok("a tab in the value", get("X-A: b\tc"), "RFC 9110 5.5", HTTP_X_A="b\tc")
fields.ok(
    "bytes above 127", get("X-A: caf\xe9"), "RFC 9110 5.5: obs-text, opaque", HTTP_X_A="caf\xe9"
)
fields.ok(
    "a name with odd token bytes",
    get("X.A|b!~: c"),
    "RFC 9110 5.6.2: token",
    **{"HTTP_X.A|B!~": "c"},
)
fields.ok("repeated", get("X-A: b", "x-a: c"), "RFC 9110 5.3: one list", HTTP_X_A="b, c")
fields.ok(
    "Cookie repeated",
    get("Cookie: a=1", "Cookie: b=2"),
    "RFC 9113 8.2.3: joined by ;",
    HTTP_COOKIE="a=1; b=2",
)
fields.no(400, "a space before the colon", get("X-A : b"), COLON)
fields.no(400, "a tab before the colon", get("X-A\t: b"), COLON)
fields.no(400, "a folded line", get("X-A: b", " c"), FOLD)
fields.no(400, "a line folded with a tab", get("X-A: b", "\tc"), FOLD)
fields.no(400, "a folded line that is empty", get("X-A: b", " "), FOLD)
fields.no(400, "a folded Content-Length", post("X-A: b", " " + FIVE, body="hello"), FOLD)
FIRST = "RFC 9112 2.2: a space after the request line hides a field"
fields.no(400, "a space before the first field", lines(GET, " X-A: b", HOST), FIRST)
fields.no(400, "a tab before the first field", lines(GET, "\tX-A: b", HOST), FIRST)
fields.no(400, "no colon", get("nothing"), "RFC 9112 5")
fields.no(400, "no name", get(": b"), "RFC 9112 5: a name is not empty")
fields.no(400, "only a colon", get(":"), "RFC 9112 5: a name is not empty")
for name in ("X A", "X@A", "X(A", 'X"A', "X/A", "X\0A", "X\x01A", "X\x7fA", "X\xe9", "X\\A", "{X}"):
    fields.no(400, f"the name {name!r}", get(f"{name}: b"), "RFC 9110 5.1: a name is a token")
for name, byte in (
    *(
        ("NUL", "\0"),
        ("SOH", "\x01"),
        ("BEL", "\x07"),
        ("BS", "\x08"),
        ("VT", "\x0b"),
        ("FF", "\x0c"),
    ),
    *(("ESC", "\x1b"), ("US", "\x1f"), ("DEL", "\x7f")),
):
    fields.no(400, f"{name} in a value", get(f"X-A: b{byte}c"), "RFC 9110 5.5: a control byte")
fields.no(400, "a bare CR in a value", get(f"X-A: b\r{CHUNKED}"), LF)
fields.no(400, "a bare LF in a value", get(f"X-A: b\n{CHUNKED}"), LF)
fields.no(400, "a bare CR in an empty value", get(f"X-A:\r{CHUNKED}"), LF)
fields.no(400, "a bare LF in an empty value", get(f"X-A:\n{CHUNKED}"), LF)
fields.no(400, "a bare CR in a name", get("X\rA: b"), LF)
fields.no(400, "CR CR LF at the end of a line", f"{GET}\r\n{HOST}\r\nX-A: b\r\r\n\r\n", LF)
fields.no(400, "LF CR at the end of a line", f"{GET}\r\n{HOST}\r\nX-A: b\n\r\r\n\r\n", LF)
fields.no(400, "a bare LF at the end of a line", f"{GET}\r\n{HOST}\nX-A: b\r\n\r\n", LF)
fields.no(400, "only bare LF", f"{GET}\n{HOST}\n\n", LF)
fields.no(400, "a head that ends in LF LF", f"{GET}\r\n{HOST}\n\n", LF)
fields.no(400, "a head that ends in CR LF LF", f"{GET}\r\n{HOST}\r\n\n", LF)
fields.no(400, "a head that ends in CR CR", f"{GET}\r\n{HOST}\r\r", LF)
fields.no(
    400, "a head that ends in CR LF CR and a letter", f"{GET}\r\n{HOST}\r\n\rX" + SMUGGLED, LF
)

underscore = Topic("Names with an underscore")
US = "RFC 3875 4.1.18: would be taken for the name with a hyphen, which a proxy checked"
underscore.ok("alone", get("X_A: b"), US, HTTP_X_A=None)
underscore.ok("beside the name with a hyphen", get("X-A: b", "X_A: c"), US, HTTP_X_A="b")
underscore.ok("before the name with a hyphen", get("X_A: c", "X-A: b"), US, HTTP_X_A="b")
underscore.ok("only one of two", get("X-A_B: c"), US, HTTP_X_A_B=None)
underscore.ok("at the ends", get("_X-A: c", "X-A_: c"), US, HTTP__X_A=None, HTTP_X_A_=None)
underscore.ok("Remote_User", get("Remote_User: root"), US, HTTP_REMOTE_USER=None, REMOTE_USER=None)
underscore.ok(
    "Content_Length", get("Content_Length: 5"), US, CONTENT_LENGTH=None, HTTP_CONTENT_LENGTH=None
)
underscore.ok(
    "Transfer_Encoding", get("Transfer_Encoding: chunked"), US, HTTP_TRANSFER_ENCODING=None
)
underscore.ok("X_Forwarded_For", get("X_Forwarded_For: 6.6.6.6"), US)
underscore.ok(
    "Content_Type", post("Content_Type: a/b", FIVE, body="hello"), US, HTTP_CONTENT_TYPE=None
)

LINE_TOPICS = [line, method, version]
FIELD_TOPICS = [fields, underscore]
