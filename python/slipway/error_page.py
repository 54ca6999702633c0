"""`slipway run`, when the project cannot be imported: a WSGI application that says why.

Everything it shows was collected when the import failed; it reads no file later.
"""

import html
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

AROUND = 6  # lines of source above and below
EXCERPTS = 4
CHAIN = 10  # exceptions that led to each other
FILE_LINES = 200_000  # a larger file is not looked into

STYLE = """
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1c2330; --dim: #667085;
  --line: #dfe3ea; --bad: #b42318; --mark: #fdecea; }
@media (prefers-color-scheme: dark) { :root { --back: #12161d; --card: #1a2029; --text: #e6e9ef;
  --dim: #97a1b2; --line: #2c3543; --bad: #ff8d82; --mark: #42221f; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; border-top: 6px solid var(--bad) }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem }
h1 { font-size: 1.5rem; line-height: 1.35; margin: 0 0 .5rem; color: var(--bad);
  overflow-wrap: anywhere }
h2 { font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; color: var(--dim);
  margin: 2rem 0 .5rem }
p { margin: .25rem 0; color: var(--dim) }
figure { margin: 0 0 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; overflow: hidden }
figcaption { padding: .5rem 1rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
figcaption b { color: var(--bad) }
pre { margin: 0; padding: .75rem 0; overflow-x: auto; tab-size: 4;
  font: 13.5px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
pre.text { padding: .75rem 1rem }
pre span { display: block; padding: 0 1rem; min-width: max-content; white-space: pre }
pre i { display: inline-block; width: 3.5em; color: var(--dim); font-style: normal;
  user-select: none }
pre .here { background: var(--mark); box-shadow: inset 3px 0 var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 0;
  color: var(--dim) }
dd { margin: 0; overflow-wrap: anywhere; color: var(--text) }
"""


class Excerpt(NamedTuple):
    path: str
    line: int
    name: str  # of the function, "" for none
    rows: list[tuple[int, str]]


class Problem(NamedTuple):
    sentence: str
    text: str  # the traceback, "" for none
    excerpts: list[Excerpt]  # the innermost first


# ---- collecting ----


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """It and what led to it, as a traceback would show them."""
    for _ in range(CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def places_of(error: BaseException) -> list[tuple[str, int, str]]:
    """File, line and function, the innermost first."""
    places = []
    for each in chain_of(error):
        if isinstance(each, SyntaxError) and each.filename and each.lineno:
            places.append((os.path.abspath(each.filename), each.lineno, ""))
        for frame in reversed(traceback.extract_tb(each.__traceback__)):
            if not frame.filename.startswith("<"):
                name = "" if frame.name == "<module>" else frame.name
                places.append((os.path.abspath(frame.filename), frame.lineno or 1, name))
    return places


def excerpt(path: str, line: int, name: str) -> Excerpt | None:
    lines = linecache.getlines(path)
    if not lines or len(lines) > FILE_LINES:
        return None
    first = max(1, line - AROUND)
    rows = list(
        enumerate((text.rstrip("\r\n") for text in lines[first - 1 : line + AROUND]), first)
    )
    return Excerpt(path, line, name, rows)


def collect(
    sentence: str, text: str, error: BaseException | None, is_own: Callable[[str], bool]
) -> Problem:
    found: list[Excerpt] = []
    linecache.checkcache()
    for place in dict.fromkeys(places_of(error)) if error is not None else ():
        got = excerpt(*place) if is_own(place[0]) and len(found) < EXCERPTS else None
        if got is not None:
            found.append(got)
    return Problem(sentence, text, found)


# ---- showing ----


def show_row(number: int, text: str, line: int) -> str:
    here = ' class="here"' if number == line else ""
    return f"<span{here}><i>{number}</i>{html.escape(text)}</span>"


def show_excerpt(e: Excerpt) -> str:
    rows = "".join(show_row(number, text, e.line) for number, text in e.rows)
    name = f" in {html.escape(e.name)}" if e.name else ""
    where = f"{html.escape(e.path)}:<b>{e.line}</b>{name}"
    return f"<figure><figcaption>{where}</figcaption><pre>{rows}</pre></figure>"


def facts() -> Iterable[tuple[str, str]]:
    yield "Python", f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}"
    yield "Folder", os.getcwd()
    settings = os.environ.get("DJANGO_SETTINGS_MODULE")
    if settings:
        yield "Settings", settings


def show_html(problem: Problem) -> str:
    sentence = html.escape(problem.sentence)
    parts = [f"<h1>{sentence}</h1>", "<p>Save a mended file, then load this page again.</p>"]
    if problem.excerpts:
        parts.append("<h2>Source</h2>")
        parts += [show_excerpt(e) for e in problem.excerpts]
    if problem.text:
        text = html.escape(problem.text)
        parts.append(f'<h2>Traceback</h2><figure><pre class="text">{text}</pre></figure>')
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in facts())
    parts.append(f"<h2>Here</h2><dl>{rows}</dl>")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>{sentence}</title>'
        f"<style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def show_plain(problem: Problem) -> str:
    return f"{problem.sentence}\n\n{problem.text}".rstrip() + "\n"


def make(problem: Problem) -> Callable[..., Any]:
    """The application: 500 for everything."""
    page = show_html(problem).encode("utf-8", "replace")
    plain = show_plain(problem).encode("utf-8", "replace")

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        is_browser = "text/html" in environ.get("HTTP_ACCEPT", "")
        body = page if is_browser else plain
        kind = "text/html" if is_browser else "text/plain"
        headers = [
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        start_response("500 Internal Server Error", headers)
        return [body]

    return application
