"""What a request is called: its id and its trace, where they come from and who is told; and how
long it took."""

import json
import re
import sys
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Fields, Peer, get
from http2 import Wire
from program import APPS, Site
from projects import write

sys.path.append(str(APPS))
from named import OWN  # noqa: E402

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
MADE = re.compile(r"[0-9a-f]{32}")
TRUST = ["--trusted-peers", "loopback"]


@pytest.fixture(scope="module")
def files(shared: Sites) -> Path:
    return write(shared.folder / "files" / "a.txt", "a").parent


@pytest.fixture(scope="module")
def stranger(shared: Sites, files: Path) -> Site:
    """A site that trusts nobody."""
    site: Site = shared.start("named", "--static", f"/static/={files}", "--edges", "2")
    return site


@pytest.fixture(scope="module")
def trusting(shared: Sites, files: Path) -> Site:
    more = ["--request-id-response", "yes", "--access-format", "json", "--server-timing", "yes"]
    site: Site = shared.start("named", *TRUST, *more, "--static", f"/static/={files}")
    return site


def seen(site: Site, *fields: tuple[str, str], target: str = "/") -> dict[str, str]:
    response = get(site.address, target, fields)
    assert response.status == 200
    found: dict[str, str] = json.loads(response.body)
    return found


# ---- the id


def test_each_request_has_one_of_its_own(stranger: Site) -> None:
    with Peer(stranger.address) as peer:
        ids = [json.loads(peer.ask().body)["HTTP_X_REQUEST_ID"] for _ in range(300)]
    assert all(MADE.fullmatch(one) for one in ids)
    assert len(set(ids)) == 300


def test_no_two_edges_and_no_two_starts_make_the_same(sites: Sites) -> None:
    found: set[str] = set()
    for _ in range(2):
        site = sites.start("named", "--edges", "2")
        found |= {seen(site)["HTTP_X_REQUEST_ID"] for _ in range(40)}
        site.stop()
    assert len(found) == 80


@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id"])
def test_a_stranger_does_not_name_his_requests(stranger: Site, name: str) -> None:
    assert MADE.fullmatch(seen(stranger, (name, "mine"))["HTTP_X_REQUEST_ID"])


def test_not_by_calling_it_hop_by_hop(stranger: Site) -> None:
    found = seen(stranger, ("X-Request-ID", "mine"), ("Connection", "X-Request-ID"))
    assert MADE.fullmatch(found["HTTP_X_REQUEST_ID"])


@pytest.mark.parametrize(
    ("value", "is_taken"),
    [
        ("a", True),
        ("0123456789abcdef0123456789ABCDEF", True),
        ("7f9c24e5-2f6b-4c1d-9d3a-3b8a8d1b0c11", True),
        ("Root=1-67891233-abcdef012345678912345678;Sampled=1", True),
        ("q.r_s~t:u+v/w", True),
        ("x" * 80, True),
        ("x" * 81, False),
        ("", False),
        ("two words", False),
        ('say"quote', False),
        ("<b>", False),
        ("back\\slash", False),
        ("per%cent", False),
        ("c\xf6de", False),
        ("a,b", False),
        ("tab\tbed", False),
    ],
)
def test_a_trusted_peer_names_them(trusting: Site, value: str, is_taken: bool) -> None:
    for target in ("/", "/static/a.txt"):
        response = get(trusting.address, target, [("X-Request-ID", value)])
        said = response.get("X-Request-ID") or ""
        assert said == value if is_taken else MADE.fullmatch(said)
        if target == "/":
            assert json.loads(response.body)["HTTP_X_REQUEST_ID"] == said
        trusting.out.wait(rf'"id":"{re.escape(said)}"')


def test_of_two_names_the_application_sees_one(trusting: Site) -> None:
    fields = [("X-Request-ID", "one"), ("X-Other", "x"), ("X-REQUEST-ID", "two")]
    assert seen(trusting, *fields)["HTTP_X_REQUEST_ID"] == "one"


def test_another_field(sites: Sites) -> None:
    site = sites.start("named", *TRUST, "--request-id-field", "CF-Ray")
    found = seen(site, ("CF-Ray", "8f1-FRA"), ("X-Request-ID", "of a client"))
    assert found["HTTP_X_REQUEST_ID"] == "8f1-FRA" == found["HTTP_CF_RAY"]
    assert MADE.fullmatch(seen(site, ("X-Request-ID", "of a client"))["HTTP_X_REQUEST_ID"])


def test_the_client_is_told_only_where_it_is_wished(stranger: Site) -> None:
    assert get(stranger.address, "/").get("X-Request-ID") is None
    assert get(stranger.address, "/static/a.txt").get("X-Request-ID") is None


