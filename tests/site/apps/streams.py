"""A WSGI application that reads its body while it comes, in the ways that applications do.

The path is the way: see WAYS. With `?at=NAME` it stops at that gate first, the body unread.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qs

import meet

Environ = dict[str, Any]


def query(environ: Environ, name: str, default: str = "") -> str:
    return parse_qs(environ.get("QUERY_STRING", "")).get(name, [default])[0]


def by_read(file: Any) -> Iterator[bytes]:
    yield file.read()


def by_sizes(file: Any) -> Iterator[bytes]:
    sizes = (1, 7, 4096, 65536, 65537, 300000, 3)
    for turn in range(1 << 30):
        piece = file.read(sizes[turn % len(sizes)])
        if not piece:
            return
        yield piece


def by_read1(file: Any) -> Iterator[bytes]:
    while piece := file.read1(50000):
        yield piece


def by_lines(file: Any) -> Iterator[bytes]:
    while line := file.readline():
        yield line


def by_short_lines(file: Any) -> Iterator[bytes]:
    while line := file.readline(100):
        assert len(line) <= 100
        yield line


def by_turns(file: Any) -> Iterator[bytes]:
    while True:
        pieces = [file.readline(), file.read(5000), file.readline(333)]
        yield from pieces
        if not pieces[-1]:
            return


def by_hints(file: Any) -> Iterator[bytes]:
    while lines := file.readlines(10000):
        yield from lines


WAYS: dict[str, Callable[[Any], Iterable[bytes]]] = {
    "/read": by_read,
    "/sizes": by_sizes,
    "/read1": by_read1,
    "/lines": by_lines,
    "/short-lines": by_short_lines,
    "/turns": by_turns,
    "/hints": by_hints,
    "/iterate": iter,
    "/readlines": lambda file: file.readlines(),
}


def digest(environ: Environ, pieces: Iterable[bytes]) -> bytes:
    sha, length = hashlib.sha256(), 0
    for piece in pieces:
        assert piece or environ["PATH_INFO"] in ("/read", "/turns")
        sha.update(piece)
        length += len(piece)
    named = environ.get("CONTENT_LENGTH", "none")
    return f"{length} {sha.hexdigest()} {named}\n".encode()


def read_all(environ: Environ) -> bytes:
    """What became of reading is marked, for a test that cannot hear of it."""
    name = query(environ, "mark")
    try:
        text = digest(environ, WAYS[environ["PATH_INFO"]](environ["wsgi.input"]))
    except OSError as error:
        meet.mark(name or "failed", f"{type(error).__name__}: {error}")
        if query(environ, "copes"):
            return b"coped\n"
        raise
    if name:
        meet.mark(name, text.decode().strip())
    return text


def echo(environ: Environ) -> Iterator[bytes]:
    """Each piece goes back as it comes: both ways at once."""
    yield b"begins\n"
    yield from by_read1(environ["wsgi.input"])


def some(environ: Environ) -> Iterator[bytes]:
    """Reads so many bytes, tells the test, waits for it, and goes on."""
    file = environ["wsgi.input"]
    first = file.read(int(query(environ, "bytes", "1")))
    meet.reach(query(environ, "reads"), first.decode("latin-1"))
    meet.wait(query(environ, "reads"))
    yield first + file.read()


def no_body(environ: Environ) -> Iterable[bytes]:
    return [b"not read\n"]


def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
    if query(environ, "at"):
        meet.pass_gate(query(environ, "at"))
    path = environ["PATH_INFO"]
    pages = {"/echo": echo, "/some": some, "/nothing": no_body}
    result = pages[path](environ) if path in pages else [read_all(environ)]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return result
