"""Request bodies that a worker reads while they come (option stream-request-body)."""

import hashlib
import os
import random
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
import wires
from conftest import Sites
from http1 import TIMEOUT_S, Cut, Peer, Response, build, chunked, get
from http2 import DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, RST_STREAM, Answer, Wire, frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import APPS, Site, memory_kib, until
from projects import make_django, write

HARD = b"\1\0\0\0\0\0\0\0"  # of SO_LINGER: close by a reset
KIB, MIB = 1 << 10, 1 << 20
LIMIT = 3 * MIB
WAYS = "read sizes read1 lines short-lines turns hints iterate readlines".split()
STREAMED = ["--stream-request-body", "all", "--body-limit", str(LIMIT)]
APP = f"import sys\nsys.path.append({str(APPS)!r})\nfrom streams import application\n"
EACH = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    return wires.start(shared, "streams", *STREAMED, workers=2, threads=4)


class Upload:
    """One request whose body goes out piece by piece, over any wire."""

    def __init__(self, site: Site, wire: str, target: str, length: int | None, *fields: str):
        address = wires.tls_address(site) if wire.endswith("tls") else site.address
        self.one = wires.OPENERS[wire](address)
        self.is_chunked = length is None
        pairs = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
        if isinstance(self.one, Wire):
            pairs = [(name.lower(), value) for name, value in pairs]
            pairs += [] if length is None else [("content-length", str(length))]
            self.one.until(lambda: self.one.settings and self.one.window > self.one.window_first)
            self.stream = self.one.head("POST", target, pairs, ends=False)
        else:
            framing = ("Content-Length", str(length))
            framing = ("Transfer-Encoding", "chunked") if length is None else framing
            self.one.send(build("POST", target, [*pairs, framing]))

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *_: object) -> None:
        self.one.close()

    def send(self, data: bytes) -> None:
        if isinstance(self.one, Wire):
            self.one.data(self.stream, data, ends=False)
        else:
            self.one.send(chunked(data, end=b"") if self.is_chunked and data else data)

    def end(self) -> None:
        if isinstance(self.one, Wire):
            self.one.data(self.stream, b"", ends=True)
        elif self.is_chunked:
            self.one.send(b"0\r\n\r\n")

    def answer(self) -> tuple[int, bytes]:
        if isinstance(self.one, Wire):
            answer = self.one.answer(self.stream)
            return answer.status, answer.body
        response: Response = self.one.response()
        return response.status, response.body


