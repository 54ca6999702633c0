"""FILE.zst, FILE.br and FILE.gz beside a static file: who gets them, and when nobody does."""

import os
import time
from pathlib import Path

import brotli
import pytest
from codings import ENCODERS, decode, weights
from conftest import Sites
from http1 import Peer, Response, build, get
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Site, until

ENDINGS = {"gzip": ".gz", "br": ".br", "zstd": ".zst"}
TEXT = "".join(f"the line of number {number}\n" for number in range(2000)).encode()
OLD_S = 1_700_000_000
PATCHED = 20 * b"not what the others have "


def put(path: Path, data: bytes, age_s: int = 0) -> bytes:
    path.write_bytes(data)
    os.utime(path, (OLD_S - age_s, OLD_S - age_s))
    return data


def put_all(path: Path, data: bytes = TEXT, age_s: int = 0, codings: tuple[str, ...] = ()) -> None:
    put(path, data)
    for coding in codings or tuple(ENDINGS):
        put(path.with_name(path.name + ENDINGS[coding]), ENCODERS[coding](data), age_s)


@pytest.fixture(scope="module")
def root(shared: Sites) -> Path:
    folder = shared.folder / "siblings"
    folder.mkdir()
    for name in ("all.js", "a.svg", "a.ttf", "a.wasm"):
        put_all(folder / name)
    for coding, ending in ENDINGS.items():
        put_all(folder / f"only{ending}.css", codings=(coding,))
    put_all(folder / "old.js", age_s=1)
    put_all(folder / "a.png")
    put(folder / "none.js", TEXT)
    put_all(folder / "gone.js")
    (folder / "gone.js").unlink()
    put(folder / "odd.js", TEXT)
    (folder / "odd.js.br").mkdir()
    os.mkfifo(folder / "odd.js.zst")
    (folder / "odd.js.gz").symlink_to("/etc/hostname")
    put(folder / ".hidden.js.gz", b"secret")
    put(folder / ".hidden.js", b"secret")
    (folder / "mine").mkdir()
    put_all(folder / "mine" / "all.js")
    return folder


@pytest.fixture(scope="module")
def site(shared: Sites, root: Path) -> Site:
    started: Site = shared.start("plain", "--static", f"/s/={root}", "--compress", "no")
    return started


def ask(site: Site, name: str, accepts: str | None = None, *more: tuple[str, str]) -> Response:
    fields = [*more] + ([("Accept-Encoding", accepts)] if accepts is not None else [])
    return get(site.address, f"/s/{name}", fields)


@pytest.mark.parametrize("name", ["all.js", "a.svg", "a.ttf", "a.wasm"])
@pytest.mark.parametrize("coding", [*ENDINGS, None])
def test_what_the_client_takes(site: Site, root: Path, name: str, coding: str | None) -> None:
    answer = ask(site, name, coding)
    plain = root / name
    path = plain.with_name(name + ENDINGS[coding]) if coding else plain
    assert answer.body == path.read_bytes() and decode(answer) == TEXT
    assert answer.get("Content-Encoding") == coding
    assert answer.get("Content-Length") == str(path.stat().st_size)
    assert answer.get("Vary") == "Accept-Encoding" and answer.get("Accept-Ranges") == "bytes"
    assert answer.get("Content-Type") == ask(site, name).get("Content-Type")


def test_of_those_it_likes_alike_the_smallest(site: Site, root: Path) -> None:
    sizes = {c: (root / f"all.js{e}").stat().st_size for c, e in ENDINGS.items()}
    smallest = min(sizes, key=lambda coding: sizes[coding])
    assert ask(site, "all.js", "gzip, deflate, br, zstd").get("Content-Encoding") == smallest
    assert ask(site, "all.js", "*").get("Content-Encoding") == smallest


Q = st.sampled_from([0.0, 0.001, 0.2, 0.5, 0.999, 1.0])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.sampled_from(["gzip", "br", "zstd", "identity", "*", "deflate"]), Q),
    st.sampled_from(["all.js", "none.js", "only.gz.css", "only.br.css", "only.zst.css"]),
)
def test_weights(site: Site, root: Path, wishes: dict[str, float], name: str) -> None:
    accepts = list(wishes.items())
    there = [c for c, ending in ENDINGS.items() if (root / (name + ending)).exists()]
    answer = ask(site, name, ", ".join(f"{coding};q={q}" for coding, q in accepts))
    weight = weights(accepts, there)
    got = answer.get("Content-Encoding") or "identity"
    assert decode(answer) == TEXT
    best = max(weight[coding] for coding in there) if there else 0.0
    if got == "identity":
        assert best == 0.0 or weight["identity"] > best
    else:
        assert weight[got] == best > 0.0 and weight["identity"] <= best


@pytest.mark.parametrize("name", ["old.js", "a.png", "odd.js", "none.js"])
def test_what_has_none(site: Site, name: str) -> None:
    answer = ask(site, name, "gzip, br, zstd")
    assert answer.body == TEXT and answer.get("Content-Encoding") is None
    assert answer.get("Vary") is None


