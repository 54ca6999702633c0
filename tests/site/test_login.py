"""basic-auth: who gets in by a file of htpasswd, what the application sees of that, what guessing
costs."""

import base64
import json
import os
import threading
from pathlib import Path

import pytest
from asker import Asker, Said
from conftest import Sites
from http1 import Peer, build
from program import Site, run, until
from projects import make_django, write

# "secret", by htpasswd, openssl passwd and crypt(3); the costs are small, for a machine that tests
PEOPLE = {
    "bcrypt": "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "bcrypt-b": "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "apr1": "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/",
    "sha256": "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
    "sha512": "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/"
    "cZ/1GM/O6IND4WQhG.",
    "sha1": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
    "Jörg x": "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/",
}
SLOW = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"  # of "secret": 50 ms and more
APP = """
import json

def application(environ, start_response):
    fields = [("Content-Type", "application/json"), ("Cache-Control", "public, max-age=60")]
    start_response("200 OK", fields)
    words = {k: v for k, v in environ.items() if isinstance(v, str)}
    return [json.dumps(words).encode()]
"""
INI = """
[slipway]
access-log = access.log
trusted-peers = 127.0.0.9
static = /files/=files

[route /docs]
basic-auth = people
basic-auth-realm = The "docs" \\\\ all

[route /files]
basic-auth = people

[route /nobody]
basic-auth = nobody
"""


def basic(user: str, password: str = "secret") -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def project(folder: Path, ini: str = INI, people: dict[str, str] = PEOPLE) -> Path:
    write(folder / "own.py", APP)
    write(folder / "slipway.ini", ini)
    write(folder / "files" / "a.txt", "a file\n")
    write(folder / "nobody", "# nobody yet\n")
    write(folder / "people", "".join(f"{user}:{hash}\n" for user, hash in people.items()))
    return folder


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    return shared.start("own", chdir=project(shared.folder / "p"))


def seen(answer: Said) -> dict[str, str]:
    assert answer.status == 200, answer
    words: dict[str, str] = json.loads(answer.body)
    return words


def test_nobody_comes_in_without(site: Site, asker: Asker) -> None:
    answer = asker(site.address, "/docs/a")
    assert answer.status == 401
    assert answer.get("WWW-Authenticate") == (
        'Basic realm="The \\"docs\\" \\\\\\\\ all", charset="UTF-8"'
    )
    assert answer.get("Cache-Control") == "no-store"
    assert asker(site.address, "/files/a.txt").status == 401
    assert asker(site.address, "/other").status == 200


@pytest.mark.parametrize("user", PEOPLE)
def test_every_kind_of_hash(site: Site, asker: Asker, user: str) -> None:
    for _ in range(2):  # the second time it is remembered
        there = seen(asker(site.address, "/docs/a", basic(user)))
        assert there["REMOTE_USER"].encode("latin-1").decode() == user
        assert there["AUTH_TYPE"] == "Basic"
        assert "HTTP_AUTHORIZATION" not in there
    assert asker(site.address, "/docs/a", basic(user, "secreT")).status == 401
    assert asker(site.address, "/files/a.txt", basic(user)).text == "a file\n"


def test_who_is_not_asked_is_nobody(site: Site, asker: Asker) -> None:
    there = seen(asker(site.address, "/other", basic("bcrypt"), ("Remote-User", "root")))
    assert "REMOTE_USER" not in there and there["HTTP_REMOTE_USER"] == "root"
    assert there["HTTP_AUTHORIZATION"].startswith("Basic ")
    there = seen(asker(site.address, "/docs", basic("sha1"), ("Remote-User", "root")))
    assert there["REMOTE_USER"] == "sha1"


def test_no_cache_may_give_it_to_others(site: Site, asker: Asker) -> None:
    assert asker(site.address, "/docs", basic("sha1")).get("Cache-Control") == "private, max-age=60"
    assert "private" in (
        asker(site.address, "/files/a.txt", basic("sha1")).get("Cache-Control") or ""
    )


