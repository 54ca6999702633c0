"""Nothing outside the static folders, no dotfile and nothing protected, however it is spelled.

SLIPWAY_LONG=1 for all 25,000 ways to climb; else every 23rd, of each kind some.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import traversal
import wires
from conftest import Sites
from http1 import Cut
from program import Site
from traversal import OTHER_NAMES, OTHERS, SAME, SECRET, TEXT
from wires import WIRES, Asker, Got

CLIMBING = traversal.climbing()[:: 1 if os.environ.get("SLIPWAY_LONG") else 23]
ALL = [*CLIMBING, *OTHERS, *OTHER_NAMES]


@pytest.fixture(scope="module")
def root(shared: Sites) -> Path:
    return traversal.make(shared.folder / "files")


@pytest.fixture(scope="module")
def site(shared: Sites, root: Path) -> Site:
    return wires.start(
        shared,
        "plain",
        *["--static", f"/static/={root}", "--static", f"/bare={root}"],
        *["--protected", f"/p/={root.parent}/private", "--access-log", "off"],
    )


def answers(site: Site, wire: str, targets: list[str], method: str = "GET") -> Iterator[Got | None]:
    """One after the other; None: refused by closing the connection or resetting the stream."""
    one = Asker(wire, site)
    for target in targets:
        try:
            got = one.ask(target, method=method)
        except (Cut, AssertionError, UnicodeError):
            got = None
        if got is None or (got.status == 400 and wire.startswith("http1")):
            one.close()
            one = Asker(wire, site)
        yield got
    one.close()


def is_safe(got: Got | None) -> bool:
    if got is None or got.status in (400, 404):
        return True
    return got.get("X-App") == "plain" and SECRET.encode() not in got.body


def test_the_table_is_worth_something(root: Path) -> None:
    """A server that joins names, or decodes twice, would give the secrets away."""
    targets = [*traversal.climbing(), *OTHERS]
    for decodings, least in ((0, 100), (1, 300), (2, 500)):
        found = [target for target in targets if traversal.naive_reads(root, target, decodings)]
        assert len(found) >= least, len(found)


@pytest.mark.parametrize("wire", ["http1", "http2"])
def test_nothing_is_reached(site: Site, wire: str) -> None:
    for target, got in zip(ALL, answers(site, wire, ALL), strict=True):
        assert is_safe(got), (target, got)
        assert got is None or SECRET.encode() not in got.body


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE"])
def test_nor_is_it_told_what_is_there(site: Site, wire: str, method: str) -> None:
    targets = [*OTHERS, *OTHER_NAMES, *CLIMBING[::9]]
    for target, got in zip(targets, answers(site, wire, targets, method), strict=True):
        assert is_safe(got), (target, got)


@pytest.mark.parametrize("wire", WIRES)
def test_the_same_file_otherwise(site: Site, wire: str) -> None:
    for target, got in zip(SAME, answers(site, wire, SAME), strict=True):
        assert got and got.status == 200 and got.text == TEXT, target
