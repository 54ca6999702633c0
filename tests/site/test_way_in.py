"""The way in: what `listen` takes, and sockets that somebody else opened."""

import json
import os
import shutil
import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certificates
import pytest
from conftest import Sites
from http1 import TIMEOUT_S, Address, Cut, build, get
from http2 import Wire, tls_context
from program import PYTHON, Site, run, until
from tls_client import client_context

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
        return super()._launch(
            (announce if self.is_announced else []) + command,
            folder,
            env,
            pass_fds=range(3, 3 + len(self.sockets)),
            preexec_fn=lambda: place(*self.sockets),
        )


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


def test_of_several_starts_one_gets_a_stale_socket(sites: Sites) -> None:
    """None removes what another has just bound: looking and binding are under one lock."""
    path = str(sites.folder / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    starts = [sites.start("plain", listen=f"unix:{path}", waits=False) for _ in range(5)]
    until("all but one to end", lambda: sum(s.process.poll() is None for s in starts) == 1)
    [winner] = [site for site in starts if site.process.poll() is None]
    for site in starts:
        if site is not winner:
            assert site.wait() == 1 and "answers there already" in site.log()
    winner.wait_ready()
    assert get(path, "/hello").status == 200


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


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd here")
def test_systemd_socket_activation(sites: Sites) -> None:
    with listening() as one:
        Activated.port_to_be = one.getsockname()[1]
    site = sites.start("plain", listen="fd:web", waits=False, kind=Activated)
    site.err.wait("Listening on")
    assert get(("127.0.0.1", Activated.port_to_be), "/hello").status == 200
    site.wait_ready()
    assert site.addresses == [("127.0.0.1", Activated.port_to_be)]


# ---- the PROXY protocol

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT, PROXY, STRANGER = "203.0.113.7", "127.0.0.9", "127.0.0.7"
V1 = f"PROXY TCP4 {CLIENT} 192.0.2.1 4711 443\r\n".encode()
TRUSTED = ["--trusted-peers", f"{PROXY}, 198.51.100.1"]


def v2(
    client: str = CLIENT, command: int = 1, transport: int = 1, tlvs: bytes = b"", port: int = 4711
) -> bytes:
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    to = "::1" if family == socket.AF_INET6 else "192.0.2.1"
    block = socket.inet_pton(family, client) + socket.inet_pton(family, to)
    block += port.to_bytes(2, "big") + (443).to_bytes(2, "big") + tlvs
    kind = (2 if family == socket.AF_INET6 else 1) << 4 | transport
    return SIGNATURE + bytes([0x20 | command, kind]) + len(block).to_bytes(2, "big") + block


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def connect(address: Address, source: str = PROXY) -> socket.socket:
    if isinstance(address, str):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(TIMEOUT_S)
        one.connect(address)
        return one
    return socket.create_connection(address, TIMEOUT_S, (source, 0))


def read_all(one: socket.socket) -> bytes:
    try:
        return b"".join(iter(lambda: one.recv(1 << 16), b""))
    except ConnectionResetError:
        return b""


ENVIRON = build("GET", "/environ", [("Connection", "close")])


def seen_by(one: socket.socket) -> dict[str, str]:
    head, _, body = read_all(one).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return json.loads(body)


@pytest.fixture(scope="module")
def proxied(shared: Sites) -> Site:
    return shared.start("plain", *TRUSTED, listen="127.0.0.1:0 proxy")


HEADERS: list[tuple[str, bytes, str, str]] = [
    ("v1", V1, CLIENT, "4711"),
    ("v1 IPv6", b"PROXY TCP6 2001:db8::7 ::1 4711 443\r\n", "2001:db8::7", "4711"),
    ("v1 unknown", b"PROXY UNKNOWN\r\n", PROXY, ""),
    ("v2", v2(), CLIENT, "4711"),
    ("v2 IPv6", v2("2001:db8::7"), "2001:db8::7", "4711"),
    ("v2 IPv4 as IPv6", v2("::ffff:203.0.113.7"), CLIENT, "4711"),
    ("v2 TLVs", v2(tlvs=tlv(0x04, b"x" * 3000) + tlv(0xEA, b"vpce-1")), CLIENT, "4711"),
    ("v2 local", v2(command=0), PROXY, ""),
    ("v2 UDP", v2(transport=2), PROXY, ""),
    ("v2 Unix", SIGNATURE + b"\x21\x31\0\xd8" + b"/x".ljust(108, b"\0") * 2, "", ""),
]


@pytest.mark.parametrize(("name", "header", "address", "port"), HEADERS, ids=lambda v: str(v)[:16])
def test_a_proxy_header(proxied: Site, name: str, header: bytes, address: str, port: str) -> None:
    with connect(proxied.address) as one:
        one.sendall(header + ENVIRON)
        words = seen_by(one)
    assert words["REMOTE_ADDR"] == address
    assert words["REMOTE_PORT"] == port or address == PROXY
    assert words.get("HTTP_X_FORWARDED_FOR", "") == address
    assert words["wsgi.url_scheme"] == "http"


def test_a_proxy_header_in_pieces(proxied: Site) -> None:
    for header in (V1, v2(tlvs=tlv(4, b"x"))):
        with connect(proxied.address) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(header)):
                one.sendall(header[i : i + 1])
            one.sendall(ENVIRON)
            assert seen_by(one)["REMOTE_ADDR"] == CLIENT


