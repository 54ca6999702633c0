"""The auth wall: who gets past it, by what, and what the application sees of that."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Sites
from http1 import Fields, Peer, Response, get
from program import Site, until
from projects import SETTINGS, make_django, write

USER, PASSWORD = "harbour", "low:tide"
WALL = {"AUTH_WALL_USERNAME": USER, "AUTH_WALL_PASSWORD": PASSWORD}
KEY = "of a test, and as long as one that Django itself would have made"
URLS = """
import json
from django.http import HttpResponse, JsonResponse
from django.urls import re_path

def page(request, path):
    if path == "cached":
        return HttpResponse("kept", headers={"Cache-Control": "public, s-maxage=99, max-age=5"})
    seen = {key: value for key, value in request.META.items() if key.startswith("HTTP_")}
    return JsonResponse({"seen": seen, "method": request.method})

urlpatterns = [re_path("^(.*)$", page)]
"""


def basic(user: str = USER, password: str = PASSWORD, charset: str = "utf-8") -> tuple[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode(charset)).decode()
    return "Authorization", f"Basic {pair}"


def project(folder: Path, more: str = "", middleware: bool = False) -> Path:
    make_django(folder)
    media = f'\nMEDIA_URL = "/media/"\nMEDIA_ROOT = {str(folder / "uploads")!r}\n'
    wall = '\nMIDDLEWARE = ["django_auth_wall.middleware.BasicAuthMiddleware"]\n'
    text = SETTINGS.format(debug=False, root=str(folder / "collected"))
    write(folder / "tiny" / "settings.py", text + media + (wall if middleware else "") + more)
    write(folder / "tiny" / "urls.py", URLS)
    write(folder / "uploads" / "ship.txt", "a ship")
    return folder


def start(sites: Sites, *options: str, env: dict[str, str] | None = None, **more: Any) -> Site:
    folder = project(sites.folder / "p", **more)
    started: Site = sites.start(None, *options, chdir=folder, env=WALL if env is None else env)
    return started


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    return start(shared, "--wall-open", "/hooks/", "--static", f"/files/={shared.folder}/p/uploads",
                 "--trusted-peers", "loopback", middleware=True)  # fmt: skip


def ask(site: Site, target: str = "/", *fields: tuple[str, str], method: str = "GET") -> Response:
    return get(site.address, target, fields, method)


def seen(response: Response) -> dict[str, str]:
    assert response.status == 200, response
    found: dict[str, str] = json.loads(response.body)["seen"]
    return found


def login(site: Site) -> tuple[str, str]:
    cookie = ask(site, "/", basic()).get("Set-Cookie")
    assert cookie
    return "Cookie", cookie.split(";")[0]


def test_nobody_comes_in_without(site: Site) -> None:
    response = ask(site)
    assert response.status == 401
    assert response.get("WWW-Authenticate") == 'Basic realm="Development", charset="UTF-8"'
    assert response.get("Cache-Control") == "no-store"
    assert response.get("Set-Cookie") is None


def test_who_knows_it_comes_in(site: Site) -> None:
    response = ask(site, "/", basic())
    assert "HTTP_AUTHORIZATION" not in seen(response)
    cookie = response.get("Set-Cookie")
    assert cookie and cookie.startswith("slipway_wall=")
    assert cookie.split("; ")[1:] == ["Max-Age=86400", "Path=/", "HttpOnly", "SameSite=Lax"]


def test_the_cookie_is_enough(site: Site) -> None:
    response = ask(site, "/", login(site))
    assert "HTTP_COOKIE" not in seen(response)
    assert response.get("Set-Cookie") is None  # it is young


@pytest.mark.parametrize("value", ["Bearer abc", "Basic eDp5", "Basic !", "Token t", "Basic"])
def test_the_applications_own_authorization(site: Site, value: str) -> None:
    """Behind the wall, with its cookie, it is the application's affair."""
    name, cookie = login(site)
    there = seen(ask(site, "/", ("Authorization", value), (name, f"a=b; {cookie}; c=d")))
    assert there["HTTP_AUTHORIZATION"] == value
    assert there["HTTP_COOKIE"] == "a=b; c=d"
    assert ask(site, "/", ("Authorization", value)).status == 401


