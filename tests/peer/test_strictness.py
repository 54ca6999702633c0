"""The raw requests of the site tests against other servers too; makes docs/strictness.md.

Fails when slipway has a row that is not as demanded, and when the page in the tree is not what
comes out: its demands always, the peers' columns when they are the versions that the page names.
"""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from http1 import Address, Peer
from program import ROOT
from raw_peers import PEERS, Server
from raw_requests import LIMITS, ROWS
from raw_run import Outcome, Seen, differences, fence, outcome, source_of
from strictness_page import demands, page, versions_line

PAGE = ROOT / "docs" / "strictness.md"
QUIET_S = 0.5
PROGRAMS = ("nginx", "h2o")
pytestmark = pytest.mark.skipif(
    not all(shutil.which(name, path="/usr/sbin:/usr/bin") for name in PROGRAMS),
    reason="no nginx or no h2o",
)


class Patient(Peer):
    """Gives up when nothing came although meanwhile the same server answered somebody else."""

    def __init__(self, address: Address, source: str):
        super().__init__(address, QUIET_S, source=source)
        self._address = address

    def _receive(self) -> bytes:
        try:
            return super()._receive()
        except TimeoutError:
            fence(self._address)
            return super()._receive()


def outcomes_of(server: Server) -> list[Outcome]:
    found = []
    for row in ROWS:
        with Patient(server.address, source_of(row)) as peer:
            found.append(outcome(peer, server.address, server.seen, row, []))
    return found


@pytest.fixture(scope="module")
def servers(shared) -> Iterator[list[Server]]:
    limits = ("--head-limit", str(LIMITS["head"]), "--fields-limit", str(LIMITS["fields"]))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-peers-")))
        folder.chmod(0o755)
        site = shared.start("says", *limits, "--body-limit", str(LIMITS["body"]))
        found = [Server("slipway", "", site.address, Seen(Path(shared.marks) / "seen"))]
        for start in PEERS:
            found.append(stack.enter_context(start(folder / start.__name__)))
        yield found


def test_strictness(servers: list[Server]) -> None:
    with ThreadPoolExecutor(len(servers)) as pool:
        all_ = pool.map(outcomes_of, servers)
        outcomes = {server.name: list_ for server, list_ in zip(servers, all_, strict=True)}
    wrong = {
        f"{row.topic}: {row.name}": found
        for row, got in zip(ROWS, outcomes["slipway"], strict=True)
        if (found := differences(row, got))
    }
    assert not wrong
    versions = {server.name: server.version for server in servers}
    made = page(versions, outcomes)
    old = PAGE.read_text() if PAGE.exists() else ""
    PAGE.write_text(made)
    assert "\n".join(demands()).rstrip() in old, "docs/strictness.md was old and is made anew"
    if versions_line(versions) in old:
        assert old == made, "docs/strictness.md differs with the same versions; it is made anew"
