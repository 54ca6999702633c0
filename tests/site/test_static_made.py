"""Static files that are compressed once and kept: which, when, and that they are always right."""

import gzip
import os
import random
from pathlib import Path

import brotli
import certificates
import pytest
from codings import decode, weights
from conftest import Sites
from http1 import Peer, Response, build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Site, until
from tls_client import TlsPeer

WORDS = "harbour crane quay rope tide anchor gull buoy".split()
NAMES = ["a.js", "b.css", "c.svg", "d.ttf", "e.otf", "f.eot", "g.wasm", "h.html", "i.json"]
CODINGS = ["gzip", "br", "zstd"]
OLD_NS = 1_700_000_000_123_456_789


def text(seed: int, words: int = 5000) -> bytes:
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS) for _ in range(words)).encode()


def put(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    os.utime(path, ns=(OLD_NS, OLD_NS))
    return data


@pytest.fixture(scope="module")
def root(shared: Sites) -> Path:
    folder = shared.folder / "made"
    folder.mkdir()
    for seed, name in enumerate(NAMES):
        put(folder / name, text(seed))
    put(folder / "large.js", text(100, 150_000))
    for name in ("p.png", "w.woff2", "w.woff", "z.zip"):
        put(folder / name, text(1))
    put(folder / "tiny.js", b"x" * 1023)
    put(folder / "noise.js", random.Random(1).randbytes(9000))
    put(folder / "huge.js", b"a" * (4 * 1024 * 1024 + 1))
    put(folder / "own.js", text(7))
    put(folder / "own.js.gz", gzip.compress(text(7)))
    return folder


@pytest.fixture(scope="module", params=["plain", "tls"])
def site(request: pytest.FixtureRequest, shared: Sites, root: Path) -> Site:
    options = ["--static", f"/s/={root}"]
    if request.param == "tls":
        options += certificates.make(shared.folder, "made", "made.test").options
    listen = "127.0.0.1:0" + (" tls" if request.param == "tls" else "")
    started: Site = shared.start("plain", *options, listen=listen)
    return started


def peer(site: Site) -> Peer:
    is_tls = site.url.startswith("https:")
    return TlsPeer(site.address, "made.test") if is_tls else Peer(site.address)


def ask(
    site: Site, name: str, accepts: str | None = None, *more: tuple[str, str], method: str = "GET"
) -> Response:
    fields = [*more] + ([("Accept-Encoding", accepts)] if accepts is not None else [])
    with peer(site) as one:
        return one.ask(method, f"/s/{name}", fields)


def until_made(site: Site, name: str, coding: str) -> Response:
    data = ask(site, name).body

    def made() -> Response | None:
        answer = ask(site, name, coding)
        assert answer.status == 200 and decode(answer) == data
        return answer if answer.get("Content-Encoding") == coding else None

    found: Response = until(f"{name} is there as {coding}", made)
    return found


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("name", [*NAMES, "large.js"])
def test_what_is_made(site: Site, root: Path, name: str, coding: str) -> None:
    answer, plain = until_made(site, name, coding), ask(site, name)
    assert decode(answer) == plain.body == (root / name).read_bytes()
    assert len(answer.body) < len(plain.body) / 2
    assert answer.get("Content-Length") == str(len(answer.body))
    assert answer.get("Vary") == plain.get("Vary") == "Accept-Encoding"
    assert answer.get("ETag") == f"W/{plain.get('ETag')}"
    assert answer.get("Accept-Ranges") is None and plain.get("Accept-Ranges") == "bytes"
    for field in ("Content-Type", "Last-Modified", "Cache-Control"):
        assert answer.get(field) == plain.get(field)
    bare = ask(site, name, coding, method="HEAD")
    names = [pair for pair in answer.head.fields if pair[0] != "Date"]
    assert bare.body == b"" and names == [p for p in bare.head.fields if p[0] != "Date"]


@pytest.mark.parametrize("name", ["p.png", "w.woff2", "w.woff", "z.zip", "tiny.js", "huge.js"])
def test_what_does_not_gain(site: Site, name: str) -> None:
    until_made(site, "a.js", "br")
    for _ in range(3):
        answer = ask(site, name, "gzip, br, zstd")
        assert answer.get("Content-Encoding") is None and answer.get("Vary") is None
        assert not str(answer.get("ETag")).startswith("W/")


def test_what_would_not_be_smaller(site: Site, root: Path) -> None:
    for _ in range(10):
        answer = ask(site, "noise.js", "br")
        assert answer.get("Content-Encoding") is None
        assert answer.body == (root / "noise.js").read_bytes()
    until_made(site, "b.css", "gzip")
    assert ask(site, "noise.js", "br").get("Content-Encoding") is None


def test_conditions(site: Site) -> None:
    made = until_made(site, "a.js", "br")
    plain = ask(site, "a.js")
    for tag in (made.get("ETag"), plain.get("ETag"), "*"):
        for accepts in ("br", None):
            again = ask(site, "a.js", accepts, ("If-None-Match", str(tag)))
            assert again.status == 304 and again.get("Vary") == "Accept-Encoding"
    strong = str(plain.get("ETag"))
    assert ask(site, "a.js", "br", ("If-Match", strong)).status == 200
    assert ask(site, "a.js", "br", ("If-Match", '"other"')).status == 412
    assert ask(site, "a.js", "br", ("If-None-Match", '"other"')).body == made.body


def test_a_part_is_of_the_file_itself(site: Site) -> None:
    made = until_made(site, "a.js", "br")
    plain = ask(site, "a.js")
    part = ask(site, "a.js", "br", ("Range", "bytes=10-99"))
    assert part.status == 206 and part.body == plain.body[10:100]
    assert part.get("Content-Encoding") is None and part.get("ETag") == plain.get("ETag")
    assert part.get("Vary") == "Accept-Encoding"
    tag = str(made.get("ETag"))
    whole = ask(site, "a.js", "br", ("Range", "bytes=10-99"), ("If-Range", tag))
    assert whole.status == 200 and decode(whole) == plain.body


def test_the_owners_come_first(site: Site) -> None:
    until_made(site, "b.css", "br")
    for _ in range(5):
        assert ask(site, "own.js", "gzip, br, zstd").get("Content-Encoding") == "gzip"
    assert not str(ask(site, "own.js", "gzip").get("ETag")).startswith("W/")
    until_made(site, "own.js", "br")
    assert ask(site, "own.js", "gzip, br, zstd").get("Content-Encoding") == "gzip"


def test_http_1_0_gets_it_plain(site: Site) -> None:
    until_made(site, "a.js", "gzip")
    with peer(site) as one:
        request = build("GET", "/s/a.js", [("Accept-Encoding", "gzip")])
        one.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = one.response()
    assert answer.get("Content-Encoding") is None and answer.get("Vary") == "Accept-Encoding"


Q = st.sampled_from([0.0, 0.001, 0.2, 0.5, 0.999, 1.0])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.sampled_from([*CODINGS, "identity", "*", "deflate"]), Q),
    st.sampled_from([*NAMES, "own.js", "noise.js", "p.png"]),
)
def test_always_what_the_client_takes(
    site: Site, root: Path, wishes: dict[str, float], name: str
) -> None:
    accepts = list(wishes.items())
    answer = ask(site, name, ", ".join(f"{coding};q={q}" for coding, q in accepts))
    assert decode(answer) == (root / name).read_bytes()
    got = answer.get("Content-Encoding")
    assert got is None or weights(accepts, CODINGS)[got] > 0.0


