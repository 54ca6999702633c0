"""lookover.py's check of [route PATTERN] sections: does any address of the project lie there?"""

import re._constants as sre
import re._parser as sre_parser
from typing import Any
from urllib.parse import urlsplit

Row = dict[str, Any]
Trees = list[list[Any] | None]  # parsed expressions of an address, one behind the other
ANSWERS_ANYTHING = ("fallback", "whitenoise")  # middleware that has addresses of its own


def routes(look: Any) -> Row | None:
    patterns = [str(pattern) for pattern in look.site["routes"]]
    if not patterns or any(
        word in str(name).lower() for name in look.settings.MIDDLEWARE for word in ANSWERS_ANYTHING
    ):
        return None
    files = [*look.site["files"], *urls_of(look)]
    addresses = list(addresses_of(look))
    mount = str(look.start["mount"] or "").rstrip("/")
    for pattern in patterns:
        head = pattern.partition("*")[0]
        if not any(meets(head, url) for url in files) and not is_of_project(head, mount, addresses):
            return look.warn(
                f"[route {pattern}] holds for nothing: no address of the project and no folder of "
                "files begins so",
                "mend the path, or take the section out",
            )
    return look.ok("each [route] section has addresses of the project")


def urls_of(look: Any) -> list[str]:
    urls = [row["url"] for row in look.facts.get("static") or []]
    settings = (look.settings.STATIC_URL, look.settings.MEDIA_URL)
    paths = [urlsplit(str(url or "")).path for url in settings]
    return urls + [path for path in paths if path.strip("/")]  # Django makes "/" of none


def meets(head: str, url: str) -> bool:
    """May something beneath the one lie beneath the other?"""
    bare, other = head.strip("/"), url.strip("/")
    return bare.startswith(other) or other.startswith(bare)


def addresses_of(look: Any) -> list[Trees]:
    from django.urls import get_resolver

    media = look.load("_slipway_media", "media.py")
    found = []
    for patterns, _ in media.views(get_resolver()):
        trees: Trees = []
        for pattern in patterns:
            tree = sre_parser.parse(pattern.regex.pattern)
            # One that Django searches for anywhere; another one for each language.
            is_open = not (len(tree) and media.is_anchored(tree))
            is_open |= hasattr(pattern, "language_prefix")
            trees.append(None if is_open else list(tree))
        found.append(trees)
    return found


def is_of_project(head: str, mount: str, addresses: list[Trees]) -> bool:
    if not (head + "/").startswith(mount + "/"):
        return mount.startswith(head.rstrip("/"))
    bare = head[len(mount) :].lstrip("/")
    return any(begins(bare, trees) for trees in addresses)


def begins(head: str, trees: Trees) -> bool:
    """Can an address of these expressions begin with `head`, or be it but for a last slash?"""
    at = 0
    for tree in trees:
        for op, value in tree if tree is not None else [(None, None)]:
            if at >= len(head):
                return True
            if op is sre.AT:
                continue
            if op is not sre.LITERAL:
                return True  # any text may follow
            if head[at] != chr(value):
                return False
            at += 1
    return at >= len(head.rstrip("/"))
