"""One build of the extension serves every CPython from 3.11 on: WSGI under the newer ones."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Sites
from gate import Gate
from http1 import Cut, Peer, build, chunked, get
from program import Site, until

VERSIONS = ["3.12", "3.13", "3.14", "3.13t", "3.14t"]


def interpreter(version: str) -> str | None:
    """By its path, not by a shim that may choose another."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    minor = version.rstrip("t")
    found = [str(path) for path in sorted(folder.glob(f"{minor}.*/bin/python{version}"))]
    found += [path for name in (f"python{version}",) if (path := shutil.which(name))]
    for path in found:
        if is_version(path, version):
            return path
    return None


def is_version(path: str, version: str) -> bool:
    code = "import sys, sysconfig; print('%d.%d' % sys.version_info[:2] + "
    code += "('t' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''))"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


@pytest.fixture(scope="module", params=VERSIONS)
def newer(request: pytest.FixtureRequest, shared: Sites) -> Site:
    found = interpreter(request.param)
    if not found:
        pytest.skip(f"there is no Python {request.param} on this machine")
    if request.param.endswith("t"):
        pytest.skip("free-threaded Pythons need a build of the extension of their own")
    site = shared.start("pep", python=found, workers=2, threads=2)
    assert site.status()["python"].startswith(request.param + ".")
    return site


def test_requests(newer: Site) -> None:
    with Peer(newer.address) as one:
        for _ in range(50):
            assert one.ask(target="/hello").body == b"hello\n"
        assert one.ask(target="/chunks?n=500").status == 200
        assert one.ask("POST", "/input?how=lines", body=b"a\nb").body == b'["a\\n", "b"]'
        fields = [("Transfer-Encoding", "chunked")]
        got = one.ask("POST", "/input?how=for", fields, chunked(b"x\n" * 50_000)).body
        assert got.count(b"x") == 50_000
        assert one.ask(target="/replaced").status == 503
        assert one.ask(target="/environ-own").body == b"fresh\n"
        assert one.ask("HEAD", "/head-length").get("Content-Length") == "12345"


def test_files(newer: Site, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(256)) * 2000)
    answer = get(newer.address, f"/file?path={tmp_path}/data&skip=1000")
    assert answer.body == (bytes(range(256)) * 2000)[1000:]


def test_streams(newer: Site, shared: Sites, request: pytest.FixtureRequest) -> None:
    gate: Gate = shared.gate(f"s{newer.pid}")
    with Peer(newer.address) as one:
        one.send(build("GET", f"/stream?name=s{newer.pid}"))
        one.head()
        for number in range(3):
            assert one.chunk() == b"piece %d\n" % number
            gate.wait_reached()
            gate.open()
        assert one.chunk() is None


def test_exceptions(newer: Site) -> None:
    since = len(newer.log())
    with Peer(newer.address) as one:
        assert one.ask(target="/raise?what=RuntimeError").status == 500
        assert one.ask(target="/never").status == 500
        one.send(build("GET", "/raise-midway"))
        head = one.head()
        with pytest.raises(Cut):
            one.body(head)
    newer.err.wait("RuntimeError: midway, as asked", since)


def test_a_fork_and_an_exit(newer: Site) -> None:
    assert get(newer.address, "/fork").body == b"from the parent\n"
    before = {worker["pid"] for worker in newer.wait_workers(2)}
    with Peer(newer.address) as one:
        assert one.ask("POST", "/exit?how=os", body=b"").status == 502
    until("another worker", lambda: {w["pid"] for w in newer.workers("idle")} - before)
    assert get(newer.address, "/hello").status == 200
