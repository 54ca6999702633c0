"""`slipway logs`: lines of the access log, filtered, over rotated files, and followed."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import Sites
from http1 import get
from program import Lines, Site, environment, run, until


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
    until("lines", lambda: "/59 " in (sites.folder / "logs/a").read_text())
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
    until("a line", lambda: (sites.folder / "logs/a").read_text())
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
    done = site.verb("logs")
    assert done.returncode == 1
    assert "goes to standard output: give it a file with access-log = /PATH" in done.stderr
