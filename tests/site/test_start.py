"""Starting, and every mistake a user can make: one sentence, its traceback, the right status."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import Sites
from http1 import get
from program import APPS, PYTHON, SLIPWAY, environment, no_reports, run, until
from projects import make_django, make_wsgi, write

Env = dict[str, str]


def sentence_of(err: str) -> str:
    """The one sentence; what stands before it may only be a traceback."""
    lines = [line for line in err.splitlines() if line.startswith("slipway: ")]
    assert len(lines) == 1, err
    assert err.splitlines()[-1] == lines[0], err
    before = err.splitlines()[:-1]
    assert not before or before[0].startswith("Traceback (most recent call last)"), err
    return lines[0]


def refused(*arguments: str, folder: Path = APPS, env: Env | None = None) -> tuple[int, str, str]:
    """Exit status, sentence and all of standard error of a start that fails."""
    done = run(*arguments, folder=folder, env=env)
    assert done.returncode in (1, 2) and done.stdout == "", (done.returncode, done.stdout)
    return done.returncode, sentence_of(done.stderr), done.stderr


def serve(*arguments: str) -> list[str]:
    return ["serve", "--python", PYTHON, "--listen", "127.0.0.1:0", *arguments]


# ---- what was typed

TYPED = [
    (2, "unknown option '--wokers', did you mean '--workers'", ["serve", "--wokers", "3"]),
    (2, "unknown option '--bind', did you mean '--listen'", ["serve", "--bind", "x"]),
    (2, "unknown option '--qqqqqqqq'", ["serve", "--qqqqqqqq"]),
    (2, "--workers takes a number from 0 to 1024, not 'many'", ["serve", "--workers", "many"]),
    (2, "--workers takes a number from 0 to 1024, not '2000'", ["serve", "--workers=2000"]),
    (2, "--body-limit", ["serve", "--body-limit", "1X"]),
    (2, "--harakiri", ["serve", "--harakiri", "soon"]),
    (2, "--retry", ["serve", "--retry=perhaps"]),
    (2, "--workers", ["serve", "--workers"]),
    (2, "MODULE:CALLABLE", ["serve", "plain"]),
    (2, "other:app", ["serve", "plain:application", "other:app"]),
    (2, "unknown verb 'serv', did you mean 'serve'", ["serv"]),
    (2, "unknown verb 'frobnicate'", ["frobnicate"]),
    (2, "slipway serve plain:application", ["plain:application"]),
    (2, "unknown verb 'nosuch'", ["help", "nosuch"]),
    (2, "'too-much'", ["version", "too-much"]),
    (2, "'too:much'", ["stop", "too:much"]),
    (2, "--listen takes ADDR:PORT", serve("plain:application", "--listen", "a:99999")),
    (2, "--listen takes ADDR:PORT", serve("plain:application", "--listen", "::1:80")),
    (2, "--listen takes ADDR:PORT", serve("plain:application", "--listen", "unix:")),
    (2, "--listen takes ADDR:PORT", serve("plain:application", "--listen", "unix:/" + "x" * 120)),
    (2, "URL=DIR", ["serve", "--static", "nothing"]),
    (1, "/no/such/folder", serve("plain:application", "--chdir", "/no/such/folder")),
    (1, "nosuch.ini", serve("plain:application", "--config", "nosuch.ini")),
    (1, "nosuch.env", serve("plain:application", "--env-file", "nosuch.env")),
    (1, "/no/such/python", ["serve", "plain:application", "--python", "/no/such/python"]),
    (1, "/no/such/venv", ["serve", "plain:application", "--venv", "/no/such/venv"]),
    (1, "/no/such/log", serve("plain:application", "--log", "/no/such/log")),
    (1, "/no/such/log", serve("plain:application", "--access-log", "/no/such/log")),
    (1, "/no/such/control", serve("plain:application", "--control", "unix:/no/such/control")),
    (1, "203.0.113.9", serve("plain:application", "--listen", "203.0.113.9:0")),
    (1, "/no/such/socket", serve("plain:application", "--listen", "unix:/no/such/socket")),
    (1, "'nosuch'", serve("nosuch:application")),
    (1, "did you mean 'application'", serve("plain:aplication")),
    (1, "plain:PAGES is no WSGI application", serve("plain:PAGES")),
]


@pytest.mark.parametrize(
    ("status", "words", "arguments"), TYPED, ids=[" ".join(row[2][-3:])[:60] for row in TYPED]
)
def test_mistakes(tmp_path: Path, status: int, words: str, arguments: list[str]) -> None:
    if "--control" not in arguments and arguments[0] == "serve":
        arguments = [*arguments, "--control", f"unix:{tmp_path}/c"]
    got, sentence, _ = refused(*arguments)
    assert words in sentence
    assert got == status


def test_no_verb_is_the_usage() -> None:
    done = run()
    assert done.returncode == 2 and "serve" in done.stderr and done.stdout == ""


def test_configuration_names_file_and_line(tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    ini = tmp_path / "slipway.ini"
    for text, words in [
        (
            "[slipway]\nthreads = 2\nwokers = 3\n",
            "slipway.ini:3: .*'wokers', did you mean 'workers'",
        ),
        ("[slipway]\nworkers = many\n", "slipway.ini:2: .*'many'"),
        ("[slipway]\nworkers\n", "slipway.ini:2: "),
        ("[uwsgi]\nworkers = 2\n", "slipway.ini:1: .*uwsgi"),
        ("[route /a]\nworkers = 2\n", "slipway.ini:2: 'workers' is an option of the whole site"),
        ("[route /a]\nbody-limit = x\n", "slipway.ini:2: body-limit takes a size"),
        ("[route a]\n", "slipway.ini:1: .* takes a path"),
    ]:
        ini.write_text(text)
        status, sentence, _ = refused(*serve("own:application"), folder=tmp_path)
        assert status == 1 and re.search(words, sentence), sentence


def test_environment_is_checked_too(tmp_path: Path) -> None:
    _, sentence, _ = refused(*serve("plain:application"), env={"SLIPWAY_WOKERS": "3"})
    assert "SLIPWAY_WOKERS" in sentence and "did you mean SLIPWAY_WORKERS" in sentence
    _, sentence, _ = refused(*serve("plain:application"), env={"SLIPWAY_WORKERS": "many"})
    assert "SLIPWAY_WORKERS" in sentence and "'many'" in sentence


# ---- what was found


def test_no_project(tmp_path: Path) -> None:
    status, sentence, _ = refused(*serve(), folder=tmp_path)
    assert status == 1 and "manage.py" in sentence and str(tmp_path) in sentence


IMPORTS = [
    ("raise ValueError('on purpose')\n", r"ValueError: on purpose \(.*own.py:1\)", True),
    ("import nosuchthing\n", r"'nosuchthing'", True),
    ("def broken(:\n", r"syntax error in .*own.py:1", True),
    ("import sys; sys.exit(7)\n", r"sys.exit\(7\)", True),
    ("import os; os.kill(os.getpid(), 9)\n", r"ended by itself", False),
    ("import os; os._exit(0)\n", r"ended by itself", False),
]


@pytest.mark.parametrize(("code", "words", "has_traceback"), IMPORTS, ids=[i[0] for i in IMPORTS])
def test_import_errors(tmp_path: Path, code: str, words: str, has_traceback: bool) -> None:
    make_wsgi(tmp_path, before=code)
    status, sentence, err = refused(
        *serve("own:application", "--control", f"unix:{tmp_path}/c"), folder=tmp_path
    )
    assert status == 1 and re.search(words, sentence), sentence
    assert ("Traceback (most recent call last)" in err) == has_traceback


def test_an_import_without_end(tmp_path: Path) -> None:
    make_wsgi(tmp_path, before="import signal; signal.pause()\n")
    arguments = serve(
        "own:application", "--start-timeout", "300ms", "--control", f"unix:{tmp_path}/c"
    )
    status, sentence, _ = refused(*arguments, folder=tmp_path)
    assert status == 1 and "start-timeout" in sentence


def test_django_is_missing(tmp_path: Path) -> None:
    make_django(tmp_path)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    arguments = ["serve", "--listen", "127.0.0.1:0", "--control", f"unix:{tmp_path}/c"]
    status, sentence, _ = refused(*arguments, folder=tmp_path)
    assert status == 1 and "Django is not installed" in sentence
    assert str(tmp_path / ".venv") in sentence


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    make_django(tmp_path)
    arguments = serve("--settings", "tiny.nosuch", "--control", f"unix:{tmp_path}/c")
    status, sentence, _ = refused(*arguments, folder=tmp_path)
    assert status == 1 and "tiny.nosuch" in sentence


def test_settings_that_are_broken(tmp_path: Path) -> None:
    make_django(tmp_path)
    with (tmp_path / "tiny" / "settings.py").open("a") as settings:
        settings.write("INSTALLED_APPS += ['nosuchapp']\n")
    arguments = serve("--control", f"unix:{tmp_path}/c")
    status, sentence, err = refused(*arguments, folder=tmp_path)
    assert status == 1 and "nosuchapp" in sentence and "Traceback" in err


def old_python() -> str | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(versions.glob("3.10.*/bin/python3.10")) + [Path("/usr/bin/python3.10")]
    return next((str(path) for path in found if path.exists()), None)


@pytest.mark.skipif(old_python() is None, reason="no Python 3.10 on this machine")
def test_an_old_python(tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    arguments = ["serve", "own:application", "--python", str(old_python())]
    status, sentence, _ = refused(*arguments, "--control", f"unix:{tmp_path}/c", folder=tmp_path)
    assert status == 1 and "3.11" in sentence and "3.10" in sentence


# ---- what others hold


def test_port_in_use(sites: Sites) -> None:
    first = sites.start("plain")
    arguments = ["serve", "plain:application", "--python", PYTHON]
    arguments += ["--listen", f"127.0.0.1:{first.port}", "--control", f"unix:{sites.folder}/other"]
    status, sentence, _ = refused(*arguments)
    assert status == 1 and f"127.0.0.1:{first.port}" in sentence and "in use" in sentence
    assert str(first.pid) in sentence
    assert get(first.address, "/hello").status == 200


def test_served_already(sites: Sites) -> None:
    first = sites.start("plain")
    arguments = serve("plain:application", "--control", f"unix:{first.control}")
    status, sentence, _ = refused(*arguments)
    assert status == 1 and "already" in sentence and str(first.pid) in sentence
    assert get(first.address, "/hello").status == 200
    assert first.status()["ok"]


def test_a_dead_socket_file_is_no_hindrance(sites: Sites) -> None:
    path = sites.folder / "dead"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    site = sites.start("plain", listen=f"unix:{path}")
    assert get(site.address, "/hello").status == 200


def test_a_file_in_the_place_of_a_socket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    arguments = serve("plain:application", "--control", f"unix:{tmp_path}/c")
    status, sentence, _ = refused(*arguments, "--listen", f"unix:{tmp_path}/file")
    assert status == 1 and f"{tmp_path}/file" in sentence
    assert (tmp_path / "file").read_text() == "precious"


def run_as_nobody(sites: Sites, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As a user who may do nothing; tests run as root in containers, maybe in a closed folder."""
    program = shutil.copy(SLIPWAY, sites.folder)
    more = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [program, *arguments],
        env=environment(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        **more,
    )
    no_reports(done.stderr)
    return done


