"""The same question over HTTP/1.1 and HTTP/2 (the fixture `asker`), for tests of what has nothing
to do with the wire."""

from typing import NamedTuple

from http1 import Address, Peer, build
from http2 import Wire


class Said(NamedTuple):
    status: int
    fields: list[tuple[str, str]]  # names in small letters
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name.lower()]

    def get(self, name: str) -> str | None:
        found = self.all(name)
        assert len(found) < 2, f"{name} occurs {len(found)} times"
        return found[0] if found else None

    @property
    def text(self) -> str:
        return self.body.decode()


def said(status: int, fields: list[tuple[str, str]], body: bytes) -> Said:
    return Said(status, [(k.lower(), v) for k, v in fields if not k.startswith(":")], body)


class Asker:
    def __init__(self, wire: str):
        self.wire = wire

    def __call__(
        self,
        address: Address,
        target: str = "/",
        *fields: tuple[str, str],
        method: str = "GET",
        host: str = "site.test",
        source: str = "",
        body: bytes | None = None,
    ) -> Said:
        if self.wire == "h1":
            with Peer(address, source=source) as peer:
                peer.send(build(method, target, [("Host", host), *fields], body))
                response = peer.response(method)
                return said(response.status, response.head.fields, response.body)
        with Wire(address, source=source) as wire:
            lower = [(name.lower(), value) for name, value in fields]
            answer = wire.ask(method, target, lower, body, authority=host)
            return said(answer.status, answer.heads[-1], answer.body)
