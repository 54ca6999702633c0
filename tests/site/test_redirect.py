"""redirect, redirects, redirect-https and canonical-host: where clients are sent, and what no
client can make of that."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import certificates
import pytest
from asker import Asker
from conftest import Sites
from http1 import Peer, build
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from program import Site, run, until
from projects import make_django, make_wsgi

MOVED = """
# old pages
/old          /new
/temp         /there 302
/p.php?id=3   /three
/p.php        /pages?all=1
/blog/*       /news/*
/shop/*       https://shop.example.com/
/flat/*       /*
/far/*        https://example.com/deep/* 308
/caf%C3%A9    /coffee#menu
"""
INI = """
[slipway]
redirects = moved.txt
trusted-peers = 127.0.0.9

[route /docs]
redirect = 301 https://docs.example.com$path?$query

[route /search]
redirect = 302 /find?q=$path&$query

[route /slash]
redirect = 307 $path/

[route *.slashed]
redirect = 307 $path/

[route /old/kept]
redirects =

[route /away]
redirect = 303 https://example.com/

[route *.moved]
redirect = 302 /$path

[route *.mirrored]
redirect = 302 https://example.com/mirror/$path
"""


def project(folder: Path, ini: str) -> Path:
    make_wsgi(folder)
    (folder / "moved.txt").write_text(MOVED)
    (folder / "slipway.ini").write_text(ini)
    return folder


@pytest.fixture(scope="module")
def site(shared: Sites) -> Site:
    return shared.start("own", chdir=project(shared.folder / "p", INI))


@pytest.mark.parametrize(("target", "status", "location"), [
    ("/old", 301, "/new"), ("/old?a=b%20c", 301, "/new?a=b%20c"), ("/%6fld", 301, "/new"),
    ("/x/../old", 301, "/new"), ("/old/", 200, None), ("/old/kept", 200, None),
    ("/temp", 302, "/there"), ("/p.php?id=3", 301, "/three"), ("/p.php?id=4", 301, "/pages?all=1"),
    ("/blog/2024/x%20y", 301, "/news/2024/x%20y"), ("/blog/", 301, "/news/"),
    ("/blog", 200, None), ("/blog/a?b=c", 301, "/news/a?b=c"),
    ("/shop/x/y", 301, "https://shop.example.com/"),
    ("/far/x?y", 308, "https://example.com/deep/x?y"), ("/caf%c3%a9?x", 301, "/coffee?x#menu"),
    ("/docs/a%2Fb?c=d", 301, "https://docs.example.com/docs/a/b?c=d"),
    ("/docs", 301, "https://docs.example.com/docs"),
    ("/search/x?y=z", 302, "/find?q=/search/x&y=z"), ("/slash", 307, "/slash/"),
    ("/away", 303, "https://example.com/"), ("/a/b.moved", 302, "/a/b.moved"),
    ("/a//b.mirrored", 302, "https://example.com/mirror/a//b.mirrored"),
])  # fmt: skip
def test_where_pages_are(
    site: Site, asker: Asker, target: str, status: int, location: str | None
) -> None:
    answer = asker(site.address, target)
    assert (answer.status, answer.get("Location")) == (status, location)


@pytest.mark.parametrize("target", [
    "/blog//evil.example/", "/blog/%2Fevil.example", "/blog/%5Cevil.example", "//blog/x",
    "/blog/%0D%0ASet-Cookie:%20a=b", "/blog/x%0aLocation:%20https://evil.example/",
    "/far/..%2f..%2fx", "/far//..", "/slash//evil.example", "/blog/%22%3E%3Cscript%3E",
    "/docs/@evil.example", "/flat//evil.example", "/flat/%2F%2Fevil.example",
    "/flat/%5Cevil.example", "//evil.example/a.slashed", "/%2Fevil.example/a.slashed",
    "/%5Cevil.example/a.slashed", "/evil.example/a.moved", "//evil.example/a.moved",
    "/%2F/evil.example/a.moved", "//evil.example/a.mirrored", "/docs/%00",
    "/blog/%E2%80%AE", "/blog/\xe9",
])  # fmt: skip
def test_no_client_sends_others_elsewhere(site: Site, asker: Asker, target: str) -> None:
    answer = asker(site.address, target)
    location = answer.get("Location")
    assert answer.status in {200, 301, 302, 307, 308, 400}
    assert answer.get("Set-Cookie") is None
    if location is not None:
        assert location.isascii() and location.isprintable() and " " not in location
        assert not location.startswith(("//", "/\\")) and "\\" not in location
        assert urlsplit(location).hostname in {None, "docs.example.com", "example.com"}


def test_a_form_stays_a_form(site: Site, asker: Asker) -> None:
    for method, path, status in [
        ("POST", "/old", 308), ("PUT", "/temp", 307), ("HEAD", "/old", 301), ("POST", "/away", 303),
        ("DELETE", "/far/x", 308),
    ]:  # fmt: skip
        body = b"x" * 50_000 if method in {"POST", "PUT"} else None
        assert asker(site.address, path, method=method, body=body).status == status


def test_a_location_has_a_bound(site: Site) -> None:
    with Peer(site.address) as peer:
        assert peer.ask(target="/blog/" + "x" * 20_000).status == 414
    with Peer(site.address) as peer:
        assert peer.ask(target="/blog/" + "%C3" * 5_000).status == 301


@examples(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=40), st.sampled_from(["/blog/", "/far/", "/docs/", "/slash", "/search?"]))
def test_any_bytes_make_one_line(site: Site, data: bytes, before: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in data)
    with Peer(site.address) as peer:
        response = peer.ask(target=before + escaped)
        assert response.status in {200, 301, 302, 307, 308, 400}
        location = response.get("Location") or "/"
        assert location.isascii() and location.isprintable() and " " not in location
        assert not location.startswith("//") and "\\" not in location


# ---- the file


def test_a_changed_file_is_read_again(sites: Sites, asker: Asker) -> None:
    folder = project(sites.folder / "p", "[slipway]\nredirects = moved.txt\nannex-look = 50ms\n")
    changing = sites.start("own", chdir=folder)
    assert asker(changing.address, "/old").get("Location") == "/new"
    new = folder / "new.txt"
    new.write_text("/old /newer\n")
    os.replace(new, folder / "moved.txt")
    until("the file is read", lambda: asker(changing.address, "/old").get("Location") == "/newer")
    (folder / "moved.txt").write_text("/old /a\n/old /b\n")
    until("the file is read", lambda: "moved.txt:2: the page of line 1 again" in changing.log())
    assert asker(changing.address, "/old").get("Location") == "/newer"
    assert changing.verb("reload").returncode == 1
    (folder / "moved.txt").write_text("/old /newest\n")
    assert changing.verb("reload").returncode == 0
    assert asker(changing.address, "/old").get("Location") == "/newest"


def test_a_killed_edge_comes_back_with_it(sites: Sites, asker: Asker) -> None:
    folder = project(sites.folder / "p", "[slipway]\nredirects = moved.txt\n")
    killed = sites.start("own", chdir=folder)
    (edge,) = killed.pids("edge")
    os.kill(edge, 9)
    until("the file is read", lambda: killed.pids("edge") not in ([], [edge]))
    for _ in range(5):
        assert asker(killed.address, "/old").get("Location") == "/new"


@pytest.mark.parametrize(("moved", "sentence"), [
    (None, "cannot read"), ("/a\n", "moved.txt:1: OLD NEW [STATUS] is expected"),
    ("/a /b\n/b /a\n", "moved.txt:1: the page leads back to itself"),
])  # fmt: skip
def test_a_start_with_a_bad_file(tmp_path: Path, moved: str | None, sentence: str) -> None:
    folder = project(tmp_path / "p", "[slipway]\nredirects = moved.txt\n")
    (folder / "moved.txt").unlink()
    if moved is not None:
        (folder / "moved.txt").write_text(moved)
    options = ["own:application", "--chdir", str(folder), "--listen", "127.0.0.1:0"]
    result = run("serve", *options, "--control", f"unix:{tmp_path}/c")
    assert result.returncode == 1
    assert sentence in result.stderr and "moved.txt" in result.stderr
    result = run("check", *options)
    assert result.returncode == 1 and sentence in result.stdout + result.stderr


# ---- scheme and host


@pytest.fixture(scope="module")
def secure(shared: Sites) -> Site:
    folder = project(shared.folder / "s", (
        "[slipway]\nredirect-https = yes\nhosts = example.com\nhosts = *.example.org\n"
        "trusted-peers = 127.0.0.9\nredirects = moved.txt\n[route /plain]\nredirect-https = no\n"
    ))  # fmt: skip
    return shared.start("own", chdir=folder)


@pytest.mark.parametrize(("host", "target", "location"), [
    ("example.com", "/", "https://example.com/"),
    ("example.com", "/a%2Fb?c=%20d&e", "https://example.com/a%2Fb?c=%20d&e"),
    ("EXAMPLE.com", "/a", "https://EXAMPLE.com/a"), ("example.com:80", "/", "https://example.com/"),
    ("example.com:8000", "/x", "https://example.com/x"),
    ("a.example.org", "//evil.example/", "https://a.example.org//evil.example/"),
    ("example.com", "/old?x", "https://example.com/new?x"),
    ("example.com", "/shop/", "https://shop.example.com/"),
])  # fmt: skip
def test_to_https(secure: Site, asker: Asker, host: str, target: str, location: str) -> None:
    answer = asker(secure.address, target, host=host)
    assert (answer.status, answer.get("Location")) == (301, location)
    assert asker(secure.address, "/x", host=host, method="POST", body=b"a").status == 308


def test_who_is_there_already_stays(secure: Site, asker: Asker) -> None:
    https = ("X-Forwarded-Proto", "https")
    known = {"host": "example.com", "source": "127.0.0.9"}
    assert asker(secure.address, "/", https, **known).status == 200
    assert asker(secure.address, "/", https, host="example.com").status == 301  # not trusted
    http = ("X-Forwarded-Proto", "http")
    assert asker(secure.address, "/", http, **known).status == 301
    assert asker(secure.address, "/plain", host="example.com").status == 200
    assert asker(secure.address, "/.slipway/ready", host="example.com").status == 200
    challenge = "/.well-known/acme-challenge/token"
    assert asker(secure.address, challenge, host="example.com").status == 200


@pytest.mark.parametrize("host", ["evil.example", "example.com.evil.example", "evil-example.com"])
def test_a_forged_host_leads_nowhere(secure: Site, asker: Asker, host: str) -> None:
    answer = asker(secure.address, "/", host=host)
    assert (answer.status, answer.get("Location")) == (421, None)


def test_a_forged_host_of_a_site_without_hosts(sites: Sites, asker: Asker) -> None:
    folder = make_wsgi(sites.folder / "p")
    open_site = sites.start("own", "--redirect-https", chdir=folder)
    assert asker(open_site.address, "/", host="evil.example").status == 421
    assert asker(open_site.address, "/", host="localhost").get("Location") == "https://localhost/"
    named = sites.start(
        "own", "--redirect-https", "--canonical-host", "www.example.com", chdir=folder
    )
    answer = asker(named.address, "/x?y", host="evil.example")
    assert answer.get("Location") == "https://www.example.com/x?y"


def test_djangos_hosts(sites: Sites, asker: Asker) -> None:
    folder = make_django(sites.folder / "p")
    with (folder / "tiny" / "settings.py").open("a") as settings:
        settings.write('\nALLOWED_HOSTS = ["example.com", ".example.org"]\n')
    django = sites.start(None, "--redirect-https", chdir=folder)
    for host in ["example.com", "example.org", "a.example.org"]:
        assert asker(django.address, "/", host=host).get("Location") == f"https://{host}/"
    for host in ["a.example.com", "evil.example"]:
        assert asker(django.address, "/", host=host).status == 421


@pytest.mark.parametrize(("host", "target", "location"), [
    ("example.com", "/a?b", "http://www.example.com/a?b"),
    ("example.com:8000", "/", "http://www.example.com:8000/"),
    ("www.example.com", "/", None), ("WWW.example.com", "/", None), ("www.example.com.", "/", None),
    ("www.example.com:8000", "/", None), ("127.0.0.1", "/", "http://www.example.com/"),
    ("evil.example", "/x", "http://www.example.com/x"), ("example.com", "/old", "http://www.example.com/new"),
    ("[::1]:80", "/", "http://www.example.com:80/"),
])  # fmt: skip
def test_one_host(canonical: Site, asker: Asker, host: str, target: str, location: str) -> None:
    answer = asker(canonical.address, target, host=host)
    assert answer.status == (301 if location else 200)
    assert answer.get("Location") == location


@pytest.fixture(scope="module")
def canonical(shared: Sites) -> Site:
    ini = "[slipway]\ncanonical-host = www.example.com\nredirects = moved.txt\n"
    return shared.start("own", chdir=project(shared.folder / "c", ini))


def test_ports_of_tls(sites: Sites, asker: Asker) -> None:
    folder = make_wsgi(sites.folder / "p")
    pair = certificates.make(sites.folder, "own", "site.test")
    tls = ["--redirect-https", "--hosts", "site.test", *pair.options]
    both = sites.start("own", *tls, "--listen", "127.0.0.1:0 tls", chdir=folder)
    port = both.addresses[1][1]
    answer = asker(both.addresses[0], "/x", host="site.test")
    assert answer.get("Location") in {f"https://site.test:{port}/x", "https://site.test/x"}
    named = sites.start("own", *tls, "--https-port", "8443", chdir=folder)
    answer = asker(named.address, "/x", host="site.test:8000")
    assert answer.get("Location") == "https://site.test:8443/x"


def test_http_1_0_without_a_host(canonical: Site, secure: Site) -> None:
    for one, status in [(canonical, 301), (secure, 421)]:
        with Peer(one.address) as peer:
            peer.send(build("GET", "/", version="1.0"))
            assert peer.response().status == status


@pytest.mark.parametrize(("line", "sentence"), [
    ("redirect = 301 //evil", "redirect takes STATUS URL"), ("redirect = /x", "redirect takes"),
    ("redirect = 301 https://$host/", "redirect takes STATUS URL"),
])  # fmt: skip
def test_what_is_refused(tmp_path: Path, line: str, sentence: str) -> None:
    folder = make_wsgi(tmp_path / "p")
    (folder / "slipway.ini").write_text(f"[route /a]\n{line}\n")
    result = run("check", "own:application", "--chdir", str(folder))
    assert result.returncode == 1 and sentence in result.stdout + result.stderr
