"""Chromium behind the wall: what an owner of a site does on the first day of a staging copy.

SLIPWAY_PICTURES names a folder where screenshots are left, for somebody to look at.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium
from front_row import STAGING, image
from fronts import PASSWORD, TOKEN, Front, slipway
from program import until

DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not DRIVER, reason="no chromedriver")
ME = """
const answer = await fetch("/api/me/", {headers: {Authorization: "Bearer " + arguments[0]}});
return [answer.status, await answer.text()];
"""
COLOUR = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
WIDTHS = "return Array.from(document.querySelectorAll('figure img'), img => img.naturalWidth)"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="slipway-browser-", dir="/tmp"))
    try:
        yield found
    finally:
        shutil.rmtree(found, ignore_errors=True)


@pytest.fixture(scope="module")
def front(folder: Path) -> Iterator[Front]:
    (folder / "sites").mkdir()
    with slipway(folder / "sites") as found:
        yield found


@pytest.fixture
def browser(folder: Path) -> Iterator[Browser]:
    assert DRIVER
    with chromium(DRIVER, folder) as found:
        yield found


@pytest.fixture
def shoot(browser: Browser) -> Callable[[str], None]:
    def keep(name: str) -> None:
        if into := os.environ.get("SLIPWAY_PICTURES"):
            (Path(into) / f"{name}.png").write_bytes(browser.picture())

    return keep


def test_a_day_behind_the_wall(
    front: Front, browser: Browser, folder: Path, shoot: Callable[[str], None]
) -> None:
    address = front.address(True)
    assert isinstance(address, tuple)
    place = f"{STAGING}:{address[1]}"

    browser.go(f"https://{place}/admin/")  # nobody types the password
    assert "Log in" not in browser.text()
    log = front.log_of("staging")
    until("the refusal in the log", lambda: '"GET /admin/ HTTP/2.0" 401' in log.read_text())
    shoot("1-refused")

    browser.go(f"https://harbour:high-tide@{place}/admin/")
    assert browser.script("return document.title") == "Log in | Django site admin"
    assert browser.script(COLOUR, "#header") != "rgba(0, 0, 0, 0)", "the admin has no style sheet"
    shoot("2-login")

    browser.type("#id_username", "boss")
    browser.type("#id_password", PASSWORD)
    browser.click("[type=submit]")
    assert browser.script("return document.title") == "Site administration | Django site admin"
    shoot("3-admin")

    (folder / "new.png").write_bytes(image(400))
    browser.go(f"https://{place}/admin/pictures/picture/add/")
    browser.type("#id_title", "Noise")
    browser.type("#id_image", str(folder / "new.png"))
    browser.click("[name=_save]")
    until("the picture is there", lambda: "was added successfully" in browser.text())
    shoot("4-uploaded")

    browser.go(f"https://{place}/")
    assert browser.script(WIDTHS) == [400, 320], "the new picture and the one of the first day"
    shoot("5-home")

    # A script of the page calls the API: its token, and the wall's cookie.
    assert browser.script(ME, TOKEN) == [200, '{"user": "boss"}']
    assert browser.script(ME, "wrong") == [401, '{"error": "a token is needed"}']
    cookies = browser.script("return document.cookie")
    assert "csrftoken=" in cookies and "slipway" not in cookies, "it is not for scripts"
