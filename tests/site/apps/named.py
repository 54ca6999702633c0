"""What a request is called, as the application sees it; headers of its own."""

import json
import os
import time

NAMES = ("HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT", "HTTP_TRACESTATE", "HTTP_CF_RAY")
OWN = [
    ("content-TYPE", "text/plain"),
    ("x-Lower-then-UPPER", "1"),
    ("ETag", '"a"'),
    ("X-SAME", "first"),
    ("Server-Timing", 'db;desc="the database";dur=1.5'),
    ("x-same", "second"),
    ("X-REQUEST-id", "of the application"),
    ("Vary", "Cookie"),
    ("CONTENT-length", "2"),
    ("Set-Cookie", "b=1"),
    ("Set-Cookie", "a=1"),
]


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/own":
        start_response("200 Fine", OWN)
        return [b"ok"]
    if path == "/slow":
        time.sleep(0.05)
    if path == "/die":
        os._exit(1)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: environ[name] for name in NAMES if name in environ}).encode()]
