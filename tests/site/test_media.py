"""Uploads: served where nothing guards them, and never past a view that does."""

import gzip
import json
import re
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Peer, build, get
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import PYTHON, Site, run
from projects import make_django, write

URLS = """
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseForbidden
from django.urls import include, path, re_path
from django.views.static import serve

def open_to_all(request, *args, **kwargs):
    return HttpResponse("a page")

def guarded(request, *args, **kwargs):
    return HttpResponseForbidden("the view was asked")

urlpatterns = [path("", open_to_all), path("about/<slug:page>/", open_to_all), {patterns}]
"""
SECRET = "nobody may read this"
MEDIA = '\nMEDIA_URL = "/media/"\nMEDIA_ROOT = {root!r}\n'


def make(folder: Path, patterns: str = "", more: str = "") -> Path:
    """A project with uploads; what is private lies in private/ and at the top."""
    make_django(folder, debug=True)
    settings_file = folder / "tiny" / "settings.py"
    root = folder / "uploads"
    write(settings_file, settings_file.read_text() + MEDIA.format(root=str(root)) + more)
    write(folder / "tiny" / "urls.py", URLS.format(patterns=patterns))
    for name in ("secret.txt", "private/secret.txt", "private/deep/er/secret.txt", "x7/1"):
        write(root / name, SECRET)
    write(root / ".hidden", SECRET)
    for name in ("a.png", "page.html", "drawing.svg", "paper.pdf"):
        write(root / name, "of a visitor")
    return folder


def decision(site: Site) -> str:
    return site.err.wait(r"uploads: site=\S+ decision=\"(.*)\"").group(1)


# ---- a view guards them

GUARDS = [
    'path("media/<path:name>", guarded)',
    'path("media/private/<path:name>", guarded)',
    'path("media/", include([path("private/deep/<path:name>", guarded)]))',
    'path("media/x7/<int:number>", guarded)',
    're_path(r"^media/(?P<name>private/.*)$", guarded)',
    're_path(r"^(?:media|files)/private/(.*)$", guarded)',
    're_path(r"^(?i:MEDIA)/private/(.*)$", guarded)',
    're_path(r"private/deep", guarded)',
    'path("media/of/<uuid:nobody>/can/guess/", guarded)',
    're_path(r"^me(?:dia|dium)?/of/(?P<name>[0-9a-f]{32}/guess)$", guarded)',
    're_path(r"^.*$", guarded)',
    'path("<path:name>", guarded)',
    're_path(r"^media/(?P<path>.*)$", login_required(serve), {"document_root": "/"})',
    're_path(r"^media/(?P<name>.*)/$", guarded)',
    're_path(r"^[mn]edia/(?P<name>.*)/$", guarded)',
]
PAGES = [  # of Wagtail, Mezzanine, django-cms
    're_path(r"^((?:[\\w\\-]+/)*)$", guarded)',
    're_path(r"^(?P<slug>.*)/$", guarded)',
    're_path(r"^(?P<slug>[0-9A-Za-z-_.//]+)/$", guarded)',
]


@pytest.mark.parametrize("verb", ["run", "serve"])
@pytest.mark.parametrize("pattern", GUARDS)
def test_a_view_below_media_url_guards_it(
    sites: Sites, tmp_path: Path, pattern: str, verb: str
) -> None:
    told = ["--media", "yes"] if verb == "serve" else []
    site = sites.start(None, *told, chdir=make(tmp_path, pattern), verb=verb, workers=1)
    said = decision(site)
    assert "is left to the application: " in said
    assert "guarded answers" in said or "login_required" in said or "serve answers" in said, said
    for name in ("secret.txt", "private/secret.txt", "private/deep/er/secret.txt", "x7/1"):
        assert SECRET not in get(site.address, f"/media/{name}").text


