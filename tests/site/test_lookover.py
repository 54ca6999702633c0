"""The look-over of `slipway check`: every planted mistake is named, and nothing else."""

import importlib.util
import json
import os
import shutil
import subprocess
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import HARBOUR, Sites
from http1 import get
from program import IS_SANITIZED, PYTHON, ROOT, run
from projects import make_wsgi, write

KEY = "not in any repository, and longer than the fifty characters wanted"
PRODUCTION = {
    "HARBOUR_DEBUG": "0",
    "HARBOUR_HOSTS": "harbour.example.org",
    "HARBOUR_HTTPS": "1",
    "HARBOUR_SECRET_KEY": KEY,
}
# What a module `mistakes` adds to the settings, and the row that must name it.
SETTINGS = {
    "hosts": ("ALLOWED_HOSTS = []", "ALLOWED_HOSTS is empty"),
    "secret-key": ("SECRET_KEY = 'django-insecure-' + 40 * 'ab'", "startproject"),
    "https": ("SECURE_PROXY_SSL_HEADER = None", "redirects to itself for ever"),
    "csrf-origins": ("CSRF_TRUSTED_ORIGINS = ['www.example.org']", "has no scheme"),
    "cookies": ("SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False", "are off"),
    "hsts": ("SECURE_HSTS_SECONDS = 0", "SECURE_HSTS_SECONDS is 0"),
    "headers": ("SECURE_CONTENT_TYPE_NOSNIFF = False", "NOSNIFF is off"),
    "connections": ("DATABASES['lake'] = {'ENGINE': 'lake', 'HOST': 'db'}", "CONN_MAX_AGE is 0"),
    "static": ("STATIC_ROOT = BASE_DIR / 'nowhere'", "is not there"),
    "uploads": ("DATA_UPLOAD_MAX_MEMORY_SIZE = 1 << 30", "413"),
    "django-check": ("X_FRAME_OPTIONS = 'SAMEORIGIN'", "security.W019"),
}
LAKE = """
from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

class DatabaseWrapper(base.DatabaseWrapper):
    vendor = "lake"

    def get_connection_params(self):
        return {{}}

    def get_new_connection(self, params):
        {connect}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo site as it would go into production."""
    folder = tmp_path_factory.mktemp("made") / "site"
    skip = shutil.ignore_patterns(".venv", "db.sqlite3*", "media", "staticfiles", "__pycache__")
    shutil.copytree(HARBOUR, folder, ignore=skip)
    (folder / "media").mkdir()
    for arguments in (["migrate", "-v", "0"], ["collectstatic", "--noinput", "-v", "0"]):
        subprocess.run([PYTHON, "manage.py", *arguments], cwd=folder, check=True, timeout=120)
    write(folder / ".env", "HARBOUR_LATER=1\n").chmod(0o600)
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "site")
    return tmp_path / "site"


def look(folder: Path, *arguments: str, **environment: str) -> Any:
    env = PRODUCTION | environment
    done = run("check", "--json", "--python", PYTHON, *arguments, folder=folder, env=env)
    found = json.loads(done.stdout)
    assert found["ok"] == (done.returncode == 0) and done.returncode in (0, 1)
    return found


def bad_rows(found: Any) -> dict[str, dict[str, Any]]:
    """Not what it says of the program itself: a build with sanitizers has less of a sandbox."""
    bad = {row["name"]: row for row in found["checks"] if row["level"] != "ok"}
    if IS_SANITIZED:
        bad.pop("sandbox")
    return bad


def plant(folder: Path, *lines: str) -> None:
    text = "from .settings import *\n" + "".join(f"{line}\n" for line in lines)
    write(folder / "harbour" / "mistakes.py", text)


def lake(folder: Path, connect: str) -> None:
    write(folder / "lake" / "__init__.py", "")
    write(folder / "lake" / "base.py", LAKE.format(connect=connect))


def files_of(folder: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if "__pycache__" not in str(path)
    }


def test_nothing_on_a_clean_site(site: Path) -> None:
    before = files_of(site)
    found = look(site, "--strict")
    assert bad_rows(found) == {}
    assert found["ok"] != IS_SANITIZED  # there the sandbox's row is a warning
    assert len(found["checks"]) >= 18
    assert files_of(site) == before  # no journal, no shared memory of SQLite's


