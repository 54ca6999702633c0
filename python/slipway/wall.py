"""The auth wall: what the edge shall ask visitors for, without telling it the password.

The variables and the realm are those of the package django-auth-wall, whose middleware is switched
off by empty ones when the edge does its work.  The edge gets a key that is made of the password
(and of SECRET_KEY, so that nobody can try passwords against a cookie), and a digest under that key
of each spelling in which browsers send the credentials.
"""

import contextlib
import hashlib
import hmac
import os
from typing import Any

from __main__ import load  # boot.py

live_settings = load("_slipway_live_settings", "live_settings.py")

Facts = dict[str, Any]
USERNAME, PASSWORD, REALM = "AUTH_WALL_USERNAME", "AUTH_WALL_PASSWORD", "AUTH_WALL_REALM"
ROUNDS = 100_000  # some 50 ms, once a start


def value(name: str) -> tuple[str, str]:
    """What is set, and where; the environment wins, also with an empty value."""
    if name in os.environ:
        return os.environ[name], "the environment"
    settings = live_settings.configured()
    found = getattr(settings, name, None) if settings is not None else None
    return str(found or ""), "Django's settings"


def find(start: Facts) -> Facts:
    """{"wall": {"realm", "from", "key", "accepts"}}, {"wall": {"why"}} where it cannot be, or {}.

    Where there is a wall, the middleware has nothing to ask for from now on.
    """
    username, source = value(USERNAME)
    password, _ = value(PASSWORD)
    if not start.get("wall", True) or not (username or password):
        return {}
    if not (username and password):
        missing = PASSWORD if username else USERNAME
        return {"wall": {"why": f"{missing} is not set, so there is no wall"}}
    if ":" in username:
        return {"wall": {"why": f"{USERNAME} has a colon in it, which no browser can send"}}
    realm = "".join(filter(str.isprintable, value(REALM)[0]))[:60] or "Development"
    wall: Facts = {"realm": realm, "from": source}
    if not start.get("check"):
        wall |= secrets_of(username, password)
    os.environ[USERNAME] = os.environ[PASSWORD] = ""
    return {"wall": wall}


def settle(start: Facts) -> None:
    """What find() changes, for a process that imports the project without being asked."""
    find(start | {"check": True})


def secrets_of(username: str, password: str) -> Facts:
    pair = f"{username}:{password}"
    settings = live_settings.configured()
    own = str(live_settings.value(settings, "SECRET_KEY") or "") if settings is not None else ""
    salt = b"slipway auth wall\0" + own.encode("utf-8", "surrogateescape")
    as_utf8 = pair.encode("utf-8", "surrogateescape")
    spelled = {as_utf8}
    with contextlib.suppress(UnicodeEncodeError):
        spelled.add(pair.encode("latin-1"))  # of browsers that heed no charset
    key = hashlib.pbkdf2_hmac("sha256", as_utf8, salt, ROUNDS)
    return {
        "key": key.hex(),
        "accepts": sorted(hmac.new(key, one, "sha256").hexdigest() for one in spelled),
    }
