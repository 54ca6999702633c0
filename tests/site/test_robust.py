"""What is promised when something dies, is slow or too much (docs/architecture.md, section 5)."""

import os
import random
import shutil
import signal
import stat
import zlib
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Cut, Peer, Response, build, can_connect, get, post
from load import Load, while_loaded
from program import (
    IS_SANITIZED,
    Site,
    limit_files,
    memory_kib,
    processes_of,
    until,
    wait_gone,
)

MIB = 1 << 20
BLOCK = bytes(range(256)) * 4096
KILLS = int(os.environ.get("SLIPWAY_TEST_KILLS", "100"))


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


# ---- workers that die


def test_kills_under_load_cost_no_request(sites: Sites) -> None:
    """Many workers: one that died soon after its start is started again later and later."""
    site = sites.start("work", "--access-log", "off", workers=16)
    chance = random.Random(4)
    killed: set[int] = set()

    def living() -> list[int] | None:
        workers = [pid for pid in site.pids("worker") if pid not in killed]
        return workers if len(workers) >= 4 else None

    def kill_many(load: Load) -> None:
        for _ in range(KILLS):
            load.wait_more(chance.randrange(1, 60))
            victim = chance.choice(until("workers", living))
            kill(victim)
            killed.add(victim)

    load = while_loaded(site.address, kill_many)
    assert load.answers > KILLS
    assert site.status()["restarts"] >= KILLS - 16
    site.wait_workers(4)


def test_kills_of_busy_workers_cost_no_request(sites: Sites) -> None:
    """Each victim surely runs a request: it is run again elsewhere."""
    site = sites.start("work", workers=3)
    gate = sites.gate("busy")
    for number in range(6):
        with Peer(site.address) as one:
            one.send(build("GET", f"/gate/{number}?name=busy"))
            first = int(gate.wait_reached())
            kill(first)
            second = int(gate.wait_reached())
            assert second != first
            gate.open()
            assert one.response().body == b"/gate/%d %d\n" % (number, second)
        site.err.wait(rf"worker died: .*pid={first} ")


def test_a_worker_killed_before_it_took_the_request(sites: Sites) -> None:
    """It was offered more than it had taken; even a POST goes to another worker then."""
    site = sites.start("work", workers=1)
    gate = sites.gate("first")
    with ExitStack() as stack:
        held, *queued = [stack.enter_context(Peer(site.address)) for _ in range(5)]
        held.send(build("POST", "/gate?name=first", body=b"x"))
        victim = int(gate.wait_reached())
        for number, one in enumerate(queued):
            one.send(build("POST", f"/job/{number}", body=b"x"))
        until("all to be queued", lambda: edge_sum(site, "queued", "in_hand") == 5)
        kill(victim)
        assert held.response().status == 502
        for number, one in enumerate(queued):
            answer = one.response()
            assert answer.status == 200 and answer.text.startswith(f"/job/{number} ")


def edge_sum(site: Site, *names: str) -> int:
    return sum(edge.get(name, 0) for edge in site.status()["edges"] for name in names)


def test_an_unsafe_request_is_not_run_twice(sites: Sites) -> None:
    site = sites.start("work", workers=2)
    gate = sites.gate("post")
    with Peer(site.address) as one:
        one.send(build("POST", "/gate?name=post", body=b"x"))
        victim = int(gate.wait_reached())
        kill(victim)
        answer = one.response()
    assert answer.status == 502
    request_id = answer.get("X-Request-ID") or ""
    assert len(request_id) == 32 and request_id in answer.text
    line = site.err.wait(rf"^.*{request_id}.*$")[0]
    assert str(victim) in line and "/gate?name=post" in line
    site.err.wait(rf"worker died: .*pid={victim} .*9")
    site.out.wait(rf'"POST /gate\?name=post HTTP/1.1" 502 .*{request_id}')
    assert get(site.address, "/job/after").status == 200
    assert not gate.is_reached()


def test_a_request_that_kills_is_not_run_for_ever(sites: Sites) -> None:
    site = sites.start("work", workers=4)
    gate = sites.gate("deadly")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=deadly"))
        for _ in range(2):
            kill(int(gate.wait_reached()))
        assert one.response().status == 502
    with Peer(site.address) as one:  # known by now: no second try
        one.send(build("GET", "/gate?name=deadly"))
        kill(int(gate.wait_reached()))
        assert one.response().status == 502
    assert get(site.address, "/job/after").status == 200


