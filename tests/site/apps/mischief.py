"""A WSGI application that does to its own process what no application should."""

import faulthandler
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import meet

Environ = dict[str, Any]


def close_everything() -> None:
    os.closerange(3, 4096)


def close_standard() -> None:
    os.closerange(0, 3)


def ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def block_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def start_thread() -> None:
    """It never ends, and is no daemon."""
    threading.Thread(target=threading.Event().wait).start()


def exit_in_thread() -> None:
    thread = threading.Thread(target=sys.exit, args=(5,))
    thread.start()
    thread.join()


def leave_folder() -> None:
    os.chdir("/")


def drop_output() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]


def stop_collecting() -> None:
    gc.disable()


def no_stacks() -> None:
    faulthandler.disable()


def terminate_itself() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt_itself() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def recurse() -> None:
    recurse()


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def spawn() -> None:
    """A grandchild that outlives the request and holds what it inherited."""
    if os.fork() == 0:
        meet.reach("spawned")
        signal.pause()


DEEDS: dict[str, Callable[[], None]] = {
    deed.__name__: deed
    for deed in (
        close_everything,
        close_standard,
        ignore_signals,
        block_signals,
        start_thread,
        exit_in_thread,
        leave_folder,
        drop_output,
        stop_collecting,
        no_stacks,
        terminate_itself,
        interrupt_itself,
        recurse,
        stop_itself,
        spawn,
    )
}


def application(environ: Environ, start_response: Any) -> list[bytes]:
    deed = DEEDS.get(environ["PATH_INFO"].removeprefix("/"))
    if deed:
        deed()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()}\n".encode()]
