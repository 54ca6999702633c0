"""The ships: drawn from the side, bow to the right, (0, 0) at the middle of the waterline."""

from collections.abc import Callable
from dataclasses import dataclass

from .brush import RGB, Brush, Point, curve, mix, rgb

WHITE, CREAM, INK = rgb("#f7f5ee"), rgb("#f0e4cb"), rgb("#1d2733")
WOOD, GLASS, ROPE = rgb("#8a5a36"), rgb("#2c4355"), rgb("#3b3f46")
LAMPLIGHT = rgb("#ffd98a")


@dataclass(frozen=True)
class Livery:
    hull: RGB
    boot: RGB  # the stripe at the waterline
    trim: RGB  # funnel, stripes, flags


@dataclass
class Deck:
    """Where a ship is drawn: its body takes the light of the mood, its lamps do not."""

    body: Brush
    lamps: Brush
    livery: Livery
    is_lit: bool

    def window(self, x: float, y: float, w: float, h: float) -> None:
        self.body.box(x, y, w, h, GLASS, 2)
        if self.is_lit:
            self.lamps.box(x, y, w, h, LAMPLIGHT, 2)

    def windows(self, x: float, y: float, count: int, step: float, size: Point = (12, 12)) -> None:
        for i in range(count):
            self.window(x + i * step, y, *size)

    def masthead(self, x: float, y: float, colour: RGB = LAMPLIGHT) -> None:
        if self.is_lit:
            self.lamps.dot(x, y, 12, colour, 60)
            self.lamps.dot(x, y, 4, colour)


def _hull(deck: Deck, length: float, bow: float, stern: float, rake: float = 46) -> None:
    """A hull with a curved sheer; `bow` and `stern` are heights above the water."""
    half, lift = length / 2, 0.5 * min(bow, stern)
    sheer = curve((-half, -stern), (-half * 0.1, -lift), (half, -bow))

    def fore(y: float) -> Point:
        return half - rake * (bow + y) / (bow + 20), y

    def aft(y: float) -> Point:
        return -half + 22 * (stern + y) / (stern + 20), y

    body, colour = deck.body, deck.livery.hull
    body.shape([*sheer, fore(13), aft(13)], deck.livery.boot)
    body.shape([*sheer, fore(-6), aft(-6)], colour)
    rail = [(x - (3 if x > 0 else -3), y + 9) for x, y in reversed(sheer)]
    body.shape([*sheer, *rail], mix(colour, WHITE, 0.8))
    shadow = curve(aft(-stern * 0.45), (-half * 0.1, -lift * 0.4), fore(-bow * 0.45))
    body.shape([*shadow, fore(-6), aft(-6)], mix(colour, INK, 0.22))


def _flag(deck: Deck, x: float, y: float, size: float = 30) -> None:
    """A flag that streams aft from the point (x, y)."""
    top = curve((x, y), (x - size / 2, y - 9), (x - size, y + 2))
    low = curve((x - size, y + 19), (x - size / 2, y + 8), (x, y + 17))
    deck.body.shape([*top, *low], deck.livery.trim)


def _mast(deck: Deck, x: float, foot: float, top: float, width: float = 7) -> None:
    w = width / 2
    deck.body.shape([(x - w, foot), (x - w / 2, top), (x + w / 2, top), (x + w, foot)], WOOD)


def _sail(deck: Deck, luff: Point, peak: Point, clew: Point, colour: RGB = CREAM) -> None:
    """A triangular sail, its free edge bellied; the lower part lies in its own shadow."""
    dx, dy = clew[0] - luff[0], luff[1] - peak[1]
    leech = curve(peak, (peak[0] + dx * 0.72, peak[1] + dy * 0.42), clew)
    foot = curve(clew, ((clew[0] + luff[0]) / 2, clew[1] + 14), luff)
    deck.body.shape([*leech, *foot], colour)
    inner = curve(
        peak, (peak[0] + dx * 0.3, peak[1] + dy * 0.55), (luff[0] + dx * 0.5, luff[1] + 5)
    )
    deck.body.shape([*inner, luff], mix(colour, INK, 0.09))
    for share in (0.45, 0.65, 0.85):
        a = (peak[0] + (luff[0] - peak[0]) * share, peak[1] + dy * share)
        b = leech[int(len(leech) * share)]
        deck.body.line([a, b], 1.4, mix(colour, INK, 0.2))


def _square(deck: Deck, x: float, y: float, width: float, height: float, colour: RGB) -> None:
    """A square sail that hangs from its yard at (x, y) and bellies forward."""
    top, low = width / 2, width / 2 * 1.14
    right = curve((x + top, y), (x + top + 22, y + height * 0.55), (x + low, y + height))
    foot = curve((x + low, y + height), (x + 6, y + height * 0.76), (x - low, y + height))
    left = curve((x - low, y + height), (x - top + 20, y + height * 0.5), (x - top, y))
    deck.body.shape([*right, *foot, *left], colour)
    edge = curve((x - low, y + height), (x - top + 62, y + height * 0.5), (x - top + 26, y))
    deck.body.shape([*left, *reversed(edge)], mix(colour, INK, 0.1))
    deck.body.line([(x - top - 8, y), (x + top + 8, y)], 5, WOOD)


