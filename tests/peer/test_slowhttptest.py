"""slowhttptest's four attacks with a thousand connections each, against short time-outs: all are
cut, and every request of a normal client is answered meanwhile."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from http1 import TIMEOUT_S, get
from load import Load
from program import Site, until
from site_fixtures import Sites

PROGRAM = shutil.which("slowhttptest") or "slowhttptest"
CONNECTIONS = 1000
LIMITS = ["--head-timeout", "2s", "--idle-timeout", "2s", "--body-timeout", "2s"]
LIMITS += ["--send-timeout", "2s", "--drain-idle", "100ms"]
ATTACKS = {
    "slow-headers": ["-H"],
    "slow-body": ["-B", "-s", "100000"],
    "ranges": ["-R"],
    "slow-read": ["-X", "-k", "3", "-n", "1", "-z", "32", "-w", "512", "-y", "1024"],
}
CLIENTS = 2


@pytest.fixture(scope="module")
def site(shared: Sites, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("static")
    folder.chmod(0o755)  # edges are not who we are
    (folder / "big").write_bytes(b"x" * 3_000_000)
    site = shared.start("work", *LIMITS, "--static", f"/static/={folder}", threads=4)
    assert len(get(site.address, "/static/big").body) == 3_000_000
    yield site


def connections(site: Site) -> int:
    return sum(edge.get("connections", CONNECTIONS) for edge in site.status()["edges"])


@pytest.mark.parametrize("attack", list(ATTACKS))
def test_all_are_cut_and_others_answered(site: Site, attack: str) -> None:
    path = "job/1" if attack == "slow-body" else "static/big"
    command = [PROGRAM, "-c", str(CONNECTIONS), "-r", "1000", "-i", "1", "-l", "60", "-p", "10"]
    command += [*ATTACKS[attack], "-u", f"{site.url}/{path}"]
    accepted = site.status()["edges"][0]["accepted"]
    with Load(site.address, clients=CLIENTS) as load:
        load.wait_more(20)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                until(
                    "all attackers to be there",
                    lambda: site.status()["edges"][0].get("accepted", 0) >= accepted + CONNECTIONS,
                    3 * TIMEOUT_S,
                )
                # It reads on from sockets that are gone, so only the server knows (-X).
                until(
                    "all attackers to be cut",
                    lambda: connections(site) <= CLIENTS + 1,
                    3 * TIMEOUT_S,
                )
                if attack == "slow-read":
                    process.terminate()
                assert process.stdout
                said = process.stdout.read().decode("utf-8", "replace")
            finally:
                process.kill()
        load.wait_more(20)
    assert load.failures == []
    if attack != "slow-read":
        assert "No open connections left" in said, said[-2000:]
    said = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said)
    assert not re.search(r"service available:\s+NO", said), said[-2000:]
