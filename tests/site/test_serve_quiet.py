"""`slipway serve` speaks when something is wrong, and never of what `.env` holds."""

import json
import signal
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get
from program import PYTHON, READY_LINE, Site, processes_of, run
from projects import make_django, make_wsgi, write

SECRET = "k3pt-from-everybody"


def lines_of(site: Site) -> list[str]:
    """What it said beside the ready line."""
    return [line for line in site.log().splitlines() if not READY_LINE.match(line)]


def test_a_healthy_site_says_nothing(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=make_django(tmp_path), workers=2)
    for target in ("/", "/static/a.css", "/static/none.css", "/.slipway/ready"):
        get(site.address, target)
    with Peer(site.address) as one:
        one.send(build("GET", "/")[:20])  # and it leaves
    with Peer(site.address) as one:
        one.send(build("GET", "/"))  # and does not wait for the answer
    with Peer(site.address) as one:
        one.send(b"no request\r\n\r\n")
        assert one.response().status == 400
    assert get(site.address, "/").status == 200
    assert lines_of(site) == []
    site.stop()
    assert [line.split(": ")[:2] for line in lines_of(site)] == [
        ["info master", "stop"],
        ["info master", "stopped"],
    ]


def test_without_info_even_the_stop_is_quiet(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, "--log-level", "warn", chdir=make_django(tmp_path))
    assert site.verb("reload").returncode == 0
    site.stop()
    assert lines_of(site) == []


def test_debug_is_one_line_of_warning_a_generation(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=make_django(tmp_path, debug=True), workers=2)
    line = site.err.wait("^.*DEBUG.*$").group()
    assert line.startswith("warn master: DEBUG is on: ")
    assert "settings=tiny.settings" in line and "DEBUG = False" in line
    settings = tmp_path / "tiny" / "settings.py"
    settings.write_text(settings.read_text().replace("DEBUG = True", "DEBUG = False"))
    assert site.verb("reload").returncode == 0
    settings.write_text(settings.read_text() + "DEBUG = True\n")
    assert site.verb("reload").returncode == 0
    site.stop()
    assert site.log().count("DEBUG is on: ") == 2  # of the first generation and the third


def test_run_is_for_debugging(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=make_django(tmp_path, debug=True), verb="run")
    site.stop()
    assert "DEBUG" not in site.log()


def test_run_has_its_conveniences_and_serve_has_none(sites: Sites, tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    serve = sites.start("own", chdir=tmp_path)
    sites.start("own", chdir=tmp_path, verb="run").err.wait("Ctrl-C stops it")
    serve.stop()
    assert "Ctrl-C" not in serve.log()


def test_what_the_env_file_holds_is_told_to_nobody(sites: Sites, tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    write(tmp_path / ".env", f"TOKEN={SECRET}\nBOTH='{SECRET}'\nNAMED=${{TOKEN}}\n").chmod(0o600)
    site = sites.start("own", "--log-level", "debug", chdir=tmp_path, env={"BOTH": "mine"})
    assert get(site.address, "/env/NAMED").text == SECRET
    assert get(site.address, "/env/BOTH").text == "mine"
    told = [json.dumps(site.status()), site.verb("status").stdout]
    for pid in processes_of(site.pid):
        told.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode())
    for words in (["check"], ["check", "--json"], ["env"]):
        done = run(*words, *(["--python", PYTHON] if words[0] == "check" else []), folder=tmp_path)
        told.append(done.stdout + done.stderr)
    assert site.verb("reload").returncode == 0
    site.stop()
    told += [site.log(), site.access_log()]
    assert not [text for text in told if SECRET in text]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"A=1\nTOKEN {SECRET}\n", 2),
        (f"TOKEN='{SECRET}\n", 1),
        (f'\nA=1\nTOKEN="{SECRET}"{SECRET}\n', 3),
    ],
)
def test_a_bad_line_refuses_the_reload(sites: Sites, tmp_path: Path, text: str, line: int) -> None:
    make_wsgi(tmp_path)
    write(tmp_path / ".env", "WORD=good\n")
    site = sites.start("own", chdir=tmp_path)
    write(tmp_path / ".env", text)
    done = site.verb("reload")
    assert done.returncode == 1
    site.signal(signal.SIGHUP)
    site.err.wait(rf"refused, the old one serves on: .*\.env:{line}: ")
    assert get(site.address, "/env/WORD").text == "good"
    for said in (done.stderr, site.log()):
        assert f".env:{line}: " in said and SECRET not in said
    exec_done = run("exec", "true", folder=tmp_path)
    assert exec_done.returncode == 1 and f".env:{line}: " in exec_done.stderr
