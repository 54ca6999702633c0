"""Projects that a fork would break are imported by each worker; the others once."""

import os
import signal
import socket
from pathlib import Path

import pytest
from both import HOLD, ask_both
from conftest import Sites
from http1 import get
from program import START_S, Site, until
from projects import make_django, write

APPLICATION = (
    HOLD
    + """
import os
BORN = os.getpid()

def application(environ, start_response):
    hold(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{BORN} {os.getpid()}".encode()]
"""
)
THREAD = """
import threading

def poll():
    threading.Event().wait()

threading.Thread(target=poll, name="poller", daemon=True).start()
"""
NOTE = "Each worker imports the project by itself: "


def start(sites: Sites, files: dict[str, str], *options: str, **more: object) -> Site:
    folder = sites.folder / "project"
    for name, text in files.items():
        write(folder / name, text)
    return sites.start("own", *options, chdir=folder, workers=2, **more)  # type: ignore[arg-type]


def births(sites: Sites, site: Site) -> dict[int, int]:
    """Of both workers: which process ran the module's lines, by the worker's."""
    pairs = [map(int, text.split()) for text in ask_both(sites, site)]
    return {worker: born for born, worker in pairs}


def test_a_clean_project_is_imported_once(sites: Sites) -> None:
    site = start(sites, {"own.py": APPLICATION})
    born = births(sites, site)
    assert set(born.values()) == set(site.pids("zygote"))
    assert NOTE not in site.log()


def test_each_worker_imports_when_told(sites: Sites) -> None:
    site = start(sites, {"own.py": APPLICATION}, "--preload", "no")
    assert all(born == worker for worker, born in births(sites, site).items())
    assert NOTE not in site.log()


