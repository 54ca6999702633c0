"""breakpoint() and pdb.set_trace() under `slipway run`: pdb in the terminal.

The worker asks the master for the terminal and becomes its foreground process group; while it has
it, standard input, output and error are the terminal, what others print waits, and no limit of time
counts.  It gives the terminal back when the program goes on, and asks again when it stops at the
next breakpoint.  A session ends with its request at the latest.
"""

import contextlib
import json
import os
import pdb
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from __main__ import load  # boot.py

process = load("_slipway_process", "process.py")

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
STREAMS = ("stdin", "stdout", "stderr")
LINE_CHARS = 200


def is_ours(frame: FrameType | None) -> bool:
    return frame is None or frame.f_code.co_filename.startswith(HERE)


def callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def request_of(frame: FrameType) -> str:
    """ "GET /path" of the WSGI call that leads to this frame, or ""."""
    for caller in callers(frame):
        environ = caller.f_locals.get("environ") if "environ" in caller.f_code.co_varnames else None
        if isinstance(environ, dict) and "REQUEST_METHOD" in environ:
            target = environ.get("REQUEST_URI") or environ.get("PATH_INFO", "")
            line = f"{environ['REQUEST_METHOD']} {target}"
            return "".join(c if " " <= c < "\x7f" else "?" for c in line)[:LINE_CHARS]
    return ""


class Terminal:
    """The worker's hold on the terminal: by one thread at a time."""

    def __init__(self, server: Any, life: socket.socket):
        self._server, self._life = server, life
        self._lock = threading.Lock()
        self._saved: list[int] = []
        self._streams: list[Any] = []
        self._interrupt: Any = None
        self.owner = 0  # the thread that has it

    def is_mine(self) -> bool:
        return self.owner == threading.get_ident()

    def take(self) -> str:
        """Waits for it; "" or why it cannot be had."""
        self._lock.acquire()
        self._server.hold(True)
        why = self._ask()
        if why:
            self._server.hold(False)
            self._lock.release()
        else:
            self.owner = threading.get_ident()
        return why

    def _ask(self) -> str:
        try:
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            process.say(self._life, event="breakpoint")
            answer = json.loads(self._life.recv(4096) or b"{}")
            if answer.get("do") != "debug":
                return answer.get("why") or "slipway's master is gone"
        except OSError:
            return "this process is a fork of a worker"
        try:
            self._use_terminal()
        except OSError as error:
            self._say_continued()
            return f"the terminal cannot be opened: {error.strerror}"
        return ""

    def _use_terminal(self) -> None:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        self._flush()
        self._saved = [os.dup(number) for number in range(3)]
        self._streams = [getattr(sys, name) for name in STREAMS]
        for number, name in enumerate(STREAMS):
            os.dup2(fd, number)
            setattr(sys, name, getattr(sys, f"__{name}__"))
        os.close(fd)

    def _flush(self) -> None:
        for name in ("stdout", "stderr"):
            with contextlib.suppress(AttributeError, OSError, ValueError):
                getattr(sys, name).flush()

    def catch_interrupts(self, handler: Any) -> None:
        """Ctrl-C; where requests run in other threads than the main one it does nothing."""
        if self._interrupt is None and threading.current_thread() is threading.main_thread():
            self._interrupt = signal.signal(signal.SIGINT, handler)

    def give_back(self) -> None:
        if not self.is_mine():
            return
        if self._interrupt is not None:
            signal.signal(signal.SIGINT, self._interrupt)
            self._interrupt = None
        self._flush()
        for number, name in enumerate(STREAMS):
            os.dup2(self._saved[number], number)
            os.close(self._saved[number])
            setattr(sys, name, self._streams[number])
        self.owner = 0
        self._server.hold(False)
        self._say_continued()
        self._lock.release()

    def _say_continued(self) -> None:
        with contextlib.suppress(OSError):
            process.say(self._life, event="continued")


class Debugger(pdb.Pdb):
    """One session: from a breakpoint to the end of its request at the latest."""

    def __init__(self, terminal: Terminal):
        super().__init__(nosigint=True)
        self.terminal = terminal

    def interaction(self, frame: FrameType | None, *rest: Any) -> None:
        if not self.terminal.is_mine():
            why = self.terminal.take()
            if why:
                passed_over(frame, why)
                self.set_continue()
                return
        self.terminal.catch_interrupts(self.sigint_handler)
        self.stdin, self.stdout = sys.stdin, sys.stdout
        super().interaction(frame, *rest)
        if self.quitting or self.stoplineno == -1:  # it goes on, perhaps to another breakpoint
            self.terminal.give_back()

    def dispatch_return(self, frame: FrameType, arg: Any) -> Any:
        try:
            return super().dispatch_return(frame, arg)
        finally:
            if is_ours(frame.f_back):
                self.finish(frame)

    def finish(self, frame: FrameType) -> None:
        """Nothing of the next request is to be stopped at."""
        sys.settrace(None)
        for caller in callers(frame):
            caller.f_trace = None
        self.terminal.give_back()


def passed_over(frame: FrameType | None, why: str) -> None:
    place = f" at {frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
    print(f"slipway: the breakpoint{place} was passed over: {why}", file=sys.stderr)


def install(server: Any, life: socket.socket) -> None:
    """In a worker.  PYTHONBREAKPOINT, and a hook of the project's own, are obeyed."""
    terminal = Terminal(server, life)

    def stop(*, header: str | None = None, **_more: Any) -> None:
        frame = sys._getframe(1)
        why = "" if terminal.is_mine() else terminal.take()
        if why:
            passed_over(frame, why)
            return
        debugger = Debugger(terminal)
        request = request_of(frame)
        print(f"\n-- {request or 'breakpoint'} (worker {os.getpid()}): c goes on, q ends it --")
        if header:
            print(header)
        debugger.set_trace(frame)

    wanted = os.environ.get("PYTHONBREAKPOINT", "")
    if wanted in ("", "pdb.set_trace") and sys.breakpointhook is sys.__breakpointhook__:
        sys.breakpointhook = stop
    pdb.set_trace = stop
