"""The pages of the docs: links lead somewhere, each feature has its page and its form."""

import re
from pathlib import Path

import pytest
from docs_examples import INIS, MADE, OPTIONS, PAGES, VERBS, blocks_of
from program import ROOT

FIELDS = re.findall(r'"([a-z-]+)"', (ROOT / "src/conf/access_fields.def").read_text())
ROWS = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/checks.md").read_text(), re.MULTILINE)
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
LINKED = (
    *PAGES,
    *ROOT.glob("*.md"),
    *(ROOT / "bench").glob("*.md"),
    *(ROOT / "examples").rglob("*.md"),
)
SHOWN = ("## What can be set", "## When things go wrong")
FIGURES = {"benchmarks.md", "performance.md"}
REFERENCE = {"nginx", "uwsgi", "from-nginx", "discovery", "checks", "options"}
# What stands between backquotes, has a hyphen, and is no option of ours.
OTHERS = {
    "max-age", "no-transform", "no-store", "site-packages", "send-proxy-v2", "send-proxy-v2-ssl",
    "check-send-proxy", "www-data", "apache2-utils", "python-dotenv", "r-x", "max-requests",
}  # fmt: skip


def slug(heading: str) -> str:
    """As GitHub makes an anchor of it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def plain(page: Path) -> str:
    """Without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    text = plain(page)
    made = {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


def features() -> list[Path]:
    """The pages that the index has in front of "Behind it"."""
    asked, _, _ = INDEX.read_text().partition("## Behind it")
    names = re.findall(r"\]\(([a-z0-9-]+)\.md", asked)
    return [DOCS / f"{name}.md" for name in dict.fromkeys(names) if name not in REFERENCE]


@pytest.mark.parametrize("page", dict.fromkeys(LINKED), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", plain(page)):
        name, _, anchor = (target[0] or target[1]).partition("#")
        if "://" in name:
            continue
        there = page.parent / name if name else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)
    assert dead == []


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)", INDEX.read_text()))
    assert {page.name for page in DOCS.glob("*.md")} - linked == {"README.md"}


@pytest.mark.parametrize("page", features(), ids=lambda page: page.stem)
def test_a_feature_has_its_form(page: Path) -> None:
    """What it does, an example, what can be set, what happens when things go wrong."""
    text = page.read_text()
    headings = re.findall(r"^## .*$", text, re.MULTILINE)
    assert [one for one in headings if one in SHOWN] == list(SHOWN) and headings[-1] == SHOWN[1]
    title, first, *_ = text.split("\n\n")
    assert re.fullmatch(r"# [^\n]+", title) and re.match(r"[^\s|`#*-]|`|\*\*", first)
    least = text[: text.index(SHOWN[0])].count("\n") + 1
    assert any(block.line < least for block in blocks_of(page))


def test_every_option_is_on_the_page_of_a_feature() -> None:
    named = set()
    for page in features():
        _, _, text = page.read_text().partition(SHOWN[0])
        named |= set(re.findall(r"\[`([a-z0-9-]+)`\]\(options\.md#\1\)", text))
    assert [name for name in OPTIONS if name not in named] == []


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.name not in MADE | FIGURES], ids=lambda p: p.stem
)
def test_names_with_a_hyphen_are_ours(page: Path) -> None:
    text = re.sub(r"^\| .+? \|", "|", plain(page), flags=re.MULTILINE)  # what others call it
    named = re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", text)
    known = {*OPTIONS, *VERBS, *FIELDS, *ROWS, *OTHERS}
    assert [name for name in named if name not in known] == []


def test_an_example_of_each_feature_is_run() -> None:
    without = {"run", "containers", "service", "reload", "status", "discovery", "checks"}
    run = {block.page.stem for block in INIS}
    assert [p.stem for p in features() if p.stem not in run | without | {"wall"}] == []
