"""Files beneath --static: what is sent, under which conditions, and what is never sent."""

import gzip
import hashlib
import os
import random
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Cut, Peer, build, get
from program import Site, until

TEXT = "".join(f"line {number}\n" for number in range(1000))
SECRET = "secret: never to be seen\n"
DAY_S = 86400


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    (folder / "secret.txt").write_text(SECRET)
    (folder / "outside").mkdir()
    (folder / "outside" / "secret.txt").write_text(SECRET)
    root = folder / "root"
    (root / "sub").mkdir(parents=True)
    (root / ".git").mkdir()
    for name in ("text.txt", "a.css", "a.js", "a.svg", "a.html", "a.png", "a.woff2", "a.PDF"):
        (root / name).write_text(TEXT)
    for name in ("noending", "a.unknownending", "sub/b.txt", "with space.txt", "caf\xe9.txt"):
        (root / name).write_text(TEXT)
    (root / "empty.txt").touch()
    for name in (".env", ".git/config", "sub/.hidden"):
        (root / name).write_text(SECRET)
    (root / "link-out").symlink_to("../secret.txt")
    (root / "link-absolute").symlink_to(folder / "secret.txt")
    (root / "link-folder").symlink_to("../outside")
    (root / "link-proc").symlink_to("/proc/self/environ")
    (root / "link-in").symlink_to("sub/b.txt")
    os.mkfifo(root / "fifo")
    old = time.time() - 10 * DAY_S
    os.utime(root / "text.txt", (old, old))
    return root


@pytest.fixture(scope="module")
def site(shared: Sites, root: Path) -> Site:
    more = root.parent / "more"
    more.mkdir()
    (more / "only.txt").write_text("of more\n")
    (more / "a.css").write_text("of more\n")
    return shared.start("plain", "--static", f"/files/={root}", "--static", f"/files/more={more}")


def is_applications(site: Site, target: str, **more: object) -> bool:
    return get(site.address, target, **more).get("X-App") == "plain"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text.txt", "text/plain"),
        ("a.css", "text/css"),
        ("a.js", "text/javascript"),
        ("a.svg", "image/svg+xml"),
        ("a.html", "text/html"),
        ("a.png", "image/png"),
        ("a.woff2", "font/woff2"),
        ("a.PDF", "application/pdf"),
        ("noending", "application/octet-stream"),
        ("a.unknownending", "application/octet-stream"),
        ("with%20space.txt", "text/plain"),
        ("caf%C3%A9.txt", "text/plain"),
        ("sub/b.txt", "text/plain"),
        ("link-in", "application/octet-stream"),
    ],
)
def test_a_file(site: Site, name: str, kind: str) -> None:
    answer = get(site.address, f"/files/{name}")
    assert answer.status == 200 and answer.text == TEXT
    assert (answer.get("Content-Type") or "").split(";")[0] == kind
    assert answer.get("Content-Length") == str(len(TEXT))
    assert answer.get("Accept-Ranges") == "bytes"
    assert answer.get("ETag") and answer.get("Last-Modified") and answer.get("Date")
    assert answer.get("X-App") is None


def test_last_modified(site: Site, root: Path) -> None:
    answer = get(site.address, "/files/text.txt")
    assert answer.get("Last-Modified") == formatdate(
        int((root / "text.txt").stat().st_mtime), usegmt=True
    )


def test_head(site: Site) -> None:
    with Peer(site.address) as one:
        whole, bare = one.ask(target="/files/a.css"), one.ask("HEAD", "/files/a.css")
        names = [pair for pair in whole.head.fields if pair[0] != "Date"]
        assert bare.body == b"" and names == [p for p in bare.head.fields if p[0] != "Date"]
        assert one.ask(target="/files/empty.txt").body == b""
        assert one.ask(target="/files/sub/b.txt").text == TEXT


def test_the_longest_prefix_comes_first(site: Site) -> None:
    assert get(site.address, "/files/more/only.txt").text == "of more\n"
    assert get(site.address, "/files/more/a.css").text == "of more\n"


