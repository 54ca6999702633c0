"""Logs to a real systemd-journald, alone in a mount namespace: what journalctl then has."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http1 import get
from program import run, until
from projects import write

JOURNALD = "/lib/systemd/systemd-journald"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(JOURNALD, os.X_OK) or not shutil.which("nsenter"),
    reason="no systemd-journald, or not root",
)
NAMESPACE = f"""
mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal &&
mount -t tmpfs none /var/log && exec {JOURNALD}
"""
APPLICATION = """
def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("of the application")
    start_response("200 OK", [("Content-Length", "2"), ("X-Log-User", "ann")])
    return [b"ok"]
"""
Find = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def journal() -> Iterator[tuple[str, Find]]:
    journald = subprocess.Popen(["unshare", "-m", "sh", "-c", NAMESPACE])
    path = f"/proc/{journald.pid}/root/run/systemd/journal/socket"

    def find(*matches: str) -> list[dict[str, Any]]:
        command = [
            "journalctl",
            "-q",
            "-o",
            "json",
            "--no-pager",
            "-D",
            "/run/log/journal",
            *matches,
        ]
        inside = ["nsenter", "-t", str(journald.pid), "-m", *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    try:
        until("the socket", lambda: os.path.exists(path))
        yield path, find
    finally:
        journald.terminate()
        journald.wait(20)


def start(sites: Any, path: str, *options: str) -> Any:
    write(sites.folder / "p/app.py", APPLICATION)
    return sites.start(
        "app", *options, "--access-log", f"journald:{path}", chdir=sites.folder / "p"
    )


def test_fields_of_both_logs(sites: Any, journal: tuple[str, Find]) -> None:
    path, find = journal
    site = start(sites, path, "--log", f"journald:{path}", "--access-format", "json")
    get(site.address, "/page?a=\xff%20b", [("User-Agent", 'me "\\')])
    get(site.address, "/fail")
    page, failed = until(
        "entries",
        lambda: len(r := find("SYSLOG_IDENTIFIER=slipway", "SLIPWAY_METHOD=GET")) == 2 and r,
    )
    assert page["SLIPWAY_TARGET"] == r"/page?a=\xFF%20b" and page["PRIORITY"] == "6"
    assert (page["SLIPWAY_STATUS"], page["SLIPWAY_USER"]) == ("200", "ann")
    assert page["SLIPWAY_AGENT"] == r"me \x22\x5C" and float(page["SLIPWAY_APP_MS"]) > 0
    assert json.loads(page["MESSAGE"])["target"] == page["SLIPWAY_TARGET"]
    assert (failed["PRIORITY"], failed["SLIPWAY_SITE"]) == ("3", site.status()["site"])
    found = until(
        "the traceback", lambda: len(r := find(f"REQUEST_ID={failed['REQUEST_ID']}")) > 3 and r
    )
    messages = [row["MESSAGE"] for row in found]
    assert "Traceback (most recent call last):" in messages
    assert "ValueError: of the application" in messages
    os.kill(site.pids("worker")[0], 9)
    (died,) = until("the worker's end", lambda: find("SLIPWAY_PROCESS=master", "PRIORITY=4"))
    assert died["MESSAGE"].startswith("worker died")


def test_text_has_the_main_fields(sites: Any, journal: tuple[str, Find]) -> None:
    path, find = journal
    site = start(sites, path)
    get(site.address, "/x")
    (row,) = until("an entry", lambda: find("SLIPWAY_TARGET=/x"))
    assert row["SLIPWAY_STATUS"] == "200" and '"GET /x HTTP/1.1" 200 2' in row["MESSAGE"]


def test_without_a_journal_nothing_waits(sites: Any) -> None:
    site = start(sites, "/nowhere/socket")
    for _ in range(20):
        assert get(site.address, "/x").status == 200
    until("the count", lambda: site.status()["logs"]["access_dropped"] >= 20)
    done = site.verb("logs")
    assert done.returncode == 1 and "journalctl -t slipway" in done.stderr


def test_another_word_is_a_file(sites: Any) -> None:
    done = run("serve", "--access-log", "journald:", folder=sites.folder)
    assert done.returncode == 2 and "--access-log takes" in done.stderr
