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
        "application_from": loaded.named_by,
        "settings": "",
        "static": [],
        "warnings": list(loaded.warnings),
    }
    conf = sys.modules.get("django.conf")
    if conf is not None and conf.settings.configured:
        facts.update(find_django(conf.settings, mount))
    return facts


def settle(mount: str) -> None:
    """What find() changes in the project, for a process that imports it without being asked."""
    conf = sys.modules.get("django.conf")
    if conf is not None and conf.settings.configured:
        use_mount(conf.settings, mount)
        _ = conf.settings.STATIC_URL, conf.settings.MEDIA_URL


def find_django(settings: Any, mount: str) -> Facts:
    import django

    use_mount(settings, mount)
    return {
        "framework": f"Django {django.get_version()}",
        "settings": str(getattr(settings, "SETTINGS_MODULE", None) or ""),
        "debug": bool(settings.DEBUG),
        "allowed_hosts": [str(host) for host in settings.ALLOWED_HOSTS],
        "static": find_static(settings),
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
