"""HTTP/2 with prior knowledge as a client sees it (RFC 9113, RFC 9218)."""

import hashlib
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import certificates
import pytest
from conftest import Sites
from http1 import Cut, Peer, get
from http2 import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    HEADERS,
    INTERNAL_ERROR,
    LAST_STREAM,
    MAX_STREAMS,
    NO_ERROR,
    NO_RFC7540_PRIORITIES,
    PREFACE,
    PRIORITY_UPDATE,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    Answer,
    Wire,
    frame,
    settings,
    tls_context,
    word,
)
from program import Site, until

BIG = os.urandom(1 << 20) * 4


@pytest.fixture(scope="module")
def plain(shared: Sites) -> Site:
    static = shared.folder / "static"
    static.mkdir()
    (static / "small.txt").write_bytes(b"a small file\n")
    (static / "big.bin").write_bytes(BIG)
    return shared.start(
        "plain",
        *["--listen", "127.0.0.1:0 tls"],
        *certificates.make(shared.folder, "site", "site.test").options,
        *["--head-limit", "8K", "--fields-limit", "50", "--body-limit", "8M"],
        *["--body-memory", "64K", "--http2-streams", "20", "--static", f"/static/={static}"],
    )


@pytest.fixture(scope="module")
def pep(shared: Sites) -> Site:
    return shared.start("pep")


@pytest.fixture(params=["plain", "tls"])
def wire(plain: Site, request: pytest.FixtureRequest) -> Iterator[Wire]:
    is_tls = request.param == "tls"
    context = tls_context() if is_tls else None
    with Wire(plain.addresses[is_tls], context=context) as one:
        yield one


# ---- requests


def test_one_connection_many_requests(wire: Wire) -> None:
    for _ in range(30):
        answer = wire.ask(path="/hello")
        assert (answer.status, answer.body) == (200, b"hello\n")
        assert answer.get("content-length") == "6" and answer.get("date")
    assert wire.settings[MAX_STREAMS] == 20 and wire.settings[NO_RFC7540_PRIORITIES] == 1


def test_environ(wire: Wire) -> None:
    fields = [("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("te", "trailers")]
    fields += [("cookie", "c=3"), ("x_two", "no")]
    answer = wire.ask(path="/environ?q=%20x", fields=fields)
    environ = json.loads(answer.body)
    assert environ["SERVER_PROTOCOL"] == "HTTP/2.0"
    assert environ["REQUEST_URI"] == "/environ?q=%20x" and environ["QUERY_STRING"] == "q=%20x"
    assert environ["HTTP_HOST"] == "site.test" and environ["SERVER_NAME"] == "site.test"
    assert environ["HTTP_COOKIE"] == "a=1; b=2; c=3" and environ["HTTP_X_ONE"] == "1"
    assert not {"HTTP_X_TWO", "HTTP_TE", "HTTP_CONNECTION"} & environ.keys()


def test_host_alone_is_the_host(wire: Wire) -> None:
    answer = wire.ask(path="/environ", fields=[("host", "other.test")], authority=None)
    assert json.loads(answer.body)["HTTP_HOST"] == "other.test"


def test_host_as_authority_says(wire: Wire) -> None:
    answer = wire.ask(path="/environ", fields=[("host", "Site.test")])
    assert answer.status == 200


@pytest.mark.parametrize(
    ("why", "status", "fields", "more"),
    [
        ("another Host than :authority", 400, [("host", "other.test")], {}),
        ("user information", 400, [], {"authority": "me@site.test"}),
        ("a path that leaves the root", 400, [], {"path": "/a/%00"}),
        ("a fragment", 400, [], {"path": "/a#b"}),
        ("a method longer than any", 501, [], {"method": "G" * 33}),
        ("more fields than fields-limit", 431, [(f"x-{n}", "1") for n in range(60)], {}),
        ("more bytes than head-limit", 431, [("x-big", "x" * 8000), ("y-big", "y" * 300)], {}),
        ("a value over head-limit", 431, [("x-big", "x" * 12000)], {}),
        ("TRACE", 405, [], {"method": "TRACE"}),
        ("another expectation", 417, [("expect", "200-ok")], {}),
    ],
)
def test_refused_requests(wire: Wire, why: str, status: int, fields: list, more: dict) -> None:
    answer = wire.ask(fields=fields, **more)
    assert answer.status == status or (status, answer.status) == (405, 501), why
    assert wire.ask(path="/hello").status == 200, "the connection goes on"


@pytest.mark.parametrize("path", ["http://other.test/hello", "https://site.test/", "hello", "@x"])
def test_a_path_that_names_a_host(wire: Wire, path: str) -> None:
    """With a scheme that is not HTTP's nghttp2 takes any; :authority alone says the host."""
    pseudo = [
        (":method", "GET"),
        (":scheme", "other"),
        (":path", path),
        (":authority", "site.test"),
    ]
    assert wire.answer(wire.open(pseudo)).status == 400
    pseudo[2] = (":path", "/hello")
    assert wire.answer(wire.open(pseudo)).status == 200


GET = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "site.test")]


