"""A search for copies of training images that tolerates small differences.

Networks do not copy to the pixel. So a picture is compared in 375 forms: moved by up to two pixels,
turned by up to ten degrees, its strokes as they are, thicker or thinner; and in pictures that are
smoothed, in which noise hardly counts. What is left of the distance to the nearest image is held
against that to the tenth nearest: a new picture has many images that are about as near, a copy has
one that is far nearer than all others.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from core.cancellation import Check, silent
from core.data import Images
from core.errors import LabError

MAX_COPY_RATIO = 0.6
"""Maximum ratio of the distances to the nearest and to the tenth image for a copy."""
RIVAL_RANK = 10
SIDE = 28
"""Side in pixels of the pictures in the fine search."""
COARSE_SIDE = 14
"""Side in pixels of the pictures in the coarse search."""
MAX_CANDIDATES = 100
"""Number of images that the coarse search passes on to the fine one."""
MAX_SHIFT = 2
"""Maximum shift of a picture in x and y, in pixels."""
ANGLES = (-10, -5, 0, 5, 10)
STROKES = (-1, 0, 1)
SMOOTHING_STD = 1.0
"""Standard deviation in pixels by which pictures are smoothed before they are compared."""
BLOCK_SIZE = 20_000
TOLERANCE = (
    "Pictures are compared smoothed, moved by up to 2 pixels, turned by up to 10°, and with "
    "thinner and thicker strokes. Measured on MNIST with copies of 20 of its 60,000 training "
    "images. Found: with 5 % noise 20 of 20, moved by one pixel 20, by two 20, turned by 10° 20 "
    "either way, thicker 20, thinner 18. Of 200 test images, which are no copies, two were taken "
    "for copies. On Fashion-MNIST fewer are found: moved by two pixels 9 of 12, turned by 7.5° 4, "
    "thicker 3. Stronger noise, mirrored copies and copies of a part are not looked for."
)
"""The differences that the search tolerates, as measured."""


class Library(NamedTuple):
    """The images to search: grey, uint8 (N, 1, SIDE, SIDE), and normalised for the coarse search,
    (N, COARSE_SIDE²)."""

    pictures: Tensor
    coarse: Tensor


class Matches(NamedTuple):
    """The images nearest to each picture: `ids` and `distances` (Q, k), the nearest first; `ratios`
    (Q,) the nearest's distance by the tenth's, 0 for the very same picture."""

    ids: Tensor
    distances: Tensor
    ratios: Tensor

    @property
    def copies(self) -> Tensor:
        """(Q,): which pictures are taken for copies."""
        return self.ratios <= MAX_COPY_RATIO


@torch.inference_mode()
def library(data: Images, check: Check = silent) -> Library:
    """Prepare images for the search. Raises LabError if they are fewer than `RIVAL_RANK`."""
    if len(data.labels) < RIVAL_RANK:
        raise LabError(f"{len(data.labels)} images are too few to tell copies among them.")
    pictures, coarse = [], []
    for part in torch.split(data.pixels, 1000):
        check("reading the training images")
        small = grey(part)
        pictures.append((255 * small).round().byte())
        coarse.append(_coarse(small))
    return Library(torch.cat(pictures), torch.cat(coarse))


@torch.inference_mode()
def search(
    pictures: Tensor, images: Library, k: int = RIVAL_RANK, check: Check = silent
) -> Matches:
    """The k images nearest to each picture (Q, C, H, W), uint8 or in [0, 1], in its best form."""
    count = min(MAX_CANDIDATES, len(images.pictures))
    matches = []
    for i in range(len(pictures)):
        check(f"searching for copies of picture {i + 1} of {len(pictures)}")
        picture = grey(pictures[i : i + 1])
        forms = torch.cat([picture, with_strokes(picture, 1)])
        nearest_ids = _nearest(_coarse(transformed(forms, ANGLES[::2])), images.coarse)
        nearest_ids = nearest_ids.topk(count, largest=False).indices
        candidates = grey(images.pictures[nearest_ids])
        variants = torch.cat([with_strokes(candidates, by) for by in STROKES])
        all_distances = _nearest(_fine(transformed(picture, ANGLES)), _fine(variants))
        near, order = all_distances.view(len(STROKES), count).amin(0).sort()
        rival = float(near[min(RIVAL_RANK, count) - 1])
        matches.append((nearest_ids[order[:k]], near[:k], float(near[0]) / max(rival, 1e-9)))
    ids, distances, ratios = zip(*matches, strict=True)
    return Matches(torch.stack(ids), torch.stack(distances), torch.tensor(ratios))


def transformed(pictures: Tensor, angles: tuple[int, ...]) -> Tensor:
    """Pictures (N, 1, SIDE, SIDE) turned by each angle in degrees, and moved by up to `MAX_SHIFT`
    pixels in x and y: (forms, 1, SIDE, SIDE)."""
    turned = torch.cat([rotated(pictures, angle) for angle in angles])
    padded = F.pad(turned, (MAX_SHIFT,) * 4, mode="replicate")
    moves = [(y, x) for y in range(2 * MAX_SHIFT + 1) for x in range(2 * MAX_SHIFT + 1)]
    return torch.cat([padded[..., y : y + SIDE, x : x + SIDE] for y, x in moves])


def with_strokes(pictures: Tensor, by: int) -> Tensor:
    """Bright strokes thicker (1) or thinner (-1), by the brightest or darkest of 3×3 pixels."""
    return by * F.max_pool2d(by * pictures, 3, 1, 1) if by else pictures


def rotated(pictures: Tensor, degrees: float) -> Tensor:
    """Pictures (N, C, H, W) turned about their middle; what comes in repeats the border."""
    if not degrees:
        return pictures
    a = math.radians(degrees)
    turn = torch.tensor([[math.cos(a), -math.sin(a), 0.0], [math.sin(a), math.cos(a), 0.0]])
    grid = F.affine_grid(turn.expand(len(pictures), 2, 3), list(pictures.shape), False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def grey(pictures: Tensor) -> Tensor:
    """(N, 1, SIDE, SIDE) in [0, 1] of pictures of any size."""
    x = pictures if pictures.is_floating_point() else pictures.float() / 255
    x = x.mean(1, keepdim=True)
    return x if x.shape[-2:] == (SIDE, SIDE) else F.interpolate(x, (SIDE, SIDE), mode="area")


def _fine(x: Tensor) -> Tensor:
    return _unit(gaussian_blur(x, [7, 7], [SMOOTHING_STD, SMOOTHING_STD]))


def _coarse(x: Tensor) -> Tensor:
    return _unit(
        F.adaptive_avg_pool2d(gaussian_blur(x, [7, 7], [SMOOTHING_STD, SMOOTHING_STD]), COARSE_SIDE)
    )


def _unit(x: Tensor) -> Tensor:
    """Pictures as vectors of length 1 about their mean: brightness and contrast do not count."""
    flat = x.flatten(1)
    return F.normalize(flat - flat.mean(1, keepdim=True), dim=1)


def _nearest(queries: Tensor, references: Tensor) -> Tensor:
    """Return the distance (N,) of each reference (N, d) to the nearest of all queries (Q, d)."""
    parts = [torch.cdist(queries, part).amin(0) for part in torch.split(references, BLOCK_SIZE)]
    return torch.cat(parts)
