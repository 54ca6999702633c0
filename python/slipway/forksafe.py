"""Whether workers may be forked from the imported project: what they would lack or share.

A fork takes one thread along, and every open socket becomes one that all workers talk into.  When
the import left such things behind, a trial fork shows what the libraries' own hooks see to: a
thread that is gone after it was taken down for it (OpenBLAS, ddtrace), a socket that the child
closed is not shared.  What remains is named, by its thread or by who holds it.
"""

import contextlib
import functools
import gc
import io
import json
import os
import select
import selectors
import signal
import socket
import sys
import threading
import time
import warnings
from types import FrameType, ModuleType
from typing import Any, NamedTuple

TRIAL_S = 3.0  # for the child of the trial fork to say what it has
SLOW_S = 0.5  # a fork that takes longer is dearer than most imports: ddtrace 4.16 takes 3 s
GONE_S = 0.5  # a thread that was joined may still be listed for a moment
HOLDER_STEPS = 12
HOLDERS_MAX = 2000
TEXT_CHARS = 80

# Their pools look at the process id before they give a connection, and open another in a fork.  One
# that the project holds itself (pubsub) is named by the project's module.  With threads it is not
# enough: sentry_sdk starts another, too, but the wake-up for its queue's first event goes to the
# one that the fork left behind.
AT_HOME_IN_FORKS = ("redis", "valkey")
# How native threads are called; without a name of their own, who is loaded is the likeliest.
THREAD_NAMES = (
    ("grpc", ("grpc_", "event_engine", "lifeguard", "timer_manager", "resolver-exec")),
    ("confluent_kafka", ("rdk:",)),
    ("torch", ("pt_",)),
    ("ddtrace", ("dd", "tokio-rt-worker", "_Telemetry", "RemoteConfig")),
)
NATIVE_MODULES = ("torch", "tensorflow", "jax", "pyarrow", "polars", "cv2", "zmq", "grpc",
                  "confluent_kafka", "psycopg2", "psycopg_c", "psycopg", "MySQLdb", "ddtrace",
                  "scipy", "numpy")  # fmt: skip
KERNEL_THINGS = {
    "anon_inode:[eventpoll]": "an event loop",
    "anon_inode:[eventfd]": "an eventfd",
    "anon_inode:[io_uring]": "an io_uring",
    "anon_inode:[signalfd]": "a signalfd",
    "anon_inode:[timerfd]": "a timerfd",
    "anon_inode:inotify": "a file watch (inotify)",
}

Files = dict[int, str]


class Hazard(NamedTuple):
    what: str
    module: str  # "" when nobody can be named


class Remains(NamedTuple):
    """After the trial fork."""

    threads: set[int]  # in the parent
    files: Files  # in the child
    took_s: float  # the fork, hooks and all


# ---- what is there ----


def open_files() -> Files:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # that of this very listing
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def other_threads() -> dict[int, str]:
    """Their names by id, but for the one that looks."""
    found = {}
    for name in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError), open(f"/proc/self/task/{name}/comm") as comm:
            found[int(name)] = comm.read().strip()
    found.pop(threading.get_native_id(), None)
    return found


def describe_socket(fd: int) -> str:
    with socket.socket(fileno=os.dup(fd)) as copy:
        if copy.type == socket.SOCK_DGRAM:
            return ""  # a message is whole, whoever sends it: syslog, statsd
        with contextlib.suppress(OSError):
            peer: Any = copy.getpeername()
            if not peer:
                return "a pair of sockets"
            if isinstance(peer, bytes):
                peer = peer.decode("utf-8", "replace")
            return f"a connection to {peer if isinstance(peer, str) else '{}:{}'.format(*peer)}"
        if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return "a listening socket"
    return "a socket"


def describe_file(fd: int, path: str) -> str:
    with contextlib.suppress(OSError):
        if os.pread(fd, 15, 0) == b"SQLite format 3":  # by this descriptor: one more, and its
            return f"the database {path}"  # closing would drop the locks of the first
    return f"the database {path}" if path.endswith((".sqlite3", ".sqlite", ".mdb")) else ""


