"""Django projects from PyPI, served without a word of configuration (strangers.py has the list).

Each is logged into through its form, shown with the style sheets that its pages name, and, where
it takes pictures, given one that is fetched again.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from site_fixtures import Sites
from strangers import (
    PASSWORD,
    STRANGERS,
    USER,
    CannotInstall,
    Stranger,
    environment_of,
    interpreter,
    make,
    options_of,
)

TOKEN = re.compile(r"name=[\"']?csrfmiddlewaretoken[\"']?\s+value=[\"']([^\"']+)[\"']")
SHEET = re.compile(r"<link\b[^>]*\bhref=[\"']?([^\"'\s>]+\.css(?:\?[^\"'\s>]*)?)[\"'\s>]")
ANSWER_S = 60


@dataclass
class Served:
    stranger: Stranger
    site: Any
    folder: Path


@pytest.fixture(scope="module", params=STRANGERS, ids=lambda stranger: stranger.name)
def served(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Served]:
    stranger = request.param
    python = interpreter(stranger.python)
    if python is None:
        pytest.skip(f"there is no Python {stranger.python} here")
    try:
        venv = environment_of(stranger, python)
    except CannotInstall as error:
        pytest.skip(f"cannot install {' '.join(stranger.packages)}: {error}")
    folder = make(stranger, venv, tmp_path_factory.mktemp(stranger.name))
    with ExitStack() as stack:
        site = Sites(stack).start(
            stranger.app,
            *options_of(stranger, venv),
            chdir=folder,
            verb=stranger.verb,
            python=None,
            options_of_count=False,
        )
        yield Served(stranger, site, folder)


def page(served: Served, session: requests.Session, path: str) -> requests.Response:
    got = session.get(urljoin(served.site.url, path), timeout=ANSWER_S)
    assert got.status_code == 200, f"{got.url}: {got.status_code}\n{served.site.log()[-3000:]}"
    return got


def post_form(session: requests.Session, form: requests.Response, **more: Any) -> Any:
    """Sends the form of a page back with its token."""
    token = TOKEN.search(form.text)
    assert token, f"{form.url}: no token in\n{form.text[:2000]}"
    data = more.pop("data") | {"csrfmiddlewaretoken": token[1]}
    to = more.pop("to", form.url)
    headers = {"Referer": form.url} | more.pop("headers", {})
    return session.post(
        to, data=data, headers=headers, timeout=ANSWER_S, allow_redirects=False, **more
    )


def logged_in(served: Served) -> requests.Session:
    session, stranger = requests.Session(), served.stranger
    form = page(served, session, stranger.login)
    answer = post_form(session, form, data={stranger.name_field: USER, "password": PASSWORD})
    assert answer.status_code == 302, f"{answer.url}: {answer.status_code}"
    return session


def sheets_of(served: Served, got: requests.Response) -> list[requests.Response]:
    """The style sheets of a page that this server has (others come from other hosts)."""
    addresses = [urljoin(got.url, path) for path in SHEET.findall(got.text)]
    ours = [address for address in addresses if address.startswith(served.site.url)]
    return [requests.get(address.replace("&amp;", "&"), timeout=ANSWER_S) for address in ours]


DOT = bytes.fromhex(  # a GIF of one point: every project takes those
    "47494638396101000100800000ff0000ffffff2c00000000010001000002024401003b"
)


def test_django_version(served: Served) -> None:
    assert f"Django {served.stranger.django}." in served.site.log()


def test_pages_have_their_style_sheets(served: Served) -> None:
    session, rules = requests.Session(), 0
    for path in (*served.stranger.pages, served.stranger.login):
        for sheet in sheets_of(served, page(served, session, path)):
            assert sheet.status_code == 200, sheet.url
            assert sheet.headers["Content-Type"].startswith("text/css"), sheet.url
            rules += sheet.text.count("{")
    assert rules > 0, "none of the pages names a style sheet that has rules"


def test_login_through_the_form(served: Served) -> None:
    stranger, outside = served.stranger, requests.Session()
    before = outside.get(
        urljoin(served.site.url, stranger.inside), timeout=ANSWER_S, allow_redirects=False
    )
    assert before.status_code in (302, 403), "the page is open to everybody: it proves nothing"
    session = logged_in(served)
    after = session.get(
        urljoin(served.site.url, stranger.inside), timeout=ANSWER_S, allow_redirects=False
    )
    assert after.status_code == 200, f"{after.status_code} {after.headers.get('Location')}"


def test_login_needs_the_token(served: Served) -> None:
    address = urljoin(served.site.url, served.stranger.login)
    data = {served.stranger.name_field: USER, "password": PASSWORD}
    assert requests.post(address, data=data, timeout=ANSWER_S).status_code == 403


def test_a_picture_goes_up_and_comes_back(served: Served) -> None:
    upload = served.stranger.upload
    if upload is None:
        pytest.skip(f"{served.stranger.name} has no form for files")
    session = logged_in(served)
    form = page(served, session, upload.form)
    files = {upload.file: ("dot.gif", DOT, "image/gif")}
    to = urljoin(served.site.url, upload.to)
    ajax = {"X-Requested-With": "XMLHttpRequest"} if not upload.address else {}
    answer = post_form(session, form, to=to, data=upload.fields, files=files, headers=ajax)
    assert answer.status_code in (200, 302), f"{answer.url}: {answer.status_code}"
    address = upload.address or answer.json().get("url")
    assert address, answer.text
    got = session.get(urljoin(served.site.url, address), timeout=ANSWER_S)
    assert got.status_code == 200, got.url
    assert got.content == DOT, got.headers
    assert got.headers["Content-Type"] == "image/gif"
