"""The sessions of the docs: each command is run against the site of its page."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Sites
from docs_examples import SESSIONS, Session
from docs_place import Place
from program import AS_WE_ARE, PYTHON, SLIPWAY, TIMEOUT_S, Site, environment

CURL = "curl -s --max-time 60 --noproxy '*' --connect-to ::127.0.0.1:{port} "
STYLE = "/* A style sheet that is worth its compression. */\n" + "a { color: red }\n" * 400


def place_of(folder: Path, session: Session) -> Place:
    place = Place(folder)
    for name, text in session.files.items():
        there = place.project / name
        there.parent.mkdir(exist_ok=True)
        there.write_text(text)
    sheet = place.project / "collected" / "admin" / "css" / "base.css"
    sheet.parent.mkdir(parents=True)
    sheet.write_text(STYLE)
    (place.project / "slipway.ini").write_text(place.ini(session.ini))
    return place


def says(site: Site, command: str) -> list[str]:
    """As a shell has it; the site's address is where curl goes, whatever the host."""
    assert re.match(r"(?:head -c \d+ /dev/zero \| )?(?:curl|slipway) ", command), command
    text = re.sub(r"\bcurl ", CURL.format(port=site.port), command)
    text = re.sub(r"^slipway ", f"{SLIPWAY} ", text)
    env = AS_WE_ARE | {"SLIPWAY_CONTROL": f"unix:{site.control}", "SLIPWAY_PYTHON": PYTHON}
    done = subprocess.run(
        ["sh", "-c", text],
        cwd=site.folder,
        env=environment(env),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout.decode("latin-1").splitlines()


def missing(told: list[str], said: list[str]) -> Iterator[str]:
    """Lines of the docs that are not there, in their order; of a head any order will do."""
    end = said.index("") if "" in said else 0
    head, body = said[1:end], said[end:] if end else said
    for line in told:
        pattern = re.compile(".*?".join(map(re.escape, line.split("..."))))
        if end and pattern.fullmatch(said[0]) or any(map(pattern.fullmatch, head)):
            continue
        at = next((at for at, one in enumerate(body) if pattern.fullmatch(one)), None)
        if at is None:
            yield line
        else:
            body = body[at + 1 :]


def test_there_are_sessions() -> None:
    assert len(SESSIONS) >= 20 and all(told for s in SESSIONS for _, told in s.asks)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.id)
def test_a_session_is_as_told(sites: Sites, session: Session) -> None:
    place = place_of(sites.folder / "x", session)
    listen = None if re.search("^listen =", session.ini, re.MULTILINE) else "127.0.0.1:0"
    site = sites.start(None, chdir=place.project, options_of_count=False, listen=listen)
    for command, told in session.asks:
        said = says(site, command)
        assert list(missing(told, said)) == [], (command, said[:40])
