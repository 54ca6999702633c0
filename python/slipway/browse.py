"""browse.py URL - opens the user's browser, without anybody who waits for it.

$BROWSER first, then what webbrowser finds.  Browsers of the terminal are left out: it is slipway's.
"""

import os
import sys


def main() -> None:
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
    if not os.environ.get("BROWSER"):
        os.environ.pop("TERM", None)
    import webbrowser

    errors = os.dup(2)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):  # browsers are chatty
        os.dup2(null, number)
    try:
        is_open = webbrowser.open(sys.argv[1])
    except Exception:
        is_open = False
    if not is_open:
        os.write(errors, b"slipway: --open found no browser (is $BROWSER set?)\n")


if __name__ == "__main__":
    main()
