"""Options of the whole server change at a reload: edges are replaced, and nobody notices."""

import socket
from pathlib import Path

import pytest
from certificates import make as make_certificate
from conftest import Sites
from http1 import Peer, build, can_connect, get
from load import Load
from program import Site, until, wait_gone
from projects import write
from site_server import Asking, Server, ask
from test_way_in import listening, passed
from tls_client import get as get_tls


def start(sites: Sites, *lines: str, app: str = "work") -> tuple[Site, Path]:
    ini = write(sites.folder / "p" / "slipway.ini", "".join(f"{line}\n" for line in lines))
    options = ["--config", str(ini), "--workers", "2"]
    return sites.start(app, *options, listen=None, options_of_count=False), ini


def change(site: Site, ini: Path, *lines: str, status: int = 0) -> str:
    write(ini, "".join(f"{line}\n" for line in lines))
    done = site.verb("reload", "--config", str(ini))
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


LISTEN = "listen = 127.0.0.1:0"


def test_limits_change_and_nobody_notices(sites: Sites) -> None:
    site, ini = start(sites, LISTEN, "head-limit = 64K")
    long = build("GET", "/hello", [("X-Long", "x" * 5000)])
    edges = site.pids("edge")
    with Load(site.address, clients=4) as load:
        load.wait_more(20)
        change(site, ini, LISTEN, "head-limit = 2K")
        wait_gone(edges)
        load.wait_more(20)
    assert load.failures == []
    with Peer(site.address) as one:
        one.send(long)
        assert one.response().status == 431
    edges = site.pids("edge")
    assert len(edges) == 1, site.log()
    change(site, ini, LISTEN, "head-limit = 2K", "body-limit = 1K")
    assert site.pids("edge") == edges  # a site's option costs no edge its life


def test_trusted_peers_change(sites: Sites) -> None:
    site, ini = start(sites, LISTEN, app="plain")

    def address() -> bytes:
        forged = [("X-Forwarded-For", "192.0.2.7")]
        with Peer(site.address) as one:
            one.send(build("GET", "/environ", forged))
            return one.response().body

    assert b"192.0.2.7" not in address()
    change(site, ini, LISTEN, "trusted-peers = loopback")
    until("it is believed", lambda: b"192.0.2.7" in address())


def test_addresses_come_and_go(sites: Sites) -> None:
    site, ini = start(sites, LISTEN)
    port = free_port()
    with Load(site.address, clients=2) as load:
        change(site, ini, LISTEN, f"listen = 127.0.0.1:{port}")
        assert get(("127.0.0.1", port), "/hello").status == 200
        assert len(site.status()["url"]) == 2
        change(site, ini, LISTEN)
        until("it is closed", lambda: not can_connect(("127.0.0.1", port)))
        load.wait_more(10)
    assert load.failures == []
    assert len(site.status()["url"]) == 1


def test_an_address_that_is_taken_refuses_the_reload(sites: Sites) -> None:
    site, ini = start(sites, LISTEN, "head-limit = 64K")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        said = change(site, ini, LISTEN, f"listen = 127.0.0.1:{taken}", "head-limit = 2K", status=1)
    assert f"cannot listen on 127.0.0.1:{taken}: the address is in use" in said
    with Peer(site.address) as one:
        one.send(build("GET", "/hello", [("X-Long", "x" * 5000)]))
        assert one.response().status == 200
    assert len(site.status()["url"]) == 1


def test_sockets_that_were_passed_stay(sites: Sites) -> None:
    """`listen = systemd` is all of them, also for edges that begin after a reload."""
    with listening() as one, listening() as two:
        ini = write(sites.folder / "p" / "slipway.ini", "listen = systemd\nhead-limit = 64K\n")
        options = {"listen": None, "options_of_count": False, "kind": passed(one, two)}
        site = sites.start("work", "--config", str(ini), **options)
        edges = site.pids("edge")
        change(site, ini, "listen = systemd", "head-limit = 2K")
        wait_gone(edges)
        for socket_of in (one, two):
            assert get(socket_of.getsockname(), "/hello").status == 200
            long = [("X-Long", "x" * 5000)]
            assert get(socket_of.getsockname(), "/hello", long).status == 431


def test_a_refused_reload_changes_no_address(sites: Sites) -> None:
    site, ini = start(sites, LISTEN)
    port = free_port()
    change(site, ini, LISTEN, f"listen = 127.0.0.1:{port}", "redirects = missing", status=1)
    assert not can_connect(("127.0.0.1", port))
    change(site, ini, LISTEN, f"listen = 127.0.0.1:{port}")
    assert get(("127.0.0.1", port), "/hello").status == 200


def test_the_first_tls_waits_for_the_next_start(sites: Sites) -> None:
    site, ini = start(sites, LISTEN)
    pair = make_certificate(ini.parent, "one")
    lines = [f"tls-certificate = {pair.certificate}", f"tls-key = {pair.key}"]
    said = change(site, ini, LISTEN, f"listen = 127.0.0.1:{free_port()} tls", *lines)
    assert "the next start will heed what changed in: listen" in said


def test_a_second_tls_address(sites: Sites) -> None:
    pair = make_certificate(sites.folder, "one")
    lines = [f"tls-certificate = {pair.certificate}", f"tls-key = {pair.key}"]
    first = "listen = 127.0.0.1:0 tls"
    site, ini = start(sites, first, *lines)
    port = free_port()
    change(site, ini, first, f"listen = 127.0.0.1:{port} tls", *lines)
    assert get_tls(("127.0.0.1", port)).status == 200


@pytest.mark.parametrize("sandbox", ["auto", "no"])
def test_several_edges(sites: Sites, sandbox: str) -> None:
    first = [LISTEN, "edges = 2", f"sandbox = {sandbox}"]
    site, ini = start(sites, *first)
    old = site.pids("edge")
    with Load(site.address, clients=4) as load:
        change(site, ini, *first, "idle-timeout = 5s")
        wait_gone(old)
        until("two serve", lambda: len(site.pids("edge")) == 2)
        load.wait_more(20)
    assert load.failures == []


def test_of_several_sites(sites: Sites) -> None:
    """Defaults of sites, too; one site's reload leaves the server as it is."""
    server = Server(sites)
    server.file("shop")
    server.file("blog")
    site = server.start()
    common = "sites = sites\nworkers = 1\n"
    ini = server.folder / "slipway.ini"

    def posted(length: int) -> int:
        with Peer(site.address) as one:
            one.send(build("POST", "/", [("Host", "blog.test")], b"x" * length))
            return one.response().status

    edges = site.pids("edge")
    write(ini, common + "body-limit = 10\nhead-limit = 2K\nlog-keep = 2\n")
    server.reload("--site", "shop")
    assert posted(11) == 200 and site.pids("edge") == edges
    with Asking(site, "shop.test", lambda r: r.status == 200) as asking:
        out, _ = server.reload()
        asking.wait_more(20)
    assert asking.wrong == []
    assert out.startswith("the next start will heed what changed in: log-keep\n")
    assert posted(11) == 413 and posted(10) == 200
    wait_gone(edges)
    write(ini, common + "head-limit = x\n")
    done = site.verb("reload", "--chdir", str(server.folder))
    assert done.returncode != 0 and "head-limit takes" in done.stderr
    assert ask(site, "shop.test").status == 200


def test_a_connection_under_way_is_finished(sites: Sites) -> None:
    site, ini = start(sites, LISTEN)
    gate = sites.gate("held")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=held"))
        gate.wait_reached()
        change(site, ini, LISTEN, "idle-timeout = 5s")
        gate.open()
        assert one.response().status == 200
