"""The verbs beside a running site: status, reload, stop; and check, version, help."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, can_connect, get
from program import AS_WE_ARE, PYTHON, SLIPWAY, Site, environment, run, until, wait_gone
from projects import make_django, make_wsgi, write


@pytest.fixture
def own(sites: Sites, tmp_path: Path) -> Site:
    """A project of the test's own, that it may break."""
    return sites.start("own", chdir=make_wsgi(tmp_path), workers=2)


def words_of(site: Site) -> str:
    return get(site.address, "/").text.split(" ")[0]


# ---- status


def test_status_as_json(own: Site) -> None:
    for _ in range(6):
        get(own.address, "/")
    status = until(
        "six requests",
        lambda: (s := own.status()) and sum(w["requests"] for w in s["workers"]) == 6 and s,
    )
    assert status["ok"] is True and status["generation"] == 1
    assert status["url"] == [own.url] and status["framework"] == "WSGI"
    assert status["pid"] == own.pid and status["site"]
    assert {w["pid"] for w in status["workers"]} == set(own.pids("worker"))
    for worker in status["workers"]:
        assert worker["state"] == "idle" and worker["generation"] == 1
        assert isinstance(worker["requests"], int) and worker["rss_kib"] > 1000
    assert [edge["pid"] for edge in status["edges"]] == own.pids("edge")
    assert status["edges"][0]["connections"] == 0


def test_status_says_what_is_busy(sites: Sites) -> None:
    site = sites.start("plain", workers=2)
    gate = sites.gate("busy")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=busy"))
        gate.wait_reached()
        states = sorted(worker["state"] for worker in site.workers())
        assert states == ["busy", "idle"]
        assert site.status()["edges"][0]["connections"] == 1
        gate.open()
        assert one.response().status == 200
    until("all idle", lambda: len(site.workers("idle")) == 2)


def test_status_as_a_table(own: Site) -> None:
    done = own.verb("status")
    assert done.returncode == 0 and done.stderr == ""
    assert own.url in done.stdout and "WSGI" in done.stdout
    for pid in own.pids("worker") + own.pids("edge"):
        assert re.search(rf"\b{pid}\b", done.stdout)
    assert done.stdout.count("idle") == 2


# ---- the control socket


