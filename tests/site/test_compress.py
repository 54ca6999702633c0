"""Which bodies go through a coding, and that every client gets what the application said."""

import gzip
import zlib
from pathlib import Path

import brotli
import pytest
from codings import ZstdReader, decode
from conftest import Sites
from http1 import Peer, Response, build, get
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Site
from projects import write

APPLICATION = """
import json, os, random
from urllib.parse import parse_qs

WORDS = "harbour crane quay the of and ship rope tide anchor gull buoy".split()

def text(count, seed=1):
    chance = random.Random(seed)
    return (" ".join(chance.choice(WORDS) for _ in range(count // 4 + 1)))[:count].encode()

def application(environ, start_response):
    want = {key: values[-1] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    count = int(want.get("bytes", 20000))
    fields = [("Content-Type", want.get("type", "text/html; charset=utf-8"))]
    fields += [tuple(pair) for pair in json.loads(want.get("fields", "[]"))]
    status = want.get("status", "200 OK")
    body = os.urandom(count) if "noise" in want else text(count)
    if "length" in want:
        fields.append(("Content-Length", str(len(body))))
    start_response(status, fields)
    if "file" in want:
        with open(want["file"], "wb") as file:
            file.write(body)
        return environ["wsgi.file_wrapper"](open(want["file"], "rb"))
    if "gate" in want:
        return held(body, want["gate"])
    size = int(want.get("piece", len(body) or 1))
    return [body[at:at + size] for at in range(0, len(body), size)]

def held(body, gate):
    half = len(body) // 2
    yield body[:half]
    with open(os.environ["GATES"] + f"/{gate}.go", "rb", buffering=0) as file:
        file.read(1)  # until the test opens the gate
    yield body[half:]
"""


def text(count: int) -> bytes:
    space: dict[str, object] = {}
    exec(APPLICATION, space)  # noqa: S102
    made: bytes = space["text"](count)  # type: ignore[operator]
    return made


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    folder = shared.folder / "squeeze"
    write(folder / "squeeze.py", APPLICATION)
    started: Site = shared.start("squeeze", chdir=folder, workers=1, threads=2)
    return started


def ask(site: Site, query: str = "", accepts: str | None = "gzip", method: str = "GET") -> Response:
    fields = [("Accept-Encoding", accepts)] if accepts is not None else []
    return get(site.address, f"/?{query}", fields, method)


@pytest.mark.parametrize(("accepts", "coding"), [
    ("gzip", "gzip"), ("br", "br"), ("gzip, deflate, br, zstd", "zstd"), ("br;q=0, gzip", "gzip"),
    ("*", "zstd"), ("zstd", "zstd"), ("gzip, br", "br"), ("zstd;q=0.5, br;q=0.5", "zstd"),
    ("zstd;q=0.4, gzip;q=0.5", "gzip"), ("deflate", None), ("identity", None), ("gzip;q=0", None),
    ("", None), (None, None),
])  # fmt: skip
def test_what_the_client_takes(site: Site, accepts: str | None, coding: str | None) -> None:
    response = ask(site, "", accepts)
    assert response.get("Content-Encoding") == coding
    assert decode(response) == text(20000)
    assert response.get("Vary") == "Accept-Encoding"
    assert (len(response.body) < 10000) == (coding is not None)
    assert (response.get("Content-Length") is None) == (coding is not None)


@pytest.mark.parametrize("query", [
    "type=image/png", "type=font/woff2", "type=application/zip", "type=text/event-stream",
    "bytes=1023&length=1", "bytes=100", "bytes=0", "status=204 No+Content&bytes=0",
    "status=304 Not+Modified&bytes=0",
    "status=206 Partial+Content&fields=[[\"Content-Range\",\"bytes 0-19999/50000\"]]",
    "fields=[[\"Content-Encoding\",\"zstd\"]]",
    "fields=[[\"Cache-Control\",\"public, no-transform\"]]",
    "fields=[[\"Content-Digest\",\"sha-256=:AAAA:\"]]",
])  # fmt: skip
def test_what_stays_as_it_is(site: Site, query: str) -> None:
    query = query.replace(" ", "%20").replace('"', "%22")
    asked, plain = ask(site, query), ask(site, query, None)
    assert asked.get("Content-Encoding") in (None, "zstd")
    assert asked.body == plain.body
    assert asked.get("Content-Length") == plain.get("Content-Length")
    assert "Accept-Encoding" not in (asked.get("Vary") or "")


@pytest.mark.parametrize("query", [
    "status=404 Not+Found", "status=500 Internal+Server+Error", "type=application/json",
    "type=image/svg%2Bxml", "type=application/problem%2Bjson", "length=1", "piece=7", "piece=5000",
    "bytes=2000000", "bytes=2000000&length=1", "bytes=300000&noise=1", "bytes=1024",
])  # fmt: skip
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_what_is_encoded(site: Site, query: str, coding: str) -> None:
    query = query.replace(" ", "%20")
    response = ask(site, query, coding)
    assert response.get("Content-Encoding") == coding
    assert response.get("Transfer-Encoding") == "chunked"
    if "noise" not in query:
        assert decode(response) == ask(site, query, None).body
    else:
        assert len(decode(response)) == 300000