@pytest.mark.parametrize("value", [
    "Basic", "Basic  !", "Basic !!!", "Basic c2hhMQ==", "Basic \xff", "Bearer abc", "",
    "Digest x=y", "Basic c2hhMTpzZWNyZXQ= x", "Negotiate abc",
])  # fmt: skip
def test_a_broken_header_is_401(site: Site, asker: Asker, value: str) -> None:
    assert asker(site.address, "/docs", ("Authorization", value)).status == 401


@pytest.mark.parametrize(("user", "password"), [
    ("", ""), ("", "secret"), ("sha1", ""), ("sha1", "secret\0"), ("sha1", "secret\0x"),
    ("bcrypt", "secret\0"), ("SHA1", "secret"), ("sha1 ", "secret"), ("# people", "secret"),
    ("nobody", "secret"), ("sha1", "x" * 256), ("sha1", "x" * 700), ("x" * 300, "secret"),
    ("apr1", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"), ("sha1\0x", "secret"), ("sha1:secret", ""),
])  # fmt: skip
def test_wrong_ones(site: Site, asker: Asker, user: str, password: str) -> None:
    assert asker(site.address, "/docs", basic(user, password)).status == 401


def test_a_file_without_users(site: Site, asker: Asker) -> None:
    assert asker(site.address, "/nobody", basic("sha1")).status == 401
    assert asker(site.address, "/nobody", basic("")).status == 401


def test_paths_spelled_otherwise(site: Site, asker: Asker) -> None:
    for target in (
        "/docs",
        "/docs/",
        "/%64ocs/x",
        "/a/../docs/x",
        "/./docs",
        "/docs?x",
        "/docs/%2e",
    ):
        assert asker(site.address, target).status == 401, target


def test_preflights_and_challenges_pass(site: Site, asker: Asker, sites: Sites) -> None:
    asks = [("Origin", "https://a.test"), ("Access-Control-Request-Method", "PUT")]
    answer = asker(site.address, "/docs", *asks, method="OPTIONS")
    assert (answer.status, answer.body) == (200, b"")  # this application tells all that it sees
    assert asker(site.address, "/docs", *asks, method="OPTIONS", body=b"x").status == 401
    assert asker(site.address, "/docs", asks[0], method="OPTIONS").status == 401
    folder = project(sites.folder / "p", "[slipway]\nbasic-auth = people\n")
    whole = sites.start("own", chdir=folder)
    assert asker(whole.address, "/").status == 401
    assert asker(whole.address, "/.well-known/acme-challenge/x").status == 200
    assert asker(whole.address, "/.slipway/ready").status == 200


def test_the_access_log_names_the_user(site: Site, asker: Asker) -> None:
    assert asker(site.address, "/docs/logged", basic("sha512")).status == 200
    log = site.folder / "access.log"
    until("the line", lambda: "/docs/logged" in log.read_text())
    (line, *_) = [one for one in log.read_text().splitlines() if "/docs/logged" in one]
    assert line.split()[2] == "sha512"
    assert "secret" not in log.read_text()


# ---- guessing


def test_a_guesser_has_to_wait(site: Site, asker: Asker) -> None:
    number = 1 if asker.wire == "h1" else 2
    client = ("X-Forwarded-For", f"192.0.2.{number}")
    other = ("X-Forwarded-For", f"192.0.2.{number + 10}")
    assert asker(site.address, "/docs", client, basic("sha1"), source="127.0.0.9").status == 200
    statuses = [
        asker(site.address, "/docs", client, basic("sha1", f"{n}"), source="127.0.0.9").status
        for n in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    answer = asker(site.address, "/docs", client, basic("sha1"), source="127.0.0.9")
    assert answer.status == 429 and int(answer.get("Retry-After") or "") > 0  # it tells nothing
    answer = asker(site.address, "/docs", client, ("Authorization", "Basic !"), source="127.0.0.9")
    assert answer.status == 429
    assert asker(site.address, "/docs", other, basic("sha1"), source="127.0.0.9").status == 200
    assert asker(site.address, "/other", client, source="127.0.0.9").status == 200


def slow_site(sites: Sites, *options: str) -> Site:
    people = {"slow": SLOW, "quick": PEOPLE["sha1"]}
    return sites.start("own", *options, chdir=project(sites.folder / "slow", people=people))


def test_many_guesses_at_a_time_are_no_more(sites: Sites) -> None:
    one = slow_site(sites, "--trusted-peers", "127.0.0.9")
    peers = [Peer(one.address, source="127.0.0.9") for _ in range(16)]
    for number, peer in enumerate(peers):
        fields = [basic("slow", f"{number}"), ("X-Forwarded-For", "192.0.2.77")]
        peer.send(build("GET", "/docs", fields))
    statuses = sorted(peer.response().status for peer in peers)
    assert statuses == [401] * 10 + [429] * 6
    for peer in peers:
        peer.close()


def test_slow_hashes_hold_nobody_up(sites: Sites) -> None:
    """While helpers are busy with them, the loop answers, and files are served."""
    one = slow_site(sites, "--helpers", "2")
    guessers = [Peer(one.address) for _ in range(20)]
    for number, peer in enumerate(guessers):
        peer.send(build("GET", "/docs", [basic("slow", f"{number}")]))
    with Peer(one.address) as peer:
        for _ in range(20):
            assert peer.ask(target="/.slipway/live").status == 200
            assert peer.ask(target="/other").status == 200
    assert all(peer.is_quiet() for peer in guessers[-5:])  # they still wait
    for peer in guessers[:10]:
        peer.close()  # nobody waits for these any more
    assert {peer.response().status for peer in guessers[10:]} == {401}
    for peer in guessers[10:]:
        peer.close()


def test_too_many_that_wait(sites: Sites) -> None:
    one = slow_site(sites)
    peers = [Peer(one.address) for _ in range(60)]
    for number, peer in enumerate(peers):
        peer.send(build("GET", "/docs", [basic("slow", f"{number}")]))
    statuses = {peer.response().status for peer in peers}
    assert statuses == {401, 503}
    for peer in peers:
        peer.close()
    with Peer(one.address) as peer:
        assert peer.ask(target="/docs", fields=[basic("slow")]).status == 200


def test_the_same_question_is_asked_once(sites: Sites) -> None:
    """A browser that asks for a page's 50 files at once: one check, and none is refused."""
    one = slow_site(sites)
    peers = [Peer(one.address) for _ in range(50)]
    for peer in peers:
        peer.send(build("GET", "/docs", [basic("slow")]))
    assert {peer.response().status for peer in peers} == {200}
    for peer in peers:
        peer.close()


def test_an_unknown_user_takes_as_long(sites: Sites) -> None:
    """Not by the clock: both wait for a helper, which a quick refusal would not."""
    one = slow_site(sites, "--helpers", "1")
    with Peer(one.address) as first, Peer(one.address) as second:
        first.send(build("GET", "/docs", [basic("slow", "wrong")]))
        second.send(build("GET", "/docs", [basic("stranger", "wrong")]))
        assert first.response().status == 401  # only then has the second its turn
        assert second.response().status == 401


# ---- the file


def test_a_changed_file(sites: Sites, asker: Asker) -> None:
    ini = "[slipway]\nannex-look = 50ms\nbasic-auth = people\n"
    folder = project(sites.folder / "p", ini)
    changing = sites.start("own", chdir=folder)
    for user in ("sha1", "apr1", "bcrypt"):
        assert asker(changing.address, "/", basic(user)).status == 200
    other = "{SHA}0JQeaNqPOBUf+Gph/Fn3xc+fyqI="  # of "other"
    new = {"other": PEOPLE["sha1"], "apr1": PEOPLE["sha1"], "bcrypt": other}
    write(folder / "new", "".join(f"{user}:{hash}\n" for user, hash in new.items()))
    os.replace(folder / "new", folder / "people")
    until("the new user", lambda: asker(changing.address, "/", basic("other")).status == 200)
    assert asker(changing.address, "/", basic("sha1")).status == 401  # though it was remembered
    assert asker(changing.address, "/", basic("bcrypt")).status == 401  # nor is the old password
    assert asker(changing.address, "/", basic("bcrypt", "other")).status == 200
    assert asker(changing.address, "/", basic("apr1")).status == 200
    (folder / "people").write_text("other:plain\n")
    until("the complaint", lambda: "people:1: a password in plain text" in changing.log())
    assert asker(changing.address, "/", basic("other")).status == 200
    assert changing.verb("reload").returncode == 1
    (folder / "people").unlink()
    until("the complaint", lambda: "cannot read" in changing.log())
    assert asker(changing.address, "/", basic("other")).status == 200


def test_a_reload_while_a_password_is_looked_at(sites: Sites) -> None:
    one = slow_site(sites, "--helpers", "1")
    done = threading.Event()

    def ask_on() -> None:
        with Peer(one.address) as peer:
            while not done.is_set():
                assert peer.ask(target="/docs", fields=[basic("stranger", "x")]).status == 401

    thread = threading.Thread(target=ask_on)
    thread.start()
    for _ in range(3):
        assert one.verb("reload").returncode == 0
    done.set()
    thread.join()
    with Peer(one.address) as peer:
        assert peer.ask(target="/docs", fields=[basic("slow")]).status == 200


def test_it_stops_while_a_password_is_looked_at(sites: Sites) -> None:
    one = slow_site(sites, "--helpers", "1")
    peers = [Peer(one.address) for _ in range(5)]
    for number, peer in enumerate(peers):
        peer.send(build("GET", "/docs", [basic("slow", f"{number}")]))
    one.stop()
    for peer in peers:
        peer.close()


def test_a_file_that_only_root_reads(sites: Sites, asker: Asker) -> None:
    folder = project(sites.folder / "p")
    (folder / "people").chmod(0o600)
    private = sites.start("own", chdir=folder)
    assert asker(private.address, "/docs", basic("sha1")).status == 200


@pytest.mark.parametrize(("people", "sentence"), [
    (None, "cannot read"), ("a:secret\n", "people:1: a password in plain text"),
    ("a:$2y$31$" + "a" * 53 + "\n", "people:1: a bcrypt hash with a cost above 14"),
])  # fmt: skip
def test_a_start_with_a_bad_file(tmp_path: Path, people: str | None, sentence: str) -> None:
    folder = project(tmp_path / "p")
    (folder / "people").unlink()
    if people is not None:
        (folder / "people").write_text(people)
    options = ["own:application", "--chdir", str(folder), "--listen", "127.0.0.1:0"]
    result = run("serve", *options, "--control", f"unix:{tmp_path}/c")
    assert result.returncode == 1 and sentence in result.stderr
    result = run("check", *options)
    assert result.returncode == 1 and sentence in result.stdout + result.stderr


def test_wall_and_login_together(sites: Sites, asker: Asker) -> None:
    """The wall's cookie says who has passed it; the browser then asks for the second password."""
    wall = {"AUTH_WALL_USERNAME": "front", "AUTH_WALL_PASSWORD": "door"}
    folder = make_django(sites.folder / "p")
    write(folder / "people", f"sha1:{PEOPLE['sha1']}\n")
    write(folder / "slipway.ini", "[route /docs]\nbasic-auth = people\n")
    both = sites.start(None, chdir=folder, env=wall)
    assert "Development" in (asker(both.address, "/docs").get("WWW-Authenticate") or "")
    answer = asker(both.address, "/docs", basic("front", "door"))
    assert answer.status == 401 and "Restricted" in (answer.get("WWW-Authenticate") or "")
    cookie = ("Cookie", (answer.get("Set-Cookie") or "").split(";")[0])
    assert asker(both.address, "/docs", basic("sha1"), cookie).status in {200, 404}
    assert asker(both.address, "/docs", basic("sha1")).status == 401
