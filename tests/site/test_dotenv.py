"""Environment files, read by slipway and by python-dotenv: no difference but one.

python-dotenv warns about a line that is no statement and goes on; slipway refuses the file and
says which line.  SLIPWAY_EXAMPLES files are made (make test-peers: 10,000).
"""

import io
import json
import logging
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import SLIPWAY, environment

dotenv = pytest.importorskip("dotenv")
parser = pytest.importorskip("dotenv.parser")

EXAMPLES = int(os.environ.get("SLIPWAY_EXAMPLES", "500"))
OWN = {"HOME": "/home/of a user", "EMPTY": "", "A": "of the process", "É": "accent"}

names = st.sampled_from(["A", "B", "C", "HOME", "EMPTY", "É", "a.b", "A B", "1", "export", "-x"])
blanks = st.sampled_from(["", "", " ", "\t", "  ", "\u00a0", "\f", "\u2003"])
line_ends = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", ""])
references = st.builds(
    lambda name, rest: "${" + name + rest,
    names,
    st.sampled_from(["}", ":-}", ":-d e}", ":-${A}}", ":x}", "", "-y}", ":-'q'}", ":-\\}}"]),
)
characters = st.text(
    st.one_of(
        st.sampled_from("abc \t'\"\\#=${}:-\n\r"),
        st.characters(exclude_categories=("Cs",), exclude_characters="\0"),
    ),
    max_size=6,
)
escapes = st.sampled_from("abfnrtv\\'\"x0u\n").map(lambda byte: "\\" + byte)
pieces = st.lists(st.one_of(characters, references, escapes), max_size=5).map("".join)


def quoted(quote: str) -> st.SearchStrategy[str]:
    """Mostly closed where it should be."""
    return pieces.map(lambda text: quote + text.replace(quote, "\\" + quote) + quote)


values = st.one_of(pieces, pieces, quoted("'"), quoted('"'))
keys = st.one_of(names, names, names.map(lambda name: f"'{name}'"))
comments = st.builds(lambda blank, text: blank + "#" + text, blanks, characters)
statements = st.builds(
    "{}{}{}{}={}{}{}".format,
    blanks,
    st.sampled_from(["", "", "export ", "export\t", "export"]),
    keys,
    blanks,
    blanks,
    values,
    st.one_of(st.just(""), blanks, comments),
)
lines = st.one_of(statements, statements, statements, keys, comments, blanks, pieces)
files = st.builds(
    lambda bom, parts: bom + "".join(line + end for line, end in parts),
    st.sampled_from(["", "", "", "\ufeff"]),
    st.lists(st.tuples(lines, line_ends), max_size=8),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    logging.getLogger("dotenv.main").disabled = True
    yield tmp_path_factory.mktemp("dotenv") / "file"
    logging.getLogger("dotenv.main").disabled = False


def theirs(text: str) -> tuple[dict[str, str | None], range | None]:
    """What python-dotenv reads, and the lines of the first statement that it cannot."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in OWN.items():
            patch.setenv(name, value)
        read = dict(dotenv.dotenv_values(stream=io.StringIO(text), interpolate=True))
    bad = [b.original for b in parser.parse_stream(io.StringIO(text)) if b.error]
    return read, lines_of(bad[0]) if bad else None


def lines_of(statement: Any) -> range:
    """The blank lines before a statement count to it in python-dotenv."""
    blank = re.match(r"\s*", statement.string).group()
    first = statement.line + blank.count("\n")
    return range(first, first + statement.string.strip().count("\n") + 1)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(text=files)
def test_every_file_is_read_as_python_dotenv_reads_it(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    with file.open(encoding="utf-8-sig") as stream:
        text = stream.read()
    expected, bad_lines = theirs(text)
    done = subprocess.run(
        [SLIPWAY, "env", "--json", file],
        env=environment_of_test(),
        capture_output=True,
        encoding="utf-8",
    )
    if bad_lines is None:
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout)
        assert read == expected
        assert list(read) == list(expected)
    else:
        assert done.returncode == 1
        said = re.match(r"slipway: file:(\d+): ", done.stderr)
        assert said and int(said.group(1)) in bad_lines, done.stderr
        assert done.stdout == ""


def environment_of_test() -> dict[str, str]:
    sanitizers = {k: v for k, v in environment().items() if k.endswith("SAN_OPTIONS")}
    return OWN | sanitizers