@pytest.mark.parametrize("value", [
    "Basic", "Basic ", "Basic !!!", "Basic aGFyYm91cg==", "Basic \xff\xfe", "basic", "Bearer", ":",
    "Basic aGFyYm91cjpsb3c6dGlkZQ== x", "Digest username=x", "B",
])  # fmt: skip
def test_a_broken_header_is_401(site: Site, value: str) -> None:
    assert ask(site, "/", ("Authorization", value)).status == 401


@pytest.mark.parametrize(("user", "password"), [
    (USER, "low"), (USER, ""), ("", PASSWORD), (USER + "x", PASSWORD), ("Harbour", PASSWORD),
    (USER, PASSWORD + "\0"), (USER, "LOW:TIDE"), ("harbour:low", "tide2"),
])  # fmt: skip
def test_wrong_ones(site: Site, user: str, password: str) -> None:
    assert ask(site, "/", basic(user, password)).status == 401


def test_static_and_media_too(site: Site) -> None:
    for target in ("/static/a.css", "/files/ship.txt", "/nowhere", "//static/a.css", "/static/../"):
        assert ask(site, target).status == 401, target
    assert ask(site, "/static/a.css", basic()).text == "a { color: red }\n"
    assert ask(site, "/files/ship.txt", login(site)).text == "a ship"


def test_what_is_open(site: Site) -> None:
    assert ask(site, "/.slipway/ready").status == 200
    for target in ("/hooks/", "/hooks/a/b", "/hooks", "/.well-known/acme-challenge/token"):
        assert ask(site, target).status == 200, target
    for target in ("/hooks2", "/hook", "/hooks/../", "/.well-known/acme-challenge/",
                   "/.well-known/security.txt", "/%68ooks/../x", "/hooks/a/../../x"):  # fmt: skip
        assert ask(site, target).status == 401, target


def test_a_preflight_passes(site: Site) -> None:
    asks = [("Origin", "https://a.test"), ("Access-Control-Request-Method", "PUT")]
    response = ask(site, "/api", *asks, method="OPTIONS")
    assert response.status == 200 and response.get("Content-Type") == "application/json"
    assert ask(site, "/api", asks[0], method="OPTIONS").status == 401
    assert ask(site, "/api", *asks).status == 401


def test_no_page_comes_out_by_a_preflight(site: Site) -> None:
    """Django's views answer to OPTIONS as to GET: this one would tell all that it knows."""
    asks = [("Origin", "https://a.test"), ("Access-Control-Request-Method", "GET")]
    with Peer(site.address) as peer:
        for target in ("/api", "/cached", "/static/a.css", "/files/ship.txt"):
            response = peer.ask("OPTIONS", target, [*asks, ("Accept-Encoding", "gzip")])
            assert response.status < 300 and response.body == b"", target
            assert response.get("Content-Encoding") is None
        assert peer.ask("OPTIONS", "/api", asks, b"x").status == 401
    with Peer(site.address) as peer:
        chunks = [("Transfer-Encoding", "chunked")]
        assert peer.ask("OPTIONS", "/api", [*asks, *chunks], None).status == 401
    assert ask(site, "/hooks/a", *asks, method="OPTIONS").body != b""  # open to everybody


@pytest.mark.parametrize("token", ["", "a/b", "a.b", "a%20b", "a%2fb", "%c3%a9", "a;b", "a/"])
def test_what_is_no_challenge(site: Site, token: str) -> None:
    target = f"/.well-known/acme-challenge/{token}"
    assert ask(site, target).status == 401
    assert ask(site, "/.well-known/acme-challenge/aZ0-_", method="HEAD").status == 200
    for method in ("POST", "PUT", "OPTIONS", "DELETE"):
        assert ask(site, "/.well-known/acme-challenge/aZ0-_", method=method).status == 401


