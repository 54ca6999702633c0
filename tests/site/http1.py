"""A small HTTP/1 client over a plain socket: it sends what it is told to and hides nothing.

Stricter than a browser: what RFC 9112 forbids in a response is an error here, and a response that
ends before its own framing says so raises Cut.
"""

import os
import select
import socket
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

TIMEOUT_S = float(os.environ.get("SLIPWAY_TEST_TIMEOUT", "20"))
HEAD_BYTES_MAX = 1 << 20
READ_BYTES = 1 << 18

Address = tuple[str, int] | str  # a string is the path of a Unix socket
Fields = Iterable[tuple[str, str]]


class Cut(Exception):
    """The connection ended, or was reset, before the message was whole."""


class Malformed(Exception):
    """What came is not HTTP."""


class Head(NamedTuple):
    version: str
    status: int
    reason: str
    fields: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        found = self.all(name)
        assert len(found) < 2, f"{name} occurs {len(found)} times"
        return found[0] if found else None


class Response(NamedTuple):
    head: Head
    body: bytes

    @property
    def status(self) -> int:
        return self.head.status

    @property
    def text(self) -> str:
        return self.body.decode()

    def get(self, name: str) -> str | None:
        return self.head.get(name)


def latin1(text: str) -> bytes:
    return text.encode("latin-1")


def build(
    method: str, target: str, fields: Fields = (), body: bytes | None = None, version: str = "1.1"
) -> bytes:
    """A request as bytes. Host and Content-Length are added where `fields` names none."""
    pairs = list(fields)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names and version == "1.1":
        pairs.insert(0, ("Host", "site.test"))
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} HTTP/{version}", *(f"{name}: {value}" for name, value in pairs)]
    return latin1("\r\n".join(lines) + "\r\n\r\n") + (body or b"")


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def connect(
    address: Address,
    timeout_s: float = TIMEOUT_S,
    receive_bytes: int = 0,
    source: str = "",  # our own address, when it matters
) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    if not isinstance(address, str) and ":" in address[0]:
        family = socket.AF_INET6
    made = socket.socket(family, socket.SOCK_STREAM)
    if receive_bytes:  # before connect: it bounds the window that is offered
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(timeout_s)
    try:
        if source:
            made.bind((source, 0))
        made.connect(address)
        if family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        made.close()
        raise
    return made


def can_connect(address: Address) -> bool:
    try:
        connect(address).close()
    except OSError:
        return False
    return True


class Peer:
    """One connection."""

    def __init__(
        self,
        address: Address,
        timeout_s: float = TIMEOUT_S,
        receive_bytes: int = 0,
        source: str = "",
    ):
        self.socket = connect(address, timeout_s, receive_bytes, source)
        self._kept = b""

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    # ---- sending

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_last(self, data: bytes) -> None:
        """Data and the end of our direction in one segment."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self.socket.sendall(data)
        self.socket.shutdown(socket.SHUT_WR)

    def shut(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    # ---- receiving

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(READ_BYTES)
        except ConnectionError as error:
            raise Cut(str(error)) from error

    def _more(self) -> None:
        data = self._receive()
        if not data:
            raise Cut(f"the connection ended after {self._kept[-200:]!r}")
        self._kept += data

    def _take(self, count: int) -> bytes:
        while len(self._kept) < count:
            self._more()
        taken, self._kept = self._kept[:count], self._kept[count:]
        return taken

    def _line(self) -> bytes:
        while b"\r\n" not in self._kept:
            if len(self._kept) > HEAD_BYTES_MAX:
                raise Malformed("a line without an end")
            self._more()
        line, _, self._kept = self._kept.partition(b"\r\n")
        if b"\n" in line or b"\r" in line or b"\0" in line:
            raise Malformed(f"control bytes in {line!r}")
        return line

    def head(self) -> Head:
        """The next head, interim ones (1xx) too."""
        first = self._line().decode("latin-1")
        version, _, rest = first.partition(" ")
        code, _, reason = rest.partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or len(code) != 3 or not code.isdigit():
            raise Malformed(f"no status line: {first!r}")
        fields = []
        while line := self._line():
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name or name != name.strip():
                raise Malformed(f"no field: {line!r}")
            fields.append((name, value.strip()))
        return Head(version, int(code), reason, fields)

    def chunk(self) -> bytes | None:
        """The next chunk of a chunked body; None at its end."""
        size = int(self._line().partition(b";")[0], 16)
        if size == 0:
            while self._line():
                pass
            return None
        data = self._take(size)
        if self._take(2) != b"\r\n":
            raise Malformed("no CRLF after a chunk")
        return data

    def to_end(self) -> bytes:
        """Everything up to an orderly end of the connection."""
        parts = [self._kept]
        while data := self._receive():
            parts.append(data)
        self._kept = b""
        return b"".join(parts)

    def pieces(self, head: Head, method: str = "GET") -> Iterator[bytes]:
        """The body, in pieces as they come."""
        length, coding = head.get("Content-Length"), head.get("Transfer-Encoding")
        if length is not None and coding is not None:
            raise Malformed("two framings")
        if method == "HEAD" or head.status in (204, 304) or head.status < 200:
            return
        if coding is not None:
            if coding != "chunked":
                raise Malformed(f"Transfer-Encoding: {coding}")
            while (data := self.chunk()) is not None:
                yield data
            return
        if length is None:
            yield self.to_end()
            return
        left = int(length)
        while left > 0:
            if not self._kept:
                self._more()
            data, self._kept = self._kept[:left], self._kept[left:]
            left -= len(data)
            yield data

    def body(self, head: Head, method: str = "GET") -> bytes:
        return b"".join(self.pieces(head, method))

    def response(self, method: str = "GET") -> Response:
        head = self.head()
        return Response(head, self.body(head, method))

    def ask(
        self,
        method: str = "GET",
        target: str = "/",
        fields: Fields = (),
        body: bytes | None = None,
        version: str = "1.1",
    ) -> Response:
        self.send(build(method, target, fields, body, version))
        return self.response(method)

    # ---- the end

    @property
    def kept(self) -> bytes:
        """What came and is part of no response yet."""
        return self._kept

    def expect_end(self) -> None:
        """The other side closes (or resets) and sends nothing more."""
        try:
            rest = self.to_end()
        except Cut:
            return
        assert rest == b"", f"more came: {rest[:300]!r}"

    def to_end_or_cut(self) -> bytes:
        """Everything up to the end of the connection, orderly or not."""
        parts = [self._kept]
        try:
            while data := self._receive():
                parts.append(data)
        except Cut:
            pass
        return b"".join(parts)

    def is_quiet(self) -> bool:
        """Nothing is there to be read just now, not even the end."""
        return not self._kept and not select.select([self.socket], [], [], 0)[0]


def get(address: Address, target: str = "/", fields: Fields = (), method: str = "GET") -> Response:
    """One request on a connection of its own."""
    with Peer(address) as peer:
        return peer.ask(method, target, fields)


def post(address: Address, target: str, body: bytes, fields: Fields = ()) -> Response:
    with Peer(address) as peer:
        return peer.ask("POST", target, fields, body)


def deadline(seconds: float = TIMEOUT_S) -> float:
    return time.monotonic() + seconds