@pytest.mark.parametrize(
    ("why", "fields"),
    [
        ("Connection", [*GET, ("connection", "close")]),
        ("Keep-Alive", [*GET, ("keep-alive", "5")]),
        ("Proxy-Connection", [*GET, ("proxy-connection", "close")]),
        ("Transfer-Encoding", [*GET, ("transfer-encoding", "chunked")]),
        ("Upgrade", [*GET, ("upgrade", "h2c")]),
        ("TE other than trailers", [*GET, ("te", "gzip")]),
        ("an unknown pseudo field", [*GET, (":color", "red")]),
        ("a response's pseudo field", [*GET, (":status", "200")]),
        ("a pseudo field twice", [*GET, (":path", "/x")]),
        ("a pseudo field behind a field", [GET[0], GET[1], ("a", "b"), GET[2], GET[3]]),
        ("no :method", GET[1:]),
        ("no :path", [GET[0], GET[1], GET[3]]),
        ("no :scheme", [GET[0], GET[2], GET[3]]),
        ("an empty :path", [GET[0], GET[1], (":path", ""), GET[3]]),
        ("a path without a slash", [GET[0], GET[1], (":path", "x"), GET[3]]),
        ("no host at all", GET[:3]),
        ("a capital letter", [*GET, ("X-A", "1")]),
        ("a space in a name", [*GET, ("x a", "1")]),
        ("LF in a value", [*GET, ("a", "b\nc")]),
        ("CR in a value", [*GET, ("a", "b\rc")]),
        ("NUL in a value", [*GET, ("a", "b\0c")]),
        ("two lengths", [*GET, ("content-length", "0"), ("content-length", "0")]),
        ("a length and no body", [*GET, ("content-length", "5")]),
        ("a length that is no number", [*GET, ("content-length", "x")]),
    ],
)
def test_malformed_requests(wire: Wire, why: str, fields: list) -> None:
    answer = wire.answer(wire.open(fields))
    assert answer.reset == PROTOCOL_ERROR, why
    assert wire.ask(path="/hello").status == 200, "the connection goes on"


def test_many_at_once(wire: Wire) -> None:
    streams = [wire.head(path=f"/page/{number}") for number in range(20)]
    for number, stream in enumerate(streams):
        assert wire.answer(stream).body == b"GET /page/%d\n" % number


def test_more_streams_than_allowed(sites: Sites) -> None:
    site = sites.start("plain", "--http2-streams", "5")
    gate = sites.gate("crowd")
    with Wire(site.address) as wire:
        wire.ping()
        streams = [wire.head(path="/gate?name=crowd") for _ in range(5)]
        gate.wait_reached()
        wire.head(path="/hello")
        assert wire.end() == PROTOCOL_ERROR
        assert not any(wire.answers[stream].heads for stream in streams)
    gate.open(5)
    assert get(site.address, "/hello").status == 200


# ---- bodies of requests


def test_a_small_body(wire: Wire) -> None:
    assert wire.ask("POST", "/echo", [("content-length", "5")], b"12345").body == b"12345"


def test_a_body_without_a_length(wire: Wire) -> None:
    answer = wire.ask("POST", "/environ", body=b"12345")
    environ = json.loads(answer.body)
    assert environ["body"] == "12345" and environ["CONTENT_LENGTH"] == "5"


def test_an_empty_body(wire: Wire) -> None:
    assert wire.ask("POST", "/echo", body=b"").body == b""


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("size", [32 * 1024, 32 * 1024 + 1, 65536, 65537, 1 << 20, 4 << 20])
def test_bodies_larger_than_windows(wire: Wire, size: int, length: bool) -> None:
    fields = [("content-length", str(size))] if length else []
    answer = wire.ask("POST", "/digest", fields, BIG[:size])
    assert answer.body == f"{size} {hashlib.sha256(BIG[:size]).hexdigest()}\n".encode()


