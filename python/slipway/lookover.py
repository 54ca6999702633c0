"""What an experienced operator would look at before a project serves; only for `slipway check`.

Runs once, in the process that imported the project, after it said what it is (found.py).  CHECKS
is the list of it all; docs/checks.md says the same to people.  A check looks and returns a row,
several, or None when it does not apply; it writes nothing, and none can make the others fail.

    {"name", "group", "level": "ok" | "warning" | "problem", "text", "fix": what to type,
     "later": it is about production, and DEBUG is on now: at most a warning}

A project acknowledges a row by SILENCED_SYSTEM_CHECKS = ["slipway.NAME"], or by the id of
Django's own check where there is one.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

TEXT_CHARS = 400
DJANGO_S = 20.0
ROWS_MAX = 60  # Django's own checks may say the same about every model
Row = dict[str, Any]
Load = Callable[[str, str], Any]  # boot.py's


class Check(NamedTuple):
    name: str
    group: str
    function: str  # "file.function"
    docs: str  # what is looked at
    production: bool = False  # means nothing while DEBUG is on
    ids: tuple[str, ...] = ()  # Django's own checks that this one stands for


CHECKS = (
    Check("python", "program", "look_program.python", "is this Python still mended"),
    Check("django", "program", "look_program.django_version", "is this Django still mended"),
    Check("preload", "program", "look_program.preload", "may workers be forked after the import"),
    Check("import", "program", "look_program.warnings", "what else was seen at the import"),
    Check(
        "routes",
        "program",
        "look_routes.routes",
        "[route] sections of paths that the project has not",
    ),
    Check(
        "debug",
        "security",
        "look_security.debug",
        "DEBUG",
        ids=("security.W018",),
    ),
    Check(
        "hosts",
        "security",
        "look_security.hosts",
        "ALLOWED_HOSTS",
        True,
        ("security.W020",),
    ),
    Check(
        "secret-key",
        "security",
        "look_security.secret_key",
        "SECRET_KEY: long, random, not the one that startproject made",
        True,
        ("security.W009", "security.W025"),
    ),
    Check(
        "https",
        "security",
        "look_security.https",
        "SECURE_PROXY_SSL_HEADER and SECURE_SSL_REDIRECT: does Django see that a visitor uses "
        "HTTPS, and can it without an endless redirect",
        True,
        ("security.W008",),
    ),
    Check(
        "csrf-origins",
        "security",
        "look_security.csrf_origins",
        "CSRF_TRUSTED_ORIGINS: a scheme in each, every host covered where TLS ends in front",
        True,
        ("4_0.E001",),
    ),
    Check(
        "cookies",
        "security",
        "look_security.cookies",
        "SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE",
        True,
        tuple(f"security.W0{number}" for number in (10, 11, 12, 16)),
    ),
    Check(
        "hsts",
        "security",
        "look_security.hsts",
        "SECURE_HSTS_SECONDS",
        True,
        ("security.W004", "security.W005", "security.W021"),
    ),
    Check(
        "headers",
        "security",
        "look_security.headers",
        "SecurityMiddleware and SECURE_CONTENT_TYPE_NOSNIFF",
        True,
        ("security.W001", "security.W006"),
    ),
    Check(
        "wall", "security", "look_security.wall", "AUTH_WALL_*: is the site behind the auth wall"
    ),
    Check("database", "data", "look_data.database", "SQLite on a network or temporary folder"),
    Check(
        "connections",
        "data",
        "look_data.connections",
        "CONN_MAX_AGE, CONN_HEALTH_CHECKS, and how many connections all workers keep",
    ),
    Check(
        "migrations",
        "data",
        "look_data.migrations",
        "migrations that are not applied, databases that do not answer; nothing is written",
    ),
    Check(
        "uploads",
        "data",
        "look_data.uploads",
        "body-limit beside DATA_UPLOAD_MAX_MEMORY_SIZE and FILE_UPLOAD_MAX_MEMORY_SIZE: who "
        "refuses which size, and with which status",
    ),
    Check(
        "static",
        "files",
        "look_files.static",
        "STATIC_ROOT: is there, complete and fresh (collectstatic), its manifest too",
    ),
    Check("media", "files", "look_files.media", "whether uploads are served, and why not"),
)
DJANGO = Check("django-check", "django", "", "what manage.py check --deploy says beyond these")


class Look:
    """What a check may look at, and how it says what it saw."""

    def __init__(self, facts: dict[str, Any], start: dict[str, Any], settings: Any, load: Load):
        self.facts, self.start, self.settings, self.load = facts, start, settings, load
        self.site = start["check"]  # link/channel.h has its names

    @staticmethod
    def ok(text: str) -> Row:
        return {"level": "ok", "text": text, "fix": ""}

    @staticmethod
    def warn(text: str, fix: str = "") -> Row:
        return {"level": "warning", "text": text, "fix": fix}

    @staticmethod
    def wrong(text: str, fix: str) -> Row:
        return {"level": "problem", "text": text, "fix": fix}

    @staticmethod
    def bounded(function: Callable[[], Any], seconds: float) -> Any:
        """Its result; its exception; or TimeoutError: the thread is left behind, for this process
        ends soon."""
        results: list[Any] = []

        def run() -> None:
            try:
                results.append((function(), None))
            except BaseException as error:
                results.append((None, error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(seconds)
        if not results:
            raise TimeoutError(f"no answer within {seconds:g} s")
        result, error = results[0]
        if error is not None:
            raise error
        return result


def sentence(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= TEXT_CHARS else text[:TEXT_CHARS] + "..."


def run_check(check: Check, look: Look, functions: dict[str, Any]) -> list[Row]:
    module, _, name = check.function.partition(".")
    try:
        found = getattr(functions[module], name)(look)
    except Exception as error:
        return [look.warn(f"could not look: {type(error).__name__}: {sentence(error)}")]
    rows = found if isinstance(found, list) else [found]
    return [row for row in rows if row is not None]


def finish(check: Check, row: Row, look: Look) -> Row:
    silenced = set(getattr(look.settings, "SILENCED_SYSTEM_CHECKS", None) or ())
    name = row.get("name", check.name)
    row["later"] = check.production and bool(look.facts.get("debug")) and row["level"] != "ok"
    if row["level"] != "ok" and not silenced.isdisjoint({f"slipway.{name}", *check.ids}):
        row.update(level="ok", text=f"silenced: {row['text']}", fix="", later=False)
    elif row["level"] == "problem" and row["later"]:
        row["level"] = "warning"
    row["text"], row["fix"] = (" ".join(row[key].split())[:1000] for key in ("text", "fix"))
    return {"name": name, "group": check.group, **row}


def run_django_checks() -> Any:
    """They import the URLs, where projects query; a thread's connections are its own to close."""
    from django.core import checks
    from django.db import connections

    try:
        return checks.run_checks(include_deployment_checks=True)
    finally:
        connections.close_all()


