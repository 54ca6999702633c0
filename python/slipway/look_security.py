"""lookover.py's checks of what protects visitors: hosts, key, HTTPS, cookies, headers."""

from typing import Any
from urllib.parse import urlsplit

Row = dict[str, Any]
LOCAL = ("localhost", "127.0.0.1", "[::1]", ".localhost")
NEW_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
TOLD_BY_PROXY = "trusted-peers = ADDRESS-OF-THE-PROXY in slipway.ini"
# What the edge removes from a request and writes itself, as Django names it (wire/uwsgi.c).
OURS = ("HTTP_X_FORWARDED_", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def debug(look: Any) -> Row:
    if not look.settings.DEBUG:
        return look.ok("off")
    return look.warn(
        "DEBUG is on: under `slipway serve` visitors would see tracebacks and settings",
        "DEBUG = False",
    )


def hosts(look: Any) -> Row:
    names = [str(name) for name in look.settings.ALLOWED_HOSTS]
    if not names:
        return look.wrong(
            "ALLOWED_HOSTS is empty: with DEBUG off Django answers every request with 400",
            'ALLOWED_HOSTS = ["example.org"]',
        )
    if "*" in names:
        return look.warn(
            "ALLOWED_HOSTS has '*': a forged Host gets into links, mails and caches",
            'ALLOWED_HOSTS = ["example.org"]',
        )
    wrong = [name for name in names if "/" in name or (":" in name and "]" not in name)]
    if wrong:
        return look.wrong(
            f"ALLOWED_HOSTS: '{wrong[0]}' never matches, for it takes names without scheme or port",
            f'ALLOWED_HOSTS = ["{urlsplit("//" + wrong[0].split("//")[-1]).hostname}"]',
        )
    return look.ok(", ".join(names))


def secret_key(look: Any) -> Row:
    key = look.settings.SECRET_KEY
    key = key.decode("latin-1") if isinstance(key, bytes) else str(key)
    what = ""
    if key.startswith("django-insecure-"):
        what = "SECRET_KEY is the one that startproject wrote into the code"
    elif len(key) < 50:
        what = f"SECRET_KEY has only {len(key)} characters, 50 are wanted"
    elif len(set(key)) < 5:
        what = f"SECRET_KEY has few different characters: {len(set(key))}"
    if not what:
        return look.ok(f"{len(key)} characters")
    return look.wrong(f"{what}: who knows it forges sessions and password links", NEW_KEY)


# ---- behind TLS ----


def is_local(look: Any) -> bool:
    """Nobody but this machine is answered."""
    names = [str(name) for name in look.settings.ALLOWED_HOSTS]
    return bool(names) and all(name in LOCAL for name in names)


def proxy_header(look: Any) -> str:
    value = look.settings.SECURE_PROXY_SSL_HEADER
    return str(value[0]) if value else ""


def sees_https(look: Any) -> bool:
    """request.is_secure() can be true."""
    header = proxy_header(look)
    return look.site["sees_https"] or bool(header) and not header.startswith(OURS)


def means_https(look: Any) -> bool:
    s = look.settings
    return bool(
        s.SECURE_SSL_REDIRECT
        or s.SECURE_HSTS_SECONDS
        or s.SECURE_PROXY_SSL_HEADER
        or s.SESSION_COOKIE_SECURE
        or s.CSRF_COOKIE_SECURE
        or any(str(origin).startswith("https://") for origin in s.CSRF_TRUSTED_ORIGINS)
    )


def https(look: Any) -> Row:
    header, value = proxy_header(look), look.settings.SECURE_PROXY_SSL_HEADER
    if value and (not isinstance(value, (tuple, list)) or len(value) != 2):
        return look.wrong(
            "SECURE_PROXY_SSL_HEADER is not a pair: Django fails at every request",
            TOLD_BY_PROXY,
        )
    if look.settings.SECURE_SSL_REDIRECT and not sees_https(look):
        return look.wrong(
            "SECURE_SSL_REDIRECT is on, but Django never sees HTTPS, which ends in front of "
            "slipway: every page redirects to itself for ever; name the proxy, which sets "
            "X-Forwarded-Proto, in trusted-peers",
            TOLD_BY_PROXY,
        )
    if header and not sees_https(look):
        return look.warn(
            f"SECURE_PROXY_SSL_HEADER: slipway writes {spelled(header)} itself, so that nobody "
            "forges it, and says http: request.is_secure() stays False; name the proxy in "
            "trusted-peers",
            TOLD_BY_PROXY,
        )
    if header and not header.startswith(OURS) and look.site["is_open"]:
        return look.wrong(
            f"SECURE_PROXY_SSL_HEADER is {spelled(header)}, which slipway passes on from "
            "everybody: any client can say that he uses HTTPS; Django knows it without, by "
            "X-Forwarded-Proto of trusted-peers or by TLS here",
            "SECURE_PROXY_SSL_HEADER = None",
        )
    return https_of_visitors(look, header)


def https_of_visitors(look: Any, header: str) -> Row:
    if is_local(look):
        return look.ok("not needed: only this machine is answered")
    if not means_https(look):
        return look.warn(
            "nothing says that visitors come by HTTPS: passwords would travel in the clear; put "
            "TLS in front, let it set X-Forwarded-Proto, and name it in trusted-peers",
            TOLD_BY_PROXY,
        )
    if sees_https(look) and not look.settings.SECURE_SSL_REDIRECT:
        return look.warn(
            "http:// is not redirected to https://, unless the proxy does it",
            "SECURE_SSL_REDIRECT = True",
        )
    return look.ok(f"by the proxy's {spelled(header)}" if header else "ends in front of slipway")


def spelled(header: str) -> str:
    """HTTP_X_SCHEME is X-Scheme."""
    return header.removeprefix("HTTP_").replace("_", "-").title()


def csrf_origins(look: Any) -> Row | None:
    import django

    origins = [str(origin) for origin in look.settings.CSRF_TRUSTED_ORIGINS]
    if django.VERSION < (4, 0):  # it compares the Referer, and takes names without scheme
        return None
    for origin in origins:
        if "://" not in origin:
            return look.wrong(
                f"CSRF_TRUSTED_ORIGINS: '{origin}' has no scheme, so Django refuses to start",
                f'CSRF_TRUSTED_ORIGINS = ["https://{origin}"]',
            )
    if is_local(look) or sees_https(look):
        return look.ok(", ".join(origins) or "none needed: Django sees scheme and host itself")
    missing = uncovered(look, origins)
    if not missing:
        return look.ok(", ".join(origins) or "no host is answered yet")
    text = (
        f"CSRF_TRUSTED_ORIGINS lacks https://{missing[0]}: where TLS ends in front of slipway, "
        "forms sent from there are refused with 403"
    )
    fix = ", ".join(f'"https://{name}"' for name in missing)
    say = look.wrong if means_https(look) else look.warn
    return say(text, f"CSRF_TRUSTED_ORIGINS = [{fix}]")


def uncovered(look: Any, origins: list[str]) -> list[str]:
    """Hosts, as an origin names them, for which there is no https:// origin."""
    parts = [urlsplit(origin) for origin in origins]
    covered = [part.netloc.partition(":")[0] for part in parts if part.scheme == "https"]
    missing = []
    for name in map(str, look.settings.ALLOWED_HOSTS):
        if name in LOCAL:
            continue
        wanted = "*" + name if name.startswith(".") else name
        if wanted == "*":
            missing += [] if covered else ["example.org"]
        elif not any(covers(origin, wanted) for origin in covered):
            missing.append(wanted)
    return missing


def covers(origin: str, host: str) -> bool:
    """ "*.example.org" is every host below example.org, at any depth, not itself."""
    return origin == host or (origin.startswith("*.") and host.endswith(origin[1:]))


def cookies(look: Any) -> Row:
    s = look.settings
    middleware = " ".join(map(str, s.MIDDLEWARE or ()))
    wanted = [("SESSION_COOKIE_SECURE", "SessionMiddleware"), ("CSRF_COOKIE_SECURE", "CsrfView")]
    if not any(part in middleware for _, part in wanted):
        return look.ok("no middleware for sessions or against CSRF sets any")
    missing = [
        name
        for name, part in wanted
        if part in middleware
        and not getattr(s, name)
        and not (name.startswith("CSRF") and s.CSRF_USE_SESSIONS)
    ]
    if not missing:
        return look.ok("sent by HTTPS only")
    if is_local(look):
        return look.ok("not Secure: only this machine is answered")
    return look.warn(
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} off: one http:// link "
        "gives the login away",
        " = ".join([*missing, "True"]),
    )


