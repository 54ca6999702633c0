"""Whose a host is while files of sites change: never nobody's, nor of one who does not serve."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Sites
from http1 import Response
from program import until, wait_gone
from projects import write
from site_server import Asking, Server, ask


@pytest.fixture
def server(sites: Sites) -> Server:
    return Server(sites)


def hosts_are(file: Path, *hosts: str) -> None:
    lines = [line for line in file.read_text().splitlines() if not line.startswith("hosts")]
    file.write_text("\n".join([lines[0], *(f"hosts = {h}" for h in hosts), *lines[1:]]) + "\n")


def breaks(server: Server, name: str) -> str:
    code = server.folder / name / "own.py"
    good = code.read_text()
    write(code, "raise RuntimeError('no luck')\n")
    return good


DIES = """
import os
os.register_at_fork(after_in_child=lambda: os._exit(3))
def application(environ, start_response): pass
"""
BROKEN = {"imported": "raise RuntimeError('no luck')\n", "forked": DIES}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_hosts_of_a_refused_reload_are_those_before(server: Server, broken: str) -> None:
    file = server.file("shop", "preload = yes", hosts=("shop.test",))
    server.file("blog")
    site = server.start()
    hosts_are(file, "store.test")
    code = server.folder / "shop" / "own.py"
    good = code.read_text()
    write(code, broken)
    server.reload("--site", "shop", status=1)
    assert ask(site, "shop.test").body.startswith(b"shop ")
    assert ask(site, "store.test").status == 421
    write(code, good)
    server.reload("--site", "shop")
    assert ask(site, "store.test").body.startswith(b"shop ")
    assert ask(site, "shop.test").status == 421


def test_two_files_swap_their_hosts(server: Server) -> None:
    blue, green = server.file("blue"), server.file("green")
    site = server.start()

    with (
        Asking(site, "blue.test", lambda r: r.status == 200) as one,
        Asking(site, "green.test", lambda r: r.status == 200) as two,
    ):
        hosts_are(blue, "green.test")
        hosts_are(green, "blue.test")
        server.reload()
        one.wait_more(20)
        two.wait_more(20)
    assert one.wrong == two.wrong == []
    assert ask(site, "blue.test").body.startswith(b"green ")
    assert ask(site, "green.test").body.startswith(b"blue ")
    server.reload()
    assert ask(site, "blue.test").body.startswith(b"green ")


@pytest.mark.parametrize(("giver", "taker"), [("a", "b"), ("b", "a")])
def test_a_host_moves_to_another_file(server: Server, giver: str, taker: str) -> None:
    """In either order of the files; who cannot serve it does not get it."""
    files = {
        giver: server.file(giver, hosts=(f"{giver}.test", "www.test")),
        taker: server.file(taker),
    }
    site = server.start()
    with Asking(site, "www.test", lambda r: r.status == 200) as asking:
        hosts_are(files[giver], f"{giver}.test")
        hosts_are(files[taker], f"{taker}.test", "www.test")
        good = breaks(server, taker)
        server.reload(status=1)
        assert ask(site, "www.test").body.startswith(giver.encode())
        write(server.folder / taker / "own.py", good)
        server.reload()
        asking.wait_more(20)
    assert asking.wrong == []
    assert ask(site, "www.test").body.startswith(taker.encode())
    edges = site.pids("edge")
    for edge in edges:
        os.kill(edge, signal.SIGKILL)
    wait_gone(edges)
    assert ask(site, "www.test").body.startswith(taker.encode())
    assert ask(site, f"{giver}.test").body.startswith(giver.encode())


def test_a_file_is_renamed(server: Server) -> None:
    file = server.file("shop")
    server.file("blog")
    site = server.start()
    blog = server.pid("blog")
    with Asking(site, "shop.test", lambda r: r.status == 200) as asking:
        file.rename(file.with_name("store.ini"))
        out, _ = server.reload()
        asking.wait_more(20)
    assert asking.wrong == [] and "shop: gone" in out and "store: started" in out
    assert set(server.rows()) == {"blog", "store"}
    assert server.pid("blog") != blog  # a reload of all is one of this, too


def test_whatever_becomes_of_one_the_others_do_not_notice(server: Server) -> None:
    """Added, changed, broken, mended, a link, renamed, removed, by its own or a reload of all."""
    for name in ["one", "two"]:
        server.file(name)
    site = server.start()
    folder = server.folder / "sites"
    file, other, target = folder / "new.ini", folder / "other.ini", server.folder / "target.ini"
    [master] = site.pids("master")

    def link() -> None:
        file.rename(target)
        file.symlink_to(target)

    steps: list[tuple[str, Callable[[], object]]] = [
        ("new", lambda: server.file("new")),
        ("new", lambda: server.file("new", hosts=("new.test", "more.test"))),
        ("new", lambda: server.file("new", "rubbish")),
        ("", lambda: None),
        ("new", lambda: server.file("new")),
        ("", link),
        ("other", lambda: file.rename(other)),
        ("new", lambda: None),
        (
            "",
            lambda: write(
                server.folder / "slipway.ini", "sites = sites\nworkers = 1\nhead-limit = 9K\n"
            ),
        ),
        ("other", lambda: server.file("other", "rubbish", hosts=("new.test",))),
        ("", lambda: other.unlink()),
    ]

    def is_of(name: str) -> Callable[[Response], bool]:
        return lambda answer: answer.status == 200 and answer.body.startswith(name.encode())

    with (
        Asking(site, "one.test", is_of("one")) as one,
        Asking(site, "two.test", is_of("two")) as two,
    ):
        before = len(os.listdir(f"/proc/{master}/fd"))
        for only, act in steps:
            act()
            arguments = ["--site", only] if only else []
            site.verb("reload", "--chdir", str(server.folder), *arguments)
            one.wait_more(2)
            two.wait_more(2)
        until("it is gone", lambda: set(server.rows()) == {"one", "two"})
        until("all is given back", lambda: len(os.listdir(f"/proc/{master}/fd")) <= before)
    assert one.wrong == two.wrong == []
    assert ask(site, "new.test").status == ask(site, "more.test").status == 421


def test_a_name_of_its_own_or_of_its_file(server: Server) -> None:
    server.file("shop")
    site = server.start()
    server.file("blog", "site = diary")
    assert "diary: started" in server.reload("--site", "blog")[0]
    assert "diary: reloaded" in server.reload("--site", "diary")[0]
    assert ask(site, "blog.test").body.startswith(b"blog ")
    assert "no site is called none" in server.reload("--site", "none", status=1)[1]


def test_the_first_of_two_new_files_has_the_host(server: Server) -> None:
    server.file("first", hosts=("same.test",))
    site = server.start()
    server.file("second", hosts=("same.test",))
    _, err = server.reload(status=1)
    assert "second.ini: the site first has the host same.test already" in err
    assert ask(site, "same.test").body.startswith(b"first ")


def test_an_edge_starts_while_the_first_of_the_sites_is_down(server: Server) -> None:
    server.file("bad")
    server.file("shop")
    breaks(server, "bad")
    site = server.start()
    for _ in range(3):
        until("it is down", lambda: server.rows()["bad"]["state"] == "failed")
        edges = site.pids("edge")
        for edge in edges:
            os.kill(edge, signal.SIGKILL)
        wait_gone(edges)
        assert ask(site, "shop.test").body.startswith(b"shop ")
        assert ask(site, "bad.test").status == 503
    assert site.log().count("edge died") == 3


def test_links_and_leavings_of_editors(server: Server) -> None:
    """As sites-enabled does it; a link that leads nowhere is a file that is wrong."""
    available = server.file("shop").rename(server.folder / "shop.ini")
    folder = server.folder / "sites"
    (folder / "shop.ini").symlink_to(available)
    for name in [".shop.ini.swp", "shop.ini~", "#shop.ini#", "4913", "shop.ini.bak", ".#shop.ini"]:
        write(folder / name, "rubbish\n")
    site = server.start()
    assert ask(site, "shop.test").body.startswith(b"shop ")
    other = server.file("other").rename(server.folder / "other.ini")
    (folder / "other.ini").symlink_to(other)
    server.reload("--site", "other")
    assert ask(site, "other.test").body.startswith(b"other ")
    (folder / "other.ini").unlink()
    server.reload("--site", "other")
    until("it is gone", lambda: ask(site, "other.test").status == 421)
    assert set(server.rows()) == {"shop"}
