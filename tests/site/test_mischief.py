"""Applications that harm their own process: it costs their worker at most, never the site."""

import os
import signal

import pytest
from conftest import Sites
from http1 import get, post
from program import Site, until, wait_gone

LIMITS = ["--harakiri", "1s", "--harakiri-grace", "200ms"]


@pytest.fixture
def site(sites: Sites) -> Site:
    return sites.start("mischief", *LIMITS, workers=2)


def is_well(site: Site) -> None:
    """Both workers answer, and stopping is not hindered (the fixture sees to that)."""
    site.wait_workers(2)
    for number in range(10):
        assert get(site.address, f"/fine/{number}").status == 200


@pytest.mark.parametrize(
    "deed",
    ["ignore_signals", "block_signals", "start_thread", "exit_in_thread", "leave_folder"]
    + ["drop_output", "stop_collecting", "no_stacks", "terminate_itself", "interrupt_itself"],
)
def test_harmless(site: Site, deed: str) -> None:
    for _ in range(2):
        assert post(site.address, f"/{deed}", b"").status == 200
    is_well(site)


def test_recursion(site: Site) -> None:
    assert get(site.address, "/recurse").status == 500
    site.err.wait("RecursionError")
    is_well(site)


@pytest.mark.parametrize("deed", ["close_everything", "close_standard"])
def test_closed_descriptors(site: Site, deed: str) -> None:
    """The worker may be lost with its request."""
    assert post(site.address, f"/{deed}", b"").status in (200, 502, 504)
    until("two workers that answer", lambda: all_answer(site))
    is_well(site)


def all_answer(site: Site) -> bool:
    return all(get(site.address, f"/fine/{number}").status == 200 for number in range(4))


def test_a_stopped_worker(site: Site) -> None:
    """Not dead, not alive: harakiri ends it."""
    answer = post(site.address, "/stop_itself", b"")
    assert answer.status == 504
    is_well(site)


def test_a_worker_stopped_from_outside(site: Site) -> None:
    """It was idle: whatever it is offered goes to the other one."""
    victim = site.pids("worker")[0]
    os.kill(victim, signal.SIGSTOP)
    try:
        for number in range(20):
            assert get(site.address, f"/fine/{number}").status == 200
    finally:
        os.kill(victim, signal.SIGCONT)
    is_well(site)


def test_a_child_that_stays(sites: Sites) -> None:
    """It holds nothing that keeps the site from reloading or stopping."""
    site = sites.start("mischief", *LIMITS)
    gate = sites.gate("spawned")
    assert get(site.address, "/spawn").status == 200
    child = int(gate.wait_reached())
    assert site.verb("reload").returncode == 0
    assert get(site.address, "/fine").status == 200
    site.signal(signal.SIGTERM)
    assert site.process.wait(20) == 0
    os.kill(child, signal.SIGKILL)
    wait_gone([child])
