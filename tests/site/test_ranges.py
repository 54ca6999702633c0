"""Several ranges of a file, over every wire, held to a reference written in Python."""

import os
import random
from pathlib import Path

import pytest
import wires
from byte_ranges import MOST, parts_of, wanted
from conftest import Sites
from http1 import Cut, Peer, build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import Site
from wires import WIRES, Asker, Got

SIZES = {"empty": 0, "one": 1, "small.bin": 999, "kept.txt": 16000, "large.bin": 300_000}
BIG = 24 << 20


@pytest.fixture(scope="module")
def data() -> dict[str, bytes]:
    chance = random.Random(14)
    return {name: chance.randbytes(size) for name, size in SIZES.items()}


@pytest.fixture(scope="module")
def root(shared: Sites, data: dict[str, bytes]) -> Path:
    root = shared.folder / "files"
    root.mkdir()
    for name, content in data.items():
        (root / name).write_bytes(content)
        os.utime(root / name, (1_700_000_000, 1_700_000_000))
    (root / "big.bin").write_bytes(random.Random(1).randbytes(BIG))
    return root


@pytest.fixture(scope="module")
def site(shared: Sites, root: Path) -> Site:
    return wires.start(shared, "plain", "--static", f"/f/={root}")


def check(got: Got, content: bytes, value: str, most: int = MOST) -> None:
    """The answer to this Range is the reference's."""
    want = wanted(value, len(content), most)
    size = len(content)
    if want == 416:
        assert got.status == 416 and got.get("Content-Range") == f"bytes */{size}"
    elif want == 200:
        assert got.status == 200 and got.body == content and got.get("Content-Range") is None
    else:
        check_parts(got, content, want)


def check_parts(got: Got, content: bytes, want: list[tuple[int, int]]) -> None:
    assert got.status == 206
    assert got.get("Content-Length") == str(len(got.body))
    assert got.get("ETag") and got.get("Last-Modified") and got.get("Accept-Ranges") == "bytes"
    if len(want) == 1:
        ((first, last),) = want
        assert got.get("Content-Range") == f"bytes {first}-{last}/{len(content)}"
        assert got.body == content[first : last + 1]
        return
    assert got.get("Content-Range") is None
    parts = parts_of(got.get("Content-Type") or "", got.body)
    assert [(part.first, part.last) for part in parts] == want
    for part in parts:
        assert part.size == len(content) and part.body == content[part.first : part.last + 1]
        assert part.kind in ("application/octet-stream", "text/plain; charset=utf-8")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-0,500-500",
        "bytes=500-599,0-9",
        "bytes=-1,0-1",
        "bytes=0-99,50-149,900-",
        "bytes=0-9,90-99",
        "bytes=0-9,89-99",
        "bytes=5000-,0-0,-200",
        "bytes=99999999999999999999-,888888888888-",
        "bytes=0-1,x",
        "bytes=" + ",".join(f"{n * 300}-{n * 300 + 9}" for n in range(MOST)),
        "bytes=" + ",".join(f"{n * 300}-{n * 300 + 9}" for n in range(MOST + 1)),
        "bytes=" + ",".join(f"{n}-" for n in range(MOST)),
    ],
)
def test_several_ranges(site: Site, data: dict[str, bytes], wire: str, value: str) -> None:
    with Asker(wire, site) as one:
        for name, content in data.items():
            check(one.ask(f"/f/{name}", [("Range", value)]), content, value)
        assert one.ask("/hello").body == b"hello\n"


numbers = st.one_of(st.integers(0, 1100), st.integers(0, 310_000), st.just(10**20))
spec = st.one_of(
    st.tuples(numbers, numbers).map(lambda p: f"{min(p)}-{max(p)}"),
    numbers.map(lambda n: f"{n}-"),
    numbers.map(lambda n: f"-{n}"),
    st.tuples(numbers, st.integers(0, 30)).map(lambda p: f"{p[0]}-{p[0] + p[1]}"),
    st.sampled_from(["", " ", "-", "a-b", "1-0", "0-0", "-0", "--1", "+1-2", "0-1-2"]),
)
padded = st.tuples(spec, st.sampled_from(["", " ", "\t", " \t "])).map("".join)
value = st.tuples(
    st.sampled_from(["bytes=", "bytes=", "bytes=", "Bytes=", "bytes", "lines=", "bytes = "]),
    st.lists(st.one_of(padded, spec), min_size=0, max_size=40).map(",".join),
).map(lambda p: "".join(p).strip())


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=value, name=st.sampled_from(sorted(SIZES)), wire=st.sampled_from(WIRES))
def test_any_range_field(
    site: Site, data: dict[str, bytes], askers: dict[str, Asker], value: str, name: str, wire: str
) -> None:
    check(askers[wire].ask(f"/f/{name}", [("Range", value)]), data[name], value)


@pytest.fixture(scope="module")
def askers(site: Site) -> dict[str, Asker]:
    return {wire: Asker(wire, site) for wire in WIRES}


