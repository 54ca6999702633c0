"""PEP 3333 as a worker keeps it: a real zygote and worker, and a test in the edge's place."""

import ast
import os
import selectors
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import worker_harness
from worker_harness import Worker, Zygote

HERE = Path(__file__).resolve().parent
MIB = 1024 * 1024
DATA = bytes(range(256)) * 4096  # as in worker_app.py


@pytest.fixture(scope="session")
def library() -> Path:
    return worker_harness.build_edge()


@pytest.fixture(scope="module", params=worker_harness.pythons())
def python(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def zygote(python: str) -> Iterator[Zygote]:
    zygote = Zygote(python, HERE, app="worker_app")
    assert zygote.report["event"] == "ready", zygote.report
    yield zygote
    assert zygote.close() == 0


Make = Callable[[], Worker]


@pytest.fixture
def make(library: Path, zygote: Zygote) -> Iterator[Make]:
    made = []

    def new() -> Worker:
        made.append(Worker(library, zygote))
        return made[-1]

    yield new
    for worker in made:
        worker.close()


@pytest.fixture(scope="module")
def worker(library: Path, zygote: Zygote) -> Iterator[Worker]:
    """For tests that leave it as it was."""
    worker = Worker(library, zygote)
    yield worker
    assert worker.leave() == 0
    worker.close()


@pytest.fixture
def new_errors(zygote: Zygote) -> Callable[[], str]:
    before = len(zygote.stderr())
    return lambda: zygote.stderr()[before:]


Errors = Callable[[], str]


# ---- what the application sees ----


def test_environ(worker: Worker) -> None:
    answer = worker.get("/environ", query="a=%20b", HTTP_COOKIE="n=\xe9", CONTENT_TYPE="text/x")
    seen = ast.literal_eval(answer.body.decode())
    assert seen["REQUEST_METHOD"] == "'GET'"
    assert seen["QUERY_STRING"] == "'a=%20b'"
    assert seen["PATH_INFO"] == "'/environ'"
    assert seen["HTTP_COOKIE"] == "'n=\xe9'"
    assert seen["CONTENT_TYPE"] == "'text/x'"
    assert seen["wsgi.version"] == "(1, 0)"
    assert seen["wsgi.url_scheme"] == "'http'"
    assert seen["wsgi.multithread"] == seen["wsgi.run_once"] == "False"
    assert seen["wsgi.multiprocess"] == seen["wsgi.input_terminated"] == "True"


def test_environ_forgets_the_request_before(worker: Worker) -> None:
    def names(**more: str) -> set[str]:
        return set(ast.literal_eval(worker.get("/environ", **more).body.decode()))

    plain = names()
    assert names(HTTP_X_A="1", HTTP_X_B="2") == plain | {"HTTP_X_A", "HTTP_X_B"}
    assert names(HTTP_X_A="1") == plain | {"HTTP_X_A"}
    assert names(HTTP_X_B="1") == plain | {"HTTP_X_B"}
    assert names() == plain


@pytest.mark.parametrize("value", ["", "x", "y", "y" * 3000, "z" * 3000, "\xff\x80"])
def test_environ_values_change(worker: Worker, value: str) -> None:
    for scheme in ("http", "https"):
        query = "(environ['HTTP_X_V'], environ['wsgi.url_scheme'], environ['REQUEST_SCHEME'])"
        answer = worker.get("/eval", query=query, HTTP_X_V=value, REQUEST_SCHEME=scheme)
        assert ast.literal_eval(answer.body.decode()) == (value, scheme, scheme)


def test_more_names_than_are_kept(worker: Worker) -> None:
    for start in (0, 100, 600, 0):
        more = {f"HTTP_X_{i}": str(i) for i in range(start, start + 500)}
        query = "sum(int(v) for k, v in environ.items() if k.startswith('HTTP_X_'))"
        answer = worker.get("/eval", query=query, **more)
        assert int(answer.body) == sum(range(start, start + 500))


def test_names_past_those_kept_are_forgotten(worker: Worker) -> None:
    query = "sum(k.startswith('HTTP_X_') for k in environ)"
    for count in range(230, 260):
        for names in (500, count):
            more = {f"HTTP_X_{i}": "" for i in range(names)}
            assert int(worker.get("/raw/eval", query=query, **more).body) == names


def test_path_bytes_are_latin_1(worker: Worker) -> None:
    path = "/raw/eval"
    answer = worker.get(path, query="environ['SCRIPT_NAME']", SCRIPT_NAME="/\xfc\x80")
    assert answer.body == repr("/\xfc\x80").encode()


# ---- what comes back ----


def test_one_block_gets_its_length(worker: Worker) -> None:
    answer = worker.get("/hello")
    assert (answer.status, answer.reason, answer.body, answer.result) == (200, "OK", b"hello", "ok")
    assert answer.headers == [("Content-Type", "text/plain"), ("Content-Length", "5")] or (
        answer.header("Content-Length") is None  # the validator's iterator has no length
    )
    raw = worker.get("/raw/hello")
    assert raw.headers == [("Content-Type", "text/plain"), ("Content-Length", "5")]


@pytest.mark.parametrize("validated", ["/", "/raw/"])
@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("generator", b"one two"),
        ("several", b"abc"),
        ("nothing", b""),
        ("late", b"late"),
        ("late?empty", b"late"),
        ("writes", b"written, returned"),
    ],
)
def test_bodies(worker: Worker, validated: str, route: str, body: bytes) -> None:
    name, _, query = route.partition("?")
    if query and validated == "/":
        pytest.skip("the validator wants start_response before the first block, even an empty one")
    answer = worker.get(validated + name, query=query)
    assert (answer.status, answer.body, answer.result) == (200, body, "ok")


