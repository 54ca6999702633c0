"""`slipway run`: what a save does, and what it does not."""

import threading
from pathlib import Path

import pytest
import requests
from conftest import Sites
from http1 import Peer, build
from program import Site, until
from projects import make_django, make_wsgi, write

URLS = """
import os
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

def page(request):
    return HttpResponse(f"{words} {{os.getpid()}}")

def env(request):
    return HttpResponse(os.environ.get("FLAG", "unset"))

def templated(request):
    return render(request, "tiny/page.html", {{}})

def lazy(request):
    from tiny import late
    return HttpResponse(late.WORDS)

def installed(request):
    import extra
    return HttpResponse(extra.WORDS)

urlpatterns = [
    path("", page), path("env/", env), path("page/", templated), path("lazy/", lazy),
    path("installed/", installed),
]
"""
WAITS = """
import os
with open(os.path.join(os.environ["GATES"], "{name}.reached"), "w") as reached:
    reached.write("here\\n")
with open(os.path.join(os.environ["GATES"], "{name}.go"), "rb") as go:
    go.read(1)
"""
HTML = {"Accept": "text/html,*/*;q=0.8"}


def save(path: Path, text: str) -> None:
    """As many editors do: a new file takes the place of the old one."""
    new = path.with_name(path.name + "~new")
    new.write_text(text)
    new.rename(path)


def make(folder: Path, words: str = "first") -> Path:
    make_django(folder, debug=True)
    urls(folder, words)
    settings = folder / "tiny" / "settings.py"
    write(
        settings,
        settings.read_text()
        + """
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates",
              "DIRS": ["templates"], "APP_DIRS": True}]
""",
    )
    write(folder / "templates" / "tiny" / "page.html", "template one")
    write(folder / "tiny" / "late.py", "WORDS = 'late one'\n")
    write(folder / "tiny" / "unused.py", "WORDS = 1\n")
    write(folder / "venv" / "lib" / "site-packages" / "extra.py", "WORDS = 'extra one'\n")
    return folder


def urls(folder: Path, words: str, more: str = "") -> None:
    save(folder / "tiny" / "urls.py", more + URLS.format(words=words))


def start(sites: Sites, folder: Path, **more: object) -> Site:
    env = {"PYTHONPATH": str(folder / "venv" / "lib" / "site-packages")}
    options = more.pop("options", [])
    return sites.start(None, *options, chdir=folder, verb="run", env=env, **more)  # type: ignore[arg-type]


def text(site: Site, path: str = "/", **headers: str) -> str:
    return requests.get(site.url + path, headers=headers, timeout=20).text


def until_text(site: Site, path: str, wanted: str) -> None:
    until(f"{wanted} at {path}", lambda: text(site, path).startswith(wanted), 30)


def generation(site: Site) -> int:
    return int(site.status()["generation"])


@pytest.fixture
def folder(sites: Sites) -> Path:
    return make(sites.folder / "p")


@pytest.fixture
def site(sites: Sites, folder: Path) -> Site:
    return start(sites, folder)


def test_a_view_is_served_as_saved(site: Site, folder: Path) -> None:
    for words in ("second", "third"):
        urls(folder, words)
        until_text(site, "/", words)
    (folder / "tiny" / "urls.py").write_text(URLS.format(words="in place"))
    until_text(site, "/", "in place")


def test_a_module_imported_by_a_view_later(site: Site, folder: Path) -> None:
    assert text(site, "/lazy/") == "late one"
    assert generation(site) == 1  # asked of the master, which has heard of the module by then
    write(folder / "tiny" / "late.py", "WORDS = 'late two'\n")
    until_text(site, "/lazy/", "late two")


def test_a_template_needs_no_reload(site: Site, folder: Path) -> None:
    page = folder / "templates" / "tiny" / "page.html"
    assert text(site, "/page/") == "template one"
    save(page, "template two")
    until_text(site, "/page/", "template two")
    page.unlink()
    until("no template", lambda: "TemplateDoesNotExist" in text(site, "/page/"))
    save(page, "template three")
    until_text(site, "/page/", "template three")
    other = folder / "templates" / "new" / "deep"
    write(other / "page.html", "unused")
    assert generation(site) == 1


def test_a_template_in_a_new_folder(site: Site, folder: Path) -> None:
    page = folder / "templates" / "tiny" / "page.html"
    save(page, '{% include "fresh/part.html" %}')
    until("no part", lambda: "TemplateDoesNotExist" in text(site, "/page/"))
    write(folder / "templates" / "fresh" / "part.html", "a part")
    until_text(site, "/page/", "a part")


@pytest.mark.parametrize(
    "path",
    ["tiny/unused.py", "venv/lib/site-packages/extra.py", "tiny/__pycache__/urls.pyc", "new.py"],
)
def test_what_is_not_the_projects_does_not_reload(site: Site, folder: Path, path: str) -> None:
    """A template saved after it is seen, and by then a reload would have begun."""
    assert text(site, "/installed/") == "extra one"
    assert text(site, "/page/") == "template one"
    write(folder / path, "WORDS = 'other'\n")
    save(folder / "templates" / "tiny" / "page.html", "template two")
    until_text(site, "/page/", "template two")
    assert "reload" not in site.log() and generation(site) == 1


