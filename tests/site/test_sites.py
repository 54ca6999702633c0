"""Several sites under one master: files in a folder, chosen by host."""

import json
import os
import pwd
import signal
from pathlib import Path

import pytest
from certificates import make as make_certificate
from conftest import Sites
from http1 import Peer, build, post
from http2 import Wire, tls_context
from program import APPS, until, wait_gone
from projects import make_django, write
from site_server import Server, ask
from tls_client import TlsPeer

ENV = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(sorted(os.environ.items())).encode()]
"""


@pytest.fixture
def server(sites: Sites) -> Server:
    return Server(sites)


def test_a_host_leads_to_its_site(server: Server) -> None:
    server.file("shop", hosts=("shop.test", "*.shop.test"))
    server.file("rest", hosts=("*",))
    make_django(server.folder / "blog", "blog")
    server.file("blog", app=False)
    site = server.start()
    assert site.ready and "3 sites: blog, rest, shop" in site.log()
    assert ask(site, "shop.test").body.startswith(b"shop ")
    assert ask(site, "www.SHOP.test:99").body.startswith(b"shop ")
    assert ask(site, "blog.test").body.startswith(b"blog ")
    assert ask(site, "blog.test", "/static/a.css").body.startswith(b"a {")
    assert ask(site, "shop.test", "/static/a.css").body.startswith(b"shop ")
    assert ask(site, "other.test").body.startswith(b"rest ")
    assert server.pid("shop") != server.pid("blog")


def test_other_hosts_are_nobody_s(server: Server) -> None:
    server.file("shop")
    site = server.start()
    assert ask(site, "x.shop.test").status == 421
    assert ask(site, "127.0.0.1", "/.slipway/ready").status == 200


def test_one_comes_and_goes(server: Server) -> None:
    server.file("shop")
    server.file("blog")
    site = server.start()
    shop, blog = server.pid("shop"), server.pid("blog")
    file = server.file("third")
    out, _ = server.reload("--site", "third")
    assert out.startswith("third: started: generation ")
    assert ask(site, "third.test").body.startswith(b"third ")
    third = server.pid("third")
    file.unlink()
    assert server.reload("--site", "third")[0] == "third: gone\n"
    assert ask(site, "third.test").status == 421
    wait_gone([third])
    assert (server.pid("shop"), server.pid("blog")) == (shop, blog)
    assert server.reload()[0].count("reloaded: generation") == 2
    assert server.pid("shop") != shop


def work_file(server: Server, *lines: str) -> Path:
    """A site of the tests' application `work`."""
    text = [f"chdir = {APPS}", "app = work:application", "hosts = work.test", *lines]
    return write(server.folder / "sites" / "work.ini", "\n".join(text) + "\n")


def test_requests_under_way_outlive_their_site(sites: Sites, server: Server) -> None:
    server.file("shop")
    file = work_file(server)
    site = server.start()
    gate = sites.gate("last")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=last", [("Host", "work.test")]))
        worker = int(gate.wait_reached())
        file.unlink()
        server.reload()
        assert ask(site, "work.test", "/hello").status == 421
        gate.open()
        assert one.response().status == 200
    wait_gone([worker])
    site.err.wait("site is gone: site=work")
    work_file(server)
    server.reload()
    assert ask(site, "work.test", "/hello").status == 200


def test_what_waits_in_a_site_that_goes_is_served(sites: Sites, server: Server) -> None:
    """Also requests that no worker has yet, and one whose body is still on its way."""
    server.file("shop")
    file = work_file(server, "workers = 1")
    site = server.start()
    gate = sites.gate("first")
    host = ("Host", "work.test")
    with Peer(site.address) as one, Peer(site.address) as two, Peer(site.address) as three:
        one.send(build("GET", "/gate?name=first", [host]))
        worker = int(gate.wait_reached())
        two.send(build("GET", "/hello", [host]))
        until("it waits", lambda: site.status()["edges"][0]["queued"] == 1)
        three.send(build("POST", "/hello", [host, ("Content-Length", "4")]))
        three.send(b"ab")
        file.unlink()
        server.reload()
        until("it is gone", lambda: ask(site, "work.test").status == 421)
        gate.open()
        assert one.response().status == two.response().status == 200
        three.send(b"cd")
        assert three.response().status == 200
    wait_gone([worker])
    site.err.wait("site is gone: site=work")