@pytest.mark.parametrize(
    "target",
    [
        "/files/nothing",
        "/files/",
        "/files",
        "/files/sub",
        "/files/sub/",
        "/files/a.css/",
        "/filesa.css",
    ]
    + ["/files/fifo", "/files/sub/nothing", "/files//a.css", "/files/" + "a" * 300 + ".txt"]
    + ["/files/a.css/b", "/files/" + "a/" * 1000],
)
def test_a_miss_is_the_applications(site: Site, target: str) -> None:
    assert is_applications(site, target)


ESCAPES = [
    "/files/../secret.txt",
    "/files/../root/../secret.txt",
    "/files/sub/../../secret.txt",
    "/files/%2e%2e/secret.txt",
    "/files/%2E%2E/secret.txt",
    "/files/.%2e/secret.txt",
    "/files/..%2fsecret.txt",
    "/files/..%2Fsecret.txt",
    "/files/%2e%2e%2fsecret.txt",
    "/files/%2e%2e%2f%2e%2e%2fsecret.txt",
    "/files/%252e%252e%252fsecret.txt",
    "/files/%252e%252e/secret.txt",
    "/files/..%5csecret.txt",
    "/files/..\\secret.txt",
    "/files/..;/secret.txt",
    "/files/%c0%ae%c0%ae/secret.txt",
    "/files/%c0%ae%c0%ae%c0%afsecret.txt",
    "/files/..%00/secret.txt",
    "/files/a.css%00.txt",
    "/files//../secret.txt",
    "/files///../../secret.txt",
    "/files/./../secret.txt",
    "/files/sub/..//../secret.txt",
    "/files/...//secret.txt",
    "/files/....//secret.txt",
    "/files%2f..%2fsecret.txt",
    "/files../secret.txt",
    "/files/%2fetc/passwd",
    "/files//etc/passwd",
    "//files/../secret.txt",
    "/files/link-out",
    "/files/link-absolute",
    "/files/link-folder/secret.txt",
    "/files/link-folder/../../secret.txt",
    "/files/link-proc",
    "/files/.env",
    "/files/.git/config",
    "/files/%2egit/config",
    "/files/.%67it/config",
    "/files/sub/.hidden",
    "/files/sub/./.hidden",
    "/files/more/../../secret.txt",
    "/files/more/../.env",
]


@pytest.mark.parametrize("target", ESCAPES)
def test_never_outside_and_never_a_dotfile(site: Site, target: str) -> None:
    with Peer(site.address) as one:
        one.send(build("GET", target))
        answer = one.response()
    assert answer.status == 400 or answer.get("X-App") == "plain", answer
    assert b"secret: " not in answer.body and b"root:" not in answer.body


def test_a_file_without_permission(shared: Sites, site: Site, root: Path) -> None:
    (root / "closed.txt").write_text(SECRET)
    (root / "closed.txt").chmod(0)
    assert is_applications(site, "/files/closed.txt")


# ---- conditions (RFC 9110, section 13)


@pytest.fixture(scope="module")
def etag(site: Site) -> str:
    return get(site.address, "/files/text.txt").get("ETag") or ""


