"""Who the client is: what trusted peers say is believed, what all others say never gets through.

Peers are told apart by their loopback address: 127.0.0.9 is trusted, all others are not.
"""

import ipaddress
import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from conftest import Sites
from http1 import TIMEOUT_S, Address, Peer, Response, build
from http2 import Wire
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Site
from projects import make_django, write
from test_way_in import passed

EXAMPLES = int(os.environ.get("SLIPWAY_EXAMPLES", "200"))
PROXY, STRANGER = "127.0.0.9", "127.0.0.7"
TRUSTED = ["--trusted-peers", f"{PROXY}, 10.0.0.0/8 2001:db8:1::/48"]

Pairs = list[tuple[str, str]]


def read_all(one: socket.socket) -> bytes:
    return b"".join(iter(lambda: one.recv(1 << 16), b""))


def ask(address: Address, fields: Pairs, source: str = PROXY, target: str = "/environ") -> Response:
    with Peer(address, source="" if isinstance(address, str) else source) as peer:
        return peer.ask("GET", target, [("Connection", "close"), *fields])


def seen(address: Address, *fields: tuple[str, str], source: str = PROXY) -> dict[str, str]:
    answer = ask(address, list(fields), source)
    assert answer.status == 200, answer.text
    return json.loads(answer.body)


def xff(*values: str) -> Pairs:
    return [("X-Forwarded-For", value) for value in values]


def lower(fields: Pairs) -> Pairs:
    """As HTTP/2 wants names."""
    return [(name.lower(), value) for name, value in fields]


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    return shared.start("plain", *TRUSTED)


@pytest.fixture(scope="module")
def by_forwarded(shared: Sites) -> Site:
    options = ["--trusted-field", "Forwarded", "--trusted-host"]
    return shared.start("plain", *TRUSTED, *options)


# ---- a trusted peer


def test_the_client_of_a_trusted_peer(site: Site) -> None:
    words = seen(
        site.address, *xff("6.6.6.6, 203.0.113.7"), ("X-Forwarded-Proto", "https"), ("Host", "shop")
    )
    assert words["REMOTE_ADDR"] == words["HTTP_X_FORWARDED_FOR"] == words["HTTP_X_REAL_IP"]
    assert words["REMOTE_ADDR"] == "203.0.113.7" and words["REMOTE_PORT"] == ""
    assert words["wsgi.url_scheme"] == words["HTTP_X_FORWARDED_PROTO"] == "https"
    assert (
        words["HTTPS"] == "on" and words["SERVER_PORT"] == words["HTTP_X_FORWARDED_PORT"] == "443"
    )
    assert words["HTTP_HOST"] == words["HTTP_X_FORWARDED_HOST"] == "shop"
    site.out.wait(r"^203\.0\.113\.7 - - \[")


def test_the_next_request_is_the_next_clients(site: Site) -> None:
    """Nothing of it stays with the connection."""
    with socket.create_connection(site.address, TIMEOUT_S, (PROXY, 0)) as one:
        one.settimeout(TIMEOUT_S)
        first = [*xff("203.0.113.7"), ("X-Forwarded-Proto", "https")]
        one.sendall(build("GET", "/environ", first) + build("GET", "/environ", xff("203.0.113.8")))
        one.sendall(build("GET", "/environ", [("Connection", "close")]))
        text = read_all(one).decode()
    assert re.findall('"REMOTE_ADDR": "(.*?)"', text) == ["203.0.113.7", "203.0.113.8", PROXY]
    assert re.findall('"wsgi.url_scheme": "(.*?)"', text) == ["https", "http", "http"]


def test_a_trusted_peer_that_names_nobody(site: Site) -> None:
    words = seen(site.address)
    assert words["REMOTE_ADDR"] == PROXY and words["wsgi.url_scheme"] == "http"
    assert "HTTPS" not in words


