"""`slipway run`: what a save of which file means, told to the master; and templates read anew.

The zygote says which files and folders the project is made of, and its workers which modules they
imported later.  Modules start a new generation.  Templates do not: as in runserver, their loaders
are emptied, which takes no import.  A counter in memory that zygote and workers share says when.
"""

import contextlib
import mmap
import os
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from __main__ import load  # boot.py

process = load("_slipway_process", "process.py")
live_settings = load("_slipway_live_settings", "live_settings.py")

MESSAGE_BYTES = 7000  # src/link/channel.h: below 8 KiB
FOLDERS = 4000  # below the template folders, or of a project that was not imported
FOREIGN_PARTS = ("/site-packages/", "/dist-packages/", "/node_modules/")
HERE = os.path.dirname(os.path.abspath(__file__))

Application = Callable[..., Any]


# ---- whose files ----


def foreign_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {sysconfig.get_path(name) for name in names} | {HERE}
    found |= {os.path.realpath(path) for path in found if path}
    return tuple(path.rstrip("/") + "/" for path in found if path)


FOREIGN = foreign_folders()


def is_own(path: str) -> bool:
    """Of the project, or of a package that is worked on beside it; not something installed."""
    folder = path + "/"
    return not folder.startswith(FOREIGN) and not any(part in folder for part in FOREIGN_PARTS)


def module_files() -> Iterator[str]:
    for module in list(sys.modules.values()):
        # And not what only looks like one (isinstance() is told by __class__) and acts when asked.
        if issubclass(type(module), ModuleType):
            path = ModuleType.__getattribute__(module, "__dict__").get("__file__")
            if isinstance(path, str) and path:
                yield os.path.abspath(path)


def with_targets(paths: Iterable[str]) -> Iterator[str]:
    """An editor may save the file that a link points to."""
    for path in paths:
        yield path
        target = os.path.realpath(path)
        if target != path:
            yield target


def folders_below(roots: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for root in roots:
        for folder, names, _ in os.walk(root):
            if folder in found or len(found) >= FOLDERS or not is_own(folder):
                names.clear()
                continue
            found[folder] = None
            names[:] = [name for name in names if is_to_look_into(folder, name)]
    return list(found)


def is_to_look_into(folder: str, name: str) -> bool:
    if name.startswith(".") or name in ("__pycache__", "node_modules"):
        return False
    return not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))


# ---- what Django looks into ----


def engines() -> list[Any]:
    """Those of a project that has none, or whose settings are wrong, are not ours to report."""
    if live_settings.configured() is None:
        return []
    with contextlib.suppress(Exception):
        from django.template import engines as django_engines

        return list(django_engines.all())
    return []


def loaders() -> Iterator[Any]:
    for backend in engines():
        yield from getattr(getattr(backend, "engine", None), "template_loaders", ())


def template_roots() -> list[str]:
    roots = [str(folder) for backend in engines() for folder in backend.template_dirs]
    for loader in loaders():
        if hasattr(loader, "get_dirs"):
            roots += [str(folder) for folder in loader.get_dirs()]
    roots = [os.path.abspath(root) for root in dict.fromkeys(roots)]
    return [root for root in roots if is_own(root) and os.path.isdir(root)]


def static_roots() -> list[str]:
    settings = live_settings.configured()
    if settings is None:
        return []
    roots = [str(getattr(settings, "STATIC_ROOT", None) or "")]
    with contextlib.suppress(Exception):  # a project without staticfiles, or with odd finders
        from django.contrib.staticfiles import finders

        for finder in finders.get_finders():
            for storage in (getattr(finder, "storages", None) or {}).values():
                roots.append(str(getattr(storage, "location", "")))
    return [
        os.path.abspath(root) for root in roots if root and is_own(root) and os.path.isdir(root)
    ]


def empty_loaders() -> None:
    for loader in loaders():
        if hasattr(loader, "reset"):
            loader.reset()
    forms = sys.modules.get("django.forms.renderers")
    if forms is not None and hasattr(forms.get_default_renderer, "cache_clear"):
        forms.get_default_renderer.cache_clear()


