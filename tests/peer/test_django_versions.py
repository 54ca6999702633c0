"""What startproject of each Django makes, from its first supported to the newest, as found."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import fixtures
from http1 import get
from program import PYTHON


def newer_python() -> str:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(path) for path in sorted(versions.glob("3.1[23].*/bin/python3.1[23]"))]
    return (found or [shutil.which("python3.13") or shutil.which("python3.12") or ""])[-1]


@pytest.mark.parametrize("version", ["3.2", "4.2", "5.2", "6.0"])
def test_startproject(sites: fixtures.Sites, tmp_path: Path, version: str) -> None:
    python = newer_python() if version >= "6" else PYTHON
    if not python:
        pytest.skip(f"no Python for Django {version}")
    packages, project = tmp_path / "packages", tmp_path / "repo" / "backend"
    project.mkdir(parents=True)
    install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target"]
    subprocess.run([*install, packages, f"django~={version}.0"], check=True)
    env = {"PYTHONPATH": str(packages)}
    start = [python, "-m", "django", "startproject", "mysite", str(project)]
    subprocess.run(start, env=os.environ | env, check=True)
    site = sites.start(None, chdir=tmp_path / "repo", python=python, env=env)
    assert site.ready and f"Django {version}." in site.ready[0]
    assert (
        b"The install worked successfully" in get(site.address, "/", [("Host", "localhost")]).body
    )
    assert get(site.address, "/static/admin/css/base.css").status == 200
