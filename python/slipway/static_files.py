"""Static files: which folders the edge serves, and under DEBUG the rest as runserver would.

A folder is one row {"url", "root"}: the path between slashes that stands before its files.  A row
may have a "manifest": the file to which a ManifestFilesMixin writes the names it has hashed; and
"without": a folder in it of which nothing is served.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from __main__ import load  # boot.py

private = load("_slipway_private", "private.py")

Application = Callable[..., Any]
Row = dict[str, str]

STORAGE = "django.contrib.staticfiles.storage.StaticFilesStorage"


class Static(NamedTuple):
    rows: list[Row]
    why: str  # what is served, or why nothing is: a sentence for `slipway check`
    warnings: list[str]
    urls: list[str]  # beneath these the application asks the finders, too
    refused: list[str]  # folders of which nothing is served


def find(settings: Any, mount: str, is_development: bool) -> Static:
    prefix = use_prefix(settings, mount)
    url = str(settings.STATIC_URL or "")
    if not is_ours(settings, url):
        return Static([], f"STATIC_URL {url} is on another host", [], [], [])
    path = url_path(url)
    if not path:
        what = f"STATIC_URL {url} is the root of the site" if url else "STATIC_URL is not set"
        return Static([], f"{what}: the application answers", [], [], [])
    try:
        return find_folders(settings, seen_paths(path, prefix, mount), is_development)
    except Exception as error:  # the project's own finders and storages
        why = f"static files are left to the application ({type(error).__name__}: {error})"
        return Static([], why, [why], [], [])


# ---- where they are on the site ----


def use_prefix(settings: Any, mount: str) -> str:
    """STATIC_URL = "static/" is meant below the script's name; Django computes it at first use."""
    forced = settings.FORCE_SCRIPT_NAME
    prefix = str(mount if forced is None else forced).rstrip("/")
    from django.urls import set_script_prefix

    set_script_prefix(prefix + "/")
    return prefix


def is_ours(settings: Any, url: str) -> bool:
    """A URL without a host, or with one that only this site has."""
    parts = urlsplit(url)
    if not parts.scheme and not parts.netloc:
        return True
    return (parts.hostname or "") in [str(host).lower() for host in settings.ALLOWED_HOSTS]


def url_path(url: str) -> str:
    """The path of a URL, decoded and between slashes; "" when that is the root."""
    path = "/" + unquote(urlsplit(url).path).strip("/") + "/"
    return "" if path == "//" else path


def seen_paths(path: str, prefix: str, mount: str) -> list[str]:
    """As it is written in pages, and as it arrives when something before us takes a
    FORCE_SCRIPT_NAME off: Django does not, so it must."""
    mount = mount.rstrip("/")
    if prefix == mount or not path.startswith(prefix + "/"):
        return [path]
    arriving = mount + path[len(prefix) :]
    return [path] if arriving == "/" else [path, arriving]


# ---- where they are on the disk ----


def find_folders(settings: Any, paths: list[str], is_development: bool) -> Static:
    root = str(settings.STATIC_ROOT or "")
    has_root = root != "" and os.path.isdir(root)
    has_finders = settings.DEBUG and "django.contrib.staticfiles" in settings.INSTALLED_APPS
    if has_finders and (is_development or not has_root):
        return find_sources(settings, paths, root if has_root else "")
    if not has_root:
        why = "STATIC_ROOT is not set" if not root else f"there is no folder {root} (STATIC_ROOT)"
        return Static([], f"{why}: the application answers beneath {paths[0]}", [], [], [])
    root = os.path.abspath(root)
    if secret := secret_in(settings, root):
        why = f"STATIC_ROOT {root} holds {secret}, which nobody may download: it is not served"
        return Static([], why, [why], [], [])
    why = f"{paths[0]} is STATIC_ROOT {root}"
    manifest, warnings = find_manifest(settings)
    if manifest:
        why += f"; names in {manifest} are kept by browsers for a year"
    return Static(rows_of(paths, root, manifest), why, warnings, [], [])


def rows_of(paths: list[str], root: str, manifest: str = "", prefix: str = "") -> list[Row]:
    below = prefix.strip("/") + "/" if prefix else ""
    more = {"manifest": manifest} if manifest else {}
    return [{"url": path + below, "root": root, **more} for path in paths]


def secret_in(settings: Any, root: str) -> str:
    """The project's code or database below this folder: then it is one by mistake."""
    return private.first_below(private.paths(settings), root)


# ---- names with a hash in them ----


