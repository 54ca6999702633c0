"""A generation's zygote: imports the project once, then forks its workers.

It says over its socket what it found (or in one sentence why it cannot), and then forks a worker
for each request of the master.  It has no thread of its own and ends when its socket ends.

    master --start--> import --ready, failed--> master --fork, descriptors--> fork twice --> worker

A project that a fork would break (forksafe.py) is looked at and left: the same program begins anew
in this process, forks without having imported anything, and each worker imports by itself.

    import --unsafe--> exec --ready--> master --fork, descriptors--> fork, fork > import > worker

The fork is doubled so that the worker becomes the master's child; both are os.fork(), so that the
hooks which the project and its libraries registered run.  src/link/channel.h has the messages.
"""

import contextlib
import gc
import importlib.util
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
paths = load("_slipway_paths", "paths.py")
live_settings = load("_slipway_live_settings", "live_settings.py")
worker = load("_slipway_worker", "worker.py")
loading = load("_slipway_load", "load.py")
found = load("_slipway_found", "found.py")
forksafe = load("_slipway_forksafe", "forksafe.py")
anew = load("_slipway_anew", "anew.py")

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
TRACEBACK_CHARS = 12_000  # at most four bytes each: a message stays below 60 KiB
IMPORT_FRAME = re.compile(r'^  File "<frozen importlib\.[^\n]*\n', re.MULTILINE)  # say nothing
GC_THRESHOLD = 50_000  # workers collect between requests; this is for one that makes very many
METRICS = "PROMETHEUS_MULTIPROC_DIR"
POOLS = "psycopg_pool"
PROBE = 0  # the generation of one that is asked and then killed

Message = dict[str, Any]


# ---- forking ----


def close_connections() -> None:
    """What Django opened while it was imported must not be shared by the workers."""
    if live_settings.configured() is None:
        return  # a library has only looked whether there is Django
    if "django.db" in sys.modules:
        connections = sys.modules["django.db"].connections
        connections.close_all()
        for connection in connections.all() if POOLS in sys.modules else ():
            getattr(connection, "close_pool", lambda: None)()
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


def share_metrics(folder: str) -> None:
    """prometheus_client adds up what its processes leave in a folder, if there is one."""
    if not folder or METRICS in os.environ or not importlib.util.find_spec("prometheus_client"):
        return
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        os.environ[METRICS] = folder
    except OSError as error:
        print(f"slipway: metrics of the workers are not added up: {error}", file=sys.stderr)


def prepare(start: Message) -> None:
    """What must hold before the first line of the project runs."""
    if not sys.flags.safe_path:
        del sys.path[0]  # the folder of these files
    folder = os.path.abspath(start.get("chdir") or os.getcwd())
    os.chdir(folder)
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    paths.add_paths_of(os.path.join(folder, "manage.py"))
    if start.get("settings"):
        os.environ["DJANGO_SETTINGS_MODULE"] = start["settings"]
    share_metrics(start.get("metrics_dir") or "")
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


def failure_of(error: BaseException) -> process.Failed:
    return process.Failed(loading.explain(error), format_error(error.__cause__ or error))


def settle_collector(thresholds: tuple[int, int, int]) -> bool:
    """Whether garbage is ours to collect: a project that sets it up by itself is obeyed."""
    collects = gc.isenabled() and gc.get_threshold() == thresholds
    if collects:
        gc.set_threshold(GC_THRESHOLD, *thresholds[1:])
    gc.collect()
    return collects


def import_project(start: Message, develop: Any) -> tuple[Any, Message]:
    """The application and what it says about itself."""
    if start.get("error"):
        raise loading.Failure(start["error"])
    loaded = loading.load_application(start)
    facts, application = found.find(loaded, start)
    facts.update(load("_slipway_media", "media.py").find(start))
    facts.update(load("_slipway_wall", "wall.py").find(start))
    facts.update(load("_slipway_headers", "headers.py").find())
    if develop is not None:
        develop.imported()
    return application, facts


