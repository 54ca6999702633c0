"""One of several sites is broken: the others serve, it is named, and comes up when mended."""

import json
import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import Pair
from certificates import make as make_certificate
from conftest import Sites
from http1 import Response
from program import until, wait_gone
from projects import write
from site_server import Server, ask
from tls_client import TlsPeer


@pytest.fixture
def server(sites: Sites) -> Server:
    return Server(sites)


def replace(file: Path, text: str) -> None:
    """At once: it is read from time to time, and half of it would be another fault."""
    write(file.with_name(f"{file.name}.new"), text).rename(file)


def of_option(line: str) -> Callable[[Server], Callable[[], object]]:
    """A line of its file is wrong; mended when it is taken out."""

    def make(server: Server) -> Callable[[], object]:
        file = server.file("bad", line)
        return lambda: replace(file, file.read_text().replace(line + "\n", ""))

    return make


def of_file(line: str, name: str, wrong: str | None, right: str) -> Callable:
    """What an option names is wrong, or not there; mended by the file."""

    def make(server: Server) -> Callable[[], object]:
        server.file("bad", line)
        if wrong is not None:
            write(server.folder / "bad" / name, wrong)
        return lambda: replace(server.folder / "bad" / name, right)

    return make


def of_rubbish(server: Server) -> Callable[[], object]:
    file = server.file("bad")
    good = file.read_text()
    write(file, "[slipway]\nhosts = bad.test\nrubbish\n")
    return lambda: replace(file, good)


def of_chdir(server: Server) -> Callable[[], object]:
    server.file("bad")
    folder = server.folder / "bad"
    folder.rename(server.folder / "elsewhere")
    return lambda: (server.folder / "elsewhere").rename(folder)


USERS = "zoe:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"
FAULTS: dict[str, tuple[Callable[[Server], Callable[[], object]], str]] = {
    "option": (of_option("body-limit = x"), "bad.ini:4: body-limit takes a size"),
    "server": (of_option("listen = :1"), "bad.ini:4: 'listen' is an option of the whole server"),
    "rubbish": (of_rubbish, "bad.ini:3: neither 'name = value' nor '[slipway]'"),
    "chdir": (of_chdir, "bad"),
    "venv": (of_option("venv = nowhere"), "nowhere"),
    "user": (of_option("user = no-such-user"), "no-such-user"),
    "users": (of_file("basic-auth = users", "users", None, USERS), "users"),
    "moved": (of_file("redirects = moved", "moved", "/a b c d\n", "/a /b\n"), "moved:1"),
    "log": (of_option("access-log = /no/such/folder/log"), "/no/such/folder/log"),
    "project": (
        of_file("app = mine:application", "mine.py", "1/0\n", "from own import application\n"),
        "division by zero",
    ),
}


def is_unavailable(response: Response) -> bool:
    return response.status == 503 and int(response.get("Retry-After") or 0) > 0


def serves(server: Server) -> bool:
    assert server.site
    return ask(server.site, "bad.test").status in (200, 401)


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_site_is_alone(server: Server, name: str) -> None:
    if name == "user" and os.geteuid() != 0:
        pytest.skip("only root runs sites as other users")
    make, words = FAULTS[name]
    server.file("shop")
    mend = make(server)
    if name == "project":
        file = server.folder / "sites" / "bad.ini"
        file.write_text(file.read_text().replace("app = own:application\n", ""))
    site = server.start()
    assert "1 site: bad (cannot be served), shop" in site.log()
    site.err.wait("site cannot be served: site=bad ")
    assert ask(site, "shop.test").body.startswith(b"shop ")
    assert is_unavailable(ask(site, "bad.test"))

    row = server.rows()["bad"]
    assert row["state"] in ("failed", "starting") and words in row["error"]
    shown = site.verb("status", "--chdir", str(server.folder)).stdout
    assert f"cannot be served: {row['error']}" in shown
    checked = site.verb("check", "--json", "--chdir", str(server.folder))
    found = json.loads(checked.stdout)
    assert checked.returncode == 1 and found["sites"]["shop.ini"]["ok"]
    assert words in " ".join(found["sites"]["bad.ini"]["problems"])

    edges = site.pids("edge")
    for edge in edges:  # one that starts now is told the same
        os.kill(edge, signal.SIGKILL)
    wait_gone(edges)
    assert is_unavailable(ask(site, "bad.test"))
    mend()
    until("it serves", lambda: serves(server))
    until("status says so", lambda: server.rows()["bad"]["error"] == "")
    assert site.log().count("site cannot be served: ") == 1


def test_a_broken_one_takes_nobody_out_of_a_load_balancer(server: Server) -> None:
    server.file("shop")
    mend = of_rubbish(server)
    site = server.start()
    until("all are ready", lambda: ask(site, "10.0.0.1", "/.slipway/ready").status == 200)
    assert ask(site, "bad.test", "/.slipway/ready").status == 503
    assert ask(site, "shop.test", "/.slipway/ready").status == 200
    mend()
    server.reload("--site", "bad")
    assert ask(site, "bad.test", "/.slipway/ready").status == 200


def test_a_broken_one_is_tried_at_once_by_reload(server: Server) -> None:
    server.file("shop")
    mend = of_rubbish(server)
    site = server.start()
    _, err = server.reload("--site", "bad", status=1)
    assert "neither 'name = value'" in err
    mend()
    assert "generation" in server.reload("--site", "bad")[0]
    assert ask(site, "bad.test").body.startswith(b"bad ")


