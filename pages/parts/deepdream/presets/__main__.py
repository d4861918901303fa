"""Draw the pictures of the presets anew: `python -m pages.parts.deepdream.presets`."""

from core.images import to_webp
from pages.parts.deepdream.presets import PRESETS, draw, file

for name in PRESETS:
    file(name).write_bytes(to_webp(draw(name)))
