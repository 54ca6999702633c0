"""Static files of Django: STATIC_ROOT, its manifest, the finders, and where STATIC_URL is."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Response, get
from program import PYTHON, Site, until
from projects import make_django, write

FOR_EVER = "public, max-age=31536000, immutable"
MINUTE = "public, max-age=60, must-revalidate"
HASHED = """
STORAGES = {{"staticfiles": {{"BACKEND": "{backend}"}}}}
STATICFILES_DIRS = [{dirs!r}]
"""
STORAGE = """
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.files.storage import FileSystemStorage

class Named(ManifestStaticFilesStorage):
    manifest_name = "names.json"

class Elsewhere(ManifestStaticFilesStorage):
    def __init__(self, *args, **kwargs):
        kept = FileSystemStorage(location={elsewhere!r})
        super().__init__(*args, manifest_storage=kept, **kwargs)

class Partly(ManifestStaticFilesStorage):
    def hashed_name(self, name, content=None, filename=None):
        return name if name.endswith(".txt") else super().hashed_name(name, content, filename)
"""


def settings_of(folder: Path, more: str) -> None:
    """`more` stands behind everything else, so that it wins."""
    path = folder / "tiny" / "settings.py"
    path.write_text(path.read_text() + more)


def project(folder: Path, more: str = "", debug: bool = False, collected: bool = True) -> Path:
    make_django(folder, debug=debug)
    settings_of(folder, more)
    if not collected:
        (folder / "collected" / "a.css").unlink()
        (folder / "collected").rmdir()
    return folder


def ask(site: Site, target: str, **more: str) -> Response:
    fields = [(name.replace("_", "-"), value) for name, value in more.items()]
    return get(site.address, target, fields)


def is_views(answer: Response) -> bool:
    return answer.text.startswith("view of ")


def with_view(folder: Path) -> None:
    """A view that answers everything, and says what it was asked."""
    write(
        folder / "tiny" / "urls.py",
        "from django.http import HttpResponse\n"
        "from django.templatetags.static import static\n"
        "from django.urls import re_path\n"
        "def page(request):\n"
        "    return HttpResponse(f'view of {request.path} static {static(\"a.css\")}')\n"
        "urlpatterns = [re_path('', page)]\n",
    )


def collect(folder: Path) -> None:
    subprocess.run(
        [PYTHON, "manage.py", "collectstatic", "--noinput", "-v", "0"],
        cwd=folder,
        check=True,
        timeout=60,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )


# ---- names with a hash


@pytest.mark.parametrize(
    ("backend", "manifest"),
    [
        ("django.contrib.staticfiles.storage.ManifestStaticFilesStorage", "staticfiles.json"),
        ("tiny.storage.Named", "names.json"),
        ("tiny.storage.Elsewhere", "../elsewhere/staticfiles.json"),
        ("tiny.storage.Partly", "staticfiles.json"),
    ],
)
def test_hashed_names(sites: Sites, tmp_path: Path, backend: str, manifest: str) -> None:
    source = tmp_path / "source"
    folder = project(tmp_path, HASHED.format(backend=backend, dirs=str(source)))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(tmp_path / "tiny" / "storage.py", STORAGE.format(elsewhere=str(elsewhere)))
    write(source / "sub" / "b.css", "b { color: blue }\n")
    write(source / "plain.txt", "plain\n")
    collect(folder)
    names = json.loads((folder / "collected" / manifest).read_text())["paths"]
    site = sites.start(None, chdir=folder)
    hashed = f"/static/{names['sub/b.css']}"
    answer = until(
        "the manifest to be read",
        lambda: (a := ask(site, hashed)).get("Cache-Control") == FOR_EVER and a,
    )
    assert answer.status == 200 and answer.text == "b { color: blue }\n"
    etag = answer.get("ETag") or ""
    again = ask(site, hashed, If_None_Match=etag)
    assert again.status == 304 and again.get("Cache-Control") == FOR_EVER
    part = ask(site, hashed, Range="bytes=0-0")
    assert part.status == 206 and part.get("Cache-Control") == FOR_EVER
    for target in ("/static/sub/b.css", "/static/plain.txt", "/static/a.css"):
        answer = ask(site, target)
        assert answer.status == 200 and answer.get("Cache-Control") == MINUTE, target
    missing = ask(site, "/static/sub/b.0123456789ab.css")
    assert missing.status == 404 and missing.get("Cache-Control") is None

    write(source / "sub" / "b.css", "b { color: green }\n")
    collect(folder)
    names = json.loads((folder / "collected" / manifest).read_text())["paths"]
    new = f"/static/{names['sub/b.css']}"
    assert new != hashed
    until("the new manifest", lambda: ask(site, new).get("Cache-Control") == FOR_EVER)
    (folder / "collected" / manifest).write_text('{"paths": {"sub/b.css"')
    until(
        "the broken manifest",
        lambda: ask(site, new) and "manifest of static files not read" in site.log(),
    )
    assert ask(site, new).get("Cache-Control") == FOR_EVER


def test_a_value_that_is_a_source_name_is_not_kept_for_ever(sites: Sites, tmp_path: Path) -> None:
    backend = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    folder = project(tmp_path, HASHED.format(backend=backend, dirs=str(tmp_path / "source")))
    paths = {"a.css": "a.css", "b.css": "c.1234.css", "d.css": "b.css"}
    for name in ("b.css", "c.1234.css"):
        write(folder / "collected" / name, name)
    manifest = folder / "collected" / "staticfiles.json"
    manifest.write_text(json.dumps({"version": "1.0", "paths": paths}))
    site = sites.start(None, chdir=folder)
    hashed = "/static/c.1234.css"
    until("the manifest", lambda: ask(site, hashed).get("Cache-Control") == FOR_EVER)
    assert ask(site, "/static/a.css").get("Cache-Control") == MINUTE
    assert ask(site, "/static/b.css").get("Cache-Control") == MINUTE


def test_a_reload_keeps_the_names(sites: Sites, tmp_path: Path) -> None:
    backend = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    folder = project(tmp_path, HASHED.format(backend=backend, dirs=str(tmp_path / "source")))
    write(tmp_path / "source" / "b.css", "b { color: blue }\n")
    collect(folder)
    names = json.loads((folder / "collected" / "staticfiles.json").read_text())["paths"]
    site = sites.start(None, chdir=folder)
    hashed = f"/static/{names['b.css']}"
    until("the manifest", lambda: ask(site, hashed).get("Cache-Control") == FOR_EVER)
    assert site.verb("reload").returncode == 0
    assert ask(site, hashed).get("Cache-Control") == FOR_EVER


def test_how_long_others_are_kept(sites: Sites, tmp_path: Path) -> None:
    folder = project(tmp_path)
    site = sites.start(None, "--static-max-age", "2h", chdir=folder)
    want = "public, max-age=7200, must-revalidate"
    assert ask(site, "/static/a.css").get("Cache-Control") == want
    site = sites.start(None, "--static-max-age", "0", chdir=folder)
    assert ask(site, "/static/a.css").get("Cache-Control") == "no-cache"


# ---- while debugging


def debugged(tmp_path: Path, more: str = "", collected: bool = False) -> Path:
    folder = tmp_path / "site"
    dirs = (
        f'STATICFILES_DIRS = [{str(tmp_path / "source")!r}, ("pre", {str(tmp_path / "pre")!r})]\n'
    )
    write(tmp_path / "source" / "a.css", "source\n")
    write(tmp_path / "pre" / "p.css", "prefixed\n")
    project(folder, dirs + more, debug=True, collected=collected)
    with_view(folder)
    return folder


def test_the_finders_folders(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=debugged(tmp_path), verb="run")
    path = tmp_path / "source" / "a.css"
    for number in range(30):
        path.write_text(f"edit {number:02}\n")
        answer = ask(site, "/static/a.css")
        assert answer.text == f"edit {number:02}\n" and answer.get("Cache-Control") == "no-cache"
    assert ask(site, "/static/pre/p.css").text == "prefixed\n"
    assert is_views(ask(site, "/static/p.css")) and is_views(ask(site, "/static/nothing.css"))
    write(tmp_path / "source" / "new.css", "new\n")
    assert ask(site, "/static/new.css").text == "new\n"


def test_under_run_a_stale_collection_hides_nothing(sites: Sites, tmp_path: Path) -> None:
    folder = debugged(tmp_path, collected=True)
    write(folder / "collected" / "only.css", "only collected\n")
    site = sites.start(None, chdir=folder, verb="run")
    assert ask(site, "/static/a.css").text == "source\n"
    assert ask(site, "/static/only.css").text == "only collected\n"
    site.stop()
    site = sites.start(None, chdir=folder)
    assert ask(site, "/static/a.css").text == "a { color: red }\n"


def test_what_only_django_finds(sites: Sites, tmp_path: Path) -> None:
    """Links out of a folder, folders made since, a finder of the project's own: as runserver."""
    finders = (
        "STATICFILES_FINDERS = ['django.contrib.staticfiles.finders.FileSystemFinder',"
        " 'tiny.finder.Finder']\n"
    )
    later = tmp_path / "later"
    folder = debugged(tmp_path, f"STATICFILES_DIRS += [{str(later)!r}]\n" + finders)
    own = write(tmp_path / "own" / "found.css", "found\n")
    write(own.parent / ".env", "SECRET=1\n")
    write(
        folder / "tiny" / "finder.py",
        "import os\n"
        "from django.contrib.staticfiles.finders import BaseFinder\n"
        "class Finder(BaseFinder):\n"
        "    def find(self, path, find_all=False, **more):\n"
        f"        path = os.path.join({str(own.parent)!r}, path)\n"
        "        return path if os.path.exists(path) else []\n"
        "    def list(self, ignore_patterns):\n"
        "        return []\n",
    )
    (tmp_path / "source" / "linked").symlink_to(own.parent)
    site = sites.start(None, chdir=folder, verb="run")
    assert ask(site, "/static/found.css").text == "found\n"
    answer = ask(site, "/static/linked/found.css")
    assert answer.text == "found\n" and answer.get("Cache-Control") == "no-cache"
    assert (answer.get("Content-Type") or "").startswith("text/css")
    modified = answer.get("Last-Modified") or ""
    again = ask(site, "/static/linked/found.css", If_Modified_Since=modified)
    assert again.status == 304
    write(later / "late.css", "late\n")
    assert ask(site, "/static/late.css").text == "late\n"
    for target in ("/static/.env", "/static/linked/.env", "/static/../tiny/urls.py", "/static/a"):
        assert is_views(ask(site, target)) or ask(site, target).status == 400, target


