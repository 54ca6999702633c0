"""One way to ask over HTTP/1 and HTTP/2, each plain and by TLS: files answer alike."""

from collections.abc import Callable
from typing import NamedTuple

import certificates
from conftest import Sites
from http1 import Address, Fields, Peer
from http2 import Wire, tls_context
from program import Site
from tls_client import TlsPeer

WIRES = ("http1", "http1-tls", "http2", "http2-tls")


class Got(NamedTuple):
    status: int
    fields: dict[str, str]  # names in small letters
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def get(self, name: str) -> str | None:
        return self.fields.get(name.lower())


class Asker:
    """One connection that is kept."""

    def __init__(self, wire: str, site: Site):
        address = tls_address(site) if wire.endswith("tls") else site.address
        self.wire = wire
        self.authority = "site.test"  # over HTTP/2, where no field Host says another
        self._one = OPENERS[wire](address)

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._one.close()

    def ask(
        self,
        target: str = "/",
        fields: Fields = (),
        method: str = "GET",
        body: bytes | None = None,
    ) -> Got:
        if isinstance(self._one, Wire):
            lower = [(name.lower(), value) for name, value in fields]
            answer = self._one.ask(method, target, lower, body, self.authority)
            assert answer.reset is None, f"reset with {answer.reset}"
            pairs, body = answer.heads[-1], answer.body
            del self._one.answers[self._one.next_stream - 2]
        else:
            response = self._one.ask(method, target, fields, body)
            pairs, body = response.head.fields, response.body
            pairs = [(":status", str(response.status)), *pairs]
        names = {name.lower(): value for name, value in pairs}
        assert len(names) == len(pairs), f"a field came twice: {pairs}"
        return Got(int(names[":status"]), names, body)


OPENERS: dict[str, Callable[[Address], Peer | Wire]] = {
    "http1": Peer,
    "http1-tls": lambda address: TlsPeer(address, "site.test"),
    "http2": Wire,
    "http2-tls": lambda address: Wire(address, context=tls_context()),
}


def tls_address(site: Site) -> Address:
    return site.addresses[1]


def start(sites: Sites, app: str | None, *options: str, **more: object) -> Site:
    """A site with a plain listener and one with TLS."""
    pair = certificates.make(sites.folder, "wires", "site.test")
    tls = ["--listen", "127.0.0.1:0 tls", *pair.options]
    return sites.start(app, *tls, *options, **more)
