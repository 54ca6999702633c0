"""What nobody may download, wherever folders of it are served from: the code and the databases."""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any


def paths(settings: Any) -> Iterator[str]:
    yield os.getcwd()
    module = sys.modules.get(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    yield str(getattr(module, "__file__", None) or "")
    for database in settings.DATABASES.values():
        if str(database.get("ENGINE", "")).endswith(("sqlite3", "spatialite")):
            yield str(database.get("NAME") or "")


def first_below(candidates: Iterable[str], root: str) -> str:
    """The first of these paths that lies in the folder, or is it; links are followed."""
    real = os.path.realpath(root)
    found = (path for path in candidates if path and is_below(os.path.realpath(path), real))
    return next(found, "")


def is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
