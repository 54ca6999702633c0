"""Importing the application, and saying in one sentence what is wrong when it cannot be."""

import contextlib
import difflib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from __main__ import load  # boot.py

live_settings = load("_slipway_live_settings", "live_settings.py")

SENTENCE_CHARS = 600
PRINTED_CHARS = 300  # of what a project said before it left
INSTALL_HINT = "install it there, or name another interpreter by --python or --venv"


Message = dict[str, Any]


class Loaded(NamedTuple):
    application: Callable[..., Any]
    name: str  # "module:callable"
    named_by: str = ""
    warnings: tuple[str, ...] = ()


class Failure(Exception):
    """A sentence for the user; __cause__ is what Python said, if it said anything."""


def load_application(start: Message) -> Loaded:
    """app: "module:callable", "module" (its `application`) or "": what Django says."""
    app, settings = start.get("app") or "", start.get("settings") or ""
    settings_from = start.get("settings_from") or ""
    printed: list[str] = []
    try:
        with listening(printed):
            if app:
                loaded = load_named(app)._replace(named_by=start.get("app_from") or "")
            else:
                loaded = load_django(settings, settings_from)
            finish_setup()
    except SystemExit as error:
        raise Failure(left(error, "".join(printed))) from error
    warnings = live_settings.overruled(settings, settings_from, loaded.name)
    warnings += look_at_settings(loaded, settings, settings_from)
    return loaded._replace(warnings=tuple(warnings))


