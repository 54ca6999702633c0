"""Static files in memory: which are kept, and that nobody gets an old or a mixed one."""

import os
import random
from pathlib import Path

import certificates
import pytest
from conftest import Sites
from http1 import Address, Peer, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Site, until
from tls_client import TlsPeer

OLD_S = 1_700_000_000
SIZES = {"one": 1, "small": 3000, "middle": 16 * 1024, "more": 16 * 1024 + 1, "large": 100_000}
TOO_LARGE = 300_000
LIMIT = 1_000_000


def put(path: Path, data: bytes) -> bytes:
    """In place, with a time of modification that tells nothing."""
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, (OLD_S, OLD_S))
    return data


def noise(seed: int, count: int) -> bytes:
    return random.Random(seed).randbytes(count)


@pytest.fixture(scope="module")
def root(shared: Sites) -> Path:
    folder = shared.folder / "kept"
    folder.mkdir()
    for seed, (name, size) in enumerate(SIZES.items()):
        put(folder / name, noise(seed, size))
    put(folder / "too-large", noise(99, TOO_LARGE))
    (folder / "empty").touch()
    return folder


@pytest.fixture(scope="module", params=["plain", "tls"])
def site(request: pytest.FixtureRequest, shared: Sites, root: Path) -> Site:
    options = ["--static", f"/s/={root}", "--static-memory", str(LIMIT)]
    if request.param == "tls":
        pair = certificates.make(shared.folder, "kept", "kept.test")
        started: Site = shared.start("plain", *options, *pair.options, listen="127.0.0.1:0 tls")
    else:
        started = shared.start("plain", *options)
    return started


def peer(site: Site) -> Peer:
    address: Address = site.address
    is_tls = site.url.startswith("https:")
    return TlsPeer(address, "kept.test") if is_tls else Peer(address)


def kept_bytes(site: Site) -> int:
    count: int = site.status()["edges"][0]["static_memory_bytes"]
    return count


def ask(site: Site, name: str, *fields: tuple[str, str]) -> Response:
    with peer(site) as one:
        return one.ask("GET", f"/s/{name}", fields)


def test_what_is_kept(site: Site, root: Path) -> None:
    total = sum(SIZES.values())

    def ask_all() -> bool:
        for name in [*SIZES, "too-large", "empty"]:
            assert ask(site, name).body == (root / name).read_bytes()
        return kept_bytes(site) == total

    until("all but the large one are kept", ask_all)
    for _ in range(3):
        assert ask_all()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(list(SIZES)), ends=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_ranges(site: Site, root: Path, name: str, ends: tuple[float, float]) -> None:
    whole = (root / name).read_bytes()
    first, last = sorted(min(int(end * len(whole)), len(whole) - 1) for end in ends)
    answer = ask(site, name, ("Range", f"bytes={first}-{last}"))
    assert answer.status == 206 and answer.body == whole[first : last + 1]
    assert answer.get("Content-Range") == f"bytes {first}-{last}/{len(whole)}"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [3000, 100_000])
def test_one_that_changes_in_place(site: Site, root: Path, size: int, seed: int) -> None:
    """The same length, the same time of modification: only its time of change tells."""
    path = root / f"changing-{size}"
    before = kept_bytes(site)
    old = ask(site, path.name).body if seed > 0 else b""
    data = put(path, noise(1000 + seed, size))
    until("it is sent", lambda: ask(site, path.name).body == data)
    assert ask(site, path.name).body == data
    before -= len(old)
    until("it is kept", lambda: ask(site, path.name).body and kept_bytes(site) >= before + size)
    assert ask(site, path.name).body == data


def test_one_that_is_replaced_while_it_is_sent(site: Site, root: Path) -> None:
    size = 100_000
    path, other = root / "replaced", root / "other"
    old = put(path, noise(7, size))
    before = kept_bytes(site)
    until("it is kept", lambda: ask(site, path.name).body and kept_bytes(site) >= before + size)
    with peer(site) as one:
        one.send(b"GET /s/replaced HTTP/1.1\r\nHost: kept.test\r\n\r\n" * 20)
        first = one.response()
        new = put(other, noise(8, size))
        os.rename(other, path)
        until("the new one is sent", lambda: ask(site, path.name).body == new)
        bodies = [first.body, *(one.response().body for _ in range(19))]
    assert set(bodies) <= {old, new} and bodies[0] == old


def test_there_is_a_bound(sites: Sites) -> None:
    folder = sites.folder / "many"
    folder.mkdir()
    for seed in range(6):
        put(folder / f"{seed}", noise(seed, 60_000))
    site = sites.start("plain", "--static", f"/s/={folder}", "--static-memory", "200000")

    def ask_all() -> int:
        for seed in range(6):
            assert ask(site, str(seed)).body == noise(seed, 60_000)
        assert kept_bytes(site) <= 200_000
        return kept_bytes(site)

    until("as many as have room are kept", lambda: ask_all() == 180_000)
    assert ask_all() == 180_000


@pytest.mark.parametrize("options", [["--static-memory", "0"], ["--static-cache", "0"]])
def test_none_is_kept(sites: Sites, options: list[str]) -> None:
    folder = sites.folder / "few"
    folder.mkdir()
    data = put(folder / "a", noise(1, 1000))
    control = put(folder / "b", noise(2, 1000))
    site = sites.start("plain", "--static", f"/s/={folder}", *options)
    other = sites.start("plain", "--static", f"/s/={folder}")

    def is_kept_by_the_other() -> bool:
        assert ask(site, "a").body == data and ask(other, "b").body == control
        return kept_bytes(other) == 1000

    until("it would be kept", is_kept_by_the_other)
    assert kept_bytes(site) == 0