def test_verbs_find_the_site_by_its_folder(tmp_path: Path, sites: Sites) -> None:
    """No --control anywhere: from within the folder, and with --chdir from elsewhere."""
    folder = make_django(tmp_path / "project")
    env = {"XDG_RUNTIME_DIR": str(sites.folder), **AS_WE_ARE}
    process = subprocess.Popen(
        [SLIPWAY, "serve", "--python", PYTHON, "--listen", "127.0.0.1:0"],
        cwd=folder,
        env=environment(env),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stderr
        line = process.stderr.readline()
        assert "ready in" in line
        status = json.loads(run("status", "--json", folder=folder, env=env).stdout)
        assert status["pid"] == process.pid
        elsewhere = run("status", "--chdir", str(folder), folder=tmp_path, env=env)
        assert elsewhere.returncode == 0, elsewhere.stderr
        assert run("stop", "--chdir", str(folder), folder=tmp_path, env=env).returncode == 0
        assert process.wait(20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(20)
        if process.stderr:
            process.stderr.close()


def test_the_control_socket_is_private(own: Site) -> None:
    assert own.control.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("verb", ["status", "reload", "stop"])
def test_nobody_answers(tmp_path: Path, verb: str) -> None:
    done = run(verb, "--control", f"unix:{tmp_path}/none", folder=make_wsgi(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and f"{tmp_path}/none" in done.stderr


# ---- reload


def test_reload(own: Site) -> None:
    before = own.pids("worker")
    make_wsgi(own.folder, "two")
    done = own.verb("reload")
    assert done.returncode == 0 and "generation 2" in done.stdout, done.stderr
    assert words_of(own) == "two"
    wait_gone(before)
    assert own.status()["generation"] == 2


def test_reload_by_signal(own: Site) -> None:
    make_wsgi(own.folder, "two")
    own.process.send_signal(1)
    until("the new code", lambda: words_of(own) == "two")
    until("generation 2", lambda: own.status()["generation"] == 2)


def test_reload_of_broken_code_is_refused(own: Site) -> None:
    before = set(own.pids("worker"))
    make_wsgi(own.folder, before="raise RuntimeError('broken on purpose')\n")
    for _ in range(2):
        done = own.verb("reload")
        assert done.returncode == 1 and done.stdout == ""
        assert "Traceback (most recent call last)" in done.stderr
        assert "RuntimeError: broken on purpose" in done.stderr
        assert "own.py" in done.stderr
        assert words_of(own) == "one"
    assert set(own.pids("worker")) == before
    make_wsgi(own.folder, "three")
    assert own.verb("reload").returncode == 0
    assert words_of(own) == "three"


def test_reload_of_code_without_workers_is_refused(own: Site) -> None:
    """It imports, but no worker of it lives."""
    code = "import os\nos.register_at_fork(after_in_child=lambda: os._exit(9))\n"
    make_wsgi(own.folder, before=code)
    done = own.verb("reload")
    assert done.returncode == 1 and "worker" in done.stderr
    assert words_of(own) == "one"


def test_reload_answers_requests_under_way(sites: Sites) -> None:
    site = sites.start("plain")
    gate = sites.gate("old")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=old"))
        old = int(gate.wait_reached())
        assert site.verb("reload").returncode == 0
        assert get(site.address, "/hello").status == 200
        gate.open()
        assert one.response().body == b"through\n"
        assert one.ask(target="/hello").status == 200  # the connection outlives the generation
    wait_gone([old])


def test_reload_reads_the_environment_anew(sites: Sites, tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    write(tmp_path / ".env", "WORD=first\n")
    site = sites.start("own", chdir=tmp_path)
    assert get(site.address, "/env/WORD").text == "first"
    write(tmp_path / ".env", "WORD=second\n")
    assert site.verb("reload").returncode == 0
    assert get(site.address, "/env/WORD").text == "second"
    write(tmp_path / ".env", "OTHER=third\n")
    assert site.verb("reload").returncode == 0
    assert get(site.address, "/env/WORD").text == "nothing"
    assert get(site.address, "/env/OTHER").text == "third"


def test_django_is_reloaded_and_refused(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=make_django(tmp_path, "one"))
    urls = tmp_path / "tiny" / "urls.py"
    urls.write_text(urls.read_text().replace("one", "two"))
    assert site.verb("reload").returncode == 0
    assert words_of(site) == "two"
    settings = tmp_path / "tiny" / "settings.py"
    settings.write_text(settings.read_text() + "\nINSTALLED_APPS += ['nosuchapp']\n")
    done = site.verb("reload")
    assert done.returncode == 1 and "nosuchapp" in done.stderr
    assert words_of(site) == "two"


# ---- stop


def test_stop(own: Site) -> None:
    done = own.verb("stop")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert own.wait() == 0


def test_stop_waits_for_requests_under_way(sites: Sites) -> None:
    site = sites.start("plain")
    gate = sites.gate("last")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=last"))
        gate.wait_reached()
        site.signal(15)
        until("closed listeners", lambda: not can_connect(site.address))
        gate.open()
        answer = one.response()
        assert answer.body == b"through\n" and answer.get("Connection") == "close"
        one.expect_end()
    assert site.wait() == 0


# ---- verbs without a site


def test_check_says_from_where(tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "slipway.ini", "[slipway]\n\nthreads = 3\n")
    write(tmp_path / ".env", "SLIPWAY_HELPERS=5\n")
    arguments = ["check", "--json", "--python", PYTHON, "--workers", "7"]
    done = run(*arguments, folder=tmp_path, env={"SLIPWAY_EDGES": "2"})
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    rows = {row["name"]: (row["value"], row["origin"]) for row in found["options"]}
    assert rows["workers"] == ("7", "--workers")
    assert rows["edges"] == ("2", "SLIPWAY_EDGES")
    assert rows["helpers"] == ("5", ".env: SLIPWAY_HELPERS")
    assert rows["threads"] == ("3", "slipway.ini:3")
    assert rows["retry"] == ("yes", "default")
    assert found["settings"] == "tiny.settings" and found["manage_py"] is True
    assert found["application"]["framework"].startswith("Django ")


def test_check_as_text(tmp_path: Path) -> None:
    make_django(tmp_path, debug=True)
    done = run("check", "--python", PYTHON, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tiny.settings" in done.stdout and "DEBUG is on" in done.stdout
    option = re.compile(r"^ *body-limit +100M +default$", re.MULTILINE)
    assert not option.search(done.stdout)
    assert option.search(run("check", "--all", "--python", PYTHON, folder=tmp_path).stdout)


def test_check_finds_what_is_broken(tmp_path: Path) -> None:
    make_django(tmp_path)
    (tmp_path / "tiny" / "urls.py").write_text("")
    with (tmp_path / "tiny" / "settings.py").open("a") as settings:
        settings.write("INSTALLED_APPS += ['nosuchapp']\n")
    done = run("check", "--python", PYTHON, folder=tmp_path)
    assert done.returncode == 1
    assert "nosuchapp" in done.stdout + done.stderr


def test_version() -> None:
    done = run("version")
    assert done.returncode == 0 and re.match(r"slipway \d+\.\d+\.\d+\n", done.stdout)
    assert run("--version").stdout == done.stdout


def test_help() -> None:
    verbs = "run serve check status reload stop version help".split()
    text = run("help").stdout
    assert all(re.search(rf"^ +{verb} ", text, re.MULTILINE) for verb in verbs)
    assert run("--help").stdout == text
    for verb in verbs:
        done = run("help", verb)
        assert done.returncode == 0 and done.stdout.startswith(f"slipway {verb}")
        assert run(verb, "--help").stdout == done.stdout


def test_help_knows_every_option() -> None:
    text = run("help", "serve").stdout
    table = (Path(__file__).parents[2] / "src" / "conf" / "options.def").read_text()
    names = re.findall(r'^OPTION\("([a-z-]+)"', table, re.MULTILINE)
    assert len(names) > 30
    assert [name for name in names if f"--{name} " not in text] == []
