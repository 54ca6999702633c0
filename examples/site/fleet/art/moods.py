"""The light a picture is painted in."""

from dataclasses import dataclass

from .brush import RGB, rgb


@dataclass(frozen=True)
class Mood:
    sky: list[RGB]  # from the zenith to the horizon
    sea: list[RGB]  # from the horizon to the viewer
    lamp: RGB  # the sun or the moon
    lamp_height: float  # above the horizon, in design units
    lamp_radius: float
    land: RGB  # the nearest hills; farther ones fade into the sky
    shade: RGB  # what the light does to everything near ...
    shade_share: float  # ... and how much of it
    stars: int = 0
    clouds: int = 6
    is_lit: bool = False  # lamps are on behind windows
    is_aurora: bool = False
    is_misty: bool = False


def _colours(*names: str) -> list[RGB]:
    return [rgb(name) for name in names]


MOODS: dict[str, Mood] = {
    "dawn": Mood(
        _colours("#3d5590", "#c98aa6", "#ffd3a3"),
        _colours("#f0bd9d", "#8c7ea6", "#2d4270"),
        rgb("#fff1cf"), 46, 42, rgb("#4b4f83"), rgb("#5a4a80"), 0.22,
    ),
    "noon": Mood(
        _colours("#2f86d0", "#83c5ec", "#e4f5fa"),
        _colours("#8fd3df", "#2f93b8", "#0f4f7d"),
        rgb("#fffdf0"), 330, 34, rgb("#3c7a78"), rgb("#ffffff"), 0.0, clouds=9,
    ),
    "gold": Mood(
        _colours("#5f8fb5", "#f3c78c", "#fff1c4"),
        _colours("#f7dfa8", "#5f98a0", "#1c4d66"),
        rgb("#fffbe2"), 120, 48, rgb("#7a6a5c"), rgb("#e09a50"), 0.12,
    ),
    "dusk": Mood(
        _colours("#231d4f", "#8f3f78", "#ff8f5e"),
        _colours("#f58a68", "#6b3a74", "#1d1a45"),
        rgb("#ffe0a6"), 26, 58, rgb("#3d2559"), rgb("#2a1a4c"), 0.38, is_lit=True,
    ),
    "night": Mood(
        _colours("#070b24", "#14234f", "#38588c"),
        _colours("#3a5b8c", "#16294f", "#070d24"),
        rgb("#f4f2df"), 270, 36, rgb("#101b3c"), rgb("#0b1230"), 0.56,
        stars=170, clouds=3, is_lit=True,
    ),
    "fog": Mood(
        _colours("#a9bac2", "#cdd7d8", "#edefea"),
        _colours("#d3dbda", "#9fb1b6", "#5d757f"),
        rgb("#fffdf2"), 190, 44, rgb("#93a6ad"), rgb("#b4c1c5"), 0.3, clouds=3, is_misty=True,
    ),
    "squall": Mood(
        _colours("#28343f", "#556a75", "#b6c2b4"),
        _colours("#8fa49f", "#3f5c66", "#152a36"),
        rgb("#e8ecd9"), 150, 0, rgb("#3a4d52"), rgb("#24343d"), 0.26, clouds=14, is_lit=True,
    ),
    "aurora": Mood(
        _colours("#050a20", "#0d2b45", "#2b6d70"),
        _colours("#2d6f72", "#103550", "#050c20"),
        rgb("#e9f4ea"), 310, 0, rgb("#0b2336"), rgb("#071a2c"), 0.5,
        stars=140, clouds=0, is_lit=True, is_aurora=True,
    ),
}  # fmt: skip
