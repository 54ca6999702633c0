"""The contract between server and application (PEP 3333), with one thread and with four."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from conftest import Sites
from http1 import Cut, Peer, build, chunked, get, post
from program import Site, until, wait_gone

NO_RESPONSE = b"Not A Response"


@pytest.fixture(scope="module", params=[1, 4], ids=["1 thread", "4 threads"])
def pep(request: pytest.FixtureRequest, shared: Sites) -> Site:
    return shared.start("pep", "--body-memory", "64K", threads=request.param)


@pytest.fixture
def peer(pep: Site) -> Iterator[Peer]:
    with Peer(pep.address) as one:
        yield one


@pytest.fixture
def names(request: pytest.FixtureRequest) -> str:
    """A name for gates that no other test has."""
    return f"g{abs(hash(request.node.nodeid))}"


def goes_on(peer: Peer) -> None:
    """The connection is in step: the next response is the one to the next request."""
    answer = peer.ask(target="/hello")
    assert (answer.status, answer.body) == (200, b"hello\n")


# ---- start_response


def test_status_and_headers_as_they_are(peer: Peer) -> None:
    answer = peer.ask(target="/reason")
    assert (answer.status, answer.head.reason) == (299, "Quite All Right")
    assert answer.head.all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.body == b"reason\n"


def test_a_list_of_one_block_has_a_length(peer: Peer) -> None:
    answer = peer.ask(target="/list")
    assert answer.get("Content-Length") == "100000" and answer.body == b"x" * 100_000


def test_latin1_in_a_header(peer: Peer) -> None:
    assert peer.ask(target="/latin1").get("X-Name") == "caf\xe9"


def test_a_head_may_be_replaced_before_it_is_sent(peer: Peer) -> None:
    answer = peer.ask(target="/replaced")
    assert (answer.status, answer.head.reason) == (503, "Replaced")
    assert answer.get("X-First") is None and answer.body == b"replaced\n"


def test_a_head_cannot_be_replaced_after_it_was_sent(pep: Site, peer: Peer) -> None:
    since = len(pep.log())
    peer.send(build("GET", "/replaced-late"))
    head = peer.head()
    assert head.status == 200 and peer.chunk() == b"the head is sent\n"
    with pytest.raises(Cut):
        peer.chunk()
    pep.err.wait("KeyError: 'after the head was sent'", since)


@pytest.mark.parametrize("path", ["/twice", "/never", "/never-empty", "/text-blocks", "/none"])
def test_broken_rules_are_500(pep: Site, peer: Peer, path: str) -> None:
    since = len(pep.log())
    answer = peer.ask(target=path)
    assert answer.status == 500
    pep.err.wait(r"(Assertion|Type)Error: ", since)
    goes_on(peer)


def heads() -> list[str]:
    """The names in apps/pep.py, without importing it: it belongs to the worker's interpreter."""
    text = (Path(__file__).parent / "apps" / "pep.py").read_text()
    block = text.partition("HEADS: ")[2].partition("\n}\n")[0]
    return [line.split('"')[1] for line in block.splitlines() if line.startswith('    "')]


@pytest.mark.parametrize("name", heads())
def test_bad_heads_never_reach_the_wire(pep: Site, peer: Peer, name: str) -> None:
    since = len(pep.log())
    answer = peer.ask(target=f"/head?name={name}")
    assert answer.status == 500
    assert b"evil" not in answer.body
    assert not [pair for pair in answer.head.fields if "evil" in " ".join(pair).lower()]
    pep.err.wait(r"^\w+Error: ", since)
    goes_on(peer)


def test_start_response_inside_a_generator(peer: Peer) -> None:
    assert peer.ask(target="/late-start").body == b"late\n"


def test_kept_callables_are_dead(pep: Site, peer: Peer) -> None:
    assert peer.ask(target="/keep").body == b"kept\n"
    assert peer.ask(target="/use-kept").body == b"RuntimeError RuntimeError ValueError"
    goes_on(peer)


# ---- bodies


