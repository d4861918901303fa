"""Digits that people draw or photograph become pictures as MNIST's are: light on dark, upright, the
longer side 20 of 28 pixels, the centre of mass in the middle (LeCun et al. 1998).

A photograph is flattened first: what a wide median takes for paper is divided away, so that shadows
and dark corners go. What stands out by Otsu's threshold (1979) is ink; ruled lines are the straight
thin parts from edge to edge (Hough transform), and of the other parts the largest are the digit.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor

from core.errors import BadUpload
from core.images import Shape, checked

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SHAPE: Shape = (1, 28, 28)
_BOX = 20 / 28
_MIN_CONTRAST = 25  # of a drawing, of 255
_FAINT = 0.2

_SIDE = 400  # pixels of a photograph's longer side, while it is looked at
_COARSE = 128  # and while its paper is
_STROKE = 0.24  # share of the shorter side that no stroke is as wide as
_MIN_STEP = 0.07  # share of the paper's light by which ink differs
_NOISE_STEPS = 5.0  # and how many times the paper's grain
_MAX_INK = 0.45  # share of a photograph: more is no digit on paper
_LINE_SHARE = 0.6  # of a line's way through the photograph, that is ink
_SMALLEST = 0.03  # share of the photograph's longer side: what is smaller is grain
_PART_SHARE = 0.06  # of the largest part's ink: less is dirt
_THINNEST = 2.0  # pixels of a stroke when the digit is 20 high; MNIST's are 2 to 4
_SLANT = 0.35  # sideways per height: MNIST's own digits lean as far
_MAX_UPRIGHT = 0.4  # slant that is taken away at most


def digit_from_drawing(rgba: NDArray[np.uint8], shape: Shape = _SHAPE) -> Tensor:
    """A canvas, uint8 (H, W, 4), as MNIST would have it, uint8 of `shape`, whatever its colours.

    On a canvas that is transparent anywhere, what is opaque is the ink.

    Raises:
        BadUpload: nothing is drawn.
        ValueError: not the pixels of a canvas.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8 or not rgba.size:
        raise ValueError("A drawing is a uint8 array (height, width, 4).")
    alpha = rgba[..., 3]
    pixels = alpha if alpha.min() < 255 else rgba[..., :3]
    ink = _drawn(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))
    if ink is None:
        raise BadUpload("There is nothing drawn yet: draw a digit that stands out.")
    return _placed(ink, shape)


def digit_from_picture(
    image: Image.Image, shape: Shape = _SHAPE, name: str = "The picture"
) -> Tensor:
    """A digit in a photograph, scan or picture, as MNIST would have it, uint8 of `shape`.

    Ink on paper and chalk on a board, under any light that changes slowly; on a transparent ground
    what is opaque. A picture that has the size of `shape` and a black border is one already, and
    stays as it is.

    Raises:
        BadUpload: nothing stands out; `name` stands in the sentence.
    """
    channels, height, width = checked(shape)
    image = _without_ground(image)
    grey = np.asarray(image.convert("L"))
    if grey.shape == (height, width) and _border(grey).max() <= 16 < grey.max():
        return torch.from_numpy(grey.copy()).repeat(channels, 1, 1)
    ink = _photographed(image)
    if ink is None:
        raise BadUpload(
            f"{name} shows no digit that stands out from its paper. Photograph one digit alone, "
            "larger and in even light, or take the picture as it is."
        )
    return _placed(ink, shape)


def _without_ground(image: Image.Image) -> Image.Image:
    """Dark on light where the ground is transparent: of one colour, what is opaque is ink."""
    if not image.has_transparency_data:
        return image
    pixels = np.asarray(image.convert("RGBA"))
    alpha = pixels[..., 3]
    if not alpha.any():
        return Image.new("L", image.size, 255)
    opaque = alpha > 127
    colours = pixels[opaque] if opaque.any() else pixels[alpha > 0]
    # What covers most of a picture is paper, also where a file has transparency and uses none.
    if opaque.mean() <= _MAX_INK and colours[:, :3].std(0).max() < 40:
        return Image.fromarray(255 - alpha)
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


