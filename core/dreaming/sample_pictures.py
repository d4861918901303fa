"""Pictures that are always there, to show to a network: photographs, a dream, and drawings."""

from collections.abc import Callable
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from core import data
from core.dreaming import dream_runs, starting_pictures
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.images import Shape, to_tensor
from core.runs.query import finished

PALACE = "Photograph by danielbuechele, CC BY 2.0"
FLOWER = "Photograph by vultilion, CC BY 2.0"


class Sample(NamedTuple):
    """A picture: its name, whom it is from under which licence, and its pixels, uint8 (C, H, W)."""

    title: str
    source: str
    pixels: Callable[[], Tensor]


def _photograph(name: str, rows: slice = slice(None), columns: slice = slice(None)) -> Tensor:
    return starting_pictures.sample(name).pixels[:, rows, columns]


def _dream() -> Tensor:
    for run in finished(DREAMING):
        if run.shipped and (run.path / "picture.png").exists():
            return dream_runs.pixels_of(run, "dream.png")
    raise LabError("There is no shipped dream.")


def _test_image(dataset: str) -> Tensor:
    return data.load(dataset, "test").pixels[0]


SAMPLES = {
    "palace": Sample("Palace", PALACE, lambda: _photograph("china")),
    "roofs": Sample("Roofs", PALACE, lambda: _photograph("china", slice(60, 260), slice(180, 400))),
    "flower": Sample("Flower", FLOWER, lambda: _photograph("flower")),
    "petals": Sample(
        "Petals", FLOWER, lambda: _photograph("flower", slice(150, 330), slice(200, 400))
    ),
    "dream": Sample("Dream", f"Dreamt by a network. {PALACE}", _dream),
    "shoe": Sample("Shoe", "Fashion-MNIST, MIT", lambda: _test_image("fashion-mnist")),
    "seven": Sample("Seven", "MNIST, CC BY-SA 3.0", lambda: _test_image("mnist")),
    "noise": Sample("Noise", "Drawn by the lab", lambda: _photograph(starting_pictures.NOISE)),
}
"""By name."""


def squares(shape: Shape) -> dict[str, Tensor]:
    """The samples that are here, each as uint8 `shape`, by name."""
    pictures = {}
    for name, sample in SAMPLES.items():
        try:
            pixels = sample.pixels()
        except LabError:
            continue
        colour = pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous()
        pictures[name] = to_tensor(Image.fromarray(colour.numpy()), shape)
    return pictures
