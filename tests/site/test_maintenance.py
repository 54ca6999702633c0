"""A site that is being worked on: what visitors see, who comes in all the same, and how it ends."""

import json
import os
import signal
from pathlib import Path

import certificates
import pytest
from conftest import Sites
from http1 import Fields, Peer, Response, get
from http2 import Wire, tls_context
from program import Site, until
from projects import make_wsgi, write

HTML, PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"
BROWSER = [("Accept", "text/html")]
JSON = [("Accept", "application/json")]
USUAL = "The site is being worked on; please come back in a while."
TRUST = ["--trusted-peers", "loopback"]


def from_(address: str) -> Fields:
    return [("X-Forwarded-For", address)]


def order(site: Site, *words: str) -> str:
    done = site.verb("maintenance", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_on(response: Response) -> bool:
    if response.status != 503:
        assert response.status == 200
        return False
    assert response.get("Cache-Control") == "no-store" and response.get("Retry-After") == "300"
    return True


def wait_for(site: Site, on: bool) -> None:
    until(f"maintenance {on}", lambda: is_on(get(site.address, "/")) == on)


@pytest.fixture
def site(sites: Sites) -> Site:
    static = write(sites.folder / "static" / "a.txt", "a").parent
    site: Site = sites.start("plain", "--static", f"/static/={static}", *TRUST, "--edges", "2")
    return site


def test_on_and_off(site: Site) -> None:
    assert order(site, "on") == "maintenance is on: visitors get 503\n"
    for target in ("/hello", "/static/a.txt", "/gone"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            assert is_on(get(site.address, target, method=method))
    page = get(site.address, "/hello", BROWSER)
    assert page.get("Content-Type") == HTML and f"<p>{USUAL}\n</p>" in page.text
    problem = get(site.address, "/hello", JSON)
    assert json.loads(problem.body)["detail"] == USUAL
    assert order(site, "off") == "maintenance is off\n"
    assert get(site.address, "/hello").body == b"hello\n"


def test_each_order_holds_at_once_in_all_edges(site: Site) -> None:
    for _ in range(10):
        for word in ("on", "off"):
            order(site, word)
            for _ in range(4):
                assert is_on(get(site.address, "/hello")) == (word == "on")


def test_health_is_served(site: Site) -> None:
    order(site, "on")
    for name in ("live", "ready", "started"):
        assert get(site.address, f"/.slipway/{name}").status == 200


def test_a_message_is_escaped(site: Site) -> None:
    words = 'Back at <b>8</b> & "soon" \u00e9\\'
    order(site, "on", "--message", words)
    shown = "Back at &lt;b&gt;8&lt;/b&gt; &amp; &quot;soon&quot; \u00e9\\"
    assert shown in get(site.address, "/", BROWSER).text
    assert json.loads(get(site.address, "/", JSON).body)["detail"] == words
    assert words in site.verb("status").stdout


def test_whom_it_lets_in(site: Site) -> None:
    order(site, "on", "--allow", "192.0.2.0/24", "--allow=2001:db8::/32, 198.51.100.7")
    for address in ("192.0.2.9", "2001:db8::1", "198.51.100.7"):
        assert get(site.address, "/hello", from_(address)).body == b"hello\n"
    for address in ("192.0.3.9", "2001:db9::1", "198.51.100.8"):
        assert is_on(get(site.address, "/hello", from_(address)))
    order(site, "on")
    assert is_on(get(site.address, "/hello", from_("192.0.2.9")))


def test_it_survives_a_reload_and_the_death_of_an_edge(site: Site) -> None:
    order(site, "on", "--message", "kept")
    assert site.verb("reload").returncode == 0
    assert is_on(get(site.address, "/")) and b"kept" in get(site.address, "/").body
    edges = [edge["pid"] for edge in site.status()["edges"]]
    for pid in edges:
        os.kill(pid, signal.SIGKILL)
    until("new edges", lambda: not set(edges) & {e["pid"] for e in site.status()["edges"]})
    for _ in range(6):
        assert is_on(get(site.address, "/")) and b"kept" in get(site.address, "/").body


def test_status_says_so(site: Site) -> None:
    assert "maintenance" not in site.verb("status").stdout
    assert site.status()["maintenance"] == {"on": False, "by": "", "since": 0, "message": ""}
    order(site, "on", "--allow", "10.0.0.0/8")
    row = site.status()["maintenance"]
    assert row["on"] and row["by"] == "verb" and row["allow"] == ["10.0.0.0/8"] and row["since"]
    assert "!  maintenance, by the verb" in site.verb("status").stdout
    site.err.wait("maintenance begins")
    order(site, "off")
    site.err.wait("maintenance ends")


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        ([], 2, "maintenance takes on or off"),
        (["perhaps"], 2, "maintenance takes on or off"),
        (["on", "--allow", "nowhere"], 1, "--allow takes an address or a network"),
        (["on", "--message", "x" * 1001], 1, "--message is too long"),
    ],
)
def test_what_cannot_be_ordered(site: Site, words: list[str], status: int, why: str) -> None:
    done = site.verb("maintenance", *words)
    assert done.returncode == status and why in done.stderr
    assert not is_on(get(site.address, "/hello"))