def django_rows(look: Look) -> list[Row]:
    """Django's own checks, without those that have a better row above."""
    from django.core import checks

    known = {identity for check in CHECKS for identity in check.ids}
    try:
        found = look.bounded(run_django_checks, DJANGO_S)
    except BaseException as error:
        kind = type(error).__name__
        return [
            look.wrong(f"check ended by {kind}: {sentence(error)}", "slipway exec manage check")
        ]
    rows: list[Row] = []
    for message in found:
        if message.level < checks.WARNING or message.is_silenced() or message.id in known:
            continue
        where = f"{message.obj}: " if message.obj is not None else ""
        text = f"{where}{message.msg} ({message.id})"
        say = look.wrong if message.level >= checks.ERROR else look.warn
        later = str(message.id).startswith("security.") and bool(look.facts.get("debug"))
        rows.append(say(text, str(message.hint or "")) | {"deploy": later})
    return rows


def finish_django(row: Row, look: Look) -> Row:
    is_deploy = row.pop("deploy", False)
    return finish(DJANGO._replace(production=is_deploy), row, look)


def look_over(facts: dict[str, Any], start: dict[str, Any], load: Load) -> list[Row]:
    """The rows, in the order of CHECKS; without Django only those that need none."""
    from_django = "debug" in facts
    settings = None
    if from_django:
        from django.conf import settings
        from django.db import connections

        connections.close_all()  # what the import opened is of no use to anybody
    look = Look(facts, start, settings, load)
    names = {check.function.partition(".")[0] for check in CHECKS}
    functions = {name: load(f"_slipway_{name}", f"{name}.py") for name in names}
    rows = []
    for check in CHECKS:
        if from_django or check.name in ("python", "preload", "import"):
            rows += [finish(check, row, look) for row in run_check(check, look, functions)]
    if from_django:
        rows += [finish_django(row, look) for row in django_rows(look)]
    return rows[:ROWS_MAX]
