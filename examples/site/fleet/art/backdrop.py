"""Everything behind a ship: sky, lamp, clouds, land and sea."""

import math
from random import Random

from PIL import Image

from .brush import HEIGHT, RGB, WIDTH, Brush, Point, blurred, curve, gradient, mix, rgb
from .moods import Mood

HORIZON = 490
RIM = 180  # what Pillow's radial gradient has reached where its circle touches the edge


def glow(image: Image.Image, x: float, y: float, radius: float, colour: RGB, share: float) -> None:
    """Lays a soft round light on the image."""
    size = round(radius * 2)
    light = [max(0.0, 1 - v / RIM) ** 2 for v in range(256)]
    mask = Image.radial_gradient("L").point([round(255 * share * v) for v in light])
    mask = mask.resize((size, size), Image.Resampling.BICUBIC)
    image.paste(colour, (round(x - radius), round(y - radius)), mask)


def _clouds(mood: Mood, rng: Random) -> Image.Image:
    brush = Brush(oversample=1)
    for _ in range(mood.clouds):
        x, y = rng.uniform(-100, WIDTH), rng.uniform(40, HORIZON - 110)
        span = rng.uniform(160, 420) * (0.6 + 0.6 * (1 - y / HORIZON))
        tint = mix(mood.sky[2], rgb("#ffffff"), 0.35)
        if mood.stars or mood.is_misty or mood.lamp_radius == 0:
            tint = mix(mood.sky[1], mood.sky[0], 0.45)
        for puff in range(7):
            at = puff / 6
            radius = span * (0.05 + 0.09 * math.sin(at * math.pi) * rng.uniform(0.6, 1))
            brush.dot(x + span * at, y - radius * 0.45, radius, tint, 200)
        base = [(x - span * 0.08, y), (x + span * 1.08, y)]
        brush.shape([*base, *curve(base[1], (x + span / 2, y + span * 0.09), base[0])], tint, 200)
    layer = blurred(brush.layer(), 3)
    layer.putalpha(layer.getchannel("A").point(lambda v: v * 0.72))
    return layer


def _aurora(rng: Random) -> Image.Image:
    brush = Brush(oversample=1)
    for band in range(4):
        y, phase = 110 + band * 60, rng.uniform(0, 6)
        colour = rgb(("#4dffb0", "#35d6c0", "#7be88e", "#8a7bff")[band])
        for i in range(-20, 150):
            x = i * 9
            top = y + 46 * math.sin(i / 17 + phase) + 20 * math.sin(i / 6 + phase)
            tall = 90 + 46 * math.sin(i / 9 + band)
            brush.shape(
                [(x, top), (x + 9, top), (x + 13, top + tall), (x + 4, top + tall)], colour, 58
            )
    return blurred(brush.layer(), 17)


def _ridge(rng: Random, height: float, rough: float) -> list[Point]:
    waves = [(rng.uniform(0.5, 1), rng.uniform(0, 7), k) for k in (1.3, 2.9, 5.3, 11, 23)]
    points = []
    for x in range(-20, WIDTH + 21, 8):
        swell = sum(a / k**rough * math.sin(x / WIDTH * k * 4 + p) for a, p, k in waves)
        points.append((float(x), HORIZON - height * max(0.04, 0.55 + 0.7 * swell)))
    return points


def _hills(brush: Brush, mood: Mood, rng: Random) -> None:
    for depth, height in enumerate((128, 88, 46)):
        fade = 0.78 - depth * (0.16 if mood.is_misty else 0.25)
        ridge = _ridge(rng, height * rng.uniform(0.7, 1.15), 0.75)
        colour = mix(mood.land, mood.sky[2], fade)
        brush.shape([*ridge, (WIDTH + 20, HORIZON), (-20, HORIZON)], colour)


def _lighthouse(brush: Brush, mood: Mood, x: float) -> None:
    rock, wall = (
        mix(mood.land, rgb("#0e1726"), 0.3),
        mix(rgb("#f4f0e4"), mood.shade, mood.shade_share),
    )
    side = 1 if x < WIDTH / 2 else -1
    far = -40 if side > 0 else WIDTH + 40
    shore = curve((far, HORIZON - 70), (x + 40 * side, HORIZON - 74), (x + 190 * side, HORIZON))
    brush.shape([*shore, (far, HORIZON)], rock)
    foot = HORIZON - 56
    brush.shape([(x - 17, foot), (x - 11, foot - 124), (x + 11, foot - 124), (x + 17, foot)], wall)
    red = mix(rgb("#d1493f"), mood.shade, mood.shade_share)
    for share in (0.12, 0.46, 0.8):
        low, high = foot - 124 * share, foot - 124 * (share + 0.16)
        w1, w2 = 17 - 6 * share, 17 - 6 * (share + 0.16)
        brush.shape([(x - w1, low), (x - w2, high), (x + w2, high), (x + w1, low)], red)
    brush.box(x - 15, foot - 130, 30, 6, rock)
    brush.box(x - 8, foot - 148, 16, 18, rgb("#fff2bd"))
    brush.shape([(x - 12, foot - 148), (x, foot - 164), (x + 12, foot - 148)], red)
    if mood.is_lit:
        for reach in (-1, 1):
            end = x + reach * 1250
            beam = [(x, foot - 139), (end, foot - 250), (end, foot - 50)]
            brush.shape(beam, rgb("#fff2bd"), 24)


