"""Folders of static files that show a file: option static-index."""

from pathlib import Path

import pytest
from conftest import Sites
from http1 import get
from program import Site, run
from projects import make_django, write

INI = """
static = /docs/={docs}
static = /plain/={docs}
media = yes

[route /docs/]
static-index = index.html

[route /media/]
static-index = index.html

[route /docs/shut/]
static-index = index.html
deny = all

[route /docs/paged/*.html]
deny = all

[route /docs/ours/]
basic-auth = people

[route /docs/*.html]
header = X-Page: yes

[route */known/index.html]
basic-auth = people

[route */kept/index.html]
cache-control = no-store
"""


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    folder = make_django(shared.folder / "p", "the application")
    docs = shared.folder / "docs"
    for name in ("", "api/", "shut/", ".git/", "a b/", "paged/", "known/", "kept/", "ours/"):
        write(docs / f"{name}index.html", f"index of /{name}")
    write(docs / "bare" / "other.html", "other")
    (docs / "folder" / "index.html").mkdir(parents=True)
    (docs / "out").mkdir()
    (docs / "out" / "index.html").symlink_to("/etc/passwd")
    write(folder / "uploads" / "index.html", "of a stranger")
    settings = folder / "tiny" / "settings.py"
    media = f'\nMEDIA_URL = "/media/"\nMEDIA_ROOT = {str(folder / "uploads")!r}\n'
    settings.write_text(settings.read_text() + media)
    write(folder / "people", "one:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    write(folder / "slipway.ini", INI.format(docs=docs))
    return shared.start(None, chdir=folder)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/docs/", "/"),
        ("/docs/api/", "/api/"),
        ("/docs/a%20b/", "/a b/"),
        ("/docs/api/../", "/"),
        ("/docs/?a=b", "/"),
        ("/docs/kept/", "/kept/"),
    ],
)
def test_a_folder_shows_its_index(site: Site, target: str, shown: str) -> None:
    answer = get(site.address, target)
    assert (answer.status, answer.text) == (200, f"index of {shown}")
    assert answer.get("Content-Type") == "text/html; charset=utf-8"
    again = get(site.address, target, [("If-None-Match", answer.get("ETag") or "")])
    assert again.status == 304
    assert get(site.address, target, method="HEAD").get("Content-Length") == str(len(answer.body))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/docs/bare/", 404),
        ("/docs/nothing/", 404),
        ("/docs/api", 404),
        ("/docs/folder/", 404),
        ("/docs/.git/", 404),
        ("/docs/out/", 404),
        ("/docs//", 404),
        ("/docs/shut/", 403),
        ("/docs/paged/index.html", 403),
        ("/docs/paged/", 404),
        ("/docs/known/index.html", 401),
        ("/docs/known/", 404),
        ("/plain/", 404),
        ("/media/", 404),
        ("/static/", 404),
    ],
)
def test_what_shows_none(site: Site, target: str, status: int) -> None:
    answer = get(site.address, target)
    assert answer.status == status
    assert b"index of" not in answer.body and b"root:" not in answer.body


def test_who_came_into_the_folder_sees_its_index(site: Site) -> None:
    assert get(site.address, "/docs/ours/").status == 401
    answer = get(site.address, "/docs/ours/", [("Authorization", "Basic b25lOnNlY3JldA==")])
    assert (answer.status, answer.text) == (200, "index of /ours/")


def test_the_application_keeps_its_pages(site: Site) -> None:
    assert get(site.address, "/").text.startswith("the application")


@pytest.mark.parametrize("name", ["a/b", "../index.html", ".index", "/index.html"])
def test_it_is_the_name_of_a_file(tmp_path: Path, name: str) -> None:
    done = run("check", "--static-index", name, folder=tmp_path)
    assert done.returncode == 2 and "the name of a file, such as index.html" in done.stderr
