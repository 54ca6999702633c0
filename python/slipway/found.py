"""What the imported project says about itself: framework, settings, folders to serve."""

import os
import sys
from typing import Any
from urllib.parse import urlsplit

Facts = dict[str, Any]


def find(loaded: Any, mount: str) -> Facts:
    facts: Facts = {
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "framework": "WSGI",
        "application": loaded.name,
        "settings": "",
        "static": [],
        "warnings": thread_warnings(),
    }
    conf = sys.modules.get("django.conf")
    if conf is not None and conf.settings.configured:
        facts.update(find_django(conf.settings, mount))
    return facts


def thread_warnings() -> list[str]:
    """A fork takes only one thread along: what the others were for is missing in the workers."""
    count = len(os.listdir("/proc/self/task"))
    if count == 1:
        return []
    return [
        f"the project started {count - 1} threads while it was imported; workers are without them"
    ]


def find_django(settings: Any, mount: str) -> Facts:
    import django

    use_mount(settings, mount)
    return {
        "framework": f"Django {django.get_version()}",
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
        "debug": bool(settings.DEBUG),
        "allowed_hosts": [str(host) for host in settings.ALLOWED_HOSTS],
        "static": find_static(settings),
        "media": find_media(settings),
    }


def use_mount(settings: Any, mount: str) -> None:
    """STATIC_URL = "static/" is meant below the mount; Django computes it once, at first use."""
    if mount and not settings.FORCE_SCRIPT_NAME:
        from django.urls import set_script_prefix

        set_script_prefix(mount.rstrip("/") + "/")


def url_path(url: Any) -> str:
    """The path of a URL, between slashes; "" when that is the root."""
    path = urlsplit(str(url or "")).path
    path = "/" + path.strip("/") + "/"
    return "" if path == "//" else path


# ---- static files ----


def find_static(settings: Any) -> list[dict[str, str]]:
    url = url_path(settings.STATIC_URL)
    root = settings.STATIC_ROOT
    if not url:
        return []
    if root and os.path.isdir(root):
        return [{"url": url, "root": os.path.abspath(root)}]
    if settings.DEBUG and "django.contrib.staticfiles" in settings.INSTALLED_APPS:
        return find_sources(url)
    return []


def find_sources(url: str) -> list[dict[str, str]]:
    """Where the staticfiles finders look, in their order: as good as collected while debugging."""
    from django.contrib.staticfiles import finders

    found = []
    for finder in finders.get_finders():
        for storage in (getattr(finder, "storages", None) or {}).values():
            location = getattr(storage, "location", "")
            prefix = getattr(storage, "prefix", None)
            below = f"{url}{prefix.strip('/')}/" if prefix else url
            if location and os.path.isdir(location):
                found.append({"url": below, "root": os.path.abspath(location)})
    return found


# ---- uploaded files ----


def find_media(settings: Any) -> Facts:
    media: Facts = {"url": str(settings.MEDIA_URL or ""), "root": str(settings.MEDIA_ROOT or "")}
    media["why"] = media_objection(settings, media["url"], media["root"])
    media["serve"] = media["why"] == ""
    return media


def media_objection(settings: Any, url: str, root: str) -> str:
    """Why uploads are not to be served; "" when they may be."""
    parts = urlsplit(url)
    if not root:
        return "MEDIA_ROOT is empty"
    if parts.scheme or parts.netloc:
        return f"MEDIA_URL {url} is not a path of this site"
    if not url_path(url):
        return "MEDIA_URL is the root of the site"
    if not os.path.isdir(root):
        return f"there is no folder {root} (MEDIA_ROOT)"
    return private_content(settings, os.path.realpath(root))


def private_content(settings: Any, root: str) -> str:
    for path in private_paths(settings):
        if path and is_below(os.path.realpath(path), root):
            return f"MEDIA_ROOT {root} holds {path}, which nobody may download"
    for entry in os.scandir(root):
        if entry.name in ("manage.py", ".env") or entry.name.endswith((".py", ".sqlite3", ".db")):
            return f"MEDIA_ROOT {root} holds {entry.name}, which nobody may download"
    return ""


def private_paths(settings: Any) -> list[str]:
    """The code and the databases."""
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    paths = [os.getcwd(), str(getattr(module, "__file__", None) or "")]
    for database in settings.DATABASES.values():
        if str(database.get("ENGINE", "")).endswith(("sqlite3", "spatialite")):
            paths.append(str(database.get("NAME") or ""))
    return paths


def is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