def test_an_error_of_ours_names_it(stranger: Site) -> None:
    response = get(stranger.address, "/die", method="POST")
    said = response.get("X-Request-ID") or ""
    assert response.status == 502 and MADE.fullmatch(said) and said in response.text
    stranger.out.wait(rf'"POST /die HTTP/1.1" 502 .*{said}')


def test_the_access_log_says_what_the_application_saw(stranger: Site) -> None:
    said = seen(stranger, target="/?logged")["HTTP_X_REQUEST_ID"]
    stranger.out.wait(rf"GET /\?logged .*{said}")


# ---- the trace


@pytest.mark.parametrize(
    ("fields", "is_passed"),
    [
        ([("traceparent", PARENT)], True),
        ([("TraceParent", PARENT), ("TraceState", "a=1"), ("tracestate", "b=2")], True),
        ([("traceparent", PARENT.upper()), ("tracestate", "a=1")], False),
        ([("traceparent", PARENT + "-x"), ("tracestate", "a=1")], False),
        ([("traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01")], False),
        ([("traceparent", PARENT), ("traceparent", PARENT), ("tracestate", "a=1")], False),
        ([("traceparent", PARENT), ("Connection", "traceparent")], True),
        ([], False),
    ],
)
def test_a_trace_is_passed_on_when_it_is_one(
    stranger: Site, fields: Fields, is_passed: bool
) -> None:
    found = seen(stranger, *fields)
    assert found.get("HTTP_TRACEPARENT") == (PARENT if is_passed else None)
    states = [value for name, value in fields if name.lower() == "tracestate"]
    assert found.get("HTTP_TRACESTATE") == (", ".join(states) or None if is_passed else None)


def test_the_access_log_can_say_the_trace(sites: Sites) -> None:
    site = sites.start("named", "--access-fields", "target, trace, id")
    said = seen(site, ("traceparent", PARENT), target="/?one")["HTTP_X_REQUEST_ID"]
    site.out.wait(rf'^"?/\?one"? {TRACE} {said}$')
    seen(site, target="/?two")
    site.out.wait(r'^"?/\?two"? - [0-9a-f]{32}$')


def test_a_trace_is_made_where_there_is_none(sites: Sites) -> None:
    site = sites.start("named", "--traceparent", "make")
    made = [seen(site)["HTTP_TRACEPARENT"] for _ in range(50)]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", one) for one in made)
    assert len(set(made)) == 50
    assert seen(site, ("traceparent", PARENT))["HTTP_TRACEPARENT"] == PARENT
    found = seen(site, ("traceparent", "rubbish"), ("tracestate", "a=1"))
    assert found["HTTP_TRACEPARENT"].startswith("00-")
    assert "HTTP_TRACESTATE" not in found


# ---- what the application says


def test_the_applications_head_is_unchanged(stranger: Site) -> None:
    response = get(stranger.address, "/own")
    names = {name.lower() for name, _ in OWN}
    fields = [f for f in response.head.fields if f[0].lower() in names - {"content-length"}]
    assert fields == [f for f in OWN if f[0].lower() != "content-length"]
    assert response.head.reason == "Fine"
    assert len(response.head.all("Content-Length")) == 1


def test_also_over_http2_but_for_capitals(stranger: Site) -> None:
    with Wire(stranger.address) as wire:
        head = wire.ask("GET", "/own").heads[-1]
    names = {name.lower() for name, _ in OWN} - {"content-length"}
    expected = [(n.lower(), v) for n, v in OWN if n.lower() in names]
    assert [f for f in head if f[0] in names] == expected


def test_its_own_name_for_a_request_stands(trusting: Site) -> None:
    assert get(trusting.address, "/own").head.all("X-Request-ID") == ["of the application"]


# ---- how long it took

TIMING = re.compile(r"queue;dur=(\d+\.\d{3}), app;dur=(\d+\.\d{3}), total;dur=(\d+\.\d{3})")


def test_server_timing(trusting: Site) -> None:
    response = get(trusting.address, "/slow")
    found = TIMING.fullmatch(response.get("Server-Timing") or "")
    assert found
    queue, app, total = (float(one) for one in found.groups())
    assert 50 <= app <= total and queue + app <= total + 0.002


def test_server_timing_behind_the_applications_own(trusting: Site) -> None:
    own, ours = get(trusting.address, "/own").head.all("Server-Timing")
    assert own == dict(OWN)["Server-Timing"] and TIMING.fullmatch(ours)


def test_server_timing_of_a_file(trusting: Site) -> None:
    said = get(trusting.address, "/static/a.txt").get("Server-Timing")
    assert re.fullmatch(r"total;dur=\d+\.\d{3}", said or "")


def test_no_timing_unless_it_is_wished(stranger: Site) -> None:
    assert get(stranger.address, "/slow").get("Server-Timing") is None
