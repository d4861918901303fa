"""Two sets of pictures side by side: what a translation goes between."""

from typing import NamedTuple

import torch
from torch import Tensor

from core.data import archives, sets
from core.data.dataset import Images, Split
from core.data.drawn_sets import blended, sketched
from core.errors import LabError
from core.images import fit

Shape = tuple[int, int, int]
SKETCH, BLEND = "sketch", "blend"
"""Targets that are no data sets: pencil sketches of pictures of the first set, and these pictures
blended over photographs."""
DRAWN = {SKETCH: "sketches of {}", BLEND: "{} over photographs"}
PHOTOGRAPHS = "cifar10"
"""Where the photographs are from."""
REPEATED = -2
"""Label of a picture that stands again beside a larger set."""
HALVES_SEED = 60_004
ORDER_SEED = 60_005


class Sides(NamedTuple):
    """What a pair of sets is made of: names of data sets, and of a class of each; an empty class
    takes all. The second name may be one of `DRAWN`."""

    source: str
    target: str
    source_class: str = ""
    target_class: str = ""

    @property
    def drawn(self) -> bool:
        """Whether the second set is drawn from the first, so that hidden pairs are known."""
        return self.target in DRAWN

    def names(self) -> tuple[str, ...]:
        """Names of the data sets that it takes."""
        more = {SKETCH: (), BLEND: (PHOTOGRAPHS,)}
        return (self.source, *more.get(self.target, (self.target,)))

    def titles(self) -> tuple[str, str]:
        """What both sets are called. Raises UnknownName."""
        own = _title(self.source, self.source_class)
        if self.drawn:
            return own, DRAWN[self.target].format(own)
        return own, _title(self.target, self.target_class)


def _title(dataset: str, of: str) -> str:
    title = sets.info(dataset).title
    return f"{title}: {of}" if of else title


def of_class(images: Images, name: str, dataset: str) -> Images:
    """Return the images of one class; all for an empty name. Raises LabError if there is none."""
    if not name:
        return images
    known = sets.info(dataset).classes
    if name not in known:
        choices = ", ".join(known) or "none"
        raise LabError(f"{sets.info(dataset).title} has no class {name[:80]!r}. Known: {choices}.")
    rows = (images.labels == known.index(name)).nonzero().flatten()
    if not len(rows):
        raise LabError(f"{sets.info(dataset).title} has no picture of the class {name!r}.")
    return Images(images.pixels[rows], images.labels[rows])


def two_sets(sides: Sides, split: Split, *, paired: bool = False) -> tuple[Images, Images]:
    """Load both sets of a pair in their own sizes.

    Where the second is drawn from the first, both have other pictures in training: of a set of
    which people are known other people, else other pictures at random. For testing, and with
    `paired` in training too, the i-th of the second is drawn from the i-th of the first.

    Raises:
        DataMissing: a set is not on this machine.
        LabError: an unknown class, or too few pictures to draw one set from the other.
    """
    a = of_class(sets.load(sides.source, split), sides.source_class, sides.source)
    if not sides.drawn:
        return a, of_class(sets.load(sides.target, split), sides.target_class, sides.target)
    if split == "train":
        a, other = (Images(*(t[rows] for t in a)) for rows in _halves(sides, a))
        return a, _drawn(sides, a if paired else other, split)
    return a, _drawn(sides, a, split)


def sizes(sides: Sides, split: Split) -> tuple[int, int]:
    """How many pictures both sets of a pair have; nothing is drawn. Raises as `two_sets` does."""
    a = of_class(sets.load(sides.source, split), sides.source_class, sides.source)
    if not sides.drawn:
        b = of_class(sets.load(sides.target, split), sides.target_class, sides.target)
        return len(a.labels), len(b.labels)
    if split == "test":
        return len(a.labels), len(a.labels)
    first, second = _halves(sides, a)
    return len(first), len(second)


def _drawn(sides: Sides, images: Images, split: Split) -> Images:
    """Draw the second set of a pair from pictures of the first."""
    if sides.target == SKETCH:
        return Images(sketched(images.pixels), images.labels)
    return Images(blended(images.pixels, sets.load(PHOTOGRAPHS, split).pixels), images.labels)


def _halves(sides: Sides, a: Images) -> tuple[Tensor, Tensor]:
    """Rows of two halves of a set in which no person, or no picture, is in both."""
    generator = torch.Generator().manual_seed(HALVES_SEED)
    people = archives.people(sides.source, "train")
    groups = torch.arange(len(a.labels)) if people is None else people
    count = int(groups.max()) + 1
    if count < 2:
        raise LabError(
            "The second set is drawn from other pictures than those of the first: bring two "
            "training pictures at least."
        )
    first = torch.randperm(count, generator=generator) < (count + 1) // 2
    return first[groups].nonzero().flatten(), (~first[groups]).nonzero().flatten()


def side_by_side(a: Images, b: Images, shape: Shape, seed: int = ORDER_SEED) -> Images:
    """Lay two sets side by side in one shape (C, H, W).

    Returns:
        `pixels` uint8 (N, 2, C, H, W), where N is the size of the larger set, and `labels` (N, 2).
        Sets of the same size keep their rows; of the smaller one pictures stand again and again,
        labelled `REPEATED`. Rows are shuffled by `seed`, since a set may be in an order.
    """
    n = max(len(a.labels), len(b.labels))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n, generator=generator)
    parts = [_repeated(images, order, shape) for images in (a, b)]
    return Images(*(torch.stack(both, 1) for both in zip(*parts, strict=True)))


def _repeated(images: Images, order: Tensor, shape: Shape) -> Images:
    count = len(images.labels)
    labels = torch.where(order < count, images.labels[order % count], REPEATED)
    return Images(fit(images.pixels, shape)[order % count], labels)


def one_side(pairs: Images, side: int) -> Images:
    """Return one of two sets that lie side by side, each picture once: 0 is the first."""
    rows = pairs.labels[:, side] != REPEATED
    return Images(pairs.pixels[rows, side], pairs.labels[rows, side])
