"""The way in: what `listen` takes, and sockets that somebody else opened."""

import json
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Sites
from http1 import get
from program import PYTHON, Site, run, until

# Puts descriptors in their places and becomes the program: what systemd does between fork and exec.
PASSER = """
import os, sys
count, names, *command = sys.argv[1:]
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count, "LISTEN_FDNAMES": names}
os.execv(command[0], command)
"""


def place(*sockets: socket.socket) -> None:
    """In the child: 3, 4, ... are the sockets, and nothing beyond them is open."""
    copies = [os.dup2(one.fileno(), 200 + i) for i, one in enumerate(sockets)]
    for target, copy in enumerate(copies, 3):
        os.dup2(copy, target)
        os.close(copy)


class Passed(Site):
    """Started with sockets that are open already, as by systemd."""

    sockets: list[socket.socket]
    names = ""
    is_announced = True  # by LISTEN_FDS

    def _launch(self, command: list[str], folder: Path, env: dict[str, str]):
        announce = [PYTHON, "-c", PASSER, str(len(self.sockets)), self.names]
        process = subprocess.Popen(
            (announce if self.is_announced else []) + command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=range(3, 3 + len(self.sockets)),
            preexec_fn=lambda: place(*self.sockets),
        )
        return self._read(process)


def passed(*all_sockets: socket.socket, all_names: str = "", announced: bool = True) -> type[Site]:
    class These(Passed):
        sockets, names, is_announced = list(all_sockets), all_names, announced

    return These


@contextmanager
def listening(address: str | tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[socket.socket]:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as one:
        one.bind(address)
        one.listen()
        yield one


# ---- addresses


def test_ipv6_beside_ipv4_on_one_port(sites: Sites) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    options = ["--listen", f"[::]:{port}"]
    site = sites.start("plain", *options, listen=f"0.0.0.0:{port}")
    for host in ("127.0.0.1", "::1"):
        seen = json.loads(get((host, port), "/environ").body)
        assert seen["REMOTE_ADDR"] == host
    assert [url.split(":")[0] for url in site.status()["url"]] == ["http", "http"]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("words", "mode"), [("", 0o660), (" mode=600", 0o600), (" mode=0666", 0o666)]
)
def test_mode_of_a_socket_file(sites: Sites, words: str, mode: int) -> None:
    path = sites.folder / "s"
    before = os.umask(0o27)
    try:
        site = sites.start("plain", listen=f"unix:{path}{words}")
    finally:
        os.umask(before)
    assert mode_of(path) == mode
    assert get(str(path), "/hello").status == 200
    site.stop()
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_and_group_of_a_socket_file(sites: Sites) -> None:
    path = sites.folder / "s"
    sites.start("plain", listen=f"unix:{path} owner=nobody group=12")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 12)


def refusal(sites: Sites, *listen: str) -> str:
    listens = [word for item in listen for word in ("--listen", item)]
    done = run(
        "serve",
        "plain:application",
        *listens,
        "--control",
        f"unix:{sites.folder}/c",
        "--python",
        PYTHON,
    )
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_refusals(sites: Sites) -> None:
    path = sites.folder / "s"
    assert "no user 'nobody-here'" in refusal(sites, f"unix:{path} owner=nobody-here")
    assert "no group 'nobody-here'" in refusal(sites, f"unix:{path} group=nobody-here")
    assert "mode=0660" in refusal(sites, f"unix:{path} mode=rw")
    assert "mode=0660" in refusal(sites, "127.0.0.1:0 mode=0660")
    assert "nobody left it open" in refusal(sites, "fd:77")
    assert "no socket was passed" in refusal(sites, "systemd")
    assert "no socket was passed" in refusal(sites, "fd:web")
    assert not path.exists()


def test_an_abstract_socket(sites: Sites) -> None:
    name = f"slipway-test-{os.getpid()}"
    site = sites.start("plain", listen=f"unix:@{name}", waits=False)
    site.wait_ready()
    assert site.url == f"unix:@{name}"
    assert get(f"\0{name}", "/hello").status == 200
    assert "answers there already" in refusal(sites, f"unix:@{name}")
    assert not (sites.folder / f"@{name}").exists()