def date(days: float) -> str:
    return formatdate(time.time() + days * DAY_S, usegmt=True)


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (304, [("If-None-Match", "ETAG")]),
        (304, [("If-None-Match", "W/ETAG")]),
        (304, [("If-None-Match", '"other", ETAG')]),
        (304, [("If-None-Match", "*")]),
        (200, [("If-None-Match", '"other"')]),
        (200, [("If-None-Match", "nonsense")]),
        (304, [("If-Modified-Since", date(-9))]),
        (304, [("If-Modified-Since", "LAST")]),
        (200, [("If-Modified-Since", date(-11))]),
        (200, [("If-Modified-Since", "yesterday")]),
        (200, [("If-None-Match", '"other"'), ("If-Modified-Since", date(-9))]),
        (200, [("If-Match", "ETAG")]),
        (200, [("If-Match", "*")]),
        (412, [("If-Match", '"other"')]),
        (412, [("If-Match", "W/ETAG")]),
        (200, [("If-Unmodified-Since", date(-9))]),
        (412, [("If-Unmodified-Since", date(-11))]),
        (304, [("If-Match", "ETAG"), ("If-None-Match", "ETAG")]),
    ],
)
def test_conditions(site: Site, etag: str, status: int, fields: list[tuple[str, str]]) -> None:
    with Peer(site.address) as one:
        plain = one.ask(target="/files/text.txt")
        last = plain.get("Last-Modified") or ""
        filled = [(n, v.replace("ETAG", etag).replace("LAST", last)) for n, v in fields]
        answer = one.ask(target="/files/text.txt", fields=filled)
        assert answer.status == status
        if status == 304:
            assert answer.get("ETag") == etag and answer.get("Last-Modified") == last
            assert answer.get("Content-Type") is None
        assert one.ask(target="/hello").status == 200


# ---- ranges (RFC 9110, section 14)

SIZE = len(TEXT)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=100-199", 100, 199),
        ("bytes=5-", 5, SIZE - 1),
        ("bytes=-5", SIZE - 5, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        ("bytes=10-999999", 10, SIZE - 1),
        ("BYTES=0-1", 0, 1),
    ],
)
def test_a_range(site: Site, wanted: str, first: int, last: int) -> None:
    with Peer(site.address) as one:
        answer = one.ask(target="/files/text.txt", fields=[("Range", wanted)])
        assert answer.status == 206 and answer.text == TEXT[first : last + 1]
        assert answer.get("Content-Range") == f"bytes {first}-{last}/{SIZE}"
        assert one.ask(target="/hello").status == 200


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", "bytes=999999-", "bytes=-0"])
def test_a_range_that_is_not_there(site: Site, wanted: str) -> None:
    answer = get(site.address, "/files/text.txt", [("Range", wanted)])
    assert answer.status == 416 and answer.get("Content-Range") == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "wanted",
    ["lines=0-1", "bytes=5-1", "bytes=a-b", "bytes", "bytes=-", "bytes=0-1-2"]
    + ["bytes=99999999999999999999-"],
)
def test_no_range_is_the_whole(site: Site, wanted: str) -> None:
    answer = get(site.address, "/files/text.txt", [("Range", wanted)])
    assert answer.status in (200, 416) and (answer.status == 416 or answer.text == TEXT)
    if "9999" not in wanted:
        assert answer.status == 200


def test_a_range_of_head_is_ignored(site: Site) -> None:
    answer = get(site.address, "/files/text.txt", [("Range", "bytes=0-1")], "HEAD")
    assert answer.status == 200 and answer.get("Content-Length") == str(SIZE)


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("ETAG", 206),
        ("LAST", 206),
        ("W/ETAG", 200),
        ('"other"', 200),
        pytest.param(date(-11), 200, id="EARLIER-200"),
        ("nonsense", 200),
    ],
)
def test_if_range(site: Site, etag: str, condition: str, status: int) -> None:
    last = get(site.address, "/files/text.txt").get("Last-Modified") or ""
    value = condition.replace("ETAG", etag).replace("LAST", last)
    fields = [("Range", "bytes=0-9"), ("If-Range", value)]
    answer = get(site.address, "/files/text.txt", fields)
    assert answer.status == status and len(answer.body) == (10 if status == 206 else SIZE)


# ---- change, size


def test_a_changed_file(site: Site, root: Path) -> None:
    path = root / "changing.txt"
    path.write_text("first")
    before = get(site.address, "/files/changing.txt")
    assert before.text == "first"
    path.write_text("second, and longer")
    answer = until(
        "the new file",
        lambda: (a := get(site.address, "/files/changing.txt")).text.startswith("second") and a,
    )
    assert answer.text == "second, and longer" and answer.get("ETag") != before.get("ETag")
    replacement = root / "replacement"
    replacement.write_text("third")
    replacement.rename(path)
    until("the third", lambda: get(site.address, "/files/changing.txt").text == "third")
    path.unlink()
    until("no file", lambda: get(site.address, "/files/changing.txt").get("X-App") == "plain")


