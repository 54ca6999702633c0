"""The access log: its forms, what it keeps to itself, and that no bytes of strangers break it."""

import json
import os
import random
import re
from typing import Any

import pytest
from conftest import Sites
from http1 import Cut, Peer, build, get
from program import Site, until
from projects import write

REQUESTS = int(os.environ.get("SLIPWAY_EXAMPLES", "1000"))
COMBINED = re.compile(
    r'\S+ - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "[ !#-~]*" \d{3} \d+ '
    r'"[ !#-~]*" "[ !#-~]*" '
    r"\d+\.\d{3} \S+ (\d+|-)"
)


def lines(site: Site, count: int) -> list[str]:
    """The log once it has so many lines."""

    def look() -> list[str] | None:
        text = site.access_log()
        found = text.splitlines()
        return found if text.endswith("\n") and len(found) >= count else None

    found: list[str] = until(f"{count} lines", look)
    return found


def told(site: Site, count: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(site, count)]


def test_json_says_what_happened(sites: Sites) -> None:
    write(sites.folder / "s" / "a.txt", "12345")
    site = sites.start("plain", "--access-format", "json", "--static", f"/s/={sites.folder}/s")
    get(site.address, "/a?b=%20c", [("User-Agent", 'me "\\'), ("Referer", "http://r.test/x")])
    get(site.address, "/s/a.txt")
    with Peer(site.address) as peer:
        peer.send(b"GET / HTTP/9.9\r\n\r\n")
        peer.response()
    page, file, refused = told(site, 3)
    assert (page["method"], page["target"], page["status"]) == ("GET", "/a?b=%20c", 200)
    assert (page["host"], page["address"], page["protocol"]) == (
        "site.test",
        "127.0.0.1",
        "HTTP/1.1",
    )
    assert (page["agent"], page["referer"]) == ("me \\x22\\x5c", "http://r.test/x")
    assert page["worker"] in site.pids("worker")
    assert page["ms"] >= page["app_ms"] > 0 and page["queue_ms"] >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", page["time"])
    assert (file["target"], file["bytes"], file["worker"], file["app_ms"]) == ("/s/a.txt", 5, 0, 0)
    assert refused["status"] == 505


@pytest.mark.parametrize(("target", "shown"), [
    ("/?token=abc", "/?token=***"),
    ("/?a=1&token=abc&b=2", "/?a=1&token=***&b=2"),
    ("/?Password=x&PASSWD=y", "/?Password=***&PASSWD=***"),
    ("/?token=a=b&c", "/?token=***&c"),
    ("/?token=;signature=1;x=2", "/?token=***;signature=***;x=2"),
    ("/?token", "/?token"), ("/?=abc", "/?=abc"), ("/?", "/?"), ("/token=abc", "/token=abc"),
    ("/?mytoken=abc&tokens=d", "/?mytoken=abc&tokens=d"),
    ("/?x=token=abc", "/?x=token=abc"), ("/?a&token=b?token=c", "/?a&token=***"),
    ("/?token=a&token=b", "/?token=***&token=***"),
])  # fmt: skip
@pytest.mark.parametrize("form", ["json", "combined"])
def test_secrets_in_queries(shared: Sites, target: str, shown: str, form: str) -> None:
    key = f"access-{form}"
    site = KEPT.get(key) or KEPT.setdefault(key, shared.start("plain", "--access-format", form))
    before = len(site.access_log().splitlines())
    get(site.address, target, [("Referer", f"http://site.test{target}")])
    line = lines(site, before + 1)[-1]
    assert f" {shown} " in line or f'"target":"{shown}"' in line
    assert f'"http://site.test{shown}"' in line


KEPT: dict[str, Site] = {}


def test_names_by_option(sites: Sites) -> None:
    site = sites.start("plain", "--mask-query", "code, state")
    get(site.address, "/?code=1&state=2&token=3")
    assert "/?code=***&state=***&token=3" in lines(site, 1)[0]
    site = sites.start("plain", "--mask-query", "")
    get(site.address, "/?token=3")
    assert "/?token=3" in lines(site, 1)[0]


def test_only_errors_and_slow_ones(sites: Sites) -> None:
    site = sites.start("pep", "--access-slow", "1h")
    for target in ("/hello", "/no", "/%00", "/hello"):
        get(site.address, target)
    assert [line.split('" ')[1][:3] for line in lines(site, 2)] == ["500", "400"]
    assert "/hello" not in site.access_log()


def hostile(chance: random.Random) -> bytes:
    """Mostly a request, of bytes that are mostly not ASCII."""

    def some(most: int, least: int = 0x21) -> bytes:
        return bytes(chance.choice([chance.randrange(least, 256), chance.choice(b'"\\\\{}\'&?=%/')])
                     for _ in range(chance.randrange(most)))  # fmt: skip

    if chance.random() < 0.1:
        return some(200, 0) + b"\r\n\r\n"
    target = b"/" + some(chance.choice([5, 50, 3000]))
    agent = some(chance.choice([5, 50, 900]))
    lines = [b"GET %s HTTP/1.1" % target, b"Host: a", b"User-Agent: " + agent,
             b"Referer: " + some(50), b"Connection: close"]  # fmt: skip
    return b"\r\n".join(lines) + b"\r\n\r\n"


@pytest.mark.parametrize("form", ["json", "combined"])
def test_every_line_can_be_read(sites: Sites, form: str) -> None:
    chance = random.Random(int(os.environ.get("SLIPWAY_SEED", "5")))
    site = sites.start("plain", "--access-format", form, workers=2)
    answered = 0
    for _ in range(REQUESTS):
        with Peer(site.address) as peer:
            try:
                peer.send(hostile(chance))
                peer.shut()
                answered += peer.response().status > 0
            except (Cut, ConnectionError):
                pass
    assert answered > REQUESTS * 0.8
    for line in lines(site, answered):
        if form == "json":
            assert json.loads(line)["status"] >= 200
        else:
            assert COMBINED.fullmatch(line), line


def test_a_line_is_there_for_each_of_many(sites: Sites) -> None:
    site = sites.start("plain", "--access-format", "json")
    with Peer(site.address) as peer:
        peer.send(b"".join(build("GET", f"/{n}") for n in range(2000)))
        for _ in range(2000):
            assert peer.response().status == 200
    assert [row["target"] for row in told(site, 2000)] == [f"/{n}" for n in range(2000)]
