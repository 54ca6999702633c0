"""The WSGI application of the robustness tests: quick, unique answers, and some that take long."""

import os
import time
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import meet

Environ = dict[str, Any]
TEXT = [("Content-Type", "text/plain")]
BLOCK = bytes(range(256)) * 4096  # 1 MiB


def work(environ: Environ, start: Any, words: dict[str, str]) -> list[bytes]:
    """Says what it was asked for, so that nobody can mistake one answer for another."""
    if words.get("ms"):
        time.sleep(float(words["ms"]) / 1000)
    start("200 OK", TEXT)
    number = f"?number={words['number']}" if "number" in words else ""
    return [f"{environ['PATH_INFO']}{number} {os.getpid()}\n".encode()]


def gate(environ: Environ, start: Any, words: dict[str, str]) -> list[bytes]:
    meet.pass_gate(words["name"])
    return work(environ, start, {})


def mark(environ: Environ, start: Any, words: dict[str, str]) -> list[bytes]:
    meet.mark(words["name"])
    return work(environ, start, {})


def upload(environ: Environ, start: Any, words: dict[str, str]) -> list[bytes]:
    crc = length = 0
    while piece := environ["wsgi.input"].read(1 << 20):
        crc = zlib.crc32(piece, crc)
        length += len(piece)
    start("200 OK", TEXT)
    return [f"{length} {crc}\n".encode()]


def download(environ: Environ, start: Any, words: dict[str, str]) -> Iterator[bytes]:
    start("200 OK", TEXT)
    for _ in range(int(words["mib"])):
        yield BLOCK
    if "name" in words:
        meet.reach(words["name"], "made")


PAGES = {"/gate": gate, "/mark": mark, "/upload": upload, "/download": download}


def application(environ: Environ, start_response: Any) -> Any:
    words = {name: v[0] for name, v in parse_qs(environ["QUERY_STRING"]).items()}
    first = "/" + environ["PATH_INFO"].split("/")[1]
    return PAGES.get(first, work)(environ, start_response, words)
