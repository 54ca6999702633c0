"""The servers that get the same raw requests as slipway, each with an application that writes down
what it sees: nginx and H2O with FastCGI, gunicorn and Granian with the WSGI application of the
site tests."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fastcgi import FastCgi
from http1 import Address, get
from program import APPS, ROOT, environment, until
from raw_requests import LIMITS
from raw_run import Seen

VENV = Path(os.environ.get("SLIPWAY_PEERS", ROOT / "build" / "peers")).resolve()
START_S, STOP_S, INSTALL_S = 40, 20, 300


class Server(NamedTuple):
    name: str
    version: str
    address: Address
    seen: Seen


NGINX_CONF = """
daemon off; pid {folder}/pid; worker_processes 1; user root;
events {{ worker_connections 256; }}
http {{
    access_log off; client_max_body_size {body}; client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/p; uwsgi_temp_path {folder}/u; fastcgi_temp_path {folder}/f;
    scgi_temp_path {folder}/s; large_client_header_buffers 4 {head};
    server {{
        listen 127.0.0.1:{port};
        location / {{
            fastcgi_pass unix:{folder}/app;
            fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REQUEST_URI $request_uri; fastcgi_param PATH_INFO $document_uri;
            fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param REMOTE_ADDR $remote_addr;
        }}
    }}
}}
"""

H2O_CONF = """
listen: {{ host: 127.0.0.1, port: {port} }}
num-threads: 1
limit-request-body: {body}
hosts:
  default:
    paths:
      "/":
        fastcgi.connect: {{ port: "{folder}/app", type: unix }}
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def version_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=True, timeout=START_S)
    found = re.search(rb"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    assert found, f"{command} says no version"
    return found[0].decode()


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[Address]:
    address = ("127.0.0.1", port)
    env = environment({"MARKS": str(folder), "GATES": str(folder)})
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=APPS, env=env, stdout=log, stderr=log)

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text(errors="replace")
        try:
            return get(address, "/fence", [("Connection", "close")]).status == 200
        except OSError:
            return False

    try:
        until(f"{command[0]} to answer", answers, START_S)
        yield address
    finally:
        process.terminate()
        process.wait(STOP_S)


@contextmanager
def by_fastcgi(name: str, command: list[str], conf: str, folder: Path) -> Iterator[Server]:
    """A server whose configuration file is the last argument."""
    folder.mkdir()
    folder.chmod(0o755)
    for part in ("body", "p", "u", "f", "s"):
        (folder / part).mkdir()
    port = free_port()
    text = conf.format(folder=folder, port=port, **LIMITS)
    (folder / "conf").write_text(text)
    app = FastCgi(folder / "app", folder / "seen")
    try:
        version = version_of(command[0], "-v")
        with running([*command, str(folder / "conf")], port, folder) as address:
            yield Server(name, version, address, Seen(folder / "seen"))
    finally:
        app.close()


def nginx(folder: Path) -> Iterator[Server]:
    command = ["/usr/sbin/nginx", "-e", f"{folder}/error.log", "-c"]
    return by_fastcgi("nginx", command, NGINX_CONF, folder)


def h2o(folder: Path) -> Iterator[Server]:
    return by_fastcgi("H2O", ["/usr/bin/h2o", "-c"], H2O_CONF, folder)


def fill_venv() -> None:
    fill = [str(ROOT / "tools/fill-venv"), str(VENV), str(ROOT / "tests/peer/requirements.txt")]
    VENV.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(fill, check=True, timeout=INSTALL_S, cwd=ROOT)


@contextmanager
def by_wsgi(name: str, module: str, folder: Path, *options: str) -> Iterator[Server]:
    """A Python server; {port} in its options is where it listens."""
    folder.mkdir()
    port = free_port()
    fill_venv()
    python = str(VENV / "bin" / "python")
    says = f"from importlib.metadata import version; print(version('{module}'))"
    command = [python, "-m", module, *[option.format(port=port) for option in options]]
    with running([*command, "says:application"], port, folder) as address:
        yield Server(name, version_of(python, "-c", says), address, Seen(folder / "seen"))


def granian(folder: Path) -> Iterator[Server]:
    options = ("--interface", "wsgi", "--port", "{port}", "--workers", "1", "--http", "1")
    options += ("--blocking-threads", "4")
    return by_wsgi("Granian", "granian", folder, *options)


def gunicorn(folder: Path) -> Iterator[Server]:
    options = ["--bind", "127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "4"]
    options += ["--limit-request-line", str(LIMITS["head"] - 2)]
    options += ["--limit-request-fields", str(LIMITS["fields"])]
    options += ["--limit-request-field_size", str(LIMITS["head"])]
    return by_wsgi("gunicorn", "gunicorn", folder, *options)


PEERS = (nginx, h2o, granian, gunicorn)
