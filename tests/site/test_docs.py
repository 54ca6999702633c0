"""The examples of the docs: what is shown as slipway.ini serves, what is shown as a command is one.

Names of a machine of one's own (/srv, /etc, port 443) get a place in a folder of the test; the rest
of an example is taken as it stands.
"""

import functools
import re
from pathlib import Path

import pytest
from certificates import make
from conftest import Sites
from docs_examples import (
    BLOCKS,
    COMMANDS,
    INIS,
    MADE,
    OPTIONS,
    PAGES,
    VERBS,
    Block,
    Command,
    names_of,
)
from docs_place import FOREIGN, Place
from http1 import Peer
from program import ROOT, run
from tls_client import TlsPeer


@functools.cache
def help_of(verb: str) -> str:
    done = run("help", verb)
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def flags() -> set[str]:
    return {"help"} | {
        name for verb in VERBS for name in re.findall(r"--([a-z0-9-]+)", help_of(verb))
    }


# ---- names


def test_there_are_examples() -> None:
    assert len(INIS) >= 15 and len(COMMANDS) >= 50
    called = [block for block in BLOCKS if block.kind == "ini" and "[Service]" not in block.text]
    assert [block.id for block in called if block not in INIS] == []


@pytest.mark.parametrize("block", INIS, ids=lambda block: block.id)
def test_options_of_an_example_exist(block: Block) -> None:
    assert [name for name in names_of(block) if name not in OPTIONS] == []


@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in MADE], ids=lambda p: p.stem)
def test_options_in_the_text_exist(page: Path) -> None:
    text = page.read_text()
    named = re.findall(r"`--(?:no-)?([a-z0-9-]+)", text)
    assert [name for name in named if name not in flags()] == []
    lines = re.findall(r"`([a-z0-9-]+) = [^`]*`", text)
    assert [name for name in lines if name not in {*OPTIONS, "location"}] == []  # nginx's


@pytest.mark.parametrize(("page", "least"), [("nginx", 100), ("uwsgi", 40)])
def test_what_others_have_is_an_option_here(page: str, least: int) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) > least
    names = [theirs for theirs, _ in rows if theirs not in ("nginx", "uWSGI")]
    assert sorted(names) == sorted(set(names))
    named = [name for _, here in rows for name in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", here)]
    assert len(named) >= 15
    assert [name for name in named if name not in OPTIONS] == []


# ---- slipway.ini


@pytest.mark.parametrize("block", INIS, ids=lambda block: block.id)
def test_an_example_serves(sites: Sites, block: Block) -> None:
    place = Place(sites.folder / "x")
    (place.project / "slipway.ini").write_text(place.ini(block.text))
    names = names_of(block)
    more = [] if "sites" in names else ["--site", "example"]
    if place.is_tls and "tls-certificate" not in names:
        more += make(sites.folder, "other", "example.org").options
    listen = None if "listen" in names else "127.0.0.1:0"
    site = sites.start(None, *more, chdir=place.project, options_of_count=False, listen=listen)
    if "proxy" in block.text.split():
        return  # it answers nobody who does not say for whom he speaks
    is_https = site.url.startswith("https:")
    with TlsPeer(site.address, "example.org") if is_https else Peer(site.address) as peer:
        answer = peer.ask("GET", "/", [("Host", "example.org")])
    assert answer.status < 500


# ---- commands


def own_words(command: Command) -> list[str]:
    """Without those of the command that `exec` runs."""
    words, at = command.words, 0
    if command.verb != "exec":
        return words
    while at < len(words) and words[at].startswith("--") and words[at] != "--":
        at += 1 if "=" in words[at] else 2
    return words[:at]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.id)
def test_a_command_is_one(tmp_path: Path, command: Command) -> None:
    """`serve` and `run` take what `check` takes, and it ends by itself."""
    assert command.verb in VERBS
    if command.verb not in ("serve", "run", "check") or not command.words:
        taken = re.findall(r"--([a-z0-9-]+)", help_of(command.verb))
        named = [word[2:].partition("=")[0] for word in own_words(command) if word[:2] == "--"]
        assert [name for name in named if name not in taken] == []
        return
    place = Place(tmp_path)
    words = [FOREIGN.sub(lambda found: place.path(found[0], ""), word) for word in command.words]
    done = run("check", *words, folder=place.project)
    assert done.returncode != 2, done.stderr
