"""The project's own 500.html and 503.html, for when nobody can render them any more.

A process that dies, runs late or is not free cannot show a page, so they are rendered once a start.
Django renders 500.html without a request and without a context (django.views.defaults), so it is
written for that; 503.html is where packages for maintenance have theirs.  A 404.html is written for
a request, and who asks for what is not there asks the application: it is not taken.

A child renders, for templates can do anything: start threads, open connections, never end.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

from __main__ import load  # boot.py

live_settings = load("_slipway_live_settings", "live_settings.py")

Facts = dict[str, Any]
NAMES = ("500", "503")
MARKS = {"request_id": "{request_id}", "message": "{message}"}  # filled in when the page is sent
PAGE_BYTES = 14_000  # as JSON: both go in one message with all else
LIMIT_S = 5.0


def find() -> Facts:
    """{"pages": {"500": text, ...}, "why": [sentence, ...]}, each where there is one; whoever calls
    has closed what a child must not share."""
    settings = live_settings.configured()
    if settings is None or live_settings.value(settings, "DEBUG"):
        return {}
    said = in_child()
    with contextlib.suppress(ValueError):
        found: Facts = json.loads(said or b"")
        return found
    why = "their process ended" if said is not None else f"they took more than {LIMIT_S:.0f} s"
    return {"why": [f"500.html and 503.html are not used for errors: {why}"]}


def render(name: str) -> tuple[str, str]:
    """The page, or what is wrong with it; neither where there is none."""
    from django.template import TemplateDoesNotExist, loader

    try:
        text = loader.get_template(name).render(MARKS).replace("\0", "")
    except TemplateDoesNotExist as error:
        is_missing = str(error) == name
        return "", "" if is_missing else f"it needs the template {error}, which is not there"
    except Exception as error:
        return "", f"{type(error).__name__}: {error}"[:300]
    if len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) > PAGE_BYTES:
        return "", f"more than some {PAGE_BYTES} bytes do not fit: name a file by error-page"
    return text, ""


def render_all() -> Facts:
    pages, why = {}, []
    for name in NAMES:
        text, sentence = render(f"{name}.html")
        if text:
            pages[name] = text
        if sentence:
            why.append(f"template {name}.html is not used for errors: {sentence}")
    return {"pages": pages, "why": why}


def in_child() -> bytes | None:
    """What a child says of all pages; None when it does not end in time."""
    out, into = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            text = json.dumps(render_all(), ensure_ascii=False).encode("utf-8", "replace")
            os.set_blocking(into, True)
            while text:
                text = text[os.write(into, text) :]
        os._exit(0)
    os.close(into)
    said = read_all(out, time.monotonic() + LIMIT_S)
    os.close(out)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return said


def read_all(fd: int, limit: float) -> bytes | None:
    said = b""
    while select.select([fd], [], [], max(0.0, limit - time.monotonic()))[0]:
        data = os.read(fd, 1 << 16)
        if not data:
            return said
        said += data
    return None