def test_no_permission_for_a_socket(sites: Sites) -> None:
    closed, own = sites.folder / "closed", sites.folder / "own"
    sites.folder.chmod(0o755)
    closed.mkdir(mode=0o555)
    own.mkdir()
    if os.geteuid() == 0:
        os.chown(own, 65534, 65534)
    own.chmod(0o700)
    done = run_as_nobody(
        sites,
        *["serve", "x:y", "--python", "/bin/true", "--chdir", str(own)],
        *["--control", f"unix:{own}/c", "--listen", f"unix:{closed}/s"],
    )
    assert done.returncode == 1
    sentence = sentence_of(done.stderr)
    assert f"{closed}/s" in sentence and "permission" in sentence


def unprivileged_from() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())


@pytest.mark.skipif(unprivileged_from() <= 80, reason="every port is free for all here")
def test_no_permission_for_a_port(sites: Sites) -> None:
    sites.folder.chmod(0o777)
    done = run_as_nobody(
        sites,
        *["serve", "x:y", "--python", "/bin/true", "--chdir", str(sites.folder)],
        *["--control", f"unix:{sites.folder}/c", "--listen", "127.0.0.1:80"],
    )
    assert done.returncode == 1
    assert "127.0.0.1:80" in sentence_of(done.stderr)