def body_of(chance: random.Random, most: int) -> bytes:
    """Lines of many lengths, or one without an end."""
    size = int(most ** chance.random())
    body = bytearray(chance.randbytes(size))
    if chance.random() < 0.2:
        return bytes(body).replace(b"\n", b"x")
    for _ in range(int(size ** chance.random()) // 2):
        body[chance.randrange(size)] = 10
    return bytes(body)


def cuts(chance: random.Random, body: bytes) -> Iterator[bytes]:
    at, most = 0, chance.choice((3, 1000, 20_000, 70_000, MIB))
    while at < len(body):
        size = min(chance.randint(1, most), len(body) - at) if at < 200 * most else len(body) - at
        yield body[at : at + size]
        at += size


def expected(body: bytes, length: int | None) -> bytes:
    named = "none" if length is None else str(length)
    return f"{len(body)} {hashlib.sha256(body).hexdigest()} {named}\n".encode()


# ---- what arrives is what was sent


@pytest.mark.parametrize("is_known", [True, False], ids=["length", "no-length"])
@pytest.mark.parametrize("wire", wires.WIRES)
@EACH
@given(seed=st.integers(0, 1 << 40), way=st.sampled_from(WAYS))
def test_any_body_in_any_pieces(site: Site, wire: str, is_known: bool, seed: int, way: str) -> None:
    chance = random.Random(seed)
    body = body_of(chance, 400_000)
    length = len(body) if is_known else None
    with Upload(site, wire, f"/{way}", length) as upload:
        for piece in cuts(chance, body):
            upload.send(piece)
        upload.end()
        assert upload.answer() == (200, expected(body, length))


@pytest.fixture(scope="module")
def gathered(shared: Sites) -> Site:
    return shared.start("streams", threads=2)


@EACH
@given(seed=st.integers(0, 1 << 40), way=st.sampled_from(WAYS))
def test_the_same_as_when_it_is_gathered(site: Site, gathered: Site, seed: int, way: str) -> None:
    body = body_of(random.Random(seed), 300_000)
    target = f"/{way}"
    with Peer(site.address) as one, Peer(gathered.address) as two:
        assert one.ask("POST", target, body=body).body == two.ask("POST", target, body=body).body


@pytest.mark.parametrize("wire", wires.WIRES)
def test_the_application_begins_before_the_end(site: Site, shared: Sites, wire: str) -> None:
    gate = shared.gate(f"begins-{wire}")
    with Upload(site, wire, f"/some?bytes=5&reads={gate.name}", 10) as upload:
        upload.send(b"first")
        assert gate.wait_reached() == "first"
        gate.open()
        upload.send(b"later")
        upload.end()
        assert upload.answer() == (200, b"firstlater")


def echoed(upload: Upload) -> Iterator[bytes]:
    """What came of the answer so far, each time there is more."""
    one, came = upload.one, b""
    if isinstance(one, Wire):
        answer = one.answers[upload.stream]
        while not answer.is_over:
            one.read()
            yield answer.body
        return
    for piece in one.pieces(one.head()):
        came += piece
        yield came


@pytest.mark.parametrize("wire", wires.WIRES)
def test_both_ways_at_once(site: Site, wire: str) -> None:
    with Upload(site, wire, "/echo", None) as upload:
        sent, came, back = b"begins\n", b"", echoed(upload)
        for number in range(30):
            piece = b"%d " % number * 200
            upload.send(piece)
            sent += piece
            while len(came) < len(sent):
                came = next(back)
            assert came == sent
        upload.end()
        assert all(came == sent for came in back)


def test_a_connection_goes_on_after_it(site: Site) -> None:
    body = b"x" * 100_000
    with Peer(site.address) as one:
        for _ in range(3):
            assert one.ask("POST", "/read", body=body).body == expected(body, len(body))
            answer = one.ask("POST", "/read", [("Transfer-Encoding", "chunked")], chunked(body))
            assert answer.body == expected(body, None)
        one.send(build("POST", "/sizes", body=body) * 3 + build("GET", "/nothing"))
        for _ in range(3):
            assert one.response().body == expected(body, len(body))
        assert one.response().body == b"not read\n"


def test_only_where_the_option_says_so(sites: Sites) -> None:
    folder = sites.folder / "p"
    folder.mkdir()
    (folder / "slipway.ini").write_text("[slipway]\n[route /some]\nstream-request-body = yes\n")
    (folder / "app.py").write_text(APP)
    site, gate = sites.start("app", chdir=folder, workers=2), sites.gate("some")
    with Upload(site, "http1", "/some?bytes=1&reads=some", 2) as upload:
        upload.send(b"1")
        gate.wait_reached()
        gate.open()
        upload.send(b"2")
        assert upload.answer() == (200, b"12")
    for target, length in [("/read?at=some", 3), ("/some?bytes=1&reads=some", None)]:
        with Upload(site, "http1", target, length) as upload:
            upload.send(b"1")
            assert get(site.address, "/nothing").status == 200
            assert not gate.is_reached(), "it was not gathered"
            upload.send(b"23")
            upload.end()
            gate.wait_reached()
            gate.open()
            assert upload.answer()[0] == 200


# ---- a body that does not become whole


@pytest.mark.parametrize("how", ["close", "half-close", "reset"])
@pytest.mark.parametrize("length", [100, None], ids=["length", "no-length"])
@pytest.mark.parametrize("wire", ["http1", "http1-tls", "http2"])
def test_an_upload_that_is_cut_fails(
    site: Site, shared: Sites, wire: str, length: int | None, how: str
) -> None:
    name = f"cut-{wire}-{length}-{how}"
    gate = shared.gate(name)
    with Upload(site, wire, f"/read?mark={name}&at={name}", length) as upload:
        upload.send(b"only a part of it")
        gate.wait_reached()
        gate.open()
        if isinstance(upload.one, Wire) and how == "half-close":
            upload.one.reset(upload.stream)
        elif how == "half-close":
            upload.one.socket.shutdown(socket.SHUT_WR)
        else:
            if how == "reset":
                upload.one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD)
            upload.one.close()
        marks = until("the application's word", lambda: shared.marks_of(name))
    assert marks == ["ConnectionResetError: the client left before it had sent all of its body"]
    assert "Traceback" not in site.log()


def test_a_malformed_chunk_is_400_and_fails(site: Site, shared: Sites) -> None:
    gate = shared.gate("malformed")
    with Upload(site, "http1", "/read?mark=malformed&at=malformed", None) as upload:
        upload.send(b"good")
        gate.wait_reached()
        gate.open()
        upload.one.send(b"5\r\nlonger than that\r\n")
        assert upload.answer()[0] == 400
        upload.one.expect_end()
    marks = until("the application's word", lambda: shared.marks_of("malformed"))
    assert marks[0].startswith("ConnectionResetError")