@pytest.mark.parametrize("size", [1, 16384, 16385])
def test_a_small_file_in_memory(site: Site, root: Path, size: int) -> None:
    """Kept from its first use on, once it is old enough that its time of modification tells."""
    path, old = root / f"kept-{size}.txt", time.time() - DAY_S
    for letter in "ab":
        path.write_text(letter * size)
        os.utime(path, (old, old + ord(letter)))
        text = letter * size
        until("them", lambda t=text: get(site.address, f"/files/{path.name}").text == t)
        for fields in ([], [("Range", "bytes=0-")]):
            assert get(site.address, f"/files/{path.name}", fields).text == text
    assert get(site.address, f"/files/{path.name}", method="HEAD").body == b""


def test_a_fresh_file_is_never_taken_for_its_former_self(site: Site, root: Path) -> None:
    """Written twice within a tick of the clock that files get their times from."""
    path = root / "fresh.txt"
    path.write_text("one")
    times = (time.time(), time.time())
    os.utime(path, times)
    assert get(site.address, "/files/fresh.txt").text == "one"
    path.write_text("two")
    os.utime(path, times)
    assert get(site.address, "/files/fresh.txt").text == "two"


def test_a_new_file_is_seen(site: Site, root: Path) -> None:
    assert is_applications(site, "/files/new.txt")
    (root / "new.txt").write_text("new")
    assert get(site.address, "/files/new.txt").text == "new"


def test_a_big_file(site: Site, root: Path) -> None:
    piece = random.Random(1).randbytes(1 << 20)
    want = hashlib.sha256()
    with (root / "big.bin").open("wb") as file:
        for number in range(48):
            part = bytes([number]) + piece
            file.write(part)
            want.update(part)
    with Peer(site.address) as one:
        for _ in range(2):
            one.send(build("GET", "/files/big.bin"))
            got = hashlib.sha256()
            for part in one.pieces(one.head()):
                got.update(part)
            assert got.hexdigest() == want.hexdigest()
        middle = one.ask(target="/files/big.bin", fields=[("Range", "bytes=20000000-20000009")])
        assert len(middle.body) == 10


def test_a_file_that_shrinks_while_it_is_sent(site: Site, root: Path) -> None:
    path = root / "shrinking.bin"
    path.write_bytes(b"x" * (32 << 20))
    with Peer(site.address, receive_bytes=8192) as one:
        one.send(build("GET", "/files/shrinking.bin"))
        head = one.head()
        os.truncate(path, 1000)
        with pytest.raises(Cut):
            for _ in one.pieces(head):
                pass
    assert get(site.address, "/hello").status == 200


def test_many_files(site: Site, root: Path) -> None:
    folder = root / "many"
    folder.mkdir()
    for number in range(1500):
        (folder / f"{number}.txt").write_text(f"{number}\n")
    with Peer(site.address) as one:
        for number in range(1500):
            one.send(build("GET", f"/files/many/{number}.txt"))
            assert one.response().text == f"{number}\n"


def test_compressed_files_are_sent_as_they_are(site: Site, root: Path) -> None:
    data = gzip.compress(b"packed")
    (root / "a.tar.gz").write_bytes(data)
    answer = get(site.address, "/files/a.tar.gz")
    assert answer.body == data and answer.get("Content-Encoding") is None


def test_a_root_that_is_not_there(sites: Sites, tmp_path: Path) -> None:
    site = sites.start("plain", "--static", f"/files/={tmp_path}/nothing")
    assert is_applications(site, "/files/a.css")
    site.err.wait(f"{tmp_path}/nothing")