# ---- starting


def test_the_ready_line_of_an_application(sites: Sites) -> None:
    site = sites.start("plain", workers=2, threads=3)
    assert site.ready
    assert site.ready["urls"].startswith("http://127.0.0.1:")
    assert site.ready["what"] == "WSGI, plain:application"
    assert (site.ready["workers"], site.ready["threads"]) == ("2", "3")
    assert int(site.ready["pid"]) == site.pid
    assert site.log().count("ready in") == 1
    assert get(site.address, "/hello").status == 200


def test_a_django_project(sites: Sites, tmp_path: Path) -> None:
    make_django(tmp_path)
    site = sites.start(None, chdir=tmp_path)
    assert site.ready and re.match(r"Django \d+\.\d+.*, tiny\.settings", site.ready["what"])
    assert get(site.address, "/").text.startswith("tiny ")
    assert get(site.address, "/static/a.css").text == "a { color: red }\n"
    assert get(site.address, "/nothing").status == 404


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_run_and_its_end(sites: Sites, tmp_path: Path, number: signal.Signals) -> None:
    make_django(tmp_path, debug=True)
    site = sites.start(None, chdir=tmp_path, verb="run")
    assert get(site.address, "/").status == 200
    site.signal(number)
    assert site.wait() == 0


def test_several_addresses(sites: Sites) -> None:
    path = sites.folder / "s"
    options = ["--listen", "127.0.0.1:0", "--listen", f"unix:{path}"]
    site = sites.start("plain", *options)
    assert len(site.addresses) == 3 and str(path) in site.addresses
    assert [get(address, "/hello").status for address in site.addresses] == [200, 200, 200]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6(sites: Sites) -> None:
    site = sites.start("plain", listen="[::1]:0")
    assert site.url.startswith("http://[::1]:")
    with socket.create_connection(("::1", site.port)) as one:
        one.sendall(b"GET /environ HTTP/1.0\r\n\r\n")
        assert b'"REMOTE_ADDR": "::1"' in b"".join(iter(lambda: one.recv(65536), b""))


