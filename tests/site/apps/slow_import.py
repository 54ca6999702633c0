"""A WSGI application whose import waits for the test."""

from typing import Any

import meet

meet.pass_gate("import")


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"imported\n"]
