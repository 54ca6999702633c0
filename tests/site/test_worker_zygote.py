"""What a zygote says of a project, and in which sentence when there is something wrong with it."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import worker_harness
from worker_harness import Worker, Zygote

WSGI = """
def application(environ, start):
    start("200 OK", [])
    return [repr(eval(environ["QUERY_STRING"])).encode()]
"""
SETTINGS = """
import os
from pathlib import Path
SECRET_KEY = "x"
ROOT_URLCONF = "site.urls"
BASE = Path(__file__).resolve().parent.parent
INSTALLED_APPS = ["django.contrib.staticfiles"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE / "data" / "site.db"}}
ALLOWED_HOSTS = ["example.org", ".example.net"]
STATIC_URL = "static/"
"""
DJANGO_WSGI = """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
"""

Start = Callable[..., Zygote]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start({file: text}, app=..., ...): a zygote in a folder with these files."""
    zygotes = []

    def start(files: dict[str, str], python: str = sys.executable, **more: Any) -> Zygote:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        zygotes.append(Zygote(python, tmp_path, **more))
        return zygotes[-1]

    yield start
    for zygote in zygotes:
        assert zygote.close() == (0 if zygote.report["event"] == "ready" else 1)


def shop(settings: str = "", **files: str) -> dict[str, str]:
    """A Django project."""
    return {
        "shop/__init__.py": "",
        "shop/settings.py": SETTINGS + settings,
        "shop/wsgi.py": DJANGO_WSGI,
        "shop/urls.py": "urlpatterns = []\n",
        "data/readme": "",
    } | files


def ready(zygote: Zygote) -> dict[str, Any]:
    assert zygote.report["event"] == "ready", zygote.report
    return zygote.report


# ---- what it says ----


def test_plain_wsgi(start: Start) -> None:
    report = ready(start({"plain.py": WSGI}, app="plain"))
    assert (report["framework"], report["application"]) == ("WSGI", "plain:application")
    assert report["python"] == ".".join(map(str, sys.version_info[:3]))
    assert report["static"] == report["warnings"] == []


def test_dotted_callable(start: Start) -> None:
    text = WSGI + "\nclass box:\n    inner = staticmethod(application)\n"
    assert ready(start({"a/b.py": text}, app="a.b:box.inner"))["application"] == "a.b:box.inner"


@pytest.mark.parametrize("by", ["settings", "app", "environment", "setting"])
def test_django(start: Start, by: str) -> None:
    more = {"settings": "shop.settings"} if by in ("settings", "setting") else {}
    if by == "app":
        more = {"app": "shop.wsgi"}
    extra = "WSGI_APPLICATION = 'shop.wsgi.application'\n" if by == "setting" else ""
    env = {"DJANGO_SETTINGS_MODULE": "shop.settings"} if by == "environment" else {}
    if env:
        more["settings"] = "shop.settings"
    report = ready(start(shop(extra), env=env, **more))
    assert report["framework"].startswith("Django 5")
    assert report["settings"] == "shop.settings"
    assert report["debug"] is False
    assert report["allowed_hosts"] == ["example.org", ".example.net"]
    assert report["static"] == []
    assert report["media"]["serve"] is False
    if by in ("app", "setting"):
        assert report["application"] == "shop.wsgi:application"


def test_static_root(start: Start, tmp_path: Path) -> None:
    files = shop("STATIC_ROOT = BASE / 'collected'\n", **{"collected/a.css": ""})
    report = ready(start(files, settings="shop.settings"))
    assert report["static"] == [{"url": "/static/", "root": str(tmp_path / "collected")}]


def test_static_below_a_mount(start: Start, tmp_path: Path) -> None:
    files = shop("STATIC_ROOT = BASE / 'collected'\n", **{"collected/a.css": ""})
    report = ready(start(files, settings="shop.settings", mount="/app"))
    assert report["static"][0]["url"] == "/app/static/"


