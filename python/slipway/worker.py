"""The life of a worker, from the fork to its end: it serves, and leaves in bounded time."""

import atexit
import contextlib
import faulthandler
import fcntl
import os
import random
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

from __main__ import load  # boot.py

process = load("_slipway_process", "process.py")
failures = load("_slipway_failures", "failures.py")

JOIN_S = 60.0  # for the requests of the other threads when a worker leaves
EXIT_S = 10.0  # for the project's own threads and atexit handlers


class Generation(NamedTuple):
    """What every worker of this zygote is made of."""

    extension: ModuleType
    obtain: Callable[[], "Project"]  # raises process.Failed; imports it, when it was not preloaded
    threads: int
    debugger: Any  # debugger.py under `run`, else None
    develop: Any  # develop.Develop under `run`, else None
    secrets: str  # names of query parameters whose values are in no log, with commas


class Project(NamedTuple):
    application: Callable[..., Any]
    collects: bool  # garbage is ours to collect, between requests


def serve_threads(server: Any, count: int) -> int:
    """The exit status, once the intake is closed or the application asked to leave."""
    statuses: list[int] = []
    is_over = threading.Event()

    def run(index: int) -> None:
        status = 1
        try:
            status = server.serve(index) or 0
        except BaseException:
            traceback.print_exc()
        finally:
            statuses.append(status)
            is_over.set()

    threads = [
        threading.Thread(target=run, args=(index,), name=f"slipway-{index}", daemon=True)
        for index in range(count)
    ]
    for thread in threads:
        thread.start()
    is_over.wait()
    server.stop()
    deadline = time.monotonic() + JOIN_S
    for thread in threads:
        while thread.is_alive() and server.busy() and time.monotonic() < deadline:
            thread.join(0.05)
    return statuses[0]


def leave(status: int) -> NoReturn:
    """Ends the process as the interpreter would, but in bounded time and without taking apart the
    memory that it shares with the other workers."""
    guard = threading.Timer(EXIT_S, os._exit, (status,))
    guard.daemon = True
    guard.start()
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # joins all but daemon threads
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    process.flush()
    os._exit(status)


def reseed() -> None:
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def let_go_in_forks(server: Any, life: socket.socket) -> None:
    """Processes that the application forks have no part in the link."""

    def forked() -> None:
        server.close()
        life.close()
        for number in process.QUIET_SIGNALS:
            if signal.getsignal(number) is process.do_nothing:
                signal.signal(number, signal.SIG_DFL)

    os.register_at_fork(after_in_child=forked)


@contextlib.contextmanager
def bound_to(life: socket.socket) -> Iterator[None]:
    """Its end is ours at once: an import may wait for anything, and nobody else can name us yet."""
    flags = fcntl.fcntl(life, fcntl.F_GETFL)
    fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([life], [], [], 0)[0]:  # it ended before it could be told
        os._exit(0)
    yield
    fcntl.fcntl(life, fcntl.F_SETFL, flags)
    fcntl.fcntl(life, fcntl.F_SETSIG, 0)


def work(generation: Generation, index: int, life: socket.socket, fds: list[int]) -> NoReturn:
    yard, intake, _, *rest = fds
    try:
        process.say(life, event="born", pid=os.getpid())
    except BrokenPipeError:  # its generation has ended meanwhile
        os._exit(0)
    generation.extension.name_process("worker")
    process.be_quiet()
    with bound_to(life):
        project = generation.obtain()
    reseed()
    if not faulthandler.is_enabled():
        faulthandler.enable(2)
    faulthandler.register(signal.SIGUSR2, 2)  # the master asks: a request runs too long
    application = project.application
    if generation.develop is not None:
        application = generation.develop.in_worker(application, life)
    server = generation.extension.Server(
        application,
        yard,
        index,
        intake,
        rest[::2],
        rest[1::2],
        project.collects,
        generation.secrets,
    )
    os.close(yard)
    if generation.debugger is not None:
        generation.debugger.install(server, life)
    failures.install(index, generation.develop is not None, generation.secrets)
    let_go_in_forks(server, life)
    process.say(life, event="ready")
    if generation.threads > 1:
        leave(serve_threads(server, generation.threads))
    leave(server.serve(0) or 0)


def work_or_die(generation: Generation, index: int, fds: list[int]) -> NoReturn:
    life = socket.socket(fileno=fds[2])
    try:
        work(generation, index, life, fds)
    except process.Failed as failed:
        process.say(life, event="failed", error=str(failed))
        print(failed.text, end="", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        process.flush()
        os._exit(1)
