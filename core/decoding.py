"""Files that nobody vouches for become pictures, within a budget of memory.

A decoder may take `MAX_DECODED_BYTES` for one picture, and only one large picture is decoded at a
time. What comes out has at most `MAX_PIXELS`: larger pictures are reduced, JPEGs while they are
decoded, others strip by strip afterwards, so that no second copy of all pixels is ever made.
"""

import io
import math
import re
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, ImageCms

from core.errors import BadUpload
from core.settings import settings

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")
READABLE = "PNG, JPEG, WebP, AVIF, HEIC, BMP, GIF or TIFF"
MAX_DECODED_BYTES = 250_000_000
"""Bytes that a decoder may take for the pixels of one picture."""
MAX_PIXELS = 1 << 22
"""Pixels of a decoded picture; a larger one is reduced by a whole number."""

_LARGE = 16_000_000  # bytes from which on pictures wait for one another
_STRIP_PIXELS = 1 << 20
_MAX_PROFILE_BYTES = 1 << 22
_BYTES_PER_PIXEL = {"WEBP": 20.0, "AVIF": 16.0, "HEIF": 12.0, "PNG": 4.0, "BMP": 4.0, "GIF": 4.0}
"""What decoders were seen to take at their worst, all their own copies and Pillow's together."""
_NAMES = {"WEBP": "WebP", "HEIF": "HEIC"}

_ORIENTATION, _TILE_WIDTH, _TILE_LENGTH = 274, 322, 323  # tags of EXIF and TIFF
_BITS, _ROWS_PER_STRIP, _KIND_OF_PART, _LARGEST_VALUE, _DNG = 258, 278, 254, 281, 50706
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
_MAX_SCANS = 100  # libtiff's limit for the JPEGs inside a TIFF; cameras use about ten
_BLANKS = ("Cc", "Zs", "Zl", "Zp")
_MARKUP = frozenset("[]<>*`$:")  # signs that would turn a name into a link or a formula