def test_env_file_is_read_again(site: Site, folder: Path) -> None:
    assert text(site, "/env/") == "unset"
    write(folder / ".env", "FLAG=up\n")
    until_text(site, "/env/", "up")
    save(folder / ".env", "FLAG=down\n")
    until_text(site, "/env/", "down")
    (folder / ".env").unlink()
    until_text(site, "/env/", "unset")


def test_several_steps_of_one_save_are_one_reload(site: Site, folder: Path) -> None:
    path = folder / "tiny" / "urls.py"
    for words in ("a", "b", "c", "d"):
        path.write_text(URLS.format(words=words))
        urls(folder, words)
    until_text(site, "/", "d")
    assert site.status()["reloads"] == 1


def test_a_save_during_an_import_starts_the_next(sites: Sites, site: Site, folder: Path) -> None:
    gate = sites.gate("slow")
    urls(folder, "slow", more=WAITS.format(name="slow"))
    gate.wait_reached()
    urls(folder, "quick")
    until_text(site, "/", "quick")


BROKEN = {
    "syntax": ("def broken(:\n", "SyntaxError", "syntax error in"),
    "import": ("from tiny import nothing_of_that_name\n", "ImportError", "nothing_of_that_name"),
    "module": ("import no_such_module\n", "ModuleNotFoundError", "no_such_module"),
    "error": ("{}['<key & co>']\n", "KeyError", "KeyError"),
    "exit": ("import sys; sys.exit('enough')\n", "SystemExit", "enough"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_and_mended(site: Site, folder: Path, kind: str) -> None:
    line, error, sentence = BROKEN[kind]
    urls(folder, "broken", more=line)
    until("the error", lambda: requests.get(site.url, timeout=20).status_code == 500)
    page = requests.get(site.url + "/any", headers=HTML, timeout=20)
    assert page.status_code == 500 and page.headers["Content-Type"].startswith("text/html")
    assert error in page.text and "tiny/urls.py" in page.text and "<title>" in page.text
    assert '<span class="here"><i>1</i>' in page.text and "<key &" not in page.text
    plain = requests.get(site.url, headers={"Accept": "*/*"}, timeout=20)
    assert plain.headers["Content-Type"].startswith("text/plain") and error in plain.text
    assert sentence in plain.text.splitlines()[0]
    assert "Traceback" in site.log() and error in site.log()
    urls(folder, "mended")
    until_text(site, "/", "mended")


@pytest.mark.parametrize("broken", ["settings.py", "urls.py", "wsgi.py"])
def test_broken_from_the_start(sites: Sites, folder: Path, broken: str) -> None:
    path = folder / "tiny" / broken
    whole = path.read_text()
    path.write_text("raise RuntimeError('not today')\n")
    site = start(sites, folder)
    assert site.ready and "cannot be imported" in site.ready["what"]
    assert "not today" in text(site)
    save(path, whole)
    until_text(site, "/", "first")


def test_a_missing_module_is_made(site: Site, folder: Path) -> None:
    urls(folder, "whole", more="from tiny.sub import part\n")
    until("the error", lambda: "tiny.sub" in text(site))
    write(folder / "tiny" / "sub" / "part.py", "X = 1\n")
    write(folder / "tiny" / "sub" / "__init__.py", "")
    until_text(site, "/", "whole")


def test_an_interpreter_that_dies_and_a_mended_file(sites: Sites, folder: Path) -> None:
    path = folder / "tiny" / "settings.py"
    whole = path.read_text()
    path.write_text("import os; os._exit(3)\n")
    site = start(sites, folder)
    assert "exit status 3" in text(site)
    save(path, whole)
    until_text(site, "/", "first")


def test_a_bad_slipway_ini_is_shown_and_mended(site: Site, folder: Path) -> None:
    write(folder / "slipway.ini", "wokers = 3\n")
    until("the error", lambda: "slipway.ini:1" in text(site))
    save(folder / "slipway.ini", "threads = 1\n")
    until_text(site, "/", "first")


@pytest.mark.parametrize(
    ("name", "bad", "sentence"),
    [
        (".env", "FLAG=up\nno statement at all\n", ".env:2"),
        (".env", "SLIPWAY_THREADS=many\n", "SLIPWAY_THREADS"),
        ("slipway.ini", "wokers = 3\n", "slipway.ini:1"),
    ],
    ids=["env", "option in env", "ini"],
)
def test_a_file_that_is_wrong_at_the_start(
    sites: Sites, folder: Path, name: str, bad: str, sentence: str
) -> None:
    """It is shown as a mistake in a module would be, and the next save mends it; so later on."""
    write(folder / name, bad)
    site = start(sites, folder)
    assert sentence in text(site) and sentence in site.log()
    save(folder / name, "")
    until_text(site, "/", "first")
    save(folder / name, bad)
    until("the error", lambda: sentence in text(site))
    save(folder / name, "")
    until_text(site, "/", "first")


def test_nothing_waits_for_a_wrong_argument_or_under_serve(sites: Sites, folder: Path) -> None:
    for verb, arguments, status in (("run", ["--threads", "x"], 2), ("serve", [], 1)):
        write(folder / ".env", "no statement at all\n")
        site = sites.start(None, *arguments, chdir=folder, verb=verb, waits=False)
        assert site.wait() == status


def test_a_reload_by_hand_says_what_is_wrong(site: Site, folder: Path) -> None:
    urls(folder, "x", more="import no_such_module\n")
    until("the error", lambda: requests.get(site.url, timeout=20).status_code == 500)
    done = site.verb("reload")
    assert done.returncode == 1 and "no_such_module" in done.stderr


def test_no_request_is_lost(sites: Sites, folder: Path) -> None:
    site = start(sites, folder, workers=2)
    seen: list[int] = []
    is_over = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not is_over.is_set():
                seen.append(session.get(site.url + "/", timeout=20).status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(4):
            urls(folder, f"number{number}")
            until_text(site, "/", f"number{number}")
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert set(seen) == {200}


def test_a_request_under_way_ends_on_the_old_code(sites: Sites, folder: Path) -> None:
    gate = sites.gate("held")
    held = f"""
def held(request):
    {WAITS.format(name="held").strip().replace(chr(10), chr(10) + "    ")}
    return HttpResponse("old code")
urlpatterns.append(path("held/", held))
"""
    write(folder / "tiny" / "urls.py", URLS.format(words="old") + held)
    site = start(sites, folder)
    peer = Peer(site.address)
    peer.send(build("GET", "/held/"))
    gate.wait_reached()
    urls(folder, "new")
    until_text(site, "/", "new")
    gate.open()
    assert peer.response().body == b"old code"
    peer.close()


def test_where_each_worker_imports(sites: Sites, folder: Path) -> None:
    site = start(sites, folder, options=["--preload", "no"])
    page = folder / "templates" / "tiny" / "page.html"
    assert text(site, "/page/") == "template one"
    save(page, '{% include "fresh/part.html" %}')
    until("no part", lambda: "TemplateDoesNotExist" in text(site, "/page/"))
    part = write(folder / "templates" / "fresh" / "part.html", "a part")
    until_text(site, "/page/", "a part")
    assert generation(site) == 1
    save(part, "another part")
    until_text(site, "/page/", "another part")
    urls(folder, "broken", more="import no_such_module\n")
    until("the error", lambda: "no_such_module" in text(site))
    urls(folder, "mended")
    until_text(site, "/", "mended")


@pytest.mark.parametrize("where", ["settings.py", "urls.py"])
def test_a_project_that_writes_a_module_of_its_own(sites: Sites, folder: Path, where: str) -> None:
    """While it is imported, each time another one: it must come up all the same."""
    writes = """
import pathlib, time
pathlib.Path("tiny/version.py").write_text(f"VERSION = {time.time_ns()}")
from tiny import version
"""
    path = folder / "tiny" / where
    whole = path.read_text()
    path.write_text(writes + whole)
    write(folder / "tiny" / "version.py", "VERSION = 1")
    site = start(sites, folder)
    assert text(site).startswith("first") and text(site, "/page/") == "template one"
    path.write_text(writes + whole + "\nimport tiny.late\n")
    until("an end of it", lambda: "left out" in site.log())
    until("rest", lambda: len(site.status()["generations"]) == 1)
    before = generation(site)
    save(folder / "templates" / "tiny" / "page.html", "template two")
    until_text(site, "/page/", "template two")
    assert text(site).startswith("first") and generation(site) == before


def test_plain_wsgi_reloads(sites: Sites) -> None:
    folder = make_wsgi(sites.folder / "w", "one")
    site = sites.start("own", chdir=folder, verb="run")
    make_wsgi(folder, "two")
    until_text(site, "/", "two")


def test_serve_watches_nothing(sites: Sites, folder: Path) -> None:
    site = sites.start(None, chdir=folder)
    links = [str(p.readlink()) for p in Path(f"/proc/{site.pid}/fd").iterdir()]
    assert not [link for link in links if "inotify" in link]


def test_what_only_looks_like_a_module_is_left_alone(sites: Sites, tmp_path: Path) -> None:
    folder = make(tmp_path)
    settings = folder / "tiny" / "settings.py"
    lazy = """
import sys, types

class Lazy:
    __class__ = types.ModuleType
    def __getattr__(self, name):
        raise RuntimeError("not to be asked for " + name)

sys.modules["tiny.lazy"] = Lazy()
sys.modules["tiny.bare"] = types.ModuleType.__new__(types.ModuleType)
"""
    settings.write_text(settings.read_text() + lazy)
    site = sites.start(None, chdir=folder, verb="run", workers=1)
    assert requests.get(site.url, timeout=20).status_code == 200
