"""Files that are replaced all the time, and clients that hold every answer to one version of them.

Version V of a file has content, size and time of modification of its own: what an answer says
(ETag, Last-Modified, lengths, ranges) and the bytes it brings must all be of the same one.
"""

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

from byte_ranges import parts_of, wanted
from program import Site
from wires import Asker, Got

BEGAN_S = 1_600_000_000  # the time of version 0; each later one is a second younger
SIZES = {"tiny.txt": 40, "kept.css": 9_000, "middle.js": 70_000, "large.bin": 400_000}


@lru_cache(maxsize=400)
def content(name: str, version: int) -> bytes:
    size = SIZES[name] + version % 97
    mark = f"{name}={version};".encode()
    return (mark * (size // len(mark) + 1))[:size]


def put(folder: Path, name: str, version: int) -> None:
    """As editors, rsync and collectstatic do: a new file is renamed over the old one."""
    new = folder / f".new-{name}"
    new.write_bytes(content(name, version))
    os.utime(new, (BEGAN_S + version, BEGAN_S + version))
    new.rename(folder / name)


class Swapper:
    """ROOT/plain/NAME are replaced one by one; ROOT/current is a link that is turned to folders of
    releases, as deploy tools do."""

    def __init__(self, root: Path):
        self.root = root
        self.versions = {"plain": 0, "current": 0}
        (root / "plain").mkdir(parents=True)
        (root / "releases").mkdir()
        for name in SIZES:
            put(root / "plain", name, 0)
        self.release()

    def replace(self) -> None:
        self.versions["plain"] += 1
        for name in SIZES:
            put(self.root / "plain", name, self.versions["plain"])

    def release(self) -> None:
        version = self.versions["current"] = self.versions["current"] + 1
        folder = self.root / "releases" / str(version)
        folder.mkdir()
        for name in SIZES:
            put(folder, name, version)
        (self.root / "turned").symlink_to(f"releases/{version}")
        (self.root / "turned").rename(self.root / "current")
        for old in self.root.joinpath("releases").iterdir():
            if int(old.name) < version - 2:
                for name in SIZES:
                    (old / name).unlink()
                old.rmdir()


class Client(threading.Thread):
    """Asks one thing after the other over a connection that is kept."""

    def __init__(self, wire: str, site: Site, prefixes: list[str], tags: dict[str, str]):
        super().__init__(daemon=True)
        self.wire, self.site, self.prefixes = wire, site, prefixes
        self.tags = tags  # of all clients: (target and version) by ETag
        self.chance = random.Random(wire + prefixes[0])
        self.stopped = threading.Event()
        self.answers = 0
        self.statuses: dict[int, int] = {}
        self.failure: BaseException | None = None
        self.last: dict[str, str] = {}  # ETag by target

    def run(self) -> None:
        try:
            with Asker(self.wire, self.site) as one:
                while not self.stopped.is_set():
                    self.ask(one)
        except BaseException as error:
            self.failure = error

    def ask(self, one: Asker) -> None:
        name = self.chance.choice(list(SIZES))
        target = self.chance.choice(self.prefixes) + name
        fields, method = self.request(target)
        got = one.ask(target, fields, method)
        self.judge(target, name, dict(fields), method, got)
        self.answers += 1
        self.statuses[got.status] = self.statuses.get(got.status, 0) + 1

    def request(self, target: str) -> tuple[list[tuple[str, str]], str]:
        etag = self.last.get(target)
        some = [("Range", f"bytes={self.chance.randrange(20)}-{self.chance.randrange(20, 50000)}")]
        several = [("Range", "bytes=0-3,200-299,5000-9999,-3")]
        kinds: list[tuple[list[tuple[str, str]], str]] = [([], "GET"), (some, "GET")]
        kinds += [(several, "GET"), ([], "HEAD")]
        if etag:
            kinds += [([("If-None-Match", etag)], "GET"), ([("If-Match", etag)], "GET")]
            kinds += [([*some, ("If-Range", etag)], "GET"), ([*several, ("If-Range", etag)], "GET")]
        return self.chance.choice(kinds)

    def judge(self, target: str, name: str, asked: dict[str, str], method: str, got: Got) -> None:
        if got.status == 412:
            assert "If-Match" in asked
            self.last.pop(target)
            return
        etag, modified = got.get("ETag"), got.get("Last-Modified")
        assert got.status in (200, 206, 304) and etag and modified, got
        version = int(parsedate_to_datetime(modified).timestamp()) - BEGAN_S
        assert modified == formatdate(BEGAN_S + version, usegmt=True)
        key = f"{name} {version}"
        assert self.tags.setdefault(etag, key) == key, "one ETag for two versions"
        self.last[target] = etag
        whole = content(name, version)
        if got.status == 304:
            assert asked["If-None-Match"] == etag and got.body == b""
            return
        assert asked.get("If-None-Match") != etag
        assert asked.get("If-Match", etag) == etag
        if method == "HEAD" or got.status == 200:
            assert got.get("Content-Length") == str(len(whole))
            assert got.body == (b"" if method == "HEAD" else whole)
            assert "Range" not in asked or asked.get("If-Range", etag) != etag
            return
        assert asked.get("If-Range", etag) == etag
        self.judge_ranges(asked["Range"], whole, got)

    @staticmethod
    def judge_ranges(value: str, whole: bytes, got: Got) -> None:
        ranges = wanted(value, len(whole))
        assert isinstance(ranges, list) and got.get("Content-Length") == str(len(got.body))
        if len(ranges) == 1:
            ((first, last),) = ranges
            assert got.get("Content-Range") == f"bytes {first}-{last}/{len(whole)}"
            assert got.body == whole[first : last + 1]
            return
        parts = parts_of(got.get("Content-Type") or "", got.body)
        assert [(p.first, p.last) for p in parts] == ranges
        for part in parts:
            assert part.size == len(whole) and part.body == whole[part.first : part.last + 1]


@contextmanager
def running(clients: list[Client]) -> Iterator[Callable[[int], None]]:
    """Gives a function that waits until each of them had so many answers more."""

    def wait_more(count: int) -> None:
        goals = [client.answers + count for client in clients]
        for client, goal in zip(clients, goals, strict=True):
            while client.answers < goal:
                client.join(0.01)
                if client.failure:
                    raise client.failure
                assert client.is_alive()

    for client in clients:
        client.start()
    try:
        yield wait_more
    finally:
        for client in clients:
            client.stopped.set()
        for client in clients:
            client.join(60)
