"""Slow clients: a thousand of each kind are cut while everybody else is answered; slow and honest
ones are not."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack import TICK_S, WAYS, Attack
from conftest import Sites
from http1 import TIMEOUT_S, Peer, build, get
from load import Load
from program import Site

LIMITS = ["--head-timeout", "2s", "--idle-timeout", "2s", "--body-timeout", "2s"]
LIMITS += ["--send-timeout", "2s", "--drain-idle", "100ms"]
BIG_MIB = 16
PAUSE = threading.Event()  # never set


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    folder.chmod(0o755)  # edges are not who we are
    (folder / "big").write_bytes(b"x" * (BIG_MIB << 20))
    (folder / "middle").write_bytes(b"x" * 300_000)  # the kernel takes all of it
    (folder / "small").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def site(shared: Sites, files: Path) -> Iterator[Site]:
    site = shared.start("work", *LIMITS, "--static", f"/static/={files}", threads=4)
    assert len(get(site.address, "/static/middle").body) == 300_000
    yield site
    assert get(site.address, "/job/last").status == 200


@pytest.mark.parametrize("way", list(WAYS))
def test_attackers_are_cut_and_others_answered(site: Site, way: str) -> None:
    with Load(site.address, clients=2) as load, Attack(site.address, WAYS[way]) as attack:
        load.wait_more(20)
        attack.wait_cut(3 * TIMEOUT_S)
        load.wait_more(20)
    assert load.failures == []
    if way in ("head", "head-bytes", "body", "chunked", "chunk-size"):
        assert attack.answers.get(b"HTTP/1.1 408", 0) > 0, attack.answers
    assert "Traceback" not in site.log()


def test_slow_and_honest_clients_are_not_cut(site: Site) -> None:
    """For three of its windows, at many times the least rate; the pause is what makes them slow."""
    with Peer(site.address) as up, Peer(site.address, receive_bytes=65536) as down:
        up.send(build("POST", "/upload", [("Content-Length", "1000000")]))
        down.send(build("GET", f"/download?mib={BIG_MIB}"))
        assert down.head().status == 200
        limit = time.monotonic() + 6
        sent = 0
        while time.monotonic() < limit:
            up.send(b"x" * 1000)
            sent += 1000
            assert down.socket.recv(20000)
            PAUSE.wait(TICK_S)
        up.send(b"x" * (1_000_000 - sent))
        assert up.response().status == 200
        assert down.socket.recv(1 << 20), "the download goes on"
