"""The master as process 1 of a container: nothing beside it, nobody above it."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Sites
from http1 import get
from program import PYTHON, Site, processes_of, stat_of, until
from projects import make_wsgi, write

UNSHARE = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
MIB = 1024 * 1024


def can_unshare() -> bool:
    if not os.access(UNSHARE[0], os.X_OK):
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_unshare(), reason="no process namespaces here")

ORPHAN = """
import subprocess

def spawn():
    '''One whose parent is gone: it is process 1 that has to wait for it.'''
    shell = ["sh", "-c", "sh -c 'exit 3' & sleep 300 >/dev/null 2>&1 & echo $!"]
    return subprocess.run(shell, stdout=subprocess.PIPE, check=True).stdout

import own
inner = own.application

def application(environ, start_response):
    if environ["PATH_INFO"] != "/orphan":
        return inner(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [spawn()]
"""


class Contained(Site):
    """Its first process is `unshare`, whose child is process 1 of a namespace of its own."""

    def _launch(
        self, command: list[str], folder: Path, env: dict[str, str]
    ) -> "subprocess.Popen[bytes]":
        return super()._launch([*UNSHARE, *command], folder, env)

    def master(self) -> int:
        (pid,) = self.pids("master")
        return pid

    def signal(self, number: int) -> None:
        os.kill(self.master(), number)

    def children(self) -> dict[int, str]:
        """Of the master, with their states."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            stat = stat_of(int(entry))
            if stat and int(stat[2]) == self.master():
                found[int(entry)] = stat[1]
        return found


def start(sites: Sites, folder: Path, *options: str, **env: str) -> Contained:
    make_wsgi(folder)
    write(folder / "orphan.py", ORPHAN)
    return sites.start("orphan", *options, chdir=folder, kind=Contained, env=env, workers=2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_process_1_and_stops_when_told(sites: Sites, tmp_path: Path, number: int) -> None:
    """The kernel gives process 1 no signal that it does not ask for; it asks for these."""
    site = start(sites, tmp_path)
    assert site.ready and site.ready["pid"] == "1"
    assert get(site.address, "/").status == 200
    assert site.status()["pid"] == 1
    site.signal(number)
    assert site.wait() == 0
    assert not processes_of(site.pid)


def test_it_waits_for_orphans(sites: Sites, tmp_path: Path) -> None:
    site = start(sites, tmp_path)
    for _ in range(5):
        assert get(site.address, "/orphan").status == 200
    until("no dead process to be left", lambda: "Z" not in site.children().values())
    until("five orphans", lambda: list(processes_of(site.pid).values()).count("sleep") == 5)
    site.stop()
    assert not processes_of(site.pid)  # with process 1 the container ends


def test_what_dies_is_replaced_and_reloads_work(sites: Sites, tmp_path: Path) -> None:
    site = start(sites, tmp_path)
    before = site.pids("worker") + site.pids("edge")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until("others", lambda: len(set(site.pids("worker") + site.pids("edge")) - set(before)) == 3)
    assert site.verb("reload").returncode == 0
    assert get(site.address, "/").status == 200


def test_no_shell_and_no_path_are_needed(sites: Sites, tmp_path: Path) -> None:
    site = start(sites, tmp_path, PATH="/nowhere", HOME="/nowhere")
    assert get(site.address, "/").status == 200


# ---- limits of its control group


@contextlib.contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """A control group with that much memory: of version 1 or 2, whichever is there."""
    root = Path("/sys/fs/cgroup")
    is_old = (root / "memory" / "memory.limit_in_bytes").exists()
    group = (root / "memory" if is_old else root) / f"slipway-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if is_old else "memory.max")).write_text(str(limit_bytes))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"no control groups here: {error}")
    try:
        yield group
    finally:
        until("its processes to end", lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


def test_memory_of_the_group_bounds_the_workers(sites: Sites, tmp_path: Path) -> None:
    """96 MiB for all that is not a worker, 128 MiB a worker: 3 of them, were there CPUs for 100."""
    make_wsgi(tmp_path)
    with memory_group(300 * MIB) as group:
        script = f'echo $$ > {group}/cgroup.procs; exec "$@"'

        class Bounded(Site):
            def _launch(
                self, command: list[str], folder: Path, env: dict[str, str]
            ) -> "subprocess.Popen[bytes]":
                return super()._launch(["sh", "-c", script, "sh", *command], folder, env)

        site = sites.start(
            "own", chdir=tmp_path, kind=Bounded, python=PYTHON, options_of_count=False
        )
        assert site.ready and site.ready["workers"] == "1"
        site.stop()
