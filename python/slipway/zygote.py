"""A generation's zygote: imports the project once, then forks its workers.

It says over its socket what it found (or in one sentence why it cannot), and then forks a worker
for each request of the master.  It has no thread of its own and ends when its socket ends.

    master --start--> import --ready, failed--> master --fork, descriptors--> fork twice --> worker

The fork is doubled so that the worker becomes the master's child; both are os.fork(), so that the
hooks which the project and its libraries registered run.  src/link/channel.h has the messages.
"""

import gc
import os
import re
import socket
import sys
import time
import traceback
from types import ModuleType
from typing import Any, NoReturn

from __main__ import load  # boot.py

process = load("_slipway_process", "process.py")
worker = load("_slipway_worker", "worker.py")

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
TRACEBACK_CHARS = 12_000  # at most four bytes each: a message stays below 60 KiB
IMPORT_FRAME = re.compile(r'^  File "<frozen importlib\.[^\n]*\n', re.MULTILINE)  # say nothing
GC_THRESHOLD = 50_000  # workers collect between requests; this is for one that makes very many

Message = dict[str, Any]


# ---- forking ----


def close_connections() -> None:
    """What Django opened while it was imported must not be shared by the workers."""
    if "django.db" in sys.modules:
        sys.modules["django.db"].connections.close_all()
    if "django.core.cache" in sys.modules:
        sys.modules["django.core.cache"].close_caches()


def fork_worker(generation: worker.Generation) -> bool:
    """True in the worker, False in the zygote."""
    process.flush()
    if generation.develop is None or not generation.develop.has_failed:
        close_connections()  # half-configured, Django could not even do that
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


def fork_loop(channel: socket.socket, generation: worker.Generation) -> None:
    zygote = os.getpid()
    while (heard := process.listen(channel)) is not None:
        message, fds = heard
        is_worker = False
        try:
            is_worker = message.get("do") == "fork" and fork_worker(generation)
            if message.get("do") == "look" and generation.develop is not None:
                generation.develop.look()
        except Exception:  # no process to be had, or a hook or a connection that failed
            print("slipway: cannot fork a worker", file=sys.stderr)
            traceback.print_exc()
            if os.getpid() != zygote:
                os._exit(1)
        if is_worker:
            channel.close()
            worker.work_or_die(generation, message["worker"], fds)
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
    text = "".join(traceback.format_exception(type(error), error, trace))
    return IMPORT_FRAME.sub("", text)


def fail(channel: socket.socket, sentence: str, text: str) -> NoReturn:
    process.say(channel, event="failed", error=sentence, traceback=text[-TRACEBACK_CHARS:])
    process.flush()
    os._exit(1)


def import_project(start: Message, loading: Any, found: Any, develop: Any) -> tuple[Any, Message]:
    """The application and what it says about itself."""
    if start.get("error"):
        raise loading.Failure(start["error"])
    loaded = loading.load_application(start.get("app") or "", start.get("settings") or "")
    facts = found.find(loaded, start.get("mount") or "")
    facts.update(load("_slipway_media", "media.py").find(start))
    if develop is not None:
        develop.imported()
    return loaded.application, facts


def excuse(start: Message, loading: Any, develop: Any, error: BaseException) -> tuple[Any, Message]:
    """`run`: a page about the error instead of the application."""
    sentence = loading.explain(error)
    text = (start.get("traceback") or format_error(error.__cause__ or error))[-TRACEBACK_CHARS:]
    cause = None if start.get("error") else error
    facts: Message = {
        "framework": "an error page: the project cannot be imported",
        "executable": sys.executable,
        "error": sentence,
        "traceback": text,
    }
    return develop.failed(sentence, text, cause), facts


def run(channel: socket.socket, extension: ModuleType) -> None:
    heard = process.listen(channel)
    if heard is None:
        return
    start = heard[0]
    thresholds = gc.get_threshold()
    extension.name_process("zygote")
    process.be_quiet()
    loading, found = load("_slipway_load", "load.py"), load("_slipway_found", "found.py")
    develop = None
    if start.get("development"):
        develop = load("_slipway_develop", "develop.py").Develop(channel, start)
    prepare(start)
    try:
        application, facts = import_project(start, loading, found, develop)
    except BaseException as error:
        if develop is None:
            fail(channel, loading.explain(error), format_error(error.__cause__ or error))
        application, facts = excuse(start, loading, develop, error)
    # A project that sets up the collector by itself is obeyed.
    collects = gc.isenabled() and gc.get_threshold() == thresholds
    if collects:
        gc.set_threshold(GC_THRESHOLD, *thresholds[1:])
    gc.collect()
    gc.freeze()
    if start.get("check"):
        lookover = load("_slipway_lookover", "lookover.py")
        facts["checks"] = lookover.look_over(facts, start, load)
    process.say(channel, event="ready", **facts)
    threads = max(1, int(start.get("threads") or 1))
    fork_loop(channel, worker.Generation(extension, application, threads, collects, develop))
    process.flush()
    os._exit(0)
