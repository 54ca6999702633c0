"""What a raw request is and how its bytes are put together; the rows are in raw_*.py beside it.

SECOND follows every row on the same connection: after a refusal nobody may answer it, after a good
request it must be answered.  The limits are those of LIMITS.
"""

from typing import NamedTuple

LIMITS = {"head": 8192, "fields": 50, "body": 1 << 20}
SECOND = b"GET /second HTTP/1.1\r\nHost: second.test\r\nConnection: close\r\n\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: smuggled.test\r\n\r\n"
GET, POST = "GET /first HTTP/1.1", "POST /first HTTP/1.1"
HOST, CHUNKED, FIVE = "Host: first.test", "Transfer-Encoding: chunked", "Content-Length: 5"
ABC = "3\r\nabc\r\n0\r\n\r\n"

Words = dict[str, str | None]  # CGI variables and "body" (latin-1); None: must not be there


class Row(NamedTuple):
    topic: str
    name: str
    data: bytes
    answers: tuple[int, ...]  # of the final responses, without that to SECOND
    seen: tuple[Words, ...]  # what the application saw, without SECOND
    goes_on: bool  # SECOND is answered
    reason: str
    heads: tuple[int, ...]  # which of the answers are to HEAD

    @property
    def expected(self) -> tuple[int, ...]:
        return self.answers + ((200,) if self.goes_on else ())


class Topic:
    """Collects the rows of one subject."""

    def __init__(self, name: str):
        self.name = name
        self.rows: list[Row] = []

    def many(
        self,
        answers: tuple[int, ...],
        seen: tuple[Words, ...],
        goes_on: bool,
        name: str,
        data: str,
        reason: str,
        heads: tuple[int, ...] = (),
    ) -> None:
        raw = data.encode("latin-1")
        self.rows.append(Row(self.name, name, raw, answers, seen, goes_on, reason, heads))

    def ok(self, name: str, data: str, reason: str, **words: str | None) -> None:
        """Answered by the application, which saw these words; then the next request is."""
        self.many((200,), ({"PATH_INFO": "/first"} | words,), True, name, data, reason)

    def last(self, name: str, data: str, reason: str, **words: str | None) -> None:
        """Answered, and then the connection closes."""
        self.many((200,), ({"PATH_INFO": "/first"} | words,), False, name, data, reason)

    def no(self, status: int, name: str, data: str, reason: str) -> None:
        """Refused; the application sees nothing of it, and the connection closes."""
        self.many((status,), (), False, name, data, reason)


COLON = "RFC 9112 5.1: no space before the colon, else 400"
FOLD = "RFC 9112 5.2: a server may refuse obs-fold: readers differ about it"
LF = "RFC 9112 2.2, RFC 9110 5.5: a reader that ends lines at it sees another field"


def lines(*of_head: str, body: str = "") -> str:
    return "".join(f"{line}\r\n" for line in of_head) + "\r\n" + body


def get(*fields: str) -> str:
    return lines(GET, HOST, *fields)


def post(*fields: str, body: str = "") -> str:
    return lines(POST, HOST, *fields, body=body)


def target(text: str, method: str = "GET") -> str:
    return lines(f"{method} {text} HTTP/1.1", HOST)


def of_host(value: str) -> str:
    return lines(GET, f"Host:{value}")


def chunks(body: str, *fields: str) -> str:
    return post(CHUNKED, *fields, body=body)


def coded(value: str) -> str:
    """A chunked body whose coding is spelled so."""
    return post(f"Transfer-Encoding:{value}", body="0\r\n\r\n" + SMUGGLED)


def sized(value: str) -> str:
    return post(f"Content-Length:{value}", body=SMUGGLED)
