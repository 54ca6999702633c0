"""The access log: its forms, what it keeps to itself, and that no bytes of strangers break it."""

import contextlib
import json
import os
import random
import re
from typing import Any

import pytest
from conftest import Sites
from http1 import Cut, Peer, build, get
from http2 import Wire
from program import Site, run, until
from projects import write

REQUESTS = int(os.environ.get("SLIPWAY_EXAMPLES", "10000"))
COMBINED = re.compile(
    r'\S+ - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "[ !#-~]*" \d{3} \d+ '
    r'"[ !#-~]*" "[ !#-~]*"'
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
    assert (page["agent"], page["referer"]) == ("me \\x22\\x5C", "http://r.test/x")
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
    ("/?token=a&token=b", "/?token=***&token=***"), ("/?to%6Ben=abc", "/?to%6Ben=***"),
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


LINE = {
    "combined": COMBINED,
    "text": re.compile(COMBINED.pattern + r" \d+\.\d{3} \S+ (\d+|-)"),
}


def some(chance: random.Random, most: int, least: int = 0x21) -> bytes:
    """Mostly not ASCII, and what somebody's syntax is made of."""
    return bytes(chance.choice([chance.randrange(least, 256), chance.choice(b'"\\\\{}\'&?=%/')])
                 for _ in range(chance.randrange(most)))  # fmt: skip


def test_only_errors(sites: Sites) -> None:
    site = sites.start("pep", "--access-only", "errors")
    for target in ("/hello", "/no", "/hello", "/%00"):
        get(site.address, target)
    assert [line.split('" ')[1][:3] for line in lines(site, 2)] == ["500", "400"]


def paths(site: Site, count: int) -> list[str]:
    return [line.split('"')[1].split(" ")[1] for line in lines(site, count)]


def test_probes_are_quiet_while_all_is_well(sites: Sites) -> None:
    site = sites.start("plain", "--access-quiet", "/ping, agent:kube-probe,/no")
    asked = [("/ping", "x"), ("/ping/a", ""), ("/pinga", "kube-probe/1.29"), ("/", "kube-probe")]
    for target, agent in [*asked, ("/%00", "kube-probe"), ("/pinged", "a kube-probe")]:
        get(site.address, target, [("User-Agent", agent)])
    assert paths(site, 2) == ["/%00", "/pinged"]


def test_some_paths_are_in_no_log(sites: Sites) -> None:
    ini = write(
        sites.folder / "slipway.ini",
        "[slipway]\naccess-quiet = /b\n[route /a]\naccess-only = none\n"
        "[route /c]\nmask-query = code\naccess-quiet =\n",
    )
    site = sites.start("plain", "--config", str(ini))
    for target in ("/a/b", "/b", "/b/c", "/c?code=1&token=2", "/bc"):
        get(site.address, target)
    assert paths(site, 2) == ["/c?code=***&token=2", "/bc"]


@pytest.mark.parametrize(("option", "value", "said"), [
    ("access-only", "some", "--access-only takes all, errors or none, not 'some'"),
    ("access-quiet", "ping", "--access-quiet takes paths and agent:NAME"),
    ("access-quiet", "agent:", "such as /ping, agent:kube-probe, not 'agent:'"),
])  # fmt: skip
def test_what_is_refused(sites: Sites, option: str, value: str, said: str) -> None:
    done = run("serve", f"--{option}", value, folder=sites.folder)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


class Hostile:
    """Requests of random bytes, and what each should be in the log: its target begins with its
    number."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.sent: list[tuple[bytes, bytes, bytes]] = []
        self.answered = 0

    def make(self) -> tuple[bytes, bytes, bytes]:
        least = 0x20 if self.chance.random() < 0.9 else 1
        target = b"/%d?" % len(self.sent) + some(self.chance, self.chance.choice([5, 50, 450]))
        agent, referer = (
            some(self.chance, self.chance.choice([5, 50, 120]), least) for _ in range(2)
        )
        self.sent.append((target, agent, referer))
        return self.sent[-1]

    def message(self) -> bytes:
        target, agent, referer = self.make()
        if self.chance.random() < 0.1:
            return some(self.chance, 200, 0) + b"\r\n\r\n"
        head = [b"GET %s HTTP/1.1" % target, b"Host: a", b"User-Agent: " + agent,
                b"Referer: " + referer, b"Connection: close"]  # fmt: skip
        return b"\r\n".join(head) + b"\r\n\r\n"

    def http1(self, site: Site, count: int) -> None:
        peers = [Peer(site.address) for _ in range(count)]
        for peer in peers:
            peer.send(self.message())
            peer.shut()
        for peer in peers:
            with peer, contextlib.suppress(Cut, ConnectionError):
                self.answered += peer.response().status > 0

    def http2(self, site: Site, count: int) -> None:
        with Wire(site.address) as wire:
            for _ in range(count):
                target, agent, referer = self.make()
                fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a")]
                wire.open(
                    [*fields, (b":path", target), (b"user-agent", agent), (b"referer", referer)]
                )
            while any(not answer.is_over for answer in wire.answers.values()) and not wire.goaways:
                wire.read()
            self.answered += sum(bool(answer.heads) for answer in wire.answers.values())

    def is_as_sent(self, row: dict[str, Any]) -> bool:
        """Undoes the one escape there is."""

        def undo(text: str) -> bytes:
            assert all(" " <= c <= "~" and c != '"' for c in text), row
            assert not re.search(r"\\(?!x[0-9A-F]{2})", text), row
            return re.sub(r"\\x(..)", lambda m: chr(int(m[1], 16)), text).encode("latin-1")

        got = [undo(row[name]) for name in ("target", "agent", "referer")]
        if not (number := re.match(rb"/(\d+)\?", got[0])):
            assert row["status"] >= 400 and got[0] == b"", row
            return False
        assert got == [one.strip(b" \t") for one in self.sent[int(number[1])]], row
        return True


@pytest.mark.parametrize("form", ["json", "combined", "text"])
def test_every_line_can_be_read(sites: Sites, form: str) -> None:
    hostile = Hostile(int(os.environ.get("SLIPWAY_SEED", "5")))
    options = ["--access-format", form, "--mask-query", ""]
    site = sites.start("plain", *options, workers=2)
    count = REQUESTS if form == "json" else REQUESTS // 10
    while len(hostile.sent) < count:
        hostile.http1(site, 25)
        hostile.http2(site, 25)
    assert hostile.answered > count * 0.6
    found = lines(site, hostile.answered)
    if form == "json":
        assert sum(hostile.is_as_sent(json.loads(line)) for line in found) > count * 0.5
        return
    for line in found:
        assert LINE[form].fullmatch(line), line


def test_a_line_is_there_for_each_of_many(sites: Sites) -> None:
    site = sites.start("plain", "--access-format", "json")
    with Peer(site.address) as peer:
        peer.send(b"".join(build("GET", f"/{n}") for n in range(2000)))
        for _ in range(2000):
            assert peer.response().status == 200
    assert [row["target"] for row in told(site, 2000)] == [f"/{n}" for n in range(2000)]