def test_code_is_no_static_file(sites: Sites, tmp_path: Path) -> None:
    folder = debugged(tmp_path, "STATICFILES_DIRS += [str(__import__('pathlib').Path.cwd())]\n")
    site = sites.start(None, chdir=folder, verb="run")
    site.err.wait("holds the project's code or database")
    assert ask(site, "/static/a.css").text == "source\n"
    assert is_views(ask(site, "/static/tiny/settings.py"))
    assert is_views(ask(site, "/static/manage.py"))


def test_a_static_root_that_holds_the_project(sites: Sites, tmp_path: Path) -> None:
    folder = project(tmp_path, f"STATIC_ROOT = {str(tmp_path)!r}\n")
    with_view(folder)
    site = sites.start(None, chdir=folder)
    site.err.wait("which nobody may download")
    assert is_views(ask(site, "/static/manage.py"))


def test_without_debugging_sources_are_not_served(sites: Sites, tmp_path: Path) -> None:
    folder = debugged(tmp_path, "DEBUG = False\n")
    site = sites.start(None, chdir=folder, verb="run")
    assert is_views(ask(site, "/static/a.css"))


# ---- where STATIC_URL is

WHERE = [
    ("'static/'", "", "", "/static/a.css", "/static/a.css"),
    ("'/static/'", "", "", "/static/a.css", "/static/a.css"),
    ("'/st%20atic/'", "", "", "/st%20atic/a.css", "/st%20atic/a.css"),
    ("'static/'", "/sub", "", "/sub/static/a.css", "/sub/static/a.css"),
    ("'static/'", "", "'/sub'", "/static/a.css", "/sub/static/a.css"),
    ("'static/'", "", "'/sub'", "/sub/static/a.css", "/sub/static/a.css"),
    ("'static/'", "/sub", "'/sub/'", "/sub/static/a.css", "/sub/static/a.css"),
    ("'static/'", "/sub", "'/other'", "/sub/static/a.css", "/other/static/a.css"),
    ("'/static/'", "/sub", "", "/static/a.css", "/static/a.css"),
    ("'https://mine.test/static/'", "", "", "/static/a.css", "https://mine.test/static/a.css"),
]


