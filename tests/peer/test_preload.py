"""What watches a site from within, each as it comes from the index, at work in forked workers.

Theirs is a virtual environment of these tests.  The other ends are ours: a collector of HTTP
requests stands in for Sentry's and Datadog's servers, New Relic's agent brings its own stand-in
(developer mode), and the gRPC server is a real one.
"""

import gzip
import http.server
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

import pytest
from both import HOLD, ask_both
from http1 import get
from program import TIMEOUT_S, Site, until
from projects import write

NOTE = "Each worker imports the project by itself: "
PACKAGES = ["sentry-sdk~=2.0", "newrelic>=10", "prometheus_client>=0.20", "grpcio~=1.60",
            "ddtrace>=3,<5", "django~=5.2.0"]  # fmt: skip
INSTALL_S = 600


@pytest.fixture(scope="module")
def python() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="slipway-venv-", dir="/tmp") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [f"{folder}/bin/python", "-m", "pip", "install", "-q"]
        done = subprocess.run(
            [*command, "--disable-pip-version-check", *PACKAGES],
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"the packages cannot be had: {done.stderr[-300:]}")
        yield f"{folder}/bin/python"


class Collector:
    """Answers every request with {} and keeps path and body."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    data = b""
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        data += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return data
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def do_POST(self) -> None:
                data = self.body()
                if self.headers.get("Content-Encoding") == "gzip":
                    data = gzip.decompress(data)
                collector.heard.append((self.path, data))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_PUT = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def wait(self, path: str, words: bytes) -> None:
        until(
            f"{words!r} at {path}",
            lambda: any(path in at and words in data for at, data in list(self.heard)),
            TIMEOUT_S,
        )

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def start(sites, python: str, own: str, **more) -> Site:
    folder = sites.folder / "project"
    write(folder / "own.py", own)
    return sites.start("own", chdir=folder, python=python, workers=2, **more)


def answers(sites, site: Site, target: str = "/") -> dict[int, str]:
    """What both workers answer, by their process id, which is the first word of it."""
    found = {int(text.split()[0]): text for text in ask_both(sites, site, target)}
    assert set(found) == set(site.pids("worker"))
    return found


APPLICATION = (
    HOLD
    + """
import os

def application(environ, start_response):
    hold(environ)
    text = f"{os.getpid()} {answer(environ)}"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
"""
)


@pytest.mark.parametrize("early", [False, True], ids=["at use", "at import"])
def test_sentry(sites, python: str, collector: Collector, early: bool) -> None:
    """Its thread, once started, does not hear of a fork's first event; init() starts none."""
    own = f"import sentry_sdk\nsentry_sdk.init('http://key@{collector.url}/1')\n"
    own += "sentry_sdk.capture_message('from the import')\n" if early else ""
    own += "def answer(environ):\n"
    own += "    return sentry_sdk.capture_message(f'from worker {os.getpid()}')\n" + APPLICATION
    site = start(sites, python, own)
    if early:
        assert f"{NOTE}sentry_sdk." in site.log()
    else:
        assert NOTE not in site.log()
    for worker in answers(sites, site):
        collector.wait("/envelope/", f"from worker {worker}".encode())


def test_newrelic(sites, python: str) -> None:
    """Initialized once, before the forks; each worker has an agent that reports."""
    ini = sites.folder / "newrelic.ini"
    write(ini, "[newrelic]\nlicense_key = " + "0" * 40 + "\napp_name = slipway\n"
          "developer_mode = true\nstartup_timeout = 10.0\nlog_file = stderr\n")  # fmt: skip
    own = f"import newrelic.agent\nnewrelic.agent.initialize({str(ini)!r})\n"
    own += "def answer(environ):\n"
    own += "    agent = newrelic.agent\n"
    own += "    return agent.application().active, agent.current_transaction() is not None\n"
    own += APPLICATION + "application = newrelic.agent.WSGIApplicationWrapper(application)\n"
    site = start(sites, python, own)
    assert NOTE not in site.log()
    for text in answers(sites, site).values():
        assert text.endswith("(True, True)"), text


def test_prometheus(sites, python: str) -> None:
    """Either worker shows the sum of both; a dead one's count stays, its live gauge goes."""
    own = """
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess
asked = Counter("asked", "requests", ["worker"])
live = Gauge("alive", "workers", multiprocess_mode="livesum")

def answer(environ):
    if environ["PATH_INFO"] == "/metrics":
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry).decode()
    asked.labels(os.getpid()).inc()
    live.set(1)
    return ""
"""
    site = start(sites, python, own + APPLICATION)
    assert NOTE not in site.log()
    workers = sorted(answers(sites, site))
    for text in answers(sites, site, "/metrics").values():
        for worker in workers:
            assert f'asked_total{{worker="{worker}"}}' in text
        assert "alive 2.0" in text
    killed = workers[0]
    os.kill(killed, signal.SIGKILL)
    site.wait_workers(2, without=[killed])
    until("its gauge to go", lambda: "alive 1.0" in get(site.address, "/metrics").text)
    assert f'asked_total{{worker="{killed}"}}' in get(site.address, "/metrics").text


GRPC_SERVER = """
import sys, grpc
from concurrent import futures

class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"heard " + request)

server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(Echo(),))
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
"""


@pytest.fixture
def grpc_server(python: str) -> Iterator[str]:
    server = subprocess.Popen(
        [python, "-c", GRPC_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin and server.stdout
    try:
        yield f"127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.stdin.close()
        server.terminate()
        server.wait(TIMEOUT_S)
        server.stdout.close()


@pytest.mark.parametrize("early", [True, False], ids=["at import", "at use"])
def test_grpc(sites, python: str, grpc_server: str, early: bool) -> None:
    """A channel that was made while importing does not survive a fork."""
    own = f"import grpc, functools\nTO = {grpc_server!r}\n"
    own += "@functools.cache\ndef channel():\n    return grpc.insecure_channel(TO)\n"
    own += "channel()\n" if early else ""
    own += "def answer(environ):\n"
    own += "    call = channel().unary_unary('/test.Echo/Echo')\n"
    own += "    return call(b'%d' % os.getpid(), timeout=10).decode()\n" + APPLICATION
    site = start(sites, python, own)
    if early:
        assert f"{NOTE}grpc opened" in site.log()
    else:
        assert NOTE not in site.log()
    for worker, text in answers(sites, site).items():
        assert text == f"{worker} heard {worker}"


def test_ddtrace(sites, python: str, collector: Collector) -> None:
    """Its hooks make a fork slow, so it is imported in each worker, and sends from there."""
    own = "import ddtrace.auto\nfrom ddtrace.trace import tracer\n"
    own += "def answer(environ):\n"
    own += "    with tracer.trace(f'harbour.worker{os.getpid()}'):\n        return ''\n"
    site = start(sites, python, own + APPLICATION,
                 env={"DD_TRACE_AGENT_URL": f"http://{collector.url}"})  # fmt: skip
    for worker in answers(sites, site):
        collector.wait("/traces", f"harbour.worker{worker}".encode())