def _cabin(deck: Deck, x: float, y: float, w: float, h: float, colour: RGB = WHITE) -> None:
    deck.body.box(x, y, w, h, colour, 5)
    deck.body.box(x, y + h * 0.72, w, h * 0.28, mix(colour, INK, 0.12))
    deck.body.box(x - 5, y - 6, w + 10, 8, mix(colour, INK, 0.3), 3)


def _funnel(deck: Deck, x: float, foot: float, w: float, h: float) -> None:
    lean = h * 0.12
    deck.body.shape(
        [(x, foot), (x - lean, foot - h), (x - lean + w, foot - h), (x + w, foot)],
        deck.livery.trim,
    )
    deck.body.shape(
        [
            (x - lean * 0.75, foot - h * 0.75), (x - lean, foot - h),
            (x - lean + w, foot - h), (x - lean * 0.75 + w, foot - h * 0.75),
        ],
        INK,
    )  # fmt: skip


def _smoke(deck: Deck, x: float, y: float) -> None:
    for i in range(9):
        grey = mix(rgb("#8d949b"), WHITE, i / 12)
        deck.body.dot(
            x - i * 24 - i * i * 1.5, y - i * 11, 9 + i * 4.2, grey, max(18, 130 - i * 14)
        )


def sloop(deck: Deck) -> None:
    _mast(deck, 20, -30, -430)
    deck.body.line([(20, -34), (-190, -52)], 6, WOOD)
    deck.body.line([(20, -426), (224, -40)], 2, ROPE)
    deck.body.line([(20, -426), (-226, -30)], 2, ROPE)
    _sail(deck, (14, -60), (16, -420), (-186, -66))
    _sail(deck, (214, -52), (28, -392), (40, -58), mix(CREAM, deck.livery.trim, 0.75))
    _cabin(deck, -70, -50, 110, 26)
    deck.windows(-56, -44, 4, 25, (14, 8))
    _hull(deck, 470, 52, 40, 70)
    _flag(deck, 18, -438)
    deck.masthead(20, -436)


def schooner(deck: Deck) -> None:
    deck.body.line([(240, -60), (350, -98)], 7, WOOD)
    for x, top in ((-70, -430), (100, -400)):
        _mast(deck, x, -30, top, 8)
        deck.body.line([(x, top), (340, -94)], 2, ROPE)
        deck.body.line([(x, -54), (x - 150, -66)], 6, WOOD)
    deck.body.line([(-70, -426), (-280, -50)], 2, ROPE)
    _sail(deck, (-78, -74), (-74, -418), (-246, -82))
    _sail(deck, (92, -74), (96, -388), (-56, -80))
    _sail(deck, (238, -78), (106, -372), (118, -86), mix(CREAM, WHITE, 0.5))
    _sail(deck, (332, -98), (112, -392), (206, -104), mix(CREAM, deck.livery.trim, 0.6))
    _cabin(deck, -190, -54, 90, 26, WOOD)
    deck.windows(-178, -48, 3, 26, (12, 8))
    _hull(deck, 590, 66, 52, 84)
    _flag(deck, -72, -438)
    deck.masthead(100, -404)


def barque(deck: Deck) -> None:
    deck.body.line([(270, -72), (396, -124)], 8, WOOD)
    for x, top in ((-180, -386), (0, -440), (160, -410)):
        _mast(deck, x, -30, top, 9)
        deck.body.line([(x, top + 6), (x - 66, -52)], 2, ROPE)
        deck.body.line([(x, top + 6), (x + 130, -80)], 2, ROPE)
    for x, top in ((0, -424), (160, -394)):
        for row, (width, height) in enumerate(((76, 62), (104, 78), (130, 92), (150, 96))):
            y = top + (0, 66, 150, 248)[row]
            _square(deck, x, y, width, height, mix(CREAM, WHITE, 0.25 * (row % 2)))
    _sail(deck, (-188, -78), (-184, -366), (-318, -88))
    _sail(deck, (372, -118), (170, -392), (236, -118), CREAM)
    _hull(deck, 640, 78, 70, 92)
    for i in range(13):
        deck.window(-236 + i * 36, -34, 9, 9)
    _flag(deck, -2, -448)
    deck.masthead(0, -446)


def tug(deck: Deck) -> None:
    _smoke(deck, -30, -214)
    _funnel(deck, -62, -100, 54, 108)
    _mast(deck, 70, -140, -280, 6)
    deck.body.line([(70, -262), (206, -84)], 2, ROPE)
    _cabin(deck, -120, -106, 220, 62)
    _cabin(deck, 20, -178, 92, 74)
    deck.windows(28, -164, 4, 20, (14, 24))
    deck.windows(-104, -88, 6, 30, (15, 15))
    _hull(deck, 440, 100, 60, 26)
    for i in range(8):
        deck.body.dot(-170 + i * 46, -24 - max(0, i - 4) * 5, 14, INK)
        deck.body.dot(-170 + i * 46, -24 - max(0, i - 4) * 5, 6, rgb("#515c66"))
    _flag(deck, 68, -286, 26)
    deck.masthead(70, -288)


