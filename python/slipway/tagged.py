"""Standard output and error that name the request which a line belongs to.

Under `serve` each line that is written while a thread has a request begins with a mark, which the
scribe takes off and shows in its own way: so one search for a request's id finds its line in the
access log, its traceback and whatever its view has printed.  What is not written by a request, or
past these objects (a library's C code, a child), has no mark.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

BEGIN, END = "\x01", "\x02"  # as src/scribe/log_record.c reads them


class Tagged:
    """Everything but write() is the stream's own."""

    def __init__(self, stream: Any, request_id: Callable[[], str]):
        self._stream = stream
        self._request_id = request_id
        self._begins = True  # what comes next is the beginning of a line

    def write(self, text: str) -> int:
        name = self._request_id()
        if name and text and isinstance(text, str):
            mark = f"{BEGIN}{name}{END}"
            marked = text[:-1].replace("\n", "\n" + mark) + text[-1]
            self._stream.write(mark + marked if self._begins else marked)
        else:
            self._stream.write(text)
        self._begins = text.endswith("\n") if text else self._begins
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def __enter__(self) -> "Tagged":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self._stream.flush()


def install(request_id: Callable[[], str]) -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:
            setattr(sys, name, Tagged(stream, request_id))
