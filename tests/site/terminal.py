"""The program in a terminal: a pseudo-terminal whose other end the test reads and types into."""

import fcntl
import os
import struct
import subprocess
import termios
from pathlib import Path

from program import Lines, Site

COLUMNS, ROWS = 100, 30


class Screen(Lines):
    """What was written to the terminal, without carriage returns."""

    @staticmethod
    def _next(fd: int) -> bytes:
        try:
            return os.read(fd, 1 << 16).replace(b"\r", b"") or b" "
        except OSError:  # EIO: nobody has the other end any more
            return b""


class TerminalSite(Site):
    """As its standard input, output and error, and as the controlling terminal of its session."""

    keyboard: int

    def _launch(
        self, command: list[str], folder: Path, env: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        self.keyboard, inner = os.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"TERM": "xterm-256color"} | env,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(inner)
        self.out = self.err = Screen(os.fdopen(self.keyboard, "rb", buffering=0))
        return process

    def type(self, text: str) -> int:
        """Where on the screen comes what answers it."""
        since = len(self.out.text)
        os.write(self.keyboard, text.encode())
        return since

    def foreground(self) -> int:
        """The process group that the keyboard's signals go to."""
        return os.tcgetpgrp(self.keyboard)