def test_large_body_goes_through_the_ring_many_times(worker: Worker) -> None:
    answer = worker.get("/raw/big")
    assert answer.body == DATA * 3
    assert answer.header("Content-Length") == str(3 * MIB)


def test_blocks_are_visible_as_they_are_yielded(worker: Worker) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gate = os.path.join(folder, "gate")
        os.mkfifo(gate)
        worker.offer(path="/stepwise", query=gate)
        seen = b""
        with open(gate, "wb", buffering=0) as pipe:
            for name in (b"a", b"b", b"c"):
                pipe.write(name)
                while not seen.endswith(name):
                    worker.wait()
                    seen += worker.take(0, len(seen))
                assert worker.look(0).state == 2  # TAKEN: it goes on
        while worker.look(0).state != worker_harness.DONE:
            worker.wait()
        assert worker.finish(0, seen).body == b"abc"


@pytest.mark.parametrize(
    "route", ["hello", "generator", "several", "late", "writes", "big", "file"]
)
def test_head_has_no_body(worker: Worker, route: str) -> None:
    answer = worker.get(f"/raw/{route}", method="HEAD", query="plain")
    assert (answer.status, answer.body, answer.result, answer.file) == (200, b"", "ok", None)
    lengths = {"hello": "5", "big": str(3 * MIB), "file": str(MIB)}
    assert answer.header("Content-Length") == lengths.get(route)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_body(worker: Worker, status: str) -> None:
    answer = worker.get("/raw/head", query=repr((status, [])))
    assert (answer.status, answer.headers) == (int(status[:3]), [])
    assert (answer.body, answer.result) == (b"", "ok")


def test_head_asks_for_no_block_that_is_not_sent(worker: Worker) -> None:
    worker.get("/raw/closed")
    worker.get("/raw/counted", method="HEAD")
    assert worker.get("/raw/closed").body == b""
    worker.get("/raw/counted")
    assert worker.get("/raw/closed").body.count(b"block") == 100


# ---- close() ----


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_close_is_called(worker: Worker, method: str) -> None:
    worker.get("/closing", query="here", method=method)
    assert worker.get("/closed").body == b"here"


def test_close_is_called_after_an_error(worker: Worker, new_errors: Errors) -> None:
    answer = worker.get("/closing_fails", query="after error")
    assert (answer.body, answer.result) == (b"a", "cut")
    assert worker.get("/closed").body == b"after error"
    assert "KeyError: 'midway'" in new_errors()