def test_one_that_changes(sites: Sites) -> None:
    """In place, with the same length and time of modification."""
    folder = sites.folder / "changing"
    folder.mkdir()
    put(folder / "a.js", text(1))
    site = sites.start("plain", "--static", f"/s/={folder}")
    until_made(site, "a.js", "br")
    data = put(folder / "a.js", text(1).replace(b"harbour", b"HARBOUR"))
    until("the new one is sent", lambda: decode(ask(site, "a.js", "br")) == data)
    assert decode(until_made(site, "a.js", "br")) == data
    put(folder / "a.js.br", brotli.compress(data))
    until("the owner's is found", lambda: ask(site, "a.js", "br").get("Accept-Ranges"))
    (folder / "a.js.br").unlink()
    until("it is made again", lambda: not ask(site, "a.js", "br").get("Accept-Ranges"))
    assert decode(until_made(site, "a.js", "br")) == data
    (folder / "a.js").unlink()
    until("it is gone", lambda: ask(site, "a.js", "br").get("X-App"))


def test_memory_is_counted(sites: Sites) -> None:
    folder = sites.folder / "counted"
    folder.mkdir()
    for seed in range(8):
        put(folder / f"{seed}.js", text(seed))
    limit = 60_000
    site = sites.start(
        "plain", "--static", f"/s/={folder}", "--static-memory", str(limit),
        "--static-memory-file", "0",
    )  # fmt: skip

    def kept() -> int:
        for seed in range(8):
            assert decode(ask(site, f"{seed}.js", "br")) == text(seed)
        count: int = site.status()["edges"][0]["static_memory_bytes"]
        assert count <= limit
        return count

    until("some are kept", lambda: kept() > 20_000)
    for _ in range(3):
        kept()


@pytest.mark.parametrize("option", [["--compress", "no"], ["--static-memory", "0"]])
def test_none_is_made(sites: Sites, root: Path, option: list[str]) -> None:
    site = sites.start("plain", "--static", f"/s/={root}", *option)
    other = sites.start("plain", "--static", f"/s/={root}")
    until_made(other, "a.js", "br")
    for _ in range(5):
        answer = ask(site, "a.js", "br")
        assert answer.get("Content-Encoding") is None and answer.get("Vary") is None