def test_static_sources_while_debugging(start: Start, tmp_path: Path) -> None:
    text = "DEBUG = True\nSTATICFILES_DIRS = [BASE / 'assets', ('fonts', BASE / 'type')]\n"
    text += "INSTALLED_APPS += ['shop']\nSTATIC_ROOT = BASE / 'not there'\n"
    files = shop(text, **{"assets/a": "", "type/b": "", "shop/static/c": ""})
    report = ready(start(files, settings="shop.settings"))
    assert report["static"] == [
        {"url": "/static/", "root": str(tmp_path / "assets")},
        {"url": "/static/fonts/", "root": str(tmp_path / "type")},
        {"url": "/static/", "root": str(tmp_path / "shop/static")},
    ]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("MEDIA_URL = 'media/'; MEDIA_ROOT = BASE / 'uploads'", ""),
        ("MEDIA_URL = 'media/'", "empty"),
        ("MEDIA_ROOT = BASE / 'uploads'", "root of the site"),
        ("MEDIA_URL = 'https://cdn.example.org/m/'; MEDIA_ROOT = BASE / 'uploads'", "not a path"),
        ("MEDIA_URL = 'media/'; MEDIA_ROOT = BASE / 'no' / 'where'", "no folder"),
        ("MEDIA_URL = 'media/'; MEDIA_ROOT = BASE", "holds"),
        ("MEDIA_URL = 'media/'; MEDIA_ROOT = BASE / 'shop'", "holds"),
        ("MEDIA_URL = 'media/'; MEDIA_ROOT = BASE / 'data'", "site.db"),
        ("MEDIA_URL = 'media/'; MEDIA_ROOT = BASE / 'secret'", ".env"),
    ],
)
def test_media(start: Start, settings: str, why: str) -> None:
    files = shop(
        settings + "\nROOT_URLCONF = 'shop.urls'\n", **{"uploads/a.png": "", "secret/.env": "KEY=1"}
    )
    media = ready(start(files, settings="shop.settings", media="yes"))["media"]
    assert media["serve"] is (why == "")
    assert why in media["why"]


def test_threads_of_the_project_are_named(start: Start) -> None:
    text = WSGI + "\nimport threading, time\n"
    text += "def poll(): threading.Event().wait()\n"
    text += "threading.Thread(target=poll, name='poller', daemon=True).start()\n"
    preload = ready(start({"plain.py": text}, app="plain"))["preload"]
    assert preload["verdict"] == "no" and preload["module"] == "plain"


# ---- what is wrong ----

MISTAKES: list[tuple[str, dict[str, str], dict[str, str], list[str]]] = [
    ("no module", {}, {"app": "gone:app"}, ["no module 'gone'", "'gone:app'"]),
    ("no module inside", {"a.py": ""}, {"app": "a.b:app"}, ["no module 'a.b'"]),
    ("no parent", {}, {"app": "x.y.z"}, ["no module 'x.y.z'", "no 'x' at all"]),
    (
        "dotted like Django",
        {"w.py": WSGI},
        {"app": "w.application"},
        ["did you mean 'w:application'"],
    ),
    ("its own import", {"a.py": "import missing_one\n"}, {"app": "a"}, ["'missing_one'", "a.py:1"]),
    ("no attribute", {"a.py": WSGI}, {"app": "a:aplication"}, ["'aplication'", "'application'"]),
    ("not callable", {"a.py": "application = 3\n"}, {"app": "a"}, ["of type int"]),
    ("a call", {"a.py": WSGI}, {"app": "a:make()"}, ["is a call"]),
    ("no name", {"a.py": WSGI}, {"app": "a:"}, ["MODULE:CALLABLE"]),
    ("syntax", {"a.py": "x = 1\ndef f(:\n"}, {"app": "a"}, ["syntax error", "a.py:2"]),
    ("exit", {"a.py": "import sys\nsys.exit(3)\n"}, {"app": "a"}, ["sys.exit(3)", "a.py:2"]),
    ("raises", {"a.py": "\n1 / 0\n"}, {"app": "a"}, ["ZeroDivisionError", "a.py:2"]),
    (
        "a strange error",
        {"a.py": "class E(Exception):\n  def __str__(self): 1/0\nraise E\n"},
        {"app": "a"},
        ["E"],
    ),
    ("no settings", {}, {}, ["DJANGO_SETTINGS_MODULE", "--settings"]),
    ("settings gone", {}, {"settings": "no.settings"}, ["no settings module 'no.settings'"]),
    (
        "settings gone, by the app",
        shop(),
        {"app": "shop.wsgi", "settings": "shop.nope"},
        ["no settings module 'shop.nope'"],
    ),
    (
        "improper",
        shop(
            "from django.core.exceptions import ImproperlyConfigured as Wrong\n"
            "raise Wrong('set DATABASE_URL')\n"
        ),
        {"settings": "shop.settings"},
        ["not configured properly", "DATABASE_URL", "settings.py:"],
    ),
    (
        "app gone",
        shop("INSTALLED_APPS += ['basket']\n"),
        {"settings": "shop.settings"},
        ["'basket'"],
    ),
    (
        "WSGI_APPLICATION",
        shop("WSGI_APPLICATION = 'shop.wsgi.app'\n"),
        {"settings": "shop.settings"},
        ["'app'", "WSGI_APPLICATION = 'shop.wsgi.app'"],
    ),
]


