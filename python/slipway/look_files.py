"""lookover.py's checks of static files and uploads."""

import filecmp
import getpass
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

Row = dict[str, Any]
FILES_MAX = 20_000
LOOK_S = 5.0
COLLECT = "slipway exec manage collectstatic --noinput"


class Tally:
    """What is wrong with the collected files, with the first name of each kind."""

    def __init__(self) -> None:
        self.count = 0
        self.missing: list[str] = []
        self.stale: list[str] = []
        self.unhashed: list[str] = []
        self.is_cut = False


def static(look: Any) -> Row | None:
    """With the words of static_files.py, which decided it."""
    s, why = look.settings, str(look.facts.get("static_why") or "")
    is_served = bool(look.facts.get("static"))
    if s.STATIC_URL and str(s.STATIC_URL) in look.site["static"]:
        return look.ok(f"{s.STATIC_URL} is given by the option static")
    if not is_served and "nobody may download" in why:
        return look.wrong(why, "STATIC_ROOT: a folder of its own")
    if "django.contrib.staticfiles" not in s.INSTALLED_APPS:
        return look.ok(why) if s.STATIC_URL else None
    if not is_served and (urlsplit(str(s.STATIC_URL or "")).netloc or not s.STATIC_URL):
        return look.ok(why)
    from django.contrib.staticfiles.storage import staticfiles_storage as storage

    root = folder_of(storage)
    if root is None:
        return look.ok(f"kept by {storage.__class__.__name__}, not in a folder; {why}")
    if not any(True for _ in source_files()):
        return look.ok(f"no application has any; {why}")
    if s.DEBUG and not (root and os.path.isdir(root)):
        return look.ok(why)
    if not root:
        return look.wrong(
            "STATIC_ROOT is not set: with DEBUG off pages have neither CSS nor scripts",
            f'STATIC_ROOT = BASE_DIR / "static_root", then: {COLLECT}',
        )
    if not os.path.isdir(root):
        return look.wrong(
            f"STATIC_ROOT {root} is not there: pages have neither CSS nor scripts", COLLECT
        )
    if not is_served:
        return look.warn(why)
    return collected(look, storage, root)


def folder_of(storage: Any) -> str | None:
    """Where it keeps files, "" when that is not set; None when not in a folder at all."""
    from django.core.files.storage import FileSystemStorage

    return str(storage.location or "") if isinstance(storage, FileSystemStorage) else None


def source_files() -> Iterator[tuple[str, Any, str]]:
    """What collectstatic would collect: name below STATIC_ROOT, storage, path in the storage."""
    from django.contrib.staticfiles import finders
    from django.contrib.staticfiles.apps import StaticFilesConfig

    ignored = getattr(StaticFilesConfig, "ignore_patterns", None)
    for finder in finders.get_finders():
        for path, storage in finder.list(ignored):
            prefix = getattr(storage, "prefix", None)
            yield (os.path.join(prefix, path) if prefix else path), storage, path


def is_stale(source: str, target: str) -> bool:
    """Newer and different: a checkout touches what it does not change."""
    try:
        newer = os.path.getmtime(source) > os.path.getmtime(target)
        return newer and not filecmp.cmp(source, target, shallow=False)
    except OSError:
        return False


def tally(root: str, hashed: dict[str, str] | None) -> Tally:
    found, seen = Tally(), set()
    until = time.monotonic() + LOOK_S
    for name, storage, path in source_files():
        if name in seen:
            continue  # an earlier finder's file hides it
        seen.add(name)
        found.count += 1
        if found.count > FILES_MAX or time.monotonic() > until:
            found.is_cut = True
            break
        target = os.path.join(root, name)
        if hashed is not None:
            target_hashed = hashed.get(name.replace("\\", "/"))
            if not target_hashed or not os.path.exists(os.path.join(root, target_hashed)):
                found.unhashed.append(name)
        if not os.path.exists(target):
            if hashed is None:  # some storages keep only the hashed ones
                found.missing.append(name)
        elif is_stale(storage.path(path), target):
            found.stale.append(name)
    return found


def collected(look: Any, storage: Any, root: str) -> Row:
    hashed = None
    if hasattr(storage, "read_manifest"):
        if not storage.read_manifest():
            return look.wrong(
                f"{storage.manifest_name} is not in {root}: pages that use it fail with 500",
                COLLECT,
            )
        hashed = dict(storage.hashed_files)
    found = tally(root, hashed)
    if found.unhashed:
        return look.wrong(
            f"{names(found.unhashed)} not in the manifest of {root}: pages that name one fail "
            "with 500",
            COLLECT,
        )
    if found.missing:
        return look.warn(f"{names(found.missing)} missing in {root}", COLLECT)
    if found.stale:
        return look.warn(f"{names(found.stale)} older in {root} than in the code", COLLECT)
    cut = "the first " if found.is_cut else ""
    return look.ok(f"{look.facts['static_why']}; {cut}{found.count} files, none missing or old")


def names(found: list[str]) -> str:
    """ "admin/css/a.css is", "3 files (first.css, ...) are"."""
    if len(found) == 1:
        return f"{found[0]} is"
    return f"{len(found)} files ({found[0]}, ...) are"


# ---- uploads ----


def media(look: Any) -> Row | None:
    found = look.facts.get("media")
    if not isinstance(found, dict) or not look.settings.MEDIA_ROOT:
        return None
    url, root, why = (str(found.get(name) or "") for name in ("url", "root", "why"))
    if os.path.isdir(root) and not os.access(root, os.W_OK):
        return look.warn(
            f"{root} cannot be written by this user: uploads fail",
            f"chown -R {getpass.getuser()} {root}",
        )
    if found.get("serve"):
        return look.ok(f"{url} is {root}")
    if url in look.site["static"]:
        return look.ok(f"{url} is given by the option static")
    told = look.start.get("media") or "auto"
    if told == "yes":
        return look.warn(f"media = yes, but uploads are not served: {why}")
    if told == "no":
        return look.ok("uploads are not served: media = no")
    return media_left_alone(look, url, root)


def media_left_alone(look: Any, url: str, root: str) -> Row:
    """With media = auto `slipway serve` serves none; what would it mean to tell it so?"""
    rules = look.load("_slipway_media", "media.py")
    why = rules.objection(look.settings, url, root, look.start.get("mount") or "")
    if "nobody may download" in why:
        return look.warn(f"uploads are not served: {why}", "MEDIA_ROOT: a folder of its own")
    if why:
        return look.ok(f"uploads are not served: {why}")
    if look.settings.DEBUG or not os.path.isdir(root) or not os.listdir(root):
        return look.ok("uploads are served by `run`; by `serve` when told: media = yes")
    return look.warn(
        f"nobody serves {url}: uploads get 404 under `slipway serve`",
        "media = yes, or media = no when another server does it",
    )
