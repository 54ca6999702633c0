"""Asking both workers of a site: each is held with its request until the other has one, too."""

import itertools
from contextlib import ExitStack

from http1 import Peer, build
from program import APPS, Site

# For applications of tests: hold(environ) is where a request waits, when ask_both() sent it.
HOLD = f"""
import sys
sys.path.append({str(APPS)!r})

def hold(environ):
    from meet import pass_gate
    if environ["QUERY_STRING"].startswith("both"):
        pass_gate(environ["QUERY_STRING"])
"""
numbers = itertools.count()


def ask_both(sites, site: Site, target: str = "/") -> list[str]:
    """What they say; `site` has two workers of one thread."""
    gate = sites.gate(f"both{next(numbers)}")
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(site.address)) for _ in range(2)]
        for peer in peers:
            peer.send(build("GET", f"{target}?{gate.name}"))
        assert len({gate.wait_reached() for _ in peers}) == 2
        gate.open(2)
        return [peer.response().text for peer in peers]