def test_a_generator_goes_block_by_block(pep: Site, shared: Sites, peer: Peer, names: str) -> None:
    gate = shared.gate(names)
    peer.send(build("GET", f"/stream?name={names}"))
    assert peer.head().get("Transfer-Encoding") == "chunked"
    for number in range(3):
        assert peer.chunk() == b"piece %d\n" % number
        gate.wait_reached()
        gate.open()
    assert peer.chunk() is None
    goes_on(peer)


def test_write_is_sent_before_it_returns(pep: Site, shared: Sites, peer: Peer, names: str) -> None:
    gate = shared.gate(names)
    peer.send(build("GET", f"/write?name={names}"))
    peer.head()
    gate.wait_reached()
    assert peer.chunk() == b"written\n"
    gate.open()
    assert b"".join(iter(peer.chunk, None)) == b"again\nreturned\n"


def test_empty_blocks_are_no_end(peer: Peer) -> None:
    assert peer.ask(target="/generator").body == b"one\ntwo\n"
    goes_on(peer)


def test_many_blocks(peer: Peer) -> None:
    answer = peer.ask(target="/chunks?n=3000")
    assert answer.body == b"".join(b"%06d " % number * 100 for number in range(3000))
    goes_on(peer)


def test_an_empty_list(peer: Peer) -> None:
    answer = peer.ask(target="/nothing")
    assert answer.get("Content-Length") == "0" and answer.body == b""
    goes_on(peer)