def test_port_variable(sites: Sites) -> None:
    site = sites.start("plain", listen=None, env={"PORT": "0"})
    assert site.url.startswith("http://0.0.0.0:")
    assert get(("127.0.0.1", site.port), "/hello").status == 200


def test_the_strongest_word_wins(sites: Sites, tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    write(tmp_path / "slipway.ini", "[slipway]\nworkers = 1\nthreads = 2\nhelpers = 3\n")
    write(tmp_path / ".env", "SLIPWAY_THREADS=4\nSLIPWAY_HELPERS=5\nFROM_FILE=file\nBOTH=file\n")
    site = sites.start(
        "own",
        chdir=tmp_path,
        env={"SLIPWAY_HELPERS": "6", "BOTH": "environment"},
        options_of_count=False,
    )
    assert site.ready and (site.ready["workers"], site.ready["threads"]) == ("1", "4")
    assert get(site.address, "/env/FROM_FILE").text == "file"
    assert get(site.address, "/env/BOTH").text == "environment"


def test_the_interpreter_of_the_project(sites: Sites, tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)

    def executable(**more: object) -> str:
        site = sites.start("own", chdir=tmp_path, python=None, **more)  # type: ignore[arg-type]
        return get(site.address, "/").text.split(" ")[2]

    assert executable().startswith(f"{tmp_path}/.venv/")
    assert executable(env={"VIRTUAL_ENV": str(tmp_path / "other")}).startswith(f"{tmp_path}/other/")


def test_workers_by_the_cpus(sites: Sites) -> None:
    site = sites.start("plain", options_of_count=False)
    assert site.ready and 1 <= int(site.ready["workers"]) <= (os.cpu_count() or 1)


def test_log_files(sites: Sites, tmp_path: Path) -> None:
    access, log = tmp_path / "access", tmp_path / "log"
    site = sites.start("pep", "--access-log", str(access), "--log", str(log))
    site.extra_logs.append(log)
    assert get(site.address, "/errors?first").status == 200
    until("the lines", lambda: "/errors?first" in access.read_text())
    until("the words", lambda: "printed words" in log.read_text())
    access.rename(tmp_path / "access.1")
    log.rename(tmp_path / "log.1")
    site.signal(signal.SIGUSR1)
    until("the new files", lambda: access.exists() and log.exists())
    assert get(site.address, "/errors?second").status == 200
    until("the lines", lambda: "/errors?second" in access.read_text())
    until("the words", lambda: "printed words" in log.read_text())
    assert "?second" not in (tmp_path / "access.1").read_text()
    assert site.access_log() == ""


def test_no_access_log(sites: Sites) -> None:
    site = sites.start("plain", "--access-log", "off")
    assert get(site.address, "/hello").status == 200
    site.stop()
    assert site.access_log() == ""


def test_nothing_is_left(sites: Sites) -> None:
    site = sites.start("plain", workers=3)
    pids = [site.pid, *site.pids("edge"), *site.pids("scribe"), *site.pids("zygote")]
    pids += site.pids("worker")
    assert len(pids) == 7
    site.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not site.control.exists()


def test_a_spool_dir_that_is_not_there(sites: Sites) -> None:
    done = run("serve", "plain:application", "--spool-dir", "/nowhere", folder=APPS)
    assert done.returncode == 1
    assert "--spool-dir" in done.stderr and "/nowhere" in done.stderr