def test_two_bodies_at_once(wire: Wire) -> None:
    first, second = (wire.head("POST", "/digest", ends=False) for _ in range(2))
    for at in range(0, len(BIG) // 4, 10000):
        for stream in (first, second):
            wire.data(stream, BIG[at : at + 10000], ends=False)
    for stream in (first, second):
        wire.data(stream, b"")
        assert wire.answer(stream).body.startswith(b"1050000 ")


def test_expect_continue(wire: Wire) -> None:
    stream = wire.head("POST", "/echo", [("expect", "100-continue")], ends=False)
    answer = wire.answers[stream]
    wire.until(lambda: answer.heads)
    assert answer.status == 100
    wire.data(stream, b"go on")
    assert wire.answer(stream).body == b"go on" and answer.interim == [100]


def test_trailers_are_dropped(wire: Wire) -> None:
    stream = wire.head("POST", "/echo", [("trailer", "x-sum")], ends=False)
    wire.data(stream, b"abc", ends=False)
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, wire.block([("x-sum", "6")])))
    assert wire.answer(stream).body == b"abc"


def test_a_body_over_the_limit_is_refused(wire: Wire) -> None:
    stream = wire.head("POST", "/echo", [("content-length", "9000000")], ends=False)
    assert wire.answer(stream).status == 413
    answer = wire.ask("POST", "/echo", body=BIG + BIG + b"x")
    assert answer.status == 413
    wire.until(lambda: wire.window > 65535)  # what was dropped is given back
    assert wire.ask("POST", "/echo", body=b"next").body == b"next"


def test_a_body_that_nobody_wants(wire: Wire) -> None:
    """The answer is whole at once; the rest is not waited for."""
    stream = wire.head("GET", "/static/small.txt", ends=False)
    assert wire.answer(stream).body == b"a small file\n"
    wire.send(frame(DATA, 0, stream, b"x"))
    wire.until(lambda: wire.read() == frame_of_reset(stream, NO_ERROR))


def frame_of_reset(stream: int, code: int) -> tuple[int, int, int, bytes]:
    return (3, 0, stream, word(code))


def test_a_length_that_the_body_does_not_keep(wire: Wire) -> None:
    stream = wire.head("POST", "/echo", [("content-length", "5")], ends=False)
    wire.data(stream, b"1234")
    assert wire.answer(stream).reset == PROTOCOL_ERROR
    stream = wire.head("POST", "/echo", [("content-length", "5")], ends=False)
    wire.data(stream, b"123456", ends=False)
    assert wire.answer(stream).reset == PROTOCOL_ERROR


def test_a_slow_body_is_answered_408(sites: Sites) -> None:
    site = sites.start("plain", "--body-timeout", "200ms")
    with Wire(site.address) as wire:
        stream = wire.head("POST", "/echo", ends=False)
        wire.data(stream, b"abc", ends=False)
        assert wire.answer(stream).status == 408
        assert wire.ask(path="/hello").status == 200


# ---- answers


def test_head(wire: Wire) -> None:
    answer = wire.ask("HEAD", "/hello")
    assert (answer.status, answer.body, answer.frames) == (200, b"", [])
    assert answer.get("content-length") == "6"
    answer = wire.ask("HEAD", "/static/big.bin")
    assert answer.get("content-length") == str(len(BIG)) and not answer.frames


def test_files(wire: Wire) -> None:
    answer = wire.ask(path="/static/small.txt")
    assert answer.body == b"a small file\n" and "text/plain" in (answer.get("content-type") or "")
    tag = answer.get("etag") or ""
    answer = wire.ask(path="/static/small.txt", fields=[("if-none-match", tag)])
    assert (answer.status, answer.frames) == (304, [])
    answer = wire.ask(path="/static/big.bin", fields=[("range", "bytes=100000-199999")])
    assert answer.status == 206 and answer.body == BIG[100000:200000]
    assert wire.ask(path="/static/big.bin").body == BIG


def test_many_big_files_at_once(wire: Wire) -> None:
    streams = [wire.head(path="/static/big.bin") for _ in range(5)]
    assert all(wire.answer(stream).body == BIG for stream in streams)