# Where the static files are, so that MEDIA_ROOT, <project>/uploads, is among them; the URL of that.
AMONG = [
    ("STATIC_ROOT = BASE_DIR", "/static/uploads/"),
    ("DEBUG = False; STATIC_ROOT = BASE_DIR / 'uploads'", "/static/"),
    ("STATICFILES_DIRS = [('all', BASE_DIR / 'assets')]", "/static/all/uploads/"),
    ("STATIC_ROOT = BASE_DIR / 'assets'; DEBUG = False", "/static/uploads/"),
    ("STATIC_ROOT = BASE_DIR / 'assets'; DEBUG = False; MEDIA_URL = '/static/uploads/'",
     "/static/uploads/"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "url"), AMONG)
def test_nor_can_it_be_passed_by_as_a_static_file(
    sites: Sites, tmp_path: Path, lines: str, url: str
) -> None:
    guards = 'path("media/<path:name>", guarded), path("static/uploads/<path:name>", guarded)'
    more = "\nfrom pathlib import Path\nBASE_DIR = Path(__file__).parent.parent\n"
    more += "INSTALLED_APPS = ['django.contrib.staticfiles']\n" + lines + "\n"
    folder = make(tmp_path, guards, more)
    if "assets" in lines:
        (folder / "assets").mkdir()
        (folder / "uploads").rename(folder / "assets" / "uploads")
        settings_file = folder / "tiny" / "settings.py"
        text = settings_file.read_text().replace("/uploads'", "/assets/uploads'", 1)
        write(settings_file, text)
        write(folder / "assets" / "a.css", "body {}")
    site = sites.start(None, chdir=folder, verb="run", workers=1)
    assert "is left to the application: the view" in decision(site)
    for name in ("secret.txt", "private/secret.txt", "/secret.txt", "./secret.txt"):
        assert SECRET not in get(site.address, url + name).text
    if "assets" in lines:
        assert get(site.address, url.replace("uploads/", "a.css")).text == "body {}"


def test_a_guard_that_is_a_class_is_named(sites: Sites, tmp_path: Path) -> None:
    folder = make(tmp_path, 'path("media/<path:name>", Guard.as_view())')
    urls = folder / "tiny" / "urls.py"
    view = "from django.views import View\nclass Guard(View):\n    pass\n"
    write(urls, urls.read_text().replace("urlpatterns =", view + "urlpatterns ="))
    site = sites.start(None, chdir=folder, verb="run", workers=1)
    assert "the view tiny.urls.Guard answers" in decision(site)


@pytest.mark.parametrize("pattern", PAGES)
def test_the_pages_of_a_cms_guard_nothing(sites: Sites, tmp_path: Path, pattern: str) -> None:
    """Their view takes whatever ends in a slash, anywhere: no file does."""
    site = sites.start(None, chdir=make(tmp_path, pattern), verb="run", workers=1)
    assert "is served from" in decision(site)
    assert get(site.address, "/media/a.png").status == 200
    assert get(site.address, "/media/a-page/").text == "the view was asked"


def test_a_middleware_that_demands_a_login_guards_them(sites: Sites, tmp_path: Path) -> None:
    middleware = """
class LoginRequiredMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response
    def __call__(self, request):
        return self.get_response(request)
"""
    more = '\nMIDDLEWARE = ["tiny.guard.LoginRequiredMiddleware"]\n'
    folder = make(tmp_path, more=more)
    write(folder / "tiny" / "guard.py", middleware)
    site = sites.start(None, chdir=folder, verb="run", workers=1)
    assert "LoginRequiredMiddleware asks for a login" in decision(site)
    assert get(site.address, "/media/secret.txt").status == 404


# ---- no spelling gets past it

