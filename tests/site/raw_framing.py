"""Where the body ends: what smuggling is made of."""

from raw_table import (
    ABC,
    CHUNKED,
    COLON,
    FIVE,
    FOLD,
    HOST,
    LF,
    SMUGGLED,
    Topic,
    chunks,
    coded,
    get,
    lines,
    post,
    sized,
)

length = Topic("Content-Length")
length.ok("five", post(FIVE, body="hello"), "RFC 9112 6.2", body="hello", CONTENT_LENGTH="5")
length.ok("zero", post("Content-Length: 0"), "RFC 9112 6.2", body="")
length.ok("none", post(), "RFC 9112 6.3: no length and no coding: no body", body="")
length.ok("with GET", get(FIVE) + "hello", "RFC 9110 9.3.1: framed all the same", body="hello")
length.ok("leading zeros", post("Content-Length: 005", body="hello"), "RFC 9110 8.6", body="hello")
length.ok("blanks around", post("Content-Length:\t5 \t", body="hello"), "RFC 9112 5", body="hello")
length.ok("in upper case", post("CONTENT-LENGTH: 5", body="hello"), "RFC 9110 5.1", body="hello")
length.ok(
    "a NUL and CRLFs in the body",
    post(FIVE, body="a\0\r\n\xff"),
    "RFC 9110 6.4: opaque",
    body="a\0\r\n\xff",
)
length.ok(
    "a request as the body",
    post(f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
    "RFC 9112 6.2: what is counted is body",
    body=SMUGGLED,
)
length.ok(
    "CRLF after the body", post(FIVE, body="hello\r\n"), "RFC 9112 2.2: ignored", body="hello"
)
length.many(
    (200, 200),
    ({"body": "hello"}, {"REQUEST_METHOD": "XGET", "PATH_INFO": "/second"}),
    False,
    "shorter than the body",
    post(FIVE, body="helloX"),
    "RFC 9112 6.3: the rest is the next request, here with method XGET",
)
SEVERAL = "RFC 9112 6.3: several differ or might for another reader"
length.no(400, "two that differ", post(FIVE, "Content-Length: 6", body="hello!"), SEVERAL)
length.no(400, "the same twice", post(FIVE, FIVE, body="hello"), SEVERAL)
length.no(
    400, "zero and more", post("Content-Length: 0", f"Content-Length: {len(SMUGGLED)}"), SEVERAL
)
length.no(400, "one empty, one not", post("Content-Length:", FIVE, body="hello"), SEVERAL)
length.no(400, "in another case", post(FIVE, "content-length: 6", body="hello!"), SEVERAL)
for name, value in (
    ("a list of the same", " 0, 0"),
    ("a list that differs", f" 0, {len(SMUGGLED)}"),
    ("a comma after it", " 0,"),
    ("a comma before it", " ,0"),
    ("a plus sign", " +0"),
    ("a minus sign", " -0"),
    ("negative", " -1"),
    ("hexadecimal", " 0x0"),
    ("hexadecimal digits", " 0a"),
    ("empty", ""),
    ("a space within", " 0 0"),
    ("a tab within", " 0\t0"),
    ("an underscore", " 0_0"),
    ("a decimal point", " 0.0"),
    ("an exponent", " 0e0"),
    ("a parameter", " 0;x"),
    ("quoted", ' "0"'),
    ("letters", " five"),
    ("other digits", " \xd9\xa0"),
    ("a no-break space before", " \xa00"),
    ("a vertical tab before", " \x0b0"),
    ("a NUL after", " 0\0"),
    ("2^64", " 18446744073709551616"),
    ("2^64 + 5", " 18446744073709551621"),
    ("2^63", " 9223372036854775808"),
    ("30 digits", " " + "9" * 30),
):
    length.no(400, name, sized(value), "RFC 9112 6.3, RFC 9110 8.6: digits only")
length.no(400, "a space before the colon", post("Content-Length : 0", body=SMUGGLED), COLON)
length.no(400, "in a folded line", post("Content-Length:", " 0", body=SMUGGLED), FOLD)
length.no(400, "a CR in the name", post("Content\rLength: 0", body=SMUGGLED), LF)
length.no(
    400, "a letter above 127 in the name", post("Content-Length\xdf: 0", FIVE), "RFC 9110 5.1"
)

coding = Topic("Transfer-Encoding")
coding.ok("chunked", chunks(ABC), "RFC 9112 6.1", body="abc", HTTP_TRANSFER_ENCODING=None)
coding.ok("chunked has a length", chunks(ABC), "RFC 3875 4.1.2", body="abc", CONTENT_LENGTH="3")
coding.ok("with GET", get(CHUNKED) + ABC, "RFC 9110 9.3.1: framed all the same", body="abc")
coding.ok("in another case", post("tRANSFER-eNCODING: ChunKed", body=ABC), "RFC 9112 7", body="abc")
coding.ok(
    "blanks around", post("Transfer-Encoding:\tchunked \t", body=ABC), "RFC 9112 5", body="abc"
)
BOTH = "RFC 9112 6.1, 6.3: an attempt at smuggling"
coding.no(400, "and Content-Length", post(CHUNKED, FIVE, body="0\r\n\r\n" + SMUGGLED), BOTH)
coding.no(400, "after Content-Length", post(FIVE, CHUNKED, body="0\r\n\r\n" + SMUGGLED), BOTH)
coding.no(400, "and Content-Length 0", post(CHUNKED, "Content-Length: 0", body=ABC), BOTH)
coding.no(400, "and a malformed Content-Length", post(CHUNKED, "Content-Length: x", body=ABC), BOTH)
coding.no(
    400,
    "identity and Content-Length",
    post("Transfer-Encoding: identity", FIVE, body="hello"),
    BOTH,
)
coding.no(400, "empty and Content-Length", post("Transfer-Encoding:", FIVE, body="hello"), BOTH)
coding.no(
    400,
    "in HTTP/1.0",
    lines("POST /first HTTP/1.0", HOST, CHUNKED, body=ABC),
    "RFC 9112 6.1: faulty framing",
)
coding.no(
    400,
    "in HTTP/1.0 with keep-alive",
    lines("POST /first HTTP/1.0", "Connection: keep-alive", HOST, CHUNKED, body=ABC),
    "RFC 9112 6.1: faulty framing",
)
LAST = "RFC 9112 6.1, 6.3: chunked is once and last, or the end is not known"
coding.no(400, "chunked twice", coded(" chunked, chunked"), LAST)
coding.no(400, "chunked in two fields", post(CHUNKED, CHUNKED, body=ABC), LAST)
coding.no(400, "chunked, gzip", coded(" chunked, gzip"), LAST)
coding.no(400, "chunked, identity", coded(" chunked, identity"), LAST)
coding.no(
    400, "chunked, then another field", post(CHUNKED, "Transfer-Encoding: gzip", body=ABC), LAST
)
coding.no(
    400,
    "identity, chunked, identity, chunked",
    coded(" identity, chunked, identity, chunked"),
    LAST,
)
for name in (
    "identity",
    "gzip",
    "deflate",
    "xchunked",
    "chunkedchunked",
    "chunk",
    "cow",
    "trailers",
):
    coding.no(501, name, coded(f" {name}"), "RFC 9112 6.1: a coding we do not understand")
for name in ("gzip, chunked", "identity, chunked", "cow, chunked"):
    coding.no(501, name, coded(f" {name}"), "RFC 9112 6.1: a coding we do not understand")
coding.no(
    501,
    "another field, then chunked",
    post("Transfer-Encoding: identity", CHUNKED, body=ABC),
    "RFC 9112 6.1: a coding we do not understand",
)
for name, value in (
    ("empty", ""),
    ("a comma", " ,"),
    ("a comma after it", " chunked,"),
    ("a comma before it", " ,chunked"),
    ("a parameter", " chunked;q=1"),
    ("a semicolon", " chunked;"),
    ("a blank within", " chunked x"),
    ("a tab within", " chun\tked"),
    ("quoted", ' "chunked"'),
    ("single quotes and a comma", " 'chunked',"),
    ("a no-break space after it", " chunked\xa0"),
    ("a no-break space before it", " \xa0chunked"),
    ("a vertical tab before it", " \x0bchunked"),
    ("a form feed after it", " chunked\x0c"),
    ("a NUL before it", " \0chunked"),
    ("a NUL after it", " chunked\0"),
    ("DEL after it", " chunked\x7f"),
    ("an equals sign", " =chunked"),
    ("a folded line", "\r\n chunked"),
    ("a folded line after it", " chunked\r\n abc"),
    ("a folded line with a tab", " chunked\r\n\tidentity"),
    ("a bare LF before it", "\nchunked"),
    ("a bare CR after it", " chunked\r"),
):
    coding.no(400, name, coded(value), "RFC 9112 6.1, 5.2, RFC 9110 5.5: malformed")
coding.no(400, "a space before the colon", post("Transfer-Encoding : chunked", body=ABC), COLON)
coding.no(400, "a tab before the colon", post("Transfer-Encoding\t: chunked", body=ABC), COLON)
coding.no(
    400, "a NUL before the colon", post("Transfer-Encoding\0: chunked", body=ABC), "RFC 9110 5.1"
)
coding.no(
    400, "a space before the name", post("X-A: b", " Transfer-Encoding: chunked", body=ABC), FOLD
)
coding.no(400, "after a bare LF", post("X-A: b\nTransfer-Encoding: chunked", body=ABC), LF)
coding.no(400, "after a bare CR", post("X-A: b\rTransfer-Encoding: chunked", body=ABC), LF)

chunk = Topic("Chunks")
chunk.ok("several", chunks("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), "RFC 9112 7.1", body="abc")
chunk.ok("none", chunks("0\r\n\r\n"), "RFC 9112 7.1", body="")
chunk.ok("upper case", chunks("A\r\n0123456789\r\n0\r\n\r\n"), "RFC 9112 7.1", body="0123456789")
chunk.ok("lower case", chunks("a\r\n0123456789\r\n0\r\n\r\n"), "RFC 9112 7.1", body="0123456789")
chunk.ok("leading zeros", chunks("0003\r\nabc\r\n000\r\n\r\n"), "RFC 9112 7.1", body="abc")
chunk.ok(
    "CRLF within", chunks("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "RFC 9112 7.1: opaque", body="\r\n\r\n"
)
chunk.ok("an extension", chunks("3;a\r\nabc\r\n0;b=c\r\n\r\n"), "RFC 9112 7.1.1", body="abc")
chunk.ok(
    "an extension in quotes",
    chunks('3;a="b\\"c; d"\r\nabc\r\n0\r\n\r\n'),
    "RFC 9112 7.1.1",
    body="abc",
)
chunk.ok(
    "a blank before an extension",
    chunks("3 ;a\r\nabc\r\n0 \t;b\r\n\r\n"),
    "RFC 9112 7.1.1: BWS MUST be parsed",
    body="abc",
)
chunk.ok(
    "blanks in an extension", chunks("3; a = b\r\nabc\r\n0\r\n\r\n"), "RFC 9112 7.1.1", body="abc"
)
chunk.ok(
    "trailers",
    chunks("3\r\nabc\r\n0\r\nX-A: b\r\nX-B:\r\n\r\n"),
    "RFC 9112 7.1.2: not merged",
    body="abc",
    HTTP_X_A=None,
)
chunk.ok(
    "a trailer that means framing",
    chunks("3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"),
    "RFC 9110 6.5.1: not merged",
    body="abc",
    CONTENT_LENGTH="3",
)
chunk.ok(
    "a trailer that names a host",
    chunks("3\r\nabc\r\n0\r\nHost: evil.test\r\n\r\n"),
    "RFC 9110 6.5.1: not merged",
    HTTP_HOST="first.test",
)
SIZE = "RFC 9112 7.1: hex digits, and a size two readers see alike"
for name, size in (
    ("no digits", ""),
    ("only an extension", ";a"),
    ("not hex", "xyz"),
    ("a hex digit and more", "3g"),
    ("a minus sign", "-3"),
    ("a plus sign", "+3"),
    ("a prefix", "0x3"),
    ("an underscore", "0_3"),
    ("a decimal point", "3.0"),
    ("a comma", "3,"),
    ("quoted", '"3"'),
    ("a blank before", " 3"),
    ("a blank after", "3 "),
    ("a tab after", "3\t"),
    ("two sizes", "3 3"),
    ("words after a blank", "3 erfrferferf"),
    ("a vertical tab after", "3\x0b"),
    ("a NUL after", "3\0"),
    ("16 digits", "0000000000000003"),
    ("17 digits", "f0000000000000003"),
    ("2^64 + 3", "10000000000000003"),
    ("other digits", "\xd9\xa3"),
    ("a NUL in an extension", "3;a\0b"),
    ("DEL in an extension", "3;a\x7fb"),
    ("a bare CR in an extension", "3;a\rb"),
    ("a bare LF in an extension", "3;a\nb"),
    ("a bare LF before an extension", "3\n;a"),
    ("an extension of 9000 bytes", "3;" + "a" * 9000),
):
    chunk.no(400, f"size: {name}", chunks(f"{size}\r\nabc\r\n0\r\n\r\n" + SMUGGLED), SIZE)
END = "RFC 9112 7.1, 2.2: CRLF ends it, nothing else"
for name, body in (
    ("a bare LF after the size", "3\nabc\r\n0\r\n\r\n"),
    ("a bare CR after the size", "3\rabc\r\n0\r\n\r\n"),
    ("CR and a letter after the size", "3\rXabc\r\n0\r\n\r\n"),
    ("CR CR LF after the size", "3\r\r\nabc\r\n0\r\n\r\n"),
    ("CR CR and more after the size", "5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n"),
    ("data longer than its size", "3\r\nabcd\r\n0\r\n\r\n"),
    ("data shorter than its size", "3\r\nab\r\n0\r\n\r\n"),
    ("no CRLF after data", "3\r\nabc0\r\n\r\n"),
    ("a bare LF after data", "3\r\nabc\n0\r\n\r\n"),
    ("a bare CR after data", "3\r\nabc\r0\r\n\r\n"),
    ("CR and a letter after data", "3\r\nabc\rX0\r\n\r\n"),
    ("two bytes after data that are not CRLF", "3\r\nabcXX0\r\n\r\n"),
    ("two CRLF after data", "3\r\nabc\r\n\r\n0\r\n\r\n"),
    ("a bare LF after the last size", "0\n\r\n"),
    ("a bare LF at the end", "0\r\n\n"),
    ("a bare CR at the end", "0\r\n\rX"),
    ("only bare LF", "3\nabc\n0\n\n"),
):
    chunk.no(400, name, chunks(body + SMUGGLED), END)
TRAILER = "RFC 9112 7.1.2: a trailer is spelled as a field is"
for name, trailer in (
    ("a request line", "GET /smuggled HTTP/1.1"),
    ("no colon", "nothing"),
    ("no name", ": b"),
    ("a space before the colon", "X-A : b"),
    ("a space before the name", " X-A: b"),
    ("a folded line", "X-A: b\r\n c"),
    ("a name that is no token", "X@A: b"),
    ("a NUL", "X-A: b\0"),
    ("DEL", "X-A: b\x7f"),
    ("a bare CR", "X-A: b\rX-B: c"),
    ("a bare LF", "X-A: b\nX-B: c"),
    ("a bare LF at its end", "X-A: b\n"),
    ("9000 bytes", "X-A: " + "b" * 9000),
):
    chunk.no(400, f"trailer: {name}", chunks(f"0\r\n{trailer}\r\n\r\n" + SMUGGLED), TRAILER)

TOPICS = [length, coding, chunk]
