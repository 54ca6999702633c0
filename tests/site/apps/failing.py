"""Answers with errors of its own, and dies when it is told to."""

import os
import sys
import time

sys.path.append(os.path.dirname(__file__))
from meet import pass_gate  # noqa: E402


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path.endswith("/die"):
        os._exit(1)
    if path == "/hang":
        time.sleep(60)
    if path == "/gate":
        pass_gate(environ["QUERY_STRING"])
    if path.startswith("/status/"):
        status, _, kind = path.removeprefix("/status/").partition("/")
        fields = [("Content-Type", kind)] if kind else []
        fields += [("Set-Cookie", "a=1"), ("Retry-After", "77"), ("X-Own", "yes")]
        start_response(f"{status} Own Reason", fields)
        return [b"of the application"] * 1000
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"fine"]
