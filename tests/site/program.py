"""Starts the program under test, watches it, and sees to it that nothing of it is left."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from http1 import TIMEOUT_S, Address

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
APPS = HERE / "apps"
PYTHON = sys.executable
SLIPWAY = str(ROOT / os.environ.get("SLIPWAY", "build/slipway"))
IS_SANITIZED = "asan" in os.environ.get("SLIPWAY", "")
# An edge that asks the kernel for what it should not need ends: no test may pass over that.
SANDBOX = os.environ.get("SLIPWAY_TEST_SANDBOX", "kill")
# What root's project runs as by itself, with a warning: the one who said so has none.
AS_WE_ARE = {"SLIPWAY_USER": "root"} if os.geteuid() == 0 else {}
START_S = float(os.environ.get("SLIPWAY_TEST_START_TIMEOUT", "40"))

# Our own names in the environment would reach the program as its options.
NOT_INHERITED = re.compile(
    r"SLIPWAY.*|PORT|WEB_CONCURRENCY|DJANGO_.*|HARBOUR_.*|VIRTUAL_ENV|PYTHON(PATH|HOME|HASHSEED)"
)
SANITIZER_REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")
REQUEST_ID = re.compile(r"^\[[0-9a-f]{32}\] ", re.MULTILINE)
NEVER_SAID = (*SANITIZER_REPORTS, "a system call was refused")
READY_LINE = re.compile(
    r"^slipway \S+: (?P<urls>.+?)  (?P<what>.+?)(?:, (?P<workers>\d+) workers? x "
    r"(?P<threads>\d+) threads?)? \(pid (?P<pid>\d+), ready in \d+ ms\)$",
    re.MULTILINE,
)


class Gone(AssertionError):
    """The program ended before it did what was waited for."""


def until(
    what: str, look: Callable[[], Any], timeout_s: float = TIMEOUT_S, pause_s: float = 0.01
) -> Any:
    """For states that nobody announces: looks until what it sees is true, and returns that."""
    limit = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (found := look()):
        assert time.monotonic() < limit, f"waited {timeout_s} s for {what}"
        pause.wait(pause_s)
    return found


class Lines:
    """What a pipe said so far; a thread reads it, so that the program never waits for us.

    `text` is without the ids of requests in front of lines that workers print, `raw` has them.
    """

    def __init__(self, pipe: IO[bytes]):
        self._pipe = pipe
        self.raw = self._text = self._lines = ""  # all; without ids; of that, whole lines
        self._whole = 0  # bytes of raw in them
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        fd = self._pipe.fileno()
        while data := self._next(fd):
            with self._changed:
                self.raw += data.decode("utf-8", "replace")
                end = max(self.raw.rfind("\n") + 1, self._whole)
                self._lines += REQUEST_ID.sub("", self.raw[self._whole : end])
                self._text, self._whole = self._lines + self.raw[end:], end
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @staticmethod
    def _next(fd: int) -> bytes:
        return os.read(fd, 1 << 16)

    @property
    def text(self) -> str:
        with self._changed:
            return self._text

    def wait(
        self, pattern: str | re.Pattern[str], since: int = 0, timeout_s: float = TIMEOUT_S
    ) -> re.Match[str]:
        """The first match at or after `since`, an offset in `text`."""
        regex = re.compile(pattern, re.MULTILINE) if isinstance(pattern, str) else pattern
        with self._changed:
            is_there = self._changed.wait_for(
                lambda: regex.search(self._text, since) or self._ended, timeout_s
            )
            found = regex.search(self._text, since)
            if found:
                return found
            why = "the program ended" if is_there else f"{timeout_s} s passed"
            raise Gone(f"{why}, no {regex.pattern!r} in:\n{self._text[since:][-8000:]}")

    def end(self, timeout_s: float = TIMEOUT_S) -> None:
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "somebody still holds the program's output"
        self._pipe.close()


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    env = {name: v for name, v in os.environ.items() if not NOT_INHERITED.fullmatch(name)}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return env | dict(extra or {})


def run(
    *arguments: str,
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = START_S,
    program: str = SLIPWAY,
) -> subprocess.CompletedProcess[str]:
    """A verb that ends by itself."""
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    no_reports(out + err)
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def no_reports(text: str) -> None:
    for report in NEVER_SAID:
        assert report not in text, text[max(0, text.index(report) - 500) :][:8000]


# ---- processes


def stat_of(pid: int) -> list[str] | None:
    """Name, state, parent, group, session, ... of a process; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = text[text.index("(") + 1 :].rpartition(")")
    return [name, *rest.split()]


def processes_of(session: int) -> dict[int, str]:
    """The living processes of a session with their names ("slipway: edge")."""
    found = {}
    for entry in os.listdir("/proc"):
        stat = stat_of(int(entry)) if entry.isdigit() else None
        if stat and int(stat[4]) == session and stat[1] not in "ZX":
            found[int(entry)] = stat[0]
    return found


def is_alive(pid: int) -> bool:
    stat = stat_of(pid)
    return stat is not None and stat[1] not in "ZX"


def wait_gone(pids: Iterable[int], timeout_s: float = TIMEOUT_S) -> None:
    limit = time.monotonic() + timeout_s
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            left_s = max(0.0, limit - time.monotonic())
            ended, _, _ = select.select([fd], [], [], left_s)
            assert ended, f"process {pid} ({stat_of(pid)}) is still there"
        finally:
            os.close(fd)


