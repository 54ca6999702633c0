"""A stock nginx in front, as on the day somebody moves over: slipway behind proxy_pass."""

import hashlib
import http.client
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import until

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = pytest.mark.skipif(not os.access(NGINX, os.X_OK), reason="no nginx")

CONF = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; client_max_body_size 50m; proxy_temp_path {folder}/proxy;
    client_body_temp_path {folder}/body; uwsgi_temp_path {folder}/u; fastcgi_temp_path {folder}/f;
    scgi_temp_path {folder}/s;
    upstream app {{ server unix:{app}; keepalive 8; }}
    server {{
        listen unix:{folder}/front;
        location / {{
            proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
        location /unbuffered/ {{
            proxy_pass http://app/; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_request_buffering off; proxy_buffering off;
        }}
    }}
}}
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        import socket

        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@pytest.fixture(scope="module")
def front(shared) -> Iterator[str]:
    app = shared.folder / "app.sock"
    shared.start("plain", listen=f"unix:{app}", workers=2)
    folder = Path(shared.folder) / "nginx"
    folder.mkdir()
    for name in ("proxy", "body", "u", "f", "s"):
        (folder / name).mkdir()
    (folder / "conf").write_text(CONF.format(folder=folder, app=app))
    nginx = subprocess.Popen(
        [NGINX, "-p", folder, "-c", folder / "conf", "-e", folder / "error.log", "-g", "user root;"]
    )
    try:
        until("nginx to listen", (folder / "front").exists)
        yield str(folder / "front")
    finally:
        nginx.terminate()
        nginx.wait(20)


def ask(
    front: str, method: str, path: str, body: object = None, **fields: str
) -> tuple[int, bytes]:
    connection = UnixConnection(front)
    try:
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_get_and_head(front: str) -> None:
    assert ask(front, "GET", "/hello") == (200, b"hello\n")
    assert ask(front, "HEAD", "/hello") == (200, b"")


def test_many_requests_over_kept_upstream_connections(front: str) -> None:
    for _ in range(300):
        assert ask(front, "GET", "/hello") == (200, b"hello\n")


@pytest.mark.parametrize("path", ["/digest", "/unbuffered/digest"])
def test_upload(front: str, path: str) -> None:
    body = os.urandom(5 << 20)
    status, text = ask(front, "POST", path, body)
    assert (status, text.decode()) == (200, f"{len(body)} {hashlib.sha256(body).hexdigest()}\n")


@pytest.mark.parametrize("path", ["/digest", "/unbuffered/digest"])
def test_chunked_upload(front: str, path: str) -> None:
    pieces = [os.urandom(70_000) for _ in range(20)]
    whole = b"".join(pieces)
    status, text = ask(front, "POST", path, iter(pieces))
    assert (status, text.decode()) == (200, f"{len(whole)} {hashlib.sha256(whole).hexdigest()}\n")


@pytest.mark.parametrize("path", ["/stream?n=500", "/unbuffered/stream?n=500"])
def test_stream(front: str, path: str) -> None:
    status, text = ask(front, "GET", path)
    assert status == 200
    assert text == b"".join(b"piece %d\n" % n for n in range(500))
