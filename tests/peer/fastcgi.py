"""A FastCGI application for the servers that speak it: it writes down what it was handed, as
says.py does."""

import json
import os
import socketserver
import struct
import threading
from pathlib import Path

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
HEAD = b"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"


def variables(block: bytes) -> dict[str, str]:
    """Length, length, name, value; a length over 127 has four bytes (FastCGI 1.0, section 3.4)."""
    found, at = {}, 0

    def length() -> int:
        nonlocal at
        size = 1 if block[at] < 128 else 4
        value = int.from_bytes(block[at : at + size], "big") & (0x7F if size == 1 else 0x7FFFFFFF)
        at += size
        return value

    while at < len(block):
        name_bytes, value_bytes = length(), length()
        name = block[at : at + name_bytes].decode("latin-1")
        at += name_bytes
        found[name] = block[at : at + value_bytes].decode("latin-1")
        at += value_bytes
    return found


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.one_request():
            pass

    def record(self) -> tuple[int, int, bytes] | None:
        head = self.rfile.read(8)
        if len(head) < 8:
            return None
        _, kind, number, size, padding = struct.unpack(">BBHHBx", head)
        return kind, number, self.rfile.read(size + padding)[:size]

    def one_request(self) -> bool:
        params, body, keeps = b"", b"", False
        while record := self.record():
            kind, number, data = record
            if kind == BEGIN:
                keeps = bool(data[2] & 1)
            elif kind == PARAMS:
                params += data
            elif kind == STDIN and data:
                body += data
            elif kind == STDIN:
                words = variables(params)
                self.server.note(words, body)  # type: ignore[attr-defined]
                is_bare = words.get("REQUEST_METHOD") == "HEAD"
                self.say(STDOUT, number, HEAD + (b"" if is_bare else b"seen\n"))
                self.say(STDOUT, number, b"")
                self.say(END, number, bytes(8))
                return keeps
        return False

    def say(self, kind: int, number: int, data: bytes) -> None:
        self.wfile.write(struct.pack(">BBHHBx", 1, kind, number, len(data), 0) + data)


class FastCgi(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, seen: Path):
        self._seen = os.open(seen, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        super().__init__(str(path), Handler)
        path.chmod(0o777)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def note(self, words: dict[str, str], body: bytes) -> None:
        line = json.dumps(words | {"body": body.decode("latin-1")})
        os.write(self._seen, f"{line}\n".encode())

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side left: that is its outcome, not ours."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        os.close(self._seen)