def test_no_retry_when_it_is_not_wanted(sites: Sites) -> None:
    site = sites.start("work", "--no-retry", workers=2)
    gate = sites.gate("once")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=once"))
        kill(int(gate.wait_reached()))
        assert one.response().status == 502
    assert not gate.is_reached()


def test_a_worker_killed_within_its_response(sites: Sites) -> None:
    site = sites.start("work", "--response-spool", "1M", workers=1)
    with Peer(site.address, receive_bytes=8192) as one:
        one.send(build("GET", "/download?mib=64"))
        head = one.head()
        kill(site.pids("worker")[0])
        with pytest.raises(Cut):
            one.body(head)
    assert get(site.address, "/job/after").status == 200


@pytest.mark.parametrize("held", ["/download", "/elsewhere"])
def test_the_worker_of_one_route_waits_for_its_client(sites: Sites, held: str) -> None:
    """response-spool = 0 of a route: the worker makes what its client takes, and no more."""
    ini = sites.folder / "slipway.ini"
    ini.write_text(f"[slipway]\n[route {held}]\nresponse-spool = 0\n")
    site = sites.start("work", "--config", str(ini), workers=1)
    made = sites.gate("made")
    with Peer(site.address, receive_bytes=8192) as one:
        one.send(build("GET", "/download?mib=64&name=made"))
        head = one.head()
        if held == "/elsewhere":
            made.wait_reached()  # all of it, before the client took a tenth
            assert len(one.body(head)) == 64 << 20
        else:
            kill(site.pids("worker")[0])
            with pytest.raises(Cut):
                one.body(head)


# ---- the other processes


def test_the_zygote_is_killed(sites: Sites) -> None:
    """Serving goes on; a generation that cannot be extended is replaced when a worker is needed."""
    site = sites.start("work", workers=2)

    def act(load: Load) -> None:
        kill(site.pids("zygote")[0])
        load.wait_more(50)
        kill(site.pids("worker")[0])
        until("a new generation", lambda: site.status()["generation"] == 2)
        load.wait_more(50)

    while_loaded(site.address, act)
    site.wait_workers(2)


def test_the_edge_is_killed(sites: Sites) -> None:
    site = sites.start("work", workers=2)
    for number in range(5):
        with Peer(site.address) as lost:
            assert lost.ask(target=f"/job/{number}").status == 200
            edge = site.pids("edge")[0]
            kill(edge)
            lost.expect_end()
        assert get(site.address, f"/job/again/{number}").status == 200
        assert site.pids("edge") != [edge]
    assert site.status()["edges"][0]["pid"] == site.pids("edge")[0]


def test_the_edge_is_killed_while_workers_run(sites: Sites) -> None:
    """What a worker still does for the dead edge harms nobody, and its slot is used again."""
    site = sites.start("work", workers=1, threads=2)
    gate = sites.gate("orphan")
    for number in range(3):
        with Peer(site.address) as lost:
            lost.send(build("POST", "/gate?name=orphan", body=b"x" * 100_000))
            gate.wait_reached()
            kill(site.pids("edge")[0])
            lost.expect_end()
        assert get(site.address, f"/job/{number}").status == 200
        gate.open()
        until("an idle worker", lambda: site.workers("idle"))
    for number in range(20):
        assert get(site.address, f"/job/later/{number}").status == 200


def test_the_scribe_is_killed(sites: Sites) -> None:
    site = sites.start("work")
    for number in range(3):
        scribe = site.pids("scribe")[0]
        kill(scribe)
        wait_gone([scribe])
        assert get(site.address, f"/job/{number}").status == 200
        site.out.wait(rf'"GET /job/{number} HTTP/1.1" 200')
    until("a scribe", lambda: site.pids("scribe"))


