"""Rate limits: who asks too often waits (429), and who is never counted.

A client on loopback is not counted, so these come by the machine's own address, or as several
clients by a header.
"""

import os
import signal
import socket

import pytest
from conftest import Sites
from http1 import Head, Peer
from program import Site, run, until


def own_address() -> str:
    """An address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return probe.getsockname()[0]


def start(sites: Sites, *options: str) -> tuple[Site, str, int]:
    site = sites.start("plain", *options, listen="0.0.0.0:0")
    return site, own_address(), site.port


def status_of(peer: Peer, target: str = "/hello", **fields: str) -> tuple[int, Head]:
    named = [(name.replace("_", "-"), value) for name, value in fields.items()]
    answer = peer.ask(target=target, fields=named)
    return answer.status, answer.head


def test_over_the_rate_is_429_with_retry_after(sites: Sites) -> None:
    _, host, port = start(sites, "--rate-limit", "2/h burst 3")
    with Peer((host, port)) as one:
        assert [status_of(one)[0] for _ in range(3)] == [200, 200, 200]
        status, head = status_of(one)
        assert status == 429
        assert 1 <= int(head.get("Retry-After") or "0") <= 1800
        assert status_of(one)[0] == 429, "the connection goes on"
    with Peer((host, port)) as other:
        assert status_of(other)[0] == 429, "another connection is not another client"


def test_loopback_is_never_counted(sites: Sites) -> None:
    site, _, port = start(sites, "--rate-limit", "1/h")
    for _ in range(2):
        with Peer(("127.0.0.1", port)) as one:
            assert [status_of(one)[0] for _ in range(5)] == [200] * 5
    assert "429" not in site.access_log()


def test_health_is_never_counted(sites: Sites) -> None:
    _, host, port = start(sites, "--rate-limit", "1/h")
    with Peer((host, port)) as one:
        assert [status_of(one, "/.slipway/live")[0] for _ in range(5)] == [200] * 5


def test_off_by_default(sites: Sites) -> None:
    _, host, port = start(sites)
    with Peer((host, port)) as one:
        assert [status_of(one)[0] for _ in range(200)] == [200] * 200


def test_a_rule_for_a_path_and_one_for_a_header(sites: Sites) -> None:
    rules = ["--rate-limit", "1/h path /echo", "--rate-limit", "2/h by header X-Key"]
    _, host, port = start(sites, *rules)
    with Peer((host, port)) as one:
        assert [status_of(one, X_Key="a")[0] for _ in range(3)] == [200, 200, 429]
        assert [status_of(one, X_Key="b")[0] for _ in range(3)] == [200, 200, 429]
        assert [status_of(one, "/echo", X_Key="c")[0] for _ in range(2)] == [200, 429]


def test_a_new_edge_remembers(sites: Sites) -> None:
    site, host, port = start(sites, "--rate-limit", "1/h")
    with Peer((host, port)) as one:
        assert [status_of(one)[0] for _ in range(2)] == [200, 429]
    (edge,) = site.pids("edge")
    os.kill(edge, signal.SIGKILL)
    until("another edge", lambda: site.pids("edge") not in ([edge], []))
    with Peer((host, port)) as one:
        assert status_of(one)[0] == 429
    assert site.status()["edges"][0]["limited"] == 1


def test_edges_count_together(sites: Sites) -> None:
    site, host, port = start(sites, "--rate-limit", "20/h", "--edges", "2")
    statuses = []
    for _ in range(30):
        with Peer((host, port)) as one:
            statuses.append(status_of(one)[0])
    assert statuses == [200] * 20 + [429] * 10
    assert sum(edge["limited"] for edge in site.status()["edges"]) == 10


@pytest.mark.parametrize("rule", ["20", "0/s", "5/m burst 0", "1/s by cookie", "1/s path login/"])
def test_what_is_no_rule_is_refused(rule: str) -> None:
    done = run("serve", "plain:application", "--rate-limit", rule)
    assert done.returncode == 2
    assert "--rate-limit takes N/s, N/m or N/h" in done.stderr and f"'{rule}'" in done.stderr
