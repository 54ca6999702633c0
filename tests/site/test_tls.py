"""HTTPS as clients see it: versions, names, sessions, and what goes through it."""

import hashlib
import json
import os
import ssl
from pathlib import Path

import certificates
import http1
import pytest
from certificates import Pair
from conftest import Sites
from http1 import Peer, build, chunked
from program import Site, until
from tls_client import TlsPeer, certificate_of, client_context, get, only

LISTEN = "127.0.0.1:0 tls"
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BIG = 100 * 1000 * 1000


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


@pytest.fixture(scope="module")
def files(shared: Sites) -> Path:
    folder = shared.folder / "files"
    folder.mkdir()
    (folder / "small.txt").write_text("small\n")
    for name in ("middle", "changing"):  # as long as what is kept for TLS
        (folder / name).write_bytes(os.urandom(100_000))
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))
    with open(folder / "big", "wb") as big:
        for _ in range(BIG // 1000000):
            big.write(os.urandom(1000000))
    return folder


@pytest.fixture(scope="module")
def pairs(shared: Sites) -> list[Pair]:
    return [
        certificates.make(shared.folder, "one", "one.test", "also.one.test"),
        certificates.make(shared.folder, "two", "two.test", "*.two.test"),
        certificates.make(shared.folder, "old", "two.test", kind="rsa"),
    ]


@pytest.fixture(scope="module")
def site(shared: Sites, pairs: list[Pair], files: Path) -> Site:
    options = [option for pair in pairs for option in pair.options]
    return shared.start(
        "plain",
        *options,
        *["--static", f"/static/={files}", "--body-limit", "200M", "--edges", "2"],
        listen=LISTEN,
        workers=2,
    )


# ---- the handshake


@pytest.mark.parametrize("version", [V12, V13])
def test_a_request(site: Site, version: ssl.TLSVersion) -> None:
    with TlsPeer(site.address, context=only(version)) as peer:
        for _ in range(3):
            assert peer.ask(target="/hello").body == b"hello\n"
        assert peer.socket.version() == version.name.replace("_", ".").replace("TLSv1", "TLSv1")


def test_the_url_says_https(site: Site) -> None:
    assert site.url.startswith("https://127.0.0.1:")


@pytest.mark.parametrize(
    ("host", "which"),
    [
        ("one.test", 0),
        ("also.one.test", 0),
        ("TWO.test", 1),
        ("www.two.test", 1),
        ("a.b.two.test", 0),
        ("nobody.test", 0),
        ("", 0),
    ],
)
def test_a_name_gets_its_certificate(site: Site, pairs: list[Pair], host: str, which: int) -> None:
    assert certificate_of(site.address, host) == der(pairs[which])


def test_an_rsa_client_gets_an_rsa_certificate(site: Site, pairs: list[Pair]) -> None:
    context = only(V12)
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert certificate_of(site.address, "two.test", context=context) == der(pairs[2])


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (V12, "AES128-GCM-SHA256"),
        (V12, "ECDHE-ECDSA-AES128-SHA256"),
    ],
)
def test_old_and_weak_is_refused(site: Site, version: ssl.TLSVersion, ciphers: str) -> None:
    context = only(version)
    context.set_ciphers(ciphers)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        get(site.address, context=context)


@pytest.mark.parametrize("offered", [["http/1.1"], ["h3", "http/1.1"]])
def test_alpn(site: Site, offered: list[str]) -> None:
    context = client_context()
    context.set_alpn_protocols(offered)
    with TlsPeer(site.address, context=context) as peer:
        assert peer.socket.selected_alpn_protocol() == "http/1.1"
        assert peer.ask(target="/hello").status == 200


def test_alpn_of_another_world(site: Site) -> None:
    context = client_context()
    context.set_alpn_protocols(["imap"])
    with pytest.raises(ssl.SSLError, match="(?i)no application protocol"):
        get(site.address, context=context)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_plain_http_is_told(site: Site, method: str) -> None:
    with Peer(site.address) as peer:
        answer = peer.ask(method, "/hello")
        assert answer.status == 400 and "https://" in answer.text
        peer.expect_end()


