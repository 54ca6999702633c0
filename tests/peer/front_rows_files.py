"""Rows of files, and of who may have them."""

from front_row import (
    BEARER,
    COLLEAGUE,
    MAIN,
    STRANGER,
    basic,
    font,
    hashed_css,
    picture,
    row,
    visitor,
)
from fronts import PASSWORD, Front

# ---- files


@row("Files", "have a type and are asked for again only when changed", "ETag, Last-Modified, 304")
def conditional(front: Front) -> None:
    target = "/static/pictures/gallery.css"
    first = front.ask(MAIN, target)
    assert first.status == 200 and (first.get("Content-Type") or "").startswith("text/css")
    for name, value in (
        ("If-None-Match", first.get("ETag")),
        ("If-Modified-Since", first.get("Last-Modified")),
    ):
        again = front.ask(MAIN, target, [(name, value or "")])
        assert (again.status, again.body) == (304, b""), name


@row("Files", "hashed names are kept for a year", "their content never changes")
def immutable(front: Front) -> None:
    said = front.ask(MAIN, hashed_css(front)).get("Cache-Control") or ""
    assert "max-age=31536000" in said and "immutable" in said


@row("Files", "other names for a minute", "a new version is seen soon")
def short_lived(front: Front) -> None:
    said = front.ask(MAIN, "/static/pictures/gallery.css").get("Cache-Control") or ""
    assert "max-age=60" in said and "immutable" not in said


@row("Files", "HEAD is GET without the body", "link checkers")
def head(front: Front) -> None:
    target = picture(front)
    whole, only = front.ask(MAIN, target), front.ask(MAIN, target, method="HEAD")
    assert only.status == 200 and only.get("Content-Length") == str(len(whole.body))


@row("Files", "a part of one", "players and resumed downloads")
def one_range(front: Front) -> None:
    target = picture(front)
    whole = front.ask(MAIN, target).body
    part = front.ask(MAIN, target, [("Range", "bytes=10-19")])
    assert part.status == 206 and part.body == whole[10:20]
    assert part.get("Content-Range") == f"bytes 10-19/{len(whole)}"
    assert front.ask(MAIN, target, [("Range", "bytes=99999999-")]).status == 416


@row("Files", "several parts of one", "PDF viewers")
def several_ranges(front: Front) -> None:
    target = picture(front)
    whole = front.ask(MAIN, target).body
    parts = front.ask(MAIN, target, [("Range", "bytes=0-4,300-319")])
    assert parts.status == 206
    assert (parts.get("Content-Type") or "").startswith("multipart/byteranges; boundary=")
    assert whole[:5] in parts.body and whole[300:320] in parts.body


@row("Files", "a part only of what it had before", "If-Range: a changed file comes whole")
def if_range(front: Front) -> None:
    target = picture(front)
    tag = front.ask(MAIN, target).get("ETag") or ""
    for value, status in ((tag, 206), ('"another"', 200)):
        answer = front.ask(MAIN, target, [("Range", "bytes=0-4"), ("If-Range", value)])
        assert answer.status == status


@row("Files", "are not written to", "405 where there are only files")
def no_post(front: Front) -> None:
    assert front.ask(MAIN, "/static/pictures/gallery.css", (), "POST", b"x").status == 405


@row("Files", "a missing one gets the site's page", "404 and words for visitors")
def missing_file(front: Front) -> None:
    answer = front.ask(MAIN, "/static/nothing.css")
    assert answer.status == 404 and "There is no such file here" in answer.text


@row("Files", "robots.txt and favicon.ico", "two files that every site is asked for")
def single_files(front: Front) -> None:
    robots, icon = front.ask(MAIN, "/robots.txt"), front.ask(MAIN, "/favicon.ico")
    assert robots.status == 200 and "Disallow: /admin/" in robots.text
    assert (robots.get("Content-Type") or "").startswith("text/plain")
    assert icon.status == 200 and (icon.get("Content-Type") or "").startswith("image/")


@row("Files", "fonts may be used by other hosts", "CORS for what a CDN passes on")
def cors(front: Front) -> None:
    answer = front.ask(MAIN, font(front), [("Origin", "https://cdn.test")])
    assert answer.status == 200 and answer.get("Access-Control-Allow-Origin") == "*"


@row("Files", "uploads run no scripts", "what strangers upload is not the site's word")
def sandboxed(front: Front) -> None:
    answer = front.ask(MAIN, picture(front))
    assert answer.status == 200 and answer.get("X-Content-Type-Options") == "nosniff"
    assert "sandbox" in (answer.get("Content-Security-Policy") or "")


