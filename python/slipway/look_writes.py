"""Where a project writes, as far as its settings say: for `slipway install-service`, whose unit
leaves the rest of the machine to be read only."""

import os
import sys
from typing import Any

SQLITE = ("sqlite3", "spatialite")


def find() -> list[str]:
    """Absolute folders, each once.  One that is not there yet may be made beneath one that is."""
    folders = []
    if sys.modules.get("django.conf") is not None:
        from django.conf import settings

        if settings.configured:
            folders = [*databases(settings), *uploads(settings), *caches(settings), *logs(settings)]
    found = dict.fromkeys(os.path.abspath(folder) for folder in folders if folder)
    return list(found)


def databases(settings: Any) -> list[str]:
    """SQLite keeps its journal beside the file."""
    found = []
    for database in settings.DATABASES.values():
        name = str(database.get("NAME") or "")
        is_file = str(database.get("ENGINE")).endswith(SQLITE) and name and ":memory:" not in name
        if is_file and not name.startswith("file:"):
            found.append(os.path.dirname(os.path.realpath(name)))
    return found


def uploads(settings: Any) -> list[str]:
    found = [settings.MEDIA_ROOT, settings.FILE_UPLOAD_TEMP_DIR]
    for storage in (getattr(settings, "STORAGES", None) or {}).values():
        is_files = "FileSystemStorage" in str(storage.get("BACKEND"))
        found.append((storage.get("OPTIONS") or {}).get("location") if is_files else None)
    if "compressor" in settings.INSTALLED_APPS:  # it writes what it makes beside what it made it of
        found.append(getattr(settings, "COMPRESS_ROOT", None) or settings.STATIC_ROOT)
    return [os.path.realpath(folder) for folder in found if folder]


def caches(settings: Any) -> list[str]:
    found = [
        str(cache.get("LOCATION") or "")
        for cache in settings.CACHES.values()
        if str(cache.get("BACKEND")).endswith("FileBasedCache")
    ]
    if settings.SESSION_ENGINE.endswith(".file"):
        found.append(settings.SESSION_FILE_PATH or "")
    if settings.EMAIL_BACKEND.endswith(".filebased.EmailBackend"):
        found.append(getattr(settings, "EMAIL_FILE_PATH", None) or "")
    return found


def logs(settings: Any) -> list[str]:
    handlers = (settings.LOGGING or {}).get("handlers") or {}
    names = [handler.get("filename") for handler in handlers.values() if isinstance(handler, dict)]
    return [os.path.dirname(os.path.abspath(name)) for name in names if name]
