"""A generation's zygote: imports the project once, then forks its workers.

It says over its socket what it found (or in one sentence why it cannot), and then forks a worker
for each request of the master.  It has no thread of its own and ends when its socket ends.

    master --start--> import --ready, failed--> master --fork, descriptors--> fork twice --> worker

The fork is doubled so that the worker becomes the master's child; both are os.fork(), so that the
hooks which the project and its libraries registered run.  src/link/channel.h has the messages.
"""

import atexit
import contextlib
import faulthandler
import gc
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any, NamedTuple, NoReturn

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
QUIET_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the master alone decides
MESSAGE_BYTES = 64 * 1024
FDS_MAX = 64
TRACEBACK_CHARS = 12_000  # at most four bytes each: a message stays below 60 KiB
GC_THRESHOLD = 50_000  # workers collect between requests; this is for one that makes very many
JOIN_S = 60.0  # for the requests of the other threads when a worker leaves
EXIT_S = 10.0  # for the project's own threads and atexit handlers

Message = dict[str, Any]


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


# ---- the worker ----


class Generation(NamedTuple):
    """What every worker of this zygote is made of."""

    extension: ModuleType
    application: Callable[..., Any]
    threads: int
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
    flush()
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
        for number in QUIET_SIGNALS:
            if signal.getsignal(number) is do_nothing:
                signal.signal(number, signal.SIG_DFL)

    os.register_at_fork(after_in_child=forked)


def work(generation: Generation, index: int, fds: list[int]) -> NoReturn:
    """The life of a worker."""
    yard, intake, life_fd, *rest = fds
    life = socket.socket(fileno=life_fd)
    say(life, event="born", pid=os.getpid())
    generation.extension.name_process("worker")
    be_quiet()
    reseed()
    if not faulthandler.is_enabled():
        faulthandler.enable(2)
    faulthandler.register(signal.SIGUSR2, 2)  # the master asks: a request runs too long
    server = generation.extension.Server(
        generation.application, yard, index, intake, rest[::2], rest[1::2], generation.collects
    )
    os.close(yard)
    let_go_in_forks(server, life)
    say(life, event="ready")
    if generation.threads > 1:
        leave(serve_threads(server, generation.threads))
    leave(server.serve(0) or 0)


def work_or_die(generation: Generation, index: int, fds: list[int]) -> NoReturn:
    try:
        work(generation, index, fds)
    except BaseException:
        traceback.print_exc()
    finally:
        flush()
        os._exit(1)


# ---- forking ----


def close_connections() -> None:
    """What Django opened while it was imported must not be shared by the workers."""
    if "django.db" in sys.modules:
        sys.modules["django.db"].connections.close_all()
    if "django.core.cache" in sys.modules:
        sys.modules["django.core.cache"].close_caches()


def fork_worker() -> bool:
    """True in the worker, False in the zygote."""
    flush()
    close_connections()
    child = os.fork()
    if child > 0:
        os.waitpid(child, 0)
        return False
    between = os.getpid()
    if os.fork() > 0:
        os._exit(0)
    while os.getppid() == between:  # until it is gone, and this is the master's child
        time.sleep(0.0002)
    return True


def fork_loop(channel: socket.socket, generation: Generation) -> None:
    zygote = os.getpid()
    while (heard := listen(channel)) is not None:
        message, fds = heard
        is_worker = False
        try:
            is_worker = message.get("do") == "fork" and fork_worker()
        except Exception:  # no process to be had, or a hook or a connection that failed
            print("slipway: cannot fork a worker", file=sys.stderr)
            traceback.print_exc()
            if os.getpid() != zygote:
                os._exit(1)
        if is_worker:
            channel.close()
            work_or_die(generation, message["worker"], fds)
        for fd in fds:
            os.close(fd)


# ---- starting ----


def prepare(start: Message) -> None:
    """What must hold before the first line of the project runs."""
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of these files
    folder = os.path.abspath(start.get("chdir") or os.getcwd())
    os.chdir(folder)
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    if start.get("settings"):
        os.environ["DJANGO_SETTINGS_MODULE"] = start["settings"]
    sys.argv = ["slipway"]
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a print() shows at once, though it is a pipe


def format_error(error: BaseException) -> str:
    """The traceback without the frames of these files; "" when no others are left."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(HERE):
        trace = trace.tb_next
    if trace is None:
        return ""
    return "".join(traceback.format_exception(type(error), error, trace))


def fail(channel: socket.socket, sentence: str, text: str) -> NoReturn:
    say(channel, event="failed", error=sentence, traceback=text[-TRACEBACK_CHARS:])
    flush()
    os._exit(1)


def run(channel: socket.socket, extension: ModuleType, load: Callable[[str, str], Any]) -> None:
    heard = listen(channel)
    if heard is None:
        return
    start = heard[0]
    thresholds = gc.get_threshold()
    extension.name_process("zygote")
    be_quiet()
    loading, found = load("_slipway_load", "load.py"), load("_slipway_found", "found.py")
    prepare(start)
    try:
        loaded = loading.load_application(start.get("app") or "", start.get("settings") or "")
        facts = found.find(loaded, start.get("mount") or "")
    except BaseException as error:
        fail(channel, loading.explain(error), format_error(error.__cause__ or error))
    # A project that sets up the collector by itself is obeyed.
    collects = gc.isenabled() and gc.get_threshold() == thresholds
    if collects:
        gc.set_threshold(GC_THRESHOLD, *thresholds[1:])
    gc.collect()
    gc.freeze()
    say(channel, event="ready", **facts)
    threads = max(1, int(start.get("threads") or 1))
    fork_loop(channel, Generation(extension, loaded.application, threads, collects))
    flush()
    os._exit(0)