@row("Files", "names that begin with a dot are not there", ".env, .git, editors' leftovers")
def dotfiles(front: Front) -> None:
    for target in (
        "/.env",
        "/.git/config",
        "/static/.hidden",
        "/media/.hidden",
        "/media/%2ehidden",
    ):
        answer = front.ask(MAIN, target)
        assert answer.status in (403, 404) and b"secret" not in answer.body, target


@row("Files", "no way out of a folder", "each spelling of .. that is known")
def traversal(front: Front) -> None:
    for start in ("/static", "/static/", "/media/", "/media", "/docs", "/robots.txt"):
        for up in ("../manage.py", "%2e%2e/manage.py", "..%2fmanage.py", "./../manage.py",
                   "%2e%2e%2fmanage.py", "..\\manage.py", "..%5cmanage.py", "..;/manage.py",
                   "%252e%252e/manage.py", "//manage.py", "..//manage.py", "%c0%ae%c0%ae/manage.py",
                   "../../gallery/manage.py", "../db.sqlite3", "..%00/manage.py"):  # fmt: skip
            answer = front.ask(MAIN, start + up)
            assert answer.status >= 300, start + up
            assert b"DJANGO_SETTINGS_MODULE" not in answer.body, start + up


# ---- who may


@row("Who may", "the handbook is behind htpasswd", "bcrypt, SHA-512 and apr1 side by side")
def htpasswd(front: Front) -> None:
    refused = front.ask(MAIN, "/docs/prices.html")
    assert refused.status == 401
    assert 'realm="Handbook"' in (refused.get("WWW-Authenticate") or "")
    for user, password in (("boss", PASSWORD), ("clerk", PASSWORD), ("reader", "high-tide")):
        answer = front.ask(MAIN, "/docs/prices.html", [basic(user, password)])
        assert answer.status == 200 and "nine pounds" in answer.text, user
        assert front.ask(MAIN, "/docs/prices.html", [basic(user, "wrong")]).status == 401, user
    assert front.ask(MAIN, "/docs/prices.html", [basic("nobody", PASSWORD)]).status == 401


@row("Who may", "its folder shows index.html", "links to a folder")
def index_page(front: Front) -> None:
    answer = front.ask(MAIN, "/docs/", [basic("boss", PASSWORD)])
    assert answer.status == 200 and "<h1>Handbook</h1>" in answer.text


@row("Who may", "the admin by address", "from the office, not from everywhere")
def by_network(front: Front) -> None:
    assert front.ask(MAIN, "/admin/login/", [visitor(COLLEAGUE)]).status == 200
    for target in ("/admin/", "/admin/login/", "/admin/pictures/"):
        assert front.ask(MAIN, target, [visitor(STRANGER)]).status == 403, target
    assert front.ask(MAIN, "/", [visitor(STRANGER)]).status == 200


@row("Who may", "guessing passwords is slow", "5 a minute and 5 more at once")
def login_rate(front: Front) -> None:
    guesser = visitor("10.66.66.66")
    got = [front.ask(MAIN, "/admin/login/", [guesser]).status for _ in range(15)]
    assert got[0] == 200 and 429 in got
    assert front.ask(MAIN, "/admin/login/", [visitor(COLLEAGUE)]).status == 200


@row("Who may", "one path takes GET only", "403 or 405, before the application")
def methods(front: Front) -> None:
    assert front.ask(MAIN, "/seen/", method="HEAD").status == 200
    assert front.ask(MAIN, "/seen/", (), "POST", b"x").status in (403, 405)


@row("Who may", "a download that the application allows", "X-Accel-Redirect to a protected folder")
def x_accel(front: Front) -> None:
    assert front.ask(MAIN, "/reports/1/").status == 401
    answer = front.ask(MAIN, "/reports/1/", [BEARER])
    assert answer.status == 200 and answer.body.startswith(b"%PDF-1.4\n")
    assert answer.get("Content-Type") == "application/pdf"
    assert answer.get("Content-Disposition") == 'attachment; filename="Takings.pdf"'
    assert answer.get("X-Accel-Redirect") is None
    part = front.ask(MAIN, "/reports/1/", [BEARER, ("Range", "bytes=0-7")])
    assert (part.status, part.body) == (206, b"%PDF-1.4")


@row("Who may", "that folder itself is not there", "404 for who knows the name")
def protected_folder(front: Front) -> None:
    for target in (
        "/protected/reports/takings.pdf",
        "/protected/",
        "//protected/reports/takings.pdf",
    ):
        assert front.ask(MAIN, target).status == 404, target