def import_alone(start: Message, develop: Any) -> worker.Project:
    """In a worker whose zygote did not."""
    thresholds = gc.get_threshold()
    try:
        loaded = loading.load_application(start)
        application = found.settle(loaded, start)
        load("_slipway_wall", "wall.py").settle(start)
        if develop is not None:
            develop.imported_alone()
    except BaseException as error:
        raise failure_of(error) from error
    collects = settle_collector(thresholds)
    gc.freeze()
    return worker.Project(application, collects)


def excuse(start: Message, develop: Any, error: BaseException) -> tuple[Any, Message]:
    """`run`: a page about the error instead of the application."""
    failed = failure_of(error)
    sentence, text = str(failed), (start.get("traceback") or failed.text)[-TRACEBACK_CHARS:]
    cause = None if start.get("error") else error
    facts: Message = {
        "framework": "an error page: the project cannot be imported",
        "executable": sys.executable,
        "error": sentence,
        "traceback": text,
    }
    return develop.failed(sentence, text, cause), facts


def give_up(channel: socket.socket, failed: process.Failed) -> NoReturn:
    text = failed.text[-TRACEBACK_CHARS:]
    process.say(channel, event="failed", error=str(failed), traceback=text)
    process.flush()
    os._exit(1)


# ---- the life of a zygote ----


def judge(before: dict[int, str], facts: Message, wanted: str) -> bool:
    """Adds the verdict to the facts; whether workers are forked from this process."""
    with contextlib.suppress(Exception):  # it is tried again, and told, before each fork
        close_connections()
    facts["preload"] = preload = forksafe.judge(before, wanted)
    if preload["why"] and preload["verdict"] == "yes":
        facts["warnings"].append(f"{preload['why']}; it is forked all the same (option preload)")
    return preload["verdict"] == "yes"


def look_at(
    channel: socket.socket, start: Message, develop: Any
) -> tuple[worker.Project, Message, bool]:
    """The project, what is to be said of it, and whether it is to be forked."""
    before, thresholds, is_safe = forksafe.open_files(), gc.get_threshold(), True
    try:
        application, facts = import_project(start, develop)
    except BaseException as error:
        if develop is None:
            give_up(channel, failure_of(error))
        application, facts = excuse(start, develop, error)
    collects = settle_collector(thresholds)
    if "error" not in facts:
        facts["metrics_dir"] = os.environ.get(METRICS, "")
        is_safe = judge(before, facts, start.get("preload") or "auto")
        if is_safe and not start.get("check"):
            found = load("_slipway_pages", "pages.py").find()
            facts["pages"] = found.get("pages", {})
            facts["warnings"] += found.get("why", [])
    return worker.Project(application, collects), facts, is_safe


def run(channel: socket.socket, extension: ModuleType, facts_fd: int) -> None:
    environ = dict(os.environb)
    extension.name_process("zygote")
    known = anew.be_clean(channel, facts_fd) if facts_fd >= 0 else None
    heard = None if known else process.listen(channel)
    if not known and not heard:
        return
    start = known["start"] if known else heard[0]
    process.be_quiet()
    develop = debugger = None
    if start.get("development"):
        debugger = load("_slipway_debugger", "debugger.py")
        develop = load("_slipway_develop", "develop.py").Develop(channel, start)
    prepare(start)
    if not start.get("development"):
        load("_slipway_tagged", "tagged.py").install(extension.request_id)
    if known:
        facts, obtain = known["facts"], lambda: import_alone(start, develop)
    else:
        project, facts, is_safe = look_at(channel, start, develop)
        if not is_safe and start.get("generation") != PROBE:
            anew.begin_anew(channel, {"start": start, "facts": facts}, environ)
        gc.freeze()
        obtain = lambda: project  # noqa: E731
    if start.get("check"):
        lookover = load("_slipway_lookover", "lookover.py")
        facts["checks"] = lookover.look_over(facts, start, load)
        facts["writes"] = load("_slipway_look_writes", "look_writes.py").find()
    process.say(channel, event="ready", **facts)
    threads = max(1, int(start.get("threads") or 1))
    secrets = ",".join(start.get("secrets") or [])
    fork_loop(channel, worker.Generation(extension, obtain, threads, debugger, develop, secrets))
    process.flush()
    os._exit(0)