def forged(expires: int, key: str = KEY) -> tuple[str, str]:
    """As wall.py and wall.c make it."""
    pair = f"{USER}:{PASSWORD}".encode()
    secret = hashlib.pbkdf2_hmac("sha256", pair, b"slipway auth wall\0" + key.encode(), 100_000)
    mac = hmac.new(secret, b"cookie %d" % expires, "sha256").hexdigest()
    return "Cookie", f"slipway_wall={expires}.{mac}"


def test_cookies_of_other_times(site: Site) -> None:
    now = int(time.time())
    assert ask(site, "/", forged(now + 3600)).status == 200
    renewed = ask(site, "/", forged(now + 3600)).get("Set-Cookie")
    assert renewed and int(renewed.split("=")[1].split(".")[0]) > now + 80000
    assert ask(site, "/", forged(now + 80000)).get("Set-Cookie") is None
    for expires in (now - 10, 0, now + 200_000, now + 10**12):
        assert ask(site, "/", forged(expires)).status == 401, expires
    assert ask(site, "/", forged(now + 3600, "another key")).status == 401


def test_cookies_that_were_changed(site: Site) -> None:
    name, cookie = login(site)
    body = cookie.removeprefix("slipway_wall=")
    at = len(body) - 1
    changed = [body[:-1], body + "0", "9" + body, body[:at] + ("0" if body[at] != "0" else "1"),
               body.upper() if body.upper() != body else "x", "", ".", body.replace(".", ""),
               "+" + body, "0" + body, body + "." + body, body.replace(".", "x.", 1)]  # fmt: skip
    for value in changed:
        assert ask(site, "/", (name, f"slipway_wall={value}")).status == 401, value
    assert ask(site, "/", (name, f"Slipway_Wall={body}")).status == 401
    assert ask(site, "/", (name, f"slipway_wall=x; slipway_wall={body}")).status == 200


def test_caches_on_the_way_keep_nothing(site: Site) -> None:
    assert ask(site, "/cached", basic()).get("Cache-Control") == "private, max-age=5"
    for target in ("/", "/static/a.css"):
        policy = ask(site, target, login(site)).get("Cache-Control") or ""
        assert policy.startswith("private") and "public" not in policy, target
    assert ask(site, "/hooks/", basic()).get("Cache-Control") is None


def test_guessing_ends(site: Site) -> None:
    """Of clients elsewhere, by the address that the trusted peer names."""

    def come(address: str, *credentials: tuple[str, str]) -> Response:
        return ask(site, "/", ("X-Forwarded-For", address), *credentials)

    wrong = [come("203.0.113.5", basic(password=f"guess {n}")) for n in range(12)]
    assert [r.status for r in wrong] == [401] * 10 + [429] * 2
    assert 1 <= int(wrong[-1].get("Retry-After") or 0) <= 6
    assert come("203.0.113.5", basic()).status == 429  # or he would know that he guessed right
    assert come("203.0.113.5").status == 401
    assert come("203.0.113.5", login(site)).status == 200
    assert come("203.0.113.6", basic()).status == 200
    for _ in range(30):  # right ones are not counted
        assert come("203.0.113.7", basic()).status == 200


def test_nothing_of_it_is_told(site: Site) -> None:
    """Not in logs, not in status, not by check."""
    told = site.log() + site.access_log() + json.dumps(site.status())
    done = site.verb("check", "--json", "--chdir", str(site.folder))
    told += done.stdout + done.stderr
    assert '"wall"' in done.stdout
    assert 'auth wall: site=p realm="Development"' in site.log()
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, pair, forged(1)[1].split(".")[1]):
        assert secret not in told


def test_from_settings_with_a_realm(sites: Sites) -> None:
    more = "AUTH_WALL_USERNAME = 'me'\nAUTH_WALL_PASSWORD = 'pässword'\n"
    more += "AUTH_WALL_REALM = 'a \"b\\\\'\n"
    site = start(sites, env={}, more=more)
    response = ask(site)
    assert response.get("WWW-Authenticate") == r'Basic realm="a \"b\\", charset="UTF-8"'
    for charset in ("utf-8", "latin-1"):
        assert ask(site, "/", basic("me", "pässword", charset)).status == 200
    assert ask(site, "/", basic("me", "password")).status == 401


