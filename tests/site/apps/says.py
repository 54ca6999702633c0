"""A WSGI application that writes down each request as it saw it: JSON lines in MARKS/seen, one when
the request comes ("begun": the client's address) and one when its body is read."""

import json
from collections.abc import Iterable
from typing import Any

import meet


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    words = {name: value for name, value in environ.items() if isinstance(value, str)}
    meet.mark("seen", json.dumps({"begun": words.get("REMOTE_ADDR")}))
    try:
        words["body"] = environ["wsgi.input"].read().decode("latin-1")
    except Exception as error:  # of a server that finds out only now
        words["cut"] = repr(error)
    meet.mark("seen", json.dumps(words))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"seen\n"]