def _town(brush: Brush, mood: Mood, rng: Random) -> None:
    x = rng.uniform(-30, 20)
    while x < WIDTH + 20:
        w, h = rng.uniform(26, 52), rng.uniform(26, 74)
        paint = rgb(rng.choice(("#d9805f", "#e6c27a", "#8fb0b5", "#c9665a", "#efe3cd", "#7f95ad")))
        wall = mix(mix(paint, mood.shade, min(0.8, mood.shade_share * 1.5)), mood.sky[2], 0.3)
        roof = mix(mix(rgb("#8c4438"), mood.shade, mood.shade_share), mood.sky[2], 0.25)
        top = HORIZON - h
        brush.box(x, top, w, h, wall)
        brush.shape([(x - 3, top), (x + w / 2, top - w * 0.45), (x + w + 3, top)], roof)
        pane = rgb("#ffdf93") if mood.is_lit else mix(wall, rgb("#1d2733"), 0.45)
        for row in range(int(h // 18)):
            for column in range(int(w // 13)):
                if rng.random() < 0.75:
                    brush.box(x + 5 + column * 12, top + 7 + row * 17, 5, 8, pane)
        x += w + (rng.uniform(20, 120) if rng.random() < 0.12 else rng.uniform(-1, 3))
    brush.box(-20, HORIZON - 8, WIDTH + 40, 8, mix(mood.land, rgb("#0e1726"), 0.25))


def _cranes(brush: Brush, mood: Mood, rng: Random) -> None:
    brush.box(-20, HORIZON - 12, WIDTH + 40, 12, mix(mood.land, rgb("#0e1726"), 0.2))
    colour = mix(mix(rgb("#c65b3c"), mood.shade, mood.shade_share), mood.sky[2], 0.42)
    for i in range(5):
        x, h = 70 + i * 255 + rng.uniform(-40, 40), rng.uniform(150, 190)
        top = HORIZON - h
        for leg in (-26, 26):
            brush.line([(x + leg, HORIZON - 8), (x + leg * 0.8, top)], 6, colour)
        brush.line([(x - 24, HORIZON - h * 0.45), (x + 24, HORIZON - h * 0.45)], 5, colour)
        boom = (x + 118, top - (70 if rng.random() < 0.4 else 4))
        brush.line([(x - 62, top), (x, top), boom], 7, colour)
        brush.line([(x - 60, top), (x, top - 48), boom], 3, colour)
        brush.box(x - 20, top - 4, 26, 16, colour)


def _ice(brush: Brush, mood: Mood, rng: Random) -> None:
    for _ in range(6):
        x, w = rng.uniform(-60, WIDTH), rng.uniform(90, 260)
        ridge = [(x, HORIZON + 2.0)]
        for step in range(1, 6):
            tall = rng.uniform(0.25, 1) * w * 0.42 * math.sin(step / 6 * math.pi)
            ridge.append((x + w * step / 6, HORIZON - tall))
        ridge.append((x + w, HORIZON + 2.0))
        light = mix(mix(rgb("#eef8fb"), mood.shade, mood.shade_share * 0.9), mood.sky[2], 0.25)
        brush.shape(ridge, light)
        mid = ridge[2:5]
        brush.shape(
            [*mid, (x + w * 0.7, HORIZON), (x + w * 0.45, HORIZON)], mix(light, mood.sky[1], 0.3)
        )


def _sea(image: Image.Image, mood: Mood, rng: Random, lamp_x: float) -> None:
    depth = HEIGHT - HORIZON
    image.paste(gradient(mood.sea, WIDTH, depth), (0, HORIZON))
    brush = Brush()
    for _ in range(420):
        near = rng.random() ** 1.5
        x, y = rng.uniform(-40, WIDTH), HORIZON + 3 + near * depth
        span = 10 + near * rng.uniform(30, 110)
        tone = mood.sky[2] if rng.random() < 0.55 else mood.sea[2]
        brush.line([(x, y), (x + span, y)], 1 + 2.2 * near, tone, 40)
    if mood.lamp_radius:
        for step in range(110):
            near = step / 110
            y = HORIZON + 2 + near * depth
            reach = mood.lamp_radius * (0.7 + 1.5 * near)
            x = lamp_x + rng.uniform(-reach, reach) * 0.6
            span = rng.uniform(0.2, 0.9) * reach
            brush.line([(x - span / 2, y), (x + span / 2, y)], 1.4 + 2.4 * near, mood.lamp, 118)
    layer = brush.layer()
    image.paste(layer, (0, 0), layer)


LAND = {"hills": _hills, "town": _town, "cranes": _cranes, "ice": _ice}


def paint_backdrop(mood: Mood, rng: Random, land: str, has_lighthouse: bool) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.paste(gradient(mood.sky, WIDTH, HORIZON + 1), (0, 0))
    on_left = rng.random() < 0.5
    lamp_x = rng.uniform(190, 420) if on_left else rng.uniform(780, 1010)
    lamp_y = HORIZON - mood.lamp_height
    sky = Brush()
    for _ in range(mood.stars):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, HORIZON - 120)
        sky.dot(x, y, rng.choice((0.8, 1, 1.5)), rgb("#ffffff"), rng.randint(90, 230))
    glow(image, lamp_x, lamp_y, 560, mix(mood.lamp, mood.sky[2], 0.35), 0.62)
    if mood.lamp_radius:
        sky.dot(lamp_x, lamp_y, mood.lamp_radius, mood.lamp)
    layer = sky.layer()
    image.paste(layer, (0, 0), layer)
    for layer in [_clouds(mood, rng), *([_aurora(rng)] if mood.is_aurora else [])]:
        image.paste(layer, (0, 0), layer)
    shore = Brush()
    if land in ("town", "cranes"):
        _hills(shore, mood, rng)
    LAND[land](shore, mood, rng)
    if has_lighthouse:
        _lighthouse(shore, mood, WIDTH - 130 if on_left else 130)
    layer = shore.layer()
    image.paste(layer, (0, 0), layer)
    _sea(image, mood, rng, lamp_x)
    return image