def test_forwarded(by_forwarded: Site) -> None:
    value = 'for=6.6.6.6;proto=http, for="[2001:db8::7]:4711";proto=https;host=shop.example'
    words = seen(by_forwarded.address, ("Forwarded", value))
    assert (words["REMOTE_ADDR"], words["REMOTE_PORT"]) == ("2001:db8::7", "4711")
    assert words["wsgi.url_scheme"] == "https" and words["HTTP_HOST"] == "shop.example"
    assert "HTTP_FORWARDED" not in words


def test_a_forwarded_that_cannot_be_read_is_refused(by_forwarded: Site) -> None:
    """Else a client could hide behind the proxy's own address."""
    value = 'for="6.6.6.6, for=203.0.113.7'
    assert ask(by_forwarded.address, [("Forwarded", value)]).status == 400
    assert ask(by_forwarded.address, [("Forwarded", value)], STRANGER).status == 200


def test_other_fields_of_a_trusted_peer_pass(site: Site) -> None:
    pair = ("X-Forwarded-User", "ann")
    assert seen(site.address, pair)["HTTP_X_FORWARDED_USER"] == "ann"
    assert "HTTP_X_FORWARDED_USER" not in seen(site.address, pair, source=STRANGER)


def test_a_unix_socket_is_trusted_when_told(sites: Sites) -> None:
    path = str(sites.folder / "s")
    options = ["--listen", f"unix:{path}", "--trusted-peers", "unix"]
    site = sites.start("plain", *options)
    assert seen(path, *xff("203.0.113.7"))["REMOTE_ADDR"] == "203.0.113.7"
    assert seen(site.address, *xff("203.0.113.7"))["REMOTE_ADDR"] == PROXY


