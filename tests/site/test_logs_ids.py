"""One id finds a request everywhere: access log, log, traceback, prints, error page."""

import json
import re
from pathlib import Path

import pytest
from conftest import Sites
from http1 import get
from program import Site, run, until
from projects import write

APPLICATION = """
import sys, threading, logging

logging.basicConfig(format="%(levelname)s %(message)s")

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("two\\nlines \\u00fc \\x01forged\\x02")
    if path == "/die":
        import os; os._exit(3)
    print("printed", path)
    print("half ", end="")
    print("whole")
    logging.warning("logged\\nin two lines")
    environ["wsgi.errors"].write("to wsgi.errors\\n")
    if path == "/thread":
        other = threading.Thread(target=print, args=("of nobody",))
        other.start()
        other.join()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

print("imported")
"""


@pytest.fixture
def app(sites: Sites) -> Path:
    write(sites.folder / "p/app.py", APPLICATION)
    return sites.folder / "p"


def ids(site: Site, count: int) -> list[str]:
    rows = until("lines", lambda: (r := site.access_log().splitlines()) and len(r) >= count and r)
    return [row.split(" ")[0] for row in rows]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("preload", ["yes", "no"])
def test_text(sites: Sites, app: Path, threads: int, preload: str) -> None:
    options = ["--access-fields", "id,target", "--preload", preload]
    site = sites.start("app", *options, chdir=app, threads=threads)
    assert get(site.address, "/thread").status == 200
    (one,) = ids(site, 1)
    site.err.wait("of nobody")
    log = until("the lines", lambda: site.err.raw if "to wsgi.errors" in site.log() else None)
    mine = [line.removeprefix(f"[{one}] ") for line in log.splitlines() if f"[{one}] " in line]
    expected = ["printed /thread", "half whole", "WARNING logged", "in two lines", "to wsgi.errors"]
    assert sorted(mine) == sorted(expected)
    assert re.search("^of nobody$", log, re.M) and re.search("^imported$", log, re.M)
    assert "\x01" not in log


def test_what_failed_has_the_id_of_its_page(sites: Sites, app: Path) -> None:
    site = sites.start("app", "--access-fields", "id,target", chdir=app)
    assert get(site.address, "/fail").status == 500
    died = get(site.address, "/die", method="POST")
    failed, killed = ids(site, 2)
    site.err.wait("ValueError: two")
    site.err.wait(f"request failed: .* id={killed}$")
    assert died.head.get("X-Request-ID") == killed and killed.encode() in died.body
    mine = [line for line in site.err.raw.splitlines() if f"[{failed}] " in line]
    assert "exception in the application" in mine[0] and '"GET /fail"' in mine[0]
    assert mine[1].endswith("Traceback (most recent call last):")
    assert mine[-2].endswith("ValueError: two")


def test_json(sites: Sites, app: Path) -> None:
    site = sites.start("app", "--access-format", "json", "--log-format", "json", chdir=app)
    get(site.address, "/fail")
    get(site.address, "/die", method="POST")
    site.err.wait("worker died")

    def rows(text: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in text.splitlines() if not line.startswith("slipway ")]

    failed, killed = until("lines", lambda: len(r := rows(site.access_log())) >= 2 and r)
    log = rows(site.log())
    assert all(list(row)[0] == "time" and list(row)[-1] == "text" for row in log)
    texts = [row["text"] for row in log if row.get("id") == failed["id"]]
    assert (
        texts[1] == "Traceback (most recent call last):" and texts[-1] == "lines ü \x01forged\x02"
    )
    (lost,) = [row for row in log if row.get("id") == killed["id"]]
    assert (lost["level"], lost["process"]) == ("warn", "edge") and "request failed" in lost["text"]


def test_a_file_has_both(sites: Sites, app: Path) -> None:
    path = sites.folder / "log"
    site = sites.start("app", "--log", str(path), "--access-fields", "id", chdir=app)
    get(site.address, "/fail")
    (one,) = ids(site, 1)
    until("the traceback", lambda: "ValueError" in path.read_text())
    assert re.search(rf"^\d{{4}}-\S+Z \[{one}\] ValueError: two$", path.read_text(), re.M)


def test_run_has_no_marks(sites: Sites, app: Path) -> None:
    site = sites.start("app", chdir=app, verb="run")
    get(site.address, "/")
    site.err.wait("^to wsgi.errors$")
    assert "\x01" not in site.log() and "[" not in site.log().split("to wsgi")[0].splitlines()[-1]


def test_another_format_is_refused(app: Path) -> None:
    done = run("serve", "--log-format", "xml", folder=app)
    assert done.returncode == 2 and "--log-format takes text or json, not 'xml'" in done.stderr
