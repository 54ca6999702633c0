"""Foreign clients: curl, wrk, h2load, and a real browser."""

import re
import shutil
import subprocess
import tempfile

import browser
import pytest

BROWSER = ["--headless", *browser.QUIET]


def need(program: str) -> str:
    path = shutil.which(program)
    if not path:
        pytest.skip(f"no {program}")
    return path


def output(*arguments: str, timeout_s: float = 60) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=timeout_s, check=False)
    return done.stdout


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_curl(shared, version: str) -> None:
    curl, site = need("curl"), shared.start("plain")
    assert output(curl, "-s", version, f"{site.url}/hello") == "hello\n"
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"x" * 3_000_000)
        f.flush()
        # more than 1 MiB: curl asks with Expect: 100-continue
        text = output(curl, "-s", version, "--data-binary", f"@{f.name}", f"{site.url}/digest")
    assert text.startswith("3000000 ")


def test_wrk_with_500_connections(sites) -> None:
    wrk, site = need("wrk"), sites.start("plain", "--access-log", "off", workers=2)
    text = output(wrk, "-t1", "-c500", "-d3s", "--timeout", "20s", f"{site.url}/hello")
    assert re.search(r"\d+ requests in", text), text
    assert "Non-2xx" not in text, text
    assert "Socket errors" not in text, text


def test_h2load_speaking_http_1(sites) -> None:
    h2load, site = need("h2load"), sites.start("plain", "--access-log", "off", workers=2)
    text = output(h2load, "--h1", "-n", "5000", "-c", "50", f"{site.url}/hello")
    assert re.search(r"5000 succeeded, 0 failed, 0 errored, 0 timeout", text), text


def test_chromium_shows_the_demo_site(harbour) -> None:
    chromium = need("chromium")
    with tempfile.TemporaryDirectory() as profile:
        page = output(
            chromium, *BROWSER, f"--user-data-dir={profile}", "--dump-dom", f"{harbour.url}/ships/"
        )
    assert "Slipway Harbour" in page
    harbour.out.wait(r'"GET /static/fleet/site.css HTTP/1.1" (200|304)')
