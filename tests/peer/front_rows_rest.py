"""Rows of the staging site, headers, compression, and running it all."""

import gzip
import re

from front_row import (
    BEARER,
    HSTS,
    MAIN,
    NOTES,
    STAGING,
    STRANGER,
    basic,
    hashed_css,
    picture,
    row,
    seen,
    visitor,
)
from fronts import PASSWORD, Front
from http1 import Fields, Response
from program import until

# ---- staging behind the wall

WALL = basic("harbour", "high-tide")


@row("Staging, behind the wall", "nobody sees anything", "pages, static files and uploads")
def walled(front: Front) -> None:
    sheet = hashed_css(front)
    for target in ("/", "/admin/", sheet, "/media/pictures/sea.png", "/api/pictures/", "/nowhere"):
        answer = front.ask(STAGING, target)
        assert answer.status == 401, target
        assert 'realm="Staging"' in (answer.get("WWW-Authenticate") or "")


@row("Staging, behind the wall", "who knows the password does", "pages, static files and uploads")
def wall_opens(front: Front) -> None:
    assert "<h1>Gallery</h1>" in front.ask(STAGING, "/", [WALL]).text
    assert front.ask(STAGING, hashed_css(front), [WALL]).status == 200
    assert front.ask(STAGING, "/media/pictures/sea.png", [WALL]).status == 200
    assert front.ask(STAGING, "/", [basic("harbour", "low-tide")]).status == 401


@row(
    "Staging, behind the wall",
    "the wall's password stays with the wall",
    "not in the application, nor its error mails",
)
def wall_keeps(front: Front) -> None:
    assert not seen(front, WALL, host=STAGING).get("HTTP_AUTHORIZATION")


@row(
    "Staging, behind the wall",
    "a broken header is refused",
    "401 or 400, never an error of the server's",
)
def wall_broken(front: Front) -> None:
    for value in ("Basic", "Basic !!!", "Basic \xff\xfe", "Bearer", ":"):
        assert front.ask(STAGING, "/", [("Authorization", value)]).status in (400, 401), value


@row("Staging, behind the wall", "robots.txt is open", "a crawler should be told to stay away")
def wall_robots(front: Front) -> None:
    assert front.ask(STAGING, "/robots.txt").status == 200
    assert front.ask(STAGING, "/robots.txt/../").status in (400, 401)


@row(
    "Staging, behind the wall",
    "the API's tokens work behind it",
    "a request has one Authorization, so the wall must know a visitor by something else (a cookie)",
    nginx="cannot: the token takes the password's place, so the wall says 401",
)
def wall_and_token(front: Front) -> None:
    cookies = front.ask(STAGING, "/", [WALL]).head.all("Set-Cookie")
    cookie = ("Cookie", "; ".join(c.split(";")[0] for c in cookies))
    answer = front.ask(STAGING, "/api/me/", [BEARER, cookie])
    assert (answer.status, answer.text) == (200, '{"user": "boss"}')


# ---- headers and compression


def everything(front: Front) -> list[tuple[str, Response]]:
    asked: list[tuple[str, Fields]] = [
        ("/", ()), ("/static/pictures/gallery.css", ()), (hashed_css(front), ()),
        (picture(front), ()), ("/nowhere/", ()), ("/static/nothing.css", ()), ("/docs/", ()),
        ("/docs/prices.html", [basic("boss", PASSWORD)]), ("/robots.txt", ()),
        ("/admin/", [visitor(STRANGER)]), ("/reports/1/", [BEARER]),
    ]  # fmt: skip
    found = [(target, front.ask(MAIN, target, fields)) for target, fields in asked]
    return [*found, ("413", front.ask(MAIN, "/", (), "POST", bytes(1_200_000)))]


@row(
    "Headers", "HSTS everywhere by HTTPS, once", "also on files and errors, which Django never sees"
)
def hsts(front: Front) -> None:
    for target, answer in everything(front):
        assert answer.head.all("Strict-Transport-Security") == [HSTS], target
    assert front.ask(MAIN, tls=False).head.all("Strict-Transport-Security") == []


@row("Headers", "nosniff everywhere, once", "likewise")
def nosniff(front: Front) -> None:
    for target, answer in everything(front):
        assert answer.head.all("X-Content-Type-Options") == ["nosniff"], target


@row("Headers", "no version is told", "nobody needs it but who looks for old ones")
def no_version(front: Front) -> None:
    for target, answer in everything(front):
        said = " ".join([*answer.head.all("Server"), *answer.head.all("X-Powered-By")])
        assert not re.search(r"\d", said), target


@row("Headers", "pages and sheets are compressed", "for who takes it, and caches are told")
def compressed(front: Front) -> None:
    for target in ("/", hashed_css(front)):
        plain = front.ask(MAIN, target)
        small = front.ask(MAIN, target, [("Accept-Encoding", "gzip")])
        assert small.get("Content-Encoding") == "gzip" and plain.get("Content-Encoding") is None
        assert gzip.decompress(small.body) == plain.body and len(small.body) < len(plain.body)
        for answer in (small, plain):
            assert "Accept-Encoding" in ", ".join(answer.head.all("Vary")), target


@row("Headers", "pictures are not", "they are small already")
def not_compressed(front: Front) -> None:
    answer = front.ask(MAIN, picture(front), [("Accept-Encoding", "gzip, br")])
    assert answer.status == 200 and answer.get("Content-Encoding") is None


@row("Headers", "q=0 means no", "RFC 9110, section 12.4.2")
def refuses_gzip(front: Front) -> None:
    answer = front.ask(MAIN, hashed_css(front), [("Accept-Encoding", "gzip;q=0, identity")])
    assert answer.status == 200 and answer.get("Content-Encoding") is None


# ---- running it


@row(
    "Running it",
    "a switch closes one site",
    "503, Retry-After and the site's page; the others serve on",
)
def maintenance(front: Front) -> None:
    switch = front.world.data / "production" / "maintenance"
    switch.touch()
    try:
        until("the site to close", lambda: front.ask(MAIN).status == 503)
        answer = front.ask(MAIN)
        assert answer.get("Retry-After") == "120" and "<h1>Closed</h1>" in answer.text
        assert front.ask(NOTES).status == 200
    finally:
        switch.unlink()
    until("the site to open", lambda: front.ask(MAIN).status == 200)


@row("Running it", "a log file for each site", "who serves several customers shows each his own")
def logs(front: Front) -> None:
    front.ask(MAIN, "/seen/?mark-of-the-gallery")
    front.ask(NOTES, "/?mark-of-the-notes")

    def read(site: str) -> str:
        path = front.log_of(site)
        return path.read_text() if path.exists() else ""

    until("a line of the gallery", lambda: "GET /seen/?mark-of-the-gallery" in read("gallery"))
    until("a line of the notes", lambda: "GET /?mark-of-the-notes" in read("notes"))
    assert "mark-of-the-notes" not in read("gallery")
    assert "mark-of-the-gallery" not in read("notes")
