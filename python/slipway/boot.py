"""boot.py FD [FACTS] - the first file that the interpreter runs; zygote.py goes on from here.

Kept apart, in the Python of long ago, so that one which is too old is told so in one sentence.
"""

import importlib.util
import json
import os
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
loaded = {}


def load(name, file_name):
    """A file beside this one as a module with a private name, which the project cannot meet."""
    if name in loaded:
        return loaded[name]
    path = os.path.join(HERE, file_name)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loaded[name] = module
    return module


def main():
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    error = None
    if sys.version_info < (3, 11):  # noqa: UP036
        version = ".".join(map(str, sys.version_info[:2]))
        error = f"slipway needs Python 3.11 or later, and {sys.executable} is {version}"
    if error is None:
        try:
            extension = load("_slipway", "_slipway.abi3.so")
            zygote = load("_slipway_zygote", "zygote.py")
        except Exception as reason:
            error = f"slipway's own files do not work with {sys.executable}: {reason}"
    if error is not None:
        message = {"event": "failed", "error": error, "traceback": ""}
        channel.send(json.dumps(message).encode())
        sys.exit(1)
    zygote.run(channel, extension, int(sys.argv[2]) if len(sys.argv) > 2 else -1)


if __name__ == "__main__":
    main()