SPELLINGS = """
/media/private/secret.txt /media/private//secret.txt //media/private/secret.txt
/media//private/secret.txt /media/./private/secret.txt /media/x/../private/secret.txt
/./media/private/secret.txt /media/%70rivate/secret.txt /%6dedia/private/secret.txt
/media%2fprivate/secret.txt /media/private%2fsecret.txt /media/private%2Fsecret.txt
/media/private/secret%2etxt /media/private/secret.txt%00 /media/private/secret.txt%00.png
/media/%2e/private/secret.txt /media/x/%2e%2e/private/secret.txt
/media/..%2fmedia/private/secret.txt
/MEDIA/private/secret.txt /media/PRIVATE/secret.txt /media/private;a/secret.txt
/media;/private/secret.txt /media/private/secret.txt;a=b /media/private/secret.txt?x
/media/private/secret.txt#x /media\\private\\secret.txt /media/private\\secret.txt
/media/private/secret.txt/ /media/private/secret.txt/. /media/private/secret.txt/x/..
/static/../media/private/secret.txt /static/%2e%2e/media/private/secret.txt
/static/..%2fuploads/private/secret.txt /media/%c0%ae/private/secret.txt
/media/%252e/private/secret.txt /media/private%252fsecret.txt /media/private/secret.txt%20
/media/private/secret.txt. /media/private%09/secret.txt /media/%E2%80%8Bprivate/secret.txt
http://site.test/media/private/secret.txt http://site.test//media/private/secret.txt
/media/private/..%5csecret.txt /media/./%70rivate/./secret.txt /media/x/..//private/secret.txt
/media/private/deep/../secret.txt /../media/private/secret.txt /..//media/private/secret.txt
""".split()

words = st.sampled_from(
    ["media", "MEDIA", "private", "secret.txt", "uploads", "static", "deep", "er", "..", ".", "x"]
)
separators = st.sampled_from(["/", "/", "/", "//", "/./", "%2f", "\\", "/%2e/", ";", "/x/../"])


def encoded(word: str, which: int) -> str:
    """Some letters written as their percent-encodings."""
    return "".join(
        f"%{ord(letter):02x}" if which >> i & 1 else letter for i, letter in enumerate(word)
    )


parts = st.builds(encoded, words, st.sampled_from([0, 0, 0, 1, 2, 0xFFFF]))
random_paths = st.builds(
    lambda root, rest, end: "/" + root + "".join(a + b for a, b in rest) + end,
    st.sampled_from(["media", "media", "%6dedia", "/media", "static", "."]),
    st.lists(st.tuples(separators, parts), min_size=1, max_size=5),
    st.sampled_from(["", "", "", "/", "?a", "%00", "%20", "."]),
)