@pytest.mark.parametrize("wire", WIRES)
def test_of_a_large_file(site: Site, wire: str) -> None:
    content = random.Random(1).randbytes(BIG)
    value = "bytes=20000000-23999999,100-9000000,10000000-10000000"
    with Asker(wire, site) as one:
        check(one.ask("/f/big.bin", [("Range", value)]), content, value)
        assert one.ask("/hello").body == b"hello\n"


def test_of_a_file_that_shrinks(site: Site, root: Path) -> None:
    path = root / "shrinking.bin"
    path.write_bytes(b"x" * BIG)
    with Peer(site.address, receive_bytes=8192) as one:
        fields = [("Range", f"bytes=0-{BIG // 2},{BIG - 1000}-")]
        one.send(build("GET", "/f/shrinking.bin", fields))
        head = one.head()
        os.truncate(path, 1000)
        with pytest.raises(Cut):
            one.body(head)


@pytest.mark.parametrize("wire", WIRES)
def test_if_range(site: Site, data: dict[str, bytes], wire: str) -> None:
    content, value = data["small.bin"], "bytes=0-0,500-500"
    with Asker(wire, site) as one:
        whole = one.ask("/f/small.bin")
        etag, last = whole.get("ETag"), whole.get("Last-Modified")
        for condition, is_met in [
            (etag, True),
            (last, True),
            (f"W/{etag}", False),
            ('"other"', False),
            (f"{etag}, {etag}", False),
            ("Tue, 14 Nov 2023 22:13:21 GMT", False),
            ("Tue, 14 Nov 2023 22:13:19 GMT", False),
            ("nonsense", False),
        ]:
            got = one.ask("/f/small.bin", [("Range", value), ("If-Range", condition)])
            check(got, content, value if is_met else "")


@pytest.mark.parametrize("wire", WIRES)
def test_conditions_come_first(site: Site, wire: str) -> None:
    """RFC 9110, section 13.2.2: the range is the last step."""
    fields = [("Range", "bytes=0-0,500-500")]
    with Asker(wire, site) as one:
        etag = one.ask("/f/small.bin").get("ETag") or ""
        for status, more in [
            (412, ("If-Match", '"other"')),
            (412, ("If-Match", f"W/{etag}")),
            (206, ("If-Match", f'"other", {etag}')),
            (412, ("If-Unmodified-Since", "Tue, 14 Nov 2023 22:13:19 GMT")),
            (206, ("If-Unmodified-Since", "Tue, 14 Nov 2023 22:13:20 GMT")),
            (304, ("If-None-Match", etag)),
        ]:
            assert one.ask("/f/small.bin", [*fields, more]).status == status, more


@pytest.mark.parametrize("wire", WIRES)
def test_methods(site: Site, data: dict[str, bytes], wire: str) -> None:
    with Asker(wire, site) as one:
        whole = one.ask("/f/small.bin")
        assert whole.status == 200 and whole.body == data["small.bin"]
        for fields in ([], [("Range", "bytes=0-0,5-5")], [("Range", "bytes=5000-")]):
            head = one.ask("/f/small.bin", fields, "HEAD")
            assert head.body == b"" and without_date(head) == without_date(whole)
        options = one.ask("/f/small.bin", method="OPTIONS")
        assert options.status == 204 and options.get("Allow") == "GET, HEAD, OPTIONS"
        assert options.body == b"" and options.get("Content-Length") is None
        for method in ("DELETE", "PROPFIND", "get"):
            got = one.ask("/f/small.bin", method=method)
            assert got.status == 405 and got.get("Allow") == "GET, HEAD, OPTIONS"
        for method in ("OPTIONS", "DELETE"):  # where no file is, the application is asked
            got = one.ask("/f/nothing", method=method)
            assert got.get("X-App") == "plain"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_methods_with_a_body(site: Site, wire: str, method: str) -> None:
    with Asker(wire, site) as one:
        got = one.ask("/f/small.bin", method=method, body=b"x" * 5000)
        assert got.status == 405 and got.get("Allow") == "GET, HEAD, OPTIONS"
    with Asker(wire, site) as one:
        assert one.ask("/f/nothing", method=method, body=b"x").get("X-App") == "plain"


def without_date(got: Got) -> dict[str, str]:
    return {name: value for name, value in got.fields.items() if name != "date"}


def test_the_limit_is_an_option(sites: Sites) -> None:
    content = random.Random(2).randbytes(1000)
    (sites.folder / "files").mkdir()
    (sites.folder / "files" / "a").write_bytes(content)
    value = "bytes=0-0,500-500,700-700"
    for most in (0, 2, 3):
        site = sites.start(
            "plain", "--static", f"/f/={sites.folder}/files", "--ranges-limit", str(most)
        )
        with Asker("http1", site) as one:
            check(one.ask("/f/a", [("Range", value)]), content, value, most)
            assert one.ask("/f/a").get("Accept-Ranges") == ("bytes" if most else None)
