"""Pictures in and out: uploads that nobody vouches for, tensors, contact sheets, drawn digits."""

import base64
import io
import math
import re
import unicodedata

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from core.errors import BadUpload
from core.settings import settings

COLOURS = (
    "#4c6ef5", "#f08c00", "#2f9e44", "#e03131", "#9c36b5",
    "#0c8599", "#846358", "#868e96", "#d6336c", "#5c940d",
)  # fmt: skip
"""A class or a model each, told apart by colour-blind people too."""
Shape = tuple[int, int, int]
"""(channels, height, width); one channel is grey, three are RGB."""

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R 601), the same as Pillow's."""

_ORIENTATION, _TILE_WIDTH, _TILE_LENGTH = 274, 322, 323  # tags of EXIF and TIFF
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_MOST_SCANS = 100  # libtiff's limit for the JPEGs inside a TIFF; cameras use about ten
_BLANKS = ("Cc", "Zs", "Zl", "Zp")
_MARKUP = frozenset("[]<>*`$:")  # signs that would turn a name into a link or a formula
_CHUNK_PIXELS = 1 << 24
_DIGIT_SHAPE = (1, 28, 28)
_DIGIT_SIDE = 20 / 28
_LEAST_CONTRAST = 25
_FAINT = 0.2


def display_name(name: str) -> str:
    """A file's name fit to stand in a sentence: its last part, plain visible signs, 60 at most.

    Control and direction characters go, and so do the signs that Markdown and HTML act on: no
    name becomes a link, a picture or a formula on the page.
    """
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    spaced = "".join(" " if unicodedata.category(c) in _BLANKS else c for c in last)
    seen = (c for c in spaced if unicodedata.category(c)[0] != "C" and c not in _MARKUP)
    plain = " ".join("".join(seen).split())
    return (plain if len(plain) <= 60 else f"{plain[:43]}…{plain[-16:]}") or "unnamed"


def decode(content: bytes, name: str = "picture") -> Image.Image:
    """The picture in an uploaded file: upright, its first frame, 8 bits, mode RGB or L.

    Transparency is laid on white; 16- and 32-bit greys are brought down to 8 bits; notes such as
    place and camera are dropped.

    Raises:
        BadUpload: empty, damaged, too large, or no picture of a kind in `FORMATS`.
    """
    shown, limits = display_name(name), settings()
    if not content:
        raise BadUpload(f"“{shown}” is empty. Choose another picture.")
    if len(content) > limits.max_upload_bytes:
        raise BadUpload(
            f"“{shown}” is larger than {limits.max_upload_mb} MB. Choose a smaller file."
        )
    # Pillow's parsers raise nearly anything on hostile bytes; all of it means the same here.
    try:
        opened = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(shown) from error
    except Exception as error:
        raise BadUpload(
            f"“{shown}” is not a picture that can be read here. "
            "Use a PNG, JPEG, WebP, BMP, GIF or TIFF file."
        ) from error
    with opened:
        try:
            _check_cost(opened, content, shown)
            opened.load()
            plain = _upright(_eight_bits(opened), opened)
        except BadUpload:
            raise
        except Exception as error:
            raise BadUpload(
                f"“{shown}” is damaged or cut short. Save or send it again, or choose another."
            ) from error
    plain.info = {}  # where and with what a photograph was taken is nobody's business
    return plain


def to_tensor(image: Image.Image, shape: Shape) -> Tensor:
    """The middle of a picture, cut to the aspect of `shape` and resized: uint8 (C, H, W)."""
    channels, height, width = _checked(shape)
    image = image.convert("L" if channels == 1 else "RGB")
    image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(image)).view(height, width, channels)
    return pixels.permute(2, 0, 1).contiguous()


def fit(pixels: Tensor, shape: Shape) -> Tensor:
    """Bring a batch to another size and number of channels; the aspect follows `shape`.

    Args:
        pixels: uint8 (N, C, H, W), grey or RGB.
        shape: wanted (C, H, W).

    Returns:
        uint8 (N, *shape); `pixels` itself when it has that shape.
    """
    channels, height, width = _checked(shape)
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


def to_png(array: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file for uint8 (H, W), (H, W, 3) or (H, W, 4)."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", compress_level=1)  # half the time, a tenth more bytes
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


def data_url(picture: bytes, kind: str = "png") -> str:
    """A PNG, or a GIF, as an address that a page can draw without asking the server."""
    return f"data:image/{kind};base64," + base64.b64encode(picture).decode("ascii")


