"""Makes docs/from-nginx.md of the rows and of the files of examples/from-nginx."""

from front_rows import ROWS, Row
from fronts import EXAMPLE

NGINX_FILES = (
    "nginx/gallery.conf",
    "nginx/snippets/app.conf",
    "nginx/snippets/security.conf",
    "uwsgi/production.ini",
    "uwsgi/staging.ini",
    "uwsgi/notes.ini",
)
SLIPWAY_FILES = (
    "slipway.ini",
    "sites/production.ini",
    "sites/staging.ini",
    "sites/notes.ini",
)
SERVERS = ("nginx", "slipway")


def lines_of(names: tuple[str, ...]) -> int:
    """Without comments and empty ones."""
    texts = [(EXAMPLE / name).read_text() for name in names]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return sum(1 for line in lines if line and not line.startswith("#"))


def intro() -> str:
    good = {name: sum(1 for row in ROWS if name not in row.differs) for name in SERVERS}
    return f"""# From nginx and uWSGI to slipway, side by side

<!-- made by `make test-peers` (tests/peer/test_from_nginx.py): do not edit -->

A Django project of the classic kind, its staging copy behind a password, and another project, on
one address: once as nginx and three uWSGIs serve it, once as slipway does
([examples/from-nginx](../examples/from-nginx)). The same {len(ROWS)} checks are made of both over
real sockets; the tests fail when a check has another outcome than the table says.

| | nginx + uWSGI | slipway |
|---|---:|---:|
| lines of configuration | {lines_of(NGINX_FILES)} | {lines_of(SLIPWAY_FILES)} |
| checks passed | {good["nginx"]} of {len(ROWS)} | {good["slipway"]} of {len(ROWS)} |

What each directive of nginx is here: [nginx.md](nginx.md).
"""


def cell(row: Row, server: str) -> str:
    why = row.differs.get(server)
    return why.replace("|", "\\|") if why else "✓"


def table() -> list[str]:
    out, topic = [], ""
    for row in ROWS:
        if row.topic != topic:
            topic = row.topic
            out += ["", f"## {topic}", "", "| what | why | nginx + uWSGI | slipway |"]
            out += ["|---|---|---|---|"]
        cells = [row.name, row.reason, cell(row, "nginx"), cell(row, "slipway")]
        out.append(f"| {' | '.join(cells)} |")
    return out


def files(title: str, names: tuple[str, ...], kind: str) -> list[str]:
    out = ["", f"## {title}"]
    for name in names:
        text = (EXAMPLE / name).read_text().rstrip()
        out += ["", f"`{name}`", "", f"```{kind}", text, "```"]
    return out


def page() -> str:
    parts = [intro().rstrip(), *table()]
    parts += files("The files of slipway", SLIPWAY_FILES, "ini")
    parts += files("The files of nginx and uWSGI", NGINX_FILES, "nginx")
    return "\n".join(parts) + "\n"
