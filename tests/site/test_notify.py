"""What a service manager hears (sd_notify(3)), and when it hears nothing any more."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Sites
from http1 import TIMEOUT_S, get
from program import PYTHON, Site, run
from projects import make_wsgi

BROKEN = "raise RuntimeError('it is broken\\nin two lines')\n"


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, name: str):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.heard: list[str] = []

    def next(self, timeout_s: float = TIMEOUT_S) -> str:
        self.socket.settimeout(timeout_s)
        text = self.socket.recv(4096).decode()
        self.heard.append(text)
        return text

    def wait(self, pattern: str, timeout_s: float = TIMEOUT_S) -> str:
        """The next message in which that is found; what comes before it is in `heard`."""
        limit = time.monotonic() + timeout_s
        while not re.search(pattern, text := self.next(max(0.01, limit - time.monotonic())), re.M):
            pass
        return text


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, sites: Sites) -> Iterator[Manager]:
    is_path = request.param == "path"
    manager = Manager(str(sites.folder / "notify") if is_path else f"@slipway-test-{os.getpid()}")
    yield manager
    manager.socket.close()


def start(sites: Sites, folder: Path, manager: Manager, **env: str) -> Site:
    make_wsgi(folder)
    return sites.start("own", chdir=folder, env={"NOTIFY_SOCKET": manager.name, **env}, workers=2)


def test_ready_reloading_stopping(sites: Sites, tmp_path: Path, manager: Manager) -> None:
    site = start(sites, tmp_path, manager)
    ready = manager.wait("^READY=1$")
    assert f"MAINPID={site.pid}\n" in ready
    assert "STATUS=1 site, 2 workers, 1 edge, 0 requests" in ready
    assert manager.heard == ["STATUS=importing the project\n", ready]
    assert get(site.address, "/env/NOTIFY_SOCKET").text == "nothing"

    before_us = time.monotonic_ns() // 1000
    assert site.verb("reload").returncode == 0
    told = re.search(r"^RELOADING=1\nMONOTONIC_USEC=(\d+)\n", manager.wait("^RELOADING=1$"))
    assert told and before_us <= int(told[1]) <= time.monotonic_ns() // 1000
    ready = manager.wait("^READY=1$")
    assert re.search(
        r"^STATUS=.* 1 reload, the last one: [-\d]+ [:\d]+, \S+, generation 2$", ready, re.M
    )

    make_wsgi(tmp_path, before=BROKEN)
    assert site.verb("reload").returncode == 1
    manager.wait("^RELOADING=1$")
    ready = manager.wait("^READY=1$")
    assert re.search(r"^STATUS=.* 2 reloads, the last one: .* refused: .*broken", ready, re.M)
    assert all(re.fullmatch(r"[A-Z_]+=.*", line) for line in ready.splitlines())
    assert get(site.address, "/").status == 200

    site.signal(signal.SIGTERM)
    manager.wait(r"^STOPPING=1$")
    site.stop()


def test_a_start_that_fails_says_why(sites: Sites, tmp_path: Path, manager: Manager) -> None:
    make_wsgi(tmp_path, before=BROKEN)
    done = run("serve", "own:application", "--python", PYTHON, "--listen", "127.0.0.1:0",
               folder=tmp_path, env={"NOTIFY_SOCKET": manager.name})  # fmt: skip
    assert done.returncode == 1
    assert re.search(r"^STATUS=.*broken", manager.wait("^STOPPING=1$"), re.M)
    assert not any("READY=1" in text for text in manager.heard)


def test_the_status_counts_requests(sites: Sites, tmp_path: Path, manager: Manager) -> None:
    site = start(sites, tmp_path, manager, WATCHDOG_USEC="300000")
    manager.wait("^READY=1$")
    for _ in range(5):
        assert get(site.address, "/").status == 200
    manager.wait(r"^STATUS=.* 5 requests \(")


def test_signs_of_life_end_when_an_edge_hangs(
    sites: Sites, tmp_path: Path, manager: Manager
) -> None:
    site = start(sites, tmp_path, manager, WATCHDOG_USEC="300000")
    manager.wait("^READY=1$")
    for _ in range(3):
        manager.wait("^WATCHDOG=1$")
    (edge,) = site.pids("edge")
    os.kill(edge, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):  # one or two were under way
            for _ in range(10):
                manager.wait("^WATCHDOG=1$", timeout_s=3)
    finally:
        os.kill(edge, signal.SIGCONT)
    manager.wait("^WATCHDOG=1$")


def test_a_watchdog_for_another_process_is_not_fed(
    sites: Sites, tmp_path: Path, manager: Manager
) -> None:
    start(sites, tmp_path, manager, WATCHDOG_USEC="100000", WATCHDOG_PID="1")
    manager.wait("^READY=1$")
    with pytest.raises(TimeoutError):
        manager.wait("^WATCHDOG=1$", timeout_s=1)


def test_a_state_that_could_not_be_told_is_told_later(sites: Sites, tmp_path: Path) -> None:
    """The manager is busy, and its queue is full: READY=1 must not get lost."""
    manager = Manager(str(sites.folder / "notify"))
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    filler.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            filler.sendto(b"X=1", manager.name)
    site = start(sites, tmp_path, manager)
    assert get(site.address, "/").status == 200
    manager.wait("^READY=1$")
    filler.close()
    manager.socket.close()


def test_a_socket_of_another_kind_is_said(sites: Sites, tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    site = sites.start("own", chdir=tmp_path, env={"NOTIFY_SOCKET": "vsock:2:99"})
    site.err.wait("the service manager cannot be told: socket=vsock:2:99")