def test_a_stream_of_pieces(shared: Sites, wire: Wire) -> None:
    name = f"pieces-{id(wire)}"
    gate = shared.gate(name)
    stream = wire.head(path=f"/stream?n=3&name={name}")
    gate.wait_reached()
    wire.until(lambda: wire.answers[stream].body == b"piece 0\n")
    gate.open()
    assert wire.answer(stream).body == b"piece 0\npiece 1\npiece 2\n"


def test_windows_are_kept(plain: Site) -> None:
    with Wire(plain.address, keeps_windows=True, window=1000) as wire:
        stream = wire.head(path="/static/big.bin")
        answer = wire.answers[stream]
        wire.until(lambda: len(answer.body) >= 1000)
        wire.ping()
        assert len(answer.body) == 1000
        wire.give(stream, 1)
        wire.until(lambda: len(answer.body) > 1000)
        wire.give(stream, LAST_STREAM - 1000000)
        wire.until(lambda: len(answer.body) >= 65535)
        wire.ping()
        assert len(answer.body) == 65535, "the connection has a window, too"
        wire.give(0, len(BIG))
        assert wire.answer(stream).body == BIG


def test_a_window_may_become_negative(plain: Site) -> None:
    """SETTINGS take back what was not used (RFC 9113, section 6.9.2)."""
    with Wire(plain.address, keeps_windows=True, window=10000) as wire:
        stream = wire.head(path="/static/big.bin")
        answer = wire.answers[stream]
        wire.until(lambda: len(answer.body) == 10000)
        wire.send(settings(window=5000))
        wire.give(stream, 4000)
        wire.ping()
        assert len(answer.body) == 10000
        wire.give(stream, 2000)
        wire.until(lambda: len(answer.body) == 11000)


def test_a_window_too_large(wire: Wire, plain: Site) -> None:
    """Given twice: the first may just fill up what the server has used of the window meanwhile."""
    with Wire(plain.address, keeps_windows=True, window=10) as one:
        stream = one.head(path="/static/big.bin")
        one.send(one.give_bytes(stream, LAST_STREAM) * 2)
        assert one.answer(stream).reset == FLOW_CONTROL_ERROR
        one.send(frame(8, 0, 0, word(LAST_STREAM)) * 2)
        assert one.end() == FLOW_CONTROL_ERROR


def test_a_client_that_reads_nothing_frees_the_worker(sites: Sites) -> None:
    site = sites.start("work", "--response-memory", "64K")
    with Wire(site.address, keeps_windows=True) as wire:
        stream = wire.head(path="/download?mib=5")
        wire.until(lambda: wire.answers[stream].body)
        assert get(site.address, "/work").status == 200, "the only worker is free"
        wire.keeps_windows = False
        wire.send(wire.give_bytes(0, 1 << 24) + wire.give_bytes(stream, 1 << 24))
        assert len(wire.answer(stream).body) == 5 << 20


def test_back_pressure_without_a_spool(sites: Sites) -> None:
    """The worker waits for its client, and goes on as windows come."""
    site = sites.start("work", "--response-memory", "64K", "--response-spool", "0")
    with Wire(site.address) as wire:
        assert len(wire.ask(path="/download?mib=9").body) == 9 << 20


def test_a_client_that_never_reads_is_cut(sites: Sites) -> None:
    site = sites.start("work", "--send-timeout", "300ms")
    with Wire(site.address, keeps_windows=True) as wire:
        stream = wire.head(path="/download?mib=1")
        assert wire.answer(stream).reset == CANCEL
        site.out.wait(r'"GET /download\?mib=1 HTTP/2.0" 200 65535 ')
        wire.send(wire.give_bytes(0, 65535))
        assert wire.ask(path="/work").status == 200


@pytest.mark.parametrize(
    ("page", "reset"),
    [("too-short", INTERNAL_ERROR), ("too-long", None), ("too-long-in-pieces", None)],
)
def test_answers_that_do_not_keep_their_length(pep: Site, page: str, reset: int | None) -> None:
    with Wire(pep.address) as wire:
        answer = wire.ask(path=f"/{page}")
        assert answer.reset == reset and b"Not A Response" not in answer.body
        assert wire.ask(path="/hello").status == 200


@pytest.mark.parametrize("page", ["status-with-body?204", "head?name=hop-connection", "nothing"])
def test_odd_answers(pep: Site, page: str) -> None:
    with Wire(pep.address) as wire:
        answer = wire.ask(path=f"/{page}")
        assert answer.is_whole and not answer.get("connection")
        assert wire.ask(path="/hello").status == 200