def test_a_field_of_a_cdn(sites: Sites) -> None:
    site = sites.start("plain", *TRUSTED, "--trusted-field", "CF-Connecting-IP")
    pair = ("cf-connecting-ip", "203.0.113.7")
    words = seen(site.address, pair, *xff("6.6.6.6"))
    assert words["REMOTE_ADDR"] == words["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"
    assert words["HTTP_CF_CONNECTING_IP"] == "203.0.113.7"
    words = seen(site.address, pair, ("CF_Connecting_IP", "6.6.6.6"), source=STRANGER)
    assert "HTTP_CF_CONNECTING_IP" not in words and words["REMOTE_ADDR"] == STRANGER


def test_both_families_on_one_socket(sites: Sites) -> None:
    """What systemd's `ListenStream=80` is: IPv4 comes as ::ffff:a.b.c.d."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        site = sites.start("plain", *TRUSTED, listen="fd:3", kind=passed(both, announced=False))
        address = ("127.0.0.1", both.getsockname()[1])
        assert seen(address, source=STRANGER)["REMOTE_ADDR"] == STRANGER
        assert seen(address, *xff("203.0.113.7"))["REMOTE_ADDR"] == "203.0.113.7"
        assert site.url.startswith("http://[::]:")


# ---- all others

FORGED = "6.6.6.6"
FORGERIES: list[tuple[str, str]] = [
    ("X-Forwarded-For", FORGED),
    ("x-forwarded-for", FORGED),
    ("X-FORWARDED-FOR", FORGED),
    ("X_Forwarded_For", FORGED),
    ("X-Forwarded_For", FORGED),
    ("X_Forwarded-For", FORGED),
    ("X-Forwarded-For", f"127.0.0.1, {FORGED}"),
    ("X-Forwarded", f"for={FORGED}"),
    ("Forwarded-For", FORGED),
    ("Forwarded", f"for={FORGED};proto=https;host={FORGED}"),
    ("FORWARDED", f"for={FORGED}"),
    ("X-Real-IP", FORGED),
    ("X-REAL-IP", FORGED),
    ("X_Real_IP", FORGED),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded_Proto", "https"),
    ("X_FORWARDED_PROTO", "https"),
    ("x-forwarded-proto", "https"),
    ("X-Forwarded-Protocol", "https"),
    ("X-Forwarded-Scheme", "https"),
    ("X-Forwarded-Ssl", "https"),
    ("X-Forwarded-Host", FORGED),
    ("X-Forwarded-Server", FORGED),
    ("X-Forwarded-Port", FORGED),
    ("X-Forwarded-Prefix", FORGED),
    ("X-Forwarded-User", FORGED),
    ("X-Forwarded-", FORGED),
]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("pair", FORGERIES, ids=lambda pair: f"{pair[0]}={pair[1]}")
def test_nobody_else_forges(site: Site, pair: tuple[str, str], times: int) -> None:
    words = seen(site.address, *[pair] * times, source=STRANGER)
    assert FORGED not in json.dumps(words) and "https" not in json.dumps(words)
    assert (
        words["REMOTE_ADDR"] == words["HTTP_X_FORWARDED_FOR"] == words["HTTP_X_REAL_IP"] == STRANGER
    )
    assert words["HTTP_X_FORWARDED_PROTO"] == words["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize(
    "pair",
    sorted({(name.lower(), value) for name, value in FORGERIES}),
    ids=lambda pair: f"{pair[0]}={pair[1]}",
)
def test_nobody_else_forges_by_http2(site: Site, pair: tuple[str, str]) -> None:
    with Wire(site.address, source=STRANGER) as wire:
        text = wire.ask(path="/environ", fields=[pair]).body.decode()
    assert FORGED not in text and "https" not in text
    assert json.loads(text)["REMOTE_ADDR"] == STRANGER


def test_each_stream_has_its_client(site: Site) -> None:
    """A proxy's connection carries the requests of many."""
    with Wire(site.address, source=PROXY) as wire:
        for address, scheme in (("203.0.113.7", "https"), ("203.0.113.8", "http")):
            fields = [*lower(xff(f"6.6.6.6, {address}")), ("x-forwarded-proto", scheme)]
            words = json.loads(wire.ask(path="/environ", fields=fields).body)
            assert words["REMOTE_ADDR"] == address and words["wsgi.url_scheme"] == scheme
        words = json.loads(wire.ask(path="/environ").body)
        assert words["REMOTE_ADDR"] == PROXY and words["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("name", ["Connection", "Proxy-Connection"])
def test_a_hop_field_takes_nothing_away(site: Site, name: str) -> None:
    """A client that names the proxy's fields as the connection's own hides nobody."""
    fields = [*xff("203.0.113.7"), (name, "close, X-Forwarded-For, X-Forwarded-Proto")]
    assert seen(site.address, *fields, ("X-Forwarded-Proto", "https"))["HTTPS"] == "on"


def test_without_trusted_peers_nobody_is(sites: Sites) -> None:
    path = str(sites.folder / "s")
    site = sites.start("plain", "--listen", f"unix:{path}")
    for address, name in ((site.address, PROXY), (path, "")):
        words = seen(address, *xff("203.0.113.7"), ("X-Forwarded-Proto", "https"))
        assert words["REMOTE_ADDR"] == name and words["wsgi.url_scheme"] == "http"
    hint = rf'peer={PROXY} field=X-Forwarded-For hint="trusted-peers = {PROXY}"'
    site.err.wait(hint)
    assert site.log().count("trusted-peers =") == 1


# ---- Django, and the limits

VIEW = """
from django.http import JsonResponse
from django.urls import path

def page(request):
    return JsonResponse({
        "secure": request.is_secure(), "uri": request.build_absolute_uri(),
        "address": request.META["REMOTE_ADDR"],
    })

urlpatterns = [path("", page)]
"""


def test_django_sees_https_from_trusted_peers_only(sites: Sites, tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "tiny" / "urls.py", VIEW)
    with (tmp_path / "tiny" / "settings.py").open("a") as file:
        file.write('SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")\n')
        file.write("USE_X_FORWARDED_HOST = USE_X_FORWARDED_PORT = True\n")
    site = sites.start(None, *TRUSTED, chdir=tmp_path)
    fields = [*xff("203.0.113.7"), ("X-Forwarded-Proto", "https"), ("Host", "shop.example")]
    fields += [("X-Forwarded-Host", "evil.example")]
    told = json.loads(ask(site.address, fields, target="/").body)
    assert told["secure"] and told["address"] == "203.0.113.7"
    assert told["uri"].startswith("https://shop.example")
    told = json.loads(ask(site.address, fields, STRANGER, "/").body)
    assert not told["secure"] and told["address"] == STRANGER
    assert told["uri"].startswith("http://shop.example")


def test_rates_count_the_client_not_the_proxy(sites: Sites) -> None:
    site = sites.start("plain", *TRUSTED, "--rate-limit", "1/h burst 2")
    statuses = [ask(site.address, xff("203.0.113.7"), target="/hello").status for _ in range(4)]
    assert statuses.count(200) < 4 and statuses[-1] == 429
    assert ask(site.address, xff("203.0.113.8"), target="/hello").status == 200
    assert {ask(site.address, [], target="/hello").status for _ in range(6)} == {200}


# ---- a plain reference

networks = [ipaddress.ip_network(n) for n in (f"{PROXY}/32", "10.0.0.0/8", "2001:db8:1::/48")]


def node(text: str, bare: bool) -> Any:
    """With its port, if it has one."""
    port = r"(:(_[A-Za-z0-9._-]+|(?!0+(?![0-9]))[0-9]{1,5}))?"
    found = re.fullmatch(rf"\[(?P<six>[^\]]*:[^\]]*)\]{port}|(?P<four>[0-9.]+){port}", text)
    numbers = [g for g in (found.groups() if found else ()) if g and g.isdigit()]
    if found and any(int(number) > 65535 for number in numbers):
        return None
    text = (found["six"] or found["four"]) if found else text
    if (not found and not bare) or "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_of(nodes: list[str], bare: bool) -> Any:
    client = ipaddress.ip_address(PROXY)
    for text in reversed(nodes):
        address = node(text, bare)
        if address is None:
            break
        client = address
        if not any(address in network for network in networks):
            break
    return client


nodes = st.one_of(
    st.sampled_from(["10.1.1.1", "10.2.2.2:80", PROXY, "2001:db8:1::5", "[2001:db8:1::6]:99"]),
    st.sampled_from(["203.0.113.7", "203.0.113.8:0", "198.51.100.9:65536", "[::ffff:203.0.113.9]"]),
    st.sampled_from(
        ["unknown", "_hidden", "-", "[::1", "1.2.3", "[1.2.3.4]", "::1", "10.1.1.1:_x"]
    ),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda a: f"[{a}]:4711"),
    st.from_regex(r"[0-9a-f.:\[\]_]{1,24}", fullmatch=True),
)


def cut(nodes_: list[str], at: list[int], between: str) -> list[str]:
    """The list in several fields."""
    bounds = sorted({min(i, len(nodes_)) for i in at} | {0, len(nodes_)})
    return [between.join(nodes_[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)]


quick = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
betweens = st.sampled_from([",", ", ", " ,\t", ",,"])


@quick
@given(
    chain=st.lists(nodes, max_size=6), at=st.lists(st.integers(0, 6), max_size=2), between=betweens
)
def test_x_forwarded_for_as_a_reference_reads_it(
    site: Site, chain: list[str], at: list[int], between: str
) -> None:
    words = seen(site.address, *xff(*cut(chain, at, between)))
    assert ipaddress.ip_address(words["REMOTE_ADDR"]) == client_of(chain, bare=True)


def quoted(text: str, escapes: bool) -> str:
    return '"' + ("".join("\\" + c for c in text) if escapes else text) + '"'


@quick
@given(
    chain=st.lists(nodes, max_size=6),
    at=st.lists(st.integers(0, 6), max_size=2),
    between=betweens,
    escapes=st.booleans(),
    before=st.sampled_from(["", "by=_x;", 'secret="a,b;c";', "proto=http;"]),
)
def test_forwarded_as_a_reference_reads_it(
    by_forwarded: Site, chain: list[str], at: list[int], between: str, escapes: bool, before: str
) -> None:
    elements = [f"{before}For={quoted(text, escapes)}" for text in chain]
    pairs = [("Forwarded", value) for value in cut(elements, at, between)]
    words = seen(by_forwarded.address, *pairs)
    assert ipaddress.ip_address(words["REMOTE_ADDR"]) == client_of(chain, bare=False)
