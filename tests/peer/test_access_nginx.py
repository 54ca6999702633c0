"""The combined access log is nginx's: the same requests to both give the same lines."""

import os
import random
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from http1 import Peer
from program import until
from projects import write

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = pytest.mark.skipif(not os.access(NGINX, os.X_OK), reason="no nginx")
COUNT = 300

CONF = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log combined;
    proxy_temp_path {folder}/t; client_body_temp_path {folder}/t; uwsgi_temp_path {folder}/t;
    fastcgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok"; }} }}
}}
"""
APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
TIME = re.compile(r"\[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def message(chance: random.Random) -> bytes:
    def some(least: int, of: int = 256) -> bytes:
        picks = (chance.randrange(least, of) for _ in range(chance.choice([0, 3, 40])))
        return bytes(byte for byte in picks if byte != 0x7F)

    target = b"/" + b"".join(b"%%%02x" % c for c in some(0x21)) + b"?a=" + b"b" * len(some(0))
    lines = [b"GET %s HTTP/1.%d" % (target, chance.choice([0, 1])), b"Host: a"]
    lines += [b"User-Agent: " + some(0x20)] if chance.random() < 0.9 else []
    lines += [b"Referer: " + some(0x20)] if chance.random() < 0.9 else []
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


def test_byte_for_byte(sites: Any) -> None:
    folder = Path(sites.folder) / "nginx"
    folder.mkdir()
    write(sites.folder / "p/app.py", APPLICATION)
    zone = {"TZ": "Asia/Kathmandu"}  # +0545
    port = free_port()
    (folder / "conf").write_text(CONF.format(folder=folder, port=port))
    options = ["-p", folder, "-c", folder / "conf", "-e", folder / "error.log", "-g", "user root;"]
    nginx = subprocess.Popen([NGINX, *options], env=os.environ | zone)
    try:
        site = sites.start("app", "--access-format", "combined", chdir=sites.folder / "p", env=zone)
        until("nginx", lambda: (folder / "pid").exists() and (folder / "pid").read_text())
        chance = random.Random(7)
        for sent in [message(chance) for _ in range(COUNT)]:
            for address in (("127.0.0.1", port), site.address):
                with Peer(address) as peer:
                    peer.send(sent)
                    assert peer.response().status == 200, sent
        log = folder / "access.log"
        theirs, ours = (
            until("all lines", lambda read=read: read() if read().count("\n") == COUNT else None)
            for read in (log.read_text, site.access_log)
        )
    finally:
        nginx.terminate()
        nginx.wait(20)
    assert TIME.sub("[]", ours).splitlines() == TIME.sub("[]", theirs).splitlines()
    assert TIME.search(ours)[1][-6:] == TIME.search(theirs)[1][-6:] == " +0545"
