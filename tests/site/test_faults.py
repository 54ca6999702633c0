"""The fault walk: each system call and allocation of ours fails once, over start, GETs and stop.

It needs a build with -Dfaults=true (`make build-faults`; or its program in SLIPWAY_FAULTS_BIN),
best with sanitizers. SLIPWAY_FAULT_STRIDE=1 walks every call; by default only every seventh.
"""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Cut, Peer
from program import APPS, PYTHON, ROOT, SANITIZER_REPORTS, Site, is_for_all, until

PROGRAM = ROOT / os.environ.get("SLIPWAY_FAULTS_BIN", "build-faults/slipway")
STRIDE = int(os.environ.get("SLIPWAY_FAULT_STRIDE", "7"))
TRY_S = 5.0
LIMITS = ["--drain-idle", "50ms", "--harakiri-grace", "1s", "--start-timeout", "10s"]
UNCOUNTED = {"slipway": 75, "zygote": 10, "worker": 50}  # those that end without saying how many

pytestmark = pytest.mark.skipif(
    not os.access(PROGRAM, os.X_OK), reason="no build with faults: make build-faults"
)


def surroundings() -> dict[str, str]:
    """Of a service: somebody is told, and root's workers are another user, where he can be."""
    env = {"ASAN_OPTIONS": "detect_leaks=1", "NOTIFY_SOCKET": "@slipway-test-nobody-hears"}
    is_for_him = all(is_for_all(str(path)) for path in (PROGRAM, PYTHON, APPS))
    return env | ({"SLIPWAY_USER": "daemon"} if os.geteuid() == 0 and is_for_him else {})


def make_shared(sites: Sites, name: str) -> str:
    """A file for all processes, whoever they are."""
    sites.folder.chmod(0o755)
    file = sites.folder / name
    file.touch()
    file.chmod(0o666)
    return str(file)


def start(sites: Sites, env: dict[str, str]) -> Site:
    path = sites.folder / "s"
    return sites.start(
        "plain",
        *LIMITS,
        listen=f"unix:{path}",
        env=surroundings() | env,
        program=str(PROGRAM),
        waits=False,
    )


def answers(address: str, target: str) -> bool:
    with suppress(OSError, Cut), Peer(address, TRY_S) as one:
        return one.ask(target=target).status == 200
    return False


def wait_verdict(site: Site, address: str) -> bool:
    """Until it is ready (True) or ended (False): the ready line itself may be what failed."""
    until(
        "ready or an end",
        lambda: site.process.poll() is not None or answers(address, "/.slipway/ready"),
    )
    return site.process.poll() is None


def judge_end(site: Site) -> None:
    """A start that failed says so; a process that could not run its program may have said why."""
    status = site.wait()
    lines = [line for line in site.log().splitlines() if line.startswith("slipway: ")]
    assert status in (1, 2) and 1 <= len(lines) <= 2, f"exit status {status}"


def judge_serving(site: Site, address: str) -> None:
    """One request may be lost, not two."""
    first = answers(address, "/hello")
    assert answers(address, "/hello") or (first and answers(address, "/hello")), "not served"
    site.signal(signal.SIGTERM)
    status = site.wait()
    assert status == 0, f"exit status {status} after SIGTERM"


def judge_log(log: str) -> None:
    for words in SANITIZER_REPORTS:
        assert words not in log, words
    assert not re.search(r"died: .*signal (4|6|7|8|11)\b", log), "a crash"


def walk_one(process: str, number: int) -> str:
    """What went wrong, or nothing."""
    with ExitStack() as stack:
        sites = Sites(stack)
        env = {"SLIPWAY_FAULT": str(number), "SLIPWAY_FAULT_IN": process}
        site = start(sites, env | {"SLIPWAY_FAULT_ONCE": make_shared(sites, "once")})
        address = str(sites.folder / "s")
        try:
            if wait_verdict(site, address):
                judge_serving(site, address)
            else:
                judge_end(site)
            judge_log(site.log())
        except Exception as error:
            why = str(error).splitlines()[0] if str(error) else repr(error)
            return f"{process} {number}: {why}\n{site.log()[-3000:]}"
        finally:
            site.destroy()
    return ""


@pytest.fixture(scope="module")
def counts() -> Iterator[dict[str, int]]:
    """How many calls each process makes when nothing fails."""
    with ExitStack() as stack:
        sites = Sites(stack)
        file = Path(make_shared(sites, "count"))
        site = start(sites, {"SLIPWAY_FAULT_COUNT": str(file)})
        assert wait_verdict(site, str(sites.folder / "s"))
        judge_serving(site, str(sites.folder / "s"))
        found = dict(UNCOUNTED)
        for line in file.read_text().splitlines():
            name, _, count = line.rpartition(" ")
            found[name] = int(count)
        yield found


@pytest.mark.parametrize("process", ["slipway", "master", "edge", "scribe", "zygote", "worker"])
def test_every_call_may_fail(counts: dict[str, int], process: str) -> None:
    numbers = range(1, counts[process] + 8, STRIDE)
    with ThreadPoolExecutor(3) as pool:
        failures = [f for f in pool.map(lambda n: walk_one(process, n), numbers) if f]
    assert not failures, f"{len(failures)} of {len(numbers)}:\n" + "\n".join(failures)
