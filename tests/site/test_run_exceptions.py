"""An exception is preceded by its request, and shown once; and `run --open`."""

import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Sites
from http1 import get
from program import until
from projects import make_django, write

BOOM = """
from django.core.exceptions import PermissionDenied

def boom(request):
    raise ValueError('no "such"\\nship')

urlpatterns.append(path("boom/", boom))
"""
STYLED = """
LOGGING = {{
    "version": 1, "disable_existing_loggers": False,
    "formatters": {{"mine": {{"format": "MINE %(message)s"}}}},
    "handlers": {{"c": {{"class": "logging.StreamHandler", "formatter": "mine"}}}},
    "root": {{"handlers": ["c"], "level": "INFO"}},
}}
"""
NONE = "LOGGING_CONFIG = None\nimport logging\nlogging.getLogger('django').addHandler({})\n"
LINE = (
    r'^exception in the application: "GET /boom/\?a=%22" worker=0 pid=\d+ '
    r'error="ValueError: no \\x22such\\x22\\x0aship" at=tiny/urls\.py:\d+$'
)


def project(folder: Path, logging: str = "", debug: bool = True) -> Path:
    make_django(folder, debug=debug)
    urls, settings = folder / "tiny" / "urls.py", folder / "tiny" / "settings.py"
    urls.write_text(urls.read_text() + BOOM)
    settings.write_text(settings.read_text() + logging)
    return folder


def boom(site: Any) -> str:
    """What the log says of it."""
    since = len(site.err.text)
    assert get(site.address, "/boom/?a=%22").status == 500
    site.err.wait(LINE, since)
    if site.arguments[0] == "run":
        site.out.wait("/boom/")
    return site.err.text[since:]


@pytest.mark.parametrize(
    "logging",
    ["", STYLED.format(), NONE.format("logging.NullHandler()"), "LOGGING_CONFIG = None\n"],
    ids=["Django's", "the project's", "nothing", "Python's"],
)
@pytest.mark.parametrize("debug", [True, False])
def test_run_shows_it_once(sites: Sites, tmp_path: Path, logging: str, debug: bool) -> None:
    site = sites.start(None, chdir=project(tmp_path, logging, debug), verb="run")
    assert get(site.address, "/nothing/").status == 404
    text = boom(site)
    site.stop()
    text = site.err.text[site.err.text.index(text[:40]) :]
    assert text.count("Traceback (most recent call last)") == 1
    assert text.index("exception in the application") < text.index("Traceback")
    assert ("MINE Internal Server Error: /boom/" in text) == ("MINE" in logging)
    assert "\nNot Found" not in site.err.text


def test_serve_names_the_request(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=project(tmp_path, STYLED.format(), debug=False))
    text = boom(site)
    site.stop()
    assert "Traceback" not in text.partition("exception in")[0]
    assert site.err.text.count("Traceback (most recent call last)") == 1


def test_serve_is_not_silent(sites: Sites, tmp_path: Path) -> None:
    site = sites.start(None, chdir=project(tmp_path, debug=False))
    boom(site)
    site.stop()
    assert "Traceback" not in site.err.text


def test_an_application_without_django(sites: Sites, tmp_path: Path) -> None:
    write(tmp_path / "own.py", "def application(environ, start_response):\n    1 / 0\n")
    site = sites.start("own", chdir=tmp_path)
    assert get(site.address, "/a").status == 500
    site.err.wait(r'^exception in the application: "GET /a" worker=0 pid=\d+$\nTraceback')


# ---- --open


def browser(folder: Path) -> str:
    """A program that writes down what it was asked to open."""
    path = write(
        folder / "browser",
        f"#!{sys.executable}\nimport sys\nopen({str(folder / 'url')!r}, 'a').write(sys.argv[1])\n",
    )
    path.chmod(0o755)
    return str(path)


def test_open(sites: Sites, tmp_path: Path) -> None:
    env = {"BROWSER": browser(tmp_path)}
    site = sites.start("plain", "--open", verb="run", env=env)
    url = tmp_path / "url"
    until("the browser", lambda: url.exists() and url.read_text())
    assert url.read_text() == site.url + "/"


def test_open_without_a_browser(sites: Sites, tmp_path: Path) -> None:
    site = sites.start("plain", "--open", verb="run", env={"PATH": str(tmp_path), "BROWSER": ""})
    site.err.wait(r"--open found no browser")
    assert get(site.address, "/hello").status == 200


def test_serve_opens_nothing(sites: Sites, tmp_path: Path) -> None:
    env = {"BROWSER": browser(tmp_path)}
    site = sites.start("plain", "--open", env=env)
    assert get(site.address, "/hello").status == 200
    site.stop()
    assert not (tmp_path / "url").exists()