@pytest.mark.parametrize("wire", wires.WIRES)
def test_a_body_beyond_the_limit(site: Site, shared: Sites, wire: str) -> None:
    """Nobody knows before: the application has read most of it by then."""
    name = f"large-{wire}"
    with Upload(site, wire, f"/read?mark={name}&copes=1", None) as upload:
        with suppress(OSError, Cut):
            for _ in range(LIMIT // 50_000 + 2):
                upload.send(b"x" * 50_000)
        assert upload.answer()[0] == 413
    marks = until("the application's word", lambda: shared.marks_of(name))
    assert marks == ["OSError: the request body is larger than body-limit"]


def test_a_body_that_says_it_is_beyond_the_limit_is_refused_at_once(site: Site) -> None:
    with Upload(site, "http1", "/read?mark=never", LIMIT + 1) as upload:
        assert upload.answer()[0] == 413


def test_beyond_the_limit_with_the_answer_on_its_way(site: Site) -> None:
    with Upload(site, "http1", "/echo", None) as upload:
        head = upload.one.head()
        assert head.status == 200
        pieces = upload.one.pieces(head)
        with pytest.raises((Cut, ConnectionError)):
            for _ in range(LIMIT // 50_000 + 100):
                upload.send(b"x" * 50_000)
                next(pieces)


@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_408_and_an_error_for_a_body_that_does_not_come(sites: Sites, wire: str) -> None:
    site = wires.start(sites, "streams", *STREAMED, "--body-timeout", "100ms")
    with Upload(site, wire, "/read?mark=late&copes=1", 10) as upload:
        upload.send(b"12345")
        assert upload.answer()[0] == 408
    marks = until("the application's word", lambda: sites.marks_of("late"))
    assert marks[0].startswith("TimeoutError: the client sent too little")


# ---- answers before the end of the body


@pytest.mark.parametrize("wire", wires.WIRES)
def test_an_answer_without_reading(site: Site, wire: str) -> None:
    with Upload(site, wire, "/nothing", 2 * MIB) as upload:
        upload.send(b"x" * 1000)
        assert upload.answer() == (200, b"not read\n")
        if isinstance(upload.one, Wire):
            came = upload.one.read()
            while (came.type, came.stream) != (RST_STREAM, upload.stream):
                came = upload.one.read()
            assert came.code == NO_ERROR  # it need not go on (RFC 9113, section 8.1)
            assert upload.one.ask("GET", "/nothing").body == b"not read\n"
        else:
            upload.one.expect_end()


@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_continue_is_said_when_the_application_reads(site: Site, shared: Sites, wire: str) -> None:
    gate = shared.gate(f"continue-{wire}")
    target = f"/read?at={gate.name}"
    with Upload(site, wire, target, 5, "Expect: 100-continue") as upload:
        gate.wait_reached()
        if isinstance(upload.one, Wire):
            upload.one.ping(b"nothing?")
            assert upload.one.answers[upload.stream].heads == []
        else:
            assert upload.one.is_quiet()
        gate.open()
        if isinstance(upload.one, Wire):
            answer = upload.one.answers[upload.stream]
            upload.one.until(lambda: answer.heads)
            assert answer.status == 100
        else:
            assert upload.one.head().status == 100
        upload.send(b"12345")
        upload.end()
        assert upload.answer() == (200, expected(b"12345", 5))


@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_no_continue_where_nothing_is_read(site: Site, wire: str) -> None:
    with Upload(site, wire, "/nothing", 5, "Expect: 100-continue") as upload:
        assert upload.answer() == (200, b"not read\n")


def test_no_continue_for_who_sends_at_once(site: Site) -> None:
    with Peer(site.address) as one:
        fields = [("Expect", "100-continue"), ("Content-Length", "5")]
        one.send(build("POST", "/read", fields) + b"12")
        one.send(b"345")
        response = one.response()
        assert (response.status, response.body) == (200, expected(b"12345", 5))


# ---- who is slow


@pytest.mark.parametrize("wire", wires.WIRES)
def test_an_application_that_does_not_read_bounds_what_is_sent(
    site: Site, shared: Sites, wire: str
) -> None:
    gate = shared.gate(f"slow-{wire}")
    (edge,) = site.pids("edge")
    body = os.urandom(LIMIT)
    with Upload(site, wire, f"/sizes?at={gate.name}", LIMIT) as upload:
        gate.wait_reached()
        before_kib = memory_kib(edge)
        if isinstance(upload.one, Wire):
            room = min(upload.one.windows[upload.stream], upload.one.window)
            assert room < MIB
            upload.send(body[:room])
            upload.one.ping(b"all sent")
            given_back = upload.one.windows[upload.stream]
            assert given_back <= 64 * KIB, "no more than what is in the pipe"
            sent = room
        else:
            upload.one.socket.settimeout(0.5)
            sent = 0
            with suppress(TimeoutError, BlockingIOError):
                while sent < LIMIT:
                    sent += upload.one.socket.send(body[sent : sent + 50_000])
            upload.one.socket.settimeout(TIMEOUT_S)
        assert memory_kib(edge) - before_kib < 1500
        gate.open()
        upload.send(body[sent:])
        upload.end()
        assert upload.answer() == (200, expected(body, LIMIT))


def test_harakiri_counts_the_time_in_which_it_could_read(sites: Sites) -> None:
    limits = ["--harakiri", "300ms", "--harakiri-grace", "100ms"]
    site = wires.start(sites, "streams", *STREAMED, *limits)
    gate = sites.gate("hangs")
    with Upload(site, "http1", "/nothing?at=hangs", 1 * MIB) as upload:
        gate.wait_reached()
        with suppress(OSError):
            upload.send(b"x" * MIB)
        assert upload.answer()[0] == 504


# ---- processes that end


@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_a_worker_that_dies_amid_the_body(sites: Sites, wire: str) -> None:
    """The bytes it has read are gone: nobody else can run the request, be it never so safe."""
    site = wires.start(sites, "streams", *STREAMED)
    gate = sites.gate("dies")
    with Upload(site, wire, "/some?bytes=4&reads=dies", 100_000) as upload:
        upload.send(b"read")
        gate.wait_reached()
        (worker,) = site.pids("worker")
        os.kill(worker, signal.SIGKILL)
        with suppress(OSError, Cut):
            upload.send(b"x" * 90_000)
        assert upload.answer()[0] == 502
    site.wait_workers(1, without=[worker])
    assert get(site.address, "/nothing").status == 200


def test_a_safe_request_is_not_run_again(sites: Sites) -> None:
    site, gate = sites.start("streams", *STREAMED), sites.gate("dies")
    with Peer(site.address) as one:
        one.send(build("GET", "/some?bytes=4&reads=dies", [("Content-Length", "10")]))
        one.send(b"read")
        gate.wait_reached()
        os.kill(site.pids("worker")[0], signal.SIGKILL)
        assert one.response().status == 502
    assert not gate.is_reached()


def test_an_edge_that_dies_cuts_the_body(sites: Sites) -> None:
    site = sites.start("streams", *STREAMED)
    gate = sites.gate("edge")
    with Upload(site, "http1", "/some?bytes=4&reads=edge", None) as upload:
        upload.send(b"read")
        gate.wait_reached()
        (edge,) = site.pids("edge")
        os.kill(edge, signal.SIGKILL)
        with pytest.raises((Cut, OSError)):
            upload.answer()
    gate.open()
    until("another edge", lambda: site.pids("edge") not in ([], [edge]))
    assert get(site.address, "/nothing").status == 200


@pytest.mark.parametrize("what", ["reload", "stop"])
def test_an_upload_lives_through(sites: Sites, what: str) -> None:
    site, gate = sites.start("streams", *STREAMED), sites.gate("lives")
    with Upload(site, "http1", "/some?bytes=4&reads=lives", 9) as upload:
        upload.send(b"read")
        gate.wait_reached()
        if what == "reload":
            assert site.verb("reload").returncode == 0
        else:
            site.signal(signal.SIGTERM)
        upload.send(b" and ")
        gate.open()
        assert upload.answer() == (200, b"read and ")
    if what == "stop":
        assert site.wait() == 0


def descriptors(site: Site, name: str) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in site.pids(name))


def test_no_descriptor_is_left(sites: Sites) -> None:
    site = wires.start(sites, "streams", *STREAMED, workers=1)

    def ask_all() -> None:
        for wire in wires.WIRES:
            with Upload(site, wire, "/sizes", None) as upload:
                upload.send(b"x" * 300_000)
                upload.end()
                assert upload.answer()[0] == 200
            with Upload(site, wire, "/nothing", 100_000) as upload:
                assert upload.answer()[0] == 200
            with Upload(site, wire, "/read", 100_000) as upload:
                upload.send(b"x")

    def is_idle() -> bool:
        return sum(edge["connections"] for edge in site.status()["edges"]) == 0

    ask_all()
    until("the end of all", is_idle)
    before = [descriptors(site, name) for name in ("edge", "worker")]
    for _ in range(5):
        ask_all()
    until("the end of all", is_idle)
    assert descriptors(site, "edge") == before[0]
    # One whose offer was taken back stays until the next comes.
    until("the end of the last", lambda: descriptors(site, "worker") <= before[1] + 1)


def test_a_stream_that_ends_in_one_frame_with_its_head(site: Site) -> None:
    """HEADERS, DATA and END_STREAM come in one read."""
    with Wire(site.address) as wire:
        wire.ask("GET", "/nothing")
        pseudo = [(":method", "POST"), (":scheme", "http"), (":path", "/read")]
        block = wire.block([*pseudo, (":authority", "site.test")])
        wire.answers[3] = Answer()
        wire.send(frame(HEADERS, END_HEADERS, 3, block) + frame(DATA, END_STREAM, 3, b"short"))
        assert wire.answer(3).body == expected(b"short", None)


# ---- Django

VIEWS = """
import hashlib, sys
sys.path.append({apps!r})
import meet
from django.core.files.uploadhandler import FileUploadHandler
from django.core.files.base import ContentFile
from django.http import HttpResponse, UnreadablePostError
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


class Telling(FileUploadHandler):
    chunk_size = 4096

    def receive_data_chunk(self, raw_data, start):
        self.parts = getattr(self, "parts", []) + [raw_data]
        if start == 0:
            meet.pass_gate("handler")

    def file_complete(self, file_size):
        return ContentFile(b"".join(self.parts), self.file_name)


def say(data):
    return HttpResponse(f"{{len(data)}} {{hashlib.sha256(data).hexdigest()}}")


@csrf_exempt
def handled(request):
    request.upload_handlers = [Telling(request)]
    return say(request.FILES["it"].read())


@csrf_exempt
def form(request):
    return say(request.FILES["it"].read() + request.POST["word"].encode())


@csrf_exempt
def body(request):
    try:
        return say(request.body)
    except UnreadablePostError as error:
        meet.mark("unreadable", f"{{type(error).__name__}}: {{error}}")
        raise


@csrf_exempt
def lines(request):
    return say(b"".join(request))


urlpatterns = [path(view.__name__, view) for view in (handled, form, body, lines)]
"""
TYPE = "Content-Type: multipart/form-data; boundary=bound"


@pytest.fixture(scope="module")
def django(shared: Sites) -> Site:
    folder = make_django(shared.folder / "django")
    write(folder / "tiny" / "urls.py", VIEWS.format(apps=str(APPS)))
    options = ["--stream-request-body", "yes", "--body-limit", "20M"]
    return wires.start(shared, None, *options, chdir=folder, workers=2)


def multipart(data: bytes) -> bytes:
    return (
        b'--bound\r\nContent-Disposition: form-data; name="word"\r\n\r\nends\r\n'
        b'--bound\r\nContent-Disposition: form-data; name="it"; filename="it"\r\n\r\n'
        + data
        + b"\r\n--bound--\r\n"
    )


def said(data: bytes) -> bytes:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()


@pytest.mark.parametrize("wire", wires.WIRES)
def test_django_reads_forms_bodies_and_lines(django: Site, wire: str) -> None:
    chance = random.Random(6)
    data = body_of(chance, 6 * MIB) + os.urandom(3 * MIB)
    sent = {"/form": multipart(data), "/body": data[: 2 * MIB], "/lines": data}
    for target, body in sent.items():
        with Upload(django, wire, target, len(body), TYPE) as upload:
            for piece in cuts(chance, body):
                upload.send(piece)
            expects = data + b"ends" if target == "/form" else body
            assert upload.answer() == (200, said(expects)), target


def test_an_upload_handler_works_while_the_file_comes(django: Site, shared: Sites) -> None:
    data, gate = os.urandom(100_000), shared.gate("handler")
    body = multipart(data)
    with Upload(django, "http1", "/handled", len(body), TYPE) as upload:
        upload.send(body[:70_000])
        gate.wait_reached()
        gate.open()
        upload.send(body[70_000:])
        assert upload.answer() == (200, said(data))


def test_django_knows_that_a_body_was_cut(django: Site, shared: Sites) -> None:
    with Upload(django, "http1", "/body", 500_000) as upload:
        upload.send(b"x" * 400_000)
        until("a worker that reads", lambda: django.workers("busy"))
    marks = until("the view's word", lambda: shared.marks_of("unreadable"))
    assert marks == ["UnreadablePostError: the client left before it had sent all of its body"]


def test_django_has_the_length_of_what_has_none(django: Site) -> None:
    """It takes a body without CONTENT_LENGTH for empty, so `yes` gathers those."""
    with Upload(django, "http1", "/body", None) as upload:
        upload.send(b"no length")
        upload.end()
        assert upload.answer() == (200, said(b"no length"))
