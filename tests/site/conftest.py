"""Fixtures: `sites` starts slipway for one test, `shared` for a module, `harbour` for the session.

Each leaves nothing behind, and each fails when the program does not end with status 0 at SIGTERM or
when a sanitizer said something.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from asker import Asker
from gate import Gate
from program import APPS, PYTHON, ROOT, SLIPWAY, Site

HARBOUR = ROOT / "examples" / "site"


class Sites:
    """Starts sites and ends them all; its folder has a short name, for a socket's path is short."""

    def __init__(self, stack: ExitStack):
        self._stack = stack
        self._count = 0
        self.folder = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.gates, self.marks = self.folder / "gates", self.folder / "marks"
        self.gates.mkdir()
        self.marks.mkdir()

    def start(
        self,
        app: str | None,
        *options: str,
        chdir: Path = APPS,
        env: dict[str, str] | None = None,
        workers: int = 1,
        threads: int = 1,
        python: str | None = PYTHON,
        listen: str | None = "127.0.0.1:0",
        verb: str = "serve",
        program: str = SLIPWAY,
        waits: bool = True,
        options_of_count: bool = True,
        kind: type[Site] = Site,
    ) -> Any:
        assert os.access(program, os.X_OK), f"no program {program}: `make build`, or set SLIPWAY"
        self._count += 1
        arguments = [app if ":" in app else f"{app}:application"] if app else []
        arguments += ["--chdir", str(chdir)]
        if options_of_count:
            arguments += ["--workers", str(workers), "--threads", str(threads)]
        arguments += ["--listen", listen] if listen else []
        arguments += ["--python", python] if python else []
        site = kind(
            [*arguments, *options],
            control=self.folder / f"c{self._count}",
            folder=chdir,
            env={"GATES": str(self.gates), "MARKS": str(self.marks)} | (env or {}),
            verb=verb,
            program=program,
        )
        self._stack.callback(site.destroy)
        if waits:
            site.wait_ready()
        self._stack.callback(site.stop)
        return site

    def gate(self, name: str) -> Gate:
        gate = Gate(self.gates, name)
        self._stack.callback(gate.close)
        return gate

    def marks_of(self, name: str) -> list[str]:
        path = self.marks / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def sites() -> Iterator[Sites]:
    with ExitStack() as stack:
        yield Sites(stack)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sites]:
    with ExitStack() as stack:
        yield Sites(stack)


@pytest.fixture(params=["h1", "h2"])
def asker(request: pytest.FixtureRequest) -> Asker:
    return Asker(request.param)


@pytest.fixture(scope="session")
def harbour_data() -> Iterator[Path]:
    """The demo site's database and pictures, made once."""
    with tempfile.TemporaryDirectory(prefix="slipway-harbour-", dir="/tmp") as name:
        env = os.environ | {"HARBOUR_DATA": name}
        for arguments in (["migrate", "-v", "0"], ["seed", "--ships", "4"]):
            subprocess.run(
                [PYTHON, "manage.py", *arguments],
                cwd=HARBOUR,
                env=env,
                check=True,
                timeout=120,
                stdout=subprocess.DEVNULL,
            )
        yield Path(name)


@pytest.fixture(scope="session")
def harbour(harbour_data: Path) -> Iterator[Site]:
    """The demo site, two workers; shared by every test that leaves it as it was."""
    with ExitStack() as stack:
        yield start_harbour(Sites(stack), harbour_data, workers=2)


def start_harbour(sites: Sites, data: Path, *options: str, **more: Any) -> Site:
    env = {"HARBOUR_DATA": str(data)} | more.pop("env", {})
    return sites.start(None, *options, chdir=HARBOUR, env=env, **more)