def test_options_are_each_site_s_own(server: Server) -> None:
    write(server.folder / "slipway.ini", "sites = sites\nworkers = 1\nbody-limit = 5\n")
    server.file("shop", "[route /up]", "body-limit = 100")
    server.file("blog", "body-limit = 10", "workers = 2")
    write(server.folder / "blog" / ".env", "NAME=blog\nPORT=9\n")
    for name in ["shop", "blog"]:
        write(server.folder / name / "own.py", ENV)
    site = server.start(env={"SLIPWAY_HARAKIRI": "59s", "DJANGO_SETTINGS_MODULE": "x", "MINE": "1"})

    def limit(host: str, target: str, length: int) -> int:
        return post(site.address, target, b"x" * length, [("Host", host)]).status

    assert [limit("shop.test", "/", 5), limit("shop.test", "/", 6)] == [200, 413]
    assert [limit("shop.test", "/up", 100), limit("shop.test", "/up", 101)] == [200, 413]
    assert [limit("blog.test", "/up", 10), limit("blog.test", "/up", 11)] == [200, 413]
    assert len(server.rows()["blog"]["workers"]) == 2
    blog, shop = (dict(eval(ask(site, f"{n}.test").body)) for n in ["blog", "shop"])
    assert blog["NAME"] == "blog" and "NAME" not in shop and shop["MINE"] == "1"
    assert "DJANGO_SETTINGS_MODULE" not in shop and "SLIPWAY_HARAKIRI" not in shop


def test_a_site_that_cannot_be_imported_is_alone(server: Server) -> None:
    server.file("shop")
    server.file("bad")
    good = (server.folder / "bad" / "own.py").read_text()
    write(server.folder / "bad" / "own.py", "raise RuntimeError('no luck')\n")
    site = server.start()
    assert "1 site: bad (cannot be served), shop" in site.log()
    site.err.wait("no luck")
    assert ask(site, "shop.test").status == 200
    assert ask(site, "bad.test").status == 503
    assert server.rows()["bad"]["state"] in ("failed", "starting")
    write(server.folder / "bad" / "own.py", good)
    server.reload("--site", "bad")
    assert ask(site, "bad.test").body.startswith(b"bad ")


WRONG = [
    (("listen = :1",), "wrong.ini:4: 'listen' is an option of the whole server"),
    (("body-limit = x",), "wrong.ini:4: body-limit takes a size"),
    (("hosts = shop.test",), "the site shop has the host shop.test already"),
    (("site = shop",), "another site is called shop, too"),
]


@pytest.mark.parametrize(("lines", "sentence"), WRONG)
def test_a_wrong_file_is_alone(server: Server, lines: tuple[str, ...], sentence: str) -> None:
    server.file("shop")
    site = server.start()
    server.file("wrong", *lines, hosts=("wrong.test",))
    _, err = server.reload("--site", "wrong", status=1)
    assert sentence in err
    assert ask(site, "shop.test").status == 200 and ask(site, "wrong.test").status == 503
    site.stop()
    site = server.start()
    assert sentence in site.log()
    assert ask(site, "shop.test").status == 200 and ask(site, "wrong.test").status == 503


def test_without_any_site_nothing_starts(server: Server) -> None:
    site = server.start(waits=False)
    site.err.wait(r"slipway: .*/sites has no file NAME\.ini")
    assert site.wait() == 1
    server.file("bad", "listen = :1")
    site = server.start(waits=False)
    site.err.wait(r"slipway: no site can be served: .*'listen'")
    assert site.wait() == 1


def test_an_edge_that_follows_knows_all(server: Server) -> None:
    server.file("shop")
    server.file("blog")
    site = server.start()
    edge = site.pids("edge")[0]
    os.kill(edge, signal.SIGKILL)
    wait_gone([edge])
    assert ask(site, "blog.test").body.startswith(b"blog ")
    assert ask(site, "shop.test").body.startswith(b"shop ")


def test_each_has_its_certificates(server: Server) -> None:
    """The name asked for by TLS and Host lead to one site, or 421."""
    made = {n: make_certificate(server.folder, n) for n in ["shop", "blog"]}
    for name, pair in made.items():
        server.file(name, f"tls-certificate = {pair.certificate}", f"tls-key = {pair.key}")
    site = server.start(listen="127.0.0.1:0 tls")
    for name, other in [("shop", "blog"), ("blog", "shop")]:
        with TlsPeer(site.address, host=f"{name}.test") as one:
            one.send(build("GET", "/", [("Host", f"{name}.test")]))
            assert one.response().body.startswith(name.encode())
            one.send(build("GET", "/", [("Host", f"{other}.test")]))
            assert one.response().status == 421


