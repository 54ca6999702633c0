"""`slipway check`: what was found, from where, what is wrong; for people and for programs."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from program import PYTHON, SLIPWAY
from projects import make_django, write


def check(
    folder: Path, *arguments: str, status: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [SLIPWAY, "check", "--python", PYTHON, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done
    return done


def check_json(folder: Path, *arguments: str, status: int = 0, **environment: str) -> Any:
    found = json.loads(check(folder, "--json", *arguments, status=status, **environment).stdout)
    assert found["ok"] == (status == 0)
    return found


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
    assert ["settings", "tiny.settings", "(manage.py)"] in words
    assert done.stdout.endswith("\nnothing is wrong\n") and done.stderr == ""


def test_what_is_worth_a_look(tmp_path: Path) -> None:
    make_django(tmp_path, debug=True)
    write(tmp_path / ".env", "SECRET=x\n").chmod(0o644)
    notes = "\n".join(check_json(tmp_path)["notes"])
    assert "DEBUG is on" in notes and f"chmod 600 {tmp_path}/.env" in notes


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
    assert "this is wrong:" in done.stdout and "Traceback (most recent call last)" in done.stderr
    assert "on purpose" in done.stderr.splitlines()[-1]


def test_options_that_are_wrong(tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "slipway.ini", "threads = 2\nwokers = 1\n")
    want = "slipway.ini:2: unknown option 'wokers', did you mean 'workers'?"
    assert check(tmp_path, status=1).stderr == f"slipway: {want}\n"
    assert check_json(tmp_path, status=1)["problems"] == [want]


def test_no_project(tmp_path: Path) -> None:
    found = check_json(tmp_path, status=1)
    assert "no Django project here" in found["problems"][0] and len(found["options"]) > 30