@pytest.mark.parametrize(("url", "mount", "forced", "asked", "written"), WHERE)
def test_where_static_files_are(
    sites: Sites, tmp_path: Path, url: str, mount: str, forced: str, asked: str, written: str
) -> None:
    more = f"STATIC_URL = {url}\nALLOWED_HOSTS += ['mine.test']\n"
    more += f"FORCE_SCRIPT_NAME = {forced}\n" if forced else ""
    folder = project(tmp_path, more)
    with_view(folder)
    site = sites.start(None, *(["--mount", mount] if mount else []), chdir=folder)
    assert ask(site, asked).text == "a { color: red }\n"
    assert ask(site, f"{mount}/page").text.endswith(f" static {written}")
    missing = ask(site, asked.replace("a.css", "page"))
    assert is_views(missing) if asked.startswith(mount) else missing.status == 404


def test_options_beneath_static_url(sites: Sites, tmp_path: Path) -> None:
    folder = project(tmp_path, f"MEDIA_URL = '/media/'\nMEDIA_ROOT = '{tmp_path}/uploads'\n")
    write(folder / "uploads" / "up.txt", "uploaded")
    write(tmp_path / "other" / "x.txt", "other")
    options = [f"{url}={tmp_path}/other" for url in ["/static/other/", "/media/other/"]]
    named = [word for option in options for word in ["--static", option]]
    site = sites.start(None, "--media", "yes", *named, chdir=folder)
    assert ask(site, "/static/a.css").text == "a { color: red }\n"
    assert ask(site, "/static/other/x.txt").text == "other"
    assert ask(site, "/media/up.txt").text == "uploaded"
    assert ask(site, "/media/other/x.txt").text == "other"


@pytest.mark.parametrize(
    "url", ["'https://cdn.test/static/'", "'//cdn.test/static/'", "'http://cdn.test:81/static/'"]
)
def test_another_hosts_files_are_not_ours(sites: Sites, tmp_path: Path, url: str) -> None:
    folder = project(tmp_path, f"STATIC_URL = {url}\n")
    with_view(folder)
    site = sites.start(None, chdir=folder)
    assert is_views(ask(site, "/static/a.css"))


@pytest.mark.parametrize("url", ["None", "'/'", "''"])
def test_the_root_is_no_place_for_them(sites: Sites, tmp_path: Path, url: str) -> None:
    more = "INSTALLED_APPS = []\n" if url in ("None", "''") else ""
    folder = project(tmp_path, f"STATIC_URL = {url}\n{more}")
    write(
        folder / "tiny" / "urls.py",
        "from django.http import HttpResponse\n"
        "from django.urls import re_path\n"
        "urlpatterns = [re_path('', lambda request: HttpResponse('view of all'))]\n",
    )
    site = sites.start(None, chdir=folder)
    assert is_views(ask(site, "/a.css"))
