"""Real proxies in front: who the client is, as nginx and HAProxy say it, in every way they have.

The client is 127.0.0.7, the proxy connects from 127.0.0.1, which alone is trusted.
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certificates
import pytest
from http1 import TIMEOUT_S, build
from program import Site, until
from tls_client import client_context

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
CLIENT, FORGED = "127.0.0.7", "6.6.6.6"
FORGERIES = [
    ("X-Forwarded-For", FORGED),
    ("X-Forwarded-For", "127.0.0.1"),
    ("Forwarded", f"for={FORGED};proto=https"),
    ("Forwarded", 'for="'),
    ("X-Real-IP", FORGED),
    ("X-Forwarded-Proto", "https"),
    ("X_Forwarded_For", FORGED),
]
PORTS = ["forwarded", "set", "tls", "v1", "v2", "v2tls", "v2ended"]

NGINX_CONF = """
{load}
daemon off; pid {folder}/pid; worker_processes 1; user root;
events {{ worker_connections 256; }}
http {{
    access_log off; proxy_temp_path {folder}/t; client_body_temp_path {folder}/t;
    uwsgi_temp_path {folder}/t; fastcgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
    ssl_certificate {pair.certificate}; ssl_certificate_key {pair.key};
    server {{
        listen 127.0.0.1:{forwarded}; listen 127.0.0.1:{tls} ssl;
        location / {{
            proxy_pass http://127.0.0.1:{app}; proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
    server {{
        listen 127.0.0.1:{set};
        location / {{
            proxy_pass http://127.0.0.1:{app}; proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
{stream}
"""

NGINX_STREAM = """
stream {{
    server {{ listen 127.0.0.1:{v1}; proxy_pass 127.0.0.1:{proxied}; proxy_protocol on; }}
}}
"""

HAPROXY_CONF = """
global
    maxconn 100
defaults
    mode http
    timeout connect 10s
    timeout client 20s
    timeout server 20s
listen forwarded
    bind 127.0.0.1:{forwarded}
    bind 127.0.0.1:{tls} ssl crt {folder}/both.pem
    option forwardfor
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    server site 127.0.0.1:{app}
listen set
    bind 127.0.0.1:{set}
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    server site 127.0.0.1:{app}
listen v1
    mode tcp
    bind 127.0.0.1:{v1}
    server site 127.0.0.1:{proxied} send-proxy
listen v2
    mode tcp
    bind 127.0.0.1:{v2}
    server site 127.0.0.1:{proxied} send-proxy-v2 check-send-proxy check inter 100ms
listen v2tls
    mode tcp
    bind 127.0.0.1:{v2tls}
    server site 127.0.0.1:{secure} send-proxy-v2
listen v2ended
    mode tcp
    bind 127.0.0.1:{v2ended} ssl crt {folder}/both.pem
    server site 127.0.0.1:{proxied} send-proxy-v2-ssl-cn proxy-v2-options crc32c,unique-id
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def pair(shared) -> certificates.Pair:
    return certificates.make(shared.folder, "one", "one.test")


@pytest.fixture(scope="module")
def site(shared, pair: certificates.Pair) -> Site:
    listens = ["--listen", "127.0.0.1:0 proxy", "--listen", "127.0.0.1:0 proxy tls"]
    return shared.start("plain", *listens, *pair.options, "--trusted-peers", "127.0.0.1")


def places(site: Site, folder: Path, pair: certificates.Pair) -> dict[str, Any]:
    app, proxied, secure = (address[1] for address in site.addresses)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    folder.mkdir()
    (folder / "t").mkdir()
    both = pair.certificate.read_text() + pair.key.read_text()
    (folder / "both.pem").write_text(both)
    fixed = {"app": app, "proxied": proxied, "secure": secure, "folder": folder, "pair": pair}
    return ports | fixed


def running(command: list[Any], ports: list[int]) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        for port in ports:
            until("the proxy to listen", lambda port=port: answers(port))
        yield
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


@pytest.fixture(scope="module")
def nginx(shared, site: Site, pair: certificates.Pair) -> Iterator[dict[str, Any]]:
    if not os.access(NGINX, os.X_OK):
        pytest.skip("no nginx")
    where = places(site, Path(shared.folder) / "nginx", pair)
    stream = NGINX_STREAM.format(**where) if STREAM.exists() else ""
    load = f"load_module {STREAM};" if STREAM.exists() else ""
    conf = where["folder"] / "conf"
    conf.write_text(NGINX_CONF.format(load=load, stream=stream, **where))
    command = [NGINX, "-p", where["folder"], "-c", conf, "-e", where["folder"] / "log"]
    for _ in running(command, [where["forwarded"], *([where["v1"]] if stream else [])]):
        yield where


@pytest.fixture(scope="module")
def haproxy(shared, site: Site, pair: certificates.Pair) -> Iterator[dict[str, Any]]:
    if not os.access(HAPROXY, os.X_OK):
        pytest.skip("no HAProxy")
    where = places(site, Path(shared.folder) / "haproxy", pair)
    conf = where["folder"] / "conf"
    conf.write_text(HAPROXY_CONF.format(**where))
    for _ in running([HAPROXY, "-q", "-f", conf], [where["v2ended"]]):
        yield where


@pytest.fixture(params=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.getfixturevalue(request.param)


def seen(port: int, *fields: tuple[str, str], tls: bool = False) -> dict[str, str]:
    one: socket.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S, (CLIENT, 0))
    if tls:
        one = client_context().wrap_socket(one, server_hostname="one.test")
    with one:
        source = one.getsockname()[1]
        one.sendall(build("GET", "/environ", [("Connection", "close"), *fields]))
        try:
            text = b"".join(iter(lambda: one.recv(1 << 16), b""))
        except ssl.SSLEOFError:
            text = b""
    head, _, body = text.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), text
    words = json.loads(body)
    assert words["REMOTE_PORT"] in ("", str(source))
    return words


@pytest.mark.parametrize("port", ["forwarded", "set"])
def test_forwarded_for(proxy: dict[str, Any], port: str) -> None:
    words = seen(proxy[port])
    assert words["REMOTE_ADDR"] == words["HTTP_X_FORWARDED_FOR"] == CLIENT
    assert words["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("port", ["forwarded", "set", "v1"])
@pytest.mark.parametrize("pair_", FORGERIES, ids=lambda pair: f"{pair[0]}={pair[1]}")
def test_nobody_forges_through_a_proxy(
    proxy: dict[str, Any], port: str, pair_: tuple[str, str]
) -> None:
    if port == "v1" and "nginx" in str(proxy["folder"]) and not STREAM.exists():
        pytest.skip("nginx without its stream module")
    words = seen(proxy[port], pair_)
    assert words["REMOTE_ADDR"] == words["HTTP_X_FORWARDED_FOR"] == CLIENT
    assert words["wsgi.url_scheme"] == "http"
    assert FORGED not in json.dumps(words)


def test_tls_ends_in_the_proxy(proxy: dict[str, Any]) -> None:
    words = seen(proxy["tls"], tls=True)
    assert words["REMOTE_ADDR"] == CLIENT and words["HTTPS"] == "on"
    assert words["wsgi.url_scheme"] == words["HTTP_X_FORWARDED_PROTO"] == "https"


def test_proxy_version_2(haproxy: dict[str, Any]) -> None:
    words = seen(haproxy["v2"])
    assert words["REMOTE_ADDR"] == CLIENT and words["REMOTE_PORT"]
    assert words["wsgi.url_scheme"] == "http"


def test_a_proxy_header_before_tls(haproxy: dict[str, Any]) -> None:
    words = seen(haproxy["v2tls"], tls=True)
    assert words["REMOTE_ADDR"] == CLIENT and words["wsgi.url_scheme"] == "https"


def test_tls_that_ended_before_the_header(haproxy: dict[str, Any]) -> None:
    words = seen(haproxy["v2ended"], tls=True)
    assert words["REMOTE_ADDR"] == CLIENT and words["wsgi.url_scheme"] == "https"


def test_health_checks_are_no_refusals(haproxy: dict[str, Any], site: Site) -> None:
    before = len(site.log())
    for _ in range(20):
        seen(haproxy["v2"])
    assert "PROXY header" not in site.log()[before:]