def test_the_master_is_killed(sites: Sites) -> None:
    """The others notice, finish what is under way, and are gone."""
    site = sites.start("work", workers=2)
    gate = sites.gate("orphans")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=orphans"))
        gate.wait_reached()
        others = [pid for pid in processes_of(site.pid) if pid != site.pid]
        kill(site.pid)
        gate.open()
        assert one.response().status == 200
    wait_gone(others)
    site.stop(status=-signal.SIGKILL)


# ---- reload and stop under load


def test_reload_under_load(sites: Sites) -> None:
    site = sites.start("work", workers=2)

    def act(load: Load) -> None:
        for _ in range(5):
            done = site.verb("reload")
            assert done.returncode == 0, done.stderr
            load.wait_more(20)

    while_loaded(site.address, act)
    assert site.status()["generation"] == 6
    until("old generations to end", lambda: len(site.status()["generations"]) == 1)


def test_post_reload_under_load(sites: Sites) -> None:
    site = sites.start("work", workers=2)

    def act(load: Load) -> None:
        for _ in range(3):
            site.signal(signal.SIGHUP)
            load.wait_more(200)

    while_loaded(site.address, act, method="POST")


def test_stop_under_load(sites: Sites) -> None:
    """Whatever was sent is answered; then nobody listens any more."""
    site = sites.start("work", workers=2)
    with Load(site.address, query="?ms=2") as load:
        load.wait_more(50)
        load.ends_at_refusal = True
        site.signal(signal.SIGTERM)
        load.join()
    assert load.failures == [] and load.refused == 8
    assert site.wait() == 0


def test_stop_without_patience(sites: Sites) -> None:
    """A second SIGTERM does not wait."""
    site = sites.start("work")
    gate = sites.gate("never")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=never"))
        gate.wait_reached()
        site.signal(signal.SIGTERM)
        until("closed listeners", lambda: not can_connect(site.address))
        site.signal(signal.SIGTERM)
        one.expect_end()
    assert site.wait() == 0


def test_drain_timeout(sites: Sites) -> None:
    limits = ["--drain-timeout", "200ms", "--drain-idle", "50ms", "--harakiri-grace", "100ms"]
    site = sites.start("work", *limits)
    gate = sites.gate("never")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=never"))
        gate.wait_reached()
        site.signal(signal.SIGTERM)
        one.expect_end()
    assert site.wait() == 0


# ---- too many, too slow


def test_500_clients(sites: Sites) -> None:
    site = sites.start("work", workers=2)
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(site.address)) for _ in range(500)]
        for turn in range(3):
            for number, one in enumerate(peers):
                one.send(build("GET", f"/job/{turn}/{number}"))
            for number, one in enumerate(peers):
                answer = one.response()
                assert answer.status == 200
                assert answer.text.startswith(f"/job/{turn}/{number} ")
        assert edge_sum(site, "connections") == 500
    until("all to be gone", lambda: edge_sum(site, "connections") == 0)


def test_queue_timeout(sites: Sites) -> None:
    site = sites.start("work", "--queue-timeout", "200ms")
    gate = sites.gate("long")
    with Peer(site.address) as held, Peer(site.address) as one:
        held.send(build("GET", "/gate?name=long"))
        gate.wait_reached()
        answer = one.ask(target="/job/late")
        assert answer.status == 503 and int(answer.get("Retry-After") or 0) > 0
        gate.open()
        assert held.response().status == 200
        assert one.ask(target="/job/again").status == 200


def test_harakiri(sites: Sites) -> None:
    site = sites.start("work", "--harakiri", "300ms", "--harakiri-grace", "100ms", workers=2)
    gate = sites.gate("hangs")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=hangs"))
        victim = int(gate.wait_reached())
        answer = one.response()
        assert answer.status == 504 and answer.get("X-Request-ID")
    wait_gone([victim])
    assert victim not in [w["pid"] for w in site.wait_workers(2)]
    assert not gate.is_reached()
    log = site.log()
    assert str(victim) in log and "/gate?name=hangs" in log
    site.err.wait(r"meet\.py")  # where it hung


def test_harakiri_obeyed(sites: Sites) -> None:
    """It ends within the grace: the client got its 504 all the same, and the worker is replaced
    then, not at the end of the grace."""
    site = sites.start("work", "--harakiri", "200ms", "--harakiri-grace", "10m")
    gate = sites.gate("late")
    with Peer(site.address) as one:
        one.send(build("GET", "/gate?name=late"))
        victim = int(gate.wait_reached())
        assert one.response().status == 504
        gate.open()
    wait_gone([victim])
    assert get(site.address, "/job/after").status == 200