def test_an_etag_becomes_weak(site: Site) -> None:
    query = "fields=[[%22ETag%22,%22%5C%22one%5C%22%22],[%22Accept-Ranges%22,%22bytes%22]]"
    coded, plain = ask(site, query), ask(site, query, None)
    assert plain.get("ETag") == '"one"' and plain.get("Accept-Ranges") == "bytes"
    assert coded.get("ETag") == 'W/"one"' and coded.get("Accept-Ranges") is None


@pytest.mark.parametrize(("vary", "after"), [
    ("Cookie", ["Cookie", "Accept-Encoding"]), ("*", ["*"]),
    ("accept-encoding, Cookie", ["accept-encoding, Cookie"]),
])  # fmt: skip
def test_vary_is_said_once(site: Site, vary: str, after: list[str]) -> None:
    response = ask(site, f"fields=[[%22Vary%22,%22{vary.replace(' ', '%20')}%22]]")
    assert response.head.all("Vary") == after


def test_head_has_the_fields_of_get(site: Site) -> None:
    head, whole = ask(site, "", method="HEAD"), ask(site)
    names = [name for name, _ in whole.head.fields if name not in ("Date", "Transfer-Encoding")]
    assert [
        name for name, _ in head.head.fields if name not in ("Date", "Transfer-Encoding")
    ] == names
    assert head.body == b""


def test_http_1_0_gets_it_plain(site: Site) -> None:
    with Peer(site.address) as peer:
        peer.send(build("GET", "/", [("Accept-Encoding", "gzip"), ("Host", "a")], version="1.0"))
        response = peer.response()
    assert response.get("Content-Encoding") is None and response.body == text(20000)


@pytest.mark.parametrize("length", ["", "&length=1"])
@pytest.mark.parametrize("count", [0, 1, 20000, 1_000_000])
def test_a_file_of_the_application(site: Site, tmp_path: Path, count: int, length: str) -> None:
    response = ask(site, f"bytes={count}&file={tmp_path}/a.csv&type=text/csv{length}", "br")
    assert decode(response) == text(count)
    assert (response.get("Content-Encoding") == "br") == (count > 1024 or not length and count > 1)


def test_a_stream_is_not_held_back(site: Site, shared: Sites) -> None:
    """The client can read the first half while the application waits before the second."""
    for coding in ("gzip", "br", "zstd"):
        gate = shared.gate(f"half-{coding}")
        with Peer(site.address) as peer:
            target = f"/?bytes=50000&gate={gate.name}"
            peer.send(build("GET", target, [("Accept-Encoding", coding)]))
            head = peer.head()
            assert head.get("Content-Encoding") == coding
            turn = {
                "gzip": zlib.decompressobj(31).decompress,
                "br": brotli.Decompressor().process,
                "zstd": ZstdReader().read,
            }[coding]
            plain = b""
            while len(plain) < 25000:
                piece = peer.chunk()
                assert piece is not None
                plain += turn(piece)
            assert plain == text(50000)[:25000]
            gate.open()
            while piece := peer.chunk():
                plain += turn(piece)
            assert plain == text(50000)


def test_a_slow_client_gets_all_of_it(site: Site, tmp_path: Path) -> None:
    """More than sockets and memory hold, of a body and of a file: what waits is taken up again."""
    for more in ("", f"&file={tmp_path}/noise&type=text/csv"):
        with Peer(site.address, receive_bytes=4096) as peer:
            peer.send(build("GET", f"/?bytes=6000000&noise=1{more}", [("Accept-Encoding", "gzip")]))
            head = peer.head()
            assert head.get("Content-Encoding") == "gzip"
            assert ask(site, "bytes=2000").status == 200  # the worker is free meanwhile
            assert len(gzip.decompress(peer.body(head))) == 6000000


def test_a_connection_goes_on(site: Site) -> None:
    with Peer(site.address) as peer:
        for turn in range(20):
            coding = ("gzip", "br", "zstd", "identity")[turn % 4]
            response = peer.ask("GET", f"/?bytes={turn * 3000}", [("Accept-Encoding", coding)])
            assert decode(response) == text(turn * 3000)


def test_the_length_tells_nothing(site: Site) -> None:
    """BREACH: the same page has many lengths."""
    for coding in ("gzip", "br", "zstd"):
        assert len({len(ask(site, "", coding).body) for _ in range(30)}) > 5


def test_off_by_option(sites: Sites) -> None:
    write(sites.folder / "squeeze.py", APPLICATION)
    site = sites.start("squeeze", "--compress", "no", chdir=sites.folder)
    response = ask(site)
    assert response.get("Content-Encoding") is None and response.get("Vary") is None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    count=st.integers(0, 300_000),
    piece=st.integers(1, 200_000),
    coding=st.sampled_from(["gzip", "br", "zstd"]),
)
def test_any_size_in_any_pieces(site: Site, count: int, piece: int, coding: str) -> None:
    piece = max(piece, count // 500 + 1)
    assert decode(ask(site, f"bytes={count}&piece={piece}", coding)) == text(count)
