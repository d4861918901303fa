"""What decoding costs, which colours come out, and what is said of files that are no pictures."""

import io
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from core import decoding
from core.decoding import MAX_PIXELS, decode
from core.errors import BadUpload

pytestmark = pytest.mark.usefixtures("lab")

CASES = Path(__file__).parent / "pictures"
ROOT = Path(__file__).parents[2]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    decoding._register()  # HEIC is written by the same library that reads it
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def colour(content: bytes) -> tuple[int, ...]:
    result = decode(content).convert("RGB").getpixel((10, 10))
    assert isinstance(result, tuple)
    return result


# What it costs

PEAK = """
import resource, sys
from core.decoding import _register, decode
from core.errors import BadUpload
from core.settings import settings
_register(), settings()
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
try:
    size = decode(open(sys.argv[1], "rb").read(), "large").size
except BadUpload as error:
    size = error
print(peak() - before, size, sep="|")
"""


@pytest.mark.parametrize(
    ("kind", "mode", "side", "options"),
    [
        ("PNG", "LA", 6320, {}),
        ("TIFF", "F", 6320, {"compression": "tiff_lzw"}),
        ("JPEG", "RGB", 6320, {"progressive": True}),
        ("WEBP", "RGBA", 3464, {"lossless": True, "method": 0}),
    ],
)
def test_the_largest_accepted_picture_fits_the_memory(
    kind: str, mode: str, side: int, options: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / "large"
    path.write_bytes(encoded(Image.new(mode, (side, side)), kind, **options))
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    megabytes, size = done.stdout.split("|")
    assert int(megabytes) <= 300
    width, height = map(int, size.strip(" ()\n").split(","))
    assert width == height and MAX_PIXELS / 4 < width * height <= MAX_PIXELS


@pytest.mark.parametrize(
    ("kind", "mode", "options", "most"),
    [
        (
            "WEBP",
            "LA",
            {"lossless": True, "method": 0},
            r"12\.5 million pixels, the most of a WebP",
        ),
        ("TIFF", "RGBA", {"compression": "tiff_lzw", "tiffinfo": {278: 6320}}, "of a TIFF file"),
    ],
)
def test_a_decoder_that_needs_too_much_gets_fewer_pixels(
    kind: str, mode: str, options: dict[str, object], most: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(Image.new(mode, (6320, 6320)), kind, **options)
    monkeypatch.setattr(Image.Image, "crop", None)  # nothing may be done with the pixels
    with pytest.raises(BadUpload, match=most):
        decode(content)


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, guard, reduced = 0, 0, threading.Lock(), decoding._reduced

    def counted(*args: object) -> Image.Image:
        nonlocal at_once, most
        with guard:
            at_once += 1
            most = max(most, at_once)
        result = reduced(*args)  # type: ignore[arg-type]
        with guard:
            at_once -= 1
        return result

    monkeypatch.setattr(decoding, "_reduced", counted)
    content = encoded(Image.new("L", (4200, 4200)), "PNG")
    with ThreadPoolExecutor(4) as pool:
        sizes = {image.size for image in pool.map(decode, [content] * 4)}
    assert (most, sizes) == (1, {(1400, 1400)})


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
def test_a_reduced_picture_is_the_same_picture(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduced in many strips, the last of them cut short."""
    small = Image.fromarray(
        np.random.default_rng(0).integers(0, 2, (21, 17, 3), dtype=np.uint8) * 255
    )
    large = small.resize((17 * 12, 21 * 12), Image.Resampling.NEAREST).convert(mode)
    content = encoded(large, "TIFF")
    whole = np.asarray(decode(content).convert("RGB"))
    monkeypatch.setattr(decoding, "MAX_PIXELS", 17 * 21 * 16)
    monkeypatch.setattr(decoding, "_STRIP_PIXELS", 1500)
    result = decode(content)
    assert result.size == (17 * 4, 21 * 4)
    assert np.abs(np.asarray(result.convert("RGB"), int) - whole[1::3, 1::3]).max() <= 2


# Colours


def test_display_p3_becomes_srgb() -> None:
    for name in ("display-p3.png", "display-p3.jpg"):
        content = (CASES / name).read_bytes()
        opened = Image.open(io.BytesIO(content))
        given = ImageCms.ImageCmsProfile(io.BytesIO(opened.info["icc_profile"]))
        meant = ImageCms.profileToProfile(opened, given, ImageCms.createProfile("sRGB"))
        assert meant is not None and meant.getpixel((10, 10)) != opened.getpixel((10, 10))
        assert colour(content) == meant.getpixel((10, 10))


def test_a_profile_holds_with_transparency_and_in_a_palette() -> None:
    opened = Image.open(CASES / "display-p3.png")
    profile, meant = opened.info["icc_profile"], colour((CASES / "display-p3.png").read_bytes())
    for changed in (opened.convert("RGBA"), opened.quantize(4)):
        content = encoded(changed, "PNG", icc_profile=profile)
        assert colour(content) == pytest.approx(meant, abs=1)
    content = encoded(opened.convert("RGB"), "HEIF", icc_profile=profile, quality=100)
    assert colour(content) == pytest.approx(meant, abs=4)
    content = encoded(opened.convert("RGB"), "AVIF", icc_profile=profile, quality=100)
    assert colour(content) == pytest.approx(meant, abs=4)


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "grey", "print"])
def test_a_profile_that_is_wrong_is_as_good_as_none(damage: str) -> None:
    profile = Image.open(CASES / "display-p3.png").info["icc_profile"]
    wrong = {
        "cut": profile[: len(profile) // 2],
        "noise": profile[:36] + bytes(reversed(profile[36:])),
        "empty": b"\0" * 200,
        "grey": profile.replace(b"RGB ", b"GRAY"),
        "print": profile.replace(b"RGB ", b"CMYK"),
    }[damage]
    plain = Image.new("RGB", (16, 16), (230, 60, 40))
    assert colour(encoded(plain, "PNG", icc_profile=wrong)) == (230, 60, 40)


def test_pictures_in_srgb_stay_as_they_are() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    result = decode(encoded(Image.fromarray(noise), "PNG", icc_profile=profile))
    assert np.array_equal(np.asarray(result), noise)


@pytest.mark.parametrize("name", ["grey12in16.png", "grey12in16.tif"])
def test_12_bits_in_16_are_seen(name: str) -> None:
    content = (CASES / name).read_bytes()
    deep = np.asarray(Image.open(io.BytesIO(content)), np.float64)
    assert deep.max() <= 4095
    assert np.abs(np.asarray(decode(content), float) - deep * 255 / 4095).max() <= 0.5


def test_a_file_that_says_its_largest_value_is_believed() -> None:
    deep = Image.fromarray(np.linspace(0, 16383, 64).astype(np.uint16).reshape(8, 8))
    assert decode(encoded(deep, "TIFF", tiffinfo={281: 16383})).getextrema() == (0, 255)
    assert decode(encoded(deep, "TIFF")).getextrema() == (0, 64)


def test_12_bits_in_16_of_a_colour_picture_are_told() -> None:
    with pytest.raises(BadUpload, match="12 bits"):
        decode(deep_colours(4095))
    assert decode(deep_colours(65535)).getextrema() == ((0, 255),) * 3


def deep_colours(largest: int) -> bytes:
    """A PNG of 16 bits a channel, a ramp."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    ramp = np.repeat(np.linspace(0, largest, 64).astype(">u2"), 3).tobytes()
    rows = b"".join(b"\0" + ramp for _ in range(4))
    header = struct.pack(">IIBBBBB", 64, 4, 16, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


# Formats and names


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("name", ["photo.jfif", "IMG_0001.HEIC", "without an ending", "a.txt"])
def test_what_telephones_write_is_read_whatever_it_is_called(kind: str, name: str) -> None:
    image = Image.new("RGB", (64, 48), "red")
    result = decode(encoded(image, kind, quality=90), name)
    assert result.size == (64, 48)
    assert result.getpixel((10, 10)) == pytest.approx((255, 0, 0), abs=6)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_telephone_held_upright_is_heard(kind: str) -> None:
    image = Image.new("RGB", (64, 48), "blue")
    image.paste("red", (0, 0, 32, 48))
    exif = Image.Exif()
    exif[0x0112] = 6
    result = decode(encoded(image, kind, exif=exif.tobytes(), quality=90))
    assert result.size == (48, 64), "turned once, not twice"
    top = result.getpixel((24, 10))
    assert isinstance(top, tuple) and top[0] > 200


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_damaged_files_of_telephones_are_refused(kind: str) -> None:
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    content = encoded(noise, kind)
    drawn = np.random.default_rng(0)
    for _ in range(60):
        hurt = bytearray(content[: drawn.integers(1, len(content) + 1)])
        for place in drawn.integers(0, len(hurt), 4):
            hurt[place] = drawn.integers(256)
        try:
            assert decode(bytes(hurt)).mode in ("RGB", "L")
        except BadUpload:
            continue


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_header_that_claims_too_much_is_refused(kind: str) -> None:
    content = encoded(Image.new("RGB", (64, 64)), kind)
    side = content.index(b"ispe") + 8
    claimed = content[:side] + (8000).to_bytes(4, "big") * 2 + content[side + 8 :]
    with pytest.raises(BadUpload):
        decode(claimed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg >", "an SVG drawing"),
        (b"8BPS\0\1" + bytes(60), "PSD"),
        (b"%PDF-1.7\n", "PDF"),
        (b"II*\0\x10\0\0\0CR\2\0", "RAW"),
        (b"FUJIFILMCCD-RAW 0201", "RAW"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "RAW"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", "a film"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"PK\3\4" + bytes(30), "an archive"),
        (b"<!doctype html><p>", "a web page"),
    ],
)
def test_what_is_not_read_is_told_by_its_format(content: bytes, said: str) -> None:
    with pytest.raises(BadUpload, match=said):
        decode(content, "picture.jpg")


def test_the_preview_in_a_raw_photograph_is_not_taken_for_it() -> None:
    preview = encoded(Image.new("RGB", (16, 16)), "TIFF", tiffinfo={254: 1})
    with pytest.raises(BadUpload, match="RAW"):
        decode(preview, "IMG_1.NEF")
