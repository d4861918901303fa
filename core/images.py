"""Pictures in and out: uploads that nobody vouches for, tensors, contact sheets."""

import base64
import io
import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core.decoding import FORMATS as FORMATS
from core.decoding import decode as decode
from core.decoding import display_name as display_name

COLOURS = (
    "#4c6ef5",
    "#f08c00",
    "#2f9e44",
    "#e03131",
    "#9c36b5",
    "#0c8599",
    "#846358",
    "#868e96",
    "#d6336c",
    "#5c940d",
)
"""A colour for each class or model, distinguishable for colour-blind people too."""
Shape = tuple[int, int, int]
"""(channels, height, width); one channel is grey, three are RGB."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R 601), the same as Pillow's."""

SHEET_QUALITY = 80
"""Of coloured sample sheets as WebP, 0 to 100: 33 dB for tiles of 32 × 32 pixels."""

_CHUNK_PIXELS = 1 << 24


class Cut(NamedTuple):
    """The part of a picture that is taken: where it lies, from 0 (left, above) to 1, and its side
    as a share of the largest there can be."""

    across: float = 0.5
    down: float = 0.5
    share: float = 1.0

    def box(self, size: tuple[int, int], shape: Shape) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in a picture of `size` (width, height), of the aspect of
        `shape`.

        Raises:
            ValueError: a number outside [0, 1], or a share of 0.
        """
        if not (0 <= self.across <= 1 and 0 <= self.down <= 1 and 0 < self.share <= 1):
            raise ValueError("A cut lies between 0 and 1.")
        _, height, width = checked(shape)
        scale = min(size[0] / width, size[1] / height) * self.share
        left, top = (size[0] - width * scale) * self.across, (size[1] - height * scale) * self.down
        return left, top, min(left + width * scale, size[0]), min(top + height * scale, size[1])


MIDDLE = Cut()


def to_tensor(image: Image.Image, shape: Shape, cut: Cut = MIDDLE) -> Tensor:
    """The middle of a picture, or another `cut`, of the aspect of `shape`: uint8 (C, H, W)."""
    channels, height, width = checked(shape)
    image = image.convert("L" if channels == 1 else "RGB")
    box = cut.box(image.size, shape)
    image = image.resize((width, height), Image.Resampling.BICUBIC, box=box)
    pixels = torch.from_numpy(np.array(image)).view(height, width, channels)
    return pixels.permute(2, 0, 1).contiguous()


def marked(image: Image.Image, box: tuple[float, float, float, float], side: int) -> Image.Image:
    """A picture within `side` pixels, dark outside of a box of its own coordinates."""
    small = image.convert("RGB")
    small.thumbnail((side, side))
    scale = small.width / image.width
    left, top, right, bottom = (round(v * scale) for v in box)
    dark = small.point([v // 3 for v in range(256)] * 3)
    dark.paste(small.crop((left, top, right, bottom)), (left, top))
    return dark


def fit(pixels: Tensor, shape: Shape) -> Tensor:
    """Bring a batch to another size and number of channels; the aspect follows `shape`.

    Args:
        pixels: uint8 (N, C, H, W), grey or RGB.
        shape: wanted (C, H, W).

    Returns:
        uint8 (N, *shape); `pixels` itself when it has that shape.
    """
    channels, height, width = checked(shape)
    if tuple(pixels.shape[1:]) == shape:
        return pixels
    out = pixels.new_empty(len(pixels), channels, height, width)
    step = max(1, _CHUNK_PIXELS // max(pixels[:1].numel(), height * width * channels, 1))
    for start in range(0, len(pixels), step):
        part = pixels[start : start + step].float()
        if channels == 1 and part.shape[1] == 3:
            part = (part * part.new_tensor(LUMINANCE).view(3, 1, 1)).sum(1, keepdim=True)
        if tuple(part.shape[2:]) != (height, width):
            part = F.interpolate(part, (height, width), mode="bilinear", antialias=True)
        out[start : start + step] = part.round().clamp(0, 255)  # one channel spreads over three
    return out


def contact_sheet(
    images: Tensor, columns: int, gap: int = 1, fill: int = 128, scale: int = 1
) -> NDArray[np.uint8]:
    """Lay pictures out in rows, left to right, top to bottom.

    Args:
        images: (N, C, H, W) with N at least 1, grey or RGB; uint8, or float in [0, 1].
        columns: pictures in a row; fewer pictures make a narrower sheet.
        gap: pixels of the finished sheet between pictures; none around them.
        fill: grey of the gaps and of places left empty, 0 to 255.
        scale: side of the square that each pixel becomes.

    Returns:
        uint8 (H, W) for grey, (H, W, 3) for RGB.

    Raises:
        ValueError: no picture, or a number that makes no sheet.
    """
    n, c, h, w = images.shape
    if n < 1 or columns < 1 or gap < 0 or scale < 1 or c not in (1, 3) or not 0 <= fill <= 255:
        raise ValueError("A contact sheet needs grey or RGB pictures, columns and a scale.")
    cells = images.detach().cpu()
    if cells.is_floating_point():
        cells = (cells.float().nan_to_num(0).clamp(0, 1) * 255).round().to(torch.uint8)
    if scale > 1:
        cells = cells.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    high, wide = h * scale + gap, w * scale + gap
    sheet = torch.full((rows * columns, c, high, wide), fill, dtype=torch.uint8)
    sheet[:n, :, : h * scale, : w * scale] = cells
    sheet = sheet.view(rows, columns, c, high, wide).permute(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * high, columns * wide, c)
    sheet = sheet[: rows * high - gap, : columns * wide - gap]
    return np.ascontiguousarray(sheet[..., 0].numpy() if c == 1 else sheet.numpy())


def signed(values: Tensor) -> Tensor:
    """Colour numbers in [-1, 1], (N, 1, H, W): orange above 0, blue below, black at 0.

    Returns:
        uint8 (N, 3, H, W).
    """
    orange = values.new_tensor([1.0, 0.6, 0.1]).view(1, 3, 1, 1)
    blue = values.new_tensor([0.2, 0.55, 1.0]).view(1, 3, 1, 1)
    colours = values.clamp_min(0) * orange + (-values).clamp_min(0) * blue
    return (colours.clamp(0, 1) * 255).round().byte()


def to_png(array: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file for uint8 (H, W), (H, W, 3) or (H, W, 4)."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", compress_level=1)  # half the time, a tenth more bytes
    return file.getvalue()


def to_webp(image: NDArray[np.uint8], quality: int = 70, method: int = 4) -> bytes:
    """uint8 (H, W, 3) as a lossy WebP: of a photograph a sixth of the bytes of its PNG.

    Args:
        method: how long to look for fewer bytes, 0 to 6.
    """
    file = io.BytesIO()
    Image.fromarray(image).save(file, "WEBP", quality=quality, method=method)
    return file.getvalue()


def to_gif(images: Tensor, milliseconds: int, scale: int = 8) -> bytes:
    """The bytes of a GIF that shows pictures (N, C, H, W) one after the other, for ever.

    Args:
        images: uint8, or float in [0, 1].
        milliseconds: for each picture; the format keeps tens of them.
        scale: side of the square that each pixel becomes.
    """
    frames = [Image.fromarray(contact_sheet(i[None], 1, scale=scale)) for i in images]
    file = io.BytesIO()
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
    )
    return file.getvalue()


def scatter(points: Tensor, labels: Tensor | None = None, side: int = 280) -> NDArray[np.uint8]:
    """A small picture of a map, uint8 (side, side, 4), on a transparent ground.

    Args:
        points: (N, 2 or more); the first two numbers are drawn.
        labels: (N,) a colour each; None draws all in one.
    """
    place = points[:, :2].float()
    low, high = place.min(0).values, place.max(0).values
    middle, span = (low + high) / 2, float((high - low).max().clamp_min(1e-9))
    cells = ((place - middle) / span * (side - 6) + side / 2).long().clamp(1, side - 2)
    palette = torch.tensor([[int(c[i : i + 2], 16) for i in (1, 3, 5)] + [255] for c in COLOURS])
    chosen = torch.zeros(len(place), dtype=torch.int64) if labels is None else labels
    sheet = torch.zeros(side, side, 4, dtype=torch.uint8)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        sheet[side - 1 - cells[:, 1] + down - 1, cells[:, 0] + right] = palette[
            chosen % len(COLOURS)
        ].byte()
    return sheet.numpy()


def to_sheet(array: NDArray[np.uint8]) -> bytes:
    """A sample sheet as a run keeps it: a PNG of grey pictures (H, W), and of coloured ones
    (H, W, 3) a WebP, a sixth as large: a training keeps many."""
    return to_png(array) if array.ndim == 2 else to_webp(array, SHEET_QUALITY, method=6)


def kind(picture: bytes) -> str:
    """The format of a picture that the lab has written: "png", "webp" or "gif"."""
    if picture[8:12] == b"WEBP":
        return "webp"
    return "gif" if picture[:3] == b"GIF" else "png"


def data_url(picture: bytes) -> str:
    """A picture as an address that a page can draw without asking the server."""
    return f"data:image/{kind(picture)};base64," + base64.b64encode(picture).decode("ascii")


def checked(shape: Shape) -> Shape:
    """`shape`, if pictures can have it; else ValueError."""
    if shape[0] not in (1, 3) or min(shape) < 1:
        raise ValueError("Pictures have one or three channels, a height and a width.")
    return shape
