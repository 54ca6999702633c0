"""The fields that Django's middleware puts into every response, for those that the edge makes.

Its own code is asked, once a start, so a field is spelled, left off or made of several settings as
this version of Django does it, and a subclass of the project's is heard, too.  Only what the
project has in MIDDLEWARE counts: without it Django would not send these fields either.
"""

import sys
from typing import Any

from __main__ import load  # boot.py

live_settings = load("_slipway_live_settings", "live_settings.py")

Facts = dict[str, Any]
Pairs = list[tuple[str, str]]
MIDDLEWARE = (
    ("django.middleware.security", "SecurityMiddleware"),
    ("django.middleware.clickjacking", "XFrameOptionsMiddleware"),
    ("django.middleware.csp", "ContentSecurityPolicyMiddleware"),  # from Django 6.0 on
)
# What a subclass adds besides (cookies, a greeting) is of its own pages.
NAMES = {
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-XSS-Protection",  # up to Django 3.2
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "X-Frame-Options",
    "Content-Security-Policy",
    "Content-Security-Policy-Report-Only",
}
VALUE_CHARS = 2000


def find() -> Facts:
    """{"headers": {"plain": [[name, value]], "secure": [...]}}, by http and by https; or {}."""
    settings = live_settings.configured()
    classes = middleware(settings) if settings is not None else []
    if not classes:
        return {}
    try:
        return {"headers": {"plain": ask(classes, False), "secure": ask(classes, True)}}
    except Exception as error:  # a setting that the middleware cannot use, or a subclass
        kind = type(error).__name__
        sentence = f"security headers are left to the application: {kind}: {error}"
        print(f"slipway: {sentence[:500]}", file=sys.stderr)
        return {}


def middleware(settings: Any) -> list[type]:
    """Those of Django's three that the project uses, or what it has made of them."""
    from django.utils.module_loading import import_string

    known = tuple(
        getattr(sys.modules[module], name) for module, name in MIDDLEWARE if module in sys.modules
    )
    found: list[type] = []
    for path in live_settings.value(settings, "MIDDLEWARE") or ():
        if str(path).rpartition(".")[0] not in sys.modules:
            continue  # Django has loaded all of them; what it has not is not used
        try:
            entry = import_string(path)
        except Exception:
            continue
        if isinstance(entry, type) and known and issubclass(entry, known):
            found.append(entry)
    return found


def ask(classes: list[type], is_secure: bool) -> Pairs:
    from django.http import HttpRequest, HttpResponse

    class Asked(HttpRequest):
        scheme = property(lambda self: "https" if is_secure else "http")

    request, response = Asked(), HttpResponse()
    request.method, request.path, request.path_info = "GET", "/", "/"
    request.META.update(SERVER_NAME="localhost", SERVER_PORT="443" if is_secure else "80")
    for one in reversed(classes):  # the last one sees a response first
        instance: Any = one(lambda request: HttpResponse())  # which is not asked
        response = instance.process_response(request, response)
    return [
        (name, value)
        for name, value in response.items()
        if name in NAMES and len(value) <= VALUE_CHARS and value.isascii() and value.isprintable()
    ]