# ---- drawings


def _drawn(grey: Image.Image) -> Field | None:
    """What stands out from the one colour of the ground, 0 to 1; None where nothing does."""
    grey.thumbnail((512, 512))
    values = np.asarray(grey, dtype=np.float32)
    paper = float(np.median(_border(values)))
    if paper > (values.min() + values.max()) / 2:
        values, paper = 255 - values, 255 - paper
    contrast = float(values.max()) - paper
    if contrast < _MIN_CONTRAST:
        return None
    ink = (values - paper) / contrast
    ink[ink < _FAINT] = 0
    return ink


def _border(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


# ---- photographs


def _photographed(image: Image.Image) -> Field | None:
    """The digit in a photograph, 0 to 1; None where there is none."""
    light = _light(image)
    step = _step(light) if _is_dark(light) else _step(1 - light)
    grain = 1.4826 * float(np.median(np.abs(step - np.median(step))))
    threshold = max(_otsu(step), _MIN_STEP, float(np.median(step)) + _NOISE_STEPS * grain)
    mask = step > threshold
    if not mask.any() or mask.mean() > _MAX_INK:
        return None
    mask = ndimage.binary_propagation(mask, mask=step > 0.7 * threshold)
    mask = _largest_parts(_without_lines(mask), step)
    if not mask.any():
        return None
    longest = max(int(np.ptp(np.flatnonzero(mask.any(axis)))) + 1 for axis in (0, 1))
    if longest < _SMALLEST * max(mask.shape):
        return None
    full = float(np.percentile(step[mask], 75))
    ink = np.clip(step / full, 0, 1) * ndimage.binary_dilation(mask)
    ink[ink < _FAINT] = 0
    return _upright(_thickened(np.asarray(ink, np.float32), mask))


def _thickened(ink: Field, mask: Mask) -> Field:
    """As thick as a pen's strokes, where a thin one would fade in a small picture."""
    from skimage.morphology import skeletonize  # here: it is slow to load

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    middle = skeletonize(mask)  # type: ignore[no-untyped-call]
    width = mask.sum() / max(1, middle.sum())
    missing = round(_THINNEST * height / 20 - width)
    if missing < 1:
        return ink
    padded = np.pad(ink, missing)
    return np.asarray(ndimage.grey_dilation(padded, (missing + 1, missing + 1)), np.float32)


def _upright(ink: Field) -> Field:
    """Sheared by what it leans more than handwriting does, by its second moments."""
    ink = _cropped(ink)
    height, width = ink.shape
    y, x = np.mgrid[0:height, 0:width]
    x, y = x - np.average(x, weights=ink), y - np.average(y, weights=ink)
    spread = float((ink * y * y).sum())
    slant = float((ink * x * y).sum()) / spread if spread > 0 else 0.0
    over = float(np.clip(slant - np.clip(slant, -_SLANT, _SLANT), -_MAX_UPRIGHT, _MAX_UPRIGHT))
    if height < 3 or abs(over) < 0.02:
        return ink
    margin = math.ceil(abs(over) * height)
    padded = np.pad(ink, ((0, 0), (margin, margin)))
    matrix, offset = np.array([[1, 0], [over, 1]]), np.array([0, -over * (height - 1) / 2])
    return np.asarray(ndimage.affine_transform(padded, matrix, offset, order=1), np.float32)


def _light(image: Image.Image) -> Field:
    """The light of a picture, 0 to 1; coloured ink counts by its darkest colour in part."""
    rgb = image.convert("RGB")
    rgb.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    values = np.asarray(rgb, np.float32) / 255
    light = 0.5 * values @ np.asarray([0.299, 0.587, 0.114], np.float32) + 0.5 * values.min(2)
    return np.asarray(ndimage.gaussian_filter(light, 0.7), np.float32)


def _is_dark(light: Field) -> bool:
    """Whether the ink is darker than the paper: what stands out most from a wide median is."""
    small = Image.fromarray(light)
    small.thumbnail((_COARSE // 3, _COARSE // 3), Image.Resampling.BOX)
    flat = np.asarray(small) - _surface(np.asarray(small))
    around = ndimage.median_filter(flat, max(3, round(0.4 * min(flat.shape)) | 1))
    return float(((flat - around) ** 3).sum()) <= 0


def _surface(values: Field) -> Field:
    """The shape of the light: a surface of second degree through the paper, not through the ink."""
    height, width = values.shape
    y, x = np.mgrid[0:height, 0:width].reshape(2, -1) / max(values.shape)
    terms = np.stack([np.ones_like(x), x, y, x * y, x**2, y**2], 1)
    heights = values.ravel().astype(np.float64)
    inliers = np.abs(heights - np.median(heights)) <= 2 * heights.std()
    surface = np.full_like(heights, np.median(heights))
    for _ in range(4):
        surface = terms @ np.linalg.lstsq(terms[inliers], heights[inliers], rcond=None)[0]
        residuals = np.abs(heights - surface)
        inliers = residuals <= 2 * np.median(residuals) + 1e-3
    return surface.reshape(values.shape).astype(np.float32)


def _step(light: Field) -> Field:
    """The share of the paper's light that is missing at each pixel, 0 to 1.

    The paper is what a closing leaves: the darkest of the brightest in windows wider than a
    stroke. The edge of a shadow stays where it is.
    """
    small = Image.fromarray(light)
    small.thumbnail((_COARSE, _COARSE), Image.Resampling.BOX)
    values = np.asarray(small)
    surface = np.clip(_surface(values), 0.05, None)
    window = max(3, round(_STROKE * min(values.shape)) | 1)
    margin = min(window, *values.shape) - 1
    # Beyond the edge the light goes on as it came: else a dark corner would count as ink.
    flat = np.pad(
        ndimage.median_filter(values / surface, 3), margin, mode="reflect", reflect_type="odd"
    )
    paper = ndimage.gaussian_filter(ndimage.grey_closing(flat, (window, window)), 0.7)
    paper = surface * paper[margin:, margin:][: values.shape[0], : values.shape[1]]
    height, width = light.shape
    large = Image.fromarray(paper).resize((width, height), Image.Resampling.BICUBIC)
    step = 1 - light / np.maximum(np.asarray(large), 0.05)
    return np.asarray(np.clip(step, 0, 1), np.float32)


def _otsu(values: Field) -> float:
    """The threshold that parts values best into two groups (Otsu 1979)."""
    counts, edges = np.histogram(values, 128, (0, 1))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.nanargmax(between)]) if np.isfinite(between).any() else 1.0


def _without_lines(mask: Mask) -> Mask:
    """Without ruled lines: straight, thin, and ink nearly all their way through the photograph."""
    cleaned = mask.copy()
    for angle in (0.0, 90.0):
        cleaned &= ~_lines(mask, angle)
    return cleaned


def _lines(mask: Mask, around: float) -> Mask:
    """The pixels of ruled lines that run within 25° of an angle (0: across, 90: down)."""
    from skimage.transform import hough_line  # here: it is slow to load

    y, x = np.nonzero(mask)
    lines = np.zeros_like(mask)
    if not len(y):
        return lines
    normals = np.deg2rad(np.arange(around + 90 - 25, around + 90 + 25.01, 0.5))
    votes, normals, distances = hough_line(mask, normals)  # type: ignore[no-untyped-call]
    votes = ndimage.uniform_filter1d(votes.astype(np.float32), 3, axis=0, mode="constant") * 3
    lengths = np.maximum(_ways(mask.shape, normals, distances), 0.5 * min(mask.shape))
    share = votes / lengths
    clear = (np.where(share > 0.6, share, 0) ** 4).sum(0)
    for _ in range(3):  # a thick stroke may be the clearest
        column = int(np.argmax(clear))
        angle = normals[column]
        across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        for i in np.flatnonzero(share[:, column] > _LINE_SHARE):
            on_line = np.abs(across - distances[i]) <= 2
            place = along[on_line]
            passed = len(np.unique(np.round(place))) > _LINE_SHARE * lengths[i, column]
            if passed and np.ptp(place) > 0.9 * lengths[i, column]:
                lines[y[on_line], x[on_line]] = True
        if lines.any():
            break
        clear[max(0, column - 6) : column + 7] = 0
    # Where a stroke crosses, there is ink on both sides of the line as well.
    reach = 4
    shift = np.array([np.sin(angle), np.cos(angle)]) * reach
    beside = [ndimage.shift(mask.astype(np.float32), s * shift, order=0) > 0.5 for s in (-1, 1)]
    return np.asarray(lines & ~(beside[0] & beside[1]))


def _ways(
    shape: tuple[int, ...], normals: NDArray[np.float64], distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many pixels of a picture lie on each line, given by its normal and its distance."""
    height, width = shape
    cosine, sine = np.cos(normals)[None], np.sin(normals)[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [
            (side - distances[:, None] * along) / across
            for top, along, across in ((width, cosine, -sine), (height, sine, cosine))
            for side in (0, top)
        ]
    ends = [np.nan_to_num(end, nan=0.0) for end in ends]
    low = np.maximum(np.minimum(ends[0], ends[1]), np.minimum(ends[2], ends[3]))
    high = np.minimum(np.maximum(ends[0], ends[1]), np.maximum(ends[2], ends[3]))
    return np.asarray(np.clip(high - low, 0, None))


def _largest_parts(mask: Mask, step: Field) -> Mask:
    """The digit among connected parts: the heaviest, and those near it that are no dirt."""
    joined = ndimage.binary_closing(np.pad(mask, 3), iterations=2)[3:-3, 3:-3] | mask
    labels, count = ndimage.label(joined, np.ones((3, 3)))
    if not count:
        return mask
    numbers = np.arange(1, count + 1)
    weights = ndimage.sum_labels(step * mask, labels, numbers)
    boxes = ndimage.find_objects(labels)
    height, width = mask.shape
    for i, (rows, columns) in enumerate(boxes):  # what comes in from an edge is the table
        edges = (rows.start == 0) + (columns.start == 0)
        edges += (rows.stop == height) + (columns.stop == width)
        weights[i] *= (1.0, 0.3, 0.1, 0.02, 0.02)[edges]
    main = int(np.argmax(weights))
    rows, columns = boxes[main]
    margin = 0.25 * max(rows.stop - rows.start, columns.stop - columns.start)
    kept = [main + 1]
    for i, (r, c) in enumerate(boxes):
        apart = max(
            r.start - rows.stop, rows.start - r.stop, c.start - columns.stop, columns.start - c.stop
        )
        if i != main and weights[i] >= _PART_SHARE * weights[main] and apart <= margin:
            kept.append(i + 1)
    return np.asarray(mask & np.isin(labels, kept))


# ---- as MNIST would have it


def _placed(ink: Field, shape: Shape) -> Tensor:
    """Ink, 0 to 1, cropped, upright, in its box, its centre of mass in the middle."""
    channels, height, width = checked(shape)
    ink = _cropped(ink)
    longest = max(1, round(min(height, width) * _BOX))
    ratio = longest / max(ink.shape)
    size = (max(1, round(ink.shape[1] * ratio)), max(1, round(ink.shape[0] * ratio)))
    small = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR))
    small = small / small.max()  # thin lines fade when they shrink
    field = torch.zeros(height, width)
    top, left = _place(small.sum(1), height), _place(small.sum(0), width)
    field[top : top + size[1], left : left + size[0]] = torch.from_numpy(small)
    return (field * 255).round().to(torch.uint8).repeat(channels, 1, 1)


def _cropped(ink: Field) -> Field:
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _place(mass: NDArray[np.floating], side: int) -> int:
    """Where a strip of `mass` begins so that its centre of mass is the field's, all inside.

    In MNIST that centre lies on pixel 14 counted from 0, not between 13 and 14.
    """
    centre = float((mass * np.arange(len(mass))).sum() / mass.sum())
    return min(max(round(side / 2 - centre), 0), side - len(mass))