def test_many_mistakes_at_once(site: Path) -> None:
    lake(site, "raise OperationalError('the lake is frozen')")
    plant(site, *(line for line, _ in SETTINGS.values()), "import threading, time")
    with (site / "harbour" / "mistakes.py").open("a") as file:
        file.write("def wait():\n    time.sleep(600)\n\n")
        file.write("threading.Thread(target=wait, daemon=True).start()\n")
    (site / ".env").chmod(0o644)
    write(site / "fleet" / "migrations" / "0002_more.py", MIGRATION)
    found = look(site, "--settings", "harbour.mistakes")
    rows = bad_rows(found)
    for name, (_, sentence) in SETTINGS.items():
        texts = [row["text"] for row in found["checks"] if row["name"] == name]
        assert any(sentence in text for text in texts), (name, rows)
    migrations = [row["text"] for row in found["checks"] if row["name"] == "migrations"]
    assert any("fleet.0002_more" in text for text in migrations)
    assert any("the lake is frozen" in text for text in migrations)
    assert rows["env-file"]["fix"].startswith("chmod 600 ")
    assert "harbour.mistakes started the thread" in rows["preload"]["text"]
    assert not found["ok"] and all(row["fix"] for row in rows.values() if row["level"] == "problem")


MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("fleet", "0001_initial")]
"""


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "connections"])
def test_one_mistake(site: Path, name: str) -> None:
    line, sentence = SETTINGS[name]
    plant(site, line)
    rows = bad_rows(look(site, "--settings", "harbour.mistakes"))
    assert sentence in rows[name]["text"]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["SECURE_PROXY_SSL_HEADER = None", "SECURE_SSL_REDIRECT = False"], "lacks https://"),
        (["ALLOWED_HOSTS = ['.example.org']", "SECURE_PROXY_SSL_HEADER = None"], "https://*.exam"),
    ],
)
def test_origins_where_tls_ends_in_front(site: Path, lines: list[str], sentence: str) -> None:
    plant(site, *lines)
    rows = bad_rows(look(site, "--settings", "harbour.mistakes"))
    assert sentence in rows["csrf-origins"]["text"]
    plant(site, *lines, "CSRF_TRUSTED_ORIGINS = ['https://*.example.org', 'http://a.b']")
    assert "csrf-origins" not in bad_rows(look(site, "--settings", "harbour.mistakes"))


def test_a_header_that_slipway_writes_itself(site: Path) -> None:
    plant(
        site,
        "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')",
        "SECURE_SSL_REDIRECT = False",
    )
    rows = bad_rows(look(site, "--settings", "harbour.mistakes"))
    assert "slipway writes X-Forwarded-Proto itself" in rows["https"]["text"]
    assert "has no effect" in rows["hsts"]["text"]


def test_a_header_that_anybody_may_send(site: Path) -> None:
    plant(site, "SECURE_PROXY_SSL_HEADER = ('HTTP_X_SCHEME', 'https')")
    row = bad_rows(look(site, "--settings", "harbour.mistakes", "--listen", ":8000"))["https"]
    assert row["level"] == "problem" and "X-Scheme, which slipway passes on" in row["text"]
    assert row["fix"] == "SECURE_PROXY_SSL_HEADER = None"


def test_a_site_that_sets_no_cookies(site: Path) -> None:
    plant(site, "SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False", "MIDDLEWARE = []")
    rows = look(site, "--settings", "harbour.mistakes")["checks"]
    said = [row["text"] for row in rows if row["name"] == "cookies"]
    assert said == ["no middleware for sessions or against CSRF sets any"]


def test_only_this_machine_needs_no_https(site: Path) -> None:
    found = look(site, "--strict", HARBOUR_HOSTS="localhost,127.0.0.1,[::1]", HARBOUR_HTTPS="0")
    assert bad_rows(found) == {}


def test_debug_makes_warnings_of_them(site: Path) -> None:
    plant(site, "DEBUG = True", "ALLOWED_HOSTS = []", "SECRET_KEY = 'short'")
    found = look(site, "--settings", "harbour.mistakes")
    rows = bad_rows(found)
    assert rows["debug"]["level"] == rows["hosts"]["level"] == rows["secret-key"]["level"]
    assert rows["secret-key"]["later"] and found["ok"]


def test_a_database_that_does_not_answer(site: Path) -> None:
    lake(site, "import time; time.sleep(600)")
    plant(site, "DATABASES['lake'] = {'ENGINE': 'lake', 'HOST': 'db', 'CONN_MAX_AGE': 60}")
    rows = bad_rows(look(site, "--settings", "harbour.mistakes"))
    assert "'lake' (lake at db) does not answer: no answer within 5 s" in rows["migrations"]["text"]
    assert "CONN_HEALTH_CHECKS is off" in rows["connections"]["text"]


def test_connections_of_all_workers(site: Path) -> None:
    lake(site, "raise OperationalError('closed')")
    entry = "{'ENGINE': 'lake', 'CONN_MAX_AGE': None, 'CONN_HEALTH_CHECKS': True}"
    plant(site, f"DATABASES['lake'] = {entry}")
    few = ["--settings", "harbour.mistakes", "--workers", "4"]
    assert "connections" not in bad_rows(look(site, *few))
    rows = bad_rows(look(site, *few, "--threads", "32"))
    assert "up to 128 are kept (4 workers x 32 threads)" in rows["connections"]["text"]


def test_no_database_is_made(site: Path) -> None:
    os.unlink(site / "db.sqlite3")
    rows = bad_rows(look(site))
    assert rows["migrations"]["fix"] == "slipway exec manage migrate"
    assert not (site / "db.sqlite3").exists()


def test_collected_files_that_are_old(site: Path) -> None:
    source = site / "fleet" / "static" / "fleet" / "site.css"
    os.utime(source)  # newer, and the same: as after a checkout
    assert bad_rows(look(site)) == {}
    source.write_text(source.read_text() + "p { color: red }\n")
    assert "fleet/site.css is older" in bad_rows(look(site))["static"]["text"]
    (site / "staticfiles" / "fleet" / "tide.js").unlink()
    row = bad_rows(look(site))["static"]
    assert "fleet/tide.js is missing" in row["text"] and "collectstatic" in row["fix"]


def test_a_manifest_without_the_file(site: Path) -> None:
    plant(
        site,
        "STORAGES = {'default': {'BACKEND': 'django.core.files.storage.FileSystemStorage'},"
        " 'staticfiles': {'BACKEND':"
        " 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'}}",
    )
    settings = ["--settings", "harbour.mistakes"]
    assert "staticfiles.json is not in" in bad_rows(look(site, *settings))["static"]["text"]
    collect = [PYTHON, "manage.py", "collectstatic", "--noinput", "-v", "0", *settings]
    subprocess.run(collect, cwd=site, check=True, timeout=120)
    assert bad_rows(look(site, *settings)) == {}
    write(site / "fleet" / "static" / "fleet" / "new.css", "p { color: red }\n")
    row = bad_rows(look(site, *settings))["static"]
    assert row["level"] == "problem" and "fleet/new.css is not in the manifest" in row["text"]


STATIC = [
    ([], "ok", "/static/ is STATIC_ROOT "),
    (["STATIC_URL = 'https://cdn.example.net/s/'"], "ok", "is on another host"),
    (["STATIC_URL = '/'"], "warning", "is the root of the site: the application answers"),
    (["STATIC_ROOT = BASE_DIR"], "problem", "which nobody may download: it is not served"),
    (["DEBUG = True", "STATIC_ROOT = None"], "ok", "is what the staticfiles finders find"),
    (["INSTALLED_APPS.remove('django.contrib.staticfiles')"], "ok", "/static/ is STATIC_ROOT "),
]


@pytest.mark.parametrize(("lines", "level", "sentence"), STATIC)
def test_what_was_decided_on_static_files(
    site: Path, lines: list[str], level: str, sentence: str
) -> None:
    plant(site, *lines)
    rows = look(site, "--settings", "harbour.mistakes")["checks"]
    said = [row for row in rows if sentence in row["text"]]
    assert [(row["name"], row["level"]) for row in said] == [("static", level)], rows


def test_a_thread_and_the_option_preload(site: Path) -> None:
    plant(
        site,
        "import threading, time",
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    )
    settings = ["--settings", "harbour.mistakes"]
    auto, forked = (
        bad_rows(look(site, *settings, "--preload", said))["preload"] for said in ("auto", "yes")
    )
    assert auto["text"].startswith("every worker imports") and "forked all" in forked["text"]
    assert bad_rows(look(site, *settings, "--preload", "no")) == {}


def test_uploads_that_nobody_serves(site: Path) -> None:
    write(site / "media" / "a.txt", "a")
    row = bad_rows(look(site))["media"]
    assert "nobody serves /media/" in row["text"] and row["fix"].startswith("media = yes")
    for told in ("yes", "no"):
        assert bad_rows(look(site, "--media", told)) == {}
    assert bad_rows(look(site, "--static", f"/media/={site}/media")) == {}
    write(site / "media" / "b.py", "b")
    assert "holds b.py" in bad_rows(look(site))["media"]["text"]
    assert "media = yes, but" in bad_rows(look(site, "--media", "yes"))["media"]["text"]


def test_uploads_that_a_view_guards(site: Path) -> None:
    write(site / "media" / "a.txt", "a")
    write(
        site / "harbour" / "guarded.py",
        "from django.urls import path\n"
        "from .urls import *\n"
        "def guard(request, name): ...\n"
        'urlpatterns = [path("media/<path:name>", guard), *urlpatterns]\n',
    )
    plant(site, "ROOT_URLCONF = 'harbour.guarded'")
    found = look(site, "--settings", "harbour.mistakes")
    assert bad_rows(found) == {}
    assert any("guard answers beneath MEDIA_URL" in row["text"] for row in found["checks"])


def test_a_check_of_the_projects_own_that_fails(site: Path) -> None:
    plant(
        site,
        "from django.core import checks",
        "@checks.register",
        "def odd(**_):",
        "    raise ValueError('odd')",
    )
    rows = bad_rows(look(site, "--settings", "harbour.mistakes"))
    assert "ValueError: odd" in rows["django-check"]["text"]


def test_an_application_without_django(tmp_path: Path) -> None:
    make_wsgi(tmp_path)
    found = look(tmp_path, "own:application")
    assert found["ok"] and {row["name"] for row in found["checks"]} >= {"user", "python"}


def test_the_page_lists_every_check(site: Path) -> None:
    page = (ROOT / "docs" / "checks.md").read_text()
    plant(site, "X_FRAME_OPTIONS = 'SAMEORIGIN'")
    for row in look(
        site, "--settings", "harbour.mistakes", "--static", "/x/=nowhere", "--trusted-peers", "::1"
    )["checks"]:
        assert f"| `{row['name']}` |" in page, row


def test_what_the_page_says_of_https(site: Path, sites: Sites) -> None:
    host, https = ("Host", "harbour.example.org"), ("X-Forwarded-Proto", "https")
    served = sites.start(None, chdir=site, env=PRODUCTION)
    assert get(served.address, "/ships/", [host, https]).status == 301
    served = sites.start(None, "--trusted-peers", "127.0.0.1", chdir=site, env=PRODUCTION)
    assert get(served.address, "/ships/", [host, https]).status == 200
    assert get(served.address, "/ships/", [host]).status == 301


# ---- what no project can be made to show ----


class Say:
    """Stands for lookover.py's Look."""

    ok = warn = wrong = staticmethod(lambda text, fix="": text)


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "python" / "slipway" / f"{name}.py")
    assert spec and spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_end_of_support() -> None:
    support = module("look_program").support
    assert support(Say, "Python", "3.11.2", date(2020, 1, 31), "") == (
        "Python 3.11.2 gets no security fixes since 2020-01-31"
    )
    assert support(Say, "Python", "3.11.2", date.max, "").endswith("fixes until 9999-12-31")
    assert support(Say, "Python", "9.9", None, "") == "Python 9.9"


@pytest.mark.parametrize(
    ("path", "kind", "sentence"),
    [
        ("/mnt/share/db.sqlite3", "nfs4", "network folder (nfs4)"),
        ("/srv/db.sqlite3", "ext4", ""),
        ("/tmp/db.sqlite3", "ext4", "temporary folder"),
        ("/srv/db.sqlite3", "tmpfs", "temporary folder"),
    ],
)
def test_where_sqlite_lies(
    monkeypatch: pytest.MonkeyPatch, path: str, kind: str, sentence: str
) -> None:
    data = module("look_data")
    monkeypatch.setattr(data, "mount_type", lambda _: kind)
    found = data.sqlite_trouble(path)
    assert sentence in found and bool(found) == bool(sentence)


def test_the_mount_of_a_path() -> None:
    assert module("look_data").mount_type("/proc/self") == "proc"