def digit_from_picture(image: Image.Image, shape: Shape = _DIGIT_SHAPE) -> Tensor:
    """A digit in a picture, made the way that MNIST was: light on dark, centred by its mass.

    Args:
        image: ink on paper, or chalk on a board; what the border shows counts as the paper.
        shape: wanted (C, H, W); the digit's longer side takes 20 of 28 parts of it.

    Returns:
        uint8 of `shape`.

    Raises:
        BadUpload: nothing stands out from the paper.
    """
    channels, height, width = _checked(shape)
    ink = _ink(image)
    longest = max(1, round(min(height, width) * _DIGIT_SIDE))
    ratio = longest / max(ink.shape)
    size = (max(1, round(ink.shape[1] * ratio)), max(1, round(ink.shape[0] * ratio)))
    small = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR))
    small = small / small.max()  # thin lines fade when they shrink
    field = torch.zeros(height, width)
    top, left = _place(small.sum(1), height), _place(small.sum(0), width)
    field[top : top + size[1], left : left + size[0]] = torch.from_numpy(small)
    return (field * 255).round().to(torch.uint8).repeat(channels, 1, 1)


def digit_from_drawing(rgba: NDArray[np.uint8], shape: Shape = _DIGIT_SHAPE) -> Tensor:
    """`digit_from_picture` for a canvas, uint8 (H, W, 4), whatever its colours.

    On a canvas that is transparent anywhere, what is opaque is the ink.

    Raises:
        BadUpload: nothing is drawn.
        ValueError: not the pixels of a canvas.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8 or not rgba.size:
        raise ValueError("A drawing is a uint8 array (height, width, 4).")
    alpha = rgba[..., 3]
    pixels = alpha if alpha.min() < 255 else rgba[..., :3]
    return digit_from_picture(Image.fromarray(np.ascontiguousarray(pixels)), shape)


def _checked(shape: Shape) -> Shape:
    if shape[0] not in (1, 3) or min(shape) < 1:
        raise ValueError("Pictures have one or three channels, a height and a width.")
    return shape


def _too_many_pixels(shown: str) -> BadUpload:
    most = settings().max_image_pixels / 1e6
    return BadUpload(f"“{shown}” has more than {most:.3g} million pixels. Make it smaller first.")


def _check_cost(image: Image.Image, content: bytes, shown: str) -> None:
    """Judge a picture by what its file says, before memory and time are given to its pixels."""
    width, height = image.size
    if width < 1 or height < 1:
        raise BadUpload(f"“{shown}” has no pixels: it is {width} by {height}.")
    tags = getattr(image, "tag_v2", {})  # a tile of a TIFF may be far larger than the picture
    tile = int(tags.get(_TILE_WIDTH, 1)) * int(tags.get(_TILE_LENGTH, 1))
    if max(width * height, tile) > settings().max_image_pixels:
        raise _too_many_pixels(shown)
    # Each scan of a progressive JPEG goes over the whole picture, and may be 80 bytes long.
    jpeg = image.format in ("JPEG", "MPO")
    if jpeg and sum(1 for _ in _SCAN.finditer(content)) > _MOST_SCANS:
        raise BadUpload(f"“{shown}” would take too long to read. Save it again as a PNG.")


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_deep(np.asarray(image, dtype=np.float32), image.mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _from_deep(values: NDArray[np.float32], mode: str) -> Image.Image:
    """8 bits of a deep grey.

    16 bits fill their range. The others say nothing of theirs: values up to 1 (floats), 255 or
    65535 are taken for what they look like, and anything else is stretched.
    """
    values = np.nan_to_num(values, posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    tops = {"F": (1, 255, 65535), "I": (255, 65535)}.get(mode, (65535,))
    if low >= 0:
        low, high = 0.0, next((float(top) for top in tops if high <= top), high)
    scaled = (values - low) * (255 / (high - low or 1))
    return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))


def _upright(pixels: Image.Image, opened: Image.Image) -> Image.Image:
    """`pixels` turned the way that the camera noted in the file."""
    try:
        turn = _UPRIGHT.get(opened.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged note is no reason to refuse the picture
        turn = None
    return pixels if turn is None else pixels.transpose(turn)


def _ink(image: Image.Image) -> NDArray[np.float32]:
    """What stands out from the paper, 0 to 1, cropped to where it is."""
    grey = image.convert("L")
    grey.thumbnail((512, 512))
    values = np.asarray(grey, dtype=np.float32)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    paper = float(np.median(border))
    if paper > (values.min() + values.max()) / 2:
        values, paper = 255 - values, 255 - paper
    contrast = float(values.max()) - paper
    if contrast < _LEAST_CONTRAST:
        raise BadUpload("There is nothing drawn yet: draw a digit that stands out.")
    ink = (values - paper) / contrast
    ink[ink < _FAINT] = 0  # the grain and the shadows of paper
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _place(mass: NDArray[np.floating], side: int) -> int:
    """Where a strip of `mass` begins so that its centre of mass is the field's, all inside.

    In MNIST that centre lies on pixel 14 counted from 0, not between 13 and 14.
    """
    centre = float((mass * np.arange(len(mass))).sum() / mass.sum())
    return min(max(round(side / 2 - centre), 0), side - len(mass))
