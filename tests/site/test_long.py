"""What must not pile up: descriptors, memory, requests in hand; and output that nobody reads."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get, post
from program import APPS, PYTHON, SLIPWAY, Site, environment, until, wait_gone

RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER: on, no time


def descriptors(site: Site) -> dict[str, int]:
    names = ("master", "edge", "scribe", "zygote", "worker")
    return {
        f"{name} {number}": len(os.listdir(f"/proc/{pid}/fd"))
        for name in names
        for number, pid in enumerate(sorted(site.pids(name)))
    }


def in_hand(site: Site) -> int:
    return sum(edge["in_hand"] + edge["queued"] + edge["connections"] for edge in edges(site))


def edges(site: Site) -> list[dict[str, int]]:
    found: list[dict[str, int]] = site.status()["edges"]
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "data"
    path.write_bytes(os.urandom(4 << 20))
    return path


def test_aborted_requests_leave_nothing(sites: Sites, data: Path) -> None:
    """Clients that go away at every stage: nothing of theirs stays in any process."""
    site = sites.start(
        "pep",
        *["--static", f"/files/={data.parent}", "--body-memory", "64K", "--access-log", "off"],
        workers=2,
    )
    starts = [
        build("GET", f"/file?path={data}"),
        build("GET", "/files/data"),
        build("GET", "/chunks?n=20000"),
        build("POST", "/hello", [("Content-Length", "1000000")]) + b"x" * 200_000,
        build("POST", "/hello", [("Content-Length", "100")]) + b"x" * 10,
        build("POST", "/hello", [("Transfer-Encoding", "chunked")]) + b"ffff\r\n" + b"x" * 1000,
        build("POST", "/hello", body=b"x" * 500_000),
        build("GET", "/hello")[:20],
        b"",
    ]

    def abort_all(times: int) -> None:
        for number in range(times):
            with Peer(site.address, receive_bytes=8192) as one:
                one.send(starts[number % len(starts)])
                if number % 2:
                    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        until("all to be gone", lambda: in_hand(site) == 0)
        assert get(site.address, "/hello").status == 200

    abort_all(90)
    before = descriptors(site)
    abort_all(270)
    until("no more descriptors than before", lambda: grew(before, descriptors(site)) <= 0)


def grew(before: dict[str, int], after: dict[str, int]) -> int:
    return max(after[name] - before.get(name, 0) for name in after)


def test_reloads_leave_nothing(sites: Sites) -> None:
    site = sites.start("pep", workers=2)
    for _ in range(2):
        assert site.verb("reload").returncode == 0
    until("one generation", lambda: len(site.status()["generations"]) == 1)
    before = descriptors(site)
    for _ in range(8):
        assert site.verb("reload").returncode == 0
        assert get(site.address, "/hello").status == 200
    until("one generation", lambda: len(site.status()["generations"]) == 1)
    until("no more descriptors than before", lambda: grew(before, descriptors(site)) <= 0)
    assert len(descriptors(site)) == 6


def test_many_hangups_make_few_generations(sites: Sites) -> None:
    site = sites.start("pep")
    for _ in range(30):
        site.signal(signal.SIGHUP)
    until("a new generation", lambda: site.status()["generation"] >= 2)
    until("one generation", lambda: len(site.status()["generations"]) == 1)
    assert get(site.address, "/hello").status == 200
    assert len(site.pids("worker")) == 1 and len(site.pids("zygote")) == 1


def test_reloads_at_once(sites: Sites) -> None:
    """Each that asks is told of a generation that serves what is on disk now."""
    site = sites.start("pep")
    command = [SLIPWAY, "reload", "--control", f"unix:{site.control}"]
    asking = [
        subprocess.Popen(command, cwd=APPS, env=environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for one in asking:
        words, _ = one.communicate(timeout=30)
        assert one.returncode == 0 and "generation" in words
    assert site.status()["generation"] in (2, 3, 4, 5)


def test_workers_that_die_leave_nothing(sites: Sites) -> None:
    site = sites.start("pep", workers=2)
    for _ in range(3):
        assert post(site.address, "/exit?how=os", b"").status == 502
        site.wait_workers(2)
    before = descriptors(site)
    for _ in range(5):
        assert post(site.address, "/exit?how=os", b"").status == 502
        site.wait_workers(2)
    until("no more descriptors than before", lambda: grew(before, descriptors(site)) <= 0)


def serve_into(out: int, err: int, sites: Sites) -> tuple[subprocess.Popen[bytes], str]:
    """A site whose output is not read by us; where it answers."""
    path = str(sites.folder / "s")
    command = [SLIPWAY, "serve", "pep:application", "--python", PYTHON, "--workers", "1"]
    command += ["--listen", f"unix:{path}", "--control", f"unix:{sites.folder}/c"]
    process = subprocess.Popen(
        command, cwd=APPS, env=environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err
    )
    until("an answer", lambda: answers(path))
    return process, path


def answers(path: str) -> bool:
    try:
        return get(path, "/.slipway/ready").status == 200
    except OSError:
        return False


def end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.terminate()
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)
    wait_gone([process.pid])


def test_output_that_nobody_reads(sites: Sites) -> None:
    """The pipe is full: lines are lost, requests are not."""
    read_end, write_end = os.pipe()
    process, path = serve_into(write_end, write_end, sites)
    os.close(write_end)
    try:
        with Peer(path) as one:
            for _ in range(30):
                one.send(build("GET", "/hello?" + "x" * 2000) * 50)
                assert [one.response().status for _ in range(50)] == [200] * 50
        assert get(path, "/errors").status == 200
        assert get(path, "/raise?what=RuntimeError").status == 500
    finally:
        end(process)
        os.close(read_end)


def test_output_whose_reader_is_gone(sites: Sites) -> None:
    read_end, write_end = os.pipe()
    process, path = serve_into(write_end, write_end, sites)
    os.close(write_end)
    os.close(read_end)
    try:
        for _ in range(20):
            assert get(path, "/errors").status == 200
        assert get(path, "/raise?what=RuntimeError").status == 500
    finally:
        end(process)


def test_closed_standard_descriptors(sites: Sites) -> None:
    """As some supervisors start their children."""
    path = str(sites.folder / "s")
    command = 'exec "$0" "$@" <&- >&- 2>&-'
    arguments = ["serve", "pep:application", "--python", PYTHON, "--workers", "1"]
    arguments += ["--listen", f"unix:{path}", "--control", f"unix:{sites.folder}/c"]
    process = subprocess.Popen(
        ["/bin/sh", "-c", command, SLIPWAY, *arguments], cwd=APPS, env=environment()
    )
    try:
        until("an answer", lambda: answers(path))
        for _ in range(5):
            assert get(path, "/errors").status == 200
    finally:
        end(process)


def test_slow_clients_hold_nobody_up(sites: Sites) -> None:
    """300 that send a byte and no more, 100 that read nothing: one more is served at once."""
    site = sites.start("pep", workers=1)
    slow = [Peer(site.address) for _ in range(300)]
    for one in slow:
        one.send(b"G")
    readers = [Peer(site.address, receive_bytes=4096) for _ in range(100)]
    for one in readers:
        one.send(build("GET", "/chunks?n=500"))
    with Peer(site.address) as one:
        for _ in range(20):
            assert one.ask(target="/hello").status == 200
    for one in readers:
        assert one.response().body.count(b"000499 ") == 100
    for one in slow:
        one.send(b"ET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
    for one in slow:
        assert one.response().status == 200
    for one in slow + readers:
        one.close()


def test_large_heads(sites: Sites) -> None:
    """Up to the limit they arrive; what the link cannot carry is refused, not cut."""
    site = sites.start("plain", "--head-limit", "1M")
    assert get(site.address, "/hello", [("X-Large", "x" * 60_000)]).status == 200
    assert get(site.address, "/hello", [("X-Large", "x" * 65_536)]).status == 431
    many = [(f"X-{number}", "x" * 30_000) for number in range(10)]
    assert get(site.address, "/hello", many).status == 431
    assert get(site.address, "/hello").status == 200


def test_heads_up_to_the_default_limit(sites: Sites) -> None:
    site = sites.start("plain")
    room = 64 * 1024 - len(build("GET", "/environ", [("X", "")]))
    halves = [("X-First", "x" * (room // 2 - 100)), ("X-Second", "y" * (room // 2 - 100))]
    answer = get(site.address, "/environ", halves)
    assert answer.status == 200 and b"x" * (room // 2 - 100) in answer.body
    fields = [(f"X-{number}", "z" * 600) for number in range(100)]
    assert get(site.address, "/environ", fields).status == 200
