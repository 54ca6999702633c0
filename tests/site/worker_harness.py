"""Runs a zygote and a worker as the master would, and speaks to the worker as the edge would."""

import atexit
import ctypes
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
BOOT = (
    Path(os.environ.get("SLIPWAY", ROOT / "build/slipway")).resolve().parent
    / "python/slipway/boot.py"
)
DEADLINE_S = 20.0
RING_BYTES = 128 * 1024
DONE = 3
RESULTS = ("ok", "cut", "left")
PR_SET_CHILD_SUBREAPER = 36


def build_edge() -> Path:
    """The edge's end of the link as a library."""
    sources = [ROOT / "tests/site/worker_edge.c", *sorted((ROOT / "src/link").glob("frame*.c"))]
    sources += [ROOT / "src/link" / name for name in ("sealed.c", "slot.c")]
    sources += sorted((ROOT / "src/base").glob("*.c"))
    sources = [source for source in sources if source.name != "json.c"]
    folder = tempfile.mkdtemp(prefix="slipway-edge-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(folder) / "edge.so"
    command = [
        "cc",
        "-shared",
        "-fPIC",
        "-O1",
        "-g",
        "-std=gnu17",
        "-D_GNU_SOURCE",
        f"-I{ROOT}/src",
    ]
    subprocess.run([*command, *map(str, sources), "-o", str(library), "-lpthread"], check=True)
    return library


def pythons() -> list[str]:
    """The interpreter of the tests, and newer ones where there are any."""
    found = [sys.executable]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (12, 13, 14):
        places = [
            *sorted(versions.glob(f"3.{minor}.*/bin/python")),
            Path(f"/usr/bin/python3.{minor}"),
        ]
        found += [str(place) for place in places if place.exists()][:1]
    return found


class Answer(NamedTuple):
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    result: str  # "ok", "cut", "left"
    file: tuple[int, int] | None  # where the descriptor's part of the body starts, and its length

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if len(values) == 1 else None


class Look(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint32) for name in ("state", "status", "head_bytes", "result", "what")
    ]
    _fields_ += [(name, ctypes.c_uint64) for name in ("written", "file_at", "file_bytes")]


def pack_vars(variables: dict[str, str]) -> bytes:
    block = b""
    for name, value in variables.items():
        for text in (name.encode("latin-1"), value.encode("latin-1")):
            block += len(text).to_bytes(2, "little") + text
    return block


class Zygote:
    """boot.py with the master's end of its socket."""

    def __init__(self, python: str, folder: Path, env: dict[str, str] | None = None, **start: Any):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.output = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(BOOT), str(theirs.fileno())],
            cwd=folder,
            env={**os.environ, "LANG": "C.UTF-8", **(env or {})},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.errors,
        )
        theirs.close()
        self.socket = ours
        self.socket.settimeout(DEADLINE_S)
        message = {
            "do": "start",
            "app": "",
            "settings": "",
            "chdir": str(folder),
            "threads": 1,
            **start,
        }
        ours.send(json.dumps(message).encode())
        data = ours.recv(65536)
        self.report: dict[str, Any] = json.loads(data) if data else {"event": "end"}

    def stderr(self) -> str:
        return os.pread(self.errors.fileno(), 1 << 20, 0).decode()

    def stdout(self) -> str:
        return os.pread(self.output.fileno(), 1 << 20, 0).decode()

    def close(self) -> int:
        self.socket.close()
        status = self.process.wait(DEADLINE_S)
        self.errors.close()
        self.output.close()
        return status