def test_close_may_fail(worker: Worker, new_errors: Errors) -> None:
    answer = worker.get("/closing", query="angry")
    assert (answer.body, answer.result) == (b"ab", "ok")
    assert "close() is angry" in new_errors()


# ---- start_response ----


def test_exc_info_replaces_a_head_that_was_not_sent(worker: Worker) -> None:
    answer = worker.get("/replaced")
    assert (answer.status, answer.reason, answer.body) == (503, "Later", b"replaced")
    assert answer.header("X-Gone") is None


def test_exc_info_is_raised_when_the_head_was_sent(worker: Worker, new_errors: Errors) -> None:
    answer = worker.get("/too_late")
    assert (answer.status, answer.body, answer.result) == (200, b"sent", "cut")
    assert "KeyError: 'too late'" in new_errors()


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ("twice", "second time"),
        ("no_start", "before it called start_response"),
        ("no_start_empty", "did not call start_response"),
        ("text", "must give bytes"),
        ("raises", "a reason with \xfcnicode"),
        ("raises_started", "after start_response"),
    ],
)
def test_mistakes_are_500(worker: Worker, new_errors: Errors, route: str, reason: str) -> None:
    answer = worker.get(f"/raw/{route}", query="q=\n")
    assert (answer.status, answer.body, answer.result) == (500, b"Internal Server Error\n", "ok")
    assert answer.header("X-Gone") is None
    assert reason in new_errors()
    assert f'"GET /raw/{route}?q=\\x0a"' in new_errors()
    assert "Error: " in new_errors()


GOOD_HEADS = [
    ("200 OK", []),
    ("299 ", []),
    ("404 Not F\xf6und", [("X-A", "\xe9"), ("X-A", "")]),
    ("200 OK", [("Content-Length", "4")]),
]
BAD_HEADS = [
    ("200", []),
    ("20x OK", []),
    ("200OK", []),
    (200, []),
    (b"200 OK", []),
    ("199 Early", []),
    ("200 OK\r\nX: y", []),
    ("200 O\0K", []),
    ("2000 OK", []),
    ("200 \u20ac", []),
    ("200 OK", ()),
    ("200 OK", None),
    ("200 OK", [["A", "b"]]),
    ("200 OK", [("A",)]),
    ("200 OK", [("A", 1)]),
    ("200 OK", [(b"A", "b")]),
    ("200 OK", [("A", "b", "c")]),
    ("200 OK", [("A b", "c")]),
    ("200 OK", [("", "c")]),
    ("200 OK", [("A:", "c")]),
    ("200 OK", [("A\r\nB", "c")]),
    ("200 OK", [("A", "b\r\nSet-Cookie: x")]),
    ("200 OK", [("A", "b\n")]),
    ("200 OK", [("A", "b\0c")]),
    ("200 OK", [("A", "b\x07")]),
    ("200 OK", [("A", "\u20ac")]),
    ("200 OK", [("\xe9", "a")]),
    ("200 OK", [("Connection", "close")]),
    ("200 OK", [("transfer-encoding", "chunked")]),
    ("200 OK", [("Keep-Alive", "1")]),
    ("200 OK", [("Upgrade", "x")]),
    ("200 OK", [("Content-Length", "-1")]),
    ("200 OK", [("Content-Length", "4x")]),
    ("200 OK", [("Content-Length", "")]),
    ("200 OK", [("Content-Length", "4"), ("Content-Length", "5")]),
    ("200 OK", [("Content-Length", "9" * 30)]),
]


@pytest.mark.parametrize("head", GOOD_HEADS, ids=repr)
def test_heads_that_are_sent(worker: Worker, head: tuple[str, list[tuple[str, str]]]) -> None:
    answer = worker.get("/raw/head", query=repr(head).encode().decode("latin-1"))
    sent = eval(repr(head).encode().decode("latin-1"))
    assert f"{answer.status} {answer.reason}" == sent[0]
    assert answer.headers[: len(sent[1])] == sent[1]
    assert answer.header("Content-Length") == "4"
    assert answer.body == b"body"


