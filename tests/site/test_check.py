"""`slipway check`: what was found, from where, what is wrong; for people and for programs."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from program import PYTHON, SLIPWAY, run
from projects import make_django, write


def check(
    folder: Path, *arguments: str, status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = run("check", "--python", PYTHON, *arguments, folder=folder, env=environment)
    assert done.returncode == status, done
    return done


def check_json(folder: Path, *arguments: str, status: int = 0, **environment: str) -> Any:
    found = json.loads(check(folder, "--json", *arguments, status=status, **environment).stdout)
    assert found["ok"] == (status == 0)
    return found


def on_a_terminal(folder: Path, **environment: str) -> str:
    """What a terminal of 80 columns gets."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [SLIPWAY, "check", "--python", PYTHON],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "80", **environment},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    said = b""
    try:
        while data := os.read(master, 1 << 16):
            said += data
    except OSError:  # how the end of a terminal looks
        pass
    os.close(master)
    process.wait(60)
    return said.decode()


def test_a_project_that_is_right(tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "slipway.ini", "threads = 2\n")
    write(tmp_path / ".env", "SLIPWAY_EDGES=3\n").chmod(0o600)
    found = check_json(tmp_path, "--site", "mine", SLIPWAY_HELPERS="5", WEB_CONCURRENCY="7")
    assert found["problems"] == []
    assert found["folder"] == str(tmp_path) and found["manage_py"]
    assert (found["settings"], found["settings_from"]) == ("tiny.settings", "manage.py")
    assert found["python"] == PYTHON and found["site"] == "mine" and found["workers"] == 7
    assert found["config"] == f"{tmp_path}/slipway.ini" and found["env_file"] == f"{tmp_path}/.env"
    assert found["application"]["framework"].startswith("Django ")
    rows = {row["name"]: (row["value"], row["origin"], row["default"]) for row in found["options"]}
    assert rows["threads"] == ("2", "slipway.ini:1", False)
    assert rows["edges"] == ("3", ".env: SLIPWAY_EDGES", False)
    assert rows["helpers"] == ("5", "SLIPWAY_HELPERS", False)
    assert rows["workers"] == ("7", "WEB_CONCURRENCY", False)
    assert rows["site"] == ("mine", "--site", False)
    assert rows["idle-timeout"] == ("75s", "default", True)


def test_for_people(tmp_path: Path) -> None:
    make_django(tmp_path)
    done = check(tmp_path, "--threads", "3")
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["threads", "3", "--threads"] in words
    assert ["settings", "tiny.settings", "manage.py"] in words
    assert not any(line[:1] == ["idle-timeout"] for line in words)
    assert "0 problems, " in done.stdout and done.stderr == ""
    assert "\033" not in done.stdout
    done = check(tmp_path, "--all")
    assert ["idle-timeout", "75s", "default"] in [line.split() for line in done.stdout.splitlines()]


def test_a_row_is_a_line(tmp_path: Path) -> None:
    make_django(tmp_path)
    lines = check(tmp_path).stdout.splitlines()
    for row in check_json(tmp_path)["checks"]:
        (line,) = [line for line in lines if line.endswith(" " + row["text"])]
        assert line.split()[:2] == [row["level"], row["name"]]


def test_on_a_terminal(tmp_path: Path) -> None:
    make_django(tmp_path, debug=True)
    said = on_a_terminal(tmp_path)
    assert "\033[32mok " in said and "\033[33mwarning" in said
    plain = on_a_terminal(tmp_path, NO_COLOR="1")
    assert "\033" not in plain and "warning" in plain
    sentences = [line for line in plain.splitlines() if line.startswith("  warning")]
    assert sentences and max(map(len, sentences)) <= 80
    assert "\033[32mok " in on_a_terminal(tmp_path, NO_COLOR="")
    assert "\033" not in on_a_terminal(tmp_path, TERM="dumb")


def test_what_is_worth_a_look(tmp_path: Path) -> None:
    make_django(tmp_path, debug=True)
    write(tmp_path / ".env", "SECRET=x\n").chmod(0o644)
    found = check_json(tmp_path)
    rows = {row["name"]: row for row in found["checks"]}
    assert rows["debug"]["level"] == "warning" and rows["debug"]["text"] in found["notes"]
    assert rows["env-file"]["fix"] == f"chmod 600 {tmp_path}/.env"
    assert rows["hosts"]["later"] and not rows["debug"]["later"]
    check(tmp_path, "--strict", status=1)


def test_who_is_trusted(tmp_path: Path) -> None:
    make_django(tmp_path)

    def row(*peers: str) -> dict[str, str]:
        options = [word for peer in peers for word in ("--trusted-peers", peer)]
        rows = {row["name"]: row for row in check_json(tmp_path, *options)["checks"]}
        return rows.get("trusted-peers", {})

    assert row() == {}
    assert (row("10.0.0.0/8", "unix")["level"], row("::1")["level"]) == ("ok", "ok")
    for everybody in ("0.0.0.0/0", "10.0.0.0/8, ::/0"):
        assert row(everybody)["level"] == "warning"


def test_pages_for_errors(tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "large.html", "x" * 50000)
    write(tmp_path / "good.html", "x")
    write(tmp_path / "slipway.ini", "error-page = 50x good.html\n")

    def rows(status: int = 0) -> list[tuple[str, str]]:
        checks = json.loads(check(tmp_path, "--json", status=status).stdout)["checks"]
        return [(row["level"], row["text"]) for row in checks if row["name"] == "error-pages"]

    assert rows() == [("ok", "1 page for errors")]
    ini = (
        "error-page = 50x good.html\n[route /a]\nerror-page = 413 large.html\nerror-page = 404 gone"
    )
    write(tmp_path / "slipway.ini", ini)
    (_, large), (level, gone) = rows(1)
    assert level == "problem" and "more than 48 KiB" in large
    assert gone.endswith(f"the page {tmp_path}/gone for 404: No such file or directory")


