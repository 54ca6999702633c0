"""The examples of README.md and docs/: what is a file, what a command, and what stands in them.

A block, fenced or indented by four, is a slipway.ini when its lines are `name = value`, sections,
comments and values that go on; it is looked at whoever wrote it, so that no example is forgotten.
A command is `slipway VERB ...` in a block or between backquotes.
A block called console is a session: `$ ` and a command, beneath it lines of what it says, "..." for
what is another thing each time.  It is with the slipway.ini above it on the page, and with files
that blocks above it name in their first line (`# .env`, `# moved.txt: ...`, `<!-- a.html -->`).
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from program import ROOT

OPTIONS = re.findall(
    r'^OPTION\("([a-z0-9-]+)"', (ROOT / "src/conf/options.def").read_text(), re.MULTILINE
)
VERBS = re.findall(r'^VERB\("([a-z-]+)"', (ROOT / "src/cli/verbs.def").read_text(), re.MULTILINE)

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
MADE = {"options.md", "strictness.md", "from-nginx.md"}  # by the program, and by tests
NAME = r"[a-z][a-z0-9-]*"
LINE = re.compile(rf"\s*(?:(?P<name>{NAME}) = ?.*|\[(?:slipway|route .+)\]|[#;].*|)$")
CONTINUED = re.compile(r"\s+\S")
FILE = re.compile(r"(?:# |<!-- )((?:[a-z-]+/)*(?:\.env|[a-z-]+\.(?:txt|html)))\b")
COMMAND = re.compile(rf"^(?:\$ |sudo (?:-u \S+ )?)*slipway (?P<verb>{NAME})\b(?P<rest>.*)")


class Block(NamedTuple):
    page: Path
    line: int
    kind: str  # the word behind the fence, "" without
    text: str

    @property
    def id(self) -> str:
        return f"{self.page.stem}-{self.line}"


class Session(NamedTuple):
    """A site as a page has it, and what is asked of it."""

    page: Path
    line: int
    ini: str
    files: dict[str, str]
    asks: list[tuple[str, list[str]]]  # a command, and the lines that it says

    @property
    def id(self) -> str:
        return f"{self.page.stem}-{self.line}"


class Command(NamedTuple):
    page: Path
    line: int
    verb: str
    words: list[str]

    @property
    def id(self) -> str:
        return f"{self.page.stem}-{self.line}-{'_'.join([self.verb, *self.words])}"[:60]


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text().splitlines()
    at = 0
    while at < len(lines):
        line, start = lines[at], at + 1
        if line.startswith("```"):
            kind, taken = line[3:].strip(), []
            while (at := at + 1) < len(lines) and not lines[at].startswith("```"):
                taken.append(lines[at])
            yield Block(page, start, kind, "\n".join(taken) + "\n")
        elif line.startswith("    "):
            taken = []
            while at < len(lines) and (lines[at].startswith("    ") or not lines[at]):
                taken.append(lines[at][4:])
                at += 1
            yield Block(page, start, "", "\n".join(taken).rstrip() + "\n")
            continue
        at += 1


BLOCKS = [block for page in PAGES if page.name not in MADE for block in blocks_of(page)]


def names_of(block: Block) -> list[str]:
    found = (re.match(rf"\s?({NAME}) =", line) for line in block.text.splitlines())
    return [match[1] for match in found if match]


def is_ini(block: Block) -> bool:
    if block.kind not in ("", "ini"):
        return False
    before = False
    for line in block.text.splitlines():
        match = LINE.match(line)
        if not match and not (before and CONTINUED.match(line)):
            return False
        before = before or bool(match and match["name"])
    return bool(names_of(block))


def words_of(text: str) -> list[str]:
    """As a shell has them, up to what is another command's or a remark."""
    words = []
    for word in shlex.split(text, comments=True):
        if word in ("|", "&&", ";", ">", "&"):
            break
        words.append(word)
    return words


def commands_of(page: Path) -> Iterator[Command]:
    for number, line in enumerate(page.read_text().splitlines(), 1):
        said = [line.strip()] if line.startswith(("    ", "$ ")) else []
        for text in [*said, *re.findall(r"`([^`]+)`", line)]:
            if match := COMMAND.match(text):
                yield Command(page, number, match["verb"], words_of(match["rest"]))


def asks_of(text: str) -> list[tuple[str, list[str]]]:
    asks: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            asks.append((line[2:], []))
        else:
            asks[-1][1].append(line)
    return asks


def sessions_of(page: Path) -> Iterator[Session]:
    ini, files = "", {}
    for block in blocks_of(page):
        named = FILE.match(block.text)
        if block.kind == "console":
            yield Session(page, block.line, ini, dict(files), asks_of(block.text))
        elif named:
            files[named[1]] = block.text
        elif is_ini(block):
            ini = block.text


SESSIONS = [s for page in PAGES if page.name not in MADE for s in sessions_of(page)]
INIS = [block for block in BLOCKS if is_ini(block)]
COMMANDS = [c for page in PAGES if page.name not in MADE for c in commands_of(page)]