def test_one_connection_for_names_of_several_sites(server: Server) -> None:
    """As browsers do when a certificate has them all: 421 is of the stream, and they come again."""
    pair = make_certificate(server.folder, "all", "site.test", "shop.test", "blog.test")
    common = [f"tls-certificate = {pair.certificate}", f"tls-key = {pair.key}"]
    write(server.folder / "slipway.ini", "\n".join(["sites = sites", "workers = 1", *common, ""]))
    server.file("shop", hosts=("shop.test", "site.test", "*.shop.test"))
    server.file("blog")
    site = server.start(listen="127.0.0.1:0 tls")
    with Wire(site.address, context=tls_context()) as wire:  # it asks for site.test
        wanted = {
            "site.test": 200,
            "shop.test": 200,
            "x.shop.test:8443": 200,
            "blog.test": 421,
            "nobody.test": 421,
        }
        for host, status in wanted.items():
            assert wire.ask(authority=host).status == status, host
        assert wire.ask(authority="site.test").status == 200
        streams = [wire.head("GET", "/", (), host) for host in wanted]
        assert [wire.answer(s).status for s in streams] == list(wanted.values())
    for name, other in [("shop", "blog"), ("blog", "shop")]:
        with TlsPeer(site.address, host=f"{name}.test") as one:
            for host, status in [(f"{other}.test", 421), (f"{name}.test:1", 200)]:
                one.send(build("GET", "/", [("Host", host)]))
                assert one.response().status == status
    with TlsPeer(site.address, host="") as one:  # no name by TLS: Host alone counts
        for name in ["shop", "blog"]:
            one.send(build("GET", "/", [("Host", f"{name}.test")]))
            assert one.response().body.startswith(name.encode())


REDIRECTED = [
    ("shop.test", "https://www.shop.test/a?b"),
    ("www.shop.test", "https://www.shop.test/a?b"),
    ("SHOP.test:80", "https://www.shop.test/a?b"),
    ("shop.test:65535", "https://www.shop.test/a?b"),
    ("shop.test.:8080", "https://www.shop.test/a?b"),
    ("blog.test", "https://blog.test/a?b"),
    ("blog.test:99", "https://blog.test/a?b"),
]
FORGED = ["evil.test", "shop.test.evil.test", "evil.test:80", "blog.testx", "127.0.0.1", "[::1]:80"]


