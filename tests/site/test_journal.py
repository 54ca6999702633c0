"""Logs to systemd's journal: what comes out of its socket, as fields (the real one: tests/peer)."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Sites
from http1 import get
from journal import Journal
from program import Site, run, until
from projects import write

APPLICATION = """
def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("of the application")
    if environ["PATH_INFO"] == "/long":
        print(environ["QUERY_STRING"] * 100, "\\u00fc" * 30000)
    start_response("200 OK", [("Content-Length", "2"), ("X-Log-User", "ann")])
    return [b"ok"]
"""


@pytest.fixture
def journal(sites: Sites) -> Iterator[Journal]:
    journal = Journal(sites.folder / "journal")
    yield journal
    journal.close()


def start(sites: Sites, where: Any, *options: str) -> Site:
    write(sites.folder / "p/app.py", APPLICATION)
    place = ["--access-log", f"journald:{where}"]
    site: Site = sites.start("app", *place, *options, chdir=sites.folder / "p")
    return site


def test_fields_of_both_logs(sites: Sites, journal: Journal) -> None:
    both = ["--log", f"journald:{journal.path}", "--access-format", "json"]
    site = start(sites, journal.path, *both)
    get(site.address, "/page?a=\xff%20b", [("User-Agent", 'me "\\')])
    get(site.address, "/fail")
    page, failed = until(
        "entries",
        lambda: (
            len(r := journal.find(SYSLOG_IDENTIFIER="slipway", SLIPWAY_METHOD="GET")) == 2 and r
        ),
    )
    assert page["SLIPWAY_TARGET"] == r"/page?a=\xFF%20b" and page["PRIORITY"] == "6"
    assert (page["SLIPWAY_STATUS"], page["SLIPWAY_USER"]) == ("200", "ann")
    assert page["SLIPWAY_AGENT"] == r"me \x22\x5C" and float(page["SLIPWAY_APP_MS"]) > 0
    assert json.loads(page["MESSAGE"])["target"] == page["SLIPWAY_TARGET"]
    assert (failed["PRIORITY"], failed["SLIPWAY_SITE"]) == ("3", site.status()["site"])
    one = failed["REQUEST_ID"]
    found = until("the traceback", lambda: len(r := journal.find(REQUEST_ID=one)) > 3 and r)
    messages = [entry["MESSAGE"] for entry in found]
    assert "Traceback (most recent call last):" in messages
    assert "ValueError: of the application" in messages
    os.kill(site.pids("worker")[0], 9)
    (died,) = until(
        "the worker's end", lambda: journal.find(SLIPWAY_PROCESS="master", PRIORITY="4")
    )
    assert died["MESSAGE"].startswith("worker died")


def test_text_has_the_main_fields(sites: Sites, journal: Journal) -> None:
    site = start(sites, journal.path)
    get(site.address, "/x")
    (entry,) = until("an entry", lambda: journal.find(SLIPWAY_TARGET="/x"))
    assert entry["SLIPWAY_STATUS"] == "200" and '"GET /x HTTP/1.1" 200 2' in entry["MESSAGE"]


def test_a_long_line_is_one_entry(sites: Sites, journal: Journal) -> None:
    """Above 64 KiB as a sealed memfd; nothing of it is lost, and it has the fields of others."""
    site = start(sites, journal.path, "--log", f"journald:{journal.path}")
    for count in (10, 600):
        get(site.address, "/long?" + "q" * count)
    short, long = until(
        "entries",
        lambda: len(r := [e for e in journal.find() if e["MESSAGE"].startswith("qqq")]) == 2 and r,
    )
    assert not short.is_sealed and short["MESSAGE"] == "q" * 1000 + " " + "ü" * 30000
    assert long.is_sealed and long["MESSAGE"] == "q" * 60000 + " " + "ü" * 30000
    assert len(long["REQUEST_ID"]) == 32 and long["REQUEST_ID"] != short["REQUEST_ID"]
    assert site.status()["logs"]["log_dropped"] == 0


def test_a_journal_that_is_started_anew(sites: Sites, journal: Journal) -> None:
    site = start(sites, journal.path)
    get(site.address, "/before")
    until("an entry", lambda: journal.find(SLIPWAY_TARGET="/before"))
    journal.stop()
    get(site.address, "/lost")
    until("the count", lambda: site.status()["logs"]["access_dropped"] == 1)
    journal.start()
    get(site.address, "/after")
    until("an entry", lambda: journal.find(SLIPWAY_TARGET="/after"))
    assert not journal.find(SLIPWAY_TARGET="/lost")
    site.err.wait('warn scribe: lines were dropped: log="access log" count=1$')


def test_without_a_journal_nothing_waits(sites: Sites) -> None:
    site = start(sites, "/nowhere/socket")
    for _ in range(20):
        assert get(site.address, "/x").status == 200
    until("the count", lambda: site.status()["logs"]["access_dropped"] >= 20)
    done = site.verb("logs")
    assert done.returncode == 1 and "journalctl -t slipway" in done.stderr


def test_a_file_in_the_text_of_a_site(sites: Sites, journal: Journal) -> None:
    """Of two sites one has its log in the journal: its entries say whose they are."""
    for name, line in (("one", f"access-log = journald:{journal.path}"), ("two", "")):
        write(sites.folder / f"{name}/app.py", APPLICATION)
        where = f"chdir = ../{name}\napp = app:application\nhosts = {name}.test\n"
        write(sites.folder / f"sites/{name}.ini", where + line + "\n")
    write(sites.folder / "slipway.ini", "sites = sites\nworkers = 1\n")
    site = sites.start(None, chdir=sites.folder, options_of_count=False)
    for name in ("one", "two"):
        get(site.address, f"/{name}", [("Host", f"{name}.test")])
    (entry,) = until("an entry", lambda: journal.find(SLIPWAY_SITE="one"))
    site.out.wait("GET /two ")
    assert entry["SLIPWAY_TARGET"] == "/one" and len(journal.entries) == 1
    assert not list(sites.folder.glob("**/journald*"))
    done = site.verb("logs", "--site", "one", "-f")
    assert done.returncode == 1
    assert "the access log of one goes to the journal: journalctl -t slipway -f" in done.stderr
    assert "SLIPWAY_SITE=one" in done.stderr


def test_another_word_is_a_file(sites: Sites) -> None:
    done = run("serve", "--access-log", "journald:", folder=sites.folder)
    assert done.returncode == 2 and "--access-log takes" in done.stderr
