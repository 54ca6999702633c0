"""live, ready and started: answered by the edge, whatever the application does."""

import pytest
from conftest import Sites
from http1 import Peer, build, can_connect, get
from program import Site, until


@pytest.fixture(scope="module")
def plain(shared: Sites) -> Site:
    return shared.start("plain")


@pytest.mark.parametrize("name", ["live", "ready", "started"])
def test_all_is_well(plain: Site, name: str) -> None:
    with Peer(plain.address) as one:
        answer = one.ask(target=f"/.slipway/{name}")
        assert (answer.status, answer.body) == (200, b"ok\n")
        assert answer.get("Cache-Control") == "no-store" and answer.get("X-App") is None
        bare = one.ask("HEAD", f"/.slipway/{name}")
        assert (bare.status, bare.get("Content-Length")) == (200, "3")
        assert one.ask(target="/hello").status == 200


def test_only_get_and_head(plain: Site) -> None:
    answer = get(plain.address, "/.slipway/live", method="POST")
    assert answer.status == 405 and answer.get("Allow") == "GET, HEAD"


def test_other_names_are_the_applications(plain: Site) -> None:
    for target in ("/.slipway/other", "/.slipway", "/.slipway/", "/.slipway/live/x", "/live"):
        assert get(plain.address, target).text == f"GET {target}\n"


def test_it_asks_no_host(plain: Site) -> None:
    assert get(plain.address, "/.slipway/live", [("Host", "10.1.2.3:99")]).status == 200


def test_what_is_well_is_not_logged(plain: Site) -> None:
    get(plain.address, "/.slipway/live")
    get(plain.address, "/hello?after")
    plain.out.wait(r"/hello\?after")
    assert '"GET /.slipway/live HTTP' not in plain.access_log()


def test_another_path(sites: Sites) -> None:
    site = sites.start("plain", "--health-path", "/healthz")
    assert get(site.address, "/healthz/live").body == b"ok\n"
    assert get(site.address, "/.slipway/live").text == "GET /.slipway/live\n"


def test_it_needs_no_worker(sites: Sites) -> None:
    site = sites.start("plain")
    gate = sites.gate("busy")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=busy"))
        gate.wait_reached()
        for name in ("live", "ready", "started"):
            assert get(site.address, f"/.slipway/{name}").status == 200
        gate.open()
        assert one.response().status == 200


def test_ready_is_false_while_stopping(sites: Sites) -> None:
    site = sites.start("plain")
    gate = sites.gate("last")
    with Peer(site.address) as held, Peer(site.address) as idle:
        assert idle.ask(target="/.slipway/ready").status == 200
        held.send(build("GET", "/gate?name=last"))
        gate.wait_reached()
        site.signal(15)
        until("closed listeners", lambda: not can_connect(site.address))
        answer = idle.ask(target="/.slipway/ready")
        assert (answer.status, answer.body) == (503, b"not ready\n")
        gate.open()
        assert held.response().status == 200
    assert site.wait() == 0


def test_before_the_first_generation(sites: Sites) -> None:
    """The project is still being imported: live, but neither ready nor started; requests wait."""
    gate = sites.gate("import")
    path = str(sites.folder / "s")
    site = sites.start("slow_import", listen=f"unix:{path}", waits=False)
    gate.wait_reached()
    until("an edge", lambda: answers(path))
    assert get(path, "/.slipway/live").status == 200
    assert get(path, "/.slipway/ready").status == 503
    assert get(path, "/.slipway/started").status == 503
    with Peer(path) as one:
        one.send(build("GET", "/hello"))
        assert get(path, "/.slipway/live").status == 200
        assert one.is_quiet()
        gate.open()
        assert one.response().body == b"imported\n"
    site.wait_ready()
    assert get(path, "/.slipway/ready").status == 200
    assert get(path, "/.slipway/started").status == 200


def answers(path: str) -> bool:
    try:
        return get(path, "/.slipway/live").status == 200
    except OSError:
        return False