def test_sites_are_sent_to_https_and_to_one_name(server: Server) -> None:
    """By a default of the server; who forges a Host, or its port, is sent nowhere of his choice."""
    write(
        server.folder / "slipway.ini",
        "sites = sites\nworkers = 1\nredirect-https = yes\nhttps-port = 443\n",
    )
    server.file("shop", "canonical-host = www.shop.test", hosts=("shop.test", "*.shop.test"))
    server.file("blog")
    site = server.start()
    for host, location in REDIRECTED:
        answer = ask(site, host, "/a?b")
        assert (answer.status // 100, answer.get("Location")) == (3, location), host
    for host in FORGED:
        answer = ask(site, host, "/a?b")
        assert (answer.status, answer.get("Location")) == (421, None), host
    for host in ["shop.test:99999", "shop.test:x", "shop.test:80@evil.test", "shop.test/evil.test"]:
        answer = ask(site, host, "/a?b")
        location = answer.get("Location")
        assert answer.status == 400 or location in (None, "https://www.shop.test/a?b"), host


WHO = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    who = (os.getuid(), os.getgid(), os.environ.get("SECRET"), os.environ.get("HOME"))
    return [repr(who).encode()]
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs sites as other users")
def test_each_has_its_own_user_and_environment(server: Server) -> None:
    """What one site's .env says, which others may not even read, is in no other's process."""
    server.folder.parent.chmod(0o755)
    server.folder.chmod(0o755)
    people = {name: pwd.getpwnam(user) for name, user in [("shop", "daemon"), ("blog", "games")]}
    for name, person in people.items():
        server.file(name, f"user = {person.pw_name}")
        write(server.folder / name / "own.py", WHO)
        secret = write(server.folder / name / ".env", f"SECRET=of {name}\n")
        for path in [server.folder / name, server.folder / name / "own.py", secret]:
            os.chown(path, person.pw_uid, person.pw_gid)
        secret.chmod(0o400)
        (server.folder / name).chmod(0o750)
    site = server.start()
    for name, person in people.items():
        uid, gid, secret, _ = eval(ask(site, f"{name}.test").body)
        assert (uid, gid, secret) == (person.pw_uid, person.pw_gid, f"of {name}")
    server.reload()
    assert eval(ask(site, "blog.test").body)[0] == people["blog"].pw_uid


def test_status_is_of_all(server: Server) -> None:
    server.file("shop")
    server.file("blog")
    site = server.start()
    shown = site.verb("status", "--chdir", str(server.folder)).stdout
    assert "2 sites, serving" in shown and "blog.test" in shown and "shop.test" in shown
    assert set(server.rows()) == {"blog", "shop"}


def test_check_looks_at_each(server: Server) -> None:
    server.file("shop", hosts=("shop.test", ".shop.test"))  # its own host twice
    server.file("bad", "listen = :1")
    site = server.start()
    done = site.verb("check", "--json", "--chdir", str(server.folder))
    found = json.loads(done.stdout)
    assert done.returncode == 1 and not found["ok"]
    assert found["sites"]["shop.ini"]["site"] == "shop" and found["sites"]["shop.ini"]["ok"]
    assert "'listen'" in found["sites"]["bad.ini"]["problems"][0]
    shown = site.verb("check", "--chdir", str(server.folder)).stdout
    assert "==== shop.ini" in shown and "problem  bad.ini:4" in shown


def test_edges_stay_when_all_is_known_at_the_start(server: Server) -> None:
    for name in ["blog", "shop"]:
        make_django(server.folder / name, name)
        server.file(name, app=False)
    site = server.start()
    edges = site.pids("edge")
    for name in ["blog", "shop"]:
        assert ask(site, f"{name}.test", "/static/a.css").body.startswith(b"a {")
    assert site.pids("edge") == edges and len(edges) == 1


def test_requests_for_a_site_that_starts_wait(sites: Sites, server: Server) -> None:
    """Its folder of static files is new, too: with a sandbox another edge has to serve them."""
    server.file("shop")
    site = server.start()
    make_django(server.folder / "blog", "blog")
    server.file("blog", app=False)
    server.reload("--site", "blog")
    assert ask(site, "blog.test", "/static/a.css").body.startswith(b"a {")
    assert ask(site, "blog.test").body.startswith(b"blog ")
    assert ask(site, "shop.test").body.startswith(b"shop ")


def test_maintenance_is_of_one(server: Server) -> None:
    for name in ("blog", "shop"):
        server.file(name, hosts=(f"{name}.test",))
    site = server.start()
    done = site.verb("maintenance", "on")
    assert done.returncode == 1 and "--site NAME" in done.stderr
    assert site.verb("maintenance", "on", "--site", "shop").returncode == 0
    assert ask(site, "shop.test").status == 503 and ask(site, "blog.test").status == 200
    rows = server.rows()
    assert rows["shop"]["maintenance"]["on"] and not rows["blog"]["maintenance"]["on"]
    assert site.verb("maintenance", "off", "--site", "shop").returncode == 0
    assert ask(site, "shop.test").status == 200
    assert "no site is called" in site.verb("maintenance", "on", "--site", "none").stderr


def test_logs_of_its_own(server: Server) -> None:
    server.file("shop", "access-log = ../shop.log", "access-format = json")
    server.file("blog")
    server.file("quiet", "access-log = off")
    site = server.start()
    shop = server.folder / "shop.log"

    def lines() -> list[str]:
        return shop.read_text().splitlines()

    for name in ["shop", "blog", "quiet", "nobody"]:
        ask(site, f"{name}.test", f"/{name}")
    until("a line", lambda: lines())
    assert [json.loads(line)["target"] for line in lines()] == ["/shop"]
    site.out.wait('"GET /nobody HTTP')
    assert [name for name in ("shop", "blog", "quiet") if f"/{name}" in site.access_log()] == [
        "blog"
    ]
    for pid in site.pids("scribe"):
        os.kill(pid, signal.SIGKILL)
    ask(site, "shop.test", "/again")
    until("a second line", lambda: len(lines()) == 2)
    server.file("late", "access-log = ../late.log")
    server.reload("--site", "late")
    ask(site, "late.test", "/late")
    until("its line", lambda: "/late" in (server.folder / "late.log").read_text())
    assert Path(server.rows()["shop"]["access_log"]).resolve() == shop


def test_each_has_its_own_users_and_moved_pages(server: Server) -> None:
    """Files that options name: of each site those that are its, also after one has changed."""
    server.file("one", "basic-auth = people", "annex-look = 50ms")
    server.file("two", "redirects = moved", "annex-look = 50ms")
    write(server.folder / "one" / "people", "zoe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    write(server.folder / "two" / "moved", "/old /new\n")
    site = server.start()
    for _ in range(2):
        assert ask(site, "one.test", "/old").status == 401
        assert ask(site, "two.test", "/old").get("Location") == "/new"
        server.reload()
    write(server.folder / "two" / "moved", "/old /newer\n")
    until("the file", lambda: ask(site, "two.test", "/old").get("Location") == "/newer")
    assert ask(site, "one.test", "/").status == 401


def test_a_long_list_of_moved_pages(server: Server) -> None:
    """A helper reads it; what the master says next, of another site too, waits and is heeded."""

    def write_list(target: str) -> None:
        lines = (f"/old/{i} /{target}/{i}\n" for i in range(20000))
        write(server.folder / "one" / "moved", "".join(lines))

    server.file("one", "redirects = moved", "annex-look = 0")
    server.file("two")
    write_list("first")
    site = server.start()
    assert ask(site, "one.test", "/old/9").get("Location") == "/first/9"
    for target in ("second", "third"):
        write_list(target)
        server.reload()
        assert ask(site, "one.test", "/old/19999").get("Location") == f"/{target}/19999"
        assert ask(site, "two.test").body.startswith(b"two ")
    assert len(site.pids("edge")) == 1
