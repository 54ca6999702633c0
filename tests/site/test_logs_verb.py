"""`slipway logs`: lines of the access log, filtered, over rotated files, and followed."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Sites
from http1 import Peer, get
from program import Lines, Site, environment, log_text, run, until
from projects import write
from small_disk import small_disk


def start(sites: Sites, *options: str) -> Site:
    (sites.folder / "logs").mkdir(exist_ok=True)
    site: Site = sites.start("plain", "--access-log", str(sites.folder / "logs/a"), *options)
    return site


def shown(site: Site, *arguments: str) -> list[str]:
    done = site.verb("logs", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def targets(lines: list[str]) -> list[str]:
    return [
        json.loads(line)["target"] if line[0] == "{" else line.split('"')[1].split(" ")[1]
        for line in lines
    ]


@pytest.mark.parametrize("form", ["text", "combined", "json"])
def test_filters(sites: Sites, form: str) -> None:
    site = start(sites, "--access-format", form)
    for target in ("/a/1", "/b/2", "/%00", "/a/3"):
        get(site.address, target)
    until("lines", lambda: len(shown(site)) == 4)
    assert targets(shown(site)) == ["/a/1", "/b/2", "/%00", "/a/3"]
    assert shown(site) == (sites.folder / "logs/a").read_text().splitlines()
    assert targets(shown(site, "--path", "/a/")) == ["/a/1", "/a/3"]
    assert targets(shown(site, "--status", "4xx")) == ["/%00"]
    assert targets(shown(site, "--status=500,200", "--path=/b")) == ["/b/2"]
    assert shown(site, "--slow", "1h") == []
    assert len(shown(site, "--slow", "0")) == (0 if form == "combined" else 4)
    rows = [json.loads(line) for line in shown(site, "--json")]
    assert [(row["target"], row["status"]) for row in rows][:2] == [("/a/1", 200), ("/b/2", 200)]


@pytest.mark.parametrize("packs", ["yes", "no"])
def test_rotated_files_come_first(sites: Sites, packs: str) -> None:
    options = ["--log-rotate-size", "1000", "--log-keep", "0", "--log-compress", packs]
    site = start(sites, *options)
    for n in range(60):
        get(site.address, f"/{n}")
    until("lines", lambda: "/59 " in log_text(sites.folder / "logs/a"))
    assert targets(shown(site)) == [f"/{n}" for n in range(60)]
    assert len(list((sites.folder / "logs").iterdir())) > 3


@contextmanager
def following(site: Site, *arguments: str) -> Iterator[Lines]:
    command = [site.program, "logs", "-f", *arguments, "--control", f"unix:{site.control}"]
    process = subprocess.Popen(
        command,
        cwd=site.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    lines = Lines(process.stdout)
    try:
        yield lines
    finally:
        process.terminate()
        process.wait(20)
        lines.end()


def test_follows_over_rotation(sites: Sites) -> None:
    site = start(sites, "--log-rotate-size", "1000", "--access-format", "combined")
    get(site.address, "/first")
    until("a line", lambda: log_text(sites.folder / "logs/a"))
    with following(site, "--path", "/") as seen:
        seen.wait("/first ")
        for n in range(40):
            get(site.address, f"/{n}")
            seen.wait(f"/{n} ")
    assert targets(seen.text.splitlines()) == ["/first", *[f"/{n}" for n in range(40)]]


def test_the_only_site_has_a_name(sites: Sites) -> None:
    site = start(sites)
    get(site.address, "/x")
    until("a line", lambda: shown(site))
    name = site.status()["site"]
    assert targets(shown(site, "--site", name)) == ["/x"]
    done = site.verb("logs", "--site", "other")
    assert done.returncode == 1 and f"the site that runs here is {name}, not other" in done.stderr


@pytest.mark.parametrize(("arguments", "said"), [
    (["--status", "5"], "--status takes statuses such as 404, 5xx or 4xx,502, not '5'"),
    (["--status", "4xx,"], "not '4xx,'"), (["--status", "xxx"], "not 'xxx'"),
    (["--slow", "long"], "--slow takes a time such as 500ms or 2s, not 'long'"),
])  # fmt: skip
def test_what_is_refused(sites: Sites, arguments: list[str], said: str) -> None:
    done = run("logs", *arguments, folder=sites.folder)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


def test_a_log_that_is_no_file(sites: Sites) -> None:
    site = sites.start("plain")
    done = site.verb("logs", "-f")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "goes to standard output: give it a file with access-log = /PATH" in done.stderr
    assert "`journalctl -f -u UNIT`" in done.stderr
    site = sites.start("plain", "--access-log", "off")
    assert "the access log is off: give it a file" in site.verb("logs").stderr


class IntoFile(Site):
    """`slipway serve > FILE`, as a shell does it."""

    def _launch(
        self, command: list[str], folder: Path, env: dict[str, str], **more: Any
    ) -> subprocess.Popen[bytes]:
        into = ["sh", "-c", 'exec "$@" > "$INTO"', "sh", *command]
        return super()._launch(into, folder, env, **more)


def test_standard_output_that_is_a_file(sites: Sites) -> None:
    site = sites.start("plain", env={"INTO": str(sites.folder / "out")}, kind=IntoFile)
    with following(site, "--path", "/x") as seen:
        get(site.address, "/y")
        get(site.address, "/x")
        seen.wait("GET /x ")
    assert "/y" not in seen.text
    until("both", lambda: targets(shown(site)) == ["/y", "/x"])


def test_slow_alone_is_a_second(sites: Sites) -> None:
    site = start(sites)
    get(site.address, "/x")
    until("a line", lambda: shown(site))
    assert shown(site, "--slow") == shown(site, "--slow", "--path", "/") == []
    assert shown(site, "--status", "2xx", "--slow=0")


OWN = """
def application(environ, start_response):
    status = "404 Not Found" if environ["PATH_INFO"].startswith("/no-") else "200 OK"
    start_response(status, [("Content-Length", "2")])
    return [b"ok"]
