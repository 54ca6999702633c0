"""A brush that draws antialiased shapes in design units (1200 x 800) around a movable origin."""

import math

from PIL import Image, ImageColor, ImageDraw, ImageFilter

Point = tuple[float, float]
RGB = tuple[int, int, int]

WIDTH, HEIGHT = 1200, 800
OVERSAMPLE = 2


def rgb(colour: str) -> RGB:
    return ImageColor.getcolor(colour, "RGB")  # type: ignore[return-value]


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """`a` with `share` (0 to 1) of `b` in it."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))  # type: ignore


def curve(start: Point, pull: Point, end: Point, steps: int = 16) -> list[Point]:
    """Points on a quadratic Bezier curve, both ends included."""
    points = []
    for step in range(steps + 1):
        t = step / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        x = a * start[0] + b * pull[0] + c * end[0]
        points.append((x, a * start[1] + b * pull[1] + c * end[1]))
    return points


def gradient(stops: list[RGB], width: int, height: int) -> Image.Image:
    """An image that runs smoothly from the first colour at the top to the last at the bottom."""
    column = Image.new("RGB", (1, height))
    for y in range(height):
        at = y / max(1, height - 1) * (len(stops) - 1)
        low = min(int(at), len(stops) - 2)
        ease = (1 - math.cos((at - low) * math.pi)) / 2
        column.putpixel((0, y), mix(stops[low], stops[low + 1], 0.5 * (at - low) + 0.5 * ease))
    return column.resize((width, height))


def blurred(layer: Image.Image, radius: float) -> Image.Image:
    """Premultiplied while it is blurred, or the clear black around a shape would darken its rim."""
    return layer.convert("RGBa").filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")


class Brush:
    """Draws on an oversampled transparent layer; `layer()` gives it back at its real size."""

    def __init__(
        self, x: float = 0, y: float = 0, scale: float = 1, oversample: int = OVERSAMPLE
    ) -> None:
        self.x, self.y, self.scale, self.oversample = x, y, scale, oversample
        self.image = Image.new("RGBA", (WIDTH * oversample, HEIGHT * oversample))
        self.draw = ImageDraw.Draw(self.image)

    def layer(self) -> Image.Image:
        k = self.oversample
        if k == 1:
            return self.image
        layer = Image.new("RGBA", (WIDTH, HEIGHT))
        box = self.image.getbbox()
        if box:  # only what was drawn on: most layers are mostly empty
            left, top = box[0] // k, box[1] // k
            layer.paste(self.image.crop((left * k, top * k, *box[2:])).reduce(k), (left, top))
        return layer

    def _at(self, points: list[Point]) -> list[Point]:
        k = self.oversample
        return [((self.x + x * self.scale) * k, (self.y + y * self.scale) * k) for x, y in points]

    def shape(self, points: list[Point], colour: RGB, alpha: int = 255) -> None:
        self.draw.polygon(self._at(points), fill=(*colour, alpha))

    def line(self, points: list[Point], width: float, colour: RGB, alpha: int = 255) -> None:
        pixels = max(1, round(width * self.scale * self.oversample))
        self.draw.line(self._at(points), fill=(*colour, alpha), width=pixels, joint="curve")

    def box(self, x: float, y: float, w: float, h: float, colour: RGB, round_: float = 0) -> None:
        """A rectangle whose top left corner is (x, y)."""
        (left, top), (right, bottom) = self._at([(x, y), (x + w, y + h)])
        self.draw.rounded_rectangle(
            (left, top, right, bottom), round_ * self.scale * self.oversample, fill=(*colour, 255)
        )

    def dot(self, x: float, y: float, radius: float, colour: RGB, alpha: int = 255) -> None:
        corners = self._at([(x - radius, y - radius), (x + radius, y + radius)])
        self.draw.ellipse([*corners[0], *corners[1]], fill=(*colour, alpha))