@pytest.mark.parametrize("line", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("path", ["/status", "/status-with-body"])
def test_statuses_without_a_body(peer: Peer, line: str, path: str) -> None:
    answer = peer.ask(target=f"{path}?line={quote(line)}")
    assert f"{answer.status} {answer.head.reason}" == line
    assert answer.get("Transfer-Encoding") is None and answer.get("Content-Length") is None
    goes_on(peer)


@pytest.mark.parametrize("path", ["/hello", "/generator", "/head-generator", "/chunks?n=100"])
def test_head_requests_have_no_body(peer: Peer, path: str) -> None:
    assert peer.ask("HEAD", path).status == 200
    goes_on(peer)


def test_head_keeps_the_length_that_was_said(peer: Peer) -> None:
    assert peer.ask("HEAD", "/head-length").get("Content-Length") == "12345"
    goes_on(peer)


@pytest.mark.parametrize("path", ["/too-long", "/too-long-in-pieces"])
def test_more_than_content_length_is_dropped(pep: Site, peer: Peer, path: str) -> None:
    since = len(pep.log())
    assert peer.ask(target=path).body == b"12345"
    goes_on(peer)
    pep.err.wait("longer than its Content-Length", since)


def test_less_than_content_length_is_a_cut(pep: Site, peer: Peer) -> None:
    since = len(pep.log())
    peer.send(build("GET", "/too-short"))
    head = peer.head()
    assert head.get("Content-Length") == "50"
    with pytest.raises(Cut):
        peer.body(head)
    pep.err.wait("shorter than its Content-Length", since)


def test_close_is_called_at_the_end(shared: Sites, peer: Peer, names: str) -> None:
    gate = shared.gate(names)
    assert peer.ask(target=f"/closes?name={names}").body == b"one\ntwo\n"
    assert gate.wait_reached() == "closed"


def test_close_is_called_for_head(shared: Sites, peer: Peer, names: str) -> None:
    gate = shared.gate(names)
    assert peer.ask("HEAD", f"/closes?name={names}").body == b""
    assert gate.wait_reached() == "closed"
    goes_on(peer)


def test_close_is_called_after_an_exception(
    pep: Site, shared: Sites, peer: Peer, names: str
) -> None:
    gate = shared.gate(names)
    peer.send(build("GET", f"/closes-raises?name={names}"))
    head = peer.head()
    with pytest.raises(Cut):
        peer.body(head)
    assert gate.wait_reached() == "closed"


def test_close_is_called_when_nothing_was_started(shared: Sites, peer: Peer, names: str) -> None:
    gate = shared.gate(names)
    assert peer.ask(target=f"/closes-unstarted?name={names}").status == 500
    assert gate.wait_reached() == "closed"


def test_close_is_called_when_the_client_leaves(pep: Site, shared: Sites, names: str) -> None:
    gate = shared.gate(names)
    with Peer(pep.address) as one:
        one.send(build("GET", f"/closes-endless?name={names}"))
        one.head()
        assert one.chunk()
    assert gate.wait_reached() == "closed"
    assert get(pep.address, "/hello").status == 200


def test_an_exception_in_close_costs_nothing(
    pep: Site, shared: Sites, peer: Peer, names: str
) -> None:
    shared.gate(names)
    since = len(pep.log())
    assert peer.ask(target=f"/close-fails?name={names}").body == b"whole\n"
    goes_on(peer)
    pep.err.wait(r"RuntimeError: close\(\) fails, as asked", since)


# ---- files


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "data"
    path.write_bytes(bytes(range(256)) * 2000)
    return path


def test_a_file(peer: Peer, data: Path) -> None:
    answer = peer.ask(target=f"/file?path={data}")
    assert answer.body == data.read_bytes()
    assert answer.get("Content-Length") == str(data.stat().st_size)
    goes_on(peer)


def test_a_file_from_its_position(peer: Peer, data: Path) -> None:
    assert peer.ask(target=f"/file?path={data}&skip=100001").body == data.read_bytes()[100001:]
    assert peer.ask(target=f"/file?path={data}&skip=600000").body == b""
    goes_on(peer)


def test_a_file_within_its_length(peer: Peer, data: Path) -> None:
    answer = peer.ask(target=f"/file?path={data}&skip=7&length=1000")
    assert answer.body == data.read_bytes()[7:1007]
    goes_on(peer)


def test_a_file_shorter_than_its_length(pep: Site, peer: Peer, data: Path) -> None:
    peer.send(build("GET", f"/file?path={data}&length=600000"))
    head = peer.head()
    assert head.get("Content-Length") == "600000"
    with pytest.raises(Cut):
        peer.body(head)


def test_a_file_for_head(peer: Peer, data: Path) -> None:
    answer = peer.ask("HEAD", f"/file?path={data}")
    assert answer.get("Content-Length") == str(data.stat().st_size)
    goes_on(peer)


def test_an_empty_file(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert peer.ask(target=f"/file?path={tmp_path}/empty").body == b""
    goes_on(peer)


def test_a_file_without_a_size(peer: Peer) -> None:
    assert peer.ask(target="/file?path=/proc/self/status").body.startswith(b"Name:")
    goes_on(peer)


def test_a_file_is_closed(shared: Sites, peer: Peer, data: Path, names: str) -> None:
    gate = shared.gate(names)
    assert peer.ask(target=f"/file-closes?path={data}&name={names}").body == data.read_bytes()
    assert gate.wait_reached() == "closed"


def test_no_file(shared: Sites, peer: Peer, names: str) -> None:
    gate = shared.gate(names)
    assert peer.ask(target=f"/no-file?name={names}").body == b"told\n" * 10_000
    assert gate.wait_reached() == "closed"


def test_a_file_that_reads_otherwise_than_its_descriptor(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"unpacked\n" * 1000))
    assert peer.ask(target=f"/gzip-file?path={tmp_path}/a.gz").body == b"unpacked\n" * 1000


def test_a_pipe_is_no_file(peer: Peer) -> None:
    assert peer.ask(target="/pipe-file").body == b"through a pipe\n"
    goes_on(peer)


# ---- what the server gives


def test_environ(pep: Site, peer: Peer) -> None:
    words = json.loads(peer.ask(target="/environ?a=b").body)
    assert words["type"] == "dict" and words["version"] == [1, 0]
    assert words["wsgi.url_scheme"] == "http" and words["wsgi.run_once"] is False
    assert pep.ready and words["wsgi.multithread"] is (pep.ready["threads"] == "4")
    assert words["wsgi.multiprocess"] in (True, False)
    assert words["QUERY_STRING"] == "a=b" and words["PATH_INFO"] == "/environ"
    assert words["thread"] is (words["wsgi.multithread"] is False)


def test_environ_is_nobody_elses(peer: Peer) -> None:
    for _ in range(3):
        assert peer.ask(target="/environ-own").body == b"fresh\n"
    assert json.loads(peer.ask(target="/environ").body)["HTTP_HOST"] == "site.test"


def test_environ_changes_with_the_request(peer: Peer) -> None:
    first = json.loads(peer.ask(target="/environ", fields=[("X-Only", "first")]).body)
    second = json.loads(peer.ask(target="/environ?q", fields=[("X-Other", "second")]).body)
    assert first["HTTP_X_ONLY"] == "first" and "HTTP_X_ONLY" not in second
    assert second["HTTP_X_OTHER"] == "second" and second["QUERY_STRING"] == "q"


def test_content_type_and_length(peer: Peer) -> None:
    fields = [("Content-Type", "a/b")]
    words = json.loads(peer.ask("POST", "/environ", fields, b"123").body)
    assert words["CONTENT_TYPE"] == "a/b" and words["CONTENT_LENGTH"] == "3"
    assert "HTTP_CONTENT_TYPE" not in words and "HTTP_CONTENT_LENGTH" not in words


def test_script_name(sites: Sites) -> None:
    site = sites.start("plain", "--mount", "/sub/site")
    words = json.loads(get(site.address, "/sub/site/environ?x").body)
    assert (words["SCRIPT_NAME"], words["PATH_INFO"]) == ("/sub/site", "/environ")
    assert get(site.address, "/sub/site/").text == "GET /\n"
    assert get(site.address, "/sub/site").text == "GET \n"
    for target in ["/environ", "/", "/sub", "/sub/site2", "/sub/site/../environ"]:
        assert get(site.address, target).status == 404


def test_errors_go_to_the_log(pep: Site, peer: Peer) -> None:
    since = len(pep.log())
    assert peer.ask(target="/errors").status == 200
    pep.err.wait(r"words for the log: caf", since)
    pep.err.wait(r"more words$", since)
    pep.err.wait(r"printed words$", since)


BODIES = {
    "none": b"",
    "small": b"a\nbc\n\nd",
    "memory": b"line\n" * 8000,
    "file": b"1234\n" * 40_000,
}


@pytest.mark.parametrize("size", BODIES)
@pytest.mark.parametrize("how", ["pieces", "lines", "readlines", "for"])
def test_input(peer: Peer, size: str, how: str) -> None:
    body = BODIES[size]
    got = json.loads(peer.ask("POST", f"/input?how={how}", body=body).body)
    assert "".join(got).encode() == body
    if how != "pieces":
        assert got == [line.decode() for line in body.splitlines(keepends=True)]


def test_input_ends_where_the_body_ends(peer: Peer) -> None:
    peer.send(build("POST", "/input?how=read&size=1000000", body=b"body") + build("GET", "/hello"))
    assert json.loads(peer.response().body) == ["body"]
    assert peer.response().body == b"hello\n"


@pytest.mark.parametrize("size", [10, 100_000, 1 << 20])
def test_unread_bodies(peer: Peer, size: int) -> None:
    for _ in range(3):
        assert peer.ask("POST", "/hello", body=b"x" * size).body == b"hello\n"
    fields = [("Transfer-Encoding", "chunked")]
    assert peer.ask("POST", "/hello", fields, chunked(b"x" * size)).body == b"hello\n"
    goes_on(peer)


# ---- what goes wrong

RAISED = (
    "RuntimeError UnicodeError OwnError GeneratorExit StopIteration MemoryError BrokenPipeError"
)


@pytest.mark.parametrize("what", RAISED.split())
def test_an_exception_is_500_and_a_traceback(pep: Site, peer: Peer, what: str) -> None:
    since = len(pep.log())
    answer = peer.ask(target=f"/raise?what={what}")
    assert answer.status == 500 and b"raised" not in answer.body
    pep.err.wait("raised, as asked", since)
    assert "Traceback (most recent call last)" in pep.log()[since:]
    assert f"/raise?what={what}" in pep.log()[since:]
    goes_on(peer)


def test_an_exception_after_start_response(pep: Site, peer: Peer) -> None:
    since = len(pep.log())
    answer = peer.ask(target="/raise-started")
    assert answer.status == 500 and answer.get("X-Never") is None
    pep.err.wait("RuntimeError: started, as asked", since)
    goes_on(peer)


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("target", ["/raise-midway", "/raise-midway?length=100", "/raise-written"])
def test_an_exception_midway_is_seen(pep: Site, peer: Peer, target: str, version: str) -> None:
    since = len(pep.log())
    peer.send(build("GET", target, version=version))
    head = peer.head()
    assert head.status == 200
    with pytest.raises(Cut):
        peer.body(head)
    pep.err.wait(r"RuntimeError: .*, as asked", since)


# ---- workers that end


def pid_of(site: Site) -> int:
    return int(get(site.address, "/pid").body)


@pytest.mark.parametrize("how", ["sys", "interrupt"])
def test_system_exit_costs_one_worker(sites: Sites, how: str) -> None:
    site = sites.start("pep", workers=2)
    victims = {worker["pid"] for worker in site.workers()}
    answer = post(site.address, f"/exit?how={how}", b"")
    assert answer.status == 500
    gone = until(
        "a worker to leave", lambda: victims - {w["pid"] for w in site.workers("idle", "busy")}
    )
    wait_gone(gone)
    site.wait_workers(2, without=gone)
    assert pid_of(site) not in gone


@pytest.mark.parametrize("how", ["os", "9", "11"])
def test_a_worker_that_ends_costs_one_request(sites: Sites, how: str) -> None:
    site = sites.start("pep", workers=2)
    before = {worker["pid"] for worker in site.workers()}
    answer = post(site.address, f"/exit?how={how}", b"")
    assert answer.status == 502 and answer.get("X-Request-ID")
    after = {worker["pid"] for worker in site.wait_workers(2)}
    assert len(before - after) == 1
    assert get(site.address, "/hello").status == 200
    site.err.wait(rf"{answer.get('X-Request-ID')}")


def test_system_exit_with_threads(sites: Sites) -> None:
    site = sites.start("pep", threads=4)
    victim = pid_of(site)
    gate = sites.gate("held")
    with Peer(site.address) as held:
        held.send(build("GET", "/gate?name=held"))
        gate.wait_reached()
        assert post(site.address, "/exit?how=sys", b"").status == 500
        gate.open()
        assert held.response().body == b"%d\n" % victim
    wait_gone([victim])
    assert pid_of(site) != victim


def test_a_fork_that_comes_back(sites: Sites) -> None:
    site = sites.start("pep")
    with Peer(site.address) as one:
        for _ in range(5):
            assert one.ask(target="/fork").body == b"from the parent\n"
        goes_on(one)
        assert one.is_quiet()


# ---- threads


def test_four_threads_run_four_requests(sites: Sites) -> None:
    site = sites.start("pep", threads=4)
    gate = sites.gate("four")
    peers = [Peer(site.address) for _ in range(4)]
    for one in peers:
        one.send(build("GET", "/gate?name=four"))
    pids = {gate.wait_reached() for _ in peers}
    assert len(pids) == 1
    gate.open(4)
    for one in peers:
        assert one.response().body.strip().decode() in pids
        one.close()


def test_one_thread_runs_one_request(sites: Sites) -> None:
    site = sites.start("pep")
    gate = sites.gate("one")
    peers = [Peer(site.address) for _ in range(3)]
    for one in peers:
        one.send(build("GET", "/gate?name=one"))
    for _ in peers:
        gate.wait_reached()
        assert get(site.address, "/.slipway/live").status == 200
        assert not gate.is_reached()
        gate.open()
    assert [one.response().status for one in peers] == [200, 200, 200]
    for one in peers:
        one.close()


def test_the_validator_is_silent(pep: Site) -> None:
    assert get(pep.address, "/hello").status == 200
    assert "WSGIWarning" not in pep.log()
    assert "wsgiref/validate.py" not in pep.log()
    assert "garbage collected without being closed" not in pep.log()
