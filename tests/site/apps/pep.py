"""Many small WSGI applications, each at a path of its own: what PEP 3333 allows and forbids.

Those that keep the rules stand under wsgiref.validate, which makes an error of whatever the server
does wrong.
"""

import gzip
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs
from wsgiref.validate import validator

import meet

Environ = dict[str, Any]
App = Callable[[Environ, Any], Any]
APPS: dict[str, App] = {}
TEXT = [("Content-Type", "text/plain")]
DATA = bytes(range(256)) * 1024


def at(path: str, valid: bool = True) -> Callable[[App], App]:
    def add(app: App) -> App:
        APPS[path] = validator(app) if valid else app
        return app

    return add


def breaks_rules(path: str) -> Callable[[App], App]:
    return at(path, valid=False)


def query(environ: Environ, name: str, default: str = "") -> str:
    return parse_qs(environ.get("QUERY_STRING", "")).get(name, [default])[0]


class Blocks:
    """An iterable that says so when it is closed."""

    def __init__(self, name: str, blocks: Iterable[bytes], fails: bool = False):
        self._name, self._blocks, self._fails = name, iter(blocks), fails

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        meet.reach(self._name, "closed")
        if self._fails:
            raise RuntimeError("close() fails, as asked")


# ---- start_response


@at("/hello")
def hello(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    return [b"hello\n"]


@at("/reason")
def reason(environ: Environ, start: Any) -> Any:
    start("299 Quite All Right", [*TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return [b"reason\n"]


@breaks_rules("/list")  # it breaks none, but under the validator it would be no list
def one_block(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    return [b"x" * 100_000]


@at("/latin1")
def latin1(environ: Environ, start: Any) -> Any:
    start("200 OK", [*TEXT, ("X-Name", "caf\xe9")])
    return [b"latin1\n"]


@at("/replaced")
def replaced(environ: Environ, start: Any) -> Any:
    start("200 OK", [*TEXT, ("X-First", "yes")])
    try:
        raise KeyError("before the head was sent")
    except KeyError:
        start("503 Replaced", TEXT, sys.exc_info())
    return [b"replaced\n"]


@breaks_rules("/replaced-late")
def replaced_late(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    yield b"the head is sent\n"
    try:
        raise KeyError("after the head was sent")
    except KeyError:
        start("500 Too Late", TEXT, sys.exc_info())
    yield b"not to be seen\n"


@breaks_rules("/twice")
def twice(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    start("200 OK", TEXT)
    return [b"twice\n"]


@breaks_rules("/never")
def never(environ: Environ, start: Any) -> Any:
    return [b"never\n"]


@breaks_rules("/never-empty")
def never_empty(environ: Environ, start: Any) -> Any:
    return []


@at("/generator")
def generator(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    yield b"one\n"
    yield b""
    yield b"two\n"


@at("/late-start", valid=False)  # allowed, but wsgiref.validate looks too early
def late_start(environ: Environ, start: Any) -> Any:
    yield_from = iter([b"late\n"])
    start("200 OK", TEXT)
    yield from yield_from


HEADS: dict[str, tuple[Any, Any]] = {
    "status-number": (200, TEXT),
    "status-bytes": (b"200 OK", TEXT),
    "status-short": ("200", TEXT),
    "status-long": ("2000 OK", TEXT),
    "status-words": ("fine", TEXT),
    "status-interim": ("100 Continue", TEXT),
    "status-crlf": ("200 OK\r\nX-Evil: 1", TEXT),
    "status-lf": ("200 OK\nX-Evil: 1", TEXT),
    "status-nul": ("200 O\0K", TEXT),
    "status-wide": ("200 \u0141", TEXT),
    "headers-tuple": ("200 OK", tuple(TEXT)),
    "headers-none": ("200 OK", None),
    "header-list": ("200 OK", [["X-A", "b"]]),
    "header-three": ("200 OK", [("X-A", "b", "c")]),
    "name-bytes": ("200 OK", [(b"X-A", "b")]),
    "value-bytes": ("200 OK", [("X-A", b"b")]),
    "value-number": ("200 OK", [("X-A", 1)]),
    "value-none": ("200 OK", [("X-A", None)]),
    "value-wide": ("200 OK", [("X-A", "\u0141")]),
    "value-crlf": ("200 OK", [("X-A", "b\r\nX-Evil: 1")]),
    "value-lf": ("200 OK", [("X-A", "b\nX-Evil: 1")]),
    "value-cr": ("200 OK", [("X-A", "b\rX-Evil: 1")]),
    "value-nul": ("200 OK", [("X-A", "b\0c")]),
    "name-crlf": ("200 OK", [("X-A: b\r\nX-Evil", "1")]),
    "name-colon": ("200 OK", [("X-Evil: 1", "b")]),
    "name-blank": ("200 OK", [("X Evil", "1")]),
    "name-empty": ("200 OK", [("", "X-Evil")]),
    "hop-connection": ("200 OK", [("Connection", "close")]),
    "hop-coding": ("200 OK", [("Transfer-Encoding", "chunked")]),
    "hop-upgrade": ("200 OK", [("Upgrade", "h2c")]),
    "hop-keep-alive": ("200 OK", [("keep-alive", "1")]),
    "length-words": ("200 OK", [("Content-Length", "many")]),
    "length-negative": ("200 OK", [("Content-Length", "-1")]),
    "length-two": ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
    "large": ("200 OK", [("X-Large", "x" * (1 << 20))]),
}


@breaks_rules("/head")
def bad_head(environ: Environ, start: Any) -> Any:
    start(*HEADS[query(environ, "name")])
    return [b"evil\n"]


# ---- bodies


@at("/write")
def write(environ: Environ, start: Any) -> Any:
    send = start("200 OK", TEXT)
    send(b"written\n")
    meet.pass_gate(query(environ, "name"))
    send(b"again\n")
    return [b"returned\n"]


@at("/stream")
def stream(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    for number in range(3):
        yield b"piece %d\n" % number
        meet.pass_gate(query(environ, "name"))


@at("/chunks")
def chunks(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    for number in range(int(query(environ, "n"))):
        yield b"%06d " % number * 100


@at("/nothing")
def nothing(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    return []


@at("/status")
def status(environ: Environ, start: Any) -> Any:
    start(query(environ, "line"), [("X-Here", "yes")])
    return []


@breaks_rules("/status-with-body")
def status_with_body(environ: Environ, start: Any) -> Any:
    start(query(environ, "line"), TEXT)
    return [b"HTTP/1.1 200 Not A Response\r\n\r\n"]


@breaks_rules("/head-generator")
def head_generator(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    yield b"HTTP/1.1 200 Not A Response\r\n\r\n"


@at("/head-length")
def head_length(environ: Environ, start: Any) -> Any:
    start("200 OK", [*TEXT, ("Content-Length", "12345")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"x" * 12345]


@breaks_rules("/too-long")
def too_long(environ: Environ, start: Any) -> Any:
    start("200 OK", [*TEXT, ("Content-Length", "5")])
    return [b"12345HTTP/1.1 200 Not A Response\r\n\r\n"]


@breaks_rules("/too-long-in-pieces")
def too_long_in_pieces(environ: Environ, start: Any) -> Any:
    start("200 OK", [*TEXT, ("Content-Length", "5")])
    yield b"123"
    yield b"456"
    yield b"HTTP/1.1 200 Not A Response\r\n\r\n"


@breaks_rules("/too-short")
def too_short(environ: Environ, start: Any) -> Any:
    start("200 OK", [*TEXT, ("Content-Length", "50")])
    return [b"short"]


@breaks_rules("/text-blocks")
def text_blocks(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    return ["text"]


@breaks_rules("/none")
def none(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)


@at("/closes")
def closes(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    return Blocks(query(environ, "name"), [b"one\n", b"two\n"])


@breaks_rules("/close-fails")
def close_fails(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    return Blocks(query(environ, "name"), [b"whole\n"], fails=True)


@at("/closes-endless")
def closes_endless(environ: Environ, start: Any) -> Any:
    def endless() -> Iterator[bytes]:
        while True:
            yield DATA

    start("200 OK", TEXT)
    return Blocks(query(environ, "name"), endless())


@breaks_rules("/closes-raises")
def closes_raises(environ: Environ, start: Any) -> Any:
    def raising() -> Iterator[bytes]:
        yield b"one\n"
        raise RuntimeError("midway, as asked")

    start("200 OK", TEXT)
    return Blocks(query(environ, "name"), raising())


@breaks_rules("/closes-unstarted")
def closes_unstarted(environ: Environ, start: Any) -> Any:
    return Blocks(query(environ, "name"), [b"one\n"])


# ---- files


class Told:
    """A file-like object that is none."""

    def __init__(self, name: str, data: bytes):
        self._name, self._file = name, io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def close(self) -> None:
        meet.reach(self._name, "closed")


def wrapped(environ: Environ, start: Any, file: Any, length: int | None = None) -> Any:
    start("200 OK", [*TEXT, *([("Content-Length", str(length))] if length is not None else [])])
    return environ["wsgi.file_wrapper"](file)


@breaks_rules("/file")
def file(environ: Environ, start: Any) -> Any:
    opened = open(query(environ, "path"), "rb")  # noqa: SIM115
    opened.read(int(query(environ, "skip", "0")))
    length = query(environ, "length")
    return wrapped(environ, start, opened, int(length) if length else None)


@breaks_rules("/file-closes")
def file_closes(environ: Environ, start: Any) -> Any:
    class Closing(io.FileIO):
        def close(self) -> None:
            if not self.closed:
                meet.reach(query(environ, "name"), "closed")
            super().close()

    return wrapped(environ, start, Closing(query(environ, "path"), "rb"))


@breaks_rules("/no-file")
def no_file(environ: Environ, start: Any) -> Any:
    return wrapped(environ, start, Told(query(environ, "name"), b"told\n" * 10_000))


@breaks_rules("/gzip-file")
def gzip_file(environ: Environ, start: Any) -> Any:
    return wrapped(environ, start, gzip.open(query(environ, "path"), "rb"))


@breaks_rules("/pipe-file")
def pipe_file(environ: Environ, start: Any) -> Any:
    read_end, write_end = os.pipe()
    os.write(write_end, b"through a pipe\n")
    os.close(write_end)
    return wrapped(environ, start, os.fdopen(read_end, "rb"))


# ---- what the server gives


@at("/environ")
def say_environ(environ: Environ, start: Any) -> Any:
    words = {name: value for name, value in environ.items() if isinstance(value, str | bool)}
    words["version"] = list(environ["wsgi.version"])
    words["thread"] = threading.current_thread() is threading.main_thread()
    words["type"] = type(environ).__name__
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(words).encode()]


@at("/fields")
def fields(environ: Environ, start: Any) -> Any:
    count, size = int(query(environ, "count")), int(query(environ, "size"))
    pairs = [(f"X-Field-{number}", f"{number} ".ljust(size, "v")) for number in range(count)]
    start("200 OK", [("Content-Type", "text/plain"), *pairs])
    return [b"many\n"]


@at("/environ-own")
def environ_own(environ: Environ, start: Any) -> Any:
    fresh = "test.left" not in environ
    environ["test.left"] = "behind"
    environ["HTTP_HOST"] = "changed"
    start("200 OK", TEXT)
    return [b"fresh\n" if fresh else b"used\n"]


@at("/errors")
def errors(environ: Environ, start: Any) -> Any:
    stream = environ["wsgi.errors"]
    stream.write("words for the log: caf\xe9\n")
    stream.writelines(["more ", "words\n"])
    stream.flush()
    print("printed words")
    start("200 OK", TEXT)
    return [b"said\n"]


@at("/input")
def read_input(environ: Environ, start: Any) -> Any:
    source, how = environ["wsgi.input"], query(environ, "how")
    parts: list[bytes] = []
    if how == "read":
        parts = [source.read(int(query(environ, "size")))]
    elif how == "pieces":
        while piece := source.read(1000):
            parts.append(piece)
    elif how == "lines":
        while line := source.readline():
            parts.append(line)
    elif how == "readlines":
        parts = source.readlines()
    elif how == "for":
        parts = list(source)
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([part.decode("latin-1") for part in parts]).encode()]


KEPT: list[Any] = []


@breaks_rules("/keep")
def keep(environ: Environ, start: Any) -> Any:
    KEPT[:] = [start, start("200 OK", TEXT), environ["wsgi.input"]]
    return [b"kept\n"]


@breaks_rules("/use-kept")
def use_kept(environ: Environ, start: Any) -> Any:
    names = []
    for use in (lambda: KEPT[0]("200 OK", TEXT), lambda: KEPT[1](b"evil"), lambda: KEPT[2].read(1)):
        try:
            use()
            names.append("nothing")
        except Exception as error:
            names.append(type(error).__name__)
    start("200 OK", TEXT)
    return [" ".join(names).encode()]


# ---- what goes wrong


class OwnError(BaseException):
    pass


ERRORS: dict[str, Callable[[], BaseException]] = {
    "RuntimeError": lambda: RuntimeError("raised, as asked"),
    "UnicodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "raised, as asked"),
    "OwnError": lambda: OwnError("raised, as asked"),
    "GeneratorExit": lambda: GeneratorExit("raised, as asked"),
    "StopIteration": lambda: StopIteration("raised, as asked"),
    "MemoryError": lambda: MemoryError("raised, as asked"),
    "BrokenPipeError": lambda: BrokenPipeError("raised, as asked"),
}


@breaks_rules("/raise")
def raises(environ: Environ, start: Any) -> Any:
    raise ERRORS[query(environ, "what")]()


@breaks_rules("/raise-started")
def raises_started(environ: Environ, start: Any) -> Any:
    start("200 OK", [*TEXT, ("X-Never", "seen")])
    raise RuntimeError("started, as asked")


@breaks_rules("/raise-midway")
def raises_midway(environ: Environ, start: Any) -> Any:
    length = query(environ, "length")
    start("200 OK", [*TEXT, *([("Content-Length", length)] if length else [])])
    yield b"before\n"
    raise RuntimeError("midway, as asked")


@breaks_rules("/raise-written")
def raises_written(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)(b"written\n")
    raise RuntimeError("after write(), as asked")


@breaks_rules("/exit")
def exits(environ: Environ, start: Any) -> Any:
    how = query(environ, "how")
    if how == "sys":
        sys.exit(3)
    if how == "os":
        os._exit(4)
    if how == "interrupt":
        raise KeyboardInterrupt
    os.kill(os.getpid(), int(how))
    return []


@breaks_rules("/fork")
def forks(environ: Environ, start: Any) -> Any:
    """The child comes back into the server, as a careless application's does."""
    child = os.fork()
    start("200 OK", TEXT)
    if child == 0:
        return [b"from the child\n"]
    _, status = os.waitpid(child, 0)
    return [b"from the parent\n"]


@at("/gate")
def gate(environ: Environ, start: Any) -> Any:
    meet.pass_gate(query(environ, "name"))
    start("200 OK", TEXT)
    return [b"%d\n" % os.getpid()]


@at("/pid")
def pid(environ: Environ, start: Any) -> Any:
    start("200 OK", TEXT)
    return [b"%d\n" % os.getpid()]


def application(environ: Environ, start: Any) -> Any:
    return APPS[environ["PATH_INFO"]](environ, start)
