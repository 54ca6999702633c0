"""docs/options.md is what the program says of itself, and so is its help."""

import os
import re
import subprocess

import pytest
from docs_examples import OPTIONS, VERBS
from program import ROOT, SLIPWAY


def run(*arguments: str, status: int = 0, **environment: str) -> tuple[str, str]:
    done = subprocess.run(
        [SLIPWAY, *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done
    return done.stdout, done.stderr


def test_the_page_is_the_table() -> None:
    page, _ = run("options-page")
    assert page == (ROOT / "docs/options.md").read_text(), "slipway options-page > docs/options.md"
    assert len(OPTIONS) > 30
    assert re.findall(r'^\| <a id="([a-z0-9-]+)"></a>`\1`', page, re.MULTILINE) == OPTIONS


def test_help_lists_every_verb_and_option() -> None:
    text, _ = run("help")
    assert re.findall(r"^  ([a-z][a-z-]*) ", text, re.MULTILINE) == VERBS
    assert run("--help")[0] == run("-h")[0] == text
    for verb in ("run", "serve", "check"):
        text, _ = run("help", verb)
        assert re.findall(r"^  --([a-z0-9-]+) ", text, re.MULTILINE) == OPTIONS
        assert run(verb, "--help")[0] == text
    for verb in ("status", "reload", "stop"):
        text, _ = run("help", verb)
        assert "--chdir DIR" in text and "--control unix:PATH" in text and "--workers" not in text


def test_help_is_wrapped() -> None:
    for columns, limit in (("70", 70), ("120", 120), ("rubbish", 100), ("5", 60)):
        text, _ = run("help", "serve", COLUMNS=columns)
        lines = text.splitlines()[4:]
        words = ("--listen ADDR", "TIME is 500ms", "Options (each")
        wrapped = [line for line in lines if not any(word in line for word in words)]
        assert limit - 20 < max(len(line) for line in wrapped) <= limit


def test_version() -> None:
    text, _ = run("version")
    assert re.fullmatch(r"slipway \d+\.\d+\.\d+\njansson \S+\n", text)
    assert run("--version")[0] == run("-V")[0] == text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serv"], "unknown verb 'serv', did you mean 'serve'?"),
        (["restart"], "unknown verb 'restart', did you mean 'reload'?"),
        (["a:b"], "unknown verb 'a:b'; an application is served by: slipway serve a:b"),
        (["xyzzy"], "unknown verb 'xyzzy'; `slipway help` lists them"),
        (["help", "serv"], "unknown verb 'serv', did you mean 'serve'?"),
        (["version", "x"], "version takes no arguments, not 'x'"),
        (["stop", "--sit", "x"], "unknown option '--sit', did you mean '--site'?"),
        (["status", "a:b"], "'a:b' is one argument too many, a site is named by --chdir"),
        (["check", "--workers", "x"], "--workers takes a number from 0 to 1024, not 'x'"),
    ],
)
def test_what_cannot_be_understood(arguments: list[str], sentence: str) -> None:
    out, error = run(*arguments, status=2)
    assert (out, error) == ("", f"slipway: {sentence}\n")


def test_no_verb_at_all() -> None:
    out, error = run(status=2)
    assert out == "" and error == run("help")[0]


def test_output_that_cannot_be_written() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([SLIPWAY, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "slipway: cannot write to standard output\n"