@pytest.mark.parametrize("name", ["gone.js", ".hidden.js", "../siblings/gone.js", "gone.js/"])
def test_a_sibling_alone_is_nothing(site: Site, name: str) -> None:
    answer = ask(site, name, "gzip, br, zstd")
    assert b"secret" not in answer.body and answer.get("Content-Encoding") is None
    assert answer.status == 400 or answer.get("X-App") == "plain"


def test_by_its_own_name_it_is_a_file(site: Site, root: Path) -> None:
    for ending, kind in ((".gz", "gzip"), (".br", "x-brotli"), (".zst", "zstd")):
        answer = ask(site, f"all.js{ending}", "gzip, br, zstd")
        assert answer.body == (root / f"all.js{ending}").read_bytes()
        assert answer.get("Content-Type") == f"application/{kind}"
        assert answer.get("Content-Encoding") is None


def test_tags(site: Site) -> None:
    tags = {coding: ask(site, "all.js", coding).get("ETag") for coding in [*ENDINGS, None]}
    assert len(set(tags.values())) == 4 and not any(tag.startswith("W/") for tag in tags.values())
    for coding, tag in tags.items():
        again = ask(site, "all.js", coding, ("If-None-Match", str(tag)))
        assert again.status == 304 and again.get("ETag") == tag
        assert again.get("Vary") == "Accept-Encoding" and again.body == b""
        for other in tags:
            if other != coding:
                changed = ask(site, "all.js", other, ("If-None-Match", str(tag)))
                assert changed.status == 200 and decode(changed) == TEXT


@pytest.mark.parametrize("coding", [*ENDINGS, None])
def test_ranges_are_of_what_is_sent(site: Site, coding: str | None) -> None:
    whole = ask(site, "all.js", coding)
    tag, size = str(whole.get("ETag")), len(whole.body)
    for more in ((), (("If-Range", tag),)):
        part = ask(site, "all.js", coding, ("Range", "bytes=10-99"), *more)
        assert part.status == 206 and part.body == whole.body[10:100]
        assert part.get("Content-Range") == f"bytes 10-99/{size}"
        assert part.get("Content-Encoding") == coding and part.get("Vary") == "Accept-Encoding"
    other = ask(site, "all.js", "gzip" if coding is None else None)
    changed = ask(
        site, "all.js", coding, ("Range", "bytes=10-99"), ("If-Range", str(other.get("ETag")))
    )
    assert changed.status == 200 and changed.body == whole.body


@pytest.mark.parametrize("coding", [*ENDINGS, None])
def test_head(site: Site, coding: str | None) -> None:
    fields = [("Accept-Encoding", coding)] if coding else []
    with Peer(site.address) as one:
        whole = one.ask("GET", "/s/all.js", fields)
        bare = one.ask("HEAD", "/s/all.js", fields)
        names = [pair for pair in whole.head.fields if pair[0] != "Date"]
        assert bare.body == b"" and names == [p for p in bare.head.fields if p[0] != "Date"]


def test_http_1_0_gets_it_plain(site: Site) -> None:
    with Peer(site.address) as one:
        request = build("GET", "/s/all.js", [("Accept-Encoding", "gzip")])
        one.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = one.response()
    assert answer.body == TEXT and answer.get("Content-Encoding") is None
    assert answer.get("Vary") == "Accept-Encoding"


def test_they_come_and_go(sites: Sites) -> None:
    folder = sites.folder / "coming"
    folder.mkdir()
    put(folder / "a.js", TEXT)
    site = sites.start("plain", "--static", f"/s/={folder}", "--compress", "no")
    coding = lambda: ask(site, "a.js", "br").get("Content-Encoding")  # noqa: E731
    assert coding() is None
    put(folder / "a.js.br", brotli.compress(TEXT))
    until("it is found", lambda: coding() == "br")
    newer = put(folder / "next", PATCHED)
    os.utime(folder / "next", (time.time(), time.time()))
    os.rename(folder / "next", folder / "a.js")
    until("the new one is sent", lambda: decode(ask(site, "a.js", "br")) == newer)
    assert coding() is None
    os.utime(folder / "a.js.br")
    until("it counts again", lambda: coding() == "br")
    (folder / "a.js.br").unlink()
    until("it is missed", lambda: coding() is None)
    assert ask(site, "a.js", "br").get("Vary") is None


def test_none_for_a_route(sites: Sites, root: Path) -> None:
    folder = sites.folder / "routed"
    folder.mkdir()
    (folder / "slipway.ini").write_text(
        f"static = /s/={root}\ncompress = no\n[route /s/mine]\nstatic-siblings = no\n"
    )
    site = sites.start("plain", "--config", str(folder / "slipway.ini"))
    assert ask(site, "all.js", "gzip").get("Content-Encoding") == "gzip"
    answer = ask(site, "mine/all.js", "gzip")
    assert answer.get("Content-Encoding") is None and answer.get("Vary") is None
    assert answer.body == TEXT
