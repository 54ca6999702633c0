"""Makes docs/strictness.md of outcomes: verdicts follow from the rules here, none is by hand."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from raw_requests import LIMITS, ROWS, Row
from raw_run import Outcome, differences

SHOWN_BYTES = 90


class Kind(NamedTuple):
    short: str
    meaning: str


GOOD = Kind("as demanded", "the same answers, the same end, and the application saw the same")
OTHERWISE = Kind("refuses otherwise", "refuses too, with another status or without a word")
STRICTER = Kind("refuses what is good", "answers with an error, or closes, where an answer is due")
SEES = Kind("sees otherwise", "answers, but the application saw something else")
WAITS = Kind("waits", "neither answers nor closes, though all the bytes are there")
HALF = Kind("runs, then fails", "the application runs and finds the body broken as it reads")
READS_ON = Kind("reads on", "refuses, but takes what follows for a request")
PASSES = Kind("lets pass", "gives to the application what is to be refused")
KINDS = (GOOD, OTHERWISE, STRICTER, SEES, WAITS, HALF, READS_ON, PASSES)


def is_refusal(row: Row) -> bool:
    return row.answers[-1] >= 400


def kind_of(row: Row, got: Outcome) -> Kind:
    wrong = differences(row, got)
    wanted = len(row.seen) + row.goes_on
    if not wrong:
        return GOOD
    if is_refusal(row):
        if len(got.seen) > wanted:
            later = [words for words in got.seen[wanted:] if words.get("PATH_INFO") != "/second"]
            is_refused = any(status >= 400 or status == 0 for status in got.answers)
            if "cut" in got.seen[-1]:
                return HALF
            return READS_ON if is_refused and not later else PASSES
        return WAITS if got.end == "open" and not got.answers else OTHERWISE
    if got.end == "open" and len(got.answers) < len(row.expected):
        return WAITS
    return SEES if got.answers == row.expected else STRICTER


def statuses(answers: Sequence[int]) -> str:
    """ "200 ×30, 400" """
    parts: list[list[int]] = []
    for status in answers:
        if parts and parts[-1][0] == status:
            parts[-1][1] += 1
        else:
            parts.append([status, 1])
    words = [f"{'no HTTP' if s == 0 else s}{f' ×{n}' if n > 1 else ''}" for s, n in parts]
    return ", ".join(words) or "nothing"


def cell(row: Row, got: Outcome) -> str:
    kind = kind_of(row, got)
    if kind is GOOD:
        return "✓"
    if kind is SEES:
        wrong = differences(row, got)
        return escape(f"sees: {'; '.join(wrong)}")
    end = ", open" if got.end == "open" else ""
    return f"{kind.short}: {statuses(got.answers)}{end}"


def escape(text: str) -> str:
    """For a cell of a table."""
    clean = "".join(c if " " <= c < "\x7f" else ascii(c)[1:-1] for c in text)
    return clean.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def code(data: bytes) -> str:
    text = ascii(data.decode("latin-1"))[1:-1].replace("\\'", "'")
    if len(text) > SHOWN_BYTES:
        text = f"{text[:SHOWN_BYTES]}…"
    return f"`` {text} ``".replace("|", "\\|")


def demand(row: Row) -> str:
    end = "" if row.goes_on else ", closed"
    return statuses(row.expected) + end


INTRO = f"""# Strictness

<!-- made by `make test-peers` (tests/peer/test_strictness.py): do not edit -->

{len(ROWS)} raw requests, each with what a strict server must make of it and why. Behind each stands
a second request on the same connection: after a good request it is answered, after a refusal nobody
may answer it. slipway answers all of them as demanded, whole, byte by byte and cut anywhere
(`tests/site/test_strictness.py`). Here other servers get the same bytes, in front of an application
that writes down what it sees. Their settings are their own, but for bounds of
{LIMITS["head"]} bytes a head, {LIMITS["fields"]} fields
and {LIMITS["body"]} bytes a body where they have such.

A difference is not always a fault: the standard leaves many choices, and a bound of ours is not
theirs. It is a place where two servers in a row may disagree about what a request is.
"""


def versions_line(versions: Mapping[str, str]) -> str:
    return "| | " + " | ".join(f"{name} {it}".strip() for name, it in versions.items()) + " |"


def summary(versions: Mapping[str, str], outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    out = ["## How many rows", "", versions_line(versions)]
    out += ["|---|" + "---:|" * len(outcomes)]
    counts = {
        name: Counter(kind_of(row, got) for row, got in zip(ROWS, list_, strict=True))
        for name, list_ in outcomes.items()
    }
    for kind in KINDS:
        numbers = " | ".join(str(counts[name][kind]) for name in outcomes)
        out.append(f"| {kind.short} | {numbers} |")
    out += ["", *[f"- *{kind.short}*: {kind.meaning}." for kind in KINDS], ""]
    return out


def by_topic(title: str, columns: Sequence[str], rows: Mapping[str, list[list[str]]]) -> list[str]:
    """A table for each topic that has a row."""
    out = []
    for topic, lines in rows.items():
        out += [
            f"### {topic}{title}",
            "",
            f"| {' | '.join(columns)} |",
            "|---" * len(columns) + "|",
        ]
        out += [f"| {' | '.join(line)} |" for line in lines]
        out.append("")
    return out


def differing(outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    peers = [name for name in outcomes if name != "slipway"]
    rows: dict[str, list[list[str]]] = {}
    for at, row in enumerate(ROWS):
        cells = [cell(row, outcomes[name][at]) for name in peers]
        if any(text != "✓" for text in cells):
            rows.setdefault(row.topic, []).append([escape(row.name), demand(row), *cells])
    head = ["## Where they differ", "", "✓ is as demanded, which slipway is everywhere.", ""]
    return [*head, *by_topic("", ["request", "demanded", *peers], rows)]


def demands() -> list[str]:
    """What concerns slipway alone: the same wherever and with whomever this runs."""
    rows: dict[str, list[list[str]]] = {}
    for row in ROWS:
        line = [escape(row.name), code(row.data), demand(row), escape(row.reason)]
        rows.setdefault(row.topic, []).append(line)
    columns = ["request", "bytes", "answers", "why"]
    return ["## What is demanded, and why", "", *by_topic(", demanded", columns, rows)]


def page(versions: Mapping[str, str], outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    parts = [INTRO, *summary(versions, outcomes), *differing(outcomes), *demands()]
    return "\n".join(parts).rstrip() + "\n"