def memory_kib(pid: int) -> int:
    """Its own share of memory: pages that several processes map are counted in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError(f"no Pss of {pid}")


def log_text(path: Path) -> str:
    """What a log says by now; "" also between its rotated file and its next one."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def status_of(pid: int) -> dict[str, str]:
    """What the kernel says of a process (proc(5), status)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def ids_of(pid: int) -> tuple[int, int]:
    """Its user and group."""
    text = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"^{name}:\t(\d+)", text, re.M)[1]) for name in ("Uid", "Gid"))


def is_for_all(path: str) -> bool:
    """Whether any user of this machine can use it, by its name and where its links lead."""
    names = {Path(path), Path(path).resolve(), Path(path).parent.resolve() / Path(path).name}
    return all(folder.stat().st_mode & 1 for name in names for folder in (name, *name.parents))


def limit_files(pid: int, most: int) -> None:
    """RLIMIT_NOFILE of another process, as its own user: root may lack that right (containers)."""
    user, group = ids_of(pid)
    them = {"user": user, "group": group, "extra_groups": []} if os.geteuid() == 0 else {}
    limit = ["prlimit", f"--pid={pid}", f"--nofile={most}:{most}"]
    subprocess.run(limit, check=True, timeout=TIMEOUT_S, **them)


# ---- the program


class Site:
    """One `slipway serve` (or run): where it answers, what it says, how it ends."""

    def __init__(
        self,
        arguments: Iterable[str],
        control: Path,
        folder: Path,
        env: Mapping[str, str] | None = None,
        verb: str = "serve",
        program: str = SLIPWAY,
    ):
        self.control, self.folder, self.program = control, folder, program
        self._env = dict(env or {})
        self.arguments = [verb, *arguments, "--control", f"unix:{control}"]
        env = {"SLIPWAY_SANDBOX": SANDBOX, **AS_WE_ARE} | self._env
        self.process = self._launch([program, *self.arguments], folder, environment(env))
        self.pid = self.process.pid
        self.url = ""
        self.address: Address = ""
        self.addresses: list[Address] = []
        self.ready: re.Match[str] | None = None
        self.is_stopped = False
        self.extra_logs: list[Path] = []

    def _launch(
        self, command: list[str], folder: Path, env: dict[str, str], **more: Any
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **more,
        )
        return self._read(process)

    def _read(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        assert process.stdout and process.stderr
        self.out, self.err = Lines(process.stdout), Lines(process.stderr)
        return process

    def wait_ready(self, timeout_s: float = START_S) -> "Site":
        self.ready = self.err.wait(READY_LINE, timeout_s=timeout_s)
        for url in self.ready["urls"].split(" "):
            if url.startswith("unix:"):
                self.addresses.append(url.removeprefix("unix:"))
            else:
                host, _, port = url.partition("://")[2].rpartition(":")
                self.addresses.append((host.strip("[]"), int(port)))
        self.url, self.address = self.ready["urls"].split(" ")[0], self.addresses[0]
        return self

    @property
    def port(self) -> int:
        assert isinstance(self.address, tuple)
        return self.address[1]

    def log(self) -> str:
        return self.err.text

    def access_log(self) -> str:
        return self.out.text

    def verb(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`slipway NAME` beside the running site."""
        return run(
            name,
            *arguments,
            "--control",
            f"unix:{self.control}",
            folder=self.folder,
            env=self._env,
            program=self.program,
        )

    def status(self) -> dict[str, Any]:
        done = self.verb("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def workers(self, *states: str) -> list[dict[str, Any]]:
        rows = self.status()["workers"]
        return [row for row in rows if not states or row["state"] in states]

    def wait_workers(self, count: int, without: Iterable[int] = ()) -> list[dict[str, Any]]:
        """Until so many take requests, none of them among `without` (process ids)."""
        not_these = set(without)

        def look() -> list[dict[str, Any]] | None:
            rows = [w for w in self.workers("idle", "busy") if w["pid"] not in not_these]
            return rows if len(rows) >= count else None

        return until(f"{count} workers", look, START_S)

    def pids(self, name: str) -> list[int]:
        """Of its processes that are called so: master, edge, scribe, zygote, worker."""
        return [p for p, n in processes_of(self.pid).items() if n == f"slipway: {name}"]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout_s: float = START_S) -> int:
        """Until it ended by itself; the exit status."""
        status = self.process.wait(timeout_s)
        wait_gone(processes_of(self.pid))
        self.out.end()
        self.err.end()
        self.is_stopped = True
        no_reports(self.log())
        for path in self.extra_logs:
            no_reports(path.read_text(errors="replace"))
        return status

    def stop(self, status: int = 0, timeout_s: float = START_S) -> None:
        """SIGTERM, and what is promised of it."""
        if self.is_stopped:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            got = self.wait(timeout_s)
        finally:
            self.destroy()
        assert got == status, f"exit status {got}, log:\n{self.log()[-8000:]}"

    def destroy(self) -> None:
        """Whatever is left of it ends now."""
        self.is_stopped = True
        for pid in processes_of(self.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT_S)