def test_waiting_is_not_running(sites: Sites) -> None:
    """The time in the queue does not count for harakiri."""
    site = sites.start("work", "--harakiri", "600ms")
    with Peer(site.address) as first, Peer(site.address) as second, Peer(site.address) as third:
        for one in (first, second, third):
            one.send(build("GET", "/job/slow?ms=350"))
        assert [one.response().status for one in (first, second, third)] == [200, 200, 200]


def test_a_client_that_leaves_while_queued(sites: Sites) -> None:
    site = sites.start("work")
    gate = sites.gate("held")
    with Peer(site.address) as held:
        held.send(build("GET", "/gate?name=held"))
        gate.wait_reached()
        for method in ("GET", "POST"):
            with Peer(site.address) as leaves:
                leaves.send(build(method, "/mark?name=left", body=b"x"))
                until("it to be queued", lambda: edge_sum(site, "queued", "in_hand") == 2)
            until("it to be gone", lambda: edge_sum(site, "connections") == 1)
        gate.open()
        assert held.response().status == 200
    assert get(site.address, "/job/after").status == 200
    assert sites.marks_of("left") == []


def test_a_client_that_leaves_while_running(sites: Sites) -> None:
    site = sites.start("work")
    gate = sites.gate("left")
    for _ in range(3):
        with Peer(site.address) as leaves:
            leaves.send(build("POST", "/gate?name=left", body=b"x" * 100_000))
            gate.wait_reached()
        gate.open()
        assert get(site.address, "/job/after").status == 200
    assert "Traceback" not in site.log()


# ---- big bodies


class Memory:
    """The memory of the edges and workers, and how far it grew."""

    def __init__(self, site: Site):
        self._pids = site.pids("edge") + site.pids("worker")
        self._first = {pid: memory_kib(pid) for pid in self._pids}
        self.growth_mib = 0.0

    def look(self) -> None:
        growth = max(memory_kib(pid) - self._first[pid] for pid in self._pids)
        self.growth_mib = max(self.growth_mib, growth / 1024)


GROWTH_MIB = 64 * (3 if IS_SANITIZED else 1)


def spool() -> list[str]:
    """In memory where there is room for it: a disk may be slow, and it is not what is tested."""
    is_roomy = Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2048 * MIB
    return ["--spool-dir", "/dev/shm"] if is_roomy else []


def spooled_bytes(pid: int) -> int:
    """What its unlinked files take of the disk."""
    total = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found = entry.stat()
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0:
                total += found.st_blocks * 512
    return total


def test_a_big_upload(sites: Sites) -> None:
    site = sites.start("work", "--body-limit", "2G", *spool())
    memory, crc = Memory(site), 0
    with Peer(site.address) as one:
        one.send(build("POST", "/upload", [("Content-Length", str(1024 * MIB))]))
        for number in range(1024):
            block = number.to_bytes(4) + BLOCK[4:]
            one.send(block)
            crc = zlib.crc32(block, crc)
            if number % 64 == 0:
                memory.look()
        answer = one.response()
        memory.look()
    assert answer.text == f"{1024 * MIB} {crc}\n"
    assert memory.growth_mib < GROWTH_MIB
    assert get(site.address, "/job/after").status == 200


def test_a_big_download_to_a_slow_reader(sites: Sites) -> None:
    """Beyond the spool the worker waits for the client."""
    site = sites.start("work", "--response-spool", "16M", *spool(), workers=2)
    memory, blocks, spooled = Memory(site), BLOCK * 2, 0
    with Peer(site.address, receive_bytes=64 * 1024) as one:
        one.send(build("GET", "/download?mib=1024"))
        head, length, looked = one.head(), 0, 0
        assert get(site.address, "/job/meanwhile").status == 200
        for piece in one.pieces(head):
            at = length % MIB
            assert piece == blocks[at : at + len(piece)]
            length += len(piece)
            if length - looked >= 64 * MIB:
                looked = length
                memory.look()
                spooled = max(spooled, spooled_bytes(site.pids("edge")[0]))
    assert length == 1024 * MIB
    assert spooled < 32 * MIB
    assert memory.growth_mib < GROWTH_MIB


