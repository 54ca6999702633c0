"""Clients that ask without pause, and count every answer that was not the right one."""

import threading
import time
from collections.abc import Callable
from typing import Self

from http1 import TIMEOUT_S, Address, Cut, Malformed, Peer


class Clients:
    """Threads that ask without pause until they are stopped, each by `_run`."""

    def __init__(self, clients: int):
        self._changed = threading.Condition()
        self._stopping = False
        self.answers = 0
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Every request under way is waited for."""
        self._stopping = True
        self.join()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(3 * TIMEOUT_S)
            assert not thread.is_alive(), "a client still waits"

    def wait_more(self, count: int) -> None:
        """Until so many more answers came."""
        with self._changed:
            wanted = self.answers + count
            came = self._changed.wait_for(
                lambda: self.answers >= wanted or self.failures, TIMEOUT_S
            )
            assert came, f"no {count} answers within {TIMEOUT_S} s"
            assert not self.failures, self.failures[:5]

    def _run(self) -> None:
        raise NotImplementedError


class Load(Clients):
    """Every request has a path of its own, and the answer says it."""

    def __init__(self, address: Address, clients: int = 8, query: str = "", method: str = "GET"):
        super().__init__(clients)
        self._address, self._query, self._method = address, query, method
        self._started = 0
        self.refused = 0  # connections: nobody listens any more
        self.ends_at_refusal = False

    def _next(self) -> str:
        with self._changed:
            self._started += 1
            return f"/job?number={self._started}"

    def _tell(self, failure: str | None) -> None:
        with self._changed:
            if failure:
                self.failures.append(failure)
            else:
                self.answers += 1
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stopping:
            try:
                peer = Peer(self._address, 2 * TIMEOUT_S)
            except OSError as error:
                if self.ends_at_refusal:
                    self.refused += 1
                    return
                self._tell(f"connect: {error}")
                continue
            with peer:
                while not self._stopping and self._ask(peer):
                    pass

    def _ask(self, peer: Peer) -> bool:
        """One request; whether the connection may be used again."""
        path = self._next()
        began = time.monotonic()
        try:
            body = b"x" if self._method == "POST" else None
            answer = peer.ask(self._method, path + self._query.replace("?", "&"), body=body)
        except (Cut, Malformed, OSError) as error:
            self._tell(f"{path} after {time.monotonic() - began:.3f} s: {error!r}")
            return False
        is_right = answer.status == 200 and answer.text.startswith(f"{path} ")
        self._tell(None if is_right else f"{path}: {answer.status} {answer.body[:80]!r}")
        return (answer.get("Connection") or "").lower() != "close"


def while_loaded(address: Address, act: Callable[[Load], None], **more: object) -> Load:
    """Acts under load; every request is answered rightly."""
    with Load(address, **more) as load:  # type: ignore[arg-type]
        load.wait_more(20)
        act(load)
        load.wait_more(20)
    assert load.failures == []
    return load
