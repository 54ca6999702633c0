"""A signal to every process of the service, as `systemctl stop` sends it by default."""

import os
import signal

from conftest import Sites
from http1 import Peer, build
from program import processes_of


def test_sigterm_to_all_processes_finishes_what_is_under_way(sites: Sites) -> None:
    site = sites.start("work", workers=2)
    gate = sites.gate("held")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=held"))
        gate.wait_reached()
        for pid in processes_of(os.getsid(site.pid)):
            os.kill(pid, signal.SIGTERM)
        site.err.wait("stop: signal=15")
        gate.open()
        assert one.response().status == 200
    assert site.wait() == 0
