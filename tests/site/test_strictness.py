"""The table of raw requests (raw_*.py), whole and cut: a refused request never has a second one
behind it, and where a request ends does not depend on how its bytes come."""

import os
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import ROOT, Site
from raw_requests import LIMITS, ROWS, Row
from raw_run import Seen, differences, outcome, source_of
from strictness_page import demands

EXAMPLES = int(os.environ.get("SLIPWAY_EXAMPLES", "150"))
IDS = [f"{row.topic}: {row.name}" for row in ROWS]


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    return shared.start(
        "says",
        *["--head-limit", str(LIMITS["head"]), "--fields-limit", str(LIMITS["fields"])],
        *["--body-limit", str(LIMITS["body"]), "--head-timeout", "60s", "--body-timeout", "60s"],
    )


@pytest.fixture(scope="module")
def seen(shared: Sites) -> Seen:
    return Seen(Path(shared.marks) / "seen")


def check(site: Site, seen: Seen, row: Row, cuts: list[int]) -> None:
    with Peer(site.address, source=source_of(row)) as peer:
        got = outcome(peer, site.address, seen, row, cuts)
    assert differences(row, got) == [], row.reason
    assert got.says_close, "the last response says nothing of the end"


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_whole(site: Site, seen: Seen, row: Row) -> None:
    check(site, seen, row, [])


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_byte_by_byte(site: Site, seen: Seen, row: Row) -> None:
    check(site, seen, row, list(range(1, len(row.data))))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_cut_anywhere(site: Site, seen: Seen, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(ROWS))
    cuts = data.draw(st.sets(st.integers(1, len(row.data)), max_size=6))
    check(site, seen, row, sorted(cuts))


def test_the_page_has_every_demand() -> None:
    page = (ROOT / "docs" / "strictness.md").read_text()
    assert "\n".join(demands()).rstrip() in page, "`make test-peers` makes docs/strictness.md anew"
