"""Sends a raw request to any server and says what came of it."""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from http1 import TIMEOUT_S, Address, Cut, Malformed, Peer
from raw_requests import SECOND, Row

NO_HTTP = 0  # in place of a status: what came is no response


class Outcome(NamedTuple):
    answers: tuple[int, ...]  # of final responses, that to SECOND included
    end: str  # "closed"; "open": nothing more came in the time given
    says_close: bool  # the last response
    seen: tuple[dict[str, str], ...]  # by the application, in order, SECOND included


class Seen:
    """What the application wrote down, one JSON object a line."""

    def __init__(self, path: Path):
        self._path = path
        self._at = 0

    def new(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        self._at += len(data)
        return [json.loads(line) for line in data.splitlines()]


def send_cut(peer: Peer, data: bytes, cuts: Iterable[int]) -> None:
    """In pieces that end at these offsets; a server that refuses need not read to the end."""
    try:
        for start, stop in pairwise([0, *cuts, len(data)]):
            peer.send(data[start:stop])
    except OSError:
        return


def read_all(peer: Peer, heads: Sequence[int]) -> tuple[list[int], str, bool]:
    """Every response up to the end of the connection: statuses, how it ended, said to close?"""
    answers: list[int] = []
    says_close = False
    try:
        while True:
            method = "HEAD" if len(answers) in heads else "GET"
            head = peer.head()
            if head.status < 200:
                continue
            answers.append(head.status)
            says_close = "close" in ",".join(head.all("Connection")).lower()
            peer.body(head, method)
    except Cut:
        return answers, "closed", says_close
    except TimeoutError:
        return answers, "open", says_close
    except (Malformed, ValueError):
        return [*answers, NO_HTTP], "closed", says_close


def exchange(
    address: Address, row: Row, cuts: Iterable[int] = (), timeout_s: float = TIMEOUT_S
) -> tuple[list[int], str, bool]:
    with Peer(address, timeout_s) as peer:
        send_cut(peer, row.data + SECOND, cuts)
        return read_all(peer, row.heads)


def fence(address: Address, timeout_s: float = TIMEOUT_S) -> None:
    """A request of its own: what was handed to the application before has been written down."""
    with Peer(address, timeout_s) as peer:
        peer.ask(target="/fence", fields=[("Connection", "close")])


def outcome(
    address: Address,
    seen: Seen,
    row: Row,
    cuts: Iterable[int] = (),
    timeout_s: float = TIMEOUT_S,
) -> Outcome:
    seen.new()
    answers, end, says_close = exchange(address, row, cuts, timeout_s)
    fence(address)
    words = [one for one in seen.new() if one.get("PATH_INFO") != "/fence"]
    return Outcome(tuple(answers), end, says_close, tuple(words))


def differences(row: Row, got: Outcome) -> list[str]:
    """Where the outcome is not what the row demands, one phrase each; empty: as demanded."""
    found = []
    if got.answers != row.expected:
        found.append(f"answers {got.answers}, not {row.expected}")
    if got.end != "closed":
        found.append("waits for more")
    second = ({"PATH_INFO": "/second", "HTTP_HOST": "second.test"},) if row.goes_on else ()
    wanted = row.seen + second
    if len(got.seen) != len(wanted):
        paths = [f"{one.get('REQUEST_METHOD')} {one.get('PATH_INFO')}" for one in got.seen]
        found.append(f"the application saw {paths}")
        return found
    for words, real in zip(wanted, got.seen, strict=True):
        for name, value in words.items():
            if real.get(name) != value:
                found.append(f"{name} is {real.get(name)!r}, not {value!r}")
    return found
