"""Sends a raw request to any server and says what came of it."""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from http1 import Address, Cut, Malformed, Peer
from program import until
from raw_requests import ROWS, SECOND, Row

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

    def _lines(self) -> bytes:
        """Since skip(), whole ones: of another a part may be there, up to the end of a page."""
        if not self._path.exists():
            return b""
        with self._path.open("rb") as file:
            file.seek(self._at)
            text = file.read()
        return text[: text.rfind(b"\n") + 1]

    def skip(self) -> None:
        self._at += len(self._lines())

    def of(self, client: str) -> list[dict[str, str]] | None:
        """Since skip() and by the client of this address; None: one is still under way."""
        found = [json.loads(line) for line in self._lines().splitlines()]
        begun = [one for one in found if one.get("begun") == client]
        whole = [one for one in found if one.get("REMOTE_ADDR") == client]
        return None if len(begun) > len(whole) else whole


def send_cut(peer: Peer, data: bytes, cuts: Iterable[int]) -> None:
    """In pieces that end at these offsets; a server that refuses need not read to the end."""
    try:
        for start, stop in pairwise([0, *cuts, len(data)]):
            peer.send(data[start:stop])
    except OSError:
        return


class Found(NamedTuple):
    words: list[dict[str, str]] | None

    def __bool__(self) -> bool:
        return self.words is not None


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
        return answers + [NO_HTTP] * bool(peer.kept), "closed", says_close
    except TimeoutError:
        return answers, "open", says_close
    except (Malformed, ValueError):
        return [*answers, NO_HTTP], "closed", says_close


def source_of(row: Row) -> str:
    """Every row has a client of its own, so that what comes late is nobody else's."""
    number = ROWS.index(row)
    return f"127.1.{number // 200}.{number % 200 + 1}"


def fence(address: Address) -> None:
    """A request of its own: what was handed to the application before has begun."""
    with Peer(address) as peer:
        peer.ask(target="/fence", fields=[("Connection", "close")])


def outcome(peer: Peer, address: Address, seen: Seen, row: Row, cuts: Iterable[int]) -> Outcome:
    """`peer` is a new connection to `address` from source_of(row)."""
    client = source_of(row)
    seen.skip()
    send_cut(peer, row.data + SECOND, cuts)
    answers, end, says_close = read_all(peer, row.heads)
    if end == "closed":
        peer.close()  # some wait for it
    fence(address)
    # A request of which nothing is heard may still wait for its body: then it is not seen yet.
    if end == "open":
        words = seen.of(client)
    else:
        words = until("the application's end", lambda: Found(seen.of(client))).words
    return Outcome(tuple(answers), end, says_close, tuple(words or ()))


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
            is_unset = value is None and real.get(name) == "" and not name.startswith("HTTP_")
            if real.get(name) != value and not is_unset:
                found.append(f"{name} is {real.get(name)!r}, not {value!r}")
    return found