def trawler(deck: Deck) -> None:
    for foot, head in (((-190, -60), (-150, -300)), ((-110, -60), (-150, -300))):
        deck.body.line([foot, head], 8, rgb("#c9a24a"))
    deck.body.line([(-150, -296), (30, -170)], 2, ROPE)
    deck.body.line([(-150, -296), (-250, -70)], 2, ROPE)
    _mast(deck, 50, -120, -330, 7)
    deck.body.line([(50, -140), (-90, -268)], 6, rgb("#c9a24a"))
    deck.body.line([(50, -322), (256, -104)], 2, ROPE)
    net = curve((-244, -62), (-190, -92), (-112, -56))
    deck.body.shape(net, rgb("#3f7f72"))
    _cabin(deck, 10, -196, 112, 130)
    deck.windows(20, -180, 4, 25, (18, 26))
    deck.windows(34, -112, 3, 28, (15, 15))
    _hull(deck, 530, 116, 62, 40)
    _flag(deck, 48, -336, 26)
    deck.masthead(50, -338)


def ferry(deck: Deck) -> None:
    _smoke(deck, -134, -262)
    _funnel(deck, -160, -188, 62, 80)
    for x, y, w, h in ((-270, -116, 520, 70), (-240, -156, 450, 42), (-204, -194, 370, 42)):
        _cabin(deck, x, y, w, h)
    deck.body.box(-270, -92, 520, 8, deck.livery.trim)
    deck.windows(-252, -110, 18, 27, (17, 13))
    deck.windows(-222, -148, 15, 28, (18, 15))
    _cabin(deck, 76, -232, 84, 42)
    deck.windows(84, -222, 4, 18, (14, 16))
    deck.windows(-186, -186, 9, 28, (18, 15))
    _mast(deck, 96, -232, -310, 6)
    _hull(deck, 640, 96, 78, 60)
    deck.windows(-230, -46, 15, 30, (9, 9))
    _flag(deck, 94, -314, 26)
    deck.masthead(96, -314)


def freighter(deck: Deck) -> None:
    _funnel(deck, -292, -168, 46, 76)
    colours = [rgb(c) for c in ("#c8553d", "#2f7f9c", "#e0a030", "#4f8a5b", "#8c4a66", "#d9d4c6")]
    for row, count in enumerate((8, 8, 7, 5)):
        for i in range(count):
            x, y = -156 + i * 50, -96 - row * 34
            colour = colours[(i * 5 + row * 3 + i * row) % len(colours)]
            deck.body.box(x, y, 47, 32, colour, 1)
            for rib in range(1, 6):
                deck.body.line(
                    [(x + rib * 8, y + 3), (x + rib * 8, y + 29)], 1, mix(colour, INK, 0.3)
                )
    _cabin(deck, -252, -240, 82, 190)
    for y in (-224, -182, -150, -118):
        deck.windows(-244, y, 4, 18, (13, 13))
    deck.body.box(-266, -232, 110, 6, mix(WHITE, INK, 0.25))
    _mast(deck, -210, -240, -316, 6)
    _hull(deck, 680, 104, 84, 44)
    _flag(deck, -212, -320, 26)
    deck.masthead(-210, -320)
    deck.masthead(326, -116)


def lightship(deck: Deck) -> None:
    for x, top in ((-150, -250), (170, -240)):
        _mast(deck, x, -40, top, 8)
        deck.body.line([(0, -320), (x, top)], 2, ROPE)
    _cabin(deck, -120, -88, 230, 42)
    deck.windows(-104, -78, 8, 27, (14, 14))
    for lean in (-34, 34):
        deck.body.line([(lean, -80), (lean * 0.4, -300)], 7, deck.livery.trim)
    for y in (-130, -180, -230):
        deck.body.line([(-28, y), (28, y - 30)], 4, deck.livery.trim)
        deck.body.line([(28, y), (-28, y - 30)], 4, deck.livery.trim)
    deck.body.box(-26, -350, 52, 52, INK, 8)
    deck.body.box(-19, -342, 38, 34, rgb("#ffe9a8"), 4)
    deck.body.shape([(-32, -350), (0, -378), (32, -350)], deck.livery.trim)
    deck.lamps.dot(0, -325, 70, LAMPLIGHT, 34)
    deck.lamps.dot(0, -325, 40, LAMPLIGHT, 60)
    deck.lamps.box(-19, -342, 38, 34, rgb("#fff3c9"), 4)
    _hull(deck, 520, 78, 66, 44)
    _flag(deck, -152, -256, 26)


SHIPS: dict[str, Callable[[Deck], None]] = {
    "sloop": sloop,
    "schooner": schooner,
    "barque": barque,
    "tug": tug,
    "trawler": trawler,
    "ferry": ferry,
    "freighter": freighter,
    "lightship": lightship,
}
