"""The settings that Django really has, once the application is imported; and who named them."""

import os
import sys
from typing import Any

VARIABLE = "DJANGO_SETTINGS_MODULE"


def configured() -> Any:
    """django.conf.settings, or None while nobody made them."""
    conf = sys.modules.get("django.conf")
    settings = getattr(conf, "settings", None)
    return settings if settings is not None and settings.configured else None


def module_of(settings: Any) -> str:
    """ "" for those that settings.configure() made."""
    return str(getattr(settings, "SETTINGS_MODULE", None) or "")


def value(settings: Any, name: str) -> Any:
    """None for what is missing; Django raises for an empty SECRET_KEY."""
    try:
        return getattr(settings, name) or None
    except Exception:
        return None


def lacks(settings: Any) -> tuple[str, bool]:
    """What is missing, and whether no page can do without it."""
    missing = [name for name in ("ROOT_URLCONF", "SECRET_KEY") if value(settings, name) is None]
    has_sessions = any(
        "session" in str(name).lower() for name in value(settings, "MIDDLEWARE") or ()
    )
    is_grave = "ROOT_URLCONF" in missing or (bool(missing) and has_sessions)
    return " and no ".join(missing), is_grave


def complaint(settings: Any, named_by: str) -> tuple[str, bool]:
    """ "" when nothing is missing."""
    missing, is_grave = lacks(settings)
    if not missing:
        return "", False
    module = module_of(settings)
    who = f", which {named_by} names," if named_by else ""
    what = (
        f"the settings module '{module}'{who} has" if module else "settings.configure() was given"
    )
    fix = "name the project's own by --settings MODULE"
    if "configurations" in sys.modules:
        fix = "with django-configurations name the application, such as PACKAGE.wsgi:application"
    elif "ROOT_URLCONF" not in missing:
        fix = "sessions, logins and signed cookies need one"
    return f"{what} no {missing}: {fix}", is_grave


def overruled(wanted: str, wanted_by: str, application: str) -> list[str]:
    """A wsgi.py that assigns the variable: its own settings, or only what its processes inherit."""
    settings = configured()
    live = module_of(settings) if settings is not None else ""
    said = os.environ.get(VARIABLE, "")
    if not wanted or not live:
        return []
    if live != wanted:
        by = f", which {wanted_by} names" if wanted_by else ""
        return [
            f"{application} uses the settings '{live}' whatever is set before, not '{wanted}'{by}"
        ]
    if said == wanted:
        return []
    os.environ[VARIABLE] = wanted
    return [
        f"{application} sets {VARIABLE} to '{said}'; the settings are '{wanted}', "
        f"which {wanted_by or 'the environment'} names"
    ]