def test_a_slow_reader_does_not_hold_a_worker(sites: Sites) -> None:
    """As long as the spool has room the worker is free at once; the client has read nothing."""
    site = sites.start("work")
    gate = sites.gate("made")
    memory = Memory(site)
    with Peer(site.address, receive_bytes=8192) as one:
        one.send(build("GET", "/download?mib=100&name=made"))
        gate.wait_reached()
        assert get(site.address, "/job/meanwhile").status == 200
        memory.look()
        assert one.body(one.head()) == BLOCK * 100
        assert one.ask(target="/job/after").status == 200
    assert memory.growth_mib < GROWTH_MIB


def test_a_reader_that_stopped_is_cut(sites: Sites) -> None:
    site = sites.start("work", "--response-spool", "1M", "--send-timeout", "300ms")
    with Peer(site.address, receive_bytes=8192) as one:
        one.send(build("GET", "/download?mib=64"))
        assert one.head().status == 200
        until("the connection to be cut", lambda: edge_sum(site, "connections") == 0)
        assert get(site.address, "/job/after").status == 200
    assert "Traceback" not in site.log()


def test_memory_does_not_grow(sites: Sites) -> None:
    site = sites.start("work", "--access-log", "off")
    requests = b"".join(build("GET", "/job/1", [("X", "y" * 300)]) for _ in range(100))

    def ask(times: int) -> None:
        with Peer(site.address) as one:
            for _ in range(times):
                one.send(requests)
                for _ in range(100):
                    assert one.response().status == 200

    ask(20)
    memory = Memory(site)
    ask(100)
    memory.look()
    assert memory.growth_mib < (16 if IS_SANITIZED else 1)


# ---- short of something


def test_the_spool_folder_is_gone(sites: Sites) -> None:
    folder = sites.folder / "spool"
    sites.folder.chmod(0o711)

    def make() -> None:
        folder.mkdir()
        folder.chmod(0o1777)  # edges are not who we are

    make()
    site = sites.start("work", "--spool-dir", str(folder), "--body-memory", "64K")
    assert post(site.address, "/upload", b"x" * 200_000).status == 200
    shutil.rmtree(folder)
    answer = post(site.address, "/upload", b"x" * 200_000)
    assert answer.status in (503, 507)
    assert post(site.address, "/upload", b"x" * 50_000).status == 200
    make()  # another one to Landlock: an edge that may open that one takes over
    until(
        "a big upload",
        lambda: post(site.address, "/upload", b"x" * 200_000).status == 200,
    )


def test_no_descriptors_are_left(sites: Sites) -> None:
    """An edge that may open no more files accepts again when it may."""
    site = sites.start("work")
    edge = site.pids("edge")[0]
    used = len(os.listdir(f"/proc/{edge}/fd"))
    limit_files(edge, used + 10)
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(site.address)) for _ in range(40)]
        for number, one in enumerate(peers[:10]):
            assert one.ask(target=f"/job/{number}").status == 200
        site.err.wait("accepting pauses")
    assert get(site.address, "/job/after").status == 200
    assert site.pids("edge") == [edge]


# ---- several edges


def test_two_edges(sites: Sites) -> None:
    site = sites.start("work", "--edges", "2", workers=3)
    edges = {edge["pid"] for edge in site.status()["edges"]}
    assert edges == set(site.pids("edge")) and len(edges) == 2

    def act(load: Load) -> None:
        for _ in range(6):
            kill(site.pids("worker")[0])
            load.wait_more(60)
        assert site.verb("reload").returncode == 0

    while_loaded(site.address, act, clients=12)


def test_one_of_two_edges_is_killed(sites: Sites) -> None:
    site = sites.start("work", "--edges", "2", workers=2)

    def ask(number: int) -> Response:
        return get(site.address, f"/job/{number}")

    for number in range(4):
        victim = site.pids("edge")[number % 2]
        kill(victim)
        assert all(ask(number).status == 200 for number in range(30))
        until("two edges", lambda: len(site.pids("edge")) == 2)
    site.stop()