@pytest.fixture(scope="module")
def private(shared: Sites, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = make(tmp_path_factory.mktemp("private"), 'path("media/private/<path:name>", guarded)')
    return shared.start(None, chdir=folder, verb="run", workers=2)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_spelling_gets_past_the_view(private: Site, spelling: str, method: str) -> None:
    with Peer(private.address) as peer:
        peer.send(build(method, spelling))
        assert SECRET not in peer.response().text


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(path=random_paths)
def test_no_random_spelling_gets_past_the_view(private: Site, path: str) -> None:
    with Peer(private.address) as peer:
        peer.send(build("GET", path))
        assert SECRET not in peer.response().text


# ---- nobody guards them


@pytest.fixture(scope="module")
def public(shared: Sites, tmp_path_factory: pytest.TempPathFactory) -> Site:
    pattern = 're_path(r"^media/(?P<path>.*)$", serve, {"document_root": "/nowhere"})'
    return shared.start(
        None, chdir=make(tmp_path_factory.mktemp("public"), pattern), verb="run", workers=1
    )


def test_run_serves_them(public: Site) -> None:
    assert decision(public).startswith("/media/ is served from /")
    assert get(public.address, "/media/secret.txt").text == SECRET


@pytest.mark.parametrize(
    ("name", "is_attached", "is_sandboxed"),
    [
        ("a.png", False, True),
        ("paper.pdf", False, False),
        ("page.html", True, True),
        ("drawing.svg", True, True),
    ],
)
def test_foreign_content_runs_nothing(
    public: Site, name: str, is_attached: bool, is_sandboxed: bool
) -> None:
    answer = get(public.address, f"/media/{name}")
    assert answer.status == 200
    assert answer.get("X-Content-Type-Options") == "nosniff"
    assert (answer.get("Content-Disposition") == "attachment") is is_attached
    assert ("sandbox" in (answer.get("Content-Security-Policy") or "")) is is_sandboxed
    part = get(public.address, f"/media/{name}", [("Range", "bytes=1-3")])
    assert part.status == 206 and part.get("X-Content-Type-Options") == "nosniff"


def test_an_upload_beside_an_upload_is_not_it(public: Site) -> None:
    found = re.search(r"is served from (\S+?)[,;.\"]?(\s|$)", decision(public))
    assert found
    folder = Path(found[1])
    write(folder / "mine.txt", SECRET)
    (folder / "mine.txt.gz").write_bytes(gzip.compress(b"of somebody else"))
    answer = get(public.address, "/media/mine.txt", [("Accept-Encoding", "gzip")])
    assert answer.text == SECRET and answer.get("Content-Encoding") is None


def test_static_files_are_our_own(public: Site) -> None:
    answer = get(public.address, "/static/a.css")
    assert answer.status == 200 and answer.get("Content-Security-Policy") is None


def test_dotfiles_and_what_lies_outside_are_not_uploads(public: Site) -> None:
    for path in ("/media/.hidden", "/media/../tiny/settings.py", "/media/%2e%2e/manage.py"):
        answer = get(public.address, path)
        assert answer.status in (400, 404) and SECRET not in answer.text


def test_the_first_upload_of_a_new_project(sites: Sites, tmp_path: Path) -> None:
    folder = make(tmp_path)
    for file in sorted((folder / "uploads").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (folder / "uploads").rmdir()
    site = sites.start(None, chdir=folder, verb="run", workers=1)
    write(folder / "uploads" / "new.txt", "the first")
    assert get(site.address, "/media/new.txt").text == "the first"


@pytest.mark.parametrize("told", [[], ["--media=yes"], ["--media=no"]])
def test_a_check_makes_no_folder(tmp_path: Path, told: list[str]) -> None:
    make_django(tmp_path)
    settings_file = tmp_path / "tiny" / "settings.py"
    write(settings_file, settings_file.read_text() + MEDIA.format(root=str(tmp_path / "new")))
    done = run("check", "--json", "--python", PYTHON, *told, folder=tmp_path)
    media = json.loads(done.stdout)["application"]["media"]
    assert media["serve"] is (told == ["--media=yes"]), media
    assert not (tmp_path / "new").exists()


# ---- who decides


def test_serve_waits_to_be_told(sites: Sites, tmp_path: Path) -> None:
    folder = make(tmp_path)
    quiet = sites.start(None, chdir=folder, workers=1)
    assert "media = yes" in decision(quiet)
    assert get(quiet.address, "/media/secret.txt").status == 404
    told = sites.start(None, "--media=yes", chdir=folder, workers=1)
    assert decision(told).startswith("/media/ is served from ")
    assert get(told.address, "/media/secret.txt").text == SECRET
    refused = sites.start(None, "--media=no", chdir=folder, verb="run", workers=1)
    assert decision(refused) == "/media/ is left to the application: media = no"
    assert get(refused.address, "/media/secret.txt").status == 404


def test_static_replaces_them(sites: Sites, tmp_path: Path) -> None:
    folder = make(tmp_path, 'path("media/<path:name>", guarded)')
    write(folder / "other" / "own.txt", "of the operator")
    site = sites.start(None, "--static=/media/=other", chdir=folder, verb="run", workers=1)
    assert get(site.address, "/media/own.txt").text == "of the operator"
    assert get(site.address, "/media/secret.txt").text == "the view was asked"


def test_a_project_without_uploads_says_nothing(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=make_django(tmp_path), workers=1)
    assert "uploads:" not in site.err.text


@pytest.mark.parametrize("mount", ["", "/sub"])
def test_a_script_name_does_not_hide_the_view(sites: Sites, tmp_path: Path, mount: str) -> None:
    """MEDIA_URL has FORCE_SCRIPT_NAME before it, and the resolver does not know that."""
    more = 'MEDIA_URL = "media/"\nFORCE_SCRIPT_NAME = "/sub"\n'
    folder = make(tmp_path, GUARDS[1], more)
    options = ["--mount", mount] if mount else []
    site = sites.start(None, *options, "--media", "yes", chdir=folder, verb="run")
    assert "answers beneath MEDIA_URL" in decision(site)
    for target in ("/sub/media/private/secret.txt", "/media/private/secret.txt"):
        assert SECRET not in get(site.address, target).text
