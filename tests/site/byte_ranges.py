"""What RFC 9110 says of a Range field, written a second time: what slipway answers is held to this.

Slow and simple on purpose: pairs of ranges are joined until none is left that can be.
"""

import re
from typing import NamedTuple

GAP = 80  # bytes between two ranges that are not worth the words of another part
MOST = 32  # ranges-limit

Range = tuple[int, int]  # first and last byte


class Part(NamedTuple):
    kind: str
    first: int
    last: int
    size: int
    body: bytes


def one_range(spec: str, size: int) -> Range | None | str:
    """A range; None: it is not there; "invalid"; "whole": the last bytes of nothing."""
    found = re.fullmatch(r"([0-9]*)-([0-9]*)", spec)
    if not found or spec == "-":
        return "invalid"
    if not found[1]:
        count = int(found[2])
        if count == 0:
            return None
        return (max(size - count, 0), size - 1) if size else "whole"
    first = int(found[1])
    last = int(found[2]) if found[2] else max(first, size - 1)
    if last < first:
        return "invalid"
    return (first, min(last, size - 1)) if first < size else None


def join(ranges: list[Range]) -> list[Range]:
    ranges = list(ranges)
    for i, (a, b) in enumerate(ranges):
        for j in range(i + 1, len(ranges)):
            c, d = ranges[j]
            if c - b <= GAP and a - d <= GAP:
                ranges[i] = (min(a, c), max(b, d))
                del ranges[j]
                return join(ranges)
    return ranges


def wanted(value: str, size: int, most: int = MOST) -> list[Range] | int:
    """The ranges of the answer, or 200: all of it, or 416."""
    unit, equals, text = value.partition("=")
    if not equals or unit.lower() != "bytes":
        return 200
    specs = [spec.strip(" \t") for spec in text.split(",")]
    specs = [spec for spec in specs if spec]
    found = [one_range(spec, size) for spec in specs]
    if not specs or len(specs) > most or "invalid" in found or "whole" in found:
        return 200
    ranges = [one for one in found if isinstance(one, tuple)]
    return join(ranges) if ranges else 416


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """Takes a multipart/byteranges body apart (RFC 2046, section 5.1), strictly."""
    kind, _, boundary = content_type.partition("; boundary=")
    assert kind == "multipart/byteranges" and re.fullmatch(r"[0-9A-Za-z]{1,70}", boundary)
    mark = b"--" + boundary.encode()
    assert body.startswith(mark + b"\r\n")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n"
    return [one_part(piece) for piece in pieces[1:-1]]


def one_part(piece: bytes) -> Part:
    head, _, body = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    found = re.fullmatch(
        r"Content-Type: (.+)\r\nContent-Range: bytes ([0-9]+)-([0-9]+)/([0-9]+)", head.decode()
    )
    assert found, head
    return Part(found[1], int(found[2]), int(found[3]), int(found[4]), body)
