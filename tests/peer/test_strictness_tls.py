"""The table of raw requests (tests/site/raw_*.py) by TLS: what the site tests ask of a plain
listener, whole and byte by byte, each byte in a record of its own."""

from pathlib import Path
from typing import Any

import certificates
import pytest
from program import Site
from raw_requests import LIMITS, ROWS, Row
from raw_run import Seen, differences, outcome, source_of
from tls_client import TlsPeer


@pytest.fixture(scope="module")
def site(shared: Any) -> Site:
    pair = certificates.make(shared.folder, "raw", "one.test")
    started: Site = shared.start(
        "says",
        *["--listen", "127.0.0.1:0 tls", *pair.options],
        *["--head-limit", str(LIMITS["head"]), "--fields-limit", str(LIMITS["fields"])],
        *["--body-limit", str(LIMITS["body"]), "--head-timeout", "60s", "--body-timeout", "60s"],
    )
    return started


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.topic}: {row.name}" for row in ROWS])
def test_by_tls(site: Site, shared: Any, row: Row) -> None:
    seen = Seen(Path(shared.marks) / "seen")
    for cuts in ([], list(range(1, len(row.data)))):
        with TlsPeer(site.addresses[1], source=source_of(row)) as peer:
            got = outcome(peer, site.address, seen, row, cuts)
        assert differences(row, got) == [], row.reason
        assert got.says_close, "the last response says nothing of the end"
