"""Clients that would have HTTP/2 work for nothing: each attack is cut, and others are answered
meanwhile (RFC 9113, section 10.5; CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2024-27316,
CVE-2025-8671).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import hpack
import pytest
from conftest import Sites
from http1 import Cut, get
from http2 import (
    CALM,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_UPDATE,
    PROTOCOL_ERROR,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Answer,
    Wire,
    frame,
    word,
)
from program import Site, memory_kib, until

BATCH = 100
# What is allowed at once is ten times the option: so many frames are surely too many.
ALLOWED = {"--http2-idle-frames": "50", "--http2-resets": "10"}
MOST = 100 * BATCH

GET = [(":method", "GET"), (":scheme", "http"), (":path", "/hello"), (":authority", "site.test")]


@pytest.fixture(scope="module")
def plain(shared: Sites) -> Site:
    options = [word for pair in ALLOWED.items() for word in pair]
    return shared.start("plain", "--head-limit", "16K", "--send-timeout", "500ms", *options)


@pytest.fixture
def wire(plain: Site) -> Iterator[Wire]:
    with Wire(plain.address) as one:
        one.ping()
        yield one


def attack(wire: Wire, piece: Callable[[int], bytes]) -> int | None:
    """Sends far too many pieces, unless the other side ends it before; the code of its GOAWAY."""
    with suppress(Cut):
        for start in range(0, MOST, BATCH):
            wire.send(b"".join(piece(start + at) for at in range(BATCH)))
    return wire.end()


def others_are_answered(site: Site) -> None:
    with Wire(site.address) as wire:
        assert wire.ask(path="/hello").body == b"hello\n"
    assert get(site.address, "/hello").body == b"hello\n"


# ---- frames that ask for nothing

IDLE = {
    "ping": frame(PING, 0, 0, b"12345678"),
    "ping acknowledged, never sent": frame(PING, 1, 0, b"12345678"),
    "settings": frame(SETTINGS),
    "settings that change the window": frame(SETTINGS, payload=b"\0\4" + word(1000)),
    "priority": frame(PRIORITY, 0, 3, word(0) + b"\1"),
    "priority update": frame(PRIORITY_UPDATE, 0, 0, word(3) + b"u=1"),
    "window update": frame(WINDOW_UPDATE, 0, 0, word(1)),
    "goaway": frame(GOAWAY, 0, 0, word(0) + word(0)),
    "an unknown type": frame(0xBB, 0, 0, b"grease"),
}


@pytest.mark.parametrize("name", IDLE)
def test_frames_that_ask_for_nothing(plain: Site, wire: Wire, name: str) -> None:
    code = attack(wire, lambda _: IDLE[name])
    # who says that he goes, with nothing under way, may be taken at his word at once
    assert code == CALM or (name == "goaway" and code is None)
    others_are_answered(plain)


@pytest.mark.parametrize(
    ("why", "flags", "payload"),
    [("empty", 0, b""), ("padding alone", PADDED, b"\0"), ("much padding", PADDED, b"\xff" * 256)],
)
def test_empty_data(plain: Site, wire: Wire, why: str, flags: int, payload: bytes) -> None:
    stream = wire.head("POST", "/echo", ends=False)
    payload = payload[:1] + b"\0" * (len(payload) - 1)
    assert attack(wire, lambda _: frame(DATA, flags, stream, payload)) == CALM, why
    others_are_answered(plain)


def test_a_few_of_them_are_welcome(plain: Site, wire: Wire) -> None:
    for flood in ("ping", "settings", "priority", "window update", "an unknown type"):
        wire.send(IDLE[flood] * 20)
    assert wire.ask(path="/hello").status == 200


def test_windows_of_a_large_download_cost_nothing(sites: Sites) -> None:
    site = sites.start("work", "--http2-idle-frames", "1")
    with Wire(site.address) as wire:  # it gives back each frame's bytes, twice
        assert len(wire.ask(path="/download?mib=9").body) == 9 << 20


# ---- streams that are given up


def test_rapid_reset(sites: Sites, plain: Site, wire: Wire) -> None:
    """CVE-2023-44487: the application sees next to nothing of it."""
    numbers = count(1, 2)

    def piece(_: int) -> bytes:
        stream = next(numbers)
        head = frame(HEADERS, END_HEADERS | END_STREAM, stream, wire.block(GET))
        return head + frame(RST_STREAM, 0, stream, word(CANCEL))

    assert attack(wire, piece) == CALM
    plain.err.wait(r"HTTP/2 connection ended.* reason=.too many streams were reset")
    others_are_answered(plain)


def test_resets_that_the_server_is_made_to_send(plain: Site, wire: Wire) -> None:
    """CVE-2025-8671: each request breaks a rule, so that we reset it."""
    fields = [*GET, ("content-length", "5")]
    with suppress(Cut):
        for _ in range(MOST):
            assert wire.answer(wire.open(fields)).reset == PROTOCOL_ERROR
    assert wire.end() == CALM
    others_are_answered(plain)


class _Any(dict):
    """Answers on streams that were opened past the client."""

    def __missing__(self, stream: int) -> object:
        self[stream] = Answer()
        return self[stream]


# ---- heads


def test_continuation_flood(plain: Site, wire: Wire) -> None:
    """CVE-2024-27316: a head without an end."""
    piece = hpack.Encoder().encode([("x-a", "y" * 1000)], huffman=False)
    wire.send(frame(HEADERS, END_STREAM, 1, wire.block(GET)))
    assert attack(wire, lambda _: frame(CONTINUATION, 0, 1, piece)) == CALM
    others_are_answered(plain)


@pytest.mark.parametrize("payload", [b"", b"\x88"])
def test_small_continuations(plain: Site, wire: Wire, payload: bytes) -> None:
    wire.send(frame(HEADERS, END_STREAM, 1, wire.block(GET)))
    assert attack(wire, lambda _: frame(CONTINUATION, 0, 1, payload)) in (CALM, PROTOCOL_ERROR)
    others_are_answered(plain)


def bomb(wire: Wire, times: int) -> bytes:
    """One large field goes into the table, then an index of one byte names it `times` times."""
    large = wire.block([*GET, ("x-bomb", "b" * 3000)])
    assert wire.block([("x-bomb", "b" * 3000)]) == b"\xbe"
    return large + b"\xbe" * times


def test_hpack_bomb(plain: Site, wire: Wire) -> None:
    (edge,) = plain.pids("edge")
    before = memory_kib(edge)
    block = bomb(wire, 10000)  # 30 MB when it is read
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
    assert wire.end() == CALM
    assert memory_kib(edge) - before < 4096
    others_are_answered(plain)


def test_a_small_bomb_is_refused_alone(plain: Site, wire: Wire) -> None:
    stream = wire.head(path="/hello")
    assert wire.answer(stream).status == 200
    block = bomb(wire, 10)
    wire.answers = _Any()
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, block))
    assert wire.answer(3).status == 431
    wire.next_stream = 5
    assert wire.ask(path="/hello").status == 200


def test_a_table_that_grows_without_leave(plain: Site, wire: Wire) -> None:
    """A size update beyond what SETTINGS allow."""
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x3f\xe1\xff\x03" + wire.block(GET)))
    assert wire.end() == 9


# ---- clients that do not read


def test_small_windows(sites: Sites) -> None:
    """CVE-2019-9511: a large answer asked for byte by byte."""
    site = sites.start("work", "--http2-idle-frames", "50")
    with Wire(site.address, keeps_windows=True, window=0) as wire:
        wire.head(path="/download?mib=1")
        assert attack(wire, lambda _: frame(WINDOW_UPDATE, 0, 1, word(1)) * 3) == CALM
    assert get(site.address, "/work").status == 200


def test_windows_that_stay_closed(sites: Sites) -> None:
    site = sites.start("work", "--send-timeout", "300ms")
    with Wire(site.address, keeps_windows=True, window=0) as wire:
        streams = [wire.head(path="/download?mib=1") for _ in range(20)]
        assert all(wire.answer(stream).reset == CANCEL for stream in streams)
    assert get(site.address, "/work").status == 200


def test_windows_that_drip(sites: Sites) -> None:
    """A byte now and then holds no answer open: --send-rate."""
    site = sites.start("work", "--send-timeout", "400ms", "--send-rate", "100K")
    with Wire(site.address, keeps_windows=True, window=0) as wire:
        stream = wire.head(path="/download?mib=1")
        while not wire.answers[stream].is_over:
            wire.give(stream, 1)
            wire.read()
        assert wire.answers[stream].reset == CANCEL and len(wire.answers[stream].body) < 40 * 1024


def test_an_answer_that_waits_for_a_more_urgent_one(sites: Sites) -> None:
    """The client takes enough, but of another: nobody is too slow."""
    site = sites.start("work", "--send-timeout", "300ms", "--send-rate", "1K")
    with Wire(site.address, keeps_windows=True, window=1 << 24) as wire:
        urgent = wire.head(path="/download?mib=9", fields=[("priority", "u=0")])
        wire.until(lambda: wire.answers[urgent].body)
        patient = wire.head(path="/download?mib=1", fields=[("priority", "u=7")])
        begin = time.monotonic()
        while not wire.answers[urgent].is_over and time.monotonic() < begin + 2:
            wire.give(0, 32)
            wire.read()
        assert not wire.answers[urgent].is_over and wire.answers[patient].reset is None
        wire.give(0, 1 << 24)
        assert len(wire.answer(urgent).body) == 9 << 20
        assert len(wire.answer(patient).body) == 1 << 20


def test_a_body_that_drips(sites: Sites) -> None:
    """With a ping after each byte, more than a client is usually allowed."""
    pace = ["--body-timeout", "400ms", "--body-rate", "100K"]
    site = sites.start("plain", *pace, "--http2-idle-frames", "1000000")
    with Wire(site.address) as wire:
        stream = wire.head("POST", "/echo", ends=False)
        with suppress(Cut):
            while not wire.answers[stream].heads:
                wire.data(stream, b"x", ends=False)
                wire.ping(str(len(wire.pongs)).rjust(8).encode())
        assert wire.answer(stream).status == 408


def test_a_client_that_asks_and_reads_nothing(plain: Site) -> None:
    """CVE-2019-9517: the socket is full; what it asks for must not pile up."""
    (edge,) = plain.pids("edge")
    before = memory_kib(edge)
    with Wire(plain.address, receive_bytes=4096) as wire:
        wire.socket.settimeout(0.2)
        numbers = count(1, 2)
        try:
            while True:
                head = frame(HEADERS, END_HEADERS | END_STREAM, next(numbers), wire.block(GET))
                wire.send(head * 1)
        except (TimeoutError, Cut):
            pass
        assert memory_kib(edge) - before < 8192
        others_are_answered(plain)
        until("its end", lambda: plain.status()["edges"][0]["connections"] <= 1)


def test_all_attacks_at_once(plain: Site) -> None:
    """Many of each, and nobody else notices."""
    wires = [Wire(plain.address) for _ in range(10 * len(IDLE))]
    for wire, name in zip(wires, list(IDLE) * 10, strict=True):
        try:
            wire.send(IDLE[name] * 1000)
        except Cut:
            continue
    others_are_answered(plain)
    for wire in wires:
        assert wire.end() in (CALM, None)
        wire.close()
    others_are_answered(plain)


def test_a_slow_attack_meets_the_clock(sites: Sites) -> None:
    """Fewer frames than are counted keep nothing open: without a request the connection ends."""
    site = sites.start("plain", "--idle-timeout", "300ms", "--http2-idle-frames", "1000000")
    with Wire(site.address) as wire:
        while not wire.goaways:
            wire.send(IDLE["ping"])
            wire.read()
        assert wire.end() == NO_ERROR