@pytest.mark.parametrize(
    ("files", "more", "parts"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_mistakes(
    start: Start, files: dict[str, str], more: dict[str, str], parts: list[str]
) -> None:
    report = start(files, **more).report
    assert report["event"] == "failed"
    assert "\n" not in report["error"]
    for part in parts:
        assert part in report["error"]
    assert "zygote.py" not in report["traceback"]


@pytest.mark.parametrize("more", [{"settings": "shop.settings"}, {"app": "shop.wsgi"}])
def test_django_is_missing(start: Start, tmp_path: Path, more: dict[str, str]) -> None:
    command = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")]
    subprocess.run(command, check=True)
    python = str(tmp_path / "empty/bin/python")
    report = start(shop(), python, **more).report
    assert report["error"].startswith(f"Django is not installed for {python}")


def test_a_traceback_is_cut_to_fit(start: Start) -> None:
    report = start({"a.py": "raise ValueError('\\ud800\\0\\u00e9' * 100_000)\n"}, app="a").report
    assert report["event"] == "failed"
    assert 1000 < len(json.dumps(report, ensure_ascii=False).encode()) < 60 * 1024


# ---- what the project finds ----


@pytest.fixture(scope="session")
def library() -> Path:
    return worker_harness.build_edge()


@pytest.fixture
def ask(start: Start, library: Path) -> Iterator[Callable[..., Any]]:
    """ask(code, {file: text}): evaluates it inside a request of a new worker."""
    workers = []

    def ask(code: str, files: dict[str, str], **more: Any) -> Any:
        workers.append(Worker(library, start(files, **more)))
        answer = workers[-1].get(query=code)
        assert answer.status == 200, workers[-1].zygote.stderr()
        return ast.literal_eval(answer.body.decode())

    yield ask
    for worker in workers:
        assert worker.leave() == 0
        worker.close()


Ask = Callable[..., Any]


def test_the_project_comes_first(ask: Ask, tmp_path: Path) -> None:
    names = ["slipway", "boot", "load", "found", "zygote"]
    files = {f"{name}.py": "own = True\n" for name in names}
    files["plain.py"] = f"import sys\nimport {', '.join(names)}\n{WSGI}"
    code = "(sys.path[0], sys.argv, [m for m in (slipway, boot, load, found, zygote) if not m.own])"
    assert ask(code, files, app="plain") == (str(tmp_path), ["slipway"], [])


def test_no_name_of_ours_is_left(ask: Ask) -> None:
    code = "[name for name in __import__('sys').modules if 'slipway' in name or name == 'load']"
    assert ask(code, {"plain.py": WSGI}, app="plain") == []


def test_fork_hooks_run(ask: Ask) -> None:
    text = "import os\nran = []\nos.register_at_fork(before=lambda: ran.append('b'),"
    text += "after_in_child=lambda: ran.append('c'), after_in_parent=lambda: ran.append('p'))\n"
    assert ask("ran", {"plain.py": text + WSGI}, app="plain") == ["b", "c", "b", "c"]


def test_random_numbers_differ(start: Start, library: Path) -> None:
    zygote = start({"plain.py": "import random\n" + WSGI}, app="plain")
    workers = [Worker(library, zygote) for _ in range(2)]
    assert workers[0].get(query="random.random()") != workers[1].get(query="random.random()")
    for worker in workers:
        assert worker.leave() == 0
        worker.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (True, 50000)),
        ("gc.disable()\n", (False, None)),
        ("gc.set_threshold(1234)\n", (True, 1234)),
    ],
)
def test_the_collector_is_the_projects(ask: Ask, text: str, expected: tuple[bool, Any]) -> None:
    seen = ask(
        "(gc.isenabled(), gc.get_threshold()[0])", {"p.py": f"import gc\n{text}{WSGI}"}, app="p"
    )
    assert seen[0] is expected[0]
    assert expected[1] in (seen[1], None)


def test_connections_are_closed_before_the_fork(ask: Ask) -> None:
    wsgi = DJANGO_WSGI + "\nfrom django.db import connection\nconnection.ensure_connection()\n"
    wsgi += "was = connection.connection is not None\n" + WSGI
    files = shop(**{"shop/wsgi.py": wsgi})
    assert ask("(was, connection.connection is None)", files, app="shop.wsgi") == (True, True)


def test_a_library_that_only_looked_for_django(ask: Ask) -> None:
    assert ask("1", {"plain.py": "import django.db, django.core.cache\n" + WSGI}, app="plain") == 1


def test_master_is_gone(start: Start) -> None:
    zygote = start({"plain.py": WSGI}, app="plain")
    zygote.socket.close()
    assert zygote.process.wait(20) == 0
