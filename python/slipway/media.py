"""Whether uploaded files may be served without asking the application, and why (not).

A folder of uploads is served only when nothing says that somebody must be asked first: another view
of the project that answers beneath MEDIA_URL, a middleware that demands a login, or content which
nobody may have.  In doubt the application is asked; `--static URL=DIR` overrules all of this.
"""

import os
import re._constants as sre
import re._parser as sre_parser
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from __main__ import load  # boot.py

live_settings = load("_slipway_live_settings", "live_settings.py")
private = load("_slipway_private", "private.py")

Facts = dict[str, Any]

VIEWS_MAX = 10_000  # of the project
FILES_MAX = 200  # of MEDIA_ROOT, that the resolver is asked about
USUAL_FILES = ("a.jpg", "a/b.pdf", "2026/01/31/a.png", "1", "1/2.txt", "users/1/a b.webp", "a-b/c/")
ELSEWHERE = "no-folder-of-this-site/"


def find(start: Facts) -> Facts:
    """{"media": {"url", "root", "serve", "why"}}, or {} for a project without Django."""
    settings = live_settings.configured()
    if settings is None:
        return {}
    url, root = str(settings.MEDIA_URL or ""), str(settings.MEDIA_ROOT or "")
    why = refusal(start) or objection(settings, url, root, start.get("mount") or "")
    if not why and not start.get("check"):
        why = make_folder(root)
    return {"media": {"url": url, "root": root, "serve": why == "", "why": why}}


def refusal(start: Facts) -> str:
    """What the options say."""
    wanted = start.get("media") or "auto"
    if wanted == "no":
        return "media = no"
    if wanted == "auto" and not start.get("development"):
        return "`slipway serve` serves uploads only when told: media = yes"
    return ""


def path_of(url: str) -> str:
    return "/" + urlsplit(url).path.strip("/") + "/"


def objection(settings: Any, url: str, root: str, mount: str) -> str:
    parts, path = urlsplit(url), path_of(url)
    if not root:
        return "MEDIA_ROOT is empty"
    if parts.scheme or parts.netloc:
        return f"MEDIA_URL {url} is not a path of this site"
    if path == "//" or path == "/" + mount.strip("/") + "/":
        return "MEDIA_URL is the root of the site"
    if not is_possible(root):
        return f"there is no folder {root} (MEDIA_ROOT)"
    return private_content(settings, os.path.realpath(root)) or guard(settings, path, root, mount)


def is_possible(root: str) -> bool:
    """It is there, or the first upload makes it in one that is."""
    return os.path.isdir(root) or os.path.isdir(os.path.dirname(os.path.abspath(root)))


def make_folder(root: str) -> str:
    """Now: at the first upload it would be too late to serve it.  "" or why it cannot be."""
    try:
        os.makedirs(root, exist_ok=True)
    except OSError as error:
        return f"the folder {root} (MEDIA_ROOT) cannot be made: {error.strerror}"
    return ""


# ---- uploads among the static files ----


def fence(settings: Any, static: Any, mount: str) -> Any:
    """The static files (static_files.Static) without the uploads among them, when somebody must be
    asked for those: their static URL would be a way past him."""
    root = str(settings.MEDIA_ROOT or "")
    real = os.path.realpath(root) if root else ""
    among = [row for row in static.rows if real and private.is_below(real, real_root(row))]
    if not among or not guard(settings, path_of(str(settings.MEDIA_URL or "")), root, mount):
        return static
    rows = [fenced(row, root) if row in among else row for row in static.rows]
    why = f"{static.why}; without the uploads in {root}, which the application guards"
    refused = [*static.refused, real]
    return static._replace(rows=[row for row in rows if row], why=why, refused=refused)


def real_root(row: Facts) -> str:
    return os.path.realpath(row["root"])


def fenced(row: Facts, root: str) -> Facts | None:
    """None: nothing is left of it, or the uploads have two names in it."""
    names = {
        os.path.relpath(os.path.realpath(root), real_root(row)),
        os.path.relpath(os.path.abspath(root), os.path.abspath(row["root"])),
    }
    name = names.pop()
    return None if names or name == "." else row | {"without": name}


# ---- what nobody may download ----


def private_content(settings: Any, root: str) -> str:
    from django.apps import apps

    own = (str(config.path) for config in apps.get_app_configs())
    if held := private.first_below((*private.paths(settings), *own), root):
        return f"MEDIA_ROOT {root} holds {held}, which nobody may download"
    for entry in os.scandir(root) if os.path.isdir(root) else ():
        if entry.name in ("manage.py", ".env") or entry.name.endswith((".py", ".sqlite3", ".db")):
            return f"MEDIA_ROOT {root} holds {entry.name}, which nobody may download"
    return ""


# ---- who must be asked first ----


