"""Certificates while a site runs: replaced, refused, told of; those of clients; `run --tls`."""

import json
import os
import shutil
import signal
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import certificates
import pytest
from certificates import Pair
from conftest import Sites
from http1 import Cut, Peer
from program import PYTHON, Site, run, until
from test_tls import LISTEN, der
from tls_client import TlsPeer, certificate_of, client_context, get, only

LOOK = ["--tls-look", "20ms"]


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return certificates.make(tmp_path, "site", "one.test")


def put(new: Pair, at: Pair) -> None:
    """As certbot and others do: each file beside its place, then moved there."""
    for source, target in zip(new, at, strict=True):
        shutil.copy(source, f"{target}.new")
        os.replace(f"{target}.new", target)


def wait_served(site: Site, pair: Pair, host: str = "one.test") -> None:
    until("the new certificate", lambda: certificate_of(site.address, host) == der(pair))


class Visitors:
    """Threads that shake hands and ask, over and over."""

    def __init__(self, site: Site, count: int):
        self._site, self._is_over = site, threading.Event()
        self.seen: set[bytes] = set()
        self.failures: list[str] = []
        self.done = 0
        self._threads = [threading.Thread(target=self._visit, args=(i,)) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def _visit(self, number: int) -> None:
        context = only(ssl.TLSVersion.TLSv1_2 if number % 2 else ssl.TLSVersion.TLSv1_3)
        while not self._is_over.is_set():
            try:
                with TlsPeer(self._site.address, context=context) as peer:
                    self.seen.add(peer.certificate)
                    assert peer.ask(target="/hello").body == b"hello\n"
                    self.done += 1
            except Exception as error:
                self.failures.append(repr(error))

    def end(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()


# ---- replaced


def test_replaced_under_load_of_new_handshakes(sites: Sites, pair: Pair, tmp_path: Path) -> None:
    """By a link that is replaced: however slow this machine is, both files change at once."""

    def put_both(number: int) -> Pair:
        folder = tmp_path / str(number)
        folder.mkdir()
        made = certificates.make(folder, "site", "one.test")
        (tmp_path / "next").symlink_to(folder)
        os.replace(tmp_path / "next", tmp_path / "live")
        return made

    all_of_them = [der(put_both(0))]
    linked = Pair(*(tmp_path / "live" / file.name for file in pair))
    site = sites.start("plain", *linked.options, *LOOK, "--edges", "2", listen=LISTEN)
    with TlsPeer(site.address) as old:
        visitors = Visitors(site, 8)
        for number in range(1, 6):
            new = put_both(number)
            wait_served(site, new)
            all_of_them.append(der(new))
        reached = visitors.done + 50
        until("more handshakes", lambda: visitors.done > reached or visitors.failures)
        visitors.end()
        assert old.ask(target="/hello").body == b"hello\n"  # it was there before all of them
    assert visitors.failures == []
    assert visitors.seen <= set(all_of_them) and len(visitors.seen) > 1
    assert "certificates not" not in site.log()


def test_a_key_that_does_not_fit_changes_nothing(sites: Sites, pair: Pair, tmp_path: Path) -> None:
    site = sites.start("plain", *pair.options, *LOOK, listen=LISTEN)
    was = der(pair)
    new = certificates.make(tmp_path, "new", "one.test")
    stranger = certificates.make(tmp_path, "stranger")
    put(Pair(new.certificate, stranger.key), pair)
    site.err.wait(
        "certificates not replaced, the old ones serve on: error=.the key in "
        f"{pair.key} does not fit the certificate in {pair.certificate}"
    )
    assert certificate_of(site.address, "one.test") == was
    put(new, pair)
    wait_served(site, new)
    site.err.wait("certificates replaced")


def test_an_expired_one_does_not_replace_a_good_one(
    sites: Sites, pair: Pair, tmp_path: Path
) -> None:
    site = sites.start("plain", *pair.options, *LOOK, listen=LISTEN)
    was = der(pair)
    authority = certificates.make(tmp_path, "ca")
    put(certificates.sign(authority, tmp_path, "over", until="20210101000000Z"), pair)
    site.err.wait("certificates not replaced.*expired on 2021-01-01")
    put(certificates.sign(authority, tmp_path, "early", since="20900101000000Z"), pair)
    site.err.wait("certificates not replaced.*is not valid before 2090-01-01")
    assert certificate_of(site.address, "one.test") == was


def test_a_reload_reads_them_or_is_refused(sites: Sites, pair: Pair, tmp_path: Path) -> None:
    site = sites.start("plain", *pair.options, "--tls-look", "0", listen=LISTEN)
    was = der(pair)
    new = certificates.make(tmp_path, "new", "one.test")
    shutil.copy(new.certificate, pair.certificate)
    refused = site.verb("reload")
    assert refused.returncode == 1
    assert f"the key in {pair.key} does not fit" in refused.stderr
    assert certificate_of(site.address, "one.test") == was
    shutil.copy(new.key, pair.key)
    assert site.verb("reload").returncode == 0
    wait_served(site, new)


def test_an_edge_that_is_killed_comes_back_with_them(sites: Sites, pair: Pair) -> None:
    site = sites.start("plain", *pair.options, listen=LISTEN)
    context = only(ssl.TLSVersion.TLSv1_3)
    with TlsPeer(site.address, context=context) as peer:
        peer.ask(target="/hello")
        session = peer.socket.session
    (edge,) = site.pids("edge")
    os.kill(edge, signal.SIGKILL)
    until("another edge", lambda: site.pids("edge") not in ([], [edge]))
    with TlsPeer(site.address, context=context, session=session) as peer:
        assert peer.ask(target="/hello").body == b"hello\n"
        assert peer.socket.session_reused  # the keys outlived the edge


def test_sessions_end(sites: Sites, pair: Pair) -> None:
    site = sites.start("plain", *pair.options, "--tls-session", "2s", listen=LISTEN)
    context = only(ssl.TLSVersion.TLSv1_3)

    def visit(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        with TlsPeer(site.address, context=context, session=session) as peer:
            assert peer.ask(target="/hello").status == 200
            return bool(peer.socket.session_reused), peer.socket.session

    _, first = visit(None)
    until("the session to be over", lambda: not visit(first)[0])
    _, later = visit(None)
    assert visit(later)[0]  # by a newer key


# ---- where they are


def test_a_folder_of_them(sites: Sites, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    live = folder / "three.test"
    live.mkdir(parents=True)
    (folder / "README").write_text("not a certificate\n")
    one = certificates.make(folder, "a-one", "one.test")
    two = certificates.make(tmp_path, "two", "two.test")
    text = two.key.read_text() + two.certificate.read_text()
    (folder / "both.pem").write_text(text)
    three = certificates.make(tmp_path, "three", "three.test")
    shutil.copy(three.certificate, live / "fullchain.pem")
    shutil.copy(three.certificate, live / "cert.pem")
    shutil.copy(three.key, live / "privkey.pem")
    site = sites.start("plain", "--tls-certificate", str(folder), *LOOK, listen=LISTEN)
    for host, pair in (("one.test", one), ("two.test", two), ("three.test", three)):
        assert certificate_of(site.address, host) == der(pair)
    four = certificates.make(folder, "four", "four.test")
    wait_served(site, four, "four.test")


def test_the_chain_is_sent_in_order(sites: Sites, tmp_path: Path) -> None:
    root = certificates.make(tmp_path, "root", subject="/CN=root")
    middle = certificates.sign(root, tmp_path, "middle", is_authority=True)
    leaf = certificates.sign(middle, tmp_path, "leaf", "one.test")
    mixed = tmp_path / "mixed.pem"
    parts = (root, middle, leaf)  # the wrong way round, and a root that nobody needs
    mixed.write_text("".join(part.certificate.read_text() for part in parts))
    site = sites.start("plain", *Pair(mixed, leaf.key).options, listen=LISTEN)
    context = ssl.create_default_context(cafile=str(root.certificate))
    assert get(site.address, context=context).body == b"hello\n"
    shown = certificates.openssl(
        *["s_client", "-connect", f"127.0.0.1:{site.port}", "-showcerts", "-servername", "one.test"]
    )
    assert shown.count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "a listener has the word tls, but nothing names a certificate"),
        (["--tls-certificate", "/nowhere.pem"], "cannot read the certificate /nowhere.pem"),
        (["--tls-certificate", "{empty}"], "there is no certificate with a key in the folder"),
        (["--tls-certificate", "{alone}"], "where is the key of {alone}"),
        (["--tls-certificate", "{alone}", "--tls-key", "{alone}"], "no private key in {alone}"),
        (
            ["--tls-certificate", "{text}", "--tls-key", "{text}"],
            "there is no certificate in {text}",
        ),
        (
            ["--tls-certificate", "{good}", "--tls-client-ca", "{text}"],
            "there is no certificate in {text}",
        ),
    ],
)
def test_a_start_that_is_refused(
    sites: Sites, pair: Pair, tmp_path: Path, options: list[str], words: str
) -> None:
    alone, text, empty = tmp_path / "alone.pem", tmp_path / "text.pem", tmp_path / "empty"
    shutil.copy(pair.certificate, alone)
    text.write_text("BEGIN CERTIFICATE----- not\n")
    empty.mkdir()
    names = {"alone": alone, "text": text, "empty": empty, "good": pair.certificate}
    done = run(
        *["serve", "plain:application", "--python", PYTHON, "--listen", LISTEN],
        *[option.format(**names) for option in options],
        *["--control", f"unix:{sites.folder}/c"],
        folder=Path(__file__).parent / "apps",
    )
    assert done.returncode == 1
    assert words.format(**names) in done.stderr


# ---- what operators see


def test_check_and_status_tell_the_end(sites: Sites, tmp_path: Path) -> None:
    days = {"far": 90, "near": 20, "soon": 3}
    pairs = {name: certificates.make(tmp_path, name, days=n) for name, n in days.items()}
    authority = certificates.make(tmp_path, "ca")
    pairs["over"] = certificates.sign(authority, tmp_path, "over", until="20210101000000Z")
    options = [option for pair in pairs.values() for option in pair.options]
    site = sites.start("plain", *options, listen=LISTEN)
    rows = {row["names"]: row for row in site.status()["certificates"]}
    assert rows["far.test"]["days"] in (89, 90) and rows["far.test"]["kind"] == "ECDSA 256"
    assert rows["over.test"]["days"] < 0
    shown = site.verb("status").stdout
    assert "!  certificate over.test" in shown and "   certificate far.test" in shown
    site.err.wait("certificate expired: .*over.pem on=2021-01-01")
    site.err.wait("certificate expires: .*soon.pem")
    checked = json.loads(
        site.verb("check", "--json", "plain:application", "--listen", LISTEN, *options).stdout
    )
    levels = {
        name: row["level"]
        for row in checked["checks"]
        for name in pairs
        if row["name"] == "certificates" and f"/{name}.pem" in row["text"]
    }
    assert levels == {"far": "ok", "near": "warning", "soon": "problem", "over": "problem"}


def test_check_sees_a_key_for_everybody(sites: Sites, pair: Pair) -> None:
    pair.key.chmod(0o644)
    done = run(
        *["check", "--json", "plain:application", "--python", PYTHON, "--listen", LISTEN],
        *pair.options,
        folder=Path(__file__).parent / "apps",
    )
    rows = [row for row in json.loads(done.stdout)["checks"] if row["name"] == "certificates"]
    assert any("everybody can read the key" in row["text"] for row in rows)


# ---- clients' certificates


@pytest.fixture(scope="module")
def authority(shared: Sites) -> Pair:
    return certificates.make(shared.folder, "clients", subject="/CN=our clients")


@pytest.fixture(scope="module")
def ann(shared: Sites, authority: Pair) -> Pair:
    return certificates.sign(authority, shared.folder, "ann", subject="/O=Yard/CN=Ann")


@pytest.fixture(params=["required", "optional"])
def asking(request: pytest.FixtureRequest, sites: Sites, pair: Pair, authority: Pair) -> Site:
    options = ["--tls-client-ca", str(authority.certificate), "--tls-client", request.param]
    site: Site = sites.start("plain", *pair.options, *options, "--edges", "2", listen=LISTEN)
    return site


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_with_certificates(asking: Site, ann: Pair, version: ssl.TLSVersion) -> None:
    context = only(version)
    context.load_cert_chain(*ann)
    session = None
    for _ in range(2):  # the second time by a session
        with TlsPeer(asking.address, context=context, session=session) as peer:
            environ = json.loads(peer.ask(target="/environ").body)
            assert environ["SSL_CLIENT_VERIFY"] == "SUCCESS"
            assert environ["SSL_CLIENT_S_DN"] == "CN=Ann,O=Yard"
            assert environ["SSL_CLIENT_I_DN"] == "CN=our clients"
            assert environ["SSL_CLIENT_SERIAL"] == "1000"
            assert peer.socket.session_reused == (session is not None)
            session = peer.socket.session


def test_clients_without_certificates(asking: Site) -> None:
    fields = [("Ssl-Client-Verify", "SUCCESS"), ("SSL_CLIENT_VERIFY", "SUCCESS")]
    if "required" in asking.arguments:
        with pytest.raises((ssl.SSLError, ConnectionError, Cut)):
            get(asking.address, "/environ")
        return
    with TlsPeer(asking.address) as peer:
        environ = json.loads(peer.ask(target="/environ", fields=fields).body)
    assert environ["SSL_CLIENT_VERIFY"] == "NONE"
    assert "SSL_CLIENT_S_DN" not in environ


def test_clients_of_somebody_else(asking: Site, tmp_path: Path) -> None:
    context = client_context()
    context.load_cert_chain(*certificates.make(tmp_path, "eve"))
    with pytest.raises((ssl.SSLError, ConnectionError, Cut)):  # an alert or a reset
        get(asking.address, "/environ", context=context)
    assert "/environ" not in asking.access_log()


# ---- slow ones


def test_a_handshake_has_its_time(sites: Sites, pair: Pair) -> None:
    site = sites.start("plain", *pair.options, "--handshake-timeout", "300ms", listen=LISTEN)
    with Peer(site.address) as silent, Peer(site.address) as half, TlsPeer(site.address) as good:
        half.send(b"\x16\x03\x01")
        silent.expect_end()
        half.expect_end()
        assert good.ask(target="/hello").body == b"hello\n"


# ---- run --tls


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder


def test_run_tls_makes_a_certificate_once(sites: Sites, home: Path) -> None:
    env = {"HOME": str(home), "XDG_CACHE_HOME": ""}
    file = home / ".cache" / "slipway" / "localhost.pem"
    seen = []
    for _ in range(2):
        site = sites.start("plain", "--tls", verb="run", env=env)
        assert site.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(file))
        for host in ("localhost", "127.0.0.1", "::1"):
            assert get(site.address, host=host, context=context).body == b"hello\n"
        seen.append(certificate_of(site.address, "localhost"))
        assert site.verb("reload").returncode == 0
        assert get(site.address, host="localhost", context=context).body == b"hello\n"
        site.stop()
    assert seen[0] == seen[1]
    assert file.stat().st_mode & 0o777 == 0o600