def test_nobody_serves(sites: Sites, site: Site) -> None:
    site.stop()
    done = site.verb("maintenance", "on")
    assert done.returncode == 1 and done.stderr


def test_requests_under_way_are_finished(sites: Sites) -> None:
    gate = sites.gate("held")
    site = sites.start("failing")
    with Peer(site.address) as held:
        held.send(b"GET /gate?held HTTP/1.1\r\nHost: site.test\r\n\r\n")
        gate.wait_reached()
        order(site, "on")
        gate.open()
        assert held.response().body == b"fine"
        assert is_on(held.ask())


# ---- the file


def with_file(sites: Sites, *more: str) -> tuple[Site, Path]:
    folder = make_wsgi(sites.folder / "p")
    write(folder / "slipway.ini", "maintenance-file = run/down.html\n" + "\n".join(more))
    (folder / "run").mkdir()
    return sites.start("own", chdir=folder), folder / "run" / "down.html"


def test_a_file(sites: Sites) -> None:
    site, file = with_file(sites)
    assert not is_on(get(site.address, "/"))
    file.touch()
    wait_for(site, True)
    assert USUAL in get(site.address, "/", BROWSER).text
    assert site.status()["maintenance"]["by"] == "file"
    write(file, "back at eight")
    until("the sentence", lambda: "back at eight" in get(site.address, "/", BROWSER).text)
    write(file, "<h1>{status}</h1>{request_id}")
    until("the page", lambda: get(site.address, "/", BROWSER).text.startswith("<h1>503</h1>"))
    order(site, "on", "--message", "more")
    still = site.verb("maintenance", "off")
    assert still.returncode == 1 and "the file of maintenance-file is there" in still.stderr
    assert is_on(get(site.address, "/"))
    file.unlink()
    order(site, "off")
    assert not is_on(get(site.address, "/"))


def test_a_file_that_is_there_at_the_start(sites: Sites) -> None:
    folder = make_wsgi(sites.folder / "p")
    write(folder / "down", "x" * 30000)
    site = sites.start("own", "--maintenance-file", "down", chdir=folder)
    assert is_on(get(site.address, "/")) and USUAL in get(site.address, "/", BROWSER).text
    site.err.wait("what maintenance-file holds is not shown.*24 KiB")
    (folder / "down").unlink()
    wait_for(site, False)


# ---- options, pages, other stages


def test_by_option_for_a_route(sites: Sites) -> None:
    folder = make_wsgi(sites.folder / "p")
    page = write(folder / "shop.html", "<b>{message}</b>")
    write(
        folder / "slipway.ini",
        "trusted-peers = loopback\n\n[route /shop]\nmaintenance = yes\nmaintenance-retry = 90s\n"
        "maintenance-allow = 192.0.2.1\nerror-page = 503 shop.html\n",
    )
    site = sites.start("own", chdir=folder)
    response = get(site.address, "/shop/x", BROWSER)
    assert response.status == 503 and response.get("Retry-After") == "90"
    assert response.text == page.read_text().replace("{message}", USUAL + "\n")
    assert get(site.address, "/shop/x", from_("192.0.2.1")).status == 200
    assert get(site.address, "/else").status == 200


def test_over_http2_and_in_front_of_the_wall(sites: Sites) -> None:
    wall = {"AUTH_WALL_USERNAME": "a", "AUTH_WALL_PASSWORD": "b"}
    pair = certificates.make(sites.folder, "site", "site.test")
    site = sites.start("plain", *pair.options, *TRUST, listen="127.0.0.1:0 tls", env=wall)
    order(site, "on", "--allow", "192.0.2.1")
    with Wire(site.address, context=tls_context()) as wire:
        answer = wire.ask("GET", "/hello")
        assert answer.status == 503 and answer.get("retry-after") == "300"
        inside = wire.ask("GET", "/hello", fields=[("x-forwarded-for", "192.0.2.1")])
        assert inside.status == 401  # past it, the wall stands as ever
