"""A WSGI application that names files instead of sending them: the query says how.

?X-Accel-Redirect=/p/a.txt&Content-Type=text/csv: these fields, in this order. `status`, `body` and
`stream` (pieces) are no fields.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    pairs = parse_qsl(environ["QUERY_STRING"], keep_blank_values=True, encoding="latin-1")
    words = {name: value for name, value in pairs if name in ("status", "body", "stream")}
    fields = [(name, value) for name, value in pairs if name not in words]
    start_response(words.get("status", "200 OK"), [*fields, ("X-App", "given")])
    if "stream" in words:
        return (b"piece %d\n" % number for number in range(int(words["stream"])))
    return [words.get("body", "").encode()]
