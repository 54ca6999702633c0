"""A WSGI application for the tests of HTTP itself: it says what it was asked."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs
from wsgiref.validate import validator

import meet

Environ = dict[str, Any]


def query(environ: Environ, name: str, default: str = "") -> str:
    return parse_qs(environ.get("QUERY_STRING", "")).get(name, [default])[0]


def hello(environ: Environ) -> Iterable[bytes]:
    return [b"hello\n"]


def say_environ(environ: Environ) -> Iterable[bytes]:
    words = {name: value for name, value in environ.items() if isinstance(value, str)}
    words["body"] = environ["wsgi.input"].read(-1).decode("latin-1")
    return [json.dumps(words).encode()]


def echo(environ: Environ) -> Iterable[bytes]:
    return [environ["wsgi.input"].read(-1)]


def digest(environ: Environ) -> Iterable[bytes]:
    sha, length = hashlib.sha256(), 0
    while piece := environ["wsgi.input"].read(1 << 18):
        sha.update(piece)
        length += len(piece)
    return [f"{length} {sha.hexdigest()}\n".encode()]


def stream(environ: Environ) -> Iterable[bytes]:
    for number in range(int(query(environ, "n", "3"))):
        yield b"piece %d\n" % number
        if number == 0 and query(environ, "name"):
            meet.pass_gate(query(environ, "name"))


def gate(environ: Environ) -> Iterable[bytes]:
    meet.pass_gate(query(environ, "name"))
    return [b"through\n"]


def mark(environ: Environ) -> Iterable[bytes]:
    meet.mark(query(environ, "name"), environ["wsgi.input"].read(-1).decode("latin-1"))
    return [b"marked\n"]


PAGES = {
    "/hello": hello,
    "/environ": say_environ,
    "/echo": echo,
    "/digest": digest,
    "/stream": stream,
    "/gate": gate,
    "/mark": mark,
}


def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
    page = PAGES.get(environ["PATH_INFO"])
    if page:
        result = page(environ)
    else:
        text = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}\n"
        result = [text.encode("latin-1")]
    headers = [("Content-Type", "text/plain"), ("X-App", "plain")]
    if isinstance(result, list):
        headers.append(("Content-Length", str(len(result[0]))))
    start_response("200 OK", headers)
    return result


application = validator(answer)
