"""What the imported project says about itself: framework, settings, folders to serve."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from __main__ import load  # boot.py

live_settings = load("_slipway_live_settings", "live_settings.py")
media = load("_slipway_media", "media.py")
static_files = load("_slipway_static_files", "static_files.py")

Facts = dict[str, Any]


class Found(NamedTuple):
    facts: Facts  # the report
    application: Callable[..., Any]  # what workers run


def find(loaded: Any, start: Facts) -> Found:
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
    static = find_static(start)
    if static is None:
        return Found(facts, loaded.application)
    facts.update(find_django(), static=static.rows, static_why=static.why)
    facts["warnings"] += static.warnings
    return Found(facts, static_files.with_finders(loaded.application, static))


def settle(loaded: Any, start: Facts) -> Callable[..., Any]:
    """What find() changes in the project, for a process that imports it without being asked."""
    static = find_static(start)
    if static is None:
        return loaded.application
    return static_files.with_finders(loaded.application, static)


def find_static(start: Facts) -> Any:
    """None without Django."""
    settings = live_settings.configured()
    if settings is None:
        return None
    mount, is_development = start.get("mount") or "", bool(start.get("development"))
    static = static_files.find(settings, mount, is_development)
    _ = settings.MEDIA_URL  # Django computes it at first use, and has the mount now
    return media.fence(settings, static, mount)


def find_django() -> Facts:
    import django
    from django.conf import settings

    return {
        "framework": f"Django {django.get_version()}",
        "settings": live_settings.module_of(settings),
        "debug": bool(settings.DEBUG),
        "allowed_hosts": [str(host) for host in settings.ALLOWED_HOSTS],
    }
