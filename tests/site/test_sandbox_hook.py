"""Somebody runs code in an edge or in the scribe: what comes of it, with the sandbox and without.

It needs a build with -Dhooks=true (`make build-hooks`; or its program in SLIPWAY_HOOKS_BIN), whose
edges do what edge_hook.c has: each line below is tried from inside, after the sandbox is closed.
"""

import errno
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Sites
from http1 import get
from program import ROOT, Site, until

PROGRAM = ROOT / os.environ.get("SLIPWAY_HOOKS_BIN", "build-hooks/slipway")
NOBODY = 65534
REFUSED = {errno.EPERM, errno.EACCES}
VICTIM = """
import ctypes, os, sys
key = ctypes.create_string_buffer(b"the key!")
print(os.getpid(), ctypes.addressof(key), flush=True)
sys.stdin.read()
"""

pytestmark = [
    pytest.mark.skipif(not os.access(PROGRAM, os.X_OK), reason="no build: make build-hooks"),
    pytest.mark.skipif(os.geteuid() != 0, reason="without the sandbox only root may do it all"),
]


class Stage(NamedTuple):
    site: Site
    file: Path

    def act(self, *lines: str) -> dict[str, int]:
        """What each gave: 0, or errno."""
        self.file.write_text("".join(f"{line}\n" for line in lines))
        (edge,) = self.site.status()["edges"]
        return edge["hook"]