def test_the_same_length_again_is_sent_once(worker: Worker) -> None:
    query = "('200 OK', [('Content-Length', '4'), ('content-length', ' 4')])"
    assert worker.get("/raw/head", query=query).headers == [("Content-Length", "4")]


@pytest.mark.parametrize("head", BAD_HEADS, ids=lambda head: repr(head)[:60])
def test_heads_that_are_refused(worker: Worker, new_errors: Errors, head: object) -> None:
    query = ascii(head)
    answer = worker.get("/raw/head", query=query)
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert "Error: " in new_errors()


def test_a_head_that_is_too_large(worker: Worker, new_errors: Errors) -> None:
    assert worker.get("/raw/head", query="('200 OK', [('A', 'x' * 65000)])").status == 200
    assert worker.get("/raw/head", query="('200 OK', [('A', 'x' * 66000)])").status == 500
    assert "head is too large" in new_errors()


# ---- Content-Length ----


def test_never_more_than_content_length(worker: Worker, new_errors: Errors) -> None:
    answer = worker.get("/raw/length", query="3,5")
    assert (answer.body, answer.result) == (b"xxx", "ok")
    assert new_errors().count("longer than its Content-Length") == 1


def test_less_than_content_length_is_seen(worker: Worker, new_errors: Errors) -> None:
    answer = worker.get("/raw/length", query="5,3")
    assert (answer.body, answer.result) == (b"xxx", "cut")
    assert "shorter than its Content-Length" in new_errors()


# ---- wsgi.input ----

BODY = b"first\nsecond line\n\nlast without newline"


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize(
    "calls",
    [
        "i.read()",
        "i.read(None)",
        "i.read(-1)",
        "i.read(5)",
        "(i.read(3), i.read(4), i.read())",
        "i.read(0)",
        "i.read(10**6)",
        "i.readline()",
        "(i.readline(3), i.readline(), i.readline(100))",
        "i.readlines()",
        "i.readlines(1)",
        "i.readlines(7)",
        "i.readlines(0)",
        "list(i)",
        "(next(i), i.read(2), next(i))",
        "(i.readline(0), i.read())",
        "(i.read(), i.read(), i.readline(), list(i))",
        "i.close()",
    ],
)
def test_input_is_like_a_file(worker: Worker, tmp_path: Path, calls: str, in_file: bool) -> None:
    import io

    expected = repr(eval(calls, {"i": io.BytesIO(BODY)})).encode()
    path = tmp_path / "body"
    path.write_bytes(BODY)
    with path.open("rb") as file:
        more = {"file": file.fileno()} if in_file else {"body": BODY}
        assert worker.get("/raw/input", query=calls, method="POST", **more).body == expected
        assert file.tell() == 0


def test_long_lines_of_a_file(worker: Worker, tmp_path: Path) -> None:
    lines = [b"a" * 100_000 + b"\n", b"b" * 65_535 + b"\n", b"\n", b"c" * 200_000]
    path = tmp_path / "body"
    path.write_bytes(b"".join(lines))
    with path.open("rb") as file:
        for calls in ("[len(x) for x in i]", "[len(x) for x in i.readlines()]"):
            answer = worker.get("/raw/input", query=calls, method="POST", file=file.fileno())
            assert ast.literal_eval(answer.body.decode()) == [len(line) for line in lines]


@pytest.mark.parametrize("size", [1, 1000, 60_000])
def test_bodies_come_whole(worker: Worker, size: int, tmp_path: Path) -> None:
    body = os.urandom(size)
    assert worker.get("/echo", method="POST", body=body).body == body
    path = tmp_path / "body"
    path.write_bytes(body * 20)
    with path.open("rb") as file:
        assert worker.get("/echo", method="POST", file=file.fileno()).body == body * 20


def test_unread_bodies_do_no_harm(worker: Worker, tmp_path: Path) -> None:
    before = len(os.listdir(f"/proc/{worker.pid}/fd"))
    path = tmp_path / "body"
    path.write_bytes(b"x" * MIB)
    with path.open("rb") as file:
        for _ in range(20):
            assert worker.get("/hello", method="POST", file=file.fileno()).body == b"hello"
            assert worker.get("/hello", method="POST", body=b"y" * 50_000).body == b"hello"
    assert len(os.listdir(f"/proc/{worker.pid}/fd")) == before


