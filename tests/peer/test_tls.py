"""HTTPS with foreign programs: testssl.sh beside a well set up nginx, curl, Chromium."""

import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import certificates
import pytest
from certificates import Pair
from program import until
from test_clients import BROWSER, need, output
from test_nginx import NGINX

LISTEN = "127.0.0.1:0 tls"
SEVERITIES = ("OK", "INFO", "LOW", "MEDIUM", "WARN", "HIGH", "CRITICAL", "FATAL")
TESTSSL = "--quiet --warnings off --color 0 -p -S -P -h -U -s -f --jsonfile-pretty".split()

# Mozilla's "intermediate", as its generator writes it for nginx.
CONF = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; proxy_temp_path {folder}/proxy; client_body_temp_path {folder}/body;
    uwsgi_temp_path {folder}/u; fastcgi_temp_path {folder}/f; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {pair.certificate}; ssl_certificate_key {pair.key};
        ssl_session_timeout 1d; ssl_session_cache shared:MozSSL:10m;
        ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers off;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:{more};
        location / {{ return 200 "hello\\n"; }}
    }}
}}
"""
MORE = (
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
PAGE = """<html><body><p id="p"></p><script>
document.getElementById("p").textContent = "protocol " +
    performance.getEntriesByType("navigation")[0].nextHopProtocol + " of " + location.hostname;
</script></body></html>
"""


@pytest.fixture(scope="module")
def pairs(shared) -> list[Pair]:
    return [certificates.make(shared.folder, name) for name in ("one", "two")]


@pytest.fixture(scope="module")
def site(shared, pairs: list[Pair]):
    files = shared.folder / "files"
    files.mkdir()
    (files / "protocol.html").write_text(PAGE)
    options = [option for pair in pairs for option in pair.options]
    return shared.start("plain", *options, "--static", f"/static/={files}", listen=LISTEN)


# ---- testssl.sh


@pytest.fixture
def nginx(shared, pairs: list[Pair]) -> Iterator[int]:
    if not os.access(NGINX, os.X_OK):
        pytest.skip("no nginx")
    folder = Path(shared.folder) / "nginx-tls"
    folder.mkdir()
    for name in ("proxy", "body", "u", "f", "s"):
        (folder / name).mkdir()
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(CONF.format(folder=folder, port=port, pair=pairs[0], more=MORE))
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-c", str(conf), "-e", str(folder / "error.log")]
    )
    try:
        until("nginx", lambda: (folder / "pid").exists() and (folder / "pid").read_text())
        yield port
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def findings(report: object) -> Iterator[tuple[str, str, str]]:
    """(id, severity, finding) of a report, however deep they are in it."""
    if isinstance(report, dict):
        if "severity" in report and "id" in report:
            yield report["id"], report["severity"], report.get("finding", "")
        report = list(report.values())
    if isinstance(report, list):
        for item in report:
            yield from findings(item)


def test_testssl_finds_nothing_worse_than_of_nginx(shared, site, nginx: int) -> None:
    testssl = need("testssl")
    running = []
    for name, port in (("nginx", nginx), ("slipway", site.port)):
        report = shared.folder / f"{name}.json"
        command = [testssl, *TESTSSL, str(report), f"127.0.0.1:{port}"]
        running.append((report, subprocess.Popen(command, stdout=subprocess.DEVNULL)))
    for _, process in running:
        process.wait(900)
    of_nginx, ours = (
        {row[0]: row for row in findings(json.loads(report.read_text()))} for report, _ in running
    )
    assert len(ours) > 40
    worse = [
        (row, of_nginx.get(name))
        for name, row in ours.items()
        if SEVERITIES.index(row[1]) > SEVERITIES.index(of_nginx.get(name, ("", "INFO"))[1])
    ]
    assert worse == []


# ---- curl


@pytest.mark.parametrize(("option", "version"), [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl(site, pairs: list[Pair], option: str, version: str) -> None:
    curl = need("curl")
    for pair, host in zip(pairs, ("one.test", "two.test"), strict=True):
        arguments = [
            "--cacert",
            str(pair.certificate),
            "--resolve",
            f"{host}:{site.port}:127.0.0.1",
        ]
        url = f"https://{host}:{site.port}/hello"
        assert output(curl, "-s", option, *arguments, url) == "hello\n"
        told = output(
            curl, "-s", option, *arguments, "-o", "/dev/null", "-w", "%{http_version}", url
        )
        assert told == version
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"x" * 3_000_000)
            f.flush()
            url = f"https://{host}:{site.port}/digest"
            text = output(curl, "-s", option, *arguments, "--data-binary", f"@{f.name}", url)
        assert text.startswith("3000000 ")


# ---- a browser


def key_hash(pair: Pair) -> str:
    public = subprocess.run(
        ["openssl", "pkey", "-in", str(pair.key), "-pubout", "-outform", "DER"],
        capture_output=True,
        check=True,
    ).stdout
    return base64.b64encode(hashlib.sha256(public).digest()).decode()


@pytest.mark.parametrize("number", [0, 1])
def test_chromium_gets_the_certificate_of_each_name(site, pairs: list[Pair], number: int) -> None:
    """It is told to take only the one key that this name's certificate has."""
    chromium = need("chromium")
    host = ("one.test", "two.test")[number]
    for pair, is_shown in ((pairs[number], True), (pairs[1 - number], False)):
        with tempfile.TemporaryDirectory() as profile:
            text = output(
                *[chromium, *BROWSER, f"--user-data-dir={profile}", "--dump-dom"],
                f"--ignore-certificate-errors-spki-list={key_hash(pair)}",
                f"--host-resolver-rules=MAP * 127.0.0.1:{site.port}",
                f"https://{host}/static/protocol.html",
                timeout_s=120,
            )
        shown = re.search(r"protocol (\S+) of ([^<]+)<", text)
        assert (shown is not None) == is_shown, text[:2000]
        assert not shown or (shown[1], shown[2]) == ("h2", host)