@pytest.mark.parametrize(
    ("feed", "module", "what"),
    [
        (THREAD, "feed", "the thread 'poller'"),
        (
            "import concurrent.futures as f\npool = f.ThreadPoolExecutor(1)\npool.submit(int)\n",
            "feed",
            "the thread 'ThreadPoolExecutor-0_0'",
        ),
        (
            "import socket, os\n"
            "class Client:\n"
            "    def __init__(self):\n"
            "        self.link = socket.create_connection(('127.0.0.1', int(os.environ['TO'])))\n"
            "client = Client()\n",
            "feed",
            "a connection to 127.0.0.1:",
        ),
        ("import asyncio\nloop = asyncio.new_event_loop()\n", "feed", "an event loop"),
        (
            "import select\nclass Reactor:\n    def __init__(self):\n"
            "        self.poller = select.epoll()\nreactor = Reactor()\n",
            "feed",
            "an event loop",
        ),
        (
            "import threading, time\n"
            "thread = threading.Thread(target=time.sleep, args=(3600,), daemon=True)\n"
            "thread.start()\n",
            "feed",
            "the thread 'Thread-1",
        ),
        (
            "import _thread, time\ndef poll():\n    time.sleep(3600)\n"
            "_thread.start_new_thread(poll, ())\n",
            "feed",
            "the thread '",
        ),
        ("import os\nends = [open(fd, 'rb', 0) for fd in os.pipe()]\n", "feed", "a pipe"),
        (
            "import sqlite3\ndata = sqlite3.connect('own.db')\n"
            "data.execute('create table if not exists a (b)')\ndata.commit()\n",
            "feed",
            "the database",
        ),
    ],
    ids=[
        "thread",
        "executor",
        "connection",
        "event loop",
        "bare epoll",
        "builtin",
        "low level",
        "pipe",
        "database",
    ],
)
def test_a_project_that_a_fork_would_break(sites: Sites, feed: str, module: str, what: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        env = {"TO": str(server.getsockname()[1])}
        files = {"own.py": "import feed\n" + APPLICATION, "feed.py": feed}
        site = start(sites, files, env=env)
        assert all(born == worker for worker, born in births(sites, site).items())
        note = site.log()[site.log().index(NOTE) + len(NOTE) :].splitlines()[0]
        assert note.startswith(f"{module} ") and what in note, note
        assert len(os.listdir(f"/proc/{site.pids('zygote')[0]}/task")) == 1


@pytest.mark.parametrize(
    "feed",
    [
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n",
        "import os\nfd = os.eventfd(0)\n",
    ],
    ids=["thread", "eventfd"],
)
def test_nobody_is_blamed_for_what_cannot_be_named(sites: Sites, feed: str) -> None:
    """threading is known to more modules than the one that started the thread."""
    bystander = "import threading, select\nfrom threading import Thread\n"
    files = {"own.py": "import bystander, feed\n" + APPLICATION, "feed.py": feed,
             "bystander.py": bystander}  # fmt: skip
    site = start(sites, files, "--log", "site.log")
    assert all(born == worker for worker, born in births(sites, site).items())
    assert f"{NOTE}a module that cannot be named " in site.log()
    log = (sites.folder / "project" / "site.log").read_text()
    assert "reason=" in log and "module=" not in log


@pytest.mark.parametrize(
    "feed",
    [
        "import socket\nlog = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n",
        "import threading\nt = threading.Thread(target=int)\nt.start()\nt.join()\n",
        "import multiprocessing\nlock = multiprocessing.Lock()\n",
        # its own hooks see to it
        THREAD.replace("threading.Event().wait()", "over.wait()")
        + "import os\nover = threading.Event()\nos.register_at_fork(before=over.set)\n",
        "import os, socket\na, b = socket.socketpair()\n"
        "os.register_at_fork(after_in_child=lambda: (a.close(), b.close()))\n",
    ],
    ids=["datagrams", "ended thread", "lock", "thread that ends", "socket that is closed"],
)
def test_what_does_no_harm(sites: Sites, feed: str) -> None:
    site = start(sites, {"own.py": "import feed\n" + APPLICATION, "feed.py": feed})
    assert set(births(sites, site).values()) == set(site.pids("zygote"))


REDIS = """
import threading

class Listener(threading.Thread):
    def run(self):
        threading.Event().wait()
"""


def test_redis_knows_forks_but_its_threads_do_not(sites: Sites) -> None:
    """Its pools open another connection in a fork; who listens to messages would be gone."""
    feed = "import redis\nredis.Listener(daemon=True).start()\n"
    files = {"own.py": "import feed\n" + APPLICATION, "feed.py": feed, "redis.py": REDIS}
    assert f"{NOTE}redis started the thread" in start(sites, files).log()


def test_what_was_decided_stands_before_the_ready_line(sites: Sites) -> None:
    """Once; and in a log of its own by the name of the module."""
    files = {"own.py": "import feed\n" + APPLICATION, "feed.py": THREAD}
    site = start(sites, files)
    said = site.log()[: site.log().index("ready in ")]
    assert said.count("feed started the thread 'poller'") == 1 and NOTE in said
    site.stop()
    site = start(sites, files, "--log", "site.log")
    log = (sites.folder / "project" / "site.log").read_text()
    assert NOTE in site.log() and "module=feed reason=" in log


def test_it_is_forked_all_the_same_when_told(sites: Sites) -> None:
    files = {"own.py": "import feed\n" + APPLICATION, "feed.py": THREAD}
    site = start(sites, files, "--preload", "yes")
    assert set(births(sites, site).values()) == set(site.pids("zygote"))
    assert NOTE not in site.log()
    site.err.wait("feed started the thread 'poller' while the project was imported; it is forked")


def test_a_word_that_is_none(sites: Sites) -> None:
    site = start(sites, {"own.py": APPLICATION}, "--preload", "always", waits=False)
    assert site.wait() == 2
    assert "--preload takes auto, yes or no, not 'always'" in site.log()


def test_djangos_connections_are_closed(sites: Sites) -> None:
    folder = make_django(sites.folder / "shop")
    settings = folder / "tiny" / "settings.py"
    text = settings.read_text().replace(
        "DATABASES = {}",
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'site.sqlite3'}}",
    )
    settings.write_text(text)
    with (folder / "tiny" / "wsgi.py").open("a") as wsgi:
        wsgi.write("from django.db import connection\nconnection.cursor().execute('select 1')\n")
    site = sites.start(None, chdir=folder)
    assert NOTE not in site.log() and get(site.address, "/").status == 200


# ---- imports that fail ----


def test_reload(sites: Sites) -> None:
    """New code comes with the new workers; broken code is refused."""
    files = {"own.py": "import feed\n" + APPLICATION, "feed.py": THREAD}
    site = start(sites, files)
    first = births(sites, site)
    own = sites.folder / "project" / "own.py"
    own.write_text(own.read_text() + "1 / 0\n")
    assert site.verb("reload").returncode == 1
    assert births(sites, site) == first
    own.write_text(files["own.py"].replace("{BORN}", "0"))
    assert site.verb("reload").returncode == 0
    new = births(sites, site)
    assert set(new.values()) == {0} and not new.keys() & first.keys()


IN_WORKERS = """
import os
def is_worker():
    with open("/proc/self/comm") as name:
        return "worker" in name.read()
"""


