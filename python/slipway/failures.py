"""One line before the traceback of an exception that Django caught: which request, which worker.

What Django logs of it by itself stays.  Under `run` the traceback is shown in any case, once: by
the project's own console handler when it formats its lines, else by us; and "Not Found: /path" is
left out, for the request line says it.
"""

import bdb
import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import unquote

REQUESTS = "django.request"  # the logger
PARAMETER = re.compile("([^=&;#]*)=[^&;#]*")
TARGET_CHARS = 400
ERROR_CHARS = 300
TERMINAL_FDS = (1, 2)


def safe(text: str, most: int) -> str:
    """As log_escape() in src/base/log.c."""
    shown = "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\x{ord(c):02x}" for c in text)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def is_handling(frame_path: str) -> bool:
    return "/django/core/handlers/" in frame_path


def inner(trace: TracebackType | None) -> TracebackType | None:
    """Without Django's own frames above the middleware or view that failed."""
    below = trace
    while below is not None and is_handling(below.tb_frame.f_code.co_filename):
        below = below.tb_next
    return below or trace


def place_of(error: BaseException) -> str:
    """FILE:LINE where it was raised, or the last line of the project on the way there."""
    frames = traceback.extract_tb(error.__traceback__)
    folder = os.getcwd() + os.sep
    own = [f for f in frames if f.filename.startswith(folder) and "site-packages" not in f.filename]
    chosen = (own or frames)[-1:]
    return f"{chosen[0].filename.removeprefix(folder)}:{chosen[0].lineno}" if chosen else ""


def error_text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # its own __str__
        return type(error).__name__


# ---- what the project's logging shows ----


def is_terminal(handler: logging.Handler) -> bool:
    with contextlib.suppress(Exception):  # no stream, or none with a descriptor
        return handler.stream.fileno() in TERMINAL_FDS  # type: ignore[attr-defined]
    return False


def handlers() -> Iterator[logging.Handler]:
    """Those that an error of a request comes to."""
    logger: logging.Logger | None = logging.getLogger(REQUESTS)
    if logger is None or logger.disabled or not logger.isEnabledFor(logging.ERROR):
        return
    found = 0
    while logger is not None:
        found += len(logger.handlers)
        yield from logger.handlers
        logger = logger.parent if logger.propagate else None
    if found == 0 and logging.lastResort is not None:
        yield logging.lastResort


def shows(handler: logging.Handler) -> bool:
    """With a format of the project's own."""
    if handler.formatter is None or handler.level > logging.ERROR or not is_terminal(handler):
        return False
    record = logging.LogRecord(REQUESTS, logging.ERROR, "", 0, "", (), None)
    with contextlib.suppress(Exception):
        return bool(handler.filter(record))
    return False


def is_told(record: logging.LogRecord) -> bool:
    """By the line and traceback here, or by the request line."""
    status = getattr(record, "status_code", 0)
    return record.name == REQUESTS and (status == 404 or (status >= 500 and bool(record.exc_info)))


def lets_through(record: logging.LogRecord) -> bool:
    return not is_told(record)


# ---- the line ----


class Reporter:
    def __init__(self, worker: int, develops: bool, secrets: str = ""):
        self.worker, self.develops = worker, develops
        self.secrets = {name.strip().lower() for name in secrets.split(",")}

    def line(self, request: Any, error: BaseException) -> str:
        meta = getattr(request, "META", {})
        target = meta.get("REQUEST_URI") or meta.get("PATH_INFO", "")
        asked = safe(f"{getattr(request, 'method', '-')} {self.masked(target)}", TARGET_CHARS)
        what = "exception in the application"
        if isinstance(error, bdb.BdbQuit):
            return f'ended in the debugger: "{asked}"\n'
        return (
            f'{what}: "{asked}" worker={self.worker} pid={os.getpid()} '
            f'error="{safe(error_text(error), ERROR_CHARS)}" at={safe(place_of(error), 200)}\n'
        )

    def masked(self, target: str) -> str:
        """Without values of a query that are secret, as src/http/query_mask.c has it."""
        path, mark, query = target.partition("?")
        return path + mark + PARAMETER.sub(self.mask, query)

    def mask(self, found: re.Match[str]) -> str:
        name = unquote(found[1]).lower()
        return f"{found[1]}=***" if name in self.secrets else found[0]

    def text(self, request: Any, error: BaseException) -> str:
        text = self.line(request, error)
        is_quit = isinstance(error, bdb.BdbQuit)
        if self.develops and not is_quit and not any(map(shows, handlers())):
            trace = inner(error.__traceback__)
            text += "".join(traceback.format_exception(type(error), error, trace))
        return text

    def tell(self, sender: Any = None, request: Any = None, **_more: Any) -> None:
        error = sys.exc_info()[1]
        if error is None or sys.stderr is None:
            return
        with contextlib.suppress(Exception):  # nothing of it may become the request's own error
            sys.stderr.write(self.text(request, error))
            sys.stderr.flush()


def install(worker: int, develops: bool, secrets: str) -> None:
    """In a worker; `develops`: under `run`."""
    signals = sys.modules.get("django.core.signals")
    if signals is None:
        return
    reporter = Reporter(worker, develops, secrets)
    signals.got_request_exception.connect(reporter.tell, weak=False, dispatch_uid="slipway")
    if develops:
        for handler in handlers():
            if handler.formatter is None and is_terminal(handler):
                handler.addFilter(lets_through)