class Worker:
    """One worker, and the edge that it works for."""

    def __init__(self, library: Path, zygote: Zygote, threads: int = 1):
        self.lib = ctypes.CDLL(str(library))
        self.lib.edge_new.restype = ctypes.c_void_p
        self.lib.edge_wait.restype = ctypes.c_int64
        self.lib.edge_take.restype = ctypes.c_ssize_t
        self.edge = ctypes.c_void_p(self.lib.edge_new(threads))
        self.zygote = zygote
        self.buffer = ctypes.create_string_buffer(RING_BYTES)
        self.busy: set[int] = set()
        fds = (ctypes.c_int * 4)()
        self.lib.edge_fds(self.edge, fds)
        yard, intake, bell, passing = fds
        self.life, life = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.life.settimeout(DEADLINE_S)
        text = json.dumps({"do": "fork", "worker": 0, "generation": 1}).encode()
        socket.send_fds(zygote.socket, [text], [yard, intake, life.fileno(), bell, passing])
        life.close()
        born = json.loads(self.life.recv(4096))
        assert born["event"] == "born"
        self.pid: int = born["pid"]
        self.lib.edge_let_go(self.edge, self.pid)
        assert self.life.recv(4096) == b'{"event": "ready"}', zygote.stderr()

    def offer(self, slot: int = 0, path: str = "/", body: bytes = b"", method: str = "GET",
              file: int = -1, query: str = "", **more: str) -> None:  # fmt: skip
        size = os.fstat(file).st_size if file >= 0 else len(body)
        block = pack_vars(request_vars(path, method, query, size, more))
        sent = self.lib.edge_offer(
            self.edge, slot, block, ctypes.c_size_t(len(block)), body, ctypes.c_size_t(size), file
        )
        assert sent == 0, os.strerror(-sent)
        self.busy.add(slot)

    def look(self, slot: int) -> Look:
        look = Look()
        self.lib.edge_look(self.edge, slot, ctypes.byref(look))
        return look

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        slot = self.lib.edge_wait(self.edge, int(timeout_s * 1000))
        assert slot >= 0, f"no answer: {os.strerror(-slot)}\n{self.zygote.stderr()}"
        return slot

    def take(self, slot: int, start: int) -> bytes:
        got = self.lib.edge_take(self.edge, slot, ctypes.c_uint64(start), self.buffer)
        assert got >= 0
        return self.buffer.raw[:got]

    def answer(self, slot: int = 0) -> Answer:
        """Waits for the end of the exchange in this slot."""
        data = b""
        while True:
            look = self.look(slot)
            data += self.take(slot, len(data))
            if look.state == DONE and len(data) == self.look(slot).written:
                break
            self.wait()
        return self.finish(slot, data)

    def finish(self, slot: int, data: bytes) -> Answer:
        look = self.look(slot)
        file = None
        if look.what & 2:
            fd = self.lib.edge_file(self.edge)
            assert fd >= 0
            file = (look.file_at, look.file_bytes)
            data += os.pread(fd, look.file_bytes, look.file_at)
            os.close(fd)
        assert self.lib.edge_release(self.edge, slot)
        self.busy.discard(slot)
        head, body = data[: look.head_bytes].decode("latin-1"), data[look.head_bytes :]
        reason, *lines = head.split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines if line]
        return Answer(look.status, reason, headers, body, RESULTS[look.result], file)  # type: ignore[arg-type]

    def get(self, path: str = "/", **more: Any) -> Answer:
        self.offer(path=path, **more)
        return self.answer()

    def cancel(self, slot: int = 0) -> None:
        assert self.lib.edge_cancel(self.edge, slot)

    def flood(self, path: str, count: int, depth: int = 8, **more: str) -> None:
        block = pack_vars(request_vars(path, "GET", "", 0, more))
        rc = self.lib.edge_flood(self.edge, count, depth, block, ctypes.c_size_t(len(block)))
        assert rc == 0, f"{os.strerror(-rc)}\n{self.zygote.stderr()}"

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self) -> int:
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))

    def leave(self) -> int:
        """Closes the intake; the exit status."""
        self.lib.edge_close_intake(self.edge)
        return self.wait_exit()

    def wait_exit(self) -> int:
        pidfd = os.pidfd_open(self.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(pidfd, selectors.EVENT_READ)
            ended = bool(selector.select(DEADLINE_S))
        os.close(pidfd)
        assert ended, "the worker does not leave"
        self.reaped = True
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        if not getattr(self, "reaped", False):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.life.close()
        self.lib.edge_free(self.edge)


def request_vars(
    path: str, method: str, query: str, size: int, more: dict[str, str]
) -> dict[str, str]:
    uri = path + ("?" + query if query else "")
    variables = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": uri,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "REQUEST_SCHEME": "http",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
    }
    if size > 0:
        variables["CONTENT_LENGTH"] = str(size)
    return {**variables, "HTTP_HOST": "localhost:8000", "HTTP_USER_AGENT": "test", **more}