@pytest.fixture
def victim() -> Iterator[tuple[int, int]]:
    """A process of the edge's own user, and where its key is: no rights of users protect that."""
    with subprocess.Popen(
        ["/usr/bin/python3", "-c", VICTIM],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        pid, address = process.stdout.readline().split()
        yield int(pid), int(address)
        process.kill()


def stage(sites: Sites, mode: str, **more: Any) -> Stage:
    sites.folder.chmod(0o711)
    static = sites.folder / "static"
    static.mkdir()
    (static / "a.txt").write_text("to be read")
    for name in ("secret", "mine"):
        (sites.folder / name).write_text("to be read by nobody")
        (sites.folder / name).chmod(0o666)
    file = sites.folder / "actions"
    file.write_text("")
    options = ["--static", f"/files/={static}", "--sandbox", mode]
    env = {"EDGE_HOOK": str(file)}
    site = sites.start("plain", *options, env=env, program=str(PROGRAM), **more)
    assert get(site.address, "/files/a.txt").body == b"to be read"
    return Stage(site, file)


def attempts(s: Stage, folder: Path, pid: int, address: int) -> list[str]:
    port = s.site.port
    return [
        "read /etc/passwd",
        "read2 /etc/passwd",
        f"read {folder}/secret",
        f"read2 {folder}/secret",
        f"write {folder}/secret",
        f"write2 {folder}/secret",
        f"write2 {folder}/static/a.txt",
        f"create {folder}/static/new",
        f"create2 {folder}/static/new",
        "create2 /tmp/slipway-hook-new",
        "create2 /var/tmp/slipway-hook-new",
        "list2 /etc",
        f"unlink {folder}/mine",
        f"read /proc/{pid}/mem",
        f"read2 /proc/{pid}/mem",
        f"read2 /proc/{pid}/environ",
        f"read2 /proc/{s.site.pid}/mem",
        f"read2 /proc/{s.site.pid}/environ",
        f"vmread {pid} {address}",
        f"ptrace {pid}",
        f"kill {pid}",
        f"kill {s.site.pid}",
        f"pidfd {pid}",
        "fork",
        "exec /bin/true",
        f"tcp {port}",
        f"unix {s.site.control}",
        "udp",
        "mmap-exec",
        "mprotect-exec",
        "root",
    ]


def test_it_can_do_nothing(sites: Sites, victim: tuple[int, int]) -> None:
    s = stage(sites, "yes")
    tried = attempts(s, sites.folder, *victim)
    got = s.act(*tried)
    assert set(got) == set(tried)
    assert {line: error for line, error in got.items() if error not in REFUSED} == {}
    assert s.act(f"read {sites.folder}/static/a.txt", f"read2 {sites.folder}/static/a.txt") == {
        f"read {sites.folder}/static/a.txt": 0,
        f"read2 {sites.folder}/static/a.txt": 0,
    }
    assert get(s.site.address, "/files/a.txt").body == b"to be read"
    refused = s.site.log().count("a system call was refused")
    assert 10 <= refused <= 64
    s.act("fork", "udp", "root")
    assert s.site.log().count("a system call was refused") == refused  # once a number
    s.site.destroy()  # such a log fails every other test


def test_without_the_sandbox_it_can_do_it_all(sites: Sites, victim: tuple[int, int]) -> None:
    """Else the test above could not fail."""
    s = stage(sites, "no")
    got = s.act(*attempts(s, sites.folder, *victim))
    for folder in ("/tmp", "/var/tmp"):
        (Path(folder) / "slipway-hook-new").unlink()
    assert {line: error for line, error in got.items() if error != 0} == {}


def test_kill_ends_the_edge(sites: Sites) -> None:
    s = stage(sites, "kill")
    before = s.site.pids("edge")
    s.file.write_text("fork\n")
    s.site.verb("status", "--json")
    s.site.err.wait("edge died: .* exit status 159")
    s.file.write_text("")
    until("another edge", lambda: s.site.pids("edge") not in ([], before))
    assert get(s.site.address, "/files/a.txt").body == b"to be read"
    s.site.destroy()


# ---- the scribe


def scribe_stage(sites: Sites, mode: str) -> Stage:
    sites.folder.chmod(0o711)
    for name in ("logs", "other"):
        (sites.folder / name).mkdir()
    for name in ("secret", "mine"):
        (sites.folder / name).write_text("to be read by nobody")
    file = sites.folder / "actions"
    file.write_text("")
    options = ["--access-log", f"{sites.folder}/logs/a", "--sandbox", mode]
    env = {"SCRIBE_HOOK": str(file)}
    site = sites.start("plain", *options, env=env, program=str(PROGRAM))
    get(site.address, "/x")
    until("a line", lambda: "GET /x " in (sites.folder / "logs/a").read_text())
    return Stage(site, file)


def scribe_acts(s: Stage, *lines: str) -> dict[str, int]:
    done = Path(f"{s.file}.done")
    before = done.read_text().count("\n")
    s.file.write_text("".join(f"{line}\n" for line in lines))
    s.site.signal(signal.SIGUSR1)
    until("what came of it", lambda: done.read_text().count("\n") > before)
    got: dict[str, int] = json.loads(done.read_text().splitlines()[-1])
    return got


def scribe_attempts(s: Stage, folder: Path, pid: int, address: int) -> list[str]:
    return [
        "read /etc/shadow",
        f"read {folder}/secret",
        f"write {folder}/secret",
        f"create {folder}/new",
        f"create {folder}/other/new",
        "create /tmp/slipway-hook-new",
        f"unlink {folder}/mine",
        f"read /proc/{pid}/mem",
        f"read /proc/{s.site.pid}/environ",
        f"vmread {pid} {address}",
        f"ptrace {pid}",
        f"kill {pid}",
        f"pidfd {pid}",
        "fork",
        "exec /bin/true",
        f"tcp {s.site.port}",
        f"unix {s.site.control}",
        "udp",
        "mmap-exec",
        "mprotect-exec",
        "root",
    ]


def test_the_scribe_can_write_logs(sites: Sites, victim: tuple[int, int]) -> None:
    s = scribe_stage(sites, "yes")
    tried = scribe_attempts(s, sites.folder, *victim)
    got = scribe_acts(s, *tried)
    assert set(got) == set(tried)
    assert {line: error for line, error in got.items() if error not in REFUSED} == {}
    mine = [f"create {sites.folder}/logs/new", f"unlink {sites.folder}/logs/new"]
    assert set(scribe_acts(s, *mine).values()) == {0}
    get(s.site.address, "/y")
    until("a line", lambda: "GET /y " in (sites.folder / "logs/a").read_text())
    assert s.site.log().count("warn scribe: a system call was refused") >= 8
    s.site.destroy()


def test_without_the_sandbox_the_scribe_can_do_it_all(
    sites: Sites, victim: tuple[int, int]
) -> None:
    s = scribe_stage(sites, "no")
    got = scribe_acts(s, *scribe_attempts(s, sites.folder, *victim))
    Path("/tmp/slipway-hook-new").unlink()
    assert {line: error for line, error in got.items() if error != 0} == {}