def guard(settings: Any, path: str, root: str, mount: str) -> str:
    """`path` is that of MEDIA_URL, between slashes; the resolver knows nothing of the mount."""
    for middleware in settings.MIDDLEWARE:
        if "LoginRequired" in str(middleware):
            return f"{middleware} asks for a login, and files served beside Django pass it by"
    names = {"", mount.strip("/"), str(settings.FORCE_SCRIPT_NAME or "").strip("/")}
    prefixes = {path.removeprefix("/").removeprefix(name).lstrip("/") for name in names}
    try:
        for prefix in sorted(prefixes):
            if why := guarding_pattern(prefix) or guarding_answer(prefix, root):
                return why
        return ""
    except Exception as error:
        return f"the URLs of the project cannot be looked at ({type(error).__name__}: {error})"


def is_guard(view: Any) -> bool:
    """Django's own view serves what is there; one wrapped in a decorator asks first."""
    from django.views.static import serve

    return view is not serve


def name_of(view: Any) -> str:
    view = getattr(view, "view_class", view)
    module = getattr(view, "__module__", None) or type(view).__module__
    return f"{module}.{getattr(view, '__qualname__', type(view).__qualname__)}"


def guarding_answer(prefix: str, root: str) -> str:
    """Django is asked about usual names and about those which are there."""
    from django.urls import Resolver404, get_resolver

    for name in (*USUAL_FILES, *some_files(root)):
        try:
            match = get_resolver().resolve(f"/{prefix}{name}")
        except Resolver404:
            continue
        if is_guard(match.func) and not is_of_pages(match.func, name):
            where = quote(f"/{prefix}{name}")
            return f"the view {name_of(match.func)} answers beneath MEDIA_URL ({where})"
    return ""


def is_of_pages(view: Any, name: str) -> bool:
    """The last pattern of a CMS: it takes any address that ends in a slash, as no file's does."""
    from django.urls import Resolver404, get_resolver

    try:
        return name.endswith("/") and get_resolver().resolve(f"/{ELSEWHERE}{name}").func == view
    except Resolver404:
        return False


def some_files(root: str) -> list[str]:
    found: list[str] = []
    for folder, _, names in os.walk(root):
        below = os.path.relpath(folder, root)
        found += [os.path.normpath(os.path.join(below, name)) for name in names[:10]]
        if len(found) >= FILES_MAX:
            break
    return found[:FILES_MAX]


def guarding_pattern(prefix: str) -> str:
    """A pattern that spells out MEDIA_URL, or more: also one that needs names nobody can guess."""
    from django.urls import get_resolver

    for patterns, view in views(get_resolver()):
        if not is_guard(view):
            continue
        if any(spells(prefix, trees) for trees in patterns_from(patterns)):
            route = "".join(str(pattern) for pattern in patterns)
            return f"the view {name_of(view)} answers beneath MEDIA_URL ('{route}')"
    return ""


def views(resolver: Any) -> Iterator[tuple[list[Any], Any]]:
    """Each view with the patterns that lead to it, without those of the resolver itself."""
    todo = [(list(resolver.url_patterns), [])]
    count = 0
    while todo:
        entries, above = todo.pop()
        for entry in entries:
            count += 1
            if count > VIEWS_MAX:
                raise OverflowError(f"more than {VIEWS_MAX} patterns")
            patterns = [*above, entry.pattern]
            if hasattr(entry, "url_patterns"):
                todo.append((list(entry.url_patterns), patterns))
            else:
                yield patterns, entry.callback


def patterns_from(patterns: list[Any]) -> Iterator[list[Any]]:
    """Their parsed expressions, from the first; and from each that Django searches for anywhere."""
    parsed = []
    for pattern in patterns:
        if hasattr(pattern, "language_prefix"):  # i18n_patterns(): of the active language, or none
            continue
        parsed.append(sre_parser.parse(pattern.regex.pattern))
    yield parsed
    for i, tree in enumerate(parsed):
        if len(tree) > 0 and not is_anchored(tree):
            yield parsed[i:]


def is_anchored(tree: Any) -> bool:
    op, value = tree[0]
    return op is sre.AT and value in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING)


def spells(prefix: str, trees: list[Any]) -> bool:
    """Do these expressions, one behind the other, read all of `prefix` letter by letter?"""
    ends = {0}
    for tree in trees:
        ends = {end for at in ends for end in spelled(prefix, at, list(tree))}
        if len(prefix) in ends:
            return True
    return False


def spelled(prefix: str, at: int, items: list[Any]) -> set[int]:
    """How far `prefix` is read from `at`, by every way; len(prefix) once all of it is."""
    ends = {at}
    for op, value in items:
        if len(prefix) in ends:
            return {len(prefix)}
        ends = {end for start in ends for end in read(prefix, start, op, value)}
    return ends


def read(prefix: str, at: int, op: Any, value: Any) -> set[int]:
    if op is sre.LITERAL:
        return {at + 1} if prefix[at : at + 1].lower() == chr(value).lower() else set()
    if op is sre.AT or op in (sre.ASSERT, sre.ASSERT_NOT):
        return {at}
    if op is sre.SUBPATTERN:
        return spelled(prefix, at, list(value[-1]))
    if op is sre.BRANCH:
        return {end for branch in value[1] for end in spelled(prefix, at, list(branch))}
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        least, _, body = value
        once = spelled(prefix, at, list(body))
        return once | {at} if least == 0 else once
    return set()  # a class of letters spells nothing; Django was asked about usual names