# ---- who leaves, and when


def test_a_request_given_up_in_the_queue_never_runs(sites: Sites) -> None:
    site = sites.start("plain")
    gate = sites.gate("busy")
    with Wire(site.address) as wire:
        busy = wire.head(path="/gate?name=busy")
        gate.wait_reached()
        wire.reset(wire.head("GET", "/mark?name=given-up"))
        wire.ping()
        gate.open()
        assert wire.answer(busy).status == 200
        assert wire.ask(path="/mark?name=kept").status == 200
    assert sites.marks_of("given-up") == [] and len(sites.marks_of("kept")) == 1
    site.out.wait(r'"GET /mark\?name=given-up HTTP/2.0" 499 0 ')


def test_a_request_given_up_while_it_runs(sites: Sites) -> None:
    site = sites.start("plain")
    gate = sites.gate("busy")
    with Wire(site.address) as wire:
        stream = wire.head(path="/gate?name=busy")
        gate.wait_reached()
        wire.reset(stream)
        wire.ping()
        gate.open()
        assert wire.ask(path="/hello").status == 200


def test_a_connection_that_vanishes(sites: Sites) -> None:
    site = sites.start("plain")
    gate = sites.gate("busy")
    with Wire(site.address) as wire:
        wire.head(path="/gate?name=busy")
        wire.head(path="/static/none")
        wire.head("POST", "/echo", ends=False)
        gate.wait_reached()
    gate.open()
    assert get(site.address, "/hello").status == 200


def test_drain_loses_nothing(sites: Sites) -> None:
    """GOAWAY in two steps (RFC 9113, section 6.8)."""
    site = sites.start("plain")
    gate = sites.gate("last")
    with Wire(site.address) as wire:
        stream = wire.head(path="/gate?name=last")
        gate.wait_reached()
        site.signal(signal.SIGTERM)
        wire.until(lambda: len(wire.goaways) == 1)
        assert (wire.goaways[0].last_stream, wire.goaways[0].code) == (LAST_STREAM, NO_ERROR)
        late = wire.head(path="/hello")  # crossed the notice
        wire.until(lambda: len(wire.goaways) == 2)
        gate.open()
        assert wire.answer(stream).body == b"through\n"
        if wire.goaways[1].last_stream >= late:
            assert wire.answer(late).body == b"hello\n"
        assert wire.end() == NO_ERROR
    assert site.wait() == 0


def test_drain_ends_an_idle_connection(sites: Sites) -> None:
    site = sites.start("plain", "--drain-idle", "60s")
    with Wire(site.address) as wire:
        assert wire.ask(path="/hello").status == 200
        site.signal(signal.SIGTERM)
        assert wire.end() == NO_ERROR
    assert site.wait() == 0


def test_idle_connections_end(sites: Sites) -> None:
    site = sites.start("plain", "--idle-timeout", "200ms")
    with Wire(site.address) as wire:
        assert wire.ask(path="/hello").status == 200
        assert wire.end() == NO_ERROR


def test_requests_limit(sites: Sites) -> None:
    site = sites.start("plain", "--requests-limit", "3")
    with Wire(site.address) as wire:
        for _ in range(3):
            assert wire.ask(path="/hello").status == 200
        assert wire.end() == NO_ERROR


@pytest.mark.parametrize("flags", [END_STREAM, END_STREAM | END_HEADERS])
def test_a_head_that_does_not_come_whole(sites: Sites, flags: int) -> None:
    site = sites.start("plain", "--head-timeout", "200ms")
    with Wire(site.address) as wire:
        wire.ping()
        head = frame(HEADERS, flags, 1, wire.block(GET))
        wire.send(head[:-3] if flags & END_HEADERS else head)
        assert wire.end() == NO_ERROR


# ---- the wire


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 14, 16, 20, 23, 24, 25, 33])
def test_a_preface_in_pieces(plain: Site, cut: int) -> None:
    data = PREFACE + settings()
    with Wire(plain.address, first=data[:cut]) as wire:
        wire.send(data[cut:])
        assert wire.ask(path="/hello").body == b"hello\n"


def test_a_wrong_preface(plain: Site) -> None:
    with Wire(plain.address, first=PREFACE[:-3] + b"x\r\n") as wire, pytest.raises(Cut):
        wire.read()
    with Peer(plain.address) as peer:
        peer.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        peer.expect_end()


