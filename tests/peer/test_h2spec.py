"""h2spec's 145 cases, and foreign clients of HTTP/2: nghttp, h2load, curl."""

import hashlib
import re
import sys
import tempfile
from pathlib import Path

import certificates
import pytest
from test_clients import need, output


def h2spec() -> str:
    here = Path(sys.prefix) / "bin" / "h2spec"
    return str(here) if here.exists() else need("h2spec")


@pytest.fixture(scope="module")
def plain(shared):
    static = shared.folder / "static"
    static.mkdir()
    (static / "page.txt").write_bytes(b"0123456789abcdef" * 64)
    (static / "big.bin").write_bytes(bytes(range(256)) * 40000)
    return shared.start(
        "plain",
        *["--static", f"/static/={static}", "--listen", "127.0.0.1:0 tls"],
        *certificates.make(shared.folder, "site", "site.test").options,
        workers=2,
    )


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("path", ["/", "/hello", "/static/page.txt"])
def test_h2spec(plain, path: str, tls: bool) -> None:
    host, port = plain.addresses[tls]
    options = ["-h", host, "-p", str(port), "-P", path, "-o", "10", *(["-t", "-k"] if tls else [])]
    text = output(h2spec(), *options, timeout_s=300)
    assert "145 tests, 145 passed, 0 skipped, 0 failed" in text, text[text.find("Failures") :]


def test_h2load(plain) -> None:
    for path in ("/hello", "/static/page.txt"):
        text = output(need("h2load"), "-n", "5000", "-c", "20", "-m", "10", f"{plain.url}{path}")
        assert re.search(r"5000 succeeded, 0 failed, 0 errored, 0 timeout", text), text


def test_nghttp(plain) -> None:
    urls = [f"{plain.url}/static/big.bin", f"{plain.url}/hello"]
    text = output(need("nghttp"), "-nsv", *urls)
    assert text.count(" 200 ") >= 2 and "END_STREAM" in text, text


def test_curl(plain) -> None:
    curl = need("curl")
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"x" * 3_000_000)
        f.flush()
        text = output(
            curl,
            "-s",
            "--http2-prior-knowledge",
            "--data-binary",
            f"@{f.name}",
            f"{plain.url}/digest",
        )
    assert text == f"3000000 {hashlib.sha256(b'x' * 3_000_000).hexdigest()}\n"