def test_what_is_wrong(tmp_path: Path) -> None:
    make_django(tmp_path)
    settings = tmp_path / "tiny" / "settings.py"
    text = settings.read_text()
    settings.write_text(text + "ALLOWED_HOSTS = []\n")
    found = check_json(tmp_path, "--static", "/media/=nowhere", status=1)
    assert any("ALLOWED_HOSTS is empty" in problem for problem in found["problems"])
    assert any(f"{tmp_path}/nowhere is not there" in problem for problem in found["problems"])
    settings.write_text(text + "raise RuntimeError('on purpose')\n")
    done = check(tmp_path, status=1)
    assert "1 problem, " in done.stdout and "Traceback (most recent call last)" in done.stderr
    assert "on purpose" in done.stdout


def test_a_project_may_say_that_it_is_meant_so(tmp_path: Path) -> None:
    make_django(tmp_path)
    settings = tmp_path / "tiny" / "settings.py"
    silenced = 'ALLOWED_HOSTS = []\nSILENCED_SYSTEM_CHECKS = ["slipway.hosts", "security.W004"]\n'
    settings.write_text(settings.read_text() + silenced)
    rows = {row["name"]: row for row in check_json(tmp_path)["checks"]}
    assert rows["hosts"]["level"] == "ok" and rows["hosts"]["text"].startswith("silenced: ")
    assert rows["hsts"]["level"] == "ok"


def test_options_that_are_wrong(tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "slipway.ini", "threads = 2\nwokers = 1\n")
    want = "slipway.ini:2: unknown option 'wokers', did you mean 'workers'?"
    assert check(tmp_path, status=1).stderr == f"slipway: {want}\n"
    assert check_json(tmp_path, status=1)["problems"] == [want]


def test_folders_that_options_name(tmp_path: Path) -> None:
    make_django(tmp_path)
    named = ["spool-dir", "access-log", "log", "maintenance-file"]
    ini = "".join(f"{name} = {tmp_path}/of-{name}/x\n" for name in named)
    write(tmp_path / "slipway.ini", ini)
    rows = [r["text"] for r in check_json(tmp_path, status=1)["checks"] if r["name"] == "folders"]
    assert len(rows) == len(named)
    for line, name in enumerate(named, 1):
        assert any(text.startswith(f"slipway.ini:{line}: {name} is ") for text in rows)


def test_options_of_other_servers(tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "slipway.ini", "client_max_body_size = 1M\n")
    want = "unknown option 'client_max_body_size', did you mean 'body-limit'?"
    assert check(tmp_path, status=1).stderr == f"slipway: slipway.ini:1: {want}\n"
    done = run("serve", "--max-requests", "5000", folder=tmp_path)
    assert done.returncode == 2 and "docs/uwsgi.md" in done.stderr


URLS = """
from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path, re_path

def page(request, **names):
    return HttpResponse("page")

inner = [path("users/<int:pk>/", page), re_path(r"^files/(?P<n>.*)$", page), path("", page)]
urlpatterns = [
    path("api/v1/", include(inner)), re_path("^about/$", page), re_path(r"^shop/(a|b)/$", page),
]
"""


@pytest.mark.parametrize(
    ("pattern", "is_right"),
    [
        ("/api", True), ("/api/v1/users", True), ("/api/v1/files/x.pdf", True), ("/about", True),
        ("/about/", True), ("/shop/a", True), ("*.csv", True), ("/static/x", True),
        ("/files/deep", True), ("/robots.txt", True), ("/api/v2", False), ("/abouts", False),
        ("/aboot", False), ("/nope/*.csv", False), ("/about/us", False),
    ],
)  # fmt: skip
def test_sections_of_no_address(tmp_path: Path, pattern: str, is_right: bool) -> None:
    write(make_django(tmp_path) / "tiny" / "urls.py", URLS)
    ini = "static = /files/=collected\nfile = /robots.txt=manage.py\n"
    write(tmp_path / "slipway.ini", f"{ini}[route {pattern}]\nretry = no\n[route /x]\ndeny=all\n")
    (row,) = (r for r in check_json(tmp_path)["checks"] if r["name"] == "routes")
    assert row["level"] == ("ok" if is_right else "warning")
    assert is_right or f"[route {pattern}] holds for nothing" in row["text"]


def test_a_log_that_somebody_reads_later(tmp_path: Path) -> None:
    """A FIFO: the check does not wait for its reader."""
    write(make_django(tmp_path) / "slipway.ini", f"access-log = {tmp_path}/pipe\n")
    os.mkfifo(tmp_path / "pipe")
    assert "pipe" not in json.dumps(check_json(tmp_path)["checks"])


def test_sections_below_a_mount(tmp_path: Path) -> None:
    write(make_django(tmp_path) / "tiny" / "urls.py", URLS)
    write(tmp_path / "slipway.ini", "mount = /m\n[route /m/about]\nretry=no\n")
    (row,) = (r for r in check_json(tmp_path)["checks"] if r["name"] == "routes")
    assert row["level"] == "ok"
    write(tmp_path / "slipway.ini", "mount = /m\n[route /about]\nretry=no\n")
    (row,) = (r for r in check_json(tmp_path)["checks"] if r["name"] == "routes")
    assert row["level"] == "warning"


def test_no_project(tmp_path: Path) -> None:
    found = check_json(tmp_path, status=1)
    assert "no Django project here" in found["problems"][0] and len(found["options"]) > 30