@pytest.mark.parametrize("body", [b"", b"some"])
def test_what_is_kept_is_dead_after_the_request(worker: Worker, body: bytes) -> None:
    worker.get("/raw/keep", method="POST", body=body)
    said = worker.get("/use_kept").body
    assert said == b"RuntimeError RuntimeError ValueError ValueError ValueError"


def test_bad_arguments_of_input(worker: Worker) -> None:
    for calls in ("i.read('x')", "i.read(1, 2)", "i.readline(1.5)"):
        assert worker.get("/raw/input", query=calls, body=b"x", method="POST").status == 500


# ---- wsgi.file_wrapper ----


@pytest.mark.parametrize(
    ("kind", "start", "by_descriptor"),
    [
        ("plain", 0, True),
        ("moved", 1010, True),
        ("memory", 0, False),
        ("zip", 0, False),
        ("end", MIB, True),
    ],
)
def test_files(worker: Worker, kind: str, start: int, by_descriptor: bool) -> None:
    answer = worker.get("/raw/file", query=kind)
    assert answer.body == DATA[start:]
    assert answer.result == "ok"
    assert (answer.file is not None) == (by_descriptor and start < MIB)
    if by_descriptor:
        assert answer.header("Content-Length") == str(MIB - start)


def test_file_with_a_smaller_length(worker: Worker) -> None:
    answer = worker.get("/raw/file", query="moved,500")
    assert (answer.body, answer.file, answer.result) == (DATA[1010:1510], (1010, 500), "ok")


def test_file_with_a_larger_length_is_cut(worker: Worker) -> None:
    answer = worker.get("/raw/file", query=f"plain,{MIB + 1}")
    assert (answer.body, answer.result) == (DATA, "cut")


def test_files_are_closed(worker: Worker) -> None:
    before = len(os.listdir(f"/proc/{worker.pid}/fd"))
    for _ in range(20):
        worker.get("/raw/file", query="plain")
    assert len(os.listdir(f"/proc/{worker.pid}/fd")) <= before


# ---- clients that leave ----


@pytest.mark.parametrize("route", ["/raw/endless", "/raw/endless_write"])
def test_cancelled_responses_end(worker: Worker, new_errors: Errors, route: str) -> None:
    worker.get("/raw/closed")
    worker.offer(path=route)
    seen = 0
    while seen < MIB:
        seen += len(worker.take(0, seen))
        worker.wait()
    worker.cancel()
    while worker.look(0).state != worker_harness.DONE:
        worker.wait()
    assert worker.finish(0, b"").result == "left"
    assert worker.get("/raw/closed").body.startswith(b"endless")
    assert new_errors() == ""


# ---- processes ----


@pytest.mark.parametrize(
    ("query", "status"), [("3", 3), ("none", 0), ("text", 1), ("interrupt", 130), ("300", 44)]
)
def test_exits_cost_one_worker(make: Make, new_errors: Errors, query: str, status: int) -> None:
    worker = make()
    assert worker.get("/exits", query=query).status == 500
    assert worker.wait_exit() == status
    assert "atexit ran" in worker.zygote.stdout()
    assert make().get("/hello").body == b"hello"


def test_abrupt_exit(make: Make) -> None:
    worker = make()
    worker.offer(path="/exits", query="now")
    assert worker.wait_exit() == 9
    assert worker.look(0).state == 2


@pytest.mark.parametrize("query", ["return", "write"])
def test_forked_children_end_in_our_loop(make: Make, query: str) -> None:
    worker = make()
    assert worker.get("/raw/forks", query=query).body == b"0"
    assert worker.get("/raw/hello").body == b"hello"


def test_forked_children_can_be_terminated(make: Make) -> None:
    worker = make()
    assert worker.get("/raw/forks", query="signal").body == str(-signal.SIGTERM).encode()


def test_fork_between_blocks(make: Make) -> None:
    worker = make()
    assert worker.get("/raw/fork_between").body == b"before 0 after"