def test_a_live_socket_is_refused_with_its_process(sites: Sites) -> None:
    path = sites.folder / "s"
    site = sites.start("plain", listen=f"unix:{path}")
    assert f"process {site.pid} answers there already" in refusal(sites, f"unix:{path}")
    assert get(str(path), "/hello").status == 200


# ---- sockets that somebody else opened


def test_passed_sockets_are_used_when_nothing_names_a_listener(sites: Sites) -> None:
    path = sites.folder / "s"
    with listening() as tcp, listening(str(path)) as local:
        site = sites.start("plain", listen=None, kind=passed(tcp, local))
        assert site.addresses == [tcp.getsockname(), str(path)]
        assert get(site.addresses[0], "/hello").status == 200
        assert get(site.addresses[1], "/hello").status == 200
        seen = json.loads(get(site.addresses[0], "/environ").body)
        assert not [name for name in seen if name.startswith("LISTEN_")]
        site.stop()
        assert path.exists()
        # It is still open: whoever comes now waits for the next start.
        with socket.create_connection(tcp.getsockname()) as early:
            early.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
            again = sites.start("plain", listen=None, kind=passed(tcp, local))
            assert early.recv(64).startswith(b"HTTP/1.1 200 ")
            again.stop()


def test_passed_sockets_by_name(sites: Sites) -> None:
    with listening() as first, listening() as second, listening() as other:
        site = sites.start(
            "plain", listen="fd:web", kind=passed(first, other, second, all_names="web:admin:web")
        )
        assert site.addresses == [first.getsockname(), second.getsockname()]
        assert "descriptor=4 name=admin" in site.log()


def test_a_name_that_nobody_passed(sites: Sites) -> None:
    with listening() as one:
        site = sites.start(
            "plain", listen="fd:web", waits=False, kind=passed(one, all_names="admin")
        )
        assert site.wait() == 1
        assert "none of the 1 sockets" in site.log()


def test_a_descriptor_by_its_number(sites: Sites) -> None:
    with listening() as one:
        site = sites.start("plain", listen="fd:3", kind=passed(one, announced=False))
        assert get(one.getsockname(), "/hello").status == 200
        assert site.addresses == [one.getsockname()]


def test_what_is_no_listener_is_refused(sites: Sites) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        site = sites.start("plain", listen="fd:3", waits=False, kind=passed(deaf, announced=False))
        assert site.wait() == 1
        assert "no stream socket that listens" in site.log()


def test_passed_sockets_survive_a_dead_edge(sites: Sites) -> None:
    with listening() as one:
        site = sites.start("plain", listen=None, kind=passed(one))
        [edge] = site.pids("edge")
        os.kill(edge, 9)
        assert until("a new edge", lambda: [p for p in site.pids("edge") if p != edge])
        assert get(one.getsockname(), "/hello").status == 200


class Activated(Site):
    """By systemd's own tool, which starts it at the first connection."""

    port_to_be = 0

    def _launch(self, command: list[str], folder: Path, env: dict[str, str]):
        words = ["systemd-socket-activate", "-l", f"127.0.0.1:{self.port_to_be}", "--fdname=web"]
        for name in ("GATES", "MARKS", "PATH"):
            words += ["-E", f"{name}={env[name]}"]
        return super()._launch(
            [shutil.which(words[0]) or words[0], *words[1:], *command], folder, env
        )


def can_connect(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd here")
def test_systemd_socket_activation(sites: Sites) -> None:
    with listening() as one:
        Activated.port_to_be = one.getsockname()[1]
    site = sites.start("plain", listen="fd:web", waits=False, kind=Activated)
    site.err.wait("Listening on")
    assert get(("127.0.0.1", Activated.port_to_be), "/hello").status == 200
    site.wait_ready()
    assert site.addresses == [("127.0.0.1", Activated.port_to_be)]
