"""Every spelling of "go up" that some server has fallen for, and a folder with secrets around it.

The folder made here is laid out so that each of them would reach a secret on a server that decodes
once too often, in the wrong order, or not the way its file system does.
"""

import itertools
from pathlib import Path
from urllib.parse import unquote_to_bytes

SECRET = "never-to-be-seen"
TEXT = "to be seen\n"

DOTS = [
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "%25252e%25252e",
    "%c0%ae%c0%ae",
    "...",
    "....",
]
DOTS += [
    "%e0%80%ae%e0%80%ae",
    "%uff0e%uff0e",
    "%%32%65%%32%65",
    "%ef%bc%8e%ef%bc%8e",
    "..%20",
    "..%09",
]
DOTS += [
    "..%00",
    "..%0d%0a",
    "..;",
    "..;a=b",
    "..?",
    "..#",
    "%2e%2e%2e",
    ".%00.",
    "%00..",
    "..%c0%80",
]
SLASHES = ["/", "//", "/./", "%2f", "%2F", "%5c", "\\", "/\\", "%252f", "%255c", "%c0%af"]
SLASHES += ["%e0%80%af", "%ef%bc%8f", "%u2215", ";/", "/;/", "%00/", "/%2e/", "%2f/", "/%20/"]
SLASHES += ["%c1%9c"]
PREFIXES = [
    "/static/",
    "/static",
    "/static/sub/",
    "/static/sub/../",
    "/bare/",
    "/bare",
    "/p/",
    "/p",
]
SECRETS = ["secret.txt", "root-backup/secret.txt", "root/.env"]

# Where no climbing is needed.
OTHERS = [
    "/static/.env",
    "/static/%2eenv",
    "/static/%2Eenv",
    "/static/.%65nv",
    "/static/.git/config",
    "/static/%2egit/config",
    "/static/.git%2fconfig",
    "/static/sub/.hidden",
    "/static/sub/%2ehidden",
    "/static/sub/./.hidden",
    "/static/.%2fsub/.hidden",
    "/static//.env",
    "/static/./.env",
    "/static/sub/..//.env",
    "/static-backup/secret.txt",
    "/static/-backup/secret.txt",
    "/bare-backup/secret.txt",
    "/static/link-out",
    "/static/link-absolute",
    "/static/link-folder/secret.txt",
    "/static/link-folder/",
    "/static/link-root/secret.txt",
    "/static/link-loop",
    "/static/link-proc",
    "/static/link-proc-root/secret.txt",
    "/static/link-cwd/secret.txt",
    "/static/sub/link-up/secret.txt",
    "/static//etc/passwd",
    "/static/%2fetc/passwd",
    "/static/%2f%2fetc%2fpasswd",
    "/static/proc/self/environ",
    "/static/~root/secret.txt",
    "/static/$HOME/secret.txt",
    "/static/file:///etc/passwd",
    "/static/C:/secret.txt",
    "/static/sub/..",
    "/static/..",
    "/static/.",
    "/static/%2e",
    "/p/report.txt",
    "/p/.env",
    "/p/%72eport.txt",
    "/p//report.txt",
    "/p/./report.txt",
    "/p/sub/../report.txt",
    "/%70/report.txt",
    "/static/../p/report.txt",
    "/p;/report.txt",
    "/p%2freport.txt",
    "http://site.test/static/../secret.txt",
    "http://site.test/p/report.txt",
]

# These name no file on this file system, though they would on others.
OTHER_NAMES = [
    "/static/A.css",
    "/static/a.CSS",
    "/STATIC/a.css",
    "/static/a.css.",
    "/static/a.css..",
    "/static/a.css%20",
    "/static/a.css%2e",
    "/static/a.css::$DATA",
    "/static/a.css%00",
    "/static/a.css%00.png",
    "/static/a.css/",
    "/static/a.css/.",
    "/static/a.css//",
    "/static/a.css%2f",
    "/static/a.css;x",
    "/static/a.css\\",
    "/static/sub",
    "/static/sub/",
    "/static",
    "/static/",
    "/statica.css",
    "/static//a.css",
    "/static/sub//b.txt",
    "/static%5ca.css",
    "/static\\a.css",
    "/static/a.css~",
]

# The same file, said otherwise: a server that refused these would be safe, and wrong.
SAME = [
    "/static/a.css",
    "/static/%61.css",
    "/static/./a.css",
    "/static/sub/../a.css",
    "/%73tatic/a.css",
]
SAME += ["/static/sub/%2e%2e/a.css", "/static%2fa.css", "/x/../static/a.css", "/bare/a.css"]
SAME += ["/static/a.css?../../secret.txt", "/static/link-in", "/static/a%2ecss"]


def climbing() -> list[str]:
    """Up one or two levels, then to a secret."""
    return [
        f"{prefix}{step * count}{secret}"
        for prefix, dots, slash in itertools.product(PREFIXES, DOTS, SLASHES)
        for step in [dots + slash]
        for count, secret in itertools.product((1, 2), SECRETS)
    ]


def make(folder: Path) -> Path:
    """FOLDER/root, to be served; what lies beside it is secret."""
    root = folder / "root"
    for path in ("root/sub", "root/.git", "root-backup", "outside", "private/sub"):
        (folder / path).mkdir(parents=True)
    for name in ("a.css", "sub/b.txt"):
        (root / name).write_text(TEXT)
    secrets = ["secret.txt", "root-backup/secret.txt", "outside/secret.txt", "private/report.txt"]
    secrets += ["root/.env", "root/.git/config", "root/sub/.hidden", "private/.env"]
    for name in secrets:
        (folder / name).write_text(SECRET)
    links = {
        "link-out": "../secret.txt",
        "link-absolute": str(folder / "secret.txt"),
        "link-folder": "../outside",
        "link-root": "/",
        "link-loop": "link-loop",
        "link-proc": "/proc/self/environ",
        "link-proc-root": f"/proc/self/root{folder}",
        "link-cwd": f"/proc/self/cwd/../../../../../../../..{folder}",
        "sub/link-up": "../..",
        "link-in": "sub/../a.css",
    }
    for name, to in links.items():
        (root / name).symlink_to(to)
    return root


def naive_reads(root: Path, target: str, decodings: int) -> bool:
    """Would a server that joins names get at a secret?"""
    path = target.encode()
    for _ in range(decodings):
        path = unquote_to_bytes(path)
    for prefix in (b"/static/", b"/static", b"/bare/", b"/bare"):
        if path.startswith(prefix):
            name = bytes(root) + b"/" + path.removeprefix(prefix)
            try:
                with open(name.replace(b"\\", b"/"), "rb") as file:
                    return SECRET.encode() in file.read()
            except (OSError, ValueError):
                return False
    return False