def hsts(look: Any) -> Row:
    seconds = int(look.settings.SECURE_HSTS_SECONDS or 0)
    if seconds and not sees_https(look) and not is_local(look):
        return look.warn(
            "SECURE_HSTS_SECONDS has no effect: Django sends it by HTTPS only, and never sees any",
            TOLD_BY_PROXY,
        )
    if seconds:
        return look.ok(f"{seconds} s")
    if is_local(look):
        return look.ok("not needed: only this machine is answered")
    return look.warn(
        "SECURE_HSTS_SECONDS is 0: browsers may come by http:// again, unless the proxy says so",
        "SECURE_HSTS_SECONDS = 3600" + ("" if sees_https(look) else f"; {TOLD_BY_PROXY}"),
    )


def headers(look: Any) -> Row:
    s = look.settings
    name = "django.middleware.security.SecurityMiddleware"
    middleware = list(map(str, s.MIDDLEWARE or ()))
    if not any(entry.endswith("SecurityMiddleware") for entry in middleware):
        return look.warn(f"{name} is not in MIDDLEWARE: no SECURE_* setting has an effect", name)
    if not s.SECURE_CONTENT_TYPE_NOSNIFF:
        return look.warn(
            "SECURE_CONTENT_TYPE_NOSNIFF is off: browsers may run an upload as a script",
            "SECURE_CONTENT_TYPE_NOSNIFF = True",
        )
    return look.ok("SecurityMiddleware, nosniff")


def wall(look: Any) -> Row | None:
    found = look.facts.get("wall")
    if not found:
        return None
    if found.get("why"):
        return look.wrong(found["why"], "set AUTH_WALL_USERNAME and AUTH_WALL_PASSWORD, or neither")
    return look.ok(f"everybody is asked (AUTH_WALL_USERNAME in {found['from']})")
