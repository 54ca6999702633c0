"""A ship in front of a backdrop, with its reflection and the waves before it."""

import math
from random import Random

from PIL import Image

from .backdrop import HORIZON, paint_backdrop
from .brush import HEIGHT, WIDTH, Brush, blurred, mix, rgb
from .moods import MOODS, Mood
from .ships import SHIPS, Deck, Livery

WATERLINE = 622

LIVERIES = [
    Livery(rgb(hull), rgb(boot), rgb(trim))
    for hull, boot, trim in (
        ("#1f3a5f", "#b23a30", "#e4572e"),
        ("#b5382f", "#24303c", "#f2b134"),
        ("#f1ede2", "#2f6f8f", "#1f5f8b"),
        ("#1f5a4d", "#a5402f", "#f0c05a"),
        ("#27303a", "#c0392b", "#3aa6a0"),
        ("#d98324", "#27303a", "#274c77"),
        ("#6d2e46", "#d5b9a0", "#e8a33d"),
        ("#3f7cac", "#f0ead6", "#d64550"),
    )
]


def _shaded(layer: Image.Image, mood: Mood) -> Image.Image:
    """The layer in the mood's light; its transparency stays."""
    solid = Image.new("RGB", layer.size, mood.shade)
    toned = Image.blend(layer.convert("RGB"), solid, mood.shade_share)
    toned.putalpha(layer.getchannel("A"))
    return toned


def _reflection(ship: Image.Image, mood: Mood) -> Image.Image:
    """What the water gives back: upside down, shorter, torn into ripples."""
    reach = round((HEIGHT - WATERLINE) / 0.55)
    above = ship.crop((0, WATERLINE - reach, WIDTH, WATERLINE + 6))
    mirror = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirror = blurred(mirror.resize((WIDTH, HEIGHT - WATERLINE)), 1.6)
    torn = Image.new("RGBA", mirror.size)
    for y in range(0, mirror.height, 2):
        shift = round((3 + y * 0.06) * math.sin(y * 0.55) + 2 * math.sin(y * 0.21))
        torn.paste(mirror.crop((0, y, WIDTH, y + 2)), (shift, y))
    sea = Image.new("RGB", torn.size, mood.sea[1])
    toned = Image.blend(torn.convert("RGB"), sea, 0.35)
    fade = Image.linear_gradient("L").resize(torn.size).point(lambda v: 200 - v * 0.62)
    alpha = torn.getchannel("A")
    toned.putalpha(Image.composite(fade, Image.new("L", torn.size), alpha))
    return toned


def _waves(mood: Mood, rng: Random) -> Image.Image:
    brush = Brush()
    for row, (y, tall) in enumerate(((WATERLINE + 8, 5), (694, 9), (750, 13))):
        phase, length = rng.uniform(0, 6), (52, 90, 132)[row]
        tone = mix(mood.sea[1], mood.sea[2], (0.1, 0.55, 1)[row])
        crest = []
        for x in range(-10, WIDTH + 11, 5):
            swell = math.sin(x / length + phase) + 0.5 * math.sin(x / length * 2.3 + phase * 2)
            crest.append((float(x), y - tall * swell))
        brush.shape([*crest, (WIDTH + 10, HEIGHT), (-10, HEIGHT)], tone, (150, 120, 190)[row])
        brush.line(crest, 1.6 + row * 0.6, mix(tone, mood.sky[2], 0.5), 150)
    return brush.layer()


def _foam(length: float, x: float, scale: float, rng: Random) -> Image.Image:
    brush = Brush(x, WATERLINE, scale)
    for _ in range(46):
        at, span = rng.uniform(-length * 0.5, length * 0.44), rng.uniform(8, 34)
        y = 13 + rng.uniform(-3, 8)
        brush.line([(at, y), (at + span, y)], rng.uniform(1.5, 3), rgb("#ffffff"), 120)
    return brush.layer()


def _gulls(mood: Mood, rng: Random) -> Image.Image:
    brush = Brush()
    tone = mix(rgb("#ffffff"), mood.shade, 0.25) if mood.is_lit else rgb("#33424f")
    x0, y0 = rng.uniform(150, 1000), rng.uniform(90, 250)
    for _ in range(rng.randint(3, 6)):
        x, y, s = x0 + rng.uniform(-130, 130), y0 + rng.uniform(-60, 60), rng.uniform(7, 15)
        wings = [(x - s, y - s * 0.3), (x - s * 0.45, y - s * 0.5), (x, y)]
        wings += [(x + s * 0.45, y - s * 0.5), (x + s, y - s * 0.3)]
        brush.line(wings, 2, tone, 190)
    return brush.layer()


def paint(kind: str, mood_name: str, seed: int, land: str) -> Image.Image:
    """A 1200 x 800 picture; the names are keys of SHIPS, MOODS and LAND."""
    rng = Random(seed)
    mood = MOODS[mood_name]
    image = paint_backdrop(mood, rng, land, has_lighthouse=land != "cranes" and rng.random() < 0.45)
    x, scale = WIDTH / 2 + rng.uniform(-70, 70), rng.uniform(0.96, 1.1)
    body, lamps = Brush(x, WATERLINE, scale), Brush(x, WATERLINE, scale)
    SHIPS[kind](Deck(body, lamps, LIVERIES[seed % len(LIVERIES)], mood.is_lit))
    ship = _shaded(body.layer(), mood)
    ship.alpha_composite(lamps.layer())
    reflection = _reflection(ship, mood)
    image.paste(reflection, (0, WATERLINE), reflection)
    for layer in (_gulls(mood, rng), ship, _foam(430, x, scale, rng), _waves(mood, rng)):
        image.paste(layer, (0, 0), layer)
    if mood.is_misty:
        veil = Image.linear_gradient("L").resize((WIDTH, HORIZON)).point(lambda v: v * 0.5)
        image.paste(mood.sky[2], (0, 120), veil)
    return image
