"""A stand-in for systemd-journald: its socket, and what came, read by the native protocol.

It takes what the real one takes (systemd.io/JOURNAL_NATIVE_PROTOCOL) and nothing else: one datagram
an entry, or an empty datagram with one memfd that is sealed against shrinking, growing, writing and
unsealing.
"""

import fcntl
import os
import re
import select
import socket
import struct
import threading
from pathlib import Path
from typing import NamedTuple

NAME = re.compile(rb"[A-Z][A-Z0-9_]{0,63}")
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
DATAGRAM_BYTES = 1 << 20


class Entry(NamedTuple):
    fields: dict[str, bytes]
    is_sealed: bool  # it came as a memfd
    is_binary: bool  # a field of it had the form with a length

    def __getitem__(self, name: str) -> str:  # type: ignore[override]
        return self.fields[name].decode()

    def has(self, **wanted: str) -> bool:
        return all(self.fields.get(n) == value.encode() for n, value in wanted.items())


def read_entry(data: bytes, is_sealed: bool) -> Entry:
    fields: dict[str, bytes] = {}
    is_binary = False
    while data:
        line, end, rest = data.partition(b"\n")
        assert end, f"a field without its end: {line!r}"
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert len(value) == length and rest[:1] == b"\n", name
            rest, is_binary = rest[1:], True
        assert NAME.fullmatch(name), name
        fields.setdefault(name.decode(), value)
        data = rest
    return Entry(fields, is_sealed, is_binary)


class Journal:
    def __init__(self, path: Path):
        self.path, self.entries = path, list[Entry]()
        self.wrong: list[str] = []
        self._end_fd, self._end = os.pipe()
        self._open()

    def _open(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._socket, self._end_fd], [], [])
            if self._socket not in ready:
                return
            self._take(*socket.recv_fds(self._socket, DATAGRAM_BYTES, 4)[:2])

    def _take(self, data: bytes, fds: list[int]) -> None:
        try:
            if fds:
                assert not data and len(fds) == 1
                assert fcntl.fcntl(fds[0], fcntl.F_GET_SEALS) & SEALS == SEALS, "not sealed"
                data = os.pread(fds[0], os.fstat(fds[0]).st_size, 0)
            self.entries.append(read_entry(data, bool(fds)))
        except (AssertionError, OSError, struct.error) as error:
            self.wrong.append(repr(error))
        finally:
            for fd in fds:
                os.close(fd)

    def find(self, **wanted: str) -> list[Entry]:
        assert not self.wrong, self.wrong
        return [entry for entry in list(self.entries) if entry.has(**wanted)]

    def stop(self) -> None:
        """Its socket goes, as when it is ended."""
        os.write(self._end, b"x")
        self._thread.join(10)
        os.read(self._end_fd, 1)
        self._socket.close()
        self.path.unlink()

    def start(self) -> None:
        self._open()

    def close(self) -> None:
        self.stop()
        os.close(self._end)
        os.close(self._end_fd)
