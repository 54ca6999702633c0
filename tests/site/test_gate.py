"""allow, deny, deny-status and methods: who may come and what he may do."""

from pathlib import Path

import pytest
from asker import Asker
from conftest import Sites
from http1 import Peer, build
from http2 import Wire
from program import Site, run
from projects import make_wsgi

INI = """
[slipway]
trusted-peers = 127.0.0.9
access-log = access.log
static = /files/=files

[route /office]
allow = 127.0.0.2, 10.0.0.0/8
allow = 2001:db8::/32
deny = 10.66.0.0/16

[route /office/hidden]
allow = 127.0.0.2
deny-status = 404

[route /closed]
deny = all

[route /silent]
deny = all
deny-status = close

[route /read]
methods = GET, OPTIONS

[route /files]
allow = 127.0.0.2
methods = GET
"""


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    folder = make_wsgi(shared.folder / "p")
    (folder / "slipway.ini").write_text(INI)
    (folder / "files").mkdir()
    (folder / "files" / "a.txt").write_text("a file\n")
    return shared.start("own", chdir=folder)


@pytest.mark.parametrize(("path", "source", "status"), [
    ("/", "127.0.0.1", 200), ("/office", "127.0.0.2", 200), ("/office", "127.0.0.1", 403),
    ("/office/x", "127.0.0.3", 403), ("/office2", "127.0.0.1", 200),
    ("/of%66ice", "127.0.0.1", 403),
    ("/./office", "127.0.0.1", 403), ("/x/../office", "127.0.0.1", 403),
    ("/office/hidden", "127.0.0.1", 404), ("/closed", "127.0.0.2", 403),
    ("/files/a.txt", "127.0.0.1", 403), ("/files/a.txt", "127.0.0.2", 200),
])  # fmt: skip
def test_who_comes_in(site: Site, asker: Asker, path: str, source: str, status: int) -> None:
    assert asker(site.address, path, source=source).status == status


@pytest.mark.parametrize(("client", "status"), [
    ("10.1.2.3", 200), ("10.66.1.1", 403), ("192.0.2.1", 403), ("2001:db8:1::1", 200),
    ("2001:db9::1", 403), ("192.0.2.1, 10.1.1.1", 200), ("10.1.1.1, 192.0.2.1", 403),
])  # fmt: skip
def test_behind_a_proxy_it_is_the_client(
    site: Site, asker: Asker, client: str, status: int
) -> None:
    named = ("X-Forwarded-For", client)
    assert asker(site.address, "/office", named, source="127.0.0.9").status == status
    assert asker(site.address, "/office", named).status == 403  # nobody believes others


def test_certificate_authorities_pass(site: Site, sites: Sites, asker: Asker) -> None:
    folder = make_wsgi(sites.folder / "p")
    shut = sites.start("own", "--deny", "all", chdir=folder)
    assert asker(shut.address, "/").status == 403
    assert asker(shut.address, "/.well-known/acme-challenge/").status == 403
    assert asker(shut.address, "/.well-known/acme-challenge/x").status == 200
    assert asker(shut.address, "/.slipway/ready").status == 200


def test_a_unix_socket_has_no_address(sites: Sites, asker: Asker) -> None:
    folder = make_wsgi(sites.folder / "p")
    paths = [str(sites.folder / name) for name in ("a", "b")]
    for path, allow, status in [(paths[0], "unix", 200), (paths[1], "127.0.0.1", 403)]:
        sites.start("own", "--allow", allow, "--listen", f"unix:{path}", chdir=folder)
        assert asker(path, "/").status == status


def test_no_answer_at_all(site: Site) -> None:
    with Peer(site.address) as peer:
        peer.send(build("GET", "/silent/x"))
        assert peer.to_end_or_cut() == b""
    with Wire(site.address) as wire:
        number = wire.head(path="/silent/x")
        while not wire.answers[number].is_over:
            wire.read()
        assert wire.answers[number].reset is not None and not wire.answers[number].heads
        assert wire.ask(path="/").status == 200  # the others on the connection go on


@pytest.mark.parametrize(("method", "status"), [
    ("GET", 200), ("HEAD", 200), ("OPTIONS", 200), ("POST", 405), ("DELETE", 405), ("get", 405),
    ("GETS", 405), ("PROPFIND", 405),
])  # fmt: skip
def test_methods(site: Site, asker: Asker, method: str, status: int) -> None:
    answer = asker(site.address, "/read", method=method)
    assert answer.status == status
    assert answer.get("Allow") == ("GET, HEAD, OPTIONS" if status == 405 else None)
    assert asker(site.address, "/", method=method).status == 200


def test_a_body_that_nobody_wants(site: Site, asker: Asker) -> None:
    answer = asker(site.address, "/read", method="POST", body=b"x" * 100_000)
    assert answer.status == 405


@pytest.mark.parametrize(("line", "sentence"), [
    ("allow = 10.0.0.0/33", "allow takes addresses or networks"),
    ("deny = everybody", "deny takes addresses or networks"),
    ("deny-status = 500", "deny-status takes 403, 404 or close"),
    ("methods = GET POST", "methods takes methods, such as GET, POST"),
])  # fmt: skip
def test_what_is_refused(tmp_path: Path, line: str, sentence: str) -> None:
    folder = make_wsgi(tmp_path / "p")
    (folder / "slipway.ini").write_text(f"[slipway]\napp = own:application\n[route /a]\n{line}\n")
    result = run("check", "--chdir", str(folder))
    assert result.returncode == 1 and sentence in result.stdout + result.stderr
    assert "slipway.ini:4" in result.stdout + result.stderr