_BEGINNINGS = (
    (rb"8BPS", "a Photoshop (PSD) file"),
    (rb"%PDF|\xef\xbb\xbf%PDF", "a PDF file"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript (EPS) file"),
    (rb".{4}ftypcrx |FUJIFILMCCD-RAW|IIRO|IIRS|MMOR|IIU\0|FOVb|\0MRM|II\*\0.{4}CR", "a RAW file"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "a JPEG XL file"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (rb".{4}ftyp(?!avi|hei|hev|mif|msf|mia)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |.{4}moov", "a film"),
    (rb"\0\0[\x01\x02]\0", "an icon (ICO) file"),
    (rb"icns", "an icon (ICNS) file"),
    (rb"P[1-7Ff][\s#]", "a PPM, PGM or PBM file"),
    (rb"\x76\x2f\x31\x01", "an OpenEXR file"),
    (rb"#\?RADIANCE|#\?RGBE", "an HDR file"),
    (rb".{128}DICM", "a DICOM file"),
    (rb"gimp xcf", "a GIMP (XCF) file"),
    (rb"SIMPLE  =", "a FITS file"),
    (rb"DDS ", "a DDS file"),
    (rb"\x0a[\x00-\x05]\x01[\x01\x02\x04\x08]", "a PCX file"),
    (rb"PK\x03\x04|7z\xbc\xaf|Rar!|\x1f\x8b|BZh|\xfd7zXZ", "an archive"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:svg|(?=[?!]).*<svg)[\s>]", "an SVG drawing"),
    (rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)", "a web page"),
)
_FOREIGN = tuple(
    (re.compile(start, re.DOTALL | re.IGNORECASE), kind) for start, kind in _BEGINNINGS
)
"""How files begin that are pictures, or taken for some, and cannot be read here."""

_one_at_a_time = threading.RLock()


def display_name(name: str) -> str:
    """A file's name fit to stand in a sentence: its last part, plain visible signs, 60 at most.

    Control and direction characters go, and so do the signs that Markdown and HTML act on: no
    name becomes a link, a picture or a formula on the page.
    """
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    spaced = "".join(" " if unicodedata.category(c) in _BLANKS else c for c in last)
    visible = (c for c in spaced if unicodedata.category(c)[0] != "C" and c not in _MARKUP)
    plain = " ".join("".join(visible).split())
    return (plain if len(plain) <= 60 else f"{plain[:43]}…{plain[-16:]}") or "unnamed"


def decode(
    content: bytes, name: str = "picture", *, keep_transparency: bool = False
) -> Image.Image:
    """The picture in an uploaded file: upright, its first frame, 8 bits sRGB, mode RGB or L.

    At most `MAX_PIXELS`, whatever the file has. Transparency is laid on white, or kept as mode
    RGBA; deep greys are brought down to 8 bits; notes such as place and camera are dropped.

    Raises:
        BadUpload: empty, damaged, too large, or no picture of a kind in `FORMATS`.
    """
    name_shown, limits = display_name(name), settings()
    if not content:
        raise BadUpload(f"“{name_shown}” is empty. Choose another picture.")
    if len(content) > limits.max_upload_bytes:
        raise BadUpload(
            f"“{name_shown}” is larger than {limits.max_upload_mb} MB. Choose a smaller file."
        )
    if kind := _foreign(content):
        raise _unreadable(name_shown, kind)
    _register()
    # A WebP's decoder takes memory when it is opened, before its size is known.
    with _turn(_LARGE if content[8:12] == b"WEBP" else 0):
        small, profile, turn = _opened_and_reduced(content, name_shown)
    try:
        plain = _screen_colours(small, profile)
        if not (keep_transparency and plain.mode == "RGBA"):
            plain = _plain(plain)
    except Exception as error:
        raise _damaged(name_shown) from error
    plain = plain if turn is None else plain.transpose(turn)
    plain.info = {}  # where and with what a photograph was taken is nobody's business
    return plain


def _opened_and_reduced(
    content: bytes, name: str
) -> tuple[Image.Image, object, Image.Transpose | None]:
    """What `_loaded` gives. No pixels of the whole picture are left when this is done."""
    # Pillow's parsers raise nearly anything on hostile bytes; all of it means the same here.
    try:
        opened = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(name) from error
    except Exception as error:
        raise _unreadable(name, "") from error
    try:
        with _turn(_cost(opened, content, name)):
            loaded = _loaded(opened, name)
            del opened  # before the next large picture has its turn
            return loaded
    except BadUpload:
        raise
    except Exception as error:
        raise _damaged(name) from error


# ---- what a file is, and what it would cost


def _register() -> None:
    """Teach Pillow HEIC; decoders keep to one thread, because each takes memory."""
    if "HEIF" in Image.OPEN:
        return
    import pillow_heif  # here: it is slow to load, and most visitors bring none

    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def _foreign(content: bytes) -> str:
    """What a file is that cannot be read here, by its beginning; empty where that is not known."""
    start = content[:1024]
    return next((kind for pattern, kind in _FOREIGN if pattern.match(start)), "")


def _unreadable(name: str, kind: str) -> BadUpload:
    what = f"{kind}, which cannot" if kind else "not a picture that can"
    return BadUpload(f"“{name}” is {what} be read here. Use a {READABLE} file.")


def _damaged(name: str) -> BadUpload:
    return BadUpload(f"“{name}” is damaged or cut short. Save or send it again, or choose another.")


def _too_many_pixels(name: str, kind: str = "", max_pixels: float = 0) -> BadUpload:
    max_pixels = (max_pixels or settings().max_image_pixels) / 1e6
    of = f", the most of a {kind} file that fits the memory here" if kind else ""
    other = " or save it as a JPEG" if kind not in ("", "JPEG") else ""
    return BadUpload(
        f"“{name}” has more than {max_pixels:.3g} million pixels{of}. Make it smaller first{other}."
    )


def _cost(image: Image.Image, content: bytes, name: str) -> float:
    """The bytes that decoding takes, judged by what the file says, before any are given to it.

    Raises:
        BadUpload: too many, or too long to read.
    """
    width, height = image.size
    if width < 1 or height < 1:
        raise BadUpload(f"“{name}” has no pixels: it is {width} by {height}.")
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    pixels, each = width * height, _BYTES_PER_PIXEL.get(kind, 4.0)
    if kind == "TIFF":
        pixels, each = _tiff_cost(image, name)
    if kind == "HEIF" and image.info.get("chroma") == 420:
        each = 9.7  # every telephone's: 24 million pixels must pass
    if kind == "JPEG":
        # Each scan of a progressive JPEG goes over the whole picture, and may be 80 bytes long.
        scans = sum(1 for _ in _SCAN.finditer(content))
        if scans > _MAX_SCANS:
            raise BadUpload(f"“{name}” would take too long to read. Save it again as a PNG.")
        each = _jpeg_bytes(image, scans)
    if pixels > settings().max_image_pixels:
        raise _too_many_pixels(name)
    if pixels * each > MAX_DECODED_BYTES:
        raise _too_many_pixels(name, _NAMES.get(kind, kind), MAX_DECODED_BYTES / each)
    return pixels * each


def _tiff_cost(image: Image.Image, name: str) -> tuple[int, float]:
    """Pixels of a TIFF or of one of its tiles, and bytes of each, a compressed strip's too."""
    tags = getattr(image, "tag_v2", {})
    if _DNG in tags or int(tags.get(_KIND_OF_PART, 0)) & 1:  # of a camera: a preview comes first
        raise _unreadable(name, "a RAW file")
    tile = int(tags.get(_TILE_WIDTH, 1)) * int(tags.get(_TILE_LENGTH, 1))
    pixels = max(image.width * image.height, tile)  # a tile may be far larger than the picture
    bits = tags.get(_BITS, (1,))
    stored = sum(map(int, bits if isinstance(bits, tuple) else (bits,))) / 8
    rows = min(image.height, int(tags.get(_ROWS_PER_STRIP, image.height)))
    part = tile if tile > 1 else rows * image.width
    return pixels, 4.0 + max(stored, 4.0 if stored > 1 else stored) * part / max(pixels, 1)


def _jpeg_bytes(image: Image.Image, scans: int) -> float:
    """Bytes of a pixel while a JPEG is decoded: of several scans, all coefficients are kept."""
    shrunk = 4.0 / float(_factor(image) ** 2)
    parts = [(int(h), int(v)) for _, h, v, _ in getattr(image, "layer", [])]
    if (scans < 2 and "progressive" not in image.info) or not parts:
        return shrunk
    largest = max(h for h, _ in parts) * max(v for _, v in parts)
    return shrunk + 2 * sum(h * v for h, v in parts) / max(1, largest)


def _factor(image: Image.Image) -> int:
    """The whole number by which a picture is reduced."""
    return math.ceil(math.sqrt(max(1.0, image.width * image.height / MAX_PIXELS)))


@contextmanager
def _turn(cost: float) -> Iterator[None]:
    """Wait until no other large picture is decoded; small ones do not wait."""
    if cost < _LARGE:
        yield
        return
    with _one_at_a_time:
        yield


# ---- fewer pixels, 8 bits


def _loaded(opened: Image.Image, name: str) -> tuple[Image.Image, object, Image.Transpose | None]:
    """The pixels of an opened picture, reduced; its colour profile, and how it must be turned."""
    factor = _factor(opened)
    if factor > 1 and opened.format in ("JPEG", "MPO"):
        opened.draft(opened.mode, (opened.width // factor, opened.height // factor))
        factor = _factor(opened)
    sixteen = any("16" in str(tile.args) for tile in getattr(opened, "tile", []))
    opened.load()
    small = _reduced(opened, factor)
    if sixteen:
        _check_range(small, name)
    return small, opened.info.get("icc_profile"), _turned(opened)


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """A loaded picture, `factor` times smaller, in 8 bits a channel, strip by strip."""
    deep = _deep_range(image) if _is_deep(image.mode) else (0.0, 0.0)
    rows = factor * max(1, _STRIP_PIXELS // (image.width * factor))
    reduced: Image.Image | None = None
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        strip = _eight_bits(image.crop((0, top, image.width, bottom)), deep)
        strip = strip.reduce(factor) if factor > 1 else strip
        if reduced is None:
            size = (math.ceil(image.width / factor), math.ceil(image.height / factor))
            reduced = Image.new(strip.mode, size)
        reduced.paste(strip, (0, top // factor))
    assert reduced is not None
    return reduced


def _is_deep(mode: str) -> bool:
    return mode == "F" or mode.startswith("I")


def _eight_bits(image: Image.Image, deep: tuple[float, float]) -> Image.Image:
    """A strip in a mode of 8-bit channels: L, RGB, RGBA, CMYK or LAB."""
    if _is_deep(image.mode):
        low, high = deep
        scaled = (_numbers(image) - low) * (255 / (high - low or 1))
        return Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert({"1": "L", "L": "L", "CMYK": "CMYK", "LAB": "LAB"}.get(image.mode, "RGB"))


def _numbers(image: Image.Image) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0, neginf=0)


def _deep_range(image: Image.Image) -> tuple[float, float]:
    """The values of a deep grey that become black and white.

    What the file says of its largest value holds. Else 16 bits fill their range, unless nothing in
    them is larger than 12 bits (or 8) can hold: those are cameras' and scanners' and microscopes'.
    Numbers of 32 bits say nothing of theirs: values up to 1 (floats), 255, 4095 or 65535 are taken
    for what they look like, and anything else is stretched.
    """
    lows, highs = [], []
    step = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, step):
        values = _numbers(image.crop((0, top, image.width, min(top + step, image.height))))
        lows.append(float(values.min()))
        highs.append(float(values.max()))
    low, high = min(lows), max(highs)
    if low < 0:
        return low, high
    largest = getattr(image, "tag_v2", {}).get(_LARGEST_VALUE, 0)
    largest = max(largest) if isinstance(largest, tuple) and largest else largest
    if isinstance(largest, int) and 255 < largest < 65535 and high <= largest:
        return 0.0, float(largest)
    sixteen = image.mode not in ("F", "I")
    tops = [1] if image.mode == "F" else []
    tops += [65535] if sixteen and low == high else [255, 4095, 65535]
    return 0.0, next((float(top) for top in tops if high <= top), high)


def _check_range(image: Image.Image, name: str) -> None:
    """Pillow keeps the upper eight of sixteen bits of a colour; of twelve in them that is four."""
    if image.mode not in ("RGB", "RGBA"):
        return
    lows, highs = zip(*image.convert("RGB").getextrema(), strict=True)
    if min(lows) < max(highs) <= 4095 >> 8:
        raise BadUpload(
            f"“{name}” is nearly black: it seems to hold 12 bits a colour in 16. "
            "Save it with 8 bits a colour."
        )


# ---- colours


def _screen_colours(image: Image.Image, profile: object) -> Image.Image:
    """The picture in sRGB, if the file says which colours its numbers mean; a profile that is
    damaged, or of another kind of picture, is as good as none."""
    if not isinstance(profile, bytes) or not 128 < len(profile) <= _MAX_PROFILE_BYTES:
        return image
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha is not None else image
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = given.profile.xcolor_space.strip()
        if space == "GRAY" and colours.mode == "RGB":
            colours = colours.convert("L")
        if {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}.get(colours.mode) != space:
            return image
        change = ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), colours.mode, "RGB")
        if colours.mode in ("L", "RGB") and _changes_nothing(change, colours.mode):
            return image
        made = ImageCms.applyTransform(colours, change)
    except Exception:  # lcms knows many ways in which a profile can be wrong
        return image
    if made is None:
        return image
    if image.mode == "L":
        return made.convert("L")
    if alpha is not None:
        made.putalpha(alpha)
    return made


def _changes_nothing(change: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a profile means sRGB, whatever it is called: then no number is rounded again."""
    levels = np.linspace(0, 255, 6).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 6, 3)
    probe = Image.fromarray(cube).convert(mode)
    made = ImageCms.applyTransform(probe, change)
    assert made is not None
    difference = np.asarray(made, int) - np.asarray(probe.convert("RGB"), int)
    return int(np.abs(difference).max()) <= 2


def _plain(image: Image.Image) -> Image.Image:
    """RGB or L, on white."""
    if image.mode == "LAB":
        lab, screen = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        image = ImageCms.profileToProfile(image, lab, screen, outputMode="RGB") or image
    if image.mode == "RGBA":
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def _turned(opened: Image.Image) -> Image.Transpose | None:
    """How a picture must be turned to stand the way that the camera noted."""
    try:
        return _UPRIGHT.get(opened.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged note is no reason to refuse the picture
        return None
