"""Idle connections: their buffers are given back, and they are in nobody's way."""

import resource
import socket
from contextlib import ExitStack

import pytest
from conftest import Sites
from http1 import Peer, build
from load import while_loaded
from program import IS_SANITIZED, memory_kib

BYTES_MAX = 450  # nginx: 479
REQUEST = build("GET", "/job/idle")


def how_many() -> int:
    """10,000, or what the limit of descriptors lets us have; the edge has the same one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(10_000, hard - 500)


def asked_once(stack: ExitStack, address: tuple[str, int]) -> socket.socket:
    one = stack.enter_context(socket.create_connection(address))
    one.sendall(REQUEST)
    assert one.recv(65536).startswith(b"HTTP/1.1 200 ")
    return one


def test_ten_thousand_are_alive_and_cost_little(sites: Sites) -> None:
    count = how_many()
    if count < 1000:
        pytest.skip(f"room for {count} connections only")
    site = sites.start("work", "--idle-timeout", "1h", "--access-log", "off")
    (edge,) = site.pids("edge")
    address = ("127.0.0.1", site.port)
    while_loaded(site.address, lambda load: load.wait_more(200))
    before = memory_kib(edge)
    with ExitStack() as stack:
        idle = [asked_once(stack, address) for _ in range(count)]
        each = (memory_kib(edge) - before) * 1024 / count
        assert IS_SANITIZED or each <= BYTES_MAX, f"{each:.0f} bytes each"
        while_loaded(site.address, lambda load: load.wait_more(200))
        for one in idle:
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(1)
        with Peer(site.address) as late:
            assert late.ask(target="/job/late").status == 200
        idle[0].setblocking(True)
        idle[0].sendall(REQUEST)
        assert idle[0].recv(65536).startswith(b"HTTP/1.1 200 ")
