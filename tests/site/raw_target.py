"""What is asked for, and of whom."""

from raw_table import GET, HOST, Topic, lines, of_host, target

goal = Topic("Target")
goal.ok("a query", target("/first?a=1&b=%20?"), "RFC 9112 3.2.1", QUERY_STRING="a=1&b=%20?")
goal.ok("an empty query", target("/first?"), "RFC 9112 3.2.1", QUERY_STRING="")
goal.ok("bad escapes in the query", target("/first?100%&%zz"), "RFC 3986 3.4: not decoded here")
goal.ok("a path escaped", target("/%66irst"), "RFC 3986 2.1: decoded once")
goal.ok("an escaped percent", target("/a%252e"), "RFC 3986 2.4: decoded once", PATH_INFO="/a%2e")
goal.ok(
    "an escaped slash", target("/a%2Fb"), "RFC 3986 2.1: PATH_INFO is decoded", PATH_INFO="/a/b"
)
goal.ok("an escaped question mark", target("/a%3Fb"), "RFC 3986 2.1", PATH_INFO="/a?b")
goal.ok("escaped UTF-8", target("/%C3%A9"), "PEP 3333: bytes as latin-1", PATH_INFO="/\xc3\xa9")
goal.ok(
    "raw UTF-8", target("/\xc3\xa9"), "RFC 3986 2: not allowed, but sent", PATH_INFO="/\xc3\xa9"
)
goal.ok("an escaped CRLF", target("/a%0d%0ab"), "RFC 3986 2.1: data", PATH_INFO="/a\r\nb")
goal.ok(
    "two slashes",
    target("//first"),
    "RFC 3986 3.3: empty segments mean something",
    PATH_INFO="//first",
)
goal.ok("slashes within", target("/a//b///c/"), "RFC 3986 3.3", PATH_INFO="/a//b///c/")
goal.ok("dot segments", target("/a/./b/../first"), "RFC 3986 6.2.2.3", PATH_INFO="/a/first")
goal.ok("escaped dot segments", target("/a/%2e%2E/first"), "RFC 3986 6.2.2: the same path")
goal.ok("three dots", target("/.../first"), "RFC 3986 3.3: a name", PATH_INFO="/.../first")
goal.ok("a parameter", target("/first;v=1"), "RFC 3986 3.3: a name", PATH_INFO="/first;v=1")
goal.ok(
    "a dot segment with a parameter",
    target("/a/..;/first"),
    "RFC 3986 3.3: a name, as sent",
    PATH_INFO="/a/..;/first",
)
goal.ok(
    "a backslash", target("/a\\..\\first"), "RFC 3986 2: no separator", PATH_INFO="/a\\..\\first"
)
goal.ok("delimiters", target('/<"{|}">^`[]'), "RFC 3986 2: sent by some", PATH_INFO='/<"{|}">^`[]')
UP = "RFC 3986 5.2.4: above the root there is nothing"
goal.no(400, "above the root", target("/../first"), UP)
goal.no(400, "above the root, escaped", target("/%2e%2e/first"), UP)
goal.no(400, "above the root, with escaped slashes", target("/a/..%2f..%2ffirst"), UP)
goal.no(400, "an escaped NUL", target("/first%00.txt"), "RFC 3986 7.3: ends a name in C")
for name in ("/first%", "/first%2", "/first%zz", "/first%u0041", "/first%-1", "/%%41"):
    goal.no(400, f"the escape in {name}", target(name), "RFC 3986 2.1: two hex digits")
goal.no(400, "a space", target("/fi rst"), "RFC 9112 3.2: MUST NOT be repaired")
goal.no(400, "a fragment", target("/first#part"), "RFC 9112 3.2: no fragment in a target")
goal.no(400, "a fragment in the query", target("/first?a#part"), "RFC 9112 3.2")
goal.no(400, "DEL", target("/first\x7f"), "RFC 3986 2: a control byte")
goal.no(400, "no slash", target("first"), "RFC 9112 3.2: none of the four forms")
goal.no(400, "only a query", target("?first"), "RFC 9112 3.2.1: a path is not empty")
goal.no(400, "asterisk for GET", target("*"), "RFC 9112 3.2.4: only OPTIONS")
goal.no(400, "asterisk and more", target("*/first", "OPTIONS"), "RFC 9112 3.2.4")
goal.no(400, "authority-form for GET", target("first.test:80"), "RFC 9112 3.2.3: only CONNECT")
goal.many((200,), (), True, "OPTIONS *", target("*", "OPTIONS"), "RFC 9112 3.2.4: of the server")
goal.ok(
    "OPTIONS of a path", target("/first", "OPTIONS"), "RFC 9110 9.3.7", REQUEST_METHOD="OPTIONS"
)
OVER = "RFC 9112 3.2.2: the target's host counts, Host is ignored"
for name, text, host, path in (
    ("absolute-form", "http://other.test/first", "other.test", "/first"),
    ("absolute-form with a port", "http://other.test:81/first", "other.test:81", "/first"),
    ("absolute-form, upper case", "HTTP://other.test/first", "other.test", "/first"),
    ("absolute-form with https", "https://other.test/first", "other.test", "/first"),
    ("absolute-form without a path", "http://other.test", "other.test", "/"),
    ("absolute-form, only a query", "http://other.test?a", "other.test", "/"),
    ("absolute-form with IPv6", "http://[::1]:81/first", "[::1]:81", "/first"),
):
    goal.ok(name, target(text), OVER, HTTP_HOST=host, PATH_INFO=path)
