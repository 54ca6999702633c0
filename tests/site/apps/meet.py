"""The application's half of gates, and marks: files that show that something ran.

GATES is the folder of the named pipes, MARKS that of the marks.
"""

import os


def reach(name: str, words: str = "") -> None:
    """Tells the test that this place was reached, and by which process or what `words` say."""
    fd = os.open(os.path.join(os.environ["GATES"], f"{name}.reached"), os.O_WRONLY)
    os.write(fd, f"{words or os.getpid()}\n".encode())
    os.close(fd)


def wait(name: str) -> None:
    """Until the test opens the gate."""
    fd = os.open(os.path.join(os.environ["GATES"], f"{name}.go"), os.O_RDONLY)
    os.read(fd, 1)
    os.close(fd)


def pass_gate(name: str) -> None:
    reach(name)
    wait(name)


def mark(name: str, words: str = "x") -> None:
    fd = os.open(
        os.path.join(os.environ["MARKS"], name), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
    )
    os.write(fd, f"{words}\n".encode())
    os.close(fd)
