"""What the zygote and its workers have in common: their messages, quiet signals, output."""

import contextlib
import json
import signal
import socket
import sys
from types import FrameType
from typing import Any

QUIET_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the master alone decides
MESSAGE_BYTES = 64 * 1024
FDS_MAX = 64

Message = dict[str, Any]


class Failed(Exception):
    """The project cannot be imported: a sentence, and a traceback or ""."""

    def __init__(self, sentence: str, text: str):
        super().__init__(sentence)
        self.text = text


def say(channel: socket.socket, **message: Any) -> None:
    text = json.dumps(message, ensure_ascii=False).replace("\\u0000", "\\ufffd")
    channel.send(text.encode("utf-8", "replace"))


def listen(channel: socket.socket) -> tuple[Message, list[int]] | None:
    """The next message and its descriptors; None when the master is gone."""
    data, fds, _, _ = socket.recv_fds(channel, MESSAGE_BYTES, FDS_MAX, socket.MSG_CMSG_CLOEXEC)
    return (json.loads(data), fds) if data else None


def do_nothing(_number: int, _frame: FrameType | None) -> None:
    """For signals that mean nothing here.  SIG_IGN would be inherited by programs that the project
    starts, which then could not be terminated."""


def be_quiet() -> None:
    for number in QUIET_SIGNALS:
        signal.signal(number, do_nothing)


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # None, closed, replaced
            stream.flush()