def test_a_preface_behind_a_request_is_none(plain: Site) -> None:
    with Peer(plain.address) as peer:
        assert peer.ask(target="/hello").status == 200
        peer.send(PREFACE + settings())
        assert peer.response().status == 505


def test_https(plain: Site) -> None:
    with Wire(plain.addresses[1], context=tls_context()) as wire:
        environ = json.loads(wire.ask(path="/environ").body)
    assert environ["wsgi.url_scheme"] == "https" and environ["HTTPS"] == "on"


def test_tls_without_http2(sites: Sites) -> None:
    pair = certificates.make(sites.folder, "site", "site.test")
    site = sites.start("plain", *pair.options, "--http2", "no", listen="127.0.0.1:0 tls")
    with (
        socket.create_connection(site.address) as plain,
        tls_context().wrap_socket(plain, server_hostname="site.test") as tls,
    ):
        assert tls.selected_alpn_protocol() == "http/1.1"


def test_without_http2(sites: Sites) -> None:
    site = sites.start("plain", "--http2", "no")
    with Peer(site.address) as peer:
        peer.send(PREFACE + settings())
        assert peer.response().status == 505


def test_every_byte_alone(plain: Site) -> None:
    with Wire(plain.address) as wire:
        head = frame(HEADERS, END_HEADERS | END_STREAM, 1, wire.block([*GET, ("a", "b")]))
        wire.answers[1] = Answer()
        for at in range(len(head)):
            wire.send(head[at : at + 1])
        assert wire.answer(1).body == b"GET /\n"


def test_a_head_in_several_frames(wire: Wire) -> None:
    block = wire.block([*GET, ("x-long", "y" * 500)])
    wire.send(frame(HEADERS, END_STREAM, 1, block[:10]))
    wire.send(frame(CONTINUATION, 0, 1, block[10:200]))
    wire.send(frame(CONTINUATION, END_HEADERS, 1, block[200:]))
    wire.answers[1] = Answer()
    assert wire.answer(1).status == 200


@pytest.mark.parametrize(
    ("why", "code", "what"),
    [
        ("a stream below one that was opened", PROTOCOL_ERROR, "lower"),
        ("DATA on a stream that the client ended", STREAM_CLOSED, "data"),
        ("HEADERS on a stream that the client ended", STREAM_CLOSED, "headers"),
        ("DATA on a stream that was never opened", PROTOCOL_ERROR, "idle"),
        ("an even stream", PROTOCOL_ERROR, "even"),
        ("WINDOW_UPDATE by nothing", PROTOCOL_ERROR, "window"),
        ("a stream that depends on itself", PROTOCOL_ERROR, "priority"),
    ],
)
def test_broken_rules_end_the_connection(wire: Wire, why: str, code: int, what: str) -> None:
    assert wire.ask(path="/hello").status == 200
    stream = wire.head(path="/hello", stream=9)
    assert wire.answer(stream).status == 200
    block = wire.block(GET)
    wire.send(
        {
            "lower": frame(HEADERS, END_HEADERS | END_STREAM, 5, block),
            "data": frame(DATA, 0, 9, b"x"),
            "headers": frame(HEADERS, END_HEADERS | END_STREAM, 9, block),
            "idle": frame(DATA, 0, 11, b"x"),
            "even": frame(HEADERS, END_HEADERS | END_STREAM, 10, block),
            "window": frame(8, 0, 9, word(0)),
            "priority": frame(2, 0, 9, word(9) + b"\x10"),
        }[what]
    )
    assert wire.end() == code, why


# ---- priorities (RFC 9218)


def order_of(wire: Wire, streams: list[int]) -> list[int]:
    """The streams in the order in which they became whole."""
    order: list[int] = []
    while len(order) < len(streams):
        came = wire.read()
        if came.type == DATA and came.flags & END_STREAM:
            order.append(came.stream)
    return order


def stalled(plain: Site) -> Wire:
    """A connection whose window is used up, so that what follows waits together."""
    wire = Wire(plain.address, keeps_windows=True, window=1 << 24)
    stream = wire.head(path="/static/big.bin", fields=[("priority", "u=7")])
    wire.until(lambda: len(wire.answers[stream].body) == 65535)
    return wire


