"""Pictures of ships, painted with Pillow, so that the demo needs no image files.

`paint(kind, mood, seed, land)` is all that the rest of the site calls; the same arguments give
the same picture.
`brush` draws in design units, `moods` holds the colours, `backdrop` paints what is behind a ship,
`ships` the ships, `scene` puts them together.
"""

from .moods import MOODS
from .scene import paint
from .ships import SHIPS

__all__ = ["MOODS", "SHIPS", "paint"]