def describe(fd: int, link: str) -> str:
    """What workers must not share; "" for what does no harm."""
    with contextlib.suppress(OSError):
        if link.startswith("socket:"):
            return describe_socket(fd)
        if link.startswith("pipe:"):
            return "" if fd == tracker_fd() else "a pipe"
        return KERNEL_THINGS.get(link) or (describe_file(fd, link) if link[:1] == "/" else "")
    return ""


def tracker_fd() -> int | None:
    """multiprocessing's helper is meant to be shared."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", 0)
    return getattr(tracker, "_fd", None)


# ---- whose it is ----


def is_foreign(name: Any) -> bool:
    """Neither Python's nor ours."""
    top = name.partition(".")[0] if isinstance(name, str) else ""
    ours = top in ("", "__main__") or top.startswith("_slipway")
    return not ours and top not in sys.stdlib_module_names


def holder_of(thing: object) -> str:
    """The module from whose names a thing can be reached, else that of an object which holds it.

    Never beyond the names of a module of Python's: whoever uses threading is not to blame.
    """
    modules = {
        id(vars(module)): name
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
    }
    layer, seen, by_class = [thing], {id(thing), id(modules)}, ""
    for _ in range(HOLDER_STEPS):
        above = gc.get_referrers(*layer)
        seen |= {id(layer), id(above)}
        layer = []
        for one in above:
            if is_foreign(modules.get(id(one))):
                return modules[id(one)]
            if id(one) in seen or id(one) in modules or isinstance(one, FrameType | ModuleType):
                continue
            seen.add(id(one))
            layer.append(one)
            name = (one if isinstance(one, type) else type(one)).__module__
            by_class = by_class or (name if is_foreign(name) else "")
        if not layer or len(layer) > HOLDERS_MAX:
            break
    return by_class


def module_of_thread(thread: threading.Thread) -> str:
    target: Any = getattr(thread, "_target", None) or getattr(thread, "function", None)
    while isinstance(target, functools.partial):
        target = target.func
    bound_to = getattr(target, "__self__", None)
    for thing in (type(thread), target, type(bound_to)):
        if is_foreign(getattr(thing, "__module__", "")):
            return thing.__module__
    return module_of_frames(sys._current_frames().get(thread.ident or 0)) or holder_of(thread)


def module_of_frames(frame: FrameType | None) -> str:
    while frame is not None:
        if is_foreign(frame.f_globals.get("__name__")):
            return frame.f_globals["__name__"]
        frame = frame.f_back
    return ""


def module_of_unlisted(name: str) -> str:
    """Of a thread that threading does not know: _thread.start_new_thread(), else native."""
    listed = {thread.ident for thread in threading.enumerate()}
    frames = [frame for ident, frame in sys._current_frames().items() if ident not in listed]
    return next(filter(None, map(module_of_frames, frames)), "") or module_of_native(name)


def module_of_native(name: str) -> str:
    for module, starts in THREAD_NAMES:
        if name.startswith(starts) and module in sys.modules:
            return module
    return next((module for module in NATIVE_MODULES if module in sys.modules), "")


def has_file(kind: type) -> bool:
    """Those of the standard library whose fileno() does nothing but tell."""
    known = issubclass(kind, socket.socket | selectors.BaseSelector | io.IOBase)
    return known or (kind.__module__ == "multiprocessing.connection" and hasattr(kind, "fileno"))


def module_of_file(fd: int, link: str, threads: dict[int, str]) -> str:
    for one in gc.get_objects():
        kind = type(one)
        if link.startswith("/") and kind.__module__ == "sqlite3":
            return holder_of(one) or "sqlite3"
        with contextlib.suppress(Exception):  # closed, detached
            if has_file(kind) and one.fileno() == fd:
                return holder_of(one) or kind.__module__
    if link == "anon_inode:[eventpoll]" and (module := module_of_epoll(fd)):
        return module
    named = (module_of_native(name) for name in threads.values())
    return next(filter(None, named), module_of_native(""))