def test_what_is_neither_ends(site: Site) -> None:
    for noise in (b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x16\x09\x09\x00\x05hello"):
        with Peer(site.address) as peer:
            peer.send(noise)
            rest = peer.to_end_or_cut()
            assert rest == b"" or rest[0] == 21  # an alert, or nothing


# ---- sessions


def resumes(site: Site, context: ssl.SSLContext, session: ssl.SSLSession | None) -> TlsPeer:
    peer = TlsPeer(site.address, context=context, session=session)
    assert peer.ask(target="/hello", fields=[("Connection", "close")]).status == 200
    return peer


@pytest.mark.parametrize("version", [V12, V13])
def test_sessions_resume_at_either_edge(site: Site, version: ssl.TLSVersion) -> None:
    context = only(version)
    with resumes(site, context, None) as first:
        session = first.socket.session
        assert not first.socket.session_reused
    for _ in range(20):
        with resumes(site, context, session) as peer:
            assert peer.socket.session_reused
    edges = site.status()["edges"]
    assert sum(edge["handshakes_resumed"] for edge in edges) >= 20


# ---- what goes through


def test_the_application_sees_https(site: Site) -> None:
    environ = json.loads(get(site.address, "/environ").body)
    assert environ["HTTPS"] == "on" and environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
    assert "SSL_CLIENT_VERIFY" not in environ


@pytest.mark.parametrize("version", [V12, V13])
def test_a_big_file_down(site: Site, files: Path, version: ssl.TLSVersion) -> None:
    with TlsPeer(site.address, context=only(version)) as peer:
        peer.send(build("GET", "/static/big"))
        sha = hashlib.sha256()
        for piece in peer.pieces(peer.head()):
            sha.update(piece)
        assert sha.digest() == hashlib.sha256((files / "big").read_bytes()).digest()
        assert peer.ask(target="/static/small.txt").body == b"small\n"
        assert peer.ask("HEAD", "/static/small.txt").get("Content-Length") == "6"


def test_a_file_that_is_kept(site: Site, files: Path) -> None:
    content = (files / "middle").read_bytes()
    with TlsPeer(site.address, receive_bytes=4096) as peer:
        for _ in range(3):
            assert peer.ask(target="/static/middle").body == content
        for first, last in ((0, 0), (1, 99_998), (99_999, 99_999), (20_000, 60_000)):
            fields = [("Range", f"bytes={first}-{last}")]
            answer = peer.ask(target="/static/middle", fields=fields)
            assert answer.status == 206 and answer.body == content[first : last + 1]
        peer.send(build("GET", "/static/middle") * 20)
        for _ in range(20):
            assert peer.response().body == content


def test_a_file_that_is_kept_and_changes(site: Site, files: Path) -> None:
    file = files / "changing"
    was = file.read_bytes()
    with TlsPeer(site.address) as peer:
        assert peer.ask(target="/static/changing").body == was
        file.write_bytes(was[:50_000] + b"new" + was[50_003:])
        until("the new content", lambda: peer.ask(target="/static/changing").body != was)
        assert peer.ask(target="/static/changing").body[50_000:50_003] == b"new"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_big_body_up(site: Site, files: Path, is_chunked: bool) -> None:
    body = (files / "big").read_bytes()
    with TlsPeer(site.address) as peer:
        if is_chunked:
            pieces = [body[at : at + 777777] for at in range(0, len(body), 777777)]
            fields = [("Transfer-Encoding", "chunked")]
            peer.send(build("POST", "/digest", fields) + chunked(*pieces))
            answer = peer.response()
        else:
            answer = peer.ask("POST", "/digest", body=body)
        assert answer.text.split() == [str(len(body)), hashlib.sha256(body).hexdigest()]


def test_a_big_body_comes_back_slowly(site: Site) -> None:
    body = os.urandom(3000000)
    with TlsPeer(site.address, receive_bytes=4096) as peer:
        assert peer.ask("POST", "/echo", body=body).body == body
        assert peer.ask(target="/hello").body == b"hello\n"


def test_pipelining(site: Site) -> None:
    with TlsPeer(site.address) as peer:
        peer.send(b"".join(build("GET", f"/{number}") for number in range(200)))
        for number in range(200):
            assert peer.response().body == b"GET /%d\n" % number


def test_a_request_in_pieces(site: Site) -> None:
    with TlsPeer(site.address) as peer:
        for byte in build("POST", "/echo", body=b"abc"):
            peer.send(bytes([byte]))  # a record each
        assert peer.response().body == b"abc"


def test_records_cut_on_their_way(site: Site) -> None:
    """Each byte of the client's records comes alone."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing, server_hostname="one.test")
    with Peer(site.address) as peer:

        def carry() -> None:
            for byte in outgoing.read():
                peer.send(bytes([byte]))

        def until_done(act: object) -> object:
            while True:
                try:
                    return act()  # type: ignore[operator]
                except ssl.SSLWantReadError:
                    carry()
                    incoming.write(peer.socket.recv(65536))

        until_done(tls.do_handshake)
        tls.write(build("GET", "/hello", [("Connection", "close")]))
        carry()
        assert b"hello\n" in until_done(lambda: tls.read(65536))  # type: ignore[operator]


# ---- the end


def test_a_tidy_end(site: Site) -> None:
    with TlsPeer(site.address) as peer:
        answer = peer.ask(target="/hello", fields=[("Connection", "close")])
        assert answer.status == 200
        peer.expect_end()  # a ragged one would raise


def test_an_answer_without_a_length_ends_tidily(shared: Sites, site: Site) -> None:
    gate = shared.gate("tidy")
    with TlsPeer(site.address) as peer:
        peer.send(build("GET", "/stream?name=tidy", version="1.0"))
        head = peer.head()
        assert head.get("Content-Length") is None
        gate.wait_reached()
        gate.open()
        assert peer.to_end() == b"piece 0\npiece 1\npiece 2\n"


def test_the_client_says_goodbye_first(site: Site) -> None:
    with TlsPeer(site.address) as peer:
        assert peer.ask(target="/hello").status == 200
        peer.socket.unwrap()


def test_half_closed_with_a_request(site: Site) -> None:
    """close_notify right behind the request, in one segment: the answer still comes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing, server_hostname="one.test")
    with Peer(site.address) as peer:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                peer.send(outgoing.read())
                incoming.write(peer.socket.recv(65536))
        tls.write(build("GET", "/hello"))
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()
        peer.send(outgoing.read())
        came = b""
        while data := peer.socket.recv(65536):
            came += data
        assert len(came) > 100  # an answer, which Python's ssl does not read after unwrap()


def test_plain_and_tls_side_by_side(sites: Sites, tmp_path: Path) -> None:
    pair = certificates.make(tmp_path, "one")
    site = sites.start("plain", *pair.options, "--listen", "127.0.0.1:0", listen=LISTEN)
    secure, plain = site.addresses
    assert get(secure).body == b"hello\n"
    answer = http1.get(plain, "/environ")
    assert "HTTPS" not in json.loads(answer.body)