def storage_class(settings: Any) -> Any:
    """That of the static files, without making one: some open connections."""
    from django.utils.module_loading import import_string

    name = (getattr(settings, "STORAGES", None) or {}).get("staticfiles", {}).get("BACKEND")
    old = getattr(settings, "STATICFILES_STORAGE", None)  # until Django 5.1
    return import_string(old if old and name in (None, STORAGE) else name or STORAGE)


def find_manifest(settings: Any) -> tuple[str, list[str]]:
    """The manifest's file, and what to warn of."""
    from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage

    try:
        kind = storage_class(settings)
        if not (isinstance(kind, type) and issubclass(kind, ManifestFilesMixin)):
            return "", []
        name = str(staticfiles_storage.manifest_name)
        keeper = getattr(staticfiles_storage, "manifest_storage", None) or staticfiles_storage
        return os.path.abspath(keeper.path(name)), []
    except NotImplementedError:
        return "", []  # kept by a storage that is no folder
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        return "", [f"the manifest of static files cannot be used ({what}): collectstatic"]


# ---- while debugging ----


def find_sources(settings: Any, paths: list[str], root: str) -> Static:
    """The folders of Django's own finders in their order, then STATIC_ROOT for what was only
    collected.  Whatever else finders find, the application is asked for."""
    rows, refused = [], []
    for folder, prefix in plain_folders():
        if secret_in(settings, folder):
            refused.append(folder)
        elif os.path.isdir(folder):
            rows += rows_of(paths, folder, prefix=prefix)
    if root and not secret_in(settings, root):
        rows += rows_of(paths, os.path.abspath(root))
    warnings = [
        f"the static folder {folder} holds the project's code or database: it is not served"
        for folder in refused
    ]
    why = f"DEBUG is on: {paths[0]} is what the staticfiles finders find"
    return Static(rows, why, warnings, paths, [os.path.realpath(folder) for folder in refused])


def plain_folders() -> Iterator[tuple[str, str]]:
    """Folders that hold what a finder would find, with its prefix.  They end at the first finder
    that looks elsewhere: what it finds comes before what later ones do."""
    from django.contrib.staticfiles import finders

    for finder in finders.get_finders():
        if not is_plain(finder, finders):
            return
        for storage in finder.storages.values():
            prefix = getattr(storage, "prefix", None) or ""
            yield os.path.abspath(str(storage.location)), str(prefix)


def is_plain(finder: Any, finders: Any) -> bool:
    """One of Django's two, or a subclass that only brings other folders."""
    from django.core.files.storage import FileSystemStorage

    for kind, looks in (
        (finders.FileSystemFinder, ("find", "find_location")),
        (finders.AppDirectoriesFinder, ("find", "find_in_app")),
    ):
        if isinstance(finder, kind):
            return all(
                getattr(type(finder), look) is getattr(kind, look) for look in looks
            ) and all(isinstance(s, FileSystemStorage) for s in finder.storages.values())
    return False


def with_finders(application: Application, static: Static) -> Application:
    """The application, once the finders were asked: for links that lead out of their folders, for
    folders made since, for finders that have none."""
    if not static.urls:
        return application

    def asking(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        name = name_below(static.urls, environ)
        response = found_file(environ, name, static.refused) if name else None
        if response is None:
            return application(environ, start_response)
        status = f"{response.status_code} {response.reason_phrase}"
        start_response(status, [*response.items(), ("Cache-Control", "no-cache")])
        return response

    return asking


def name_below(urls: list[str], environ: dict[str, Any]) -> str:
    """What stands behind one of the URLs; "" when that cannot be a static file's name."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return ""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    path = path.encode("latin-1").decode("utf-8", "replace")
    name = next((path[len(url) :] for url in urls if path.startswith(url)), "")
    parts = name.split("/")
    is_clean = not any(part == "" or part.startswith(".") for part in parts)
    return name if is_clean and "\\" not in name and "\0" not in name else ""


def found_file(environ: dict[str, Any], name: str, refused: list[str]) -> Any:
    from django.contrib.staticfiles import finders, views
    from django.core.exceptions import SuspiciousFileOperation
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import Http404

    try:
        path = finders.find(name)
        if not path or not os.path.isfile(path):
            return None
        real = os.path.realpath(path)
        if any(private.is_below(real, folder) for folder in refused):
            return None
        return views.serve(WSGIRequest(environ), name, insecure=True)
    except (Http404, SuspiciousFileOperation):
        return None