def test_tls_that_ended_in_the_proxy(proxied: Site) -> None:
    with connect(proxied.address) as one:
        one.sendall(v2(tlvs=tlv(0x20, b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3"))) + ENVIRON)
        words = seen_by(one)
    assert words["wsgi.url_scheme"] == words["HTTP_X_FORWARDED_PROTO"] == "https"


def test_the_client_of_a_proxy_forges_nothing(proxied: Site) -> None:
    """Only if he is a trusted peer himself, as a CDN in front of a load balancer."""
    forged = build("GET", "/environ", [("Connection", "close"), ("X-Forwarded-For", "6.6.6.6")])
    for header, address in (
        (V1, CLIENT),
        (v2("198.51.100.1"), "6.6.6.6"),
        (b"PROXY UNKNOWN\r\n", PROXY),
        (v2(command=0), "6.6.6.6"),
    ):
        with connect(proxied.address) as one:
            one.sendall(header + forged)
            assert seen_by(one)["REMOTE_ADDR"] == address


def test_each_request_of_the_connection_is_his(proxied: Site) -> None:
    with connect(proxied.address) as one:
        one.sendall(V1 + build("GET", "/environ") + ENVIRON)
        assert read_all(one).count(f'"REMOTE_ADDR": "{CLIENT}"'.encode()) == 2
    proxied.out.wait(rf"^{CLIENT} - - ")


REFUSED: list[tuple[str, bytes]] = [
    ("a request", ENVIRON),
    ("a request with a header inside", b"GET / HTTP/1.1\r\n" + V1),
    ("a broken line", V1.replace(b"4711", b"x")),
    ("a line without end", b"PROXY UNKNOWN " + b"x" * 200),
    ("a version that is none", v2().replace(b"QUIT\n\x21", b"QUIT\n\x31")),
    ("a header too long", v2(tlvs=tlv(4, b"x" * 5000))),
    ("TLS", b"\x16\x03\x01\x00\xff\x01"),
]


@pytest.mark.parametrize(("name", "sent"), REFUSED, ids=lambda value: str(value)[:16])
def test_what_is_no_proxy_header(proxied: Site, name: str, sent: bytes) -> None:
    with connect(proxied.address) as one:
        one.sendall(sent)
        assert read_all(one) == b""


def test_only_trusted_peers_are_believed(sites: Sites) -> None:
    site = sites.start("plain", *TRUSTED, listen="127.0.0.1:0 proxy")
    with connect(site.address, STRANGER) as one:
        assert read_all(one) == b""  # at once: he need not say anything
    site.err.wait(rf'peer={STRANGER} reason="the peer is not one of trusted-peers"')
    with connect(site.address) as one:
        one.sendall(V1 + ENVIRON)
        assert seen_by(one)["REMOTE_ADDR"] == CLIENT


def test_nothing_in_time(sites: Sites) -> None:
    options = ["--head-timeout", "100ms"]
    site = sites.start("plain", *TRUSTED, *options, listen="127.0.0.1:0 proxy")
    for start in (b"", b"PROXY TCP4", SIGNATURE):
        with connect(site.address) as one:
            one.sendall(start)
            assert read_all(one) == b""
    site.err.wait(rf'peer={PROXY} reason="none came within head-timeout" so_far=1')


def test_a_proxy_header_on_a_unix_socket(sites: Sites) -> None:
    path = str(sites.folder / "s")
    sites.start("plain", "--trusted-peers", "unix", listen=f"unix:{path} proxy mode=0600")
    with connect(path) as one:
        one.sendall(v2() + ENVIRON)
        assert seen_by(one)["REMOTE_ADDR"] == CLIENT


def test_a_proxy_header_before_tls(sites: Sites) -> None:
    pair = certificates.make(sites.folder, "one", "one.test")
    site = sites.start("plain", *TRUSTED, *pair.options, listen="127.0.0.1:0 tls proxy")
    for header in (V1, v2(), v2(tlvs=tlv(4, b"x" * 2000))):
        with connect(site.address) as plain:
            plain.sendall(header)
            with client_context().wrap_socket(plain, server_hostname="one.test") as one:
                one.sendall(ENVIRON)
                words = seen_by(one)
        assert words["REMOTE_ADDR"] == CLIENT and words["wsgi.url_scheme"] == "https"
    with connect(site.address) as plain, pytest.raises((ssl.SSLError, OSError)):
        client_context().wrap_socket(plain)


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_proxy_header_before_http2(sites: Sites, is_tls: bool) -> None:
    """The connection changes its wire; who is on it stays."""
    pair = certificates.make(sites.folder, "site", "site.test")
    listen = "127.0.0.1:0 proxy" + " tls" * is_tls
    site = sites.start("plain", *TRUSTED, *pair.options, listen=listen)
    context = tls_context() if is_tls else None
    forged = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-proto", "https")]
    for header, address, scheme in (
        (V1, CLIENT, "http"),
        (v2(tlvs=tlv(0x20, b"\1\0\0\0\0")), CLIENT, "https"),
        (v2("198.51.100.1"), "6.6.6.6", "https"),
    ):
        with Wire(site.address, context=context, source=PROXY, before=header) as wire:
            for _ in range(2):
                words = json.loads(wire.ask(path="/environ", fields=forged).body)
                assert words["SERVER_PROTOCOL"] == "HTTP/2.0"
                assert words["REMOTE_ADDR"] == words["HTTP_X_FORWARDED_FOR"] == address
                assert words["wsgi.url_scheme"] == ("https" if is_tls else scheme)
    refused = pytest.raises((OSError, Cut))
    with refused, Wire(site.address, context=context, source=PROXY) as wire:
        wire.ask(path="/environ")


def test_proxy_without_trusted_peers_is_refused(sites: Sites) -> None:
    assert "trusted-peers" in refusal(sites, "127.0.0.1:0 proxy")


def test_a_stop_does_not_wait_for_a_header(sites: Sites) -> None:
    site = sites.start("plain", *TRUSTED, "--drain-idle", "100ms", listen="127.0.0.1:0 proxy")
    with connect(site.address) as one:
        one.sendall(b"PROXY ")
        until("the connection", lambda: site.status()["edges"][0].get("connections") == 1)
        site.stop(timeout_s=10)


def test_a_header_without_the_word_is_no_request(sites: Sites) -> None:
    site = sites.start("plain", *TRUSTED)
    for header in (V1, v2()):
        with connect(site.address) as one:
            one.sendall(header + ENVIRON)
            assert read_all(one).startswith(b"HTTP/1.1 400 ")
