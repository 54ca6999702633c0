"""The application of the worker's tests: a function a route, validated unless it is /raw/..."""

import atexit
import gzip
import io
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

Environ = dict[str, Any]
Start = Callable[..., Callable[[bytes], Any]]

PLAIN = [("Content-Type", "text/plain")]
DATA = bytes(range(256)) * 4096  # 1 MiB
closed: list[str] = []
kept: list[Any] = []


class Closing:
    """An iterable that tells when close() was called, and how."""

    def __init__(self, blocks: Iterable[bytes], name: str) -> None:
        self.blocks, self.name = iter(blocks), name

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.blocks)

    def close(self) -> None:
        closed.append(self.name)
        if "angry" in self.name:
            raise ValueError("close() is angry")


def hello(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    return [b"hello"]


def environ_(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    kinds = {key: repr(value) for key, value in sorted(environ.items())}
    return [repr(kinds).encode()]


def generator(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    yield b"one "
    yield b""
    yield b"two"


def late_start(environ: Environ, start: Start) -> Iterable[bytes]:
    yield_nothing = environ["QUERY_STRING"] == "empty"
    if yield_nothing:
        yield b""
    start("200 OK", PLAIN)
    yield b"late"


def several(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    return (b"a", b"", b"b", b"c")


def nothing(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    return []


def writes(environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", PLAIN)
    write(b"written, ")
    return [b"returned"]


def closing(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    return Closing([b"a", b"b"], environ["QUERY_STRING"])


def closing_fails(environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterator[bytes]:
        yield b"a"
        raise KeyError("midway")

    start("200 OK", PLAIN)
    return Closing(blocks(), environ["QUERY_STRING"])


def what_was_closed(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    names = ",".join(closed)
    closed.clear()
    return [names.encode()]


def raises(environ: Environ, start: Start) -> Iterable[bytes]:
    raise KeyError("a reason with ünicode")


def raises_started(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [*PLAIN, ("X-Gone", "1")])
    raise KeyError("after start_response")


def replaced(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [*PLAIN, ("X-Gone", "1")])
    try:
        raise KeyError("x")
    except KeyError:
        start("503 Later", PLAIN, sys.exc_info())
    return [b"replaced"]


def too_late(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    yield b"sent"
    try:
        raise KeyError("too late")
    except KeyError:
        start("500 Oops", PLAIN, sys.exc_info())
    yield b"never"


def twice(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    start("201 Again", PLAIN)
    return [b""]


def no_start(environ: Environ, start: Start) -> Iterable[bytes]:
    return [b"bytes"]


def no_start_empty(environ: Environ, start: Start) -> Iterable[bytes]:
    return []


def text(environ: Environ, start: Start) -> Iterable[Any]:
    start("200 OK", PLAIN)
    return ["text"]


def head_of(environ: Environ, start: Start) -> Iterable[bytes]:
    """The status and headers that the query says, as Python."""
    status, headers = eval(environ["QUERY_STRING"])
    start(status, headers)
    return [b"body"]


def length(environ: Environ, start: Start) -> Iterable[bytes]:
    """Content-Length and what is really sent: /length?5,3"""
    said, sent = environ["QUERY_STRING"].split(",")
    start("200 OK", [*PLAIN, ("Content-Length", said)])
    return iter([b"x"] * int(sent))


def counted(environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterator[bytes]:
        for i in range(100):
            closed.append(f"block {i}")
            yield b"block"

    start("200 OK", PLAIN)
    return blocks()


def endless(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)

    def blocks() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    return Closing(blocks(), "endless")


def endless_write(environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", PLAIN)
    try:
        while True:
            write(b"x" * 1000)
    finally:
        closed.append("endless write")


def stepwise(environ: Environ, start: Start) -> Iterable[bytes]:
    """Waits for a byte through a pipe before each block."""
    start("200 OK", PLAIN)
    with open(environ["QUERY_STRING"], "rb", buffering=0) as gate:
        while name := gate.read(1):
            yield name


def big(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    return [DATA * 3]


def echo(environ: Environ, start: Start) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start("200 OK", PLAIN)
    return [body]


def input_calls(environ: Environ, start: Start) -> Iterable[bytes]:
    """Evaluates the query with the input as `i`."""
    result = eval(environ["QUERY_STRING"], {"i": environ["wsgi.input"]})
    start("200 OK", PLAIN)
    return [repr(result).encode()]


def keep(environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", PLAIN)
    kept[:] = [start, write, environ["wsgi.input"], environ]
    return [b"kept"]


def use_kept(environ: Environ, start: Start) -> Iterable[bytes]:
    said = []
    calls = (
        lambda: kept[0]("200 OK", []),
        lambda: kept[1](b"x"),
        lambda: kept[2].read(),
        lambda: kept[2].readline(),
        lambda: list(kept[2]),
    )
    for call in calls:
        try:
            said.append(repr(call()))
        except Exception as error:
            said.append(type(error).__name__)
    start("200 OK", PLAIN)
    return [" ".join(said).encode()]


def file_(environ: Environ, start: Start) -> Iterable[bytes]:
    """/file?KIND[,Content-Length]"""
    kind, _, said = environ["QUERY_STRING"].partition(",")
    path = os.path.join(tempfile.gettempdir(), f"slipway-file-{os.getpid()}")
    with open(path, "wb") as file:
        file.write(DATA)
    start("200 OK", [*PLAIN, *([("Content-Length", said)] if said else [])])
    wrapped: Any = open(path, "rb")  # noqa: SIM115  # the worker closes it
    if kind == "moved":
        wrapped.readline()
        wrapped.seek(1000)
        wrapped.read(10)
    if kind == "memory":
        wrapped = io.BytesIO(DATA)
    if kind == "zip":
        with open(path, "wb") as file:
            file.write(gzip.compress(DATA))
        wrapped = gzip.open(path)  # noqa: SIM115
    if kind == "end":
        wrapped.seek(0, 2)
    os.unlink(path)
    return environ["wsgi.file_wrapper"](wrapped, 10000)


def exits(environ: Environ, start: Start) -> Iterable[bytes]:
    query = environ["QUERY_STRING"]
    if query == "interrupt":
        raise KeyboardInterrupt
    if query == "now":
        os._exit(9)
    raise SystemExit(None if query == "none" else int(query) if query.isdigit() else query)


def forks(environ: Environ, start: Start) -> Iterable[bytes]:
    """The child comes back into the server's loop, or calls it, which must end it."""
    child = os.fork()
    if child == 0:
        if environ["QUERY_STRING"] == "write":
            write = start("200 OK", PLAIN)
            write(b"from the child")
        if environ["QUERY_STRING"] == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        return [b"from the child"]
    _, status = os.waitpid(child, 0)
    start("200 OK", PLAIN)
    return [str(os.waitstatus_to_exitcode(status)).encode()]


def fork_between(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    yield b"before "
    child = os.fork()
    if child > 0:
        _, status = os.waitpid(child, 0)
        yield str(os.waitstatus_to_exitcode(status)).encode()
    yield b" after"


def thread(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    current = threading.current_thread()
    flags = [current is threading.main_thread(), environ["wsgi.multithread"]]
    return [f"{current.name} {flags}".encode()]


barrier = threading.Barrier(3, timeout=20)


def together(environ: Environ, start: Start) -> Iterable[bytes]:
    """Three requests at once, or none."""
    barrier.wait()
    start("200 OK", PLAIN)
    return [threading.current_thread().name.encode()]


def prints(environ: Environ, start: Start) -> Iterable[bytes]:
    print("to standard output")
    environ["wsgi.errors"].write("to wsgi.errors\n")
    start("200 OK", PLAIN)
    return [b""]


def evaluate(environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", PLAIN)
    return [repr(eval(environ["QUERY_STRING"])).encode()]


def cycles(environ: Environ, start: Start) -> Iterable[bytes]:
    """Leaves garbage that only the collector finds."""
    circle: list[Any] = [environ, bytes(10000)]
    circle.append(circle)
    start("200 OK", PLAIN)
    return [b"cycle"]


class Node:
    """A circle that only the collector finds; it tells through a pipe that it did."""

    alive = 0

    def __init__(self, path: str) -> None:
        self.me, self.path = self, path
        Node.alive += 1

    def __del__(self) -> None:
        Node.alive -= 1
        if self.path:
            with open(self.path, "wb") as pipe:
                pipe.write(b"collected")


def circle(environ: Environ, start: Start) -> Iterable[bytes]:
    Node(environ["QUERY_STRING"])
    start("200 OK", PLAIN)
    return [str(Node.alive).encode()]


atexit.register(lambda: print("atexit ran"))

ROUTES = {
    "hello": hello,
    "environ": environ_,
    "generator": generator,
    "late": late_start,
    "several": several,
    "nothing": nothing,
    "writes": writes,
    "closing": closing,
    "closing_fails": closing_fails,
    "closed": what_was_closed,
    "raises": raises,
    "raises_started": raises_started,
    "replaced": replaced,
    "too_late": too_late,
    "twice": twice,
    "no_start": no_start,
    "no_start_empty": no_start_empty,
    "text": text,
    "head": head_of,
    "length": length,
    "counted": counted,
    "endless": endless,
    "endless_write": endless_write,
    "stepwise": stepwise,
    "big": big,
    "echo": echo,
    "input": input_calls,
    "keep": keep,
    "use_kept": use_kept,
    "file": file_,
    "exits": exits,
    "forks": forks,
    "fork_between": fork_between,
    "thread": thread,
    "together": together,
    "prints": prints,
    "eval": evaluate,
    "cycles": cycles,
    "circle": circle,
}


def application(environ: Environ, start: Start) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path.startswith("/raw/"):
        return ROUTES[path[5:]](environ, start)
    return validator(ROUTES[path[1:]])(environ, start)