@contextlib.contextmanager
def listening(printed: list[str]) -> Iterator[None]:
    """The streams stay the objects that they are: a logger may keep them."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]

    def listen_to(stream: Any) -> None:
        write = stream.write

        def tee(text: str) -> Any:
            printed[:] = ["".join([*printed, str(text)])[-2 * PRINTED_CHARS :]]
            return write(text)

        stream.write = tee

    for stream in streams:
        with contextlib.suppress(AttributeError):  # one that cannot be listened to
            listen_to(stream)
    try:
        yield
    finally:
        for stream in streams:
            with contextlib.suppress(AttributeError):
                del stream.write


def left(error: SystemExit, printed: str) -> str:
    place = place_of(error)
    at = f" ({place})" if place else ""
    words = " ".join(printed.split())
    said = f", after it had printed: {words[-PRINTED_CHARS:]}" if words else ""
    return f"the project called sys.exit({error.code!r}) while it was imported{at}{said}"


def look_at_settings(loaded: Loaded, wanted: str, wanted_by: str) -> list[str]:
    """An empty settings module is imported without a word; every request would fail."""
    settings = live_settings.configured()
    if settings is None:
        return []
    is_wanted = live_settings.module_of(settings) == wanted
    sentence, is_grave = live_settings.complaint(settings, wanted_by if is_wanted else loaded.name)
    handler = getattr(sys.modules.get("django.core.handlers.wsgi"), "WSGIHandler", None)
    if is_grave and handler is not None and isinstance(loaded.application, handler):
        raise Failure(sentence)
    return [sentence] if sentence else []


def finish_setup() -> None:
    """A Django project whose WSGI module did not do it by itself."""
    if live_settings.configured() is not None:
        import django
        from django.apps import apps

        if not apps.ready:
            django.setup()


# ---- Django ----


def load_django(settings: str, settings_from: str) -> Loaded:
    try:
        import django  # noqa: F401
    except ModuleNotFoundError as error:
        raise Failure(f"Django is not installed for {sys.executable}: {INSTALL_HINT}") from error
    if not settings:
        raise Failure(
            "it is not known which Django settings to use: set DJANGO_SETTINGS_MODULE, or say "
            "--settings MODULE (or name the application: MODULE:CALLABLE)"
        )
    by = f", which {settings_from} names," if settings_from else ""
    import_module(settings, f"the settings module '{settings}'{by}")
    from django.conf import settings as django_settings

    sentence, is_grave = live_settings.complaint(django_settings, settings_from)
    if is_grave:
        raise Failure(sentence)
    # The project's WSGI module comes before django.setup(): it may have to do things first.
    path = getattr(django_settings, "WSGI_APPLICATION", None)
    if path:
        module, _, name = path.rpartition(".")
        loaded = load_attribute(module, name, f"WSGI_APPLICATION = '{path}'")
        return loaded._replace(named_by=f"WSGI_APPLICATION of {settings}")
    from django.core.wsgi import get_wsgi_application

    name = "django.core.wsgi:get_wsgi_application"
    return Loaded(get_wsgi_application(), name, f"{settings} has no WSGI_APPLICATION")


# ---- any application ----


def load_named(app: str) -> Loaded:
    module, colon, name = app.partition(":")
    if name.endswith(")"):
        raise Failure(f"'{app}' is a call: name the application itself, as MODULE:CALLABLE")
    if not module or (colon and not name):
        raise Failure(f"'{app}' does not name an application: write it as MODULE:CALLABLE")
    return load_attribute(module, name or "application", f"'{app}'")


def load_attribute(module_name: str, name: str, asked_by: str) -> Loaded:
    module = import_module(module_name, f"the module '{module_name}' of {asked_by}")
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise Failure(missing_attribute(module, name, asked_by))
        found = getattr(found, part)
    if not callable(found):
        kind = type(found).__name__
        raise Failure(f"{module_name}:{name} is no WSGI application: it is of type {kind}")
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(type(found).__call__):
        raise Failure(
            f"{module_name}:{name} is an ASGI application, and slipway serves WSGI: name the one "
            "of wsgi.py (without a name, Django's settings say which)"
        )
    return Loaded(found, f"{module_name}:{name}")


def missing_attribute(module: ModuleType, name: str, asked_by: str) -> str:
    callables = [key for key, value in vars(module).items() if callable(value)]
    near = difflib.get_close_matches(name, callables, 1)
    where = getattr(module, "__file__", None) or module.__name__
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"there is no '{name}' in {where}, which {asked_by} asks for{hint}"


def import_module(name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(missing + "."):
            raise Failure(missing_module(name, missing, what)) from error
        raise


def missing_module(name: str, missing: str, what: str) -> str:
    hint = ""
    parent, _, last = name.rpartition(".")
    if missing == name and parent in sys.modules and hasattr(sys.modules[parent], last):
        hint = f"; did you mean '{parent}:{last}'?"
    elif missing != name:
        hint = f" (there is no '{missing}' at all)"
    return f"there is no {what.removeprefix('the ')} in {os.getcwd()} or for {sys.executable}{hint}"


# ---- what went wrong ----


def place_of(error: BaseException) -> str:
    """FILE:LINE of the innermost line of the project, else of any; "" for none."""
    frames = traceback.extract_tb(error.__traceback__)
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    frames = [frame for frame in frames if not frame.filename.startswith((here, "<frozen"))]
    folder = os.getcwd() + os.sep
    own = [f for f in frames if f.filename.startswith(folder) and "site-packages" not in f.filename]
    chosen = (own or frames)[-1:]
    return f"{chosen[0].filename}:{chosen[0].lineno}" if chosen else ""


def sentence_of(error: BaseException) -> str:
    place = place_of(error)
    at = f" ({place})" if place else ""
    name = type(error).__name__
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"syntax error in {error.filename}:{error.lineno}: {error.msg}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        if error.name.partition(".")[0] == "django" and "django" not in sys.modules:
            return f"Django is not installed for {sys.executable}: {INSTALL_HINT}"
        settings = os.environ.get("DJANGO_SETTINGS_MODULE", "")
        if settings == error.name or settings.startswith(error.name + "."):
            return f"there is no settings module '{settings}' (DJANGO_SETTINGS_MODULE){at}"
        return (
            f"the project needs the module '{error.name}', which is neither in {os.getcwd()} "
            f"nor installed for {sys.executable}{at}"
        )
    if name == "ImproperlyConfigured":
        return f"Django is not configured properly: {error}{at}"
    if isinstance(error, SystemExit):
        return left(error, "")
    if isinstance(error, KeyboardInterrupt):
        return "importing the project was interrupted"
    return f"importing the project failed: {name}: {error}{at}"


def explain(error: BaseException) -> str:
    """One sentence on one line."""
    try:
        sentence = " ".join(sentence_of(error).split())
    except Exception:  # str() of a foreign exception may do anything
        sentence = f"importing the project failed: {type(error).__name__}"
    cut = len(sentence) > SENTENCE_CHARS
    return sentence[:SENTENCE_CHARS] + "..." if cut else sentence
