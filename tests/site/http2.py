"""A small HTTP/2 client over a plain socket: it sends what it is told to, rule or no rule.

See RFC 9113.
Only HPACK is foreign (the hpack package). Windows are given back for what was read unless
`keeps_windows` says no; settings and pings are acknowledged.
"""

import ssl
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

import hpack
from http1 import Address, Cut, connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY = range(8)
WINDOW_UPDATE, CONTINUATION, PRIORITY_UPDATE = 8, 9, 16
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CALM = 5, 7, 8, 9, 11
MAX_STREAMS, INITIAL_WINDOW, NO_RFC7540_PRIORITIES = 3, 4, 9
LAST_STREAM = (1 << 31) - 1
FRAME_BYTES = 16384

Fields = Iterable[tuple[str, str]]


class Frame(NamedTuple):
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """Of RST_STREAM and GOAWAY."""
        at = 4 if self.type == GOAWAY else 0
        return int.from_bytes(self.payload[at : at + 4], "big")

    @property
    def last_stream(self) -> int:
        return int.from_bytes(self.payload[:4], "big")


def tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    head = struct.pack(">HBBBI", len(payload) >> 8, len(payload) & 255, kind, flags, stream)
    return head + payload


def word(value: int) -> bytes:
    return struct.pack(">I", value)


def settings(**values: int) -> bytes:
    names = {"max_streams": MAX_STREAMS, "window": INITIAL_WINDOW}
    return frame(
        SETTINGS, payload=b"".join(struct.pack(">HI", names[k], v) for k, v in values.items())
    )


class Answer:
    """What came on one stream so far."""

    def __init__(self) -> None:
        self.heads: list[list[tuple[str, str]]] = []
        self.body = b""
        self.frames: list[int] = []  # sizes of its DATA
        self.is_whole = False
        self.reset: int | None = None  # the code

    @property
    def status(self) -> int:
        return int(dict(self.heads[-1])[":status"])

    @property
    def interim(self) -> list[int]:
        return [int(dict(head)[":status"]) for head in self.heads[:-1]]

    def get(self, name: str) -> str | None:
        return dict(self.heads[-1]).get(name)

    @property
    def is_over(self) -> bool:
        return self.is_whole or self.reset is not None


