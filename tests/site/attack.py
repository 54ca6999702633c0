"""Clients that mean harm slowly: many connections, one thread, none of them ever done."""

import errno
import resource
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Self

from http1 import Address

TICK_S = 0.1
OVER = select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP


class Way(NamedTuple):
    """What one connection does: at first, and then with every tick (its number is given)."""

    first: bytes
    drip: Callable[[int], bytes] | None = None
    reads: int = 0  # bytes a tick
    receive_bytes: int = 0  # of the socket's buffer


class Attack:
    """Holds `count` connections open in one way, until the server has cut every one."""

    def __init__(self, address: Address, way: Way, count: int = 1000):
        self._address, self._way, self._count = address, way, count
        self._alive: dict[int, socket.socket] = {}
        self._epoll = select.epoll()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self.began = 0
        self.answers: dict[bytes, int] = {}  # the first bytes that a cut connection had got
        self.failure = ""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for one in self._alive.values():
            one.close()
        self._epoll.close()

    @property
    def left(self) -> int:
        return self._count - self.began + len(self._alive)

    def wait_cut(self, timeout_s: float) -> None:
        """Until none is left, those of `count` counted that did not even begin."""
        with self._changed:
            is_over = self._changed.wait_for(lambda: self.left == 0 or self.failure, timeout_s)
            assert not self.failure, self.failure
            assert is_over, f"{self.left} of {self._count} attackers live after {timeout_s} s"

    def _run(self) -> None:
        try:
            for number in range(10**9):
                self._connect()
                self._drip(number)
                self._look()
                with self._changed:
                    self._changed.notify_all()
                if self._stopping.is_set() or self.left == 0:
                    return
        except Exception as error:
            with self._changed:
                self.failure = f"the attacker failed: {error!r}"
                self._changed.notify_all()

    def _connect(self) -> None:
        limit = time.monotonic() + TICK_S  # those that are there get their drip meanwhile
        while self.began < self._count and time.monotonic() < limit:
            family = socket.AF_UNIX if isinstance(self._address, str) else socket.AF_INET
            one = socket.socket(family)
            if self._way.receive_bytes:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._way.receive_bytes)
            one.connect(self._address)
            one.setblocking(False)
            if self._way.first:
                one.send(self._way.first)
            self._epoll.register(one, OVER)
            self._alive[one.fileno()] = one
            self.began += 1

    def _drip(self, number: int) -> None:
        for one in self._alive.values():
            try:
                if self._way.drip:
                    one.send(self._way.drip(number))
                if self._way.reads:
                    one.recv(self._way.reads)
            except OSError as error:  # the end is seen in _look
                assert error.errno in (errno.EAGAIN, errno.EPIPE, errno.ECONNRESET), error

    def _look(self) -> None:
        for fd, _ in self._epoll.poll(TICK_S, 2 * self._count):
            self._epoll.unregister(fd)
            one = self._alive.pop(fd)
            try:
                start = one.recv(12)
            except OSError:
                start = b""
            self.answers[start] = self.answers.get(start, 0) + 1
            one.close()


def ticking(text: bytes) -> Callable[[int], bytes]:
    return lambda number: text


HEAD = b"GET /job?number=0 HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /upload HTTP/1.1\r\nHost: a\r\n"
BIG = b"GET /static/big HTTP/1.1\r\nHost: a\r\n\r\n"
MIDDLE = b"GET /static/middle HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /static/middle HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
LONG = b"GET /download?mib=4 HTTP/1.1\r\nHost: a\r\n\r\n"
WAYS = {
    "silent": Way(b""),
    "idle": Way(b"GET /static/small HTTP/1.1\r\nHost: a\r\n\r\n"),
    "head": Way(HEAD, ticking(b"X-A: b\r\n")),
    "head-bytes": Way(HEAD + b"X-A: ", ticking(b"b")),
    "blank-lines": Way(b"", ticking(b"\r\n")),
    "body": Way(POST + b"Content-Length: 1000000\r\n\r\n", ticking(b"x")),
    "chunked": Way(POST + b"Transfer-Encoding: chunked\r\n\r\n", ticking(b"1\r\nx\r\n")),
    "chunk-size": Way(POST + b"Transfer-Encoding: chunked\r\n\r\n1;", ticking(b"x")),
    "continue": Way(POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"),
    "reads-nothing": Way(BIG, receive_bytes=4096),
    "reads-bytes": Way(BIG, reads=1, receive_bytes=4096),
    "reads-bytes-of-a-worker": Way(LONG, reads=1, receive_bytes=4096),
    "finished-and-reads-bytes": Way(MIDDLE, reads=1, receive_bytes=4096),
    "closes-and-reads-bytes": Way(LAST, reads=1, receive_bytes=4096),
    "pipelines-and-reads-bytes": Way(BIG * 20, reads=1, receive_bytes=4096),
}
