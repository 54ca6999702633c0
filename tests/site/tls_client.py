"""A client of HTTPS: http1.Peer with Python's ssl around its socket."""

import ssl
from typing import Any

from http1 import Address, Peer, Response


def client_context(**more: Any) -> ssl.SSLContext:
    """Trusts everybody; attributes are set from `more`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in more.items():
        setattr(context, name, value)
    return context


def only(version: ssl.TLSVersion, **more: Any) -> ssl.SSLContext:
    return client_context(minimum_version=version, maximum_version=version, **more)


class TlsPeer(Peer):
    """One connection; `host` is what it asks for (SNI), "" for nothing."""

    def __init__(
        self,
        address: Address,
        host: str = "one.test",
        context: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
        **more: Any,
    ):
        super().__init__(address, **more)
        try:
            self.socket: ssl.SSLSocket = (context or client_context()).wrap_socket(
                self.socket,
                server_hostname=host or None,
                session=session,
                suppress_ragged_eofs=False,
            )
        except BaseException:
            self.close()
            raise

    @property
    def certificate(self) -> bytes:
        found = self.socket.getpeercert(binary_form=True)
        assert found
        return found


def get(address: Address, target: str = "/hello", **more: Any) -> Response:
    with TlsPeer(address, **more) as peer:
        return peer.ask(target=target)


def certificate_of(address: Address, host: str, **more: Any) -> bytes:
    with TlsPeer(address, host, **more) as peer:
        return peer.certificate