class Wire:
    """One connection."""

    def __init__(
        self,
        address: Address,
        first: bytes | None = None,
        keeps_windows: bool = False,
        receive_bytes: int = 0,
        context: ssl.SSLContext | None = None,
        source: str = "",
        before: bytes = b"",  # a PROXY header: it comes before TLS
        **values: int,
    ):
        self.socket = connect(address, receive_bytes=receive_bytes, source=source)
        self.socket.sendall(before)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="site.test")
            assert self.socket.selected_alpn_protocol() == "h2"
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.decoder.max_allowed_table_size = 65536
        self.decoder.max_header_list_size = 1 << 20
        self.keeps_windows = keeps_windows
        self.answers: dict[int, Answer] = {}
        self.settings: dict[int, int] = {}
        self.goaways: list[Frame] = []
        self.pongs: list[bytes] = []
        self.window = self.window_first = 65535  # of the connection, for what we send
        self.windows: dict[int, int] = {}
        self.next_stream = 1
        self._kept = b""
        self._block: Frame | None = None  # of a head, while CONTINUATION follows
        self.send(PREFACE + settings(**values) if first is None else first)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    # ---- sending

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except ConnectionError as error:
            raise Cut(str(error)) from error

    def block(self, fields: Fields) -> bytes:
        return self.encoder.encode(list(fields), huffman=False)

    def head(
        self,
        method: str = "GET",
        path: str = "/",
        fields: Fields = (),
        authority: str | None = "site.test",
        ends: bool = True,
        stream: int | None = None,
    ) -> int:
        """A request's HEADERS; the number of its stream."""
        pseudo = [(":method", method), (":scheme", "http"), (":path", path)]
        pseudo += [(":authority", authority)] if authority else []
        return self.open([*pseudo, *fields], ends, stream)

    def open(self, fields: Fields, ends: bool = True, stream: int | None = None) -> int:
        number = stream or self.next_stream
        self.next_stream = max(self.next_stream, number + 2)
        flags = END_HEADERS | (END_STREAM if ends else 0)
        self.send(frame(HEADERS, flags, number, self.block(fields)))
        self.answers[number] = Answer()
        self.windows[number] = self.settings.get(INITIAL_WINDOW, 65535)
        return number

    def data(self, stream: int, body: bytes, ends: bool = True) -> None:
        """As the windows of the other side allow; what comes meanwhile is read."""
        if not body:
            self.send(frame(DATA, END_STREAM if ends else 0, stream))
        while body and not self.answers[stream].is_over:
            room = min(self.window, self.windows[stream], FRAME_BYTES, len(body))
            if room <= 0:
                self.read()
                continue
            piece, body = body[:room], body[room:]
            self.window -= room
            self.windows[stream] -= room
            self.send(frame(DATA, END_STREAM if ends and not body else 0, stream, piece))

    def reset(self, stream: int, code: int = CANCEL) -> None:
        self.send(frame(RST_STREAM, 0, stream, word(code)))

    def give(self, stream: int, count: int) -> None:
        self.send(frame(WINDOW_UPDATE, 0, stream, word(count)))

    # ---- receiving

    def _take(self, count: int) -> bytes:
        while len(self._kept) < count:
            try:
                came = self.socket.recv(1 << 18)
            except (ConnectionError, ssl.SSLEOFError) as error:
                raise Cut(str(error)) from error
            if not came:
                raise Cut(f"the connection ended after {self._kept[-100:]!r}")
            self._kept += came
        taken, self._kept = self._kept[:count], self._kept[count:]
        return taken

    def read(self) -> Frame:
        """The next frame, taken note of and answered where that is due."""
        head = self._take(9)
        size = int.from_bytes(head[:3], "big")
        stream = int.from_bytes(head[5:], "big") & LAST_STREAM
        came = Frame(head[3], head[4], stream, self._take(size))
        notes: dict[int, Callable[[Frame], None]] = {
            DATA: self._note_data,
            HEADERS: self._note_head,
            CONTINUATION: self._note_more,
            RST_STREAM: self._note_reset,
            SETTINGS: self._note_settings,
            PING: self._note_ping,
            GOAWAY: self.goaways.append,
            WINDOW_UPDATE: self._note_window,
        }
        if note := notes.get(came.type):
            note(came)
        return came

    def _note_more(self, f: Frame) -> None:
        head = self._block
        assert head and head.stream == f.stream, "a frame of no head"
        self._block = None
        flags, payload = head.flags | f.flags & END_HEADERS, head.payload + f.payload
        self._note_head(head._replace(flags=flags, payload=payload))

    def _note_head(self, f: Frame) -> None:
        if not f.flags & END_HEADERS:
            self._block = f
            return
        answer = self.answers[f.stream]
        answer.heads.append([(str(n), str(v)) for n, v in self.decoder.decode(f.payload)])
        answer.is_whole = bool(f.flags & END_STREAM)

    def _note_data(self, f: Frame) -> None:
        answer = self.answers[f.stream]
        answer.body += f.payload
        answer.frames.append(len(f.payload))
        answer.is_whole = bool(f.flags & END_STREAM)
        if f.payload and not self.keeps_windows:
            update = self.give_bytes(0, len(f.payload))
            if not answer.is_whole:
                update += self.give_bytes(f.stream, len(f.payload))
            self.send(update)

    @staticmethod
    def give_bytes(stream: int, count: int) -> bytes:
        return frame(WINDOW_UPDATE, 0, stream, word(count))

    def _note_reset(self, f: Frame) -> None:
        if not self.answers[f.stream].is_whole:
            self.answers[f.stream].reset = f.code

    def _note_settings(self, f: Frame) -> None:
        if f.flags & ACK:
            return
        for at in range(0, len(f.payload), 6):
            name, value = struct.unpack_from(">HI", f.payload, at)
            if name == INITIAL_WINDOW:
                by = value - self.settings.get(INITIAL_WINDOW, 65535)
                self.windows = {stream: left + by for stream, left in self.windows.items()}
            self.settings[name] = value
        self.send(frame(SETTINGS, ACK))

    def _note_ping(self, f: Frame) -> None:
        if f.flags & ACK:
            self.pongs.append(f.payload)
        else:
            self.send(frame(PING, ACK, payload=f.payload))

    def _note_window(self, f: Frame) -> None:
        if f.stream == 0:
            self.window += f.last_stream
        elif f.stream in self.windows:
            self.windows[f.stream] += f.last_stream

    def until(self, what: Callable[[], object]) -> None:
        while not what():
            self.read()

    def answer(self, stream: int) -> Answer:
        one = self.answers[stream]
        self.until(lambda: one.is_over)
        return one

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        fields: Fields = (),
        body: bytes | None = None,
        authority: str | None = "site.test",
    ) -> Answer:
        stream = self.head(method, path, fields, authority, ends=body is None)
        if body is not None:
            self.data(stream, body)
        return self.answer(stream)

    def ping(self, mark: bytes = b"are you?") -> None:
        """Until the other side has dealt with all that was sent before."""
        self.send(frame(PING, 0, 0, mark))
        self.until(lambda: mark in self.pongs)

    def end(self) -> int | None:
        """Reads until the connection ends; the code of its GOAWAY, None when there was none."""
        try:
            while True:
                self.read()
        except Cut:
            return self.goaways[-1].code if self.goaways else None