def import_urls() -> None:
    """So that the views are known before the first request, and their errors are shown."""
    settings = live_settings.configured()
    if settings is not None and hasattr(settings, "ROOT_URLCONF"):
        from django.urls import get_resolver

        _ = get_resolver().url_patterns


# ---- telling the master ----


def pieces(folder: str, names: Iterable[str]) -> Iterator[list[str]]:
    """The names in messages that are not too long."""
    piece: list[str] = []
    left = MESSAGE_BYTES - len(os.fsencode(folder))
    room = left
    for name in names:
        need = 2 * len(os.fsencode(name)) + 4
        if piece and need > room:
            yield piece
            piece, room = [], left
        piece.append(name)
        room -= need
    if piece:
        yield piece


class Develop:
    """Of one generation; workers inherit it with the fork."""

    def __init__(self, channel: socket.socket, start: dict[str, Any]):
        self.channel = channel
        self.generation = start["generation"]
        self.live: str = start.get("live") or ""  # path of the script that pages get
        self.has_failed = False
        self._is_alone = False  # imported by a worker for itself
        self._said: set[str] = set()
        self._modules = 0  # how many there were when we looked
        self._counter = mmap.mmap(-1, 8)  # shared with the workers
        self._seen = self._counter[:]

    # -- from the zygote

    def imported(self) -> None:
        import_urls()
        self.say_modules()
        self.say_watched()

    def say_watched(self) -> None:
        self.say_folders("template", folders_below(template_roots()))
        if self.live:
            self.say_folders("file", folders_below(static_roots()))

    def failed(self, sentence: str, text: str, error: BaseException | None) -> Application:
        """The application that stands in for the project, once the master knows what to watch."""
        pages = load("_slipway_error_page", "error_page.py")
        self.has_failed = True
        places = [path for path, _, _ in pages.places_of(error)] if error is not None else []
        self.say_modules(path for path in places if is_own(path))
        folders = {os.getcwd(), *(os.path.dirname(path) for path in self._said)}
        if error is None:  # nothing was imported: anything may mend it
            folders.update(folders_below([os.getcwd()]))
        self.say_folders("code", folders)
        return pages.make(pages.collect(sentence, text, error, is_own))

    def look(self) -> None:
        """Templates changed, or their folders."""
        if not self.has_failed:
            self.say_watched()
        count = self.count() + 1
        self._counter[:] = count.to_bytes(8, "little")
        self.say(event="looked", count=count)

    def count(self) -> int:
        return int.from_bytes(self._counter[:], "little")

    # -- in a worker

    def imported_alone(self) -> None:
        """Its zygote, whose own import was only looked at, has named the files."""
        import_urls()
        self._is_alone = True

    def in_worker(self, application: Application, life: socket.socket) -> Application:
        self.channel = life
        if self.live:
            live = load("_slipway_live", "live.py")
            application = live.make(
                application, self.live, lambda: f"{self.generation}.{self.count()}"
            )

        def developed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            if self._counter[:] != self._seen:
                self._seen = self._counter[:]
                empty_loaders()
                if self._is_alone:  # the zygote does not know of new folders
                    self.say_watched()
            try:
                return application(environ, start_response)
            finally:
                if len(sys.modules) != self._modules:
                    self.say_modules()

        return developed

    # -- messages

    def say(self, event: str = "watch", **message: Any) -> None:
        with contextlib.suppress(OSError):  # the master is gone, or this is a fork of a worker
            process.say(self.channel, event=event, **message)

    def say_modules(self, more: Iterable[str] = ()) -> None:
        self._modules = len(sys.modules)
        found = {*with_targets(filter(is_own, module_files())), *with_targets(more)} - self._said
        self._said |= found
        folders: dict[str, list[str]] = {}
        for path in sorted(found):
            folder, name = os.path.split(path)
            folders.setdefault(folder, []).append(name)
        for folder, names in folders.items():
            for piece in pieces(folder, names):
                self.say(folder=folder, names=piece)

    def say_folders(self, kind: str, folders: Iterable[str]) -> None:
        for folder in folders:
            self.say(folder=folder, any=kind)