def test_from_dotenv_and_anew_at_a_reload(sites: Sites) -> None:
    folder = project(sites.folder / "p")
    write(folder / ".env", "AUTH_WALL_USERNAME=me\nAUTH_WALL_PASSWORD=one\n")
    site = sites.start(None, chdir=folder)
    cookie = ask(site, "/", basic("me", "one")).get("Set-Cookie")
    assert cookie
    old = ("Cookie", cookie.split(";")[0])
    write(folder / ".env", "AUTH_WALL_USERNAME=me\nAUTH_WALL_PASSWORD=two\n")
    assert site.verb("reload").returncode == 0
    assert ask(site, "/", old).status == ask(site, "/", basic("me", "one")).status == 401
    assert ask(site, "/", basic("me", "two")).status == 200
    write(folder / ".env", "")
    assert site.verb("reload").returncode == 0
    assert ask(site).status == 200


@pytest.mark.parametrize("env", [
    {"AUTH_WALL_USERNAME": "me"}, {"AUTH_WALL_PASSWORD": "x"},
    {"AUTH_WALL_USERNAME": "a:b", "AUTH_WALL_PASSWORD": "x"},
])  # fmt: skip
def test_half_a_wall_is_none_and_said(sites: Sites, env: dict[str, str]) -> None:
    site = start(sites, env=env)
    assert ask(site).status == 200
    assert "no auth wall: site=p" in site.log()


def test_off_by_option_the_middleware_asks(sites: Sites) -> None:
    site = start(sites, "--wall", "no", middleware=True)
    response = ask(site)
    assert response.status == 401 and "charset" not in (response.get("WWW-Authenticate") or "")
    assert ask(site, "/static/a.css").status == 200


def test_each_worker_imports_by_itself(sites: Sites) -> None:
    """Its middleware has nothing to ask for either."""
    site = start(sites, "--preload", "no", middleware=True)
    assert ask(site).status == 401
    there = seen(ask(site, "/", ("Authorization", "Bearer x"), login(site)))
    assert there["HTTP_AUTHORIZATION"] == "Bearer x"


def test_requests_that_came_before_the_site(sites: Sites) -> None:
    """Nobody slips in while the project is imported; static files are files then, too."""
    gate = sites.gate("import")
    folder = project(sites.folder / "p")
    held = (
        "import os\nwith open(os.environ['GATES'] + '/import.go', 'rb', 0) as f:\n    f.read(1)\n"
    )
    write(folder / "tiny" / "settings.py", held + (folder / "tiny" / "settings.py").read_text())
    site = sites.start(None, "--start-timeout", "60s", chdir=folder, env=WALL, waits=False,
                       listen=f"unix:{sites.folder}/s")  # fmt: skip
    until("the socket", (sites.folder / "s").exists)
    with Peer(f"{sites.folder}/s") as one, Peer(f"{sites.folder}/s") as two:
        one.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        fields: Fields = [basic(), ("Host", "a")]
        two.send(b"GET /static/a.css HTTP/1.1\r\n")
        two.send("".join(f"{name}: {value}\r\n" for name, value in fields).encode() + b"\r\n")
        until("the edge", lambda: len(site.pids("edge")) == 1)
        assert one.is_quiet() and two.is_quiet()
        gate.open()
        site.wait_ready()
        assert one.response().status == 401
        assert two.response().text == "a { color: red }\n"


def test_a_site_that_never_comes(sites: Sites) -> None:
    gate = sites.gate("import")
    folder = project(sites.folder / "p")
    held = (
        "import os\nwith open(os.environ['GATES'] + '/import.go', 'rb', 0) as f:\n    f.read(1)\n"
    )
    write(folder / "tiny" / "settings.py", held + (folder / "tiny" / "settings.py").read_text())
    site = sites.start(None, "--queue-timeout", "50ms", chdir=folder, waits=False,
                       listen=f"unix:{sites.folder}/s")  # fmt: skip
    until("the socket", (sites.folder / "s").exists)
    with Peer(f"{sites.folder}/s") as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        for _ in range(2):
            response = peer.response()
            assert response.status == 503 and response.get("Retry-After")
    gate.open()
    site.wait_ready()
