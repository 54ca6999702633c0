"""Finding the project: which folder, which settings, which application, and what goes wrong."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Sites
from http1 import get
from program import PYTHON, run
from projects import MANAGE, make_django, write

EMPTY = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'tiny.empty')\n"
GET_WSGI = (
    "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
)
CONFIGURE = """
import os
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

HERE = os.path.dirname(os.path.abspath(__file__))
settings.configure(
    ROOT_URLCONF=__name__, SECRET_KEY="of a test", ALLOWED_HOSTS=["*"], STATIC_URL="/static/",
    STATIC_ROOT=os.path.join(HERE, "collected"), INSTALLED_APPS=["django.contrib.staticfiles"],
)
urlpatterns = [path("", lambda request: HttpResponse("made at run time"))]
"""


def look(folder: Path, *arguments: str, **environment: str) -> Any:
    done = run("check", "--json", "--python", PYTHON, *arguments, folder=folder, env=environment)
    return json.loads(done.stdout)


def wrong(folder: Path, *arguments: str, **environment: str) -> str:
    """The one thing that is wrong with the project."""
    found = look(folder, *arguments, **environment)
    assert not found.get("application") and len(found["problems"]) == 1, found
    return str(found["problems"][0])


def without_manage(folder: Path) -> Path:
    (make_django(folder) / "manage.py").unlink()
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# ---- the folder


@pytest.mark.parametrize(
    ("start", "relation"),
    [(".", "manage.py"), ("..", "manage.py one folder below"), ("tiny", "manage.py above")],
)
def test_manage_py_in_above_and_below(tmp_path: Path, start: str, relation: str) -> None:
    project = make_django(tmp_path / "repo" / "backend")
    found = look((project / start).resolve())
    assert found["ok"] and found["folder"] == str(project)
    assert found["folder_from"].startswith(relation)
    assert (found["settings"], found["settings_from"]) == ("tiny.settings", "manage.py")
    application = found["application"]
    assert application["application"] == "tiny.wsgi:application"
    assert application["application_from"] == "WSGI_APPLICATION of tiny.settings"


def test_it_is_served_from_above(sites: Sites, tmp_path: Path) -> None:
    project = make_django(tmp_path / "repo" / "backend")
    for foreign in (".venv", "node_modules", "env"):
        write(tmp_path / "repo" / foreign / "manage.py", "raise SystemExit('not this one')")
    write(tmp_path / "repo" / "env" / "pyvenv.cfg", "")
    site = sites.start(None, chdir=tmp_path / "repo")
    assert get(site.address, "/").body.startswith(b"tiny")
    assert get(site.address, "/static/a.css").body == (project / "collected/a.css").read_bytes()


def test_check_shows_where_it_is_from(tmp_path: Path) -> None:
    project = make_django(tmp_path / "repo" / "backend")
    done = run("check", "--python", PYTHON, folder=tmp_path / "repo")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    below = f"manage.py one folder below {tmp_path}/repo"
    want = [("folder", str(project), below), ("settings", "tiny.settings", "manage.py")]
    want += [("application", "tiny.wsgi:application", "WSGI_APPLICATION of tiny.settings")]
    for name, value, origin in want:
        line = next(line for line in lines if line.startswith(name + " "))
        assert value in line and origin in line, line


PATHS = [
    'sys.path.insert(0, "apps")',
    'sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "apps"))',
    'BASE = os.path.dirname(__file__)\nsys.path.insert(0, os.path.join(BASE, "apps"))',
    "from pathlib import Path\nhere = Path(__file__).parent.resolve()\n"
    'sys.path.append(str(here / "apps"))',
    "import pathlib as p\nROOT = p.Path(__file__).resolve(strict=True).parents[0]\n"
    'sys.path += [f"{ROOT}/apps"]',
    "from os.path import abspath, dirname, join\n"
    'if __name__ == "__main__":\n    sys.path.extend([join(dirname(abspath(__file__)), "apps")])',
    'def main():\n    folder = os.getcwd() + "/apps"\n    import site\n    site.addsitedir(folder)',
]


@pytest.mark.parametrize("statement", PATHS)
def test_the_path_that_manage_py_makes(tmp_path: Path, statement: str) -> None:
    make_django(tmp_path)
    head, separator, tail = MANAGE.partition("def main():")
    write(tmp_path / "manage.py", f"{head}{statement}\nopen('ran', 'w')\n{separator}{tail}")
    write(tmp_path / "apps" / "cabin" / "__init__.py", "")
    edit(tmp_path / "tiny" / "settings.py", 'staticfiles"]', 'staticfiles", "cabin"]')
    assert look(tmp_path)["ok"]
    assert not (tmp_path / "ran").exists()


def test_a_path_that_is_not_understood(tmp_path: Path) -> None:
    make_django(tmp_path)
    strange = ["sys.path.insert(0, find())", "sys.path.insert(0, 'a' + 1)", "sys.path.append()"]
    strange += ["sys.path.insert('x', 'tiny')", "sys.path.append('nul\\0')", "sys.path.append(5)"]
    strange += ["from pathlib import Path; sys.path.append(Path(__file__).parents[99])"]
    strange += ["sys.path.append(" + "(" * 90 + "'x'" + ")" * 90 + ")", "sys.path.append('none')"]
    write(tmp_path / "manage.py", "\n".join([MANAGE, *strange]))
    assert look(tmp_path)["ok"]
    write(tmp_path / "manage.py", MANAGE + "\nprint 'of Python 2'\n")
    assert look(tmp_path)["ok"]


# ---- without manage.py


@pytest.mark.parametrize(
    ("start", "suffix"), [(".", ""), ("..", " one folder below"), ("tiny", " above")]
)
def test_a_package_with_wsgi_py(tmp_path: Path, start: str, suffix: str) -> None:
    project = without_manage(tmp_path / "repo" / "src")
    found = look((project / start).resolve())
    assert found["ok"] and found["folder"] == str(project), found
    assert found["folder_from"].startswith("tiny/wsgi.py" + suffix)
    assert (found["settings"], found["settings_from"]) == ("tiny.settings", "tiny/wsgi.py")
    application = found["application"]
    assert application["application"] == "tiny.wsgi:application"
    assert application["application_from"] == "tiny/wsgi.py"


def test_a_package_with_only_asgi_py(sites: Sites, tmp_path: Path) -> None:
    without_manage(tmp_path)
    (tmp_path / "tiny" / "wsgi.py").rename(tmp_path / "tiny" / "asgi.py")
    edit(tmp_path / "tiny" / "asgi.py", "wsgi", "asgi")
    edit(tmp_path / "tiny" / "settings.py", 'WSGI_APPLICATION = "tiny.wsgi.application"', "")
    found = look(tmp_path)
    assert found["settings_from"] == "tiny/asgi.py"
    assert found["application"]["application"] == "django.core.wsgi:get_wsgi_application"
    assert "has no WSGI_APPLICATION" in found["application"]["application_from"]
    site = sites.start(None, chdir=tmp_path)
    assert get(site.address, "/").body.startswith(b"tiny")
    assert "is an ASGI application" in wrong(tmp_path, "tiny.asgi:application")


def test_settings_that_wsgi_py_computes(tmp_path: Path) -> None:
    make_django(tmp_path)
    name = '"".join(["tiny", ".settings"])'
    edit(tmp_path / "manage.py", '"tiny.settings"', name)
    edit(tmp_path / "tiny" / "wsgi.py", '"tiny.settings"', name)
    found = look(tmp_path)
    assert found["ok"] and found["settings"] == "", found
    assert found["application"]["settings"] == "tiny.settings"
    assert found["application"]["application_from"] == "tiny/wsgi.py"
    done = run("check", "--python", PYTHON, folder=tmp_path)
    assert re.search(r"settings\s+tiny\.settings", done.stdout)


# ---- the settings


def test_the_order_of_who_names_the_settings(tmp_path: Path) -> None:
    """Each step takes the strongest away."""
    make_django(tmp_path)
    text = (tmp_path / "tiny" / "settings.py").read_text()
    for name in ("option", "variable", "file"):
        write(tmp_path / "tiny" / f"{name}.py", text)
    write(tmp_path / ".env", "DJANGO_SETTINGS_MODULE=tiny.file\n").chmod(0o600)
    env = {"DJANGO_SETTINGS_MODULE": "tiny.variable"}

    def names(*arguments: str, **environment: str) -> tuple[str, str, str]:
        found = look(tmp_path, *arguments, **environment)
        return found["settings"], found["settings_from"], found["application"]["settings"]

    assert names("--settings", "tiny.option", **env) == ("tiny.option", "--settings", "tiny.option")
    assert names(**env) == ("tiny.variable", "DJANGO_SETTINGS_MODULE", "tiny.variable")
    assert names() == ("tiny.file", ".env: DJANGO_SETTINGS_MODULE", "tiny.file")
    (tmp_path / ".env").unlink()
    want = ("tiny.settings", "manage.py", "tiny.settings")
    assert names() == want and names(DJANGO_SETTINGS_MODULE="") == want
    edit(tmp_path / "manage.py", '"tiny.settings"', "name")
    assert names() == ("tiny.settings", "tiny/wsgi.py", "tiny.settings")


def test_wsgi_py_of_other_settings(tmp_path: Path) -> None:
    """They are set before it is imported, so that its own are not asked."""
    make_django(tmp_path)
    write(tmp_path / "tiny" / "empty.py", "")
    write(tmp_path / "tiny" / "wsgi.py", EMPTY + GET_WSGI)
    found = look(tmp_path)
    assert found["ok"] and found["application"]["settings"] == "tiny.settings"
    write(
        tmp_path / "tiny" / "wsgi.py",
        f"import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'tiny.empty'\n{GET_WSGI}",
    )
    found = look(tmp_path)
    assert found["application"]["settings"] == "tiny.settings"
    notes = "\n".join(found["application"]["warnings"])
    assert "tiny.wsgi:application sets DJANGO_SETTINGS_MODULE to 'tiny.empty'" in notes
    assert "'tiny.settings', which manage.py names" in notes


SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
MISSING = [
    ("", "no ROOT_URLCONF and no SECRET_KEY"),
    ("SECRET_KEY = 'x'\n", "no ROOT_URLCONF:"),
    (
        f"ROOT_URLCONF = 'tiny.urls'\nSECRET_KEY = ''\nMIDDLEWARE = ['{SESSIONS}']\n",
        "no SECRET_KEY",
    ),
]


@pytest.mark.parametrize(("text", "words"), MISSING)
@pytest.mark.parametrize("who", ["manage.py", "tiny/wsgi.py", "--settings"])
def test_settings_that_are_empty(tmp_path: Path, text: str, words: str, who: str) -> None:
    (without_manage if who == "tiny/wsgi.py" else make_django)(tmp_path)
    write(tmp_path / "tiny" / "empty.py", text)
    write(tmp_path / "tiny" / "wsgi.py", EMPTY + GET_WSGI)
    if who == "manage.py":
        edit(tmp_path / "manage.py", "tiny.settings", "tiny.empty")
    arguments = ["--settings", "tiny.empty"] if who == "--settings" else []
    sentence = wrong(tmp_path, *arguments)
    assert f"the settings module 'tiny.empty', which {who} names, has {words}" in sentence


def test_settings_without_a_key_but_without_sessions(tmp_path: Path) -> None:
    make_django(tmp_path)
    edit(tmp_path / "tiny" / "settings.py", 'SECRET_KEY = "', 'OTHER = "')
    found = look(tmp_path)
    assert "'tiny.settings', which manage.py names, has no SECRET_KEY" in str(found["application"])


def test_settings_that_are_not_there(tmp_path: Path) -> None:
    make_django(tmp_path)
    edit(tmp_path / "manage.py", "tiny.settings", "tiny.nowhere")
    assert "no settings module 'tiny.nowhere', which manage.py names" in wrong(tmp_path)


# ---- the import


def test_what_a_project_sees_of_us(sites: Sites, tmp_path: Path) -> None:
    make_django(tmp_path)
    with (tmp_path / "tiny" / "settings.py").open("a") as settings:
        settings.write(
            "import sys\nSEEN = (list(sys.argv), sys.path[0], __import__('os').getcwd())\n"
        )
    with (tmp_path / "tiny" / "urls.py").open("a") as urls:
        urls.write(
            "from django.conf import settings\ndef seen(request):\n"
            "    return HttpResponse(repr((settings.SEEN, sys.argv)))\n"
            "urlpatterns += [path('seen', seen)]\n"
        )
    site = sites.start(None, chdir=tmp_path / "tiny")
    want = repr(((["slipway"], str(tmp_path), str(tmp_path)), ["slipway"]))
    assert get(site.address, "/seen").body.decode() == want


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("print('set the', 'PORT'); sys.exit(3)", "sys.exit(3)"),
        ("print('set the PORT', file=sys.stderr); sys.exit()", "sys.exit(None)"),
        ("print('x' * 9000); print('set the PORT'); sys.exit('no')", "sys.exit('no')"),
        ("sys.stderr.write('set\\n the PORT'); raise SystemExit(2)", "sys.exit(2)"),
    ],
)
def test_a_project_that_leaves(tmp_path: Path, code: str, words: str) -> None:
    make_django(tmp_path)
    with (tmp_path / "tiny" / "settings.py").open("a") as settings:
        settings.write(f"import sys\n{code}\n")
    sentence = wrong(tmp_path)
    assert f"the project called {words} while it was imported" in sentence
    assert f"{tmp_path}/tiny/settings.py:" in sentence and sentence.endswith("set the PORT")


def test_leaving_is_shown_in_the_browser(sites: Sites, tmp_path: Path) -> None:
    make_django(tmp_path)
    settings = tmp_path / "tiny" / "settings.py"
    good = settings.read_text()
    settings.write_text(good + "import sys\nprint('PORT is missing')\nsys.exit(3)\n")
    site = sites.start(None, chdir=tmp_path, verb="run", waits=False)
    site.err.wait("PORT is missing")
    site.wait_ready()
    page = get(site.address, "/").body.decode()
    assert "sys.exit(3)" in page and "PORT is missing" in page


def test_settings_that_print(tmp_path: Path) -> None:
    """The report never travels over standard output."""
    make_django(tmp_path)
    with (tmp_path / "tiny" / "settings.py").open("a") as settings:
        settings.write("import os\nprint('{\"event\": \"failed\"}')\nos.write(1, b'{}\\n\\0')\n")
    done = run("check", "--json", "--python", PYTHON, folder=tmp_path)
    assert json.loads(done.stdout)["ok"] and '"event": "failed"' in done.stderr


# ---- by hand


def served(sites: Sites, folder: Path, app: str, words: bytes, **env: str) -> None:
    site = sites.start(None, app, chdir=folder, env=env)
    assert get(site.address, "/").body.startswith(words)
    assert get(site.address, "/static/a.css").body == b"a { color: red }\n"


def test_settings_made_at_run_time(sites: Sites, tmp_path: Path) -> None:
    write(tmp_path / "one.py", CONFIGURE + GET_WSGI)
    write(tmp_path / "collected" / "a.css", "a { color: red }\n")
    served(sites, tmp_path, "one:application", b"made at run time")
    found = look(tmp_path, "one:application")
    assert found["application"]["application_from"] == "the argument"
    assert found["application"]["settings"] == "" and found["folder_from"] == "the working folder"


def test_settings_at_run_time_without_urls(tmp_path: Path) -> None:
    configure = "from django.conf import settings\nsettings.configure(SECRET_KEY='x')\n"
    write(tmp_path / "one.py", configure + GET_WSGI)
    assert "settings.configure() was given no ROOT_URLCONF" in wrong(tmp_path, "one:application")


def test_a_command_of_its_own(sites: Sites, tmp_path: Path) -> None:
    """No manage.py, no wsgi.py; its module puts the settings on the path."""
    make_django(tmp_path / "conf" / "deep")
    for name in ("manage.py", "tiny/wsgi.py"):
        (tmp_path / "conf" / "deep" / name).unlink()
    settings = tmp_path / "conf" / "deep" / "tiny" / "settings.py"
    edit(settings, '"tiny.wsgi.application"', "None")
    write(tmp_path / "tool" / "__init__.py", "")
    start = "import os, sys\nsys.path.insert(0, 'conf/deep')\n"
    write(
        tmp_path / "tool" / "cli.py",
        f"{start}os.environ['DJANGO_SETTINGS_MODULE'] = 'tiny.settings'\n"
        "def main():\n    raise SystemExit('not to be run')\n"
        f"{GET_WSGI}",
    )
    served(sites, tmp_path, "tool.cli:application", b"tiny")
    assert "no Django project here" in wrong(tmp_path)


def test_no_wsgi_application(sites: Sites, tmp_path: Path) -> None:
    make_django(tmp_path)
    edit(tmp_path / "tiny" / "settings.py", '"tiny.wsgi.application"', "None")
    found = look(tmp_path)
    assert found["application"]["application"] == "django.core.wsgi:get_wsgi_application"
    assert found["application"]["application_from"] == "tiny.settings has no WSGI_APPLICATION"
    served(sites, tmp_path, "tiny.wsgi:application", b"tiny")


def test_settings_that_the_application_insists_on(tmp_path: Path) -> None:
    make_django(tmp_path)
    write(tmp_path / "tiny" / "mine.py", (tmp_path / "tiny" / "settings.py").read_text())
    text = f"import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'tiny.mine'\n{GET_WSGI}"
    write(tmp_path / "tiny" / "wsgi.py", text)
    found = look(tmp_path, "tiny.wsgi:application", "--settings", "tiny.settings")["application"]
    assert found["settings"] == "tiny.mine"
    assert "uses the settings 'tiny.mine' whatever is set before" in found["warnings"][0]