"""


def make_sites(sites: Sites, server: str, **lines: str) -> Site:
    for name, more in lines.items():
        (sites.folder / name).mkdir()
        write(sites.folder / f"{name}/own.py", OWN)
        text = f"chdir = ../{name}\napp = own:application\nhosts = {name}.test\n{more}\n"
        write(sites.folder / f"sites/{name}.ini", text)
    write(sites.folder / "slipway.ini", f"sites = sites\nworkers = 1\n{server}\n")
    site: Site = sites.start(None, chdir=sites.folder, options_of_count=False)
    return site


def ask(site: Site, *names: str) -> None:
    for name in names:
        get(site.address, f"/{name}", [("Host", f"{name}.test")])
        get(site.address, f"/no-{name}", [("Host", f"{name}.test")])


def test_of_several_sites(sites: Sites) -> None:
    (sites.folder / "logs").mkdir()
    site = make_sites(
        sites,
        f"access-log = {sites.folder}/logs/all\naccess-format = json",
        shop=f"access-log = {sites.folder}/logs/shop\naccess-format = text",
        blog="",
        wiki="access-format = text",
        rest="access-log = -",
        mute="access-log = off",
    )
    ask(site, "shop", "blog", "wiki", "rest", "mute")
    site.out.wait('"/no-rest"')
    until("lines", lambda: len(shown(site)) == 6)
    both = {f"/{name}" for one in ("blog", "shop", "wiki") for name in (one, f"no-{one}")}
    assert set(targets(shown(site))) == both
    assert targets(shown(site, "--site", "shop")) == ["/shop", "/no-shop"]
    assert targets(shown(site, "--site", "shop", "--status", "4xx")) == ["/no-shop"]
    assert targets(shown(site, "--site", "blog", "--status", "2xx")) == ["/blog"]
    for name, said in (
        ("wiki", "do not name their site: set access-format = json, or give wiki a log of its own"),
        ("rest", "the access log of rest goes to standard output"),
        ("mute", "the access log of mute is off"),
        ("none", "no site is called none; there are: blog, mute, rest, shop, wiki"),
    ):
        done = site.verb("logs", "--site", name)
        assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1
    assert "not shown: the access log of " in site.verb("logs").stderr
    with following(site, "--status", "4xx") as seen, following(site, "--site", "shop") as its:
        ask(site, "shop", "blog")
        seen.wait("no-shop ")
        seen.wait("no-blog")
        its.wait("no-shop ")
    assert "GET /shop " not in seen.text and "blog" not in its.text


def test_sites_that_share_a_file_share_it_whole(sites: Sites) -> None:
    """One place for two sites: it is rotated once, every line is there, and status counts all."""
    (sites.folder / "logs").mkdir()
    own = f"access-log = {sites.folder}/logs/own"
    rotation = "log-rotate-size = 1000\nlog-keep = 0"
    site = make_sites(sites, rotation, one=own, two=own)
    for _ in range(20):
        ask(site, "one", "two")
    until("lines", lambda: len(shown(site)) == 80)
    found = targets(shown(site, "--site", "one"))
    assert len(found) == 80 and found.count("/two") == 20

    def files() -> set[str]:
        names = {path.name for path in (sites.folder / "logs").iterdir()} - {"own"}
        return {name.removesuffix(".part").removesuffix(".gz") for name in names}

    until("the count", lambda: site.status()["logs"]["rotated"] == len(files()) > 3)


def test_what_a_site_loses_is_counted(sites: Sites) -> None:
    with small_disk(sites.folder / "logs") as disk:
        path = disk.folder / "own"
        site = make_sites(sites, "", one=f"access-log = {path}", two="")
        disk.fill()
        agent = [("Host", "one.test"), ("User-Agent", "a" * 500)]
        with Peer(site.address) as peer:
            for n in range(2500):
                assert peer.ask("GET", f"/{n}", agent).status == 200
        until("the count", lambda: site.status()["logs"]["access_dropped"] > 0)
        disk.make_room()
        # No request comes: it looks by itself whether there is room again.
        until("the lines that waited", lambda: path.stat().st_size > 500000)
        get(site.address, "/after", agent)
        until("a line", lambda: "GET /after " in path.read_text())
        site.err.wait(f'lines were dropped: log="{path}" count=')
        site.stop()
