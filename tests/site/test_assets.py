"""`slipway assets`: what it makes beside static files, and that it touches nothing else."""

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from codings import DECODERS
from conftest import Sites
from http1 import get
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import IS_SANITIZED, PYTHON, SLIPWAY, environment, run
from projects import make_django
from terminal import Screen

ENDINGS = {"gzip": ".gz", "br": ".br", "zstd": ".zst"}
OLD_NS = 1_700_000_000_123_456_789
WORDS = "harbour crane quay rope tide anchor gull buoy".split()


def text(seed: int, words: int) -> bytes:
    chance = random.Random(seed)
    return " ".join(chance.choice(WORDS) for _ in range(words)).encode()


def put(path: Path, data: bytes, mode: int = 0o640) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, ns=(OLD_NS, OLD_NS))


def assets(*arguments: object, status: int = 0) -> dict[str, Any]:
    done = run("assets", "--json", *map(str, arguments))
    assert done.returncode == status, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(folder)): (s.st_ino, s.st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and (s := path.stat())
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path / "a.js", text(1, 3000))
    put(tmp_path / "deep/er/b.css", text(2, 2000))
    put(tmp_path / "deep/c.svg", text(3, 500), 0o604)
    return tmp_path


def test_what_is_made(root: Path) -> None:
    before = snapshot(root)
    said = assets(root)
    assert (said["ok"], said["files"], said["made"], said["fresh"]) == (True, 3, 9, 0)
    after = snapshot(root)
    assert {name: after[name] for name in before} == before
    assert len(after) == 12 and said["folders"] == [str(root)]
    for name in before:
        plain = root / name
        for coding, ending in ENDINGS.items():
            coded = plain.with_name(plain.name + ending)
            assert DECODERS[coding](coded.read_bytes()) == plain.read_bytes()
            assert coded.stat().st_mtime_ns == OLD_NS
            assert coded.stat().st_mode == plain.stat().st_mode
    assert said["coded_bytes"] == sum(len(after[name][2]) for name in after if name not in before)


def test_only_what_changed(root: Path) -> None:
    assets(root)
    before = snapshot(root)
    said = assets(root)
    assert (said["made"], said["fresh"]) == (0, 9) and snapshot(root) == before
    (root / "a.js").write_bytes(text(9, 100))
    (root / "deep/c.svg.br").unlink()
    del before["deep/c.svg.br"]  # the new one may get the number and the time of the old one
    said = assets(root)
    assert (said["made"], said["fresh"]) == (4, 5)
    changed = {name for name, was in snapshot(root).items() if before.get(name) != was}
    assert changed == {"a.js", "a.js.gz", "a.js.br", "a.js.zst", "deep/c.svg.br"}
    assert DECODERS["br"]((root / "a.js.br").read_bytes()) == text(9, 100)


def test_what_is_left_alone(root: Path) -> None:
    (root / "deep/er/b.css").unlink()
    put(root / "a.png", text(4, 1000))
    put(root / "a.woff2", text(4, 1000))
    put(root / "tiny.js", b"1")
    put(root / "noise.js", random.Random(1).randbytes(5000))
    put(root / "a.js.gz", b"of somebody else, and newer")
    os.utime(root / "a.js.gz")
    put(root / "gone.js.br", b"whose file is gone")
    put(root / ".git/config.txt", text(4, 1000))
    put(root / ".env.json", text(4, 1000))
    (root / "deep/c.svg.zst").mkdir()
    (root / "linked.js").symlink_to("a.js")
    (root / "elsewhere").symlink_to("/usr/share")
    os.mkfifo(root / "pipe.js")
    before = snapshot(root)
    said = assets(root)
    assert (said["made"], said["fresh"], said["useless"]) == (4, 2, 3)
    after = snapshot(root)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"a.js.br", "a.js.zst", "deep/c.svg.br", "deep/c.svg.gz"}


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=256, max_size=4000), st.integers(1, 200))
def test_any_content(tmp_path_factory: pytest.TempPathFactory, data: bytes, times: int) -> None:
    folder = tmp_path_factory.mktemp("any")
    put(folder / "a.txt", data * times)
    said = assets(folder)
    assert said["made"] + said["useless"] == 3
    for coding, ending in ENDINGS.items():
        coded = folder / f"a.txt{ending}"
        if coded.exists():
            assert DECODERS[coding](coded.read_bytes()) == data * times
            assert coded.stat().st_size < len(data * times) * 0.951


def test_what_fails(root: Path) -> None:
    (root / "deep" / ("n" * 250 + ".js")).write_bytes(text(1, 100))
    done = run("assets", str(root))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("File name too long") == 3
    assert (root / "a.js.br").exists()
    assert not list(root.rglob(".*"))
    done = run("assets", str(root / "nothing"))
    assert done.returncode == 1 and "nothing cannot be read: No such file" in done.stderr
    assert run("assets", "--nonsense").returncode == 2


def test_quiet_but_on_a_terminal(root: Path) -> None:
    ours, its = os.openpty()
    with subprocess.Popen(
        [SLIPWAY, "assets", root], env=environment(), stdout=its, stderr=its
    ) as program:
        os.close(its)
        screen = Screen(os.fdopen(ours, "rb", buffering=0))
        screen.wait(r"3 files: 9 made \(0\.1 MB become 0\.0 MB\), 0 were there")
        assert program.wait() == 0
    screen.end()
    assert "##" in screen.text and "9/9" in screen.text
    done = run("assets", str(root))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_of_a_project(sites: Sites, tmp_path: Path) -> None:
    """Those that Django names and those of the options, and they are served."""
    make_django(tmp_path, debug=False)
    put(tmp_path / "collected/a.js", text(1, 3000), 0o644)
    put(tmp_path / "more/b.js", text(2, 3000), 0o644)
    said = assets("--chdir", tmp_path, "--python", PYTHON, "--static", f"/more/={tmp_path}/more")
    assert said["made"] == 6
    assert set(said["folders"]) == {str(tmp_path / "collected"), str(tmp_path / "more")}
    site = sites.start(None, "--static", f"/more/={tmp_path}/more", chdir=tmp_path)
    for target, seed in (("/static/a.js", 1), ("/more/b.js", 2)):
        answer = get(site.address, target, [("Accept-Encoding", "br")])
        assert answer.get("Content-Encoding") == "br"
        assert DECODERS["br"](answer.body) == text(seed, 3000)


@pytest.mark.skipif(IS_SANITIZED, reason="too slow for the first of them to be under way")
def test_one_that_is_killed_leaves_no_half(root: Path) -> None:
    for number in range(40):
        put(root / f"{number}.js", text(number, 20_000))
    with subprocess.Popen([SLIPWAY, "assets", root], env=environment()) as program:
        while not (made := [*root.glob("*.zst"), *root.glob("*.gz"), *root.glob("*.br")]):
            assert program.poll() is None
        program.kill()
    for coding, ending in ENDINGS.items():
        for path in root.glob(f"*{ending}"):
            assert DECODERS[coding](path.read_bytes()) == path.with_suffix("").read_bytes()
    assert made
    assert assets(root)["ok"]