def module_of_epoll(fd: int) -> str:
    """Of a bare select.epoll, which the collector knows only by who holds it: Twisted's."""
    for one in gc.get_objects():
        for thing in gc.get_referents(one):
            if type(thing) is select.epoll and not thing.closed and thing.fileno() == fd:
                return holder_of(thing)
    return ""


# ---- the trial ----


def tell_files(fds: list[int], pipe: int) -> None:
    """In the child."""
    try:
        now = open_files()
        os.write(pipe, json.dumps([[fd, now[fd]] for fd in fds if fd in now]).encode())
    finally:
        os._exit(0)


def hear_files(pipe: int) -> Files | None:
    data, limit = b"", time.monotonic() + TRIAL_S
    while select.select([pipe], [], [], max(0.0, limit - time.monotonic()))[0]:
        piece = os.read(pipe, 65536)
        if not piece:
            return dict(json.loads(data)) if data else None
        data += piece
    return None


def try_fork(fds: list[int], threads: dict[int, str]) -> Remains | None:
    """None: the child hung, or there was none."""
    reading, writing = os.pipe()
    started_s = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # from 3.12 on of a fork with threads
            child = os.fork()
        if child == 0:
            tell_files(fds, writing)
        took_s = time.monotonic() - started_s
        os.close(writing)
        files = hear_files(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    except OSError:
        return None
    finally:
        os.close(reading)
    limit = time.monotonic() + GONE_S
    while (left := threads.keys() & other_threads().keys()) and time.monotonic() < limit:
        time.sleep(0.01)
    return None if files is None else Remains(set(left), files, took_s)


# ---- the verdict ----


def is_at_home(module: str) -> bool:
    return module.partition(".")[0] in AT_HOME_IN_FORKS


def hazards(before: Files) -> list[Hazard]:
    objects = {thread.native_id: thread for thread in threading.enumerate()}
    threads = other_threads()
    files = {
        fd: (link, what)
        for fd, link in open_files().items()
        if before.get(fd) != link and (what := describe(fd, link))
    }
    if not threads and not files:
        return []
    remains = try_fork(list(files), threads)
    found = []
    for tid, name in threads.items():
        if remains and tid not in remains.threads:
            continue
        thread = objects.get(tid)
        module = module_of_thread(thread) if thread else module_of_unlisted(name)
        shown = thread.name if thread else name
        found.append(Hazard(f"the thread '{shown[:TEXT_CHARS]}'", module))
    if remains and remains.took_s > SLOW_S and threads and not found:
        name = next(iter(threads.values()))
        what = f"the thread '{name}', which takes {remains.took_s:.1f} s to stop for each fork,"
        found.append(Hazard(what, module_of_native(name)))
    for fd, (link, what) in files.items():
        if remains and remains.files.get(fd) != link:
            continue
        module = module_of_file(fd, link, threads)
        if not is_at_home(module):
            found.append(Hazard(what[:TEXT_CHARS], module))
    return found


def sentence_of(hazard: Hazard, count: int) -> str:
    did = "started" if hazard.what.startswith("the thread") else "opened"
    others = f" (and {count - 1} more)" if count > 1 else ""
    who = hazard.module or "a module that cannot be named"
    return f"{who} {did} {hazard.what}{others} while the project was imported"


def judge(before: Files, wanted: str) -> dict[str, str]:
    """report["preload"]; `before`: open_files() before the import; `wanted`: the option."""
    if wanted == "no":
        return {"verdict": "no", "why": "the option preload says no", "module": ""}
    found = hazards(before)
    if not found:
        return {"verdict": "yes", "why": "", "module": ""}
    first = max(found, key=lambda hazard: hazard.module != "")  # one that can be named
    verdict = "yes" if wanted == "yes" else "no"
    return {"verdict": verdict, "why": sentence_of(first, len(found)), "module": first.module}
