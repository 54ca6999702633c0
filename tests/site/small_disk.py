"""A disk that is nearly full, for whoever has the right to mount one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    def __init__(self, folder: Path):
        self.folder, self._fill = folder, folder / "fill"

    def fill(self) -> None:
        """All but 4 KiB."""
        self._fill.write_bytes(b"x" * 60 * 1024)

    def make_room(self) -> None:
        self._fill.unlink()
        subprocess.run(["mount", "-o", "remount,size=16m", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
