"""Content codings, undone; and what a client's Accept-Encoding asks for, by a reader of its own."""

import ctypes
import gzip
from functools import cache

import brotli
from http1 import Response


class Buffer(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer."""

    _fields_ = (
        ("at", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("pos", ctypes.c_size_t),
    )


@cache
def libzstd() -> ctypes.CDLL:
    """What the program itself is linked with: Python has its own from 3.14 on."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_createDStream.restype = ctypes.c_void_p
    library.ZSTD_freeDStream.argtypes = [ctypes.c_void_p]
    library.ZSTD_decompressStream.argtypes = [ctypes.c_void_p] + [ctypes.POINTER(Buffer)] * 2
    library.ZSTD_decompressStream.restype = ctypes.c_size_t
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2 + [ctypes.c_int]
    library.ZSTD_compress.restype = ctypes.c_size_t
    return library


class ZstdReader:
    """Of one frame, piece by piece."""

    def __init__(self) -> None:
        self._stream = libzstd().ZSTD_createDStream()
        self.is_over = False

    def __del__(self) -> None:
        libzstd().ZSTD_freeDStream(self._stream)

    def read(self, data: bytes) -> bytes:
        source = ctypes.create_string_buffer(data, len(data))
        given = Buffer(ctypes.cast(source, ctypes.c_void_p), len(data), 0)
        room = ctypes.create_string_buffer(1 << 16)
        out = b""
        while True:
            got = Buffer(ctypes.cast(room, ctypes.c_void_p), len(room), 0)
            left = libzstd().ZSTD_decompressStream(
                self._stream, ctypes.byref(got), ctypes.byref(given)
            )
            assert not libzstd().ZSTD_isError(left), "not zstd"
            out += room.raw[: got.pos]
            self.is_over = left == 0
            assert not (self.is_over and given.pos < given.size), "bytes behind the frame"
            if self.is_over or given.pos == given.size and got.pos < got.size:
                return out


def unzstd(data: bytes) -> bytes:
    reader = ZstdReader()
    whole = reader.read(data)
    assert reader.is_over, "the frame is cut"
    return whole


def zstd(data: bytes) -> bytes:
    room = ctypes.create_string_buffer(len(data) + 1024)
    size = libzstd().ZSTD_compress(room, len(room), data, len(data), 3)
    assert not libzstd().ZSTD_isError(size)
    return room.raw[:size]


ENCODERS = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstd}
DECODERS = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": unzstd}


def decode(response: Response) -> bytes:
    coding = response.get("Content-Encoding")
    decoded: bytes = DECODERS[coding](response.body) if coding else response.body
    return decoded


def weights(accepts: list[tuple[str, float]], codings: list[str]) -> dict[str, float]:
    """Of "identity" and `codings` (RFC 9110, section 12.5.3)."""
    named = dict(accepts)
    found = {coding: named.get(coding, named.get("*", 0.0)) for coding in codings}
    return found | {"identity": named.get("identity", 0.0)}
