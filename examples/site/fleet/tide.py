"""The tide: two waves, the moon's and the sun's, close enough for a harbour that does not exist."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

MEAN_M = 2.6
MOON_M, MOON_HOURS = 1.5, 12.4206
SUN_M, SUN_HOURS = 0.45, 12.0


class Reading(NamedTuple):
    at: datetime
    height_m: float
    is_rising: bool


def height_m(at: datetime) -> float:
    hours = at.timestamp() / 3600
    moon = MOON_M * math.cos(2 * math.pi * hours / MOON_HOURS)
    return MEAN_M + moon + SUN_M * math.cos(2 * math.pi * hours / SUN_HOURS)


def reading(at: datetime) -> Reading:
    return Reading(at, height_m(at), height_m(at + timedelta(minutes=1)) > height_m(at))


def readings(start: datetime, count: int, step: timedelta) -> Iterator[Reading]:
    return (reading(start + step * i) for i in range(count))


def next_turn(after: datetime) -> Reading:
    """The next high or low water, to the minute."""
    now = reading(after)
    at = after.replace(second=0, microsecond=0)
    while reading(at).is_rising == now.is_rising:
        at += timedelta(minutes=1)
    return Reading(at, height_m(at), now.is_rising)
