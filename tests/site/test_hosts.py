"""Which hosts are served: option hosts."""

import pytest
from conftest import Sites
from http1 import Peer, build


def status(address, host: str, target: str = "/hello") -> int:
    with Peer(address) as one:
        one.send(build("GET", target, [("Host", host)]))
        return one.response().status


@pytest.fixture(scope="module")
def site(shared: Sites):
    return shared.start("work", "--hosts", "a.test, example.com", "--hosts", "*.example.org")


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("example.com", 200),
        ("EXAMPLE.COM:8000", 200),
        ("example.com.", 200),
        ("www.example.org", 200),
        ("a.b.example.org", 200),
        ("example.org", 421),
        ("www.example.com", 421),
        ("127.0.0.1", 421),
    ],
)
def test_other_hosts_are_misdirected(site, host: str, wanted: int) -> None:
    assert status(site.address, host) == wanted


def test_health_has_no_host_check(site) -> None:
    for name in ["live", "ready", "started"]:
        assert status(site.address, "10.0.0.1:8000", f"/.slipway/{name}") == 200
