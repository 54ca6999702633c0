"""An import that was only looked at: the same program begins again in the same process.

exec ends the threads and Python of the import; what it leaves as it was is put right by be_clean().
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from typing import Any, NoReturn

from __main__ import load  # boot.py

process = load("_slipway_process", "process.py")
forksafe = load("_slipway_forksafe", "forksafe.py")

FAREWELL_S = 5.0  # for the atexit handlers of the import

Message = dict[str, Any]


def begin_anew(channel: socket.socket, known: Message, environ: dict[bytes, bytes]) -> NoReturn:
    """`known`: what be_clean() returns; `environ`: as this process was started."""

    def leave() -> NoReturn:
        fd = os.memfd_create("slipway-facts", 0)
        os.write(fd, json.dumps(known).encode())
        channel.set_inheritable(True)
        process.flush()
        os.execve(sys.orig_argv[0], [*sys.orig_argv, str(fd)], environ)

    guard = threading.Timer(FAREWELL_S, leave)
    guard.daemon = True
    guard.start()
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    leave()


def be_clean(channel: socket.socket, facts_fd: int) -> Message:
    """Descriptors, signals and timers are inherited."""
    with open(facts_fd, "rb") as facts:
        facts.seek(0)
        known: Message = json.load(facts)
    for fd in forksafe.open_files():
        if fd > 2 and fd != channel.fileno():
            with contextlib.suppress(OSError):
                os.close(fd)
    signal.alarm(0)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python's own
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    return known