def failing(check: str) -> dict[str, str]:
    own = IN_WORKERS + f"if is_worker() and {check}:\n    raise RuntimeError('no luck')\n"
    return {"own.py": "import feed\n" + own + APPLICATION, "feed.py": THREAD}


def test_no_worker_can_import(sites: Sites) -> None:
    site = start(sites, failing("True"), waits=False)
    assert site.wait() == 1
    last = site.log().splitlines()[-1]
    assert "no worker came up" in last and "RuntimeError: no luck" in last and "own.py:" in last


def test_the_last_words_of_all_are_heard(sites: Sites) -> None:
    """Also when the ends of several are noticed at once."""
    own = IN_WORKERS + (
        "if is_worker():\n"
        "    os.mkfifo(f'go{os.getpid()}')\n"
        "    open(f'go{os.getpid()}').read()\n"
        "    raise RuntimeError('no luck')\n"
    )
    site = start(sites, {"own.py": "import feed\n" + own + APPLICATION, "feed.py": THREAD},
                 waits=False)  # fmt: skip
    gates = sites.folder / "project"
    until("both to import", lambda: len(list(gates.glob("go*"))) == 2, START_S)
    os.kill(site.pid, signal.SIGSTOP)
    try:
        for gate in gates.glob("go*"):
            pid = gate.name.removeprefix("go")
            gate.write_text("")  # blocks until it reads there, then is the end of what it reads
            until("it to end", lambda pid=pid: " Z " in Path(f"/proc/{pid}/stat").read_text())
    finally:
        os.kill(site.pid, signal.SIGCONT)
    assert site.wait() == 1
    for index in (0, 1):
        assert f"worker={index} error=" in site.log()


def test_a_new_worker_cannot_import(sites: Sites) -> None:
    """It is tried again, ever more rarely; the other one serves; and it recovers."""
    site = start(sites, failing("os.path.exists('broken')"))
    flag = write(sites.folder / "project" / "broken", "")
    first, second = births(sites, site)
    os.kill(first, signal.SIGKILL)
    site.err.wait("worker cannot import the project")
    site.err.wait("RuntimeError: no luck")
    assert int(get(site.address, "/").body.split()[1]) == second
    flag.unlink()
    site.wait_workers(2, without=[first])


def test_stopped_while_a_worker_imports(sites: Sites) -> None:
    files = failing("os.path.exists('broken') and open('broken').read()")
    site = start(sites, files)
    first = next(iter(births(sites, site)))
    os.mkfifo(sites.folder / "project" / "broken")
    os.kill(first, signal.SIGKILL)
    until("it to be imported", lambda: site.workers("starting"), START_S)
    site.stop()


def test_metrics(sites: Sites, tmp_path: Path) -> None:
    """The folder is made for who has the client, and dead workers' live gauges go."""
    client = "import os\nFOLDER = os.environ['PROMETHEUS_MULTIPROC_DIR']\n"
    own = "import os, prometheus_client\n" + APPLICATION
    own += """
def leave(kind):
    open(f"{prometheus_client.FOLDER}/{kind}_{os.getpid()}.db", "w").close()

inner = application
def application(environ, start_response):
    leave("counter"), leave("gauge_livesum"), leave("gauge_all")
    return inner(environ, start_response)
"""
    site = start(sites, {"own.py": own, "prometheus_client.py": client})
    folder = Path(f"{site.control}.metrics")
    first, second = births(sites, site)
    assert folder.stat().st_mode & 0o777 == 0o700
    os.kill(first, signal.SIGKILL)
    gone = folder / f"gauge_livesum_{first}.db"
    until("its live gauge to be removed", lambda: not gone.exists())
    kept = {path.name for path in folder.iterdir()}
    assert {f"counter_{first}.db", f"gauge_all_{first}.db", f"gauge_livesum_{second}.db"} <= kept
    site.stop()
    assert not folder.exists()


def test_run_reloads_and_shows_errors(sites: Sites) -> None:
    files = {"own.py": "import feed\n" + APPLICATION, "feed.py": THREAD}
    site = start(sites, files, verb="run")
    assert all(born == worker for worker, born in births(sites, site).items())
    own = sites.folder / "project" / "own.py"
    own.write_text("1 / 0\n")
    until("the error page", lambda: b"ZeroDivisionError" in get(site.address, "/").body)
    own.write_text(files["own.py"].replace("{BORN}", "0"))
    until("the page", lambda: get(site.address, "/").body.startswith(b"0 "))