def test_urgent_answers_come_first(plain: Site) -> None:
    with stalled(plain) as wire:
        urgency = [5, 0, 3, 1]
        streams = [
            wire.head(path="/static/big.bin", fields=[("priority", f"u={u}")]) for u in urgency
        ]
        wire.ping()
        wire.give(0, 1 << 26)
        assert order_of(wire, [1, *streams]) == [streams[1], streams[3], streams[2], streams[0], 1]


def test_priority_update(plain: Site) -> None:
    with stalled(plain) as wire:
        first, second = (wire.head(path="/static/big.bin") for _ in range(2))
        wire.send(frame(PRIORITY_UPDATE, 0, 0, word(second) + b"u=1"))
        wire.ping()
        wire.give(0, 1 << 26)
        assert order_of(wire, [1, first, second]) == [second, first, 1]


def test_incremental_answers_share(plain: Site) -> None:
    with stalled(plain) as wire:
        streams = [wire.head(path="/static/big.bin", fields=[("priority", "u=2, i")]) for _ in "ab"]
        wire.ping()
        wire.give(0, 1 << 20)
        wire.until(lambda: sum(len(wire.answers[s].body) for s in streams) == 1 << 20)
        got = [len(wire.answers[s].body) for s in streams]
        assert max(got) - min(got) <= 2 * 16384


def test_reload_of_a_connection(sites: Sites) -> None:
    """A reload of the site leaves connections as they are."""
    site = sites.start("plain")
    with Wire(site.address) as wire:
        assert wire.ask(path="/hello").status == 200
        assert site.verb("reload").returncode == 0
        assert wire.ask(path="/hello").status == 200


@pytest.mark.parametrize(("count", "size"), [(60, 1000), (480, 119), (490, 110), (1, 60_000)])
def test_large_heads(pep: Site, count: int, size: int) -> None:
    """As large as they may be over HTTP/1."""
    target = f"/fields?count={count}&size={size}"
    with Peer(pep.address) as peer:
        assert peer.ask(target=target).status == 200
    with Wire(pep.address) as wire:
        for _ in range(3):
            answer = wire.ask(path=target)
            assert (answer.status, answer.body) == (200, b"many\n")
            values = [v for name, v in answer.heads[0] if name.startswith("x-field-")]
            assert values == [f"{number} ".ljust(size, "v") for number in range(count)]


# ---- asleep


def cells_kib(site: Site) -> int:
    """What the sessions of all connections have in memory: a mapping with flags of its own (and so
    has what sanitizers keep, in terabytes of addresses)."""
    (edge,) = site.pids("edge")
    found = []
    for one in re.split(r"^(?=[0-9a-f]+-)", Path(f"/proc/{edge}/smaps").read_text(), flags=re.M):
        facts = dict(re.findall(r"^(\w+): *(.*)$", one, re.M))
        if {"nh", "nr"} <= {*facts.get("VmFlags", "").split()}:
            size, rss = (int(facts[name].split()[0]) for name in ("Size", "Rss"))
            found += [rss] if size < 1 << 20 else []
    assert found, "no session has a place of its own"
    return sum(found)


def test_a_connection_that_slept_goes_on(sites: Sites) -> None:
    """Tables of HPACK, windows, a ping, the end: all as if it had not."""
    site = sites.start("plain", "--http2-sleep", "50ms")
    fields = [(f"x-field-{number}", f"value {number}") for number in range(30)]
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(site.address)) for _ in range(70)]
        for wire in wires:
            wire.ask(path="/hello", fields=fields)
        until("all asleep", lambda: cells_kib(site) == 0)
        for number, wire in enumerate(wires):
            if number % 2:
                wire.ping()
            environ = json.loads(wire.ask(path="/environ", fields=fields).body)
            assert environ["HTTP_X_FIELD_29"] == "value 29"
        body = os.urandom(300_000)
        assert wires[0].ask("POST", "/echo", body=body).body == body
        until("all asleep again", lambda: cells_kib(site) == 0)
        for wire in wires[:10]:
            wire.close()
        with Wire(site.address) as wire:
            assert wire.ask(path="/hello").status == 200
        site.signal(signal.SIGTERM)
        for wire in wires[10:]:
            assert wire.end() == NO_ERROR
    assert site.wait() == 0


def test_idle_connections_that_sleep_end(sites: Sites) -> None:
    site = sites.start("plain", "--http2-sleep", "50ms", "--idle-timeout", "300ms")
    with Wire(site.address) as one, Wire(site.address) as two:
        assert one.ask(path="/hello").status == 200
        assert one.end() == NO_ERROR and two.end() == NO_ERROR
