"""Projects from PyPI that nobody here wrote, and how each is made: data for test_strangers.py.

Packages are pinned: a new version of a project is news of that project, not of this program.  The
virtual environments are kept in SLIPWAY_STRANGERS (build/strangers); each project is made anew.
"""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import program
from program import ROOT, SLIPWAY

CACHE = Path(os.environ.get("SLIPWAY_STRANGERS", ROOT / "build" / "strangers")).resolve()
INSTALL_S, COMMAND_S = 400, 240
UNREACHED = re.compile("Retrying|Connection|ConnectTimeout|timed out")  # of what pip says
USER, PASSWORD = "boss", "a pass-word of 1 test"
WHO = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
MIGRATE = ("manage", "migrate", "-v", "0", "--noinput")
ADD_USER = ("manage", "createsuperuser", "--noinput", "--username", USER, "--email", "b@x.org")


@dataclass(frozen=True)
class Upload:
    """A form that takes a picture, and where the picture is to be had afterwards."""

    form: str  # the page of the form
    to: str  # where the form goes
    file: str  # its field for the file
    fields: dict[str, str]
    address: str  # "" when the answer is JSON that has it as "url"


@dataclass(frozen=True)
class Stranger:
    """`make` are commands in an empty folder, its own environment's bin/ first on PATH; `prepare`
    are arguments of `slipway exec` in the project."""

    name: str
    packages: tuple[str, ...]
    django: str  # as its settings are shown: "4.2"
    python: str = "3.11"
    make: tuple[tuple[str, ...], ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    below: str = ""  # the project's folder, when it is not the one where `make` ran
    app: str | None = None
    options: tuple[str, ...] = ()
    prepare: tuple[tuple[str, ...], ...] = (MIGRATE, ADD_USER)
    verb: str = "run"
    pages: tuple[str, ...] = ("/",)
    login: str = "/admin/login/"
    name_field: str = "username"
    inside: str = "/admin/"  # a page that only who logged in sees
    upload: Upload | None = None


WAGTAIL_IMAGE = Upload(
    form="/admin/images/add/",
    to="/admin/images/add/",
    file="file",
    fields={"title": "a dot", "collection": "1"},
    address="/media/original_images/dot.gif",
)

MAILMAN_SETTINGS = """
from mailman_web.settings.base import *
from mailman_web.settings.mailman import *
SECRET_KEY = "of a test, and as long as one that Django itself would have made"
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "mailman.db"}}
STATIC_ROOT = "static"
LOGGING = {"version": 1}
"""

STRANGERS = [
    Stranger(
        name="wagtail",
        packages=("wagtail==8.0.1", "Django==6.0.*"),
        django="6.0",
        python="3.13",
        make=(("wagtail", "start", "harbour", "."),),
        upload=WAGTAIL_IMAGE,
    ),
    Stranger(
        name="coderedcms",
        packages=("coderedcms==6.0.0",),
        django="5.2",
        make=(("coderedcms", "start", "harbour", "."),),
        upload=WAGTAIL_IMAGE,
    ),
    Stranger(
        name="mezzanine",
        packages=("Mezzanine==6.1.1",),
        django="4.2",
        make=(("mezzanine-project", "harbour", "."),),
    ),
    Stranger(
        name="spirit",
        packages=("django-spirit==0.14.3", "Django==5.2.*"),
        django="5.2",
        make=(("spirit", "startproject", "harbour", "--path", "."),),
        prepare=(("manage", "spiritinstall"), ADD_USER),
        login="/user/login/",
        inside="/user/",
        upload=Upload("/user/", "/comment/upload/", "image", {}, ""),
    ),
    Stranger(
        name="mailman-web",
        packages=("mailman-web==0.0.9", "Django==4.2.*", "Whoosh==2.7.4"),
        django="4.2",
        files={"settings.py": MAILMAN_SETTINGS, ".env": "MAILMAN_WEB_CONFIG=settings.py\n"},
        app="mailman_web.wsgi:application",
        prepare=(
            ("mailman-web", "migrate", "-v", "0"),
            ("mailman-web", "collectstatic", "-v", "0", "--noinput"),
            ("mailman-web", *ADD_USER[1:]),
        ),
        verb="serve",
        pages=(),
    ),
    Stranger(
        name="evennia",
        packages=("evennia==5.0.1",),
        django="5.2",
        make=(("evennia", "--init", "harbour"),),
        below="harbour",
        prepare=(MIGRATE, ADD_USER, ("manage", "collectstatic", "-v", "0", "--noinput")),
        options=("--settings", "server.conf.settings"),
        pages=(),
    ),
    Stranger(
        name="django-3.2",
        packages=("Django==3.2.25",),
        django="3.2",
        make=(("django-admin", "startproject", "harbour", "."),),
        pages=(),
    ),
    Stranger(
        name="django-newest",
        packages=("Django==6.1.3",),
        django="6.1",
        python="3.13",
        make=(("django-admin", "startproject", "harbour", "."),),
        pages=(),
    ),
]


class CannotInstall(Exception):
    """The index cannot be reached."""


def interpreter(version: str) -> Path | None:
    """By its path, not by a shim that may choose another."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [Path(path) for path in (shutil.which(f"python{version}"),) if path]
    found += sorted(folder.glob(f"{version}.*/bin/python{version}"))
    return next((path for path in found if "shims" not in path.parts), None)


def environment_of(stranger: Stranger, python: Path) -> Path:
    """Its virtual environment, made when it is not there yet."""
    words = "\n".join((str(python), *stranger.packages))
    key = hashlib.sha256(words.encode()).hexdigest()[:12]
    venv = CACHE / f"{stranger.name}-{key}"
    if (venv / "complete").exists():
        return venv
    shutil.rmtree(venv, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    run([str(python), "-m", "venv", str(venv)], CACHE, {}, INSTALL_S)
    done = program.run(
        *("install", "--quiet", *stranger.packages),
        program=str(venv / "bin" / "pip"),
        env={"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        timeout_s=INSTALL_S,
    )
    if done.returncode != 0 and UNREACHED.search(done.stderr):
        raise CannotInstall(done.stderr.strip()[-300:])
    assert done.returncode == 0, done.stderr[-2000:]
    (venv / "complete").touch()
    return venv


def run(command: list[str], folder: Path, env: dict[str, str], timeout_s: float) -> str:
    done = program.run(
        *command[1:], program=command[0], folder=folder, env=env, timeout_s=timeout_s
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"[-4000:]
    return done.stdout


def make(stranger: Stranger, venv: Path, folder: Path) -> Path:
    """The project in `folder`, with a database and a user; returns where it is."""
    path = f"{venv / 'bin'}:{os.environ['PATH']}"
    for command in stranger.make:
        run(list(command), folder, {"PATH": path}, COMMAND_S)
    folder = folder / stranger.below
    for name, text in stranger.files.items():
        (folder / name).write_text(text)
    for arguments in stranger.prepare:
        command = [SLIPWAY, "exec", *options_of(stranger, venv), *arguments]
        run(command, folder, {"PATH": path} | WHO, COMMAND_S)
    return folder


def options_of(stranger: Stranger, venv: Path) -> list[str]:
    return ["--venv", str(venv), *stranger.options]