def test_a_file_that_comes_broken(server: Server) -> None:
    """Its hosts get 503, but for those that somebody serves; it may go as it came."""
    server.file("shop")
    site = server.start()
    file = server.file("bad", "rubbish", hosts=("bad.test", "shop.test"))
    _, err = server.reload(status=1)
    assert "bad.ini:5: neither" in err
    assert is_unavailable(ask(site, "bad.test"))
    assert ask(site, "shop.test").body.startswith(b"shop ")
    file.unlink()
    server.reload()
    assert ask(site, "bad.test").status == 421
    assert set(server.rows()) == {"shop"}


def test_a_broken_one_that_has_all_hosts(server: Server) -> None:
    server.file("shop")
    file = server.file("bad", "rubbish")
    file.write_text(file.read_text().replace("hosts = bad.test\n", ""))
    site = server.start()
    assert is_unavailable(ask(site, "whatever.test"))
    assert ask(site, "shop.test").body.startswith(b"shop ")
    file.write_text("rubbish\n")
    assert "neither 'name = value'" in server.reload(status=1)[1]
    file.write_text("chdir = ../bad\napp = own:application\n")
    server.reload("--site", "bad")
    assert ask(site, "whatever.test").body.startswith(b"bad ")


def test_a_broken_one_keeps_no_host_from_another(server: Server) -> None:
    server.file("bad", "rubbish", hosts=("same.test",))
    server.file("shop", hosts=("same.test",))
    site = server.start()
    assert ask(site, "same.test").body.startswith(b"shop ")


def test_a_broken_one_gets_its_own_log(server: Server) -> None:
    server.file("shop")
    file = server.file("bad", "rubbish", "access-log = ../bad.log")
    site = server.start()
    file.write_text(file.read_text().replace("rubbish\n", ""))
    server.reload("--site", "bad")
    ask(site, "bad.test", "/mine")
    log = server.folder / "bad.log"
    until("its line", lambda: log.exists() and "/mine" in log.read_text())


def secure(server: Server, *names: str) -> dict[str, Pair]:
    made = {name: make_certificate(server.folder, name) for name in names}
    for name, pair in made.items():
        server.file(name, f"tls-certificate = {pair.certificate}", f"tls-key = {pair.key}")
    return made


def ask_tls(server: Server, name: str) -> Response:
    assert server.site
    with TlsPeer(server.site.address, host=f"{name}.test") as one:
        return one.ask(fields=[("Host", f"{name}.test")])


@pytest.mark.parametrize("fault", ["rubbish", "missing", "another key"])
def test_one_bad_certificate_at_the_start(server: Server, fault: str) -> None:
    made = secure(server, "bad", "shop")
    certificate, key = made["bad"]
    good = key.read_bytes() if fault == "another key" else certificate.read_bytes()
    victim = key if fault == "another key" else certificate
    if fault == "rubbish":
        victim.write_text("rubbish")
    elif fault == "missing":
        victim.unlink()
    else:
        victim.write_bytes(made["shop"].key.read_bytes())
    site = server.start(listen="127.0.0.1:0 tls")
    assert ask_tls(server, "shop").body.startswith(b"shop ")
    assert is_unavailable(ask_tls(server, "bad"))
    assert str(server.folder) in server.rows()["bad"]["error"]
    checked = site.verb("check", "--chdir", str(server.folder), "--listen", "127.0.0.1:0 tls")
    assert checked.returncode == 1 and victim.name in checked.stdout
    victim.write_bytes(good)
    until("it serves", lambda: ask_tls(server, "bad").status == 200)
    assert len(site.status()["certificates"]) == 2


def test_one_bad_certificate_stops_no_other_renewal(server: Server) -> None:
    """Neither by looking nor at a reload of another site."""
    made = secure(server, "bad", "shop")
    write(server.folder / "slipway.ini", "sites = sites\nworkers = 1\ntls-look = 50ms\n")
    site = server.start(listen="127.0.0.1:0 tls")
    before = {row["file"]: row["until_s"] for row in site.status()["certificates"]}
    made["bad"].certificate.write_text("rubbish")
    site.err.wait("certificates not replaced")
    assert ask_tls(server, "bad").status == 200
    server.reload("--site", "shop")
    (server.folder / "fresh").mkdir()
    fresh = make_certificate(server.folder / "fresh", "shop", days=3)
    made["shop"].key.write_bytes(fresh.key.read_bytes())
    made["shop"].certificate.write_bytes(fresh.certificate.read_bytes())
    site.err.wait("certificates replaced: site=shop")
    after = {row["file"]: row["until_s"] for row in site.status()["certificates"]}
    changed = {Path(file).name for file in after if after[file] != before[file]}
    assert changed == {made["shop"].certificate.name}
    assert ask_tls(server, "bad").status == ask_tls(server, "shop").status == 200


def test_a_refused_reload_changes_no_certificate(server: Server) -> None:
    """Its files were read, and they are right; but the project does not start."""
    old = secure(server, "shop")["shop"]
    server.start(listen="127.0.0.1:0 tls")
    (server.folder / "fresh").mkdir()
    new = make_certificate(server.folder / "fresh", "shop")
    code = server.folder / "shop" / "own.py"
    good = code.read_text()

    def shown() -> bytes:
        assert server.site
        with TlsPeer(server.site.address, host="shop.test") as one:
            return one.certificate

    def bytes_of(pair: Pair) -> bytes:
        return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())

    server.file("shop", f"tls-certificate = {new.certificate}", f"tls-key = {new.key}")
    write(code, "1/0\n")
    server.reload(status=1)
    assert shown() == bytes_of(old)
    write(code, good)
    server.reload()
    until("the new one is shown", lambda: shown() == bytes_of(new))
