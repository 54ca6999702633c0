"""A WSGI application that stops in the debugger; /hang waits for ever."""

import pdb
import threading


def stop(environ):
    first = 1
    breakpoint()
    first += 1
    print("said by print", flush=True)
    return first


def ends(environ):
    breakpoint()


def own_hook(*args, **kwargs):
    print("the hook of somebody else")


def application(environ, start_response):
    path, answer = environ["PATH_INFO"], 0
    if path == "/stop":
        answer = stop(environ)
    elif path == "/set_trace":
        pdb.set_trace()
        answer = 7
    elif path == "/ends":
        ends(environ)
    elif path == "/hang":
        threading.Event().wait()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{answer}".encode()]
