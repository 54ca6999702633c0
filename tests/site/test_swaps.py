"""Files are replaced under load: every answer is whole and of one version.

SLIPWAY_SWAPS=1000 for the long one.
"""

import os

import pytest
import wires
from conftest import Sites
from program import until
from swapper import SIZES, Client, Swapper, content, running
from wires import WIRES, Asker

SWAPS = int(os.environ.get("SLIPWAY_SWAPS", "40"))
PREFIXES = ["/f/plain/", "/f/current/"]
HANDED = ["/?X-Accel-Redirect=/p/plain/", "/?X-Accel-Redirect=/p/current/"]


@pytest.mark.parametrize("trusted", ["0", "30ms"])
def test_every_answer_is_of_one_version(sites: Sites, trusted: str) -> None:
    swapper = Swapper(sites.folder / "root")
    site = wires.start(
        sites,
        "given",
        *["--static", f"/f/={swapper.root}", "--protected", f"/p/={swapper.root}"],
        *["--static-cache", trusted, "--access-log", "off"],
    )
    tags: dict[str, str] = {}
    clients = [Client(wire, site, PREFIXES, tags) for wire in WIRES]
    clients += [Client(wire, site, HANDED, tags) for wire in ("http1", "http2")]
    with running(clients) as wait_more:
        for number in range(SWAPS):
            swapper.release() if number % 5 == 0 else swapper.replace()
            wait_more(1 + number % 3)
    seen: set[int] = set()
    for client in clients:
        assert client.failure is None, client.failure
        seen |= set(client.statuses)
    assert seen == {200, 206, 304, 412}
    assert len(set(tags.values())) > SWAPS // 2
    for wire in WIRES:
        with Asker(wire, site) as one:
            until("the newest of all", lambda one=one: are_newest(one, swapper))


def are_newest(one: Asker, swapper: Swapper) -> bool:
    return all(
        one.ask(f"/f/{folder}/{name}").body == content(name, version)
        for folder, version in swapper.versions.items()
        for name in SIZES
    )
