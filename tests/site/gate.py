"""Where an application waits for the test, and the test for the application: two named pipes.

The test holds both ends of both, so that nobody ever blocks on opening one. The application's half
is in apps/meet.py.
"""

import os
import select
from pathlib import Path

from http1 import TIMEOUT_S


class Gate:
    def __init__(self, folder: Path, name: str):
        self.name = name
        self._reached, self._go = (
            self._open(folder / f"{name}.reached"),
            self._open(folder / f"{name}.go"),
        )
        self._kept = b""

    @staticmethod
    def _open(path: Path) -> int:
        os.mkfifo(path)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def wait_reached(self, timeout_s: float = TIMEOUT_S) -> str:
        """What the next one that came to the gate said of itself."""
        while b"\n" not in self._kept:
            ready, _, _ = select.select([self._reached], [], [], timeout_s)
            assert ready, "the application did not come to the gate"
            self._kept += os.read(self._reached, 4096)
        line, _, self._kept = self._kept.partition(b"\n")
        return line.decode()

    def is_reached(self) -> bool:
        return b"\n" in self._kept or bool(select.select([self._reached], [], [], 0)[0])

    def open(self, count: int = 1) -> None:
        """Lets `count` through."""
        os.write(self._go, b"x" * count)

    def close(self) -> None:
        os.close(self._reached)
        os.close(self._go)
