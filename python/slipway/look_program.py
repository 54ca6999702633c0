"""lookover.py's checks of the interpreter, Django and the import."""

import sys
from datetime import date
from typing import Any

Row = dict[str, Any]

# The last day on which its makers mend security holes.  Of 2026-02: devguide.python.org/versions
# and djangoproject.com/download; what is missing here is newer.
PYTHON_ENDS = {
    (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31),
    (3, 13): date(2029, 10, 31),
    (3, 14): date(2030, 10, 31),
}
DJANGO_ENDS = {
    (3, 2): date(2024, 4, 1),
    (4, 0): date(2023, 4, 1),
    (4, 1): date(2023, 12, 1),
    (4, 2): date(2026, 4, 7),
    (5, 0): date(2025, 4, 2),
    (5, 1): date(2025, 12, 3),
    (5, 2): date(2028, 4, 30),
    (6, 0): date(2027, 4, 30),
}


def support(look: Any, what: str, version: str, ends: date | None, fix: str) -> Row:
    if ends is None:
        return look.ok(f"{what} {version}")
    if ends < date.today():
        return look.warn(f"{what} {version} gets no security fixes since {ends}", fix)
    return look.ok(f"{what} {version}, security fixes until {ends}")


def python(look: Any) -> Row:
    version = ".".join(map(str, sys.version_info[:3]))
    ends = PYTHON_ENDS.get(sys.version_info[:2])
    return support(look, "Python", version, ends, "make the virtual environment with a newer one")


def django_version(look: Any) -> Row:
    import django

    ends = DJANGO_ENDS.get(django.VERSION[:2])
    if django.VERSION[:2] < min(DJANGO_ENDS):
        ends = min(DJANGO_ENDS.values())
    newest = max(DJANGO_ENDS, key=lambda series: DJANGO_ENDS[series])
    fix = f"pip install 'django~={newest[0]}.{newest[1]}.0'"
    return support(look, "Django", django.get_version(), ends, fix)


def preload(look: Any) -> Row | None:
    found = look.facts.get("preload")
    if not isinstance(found, dict):
        return None
    module, why = str(found.get("module") or ""), str(found.get("why") or "")
    if module and module not in why:
        why += f" ({module})"
    if found.get("verdict") == "yes":
        if not why:
            return look.ok("imported once, then forked: workers share its memory")
        return look.warn(f"forked all the same (option preload): {why}", "preload = auto")
    if look.start.get("preload") == "no":
        return look.ok("every worker imports the project by itself: preload = no")
    return look.warn(
        f"every worker imports the project by itself, for a fork would break what it has: {why}",
        "preload = no, when that is meant so; else begin it at a worker's first request",
    )


def warnings(look: Any) -> Row | None:
    """What preload() and look_files.static() do not say already."""
    said = [(look.facts.get("preload") or {}).get("why"), look.facts.get("static_why")]
    found = [str(text) for text in look.facts.get("warnings") or ()]
    found = [text for text in found if not any(why and str(why) in text for why in said)]
    return look.warn("; ".join(found)) if found else None