def test_signals_do_not_end_a_worker(make: Make) -> None:
    worker = make()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(worker.pid, number)
        assert worker.get("/hello").body == b"hello"
    assert worker.leave() == 0


def test_worker_is_our_child_and_has_its_name(make: Make) -> None:
    worker = make()
    fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")
    assert int(fields[2].split()[1]) == os.getpid()
    assert "worker" in fields[0]


def test_output_shows_at_once(make: Make, new_errors: Errors) -> None:
    worker = make()
    worker.get("/prints")
    assert "to standard output" in worker.zygote.stdout()
    assert "to wsgi.errors" in new_errors()


def test_no_descriptor_is_inherited(make: Make) -> None:
    worker = make()
    query = "__import__('subprocess').check_output(['ls', '/proc/self/fd']).split()"
    names = ast.literal_eval(worker.get("/raw/eval", query=query).body.decode())
    assert {int(name) for name in names} <= {0, 1, 2, 3}  # 3: the folder itself


def test_threads(library: Path, python: str) -> None:
    zygote = Zygote(python, HERE, app="worker_app:application", threads=3)
    worker = Worker(library, zygote, threads=3)
    assert worker.get("/thread").body.startswith(b"slipway-")
    assert b"[False, True]" in worker.get("/thread").body
    for slot in range(3):
        worker.offer(slot, path="/together")
    names = {worker.answer(slot).body for slot in range(3)}
    assert names == {b"slipway-0", b"slipway-1", b"slipway-2"}
    worker.flood("/raw/hello", 2000)
    assert worker.leave() == 0
    worker.close()
    worker = Worker(library, zygote, threads=3)
    assert worker.get("/exits", query="4").status == 500
    assert worker.wait_exit() == 4
    worker.close()
    assert zygote.close() == 0


def test_one_thread_is_the_main_one(worker: Worker) -> None:
    assert worker.get("/thread").body == b"MainThread [True, False]"


# ---- garbage ----


def test_garbage_is_collected_between_requests(make: Make) -> None:
    worker = make()
    alive = [int(worker.get("/raw/circle").body) for _ in range(40)]
    assert max(alive) <= 10
    assert alive.count(1) >= 3


def test_garbage_is_collected_when_idle(make: Make, tmp_path: Path) -> None:
    worker = make()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    fd = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    worker.get("/raw/circle", query=str(pipe))
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        assert selector.select(worker_harness.DEADLINE_S)
    os.close(fd)


# ---- nothing grows ----


def test_ten_thousand_calls_leave_nothing(make: Make) -> None:
    worker = make()
    routes = [
        "/hello",
        "/generator",
        "/writes",
        "/cycles",
        "/raw/hello",
        "/raw/several",
        "/raw/keep",
    ]
    count = "len(__import__('gc').get_objects())"
    sizes, objects = [], []
    for _ in range(3):
        for route in routes:
            worker.flood(route, 10_000 // len(routes) if len(sizes) else 500)
        worker.get("/raw/eval", query="__import__('gc').collect()")
        objects.append(int(worker.get("/raw/eval", query=count).body))
        sizes.append(worker.rss_kib())
    assert abs(objects[2] - objects[1]) < 50
    assert sizes[2] - sizes[1] < 300


def test_mistakes_leave_nothing(make: Make) -> None:
    worker = make()
    count = "len(__import__('gc').get_objects())"
    objects, sizes = [], []
    for _ in range(3):
        for _ in range(300):
            worker.get("/raw/raises")
            worker.get("/raw/head", query="('200 OK', [('A', 'b\\n')])")
            worker.get("/raw/head", query="('200 OK', [('A', chr(233) * 3000)])")
            worker.get("/raw/too_late")
            worker.get("/raw/closing", query="angry")
            worker.get("/raw/input", query="list(i)", body=BODY, method="POST")
        worker.get("/raw/eval", query="__import__('gc').collect()")
        objects.append(int(worker.get("/raw/eval", query=count).body))
        sizes.append(worker.rss_kib())
    assert abs(objects[2] - objects[1]) < 50
    assert sizes[2] - sizes[1] < 300