goal.ok(
    "absolute-form in HTTP/1.0 without Host",
    lines("GET http://other.test/first HTTP/1.0", "Connection: keep-alive"),
    OVER,
    HTTP_HOST="other.test",
)
USER = "RFC 9110 4.2.4: user information hides the real host"
goal.no(400, "absolute-form with a user", target("http://first.test@evil.test/first"), USER)
goal.no(400, "absolute-form with user:password", target("http://u:p@first.test/first"), USER)
for name, text in (
    ("no host", "http:///first"),
    ("no slashes", "http:first"),
    ("one slash", "http:/first"),
    ("a port that is none", "http://first.test:port/first"),
    ("a port too large", "http://first.test:65536/first"),
    ("a space in the host", "http://first test/first"),
    ("a comma in the host", "http://first.test,evil.test/first"),
    ("a broken IPv6 address", "http://[::1/first"),
    ("a backslash", "http://first.test\\@evil.test/first"),
):
    goal.no(400, f"absolute-form with {name}", target(text), "RFC 9110 4.2.1, RFC 3986 3.2")
for name in ("ftp://first.test/first", "file:///etc/passwd", "javascript:alert(1)", "ws://a/b"):
    goal.no(400, f"the scheme of {name}", target(name), "RFC 9110 7.4: a URI that is not ours")

host_ = Topic("Host")
for name, value in (
    ("without a space", "first.test"),
    ("with a port", " first.test:8080"),
    ("with an empty port", " first.test:"),
    ("in upper case", " FIRST.TEST"),
    ("with a dot at the end", " first.test."),
    ("with an underscore", " first_one.test"),
    ("IPv4", " 127.0.0.1:80"),
    ("IPv6", " [::1]"),
    ("IPv6 with a port", " [2001:db8::1]:8080"),
    ("spaces around", "   first.test \t"),
):
    host_.ok(name, of_host(value), "RFC 9110 7.2, RFC 3986 3.2", HTTP_HOST=value.strip())
ONE = "RFC 9112 3.2: exactly one, and valid, else 400"
host_.no(400, "none in HTTP/1.1", lines(GET), ONE)
host_.last("none in HTTP/1.0", lines("GET /first HTTP/1.0", "X: y"), "RFC 9112 3.2", HTTP_HOST=None)
host_.no(400, "two", lines(GET, HOST, "Host: evil.test"), ONE)
host_.no(400, "the same twice", lines(GET, HOST, HOST), ONE)
host_.no(400, "two in HTTP/1.0", lines("GET /first HTTP/1.0", HOST, "Host: evil.test"), ONE)
host_.no(400, "two, one in another case", lines(GET, HOST, "hOST: evil.test"), ONE)
host_.no(400, "two and absolute-form", lines("GET http://a/first HTTP/1.1", HOST, HOST), ONE)
host_.no(400, "none and absolute-form", lines("GET http://first.test/first HTTP/1.1"), ONE)
host_.no(400, "malformed and absolute-form", lines("GET http://a/first HTTP/1.1", "Host: a/b"), ONE)
host_.no(400, "in a folded line", lines(GET, "Host:", " first.test"), "RFC 9112 5.2")
host_.no(400, "with a space before the colon", lines(GET, "Host : first.test"), "RFC 9112 5.1")
for name, value in (
    ("empty", ""),
    ("blanks only", " \t "),
    ("a list", " first.test, evil.test"),
    ("a list without a space", " first.test,evil.test"),
    ("two names", " first.test evil.test"),
    ("a tab within", " first.test\tevil.test"),
    ("a path", " first.test/evil"),
    ("a query", " first.test?evil"),
    ("a fragment", " first.test#evil"),
    ("a backslash", " first.test\\evil"),
    ("a user", " user@first.test"),
    ("a URI", " http://first.test"),
    ("a NUL", " first.test\0"),
    ("DEL", " first.test\x7f"),
    ("a semicolon", " first.test;evil"),
    ("a quote", ' "first.test"'),
    ("an equals sign", " 0.0.0.0=5000"),
    ("an escape", " first%2etest"),
    ("raw UTF-8", " f\xc3\xa9rst.test"),
    ("a port that is none", " first.test:port"),
    ("a port too large", " first.test:65536"),
    ("a negative port", " first.test:-1"),
    ("two ports", " first.test:80:80"),
    ("only a port", " :80"),
    ("IPv6 without brackets", " ::1"),
    ("IPv6 without an end", " [::1"),
    ("IPv6 and more", " [::1]evil.test"),
    ("empty brackets", " []"),
    ("a name in brackets", " [first.test]"),
):
    host_.no(400, name, of_host(value), "RFC 9112 3.2, RFC 3986 3.2.2: an invalid value")

TOPICS = [goal, host_]
