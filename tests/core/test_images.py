"""Pictures from strangers, and pictures that we draw."""

import base64
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings
from PIL import Image, ImageFile, ImageOps, PngImagePlugin
from torch import Generator

from core import data
from core.errors import BadUpload
from core.images import (
    Cut,
    contact_sheet,
    data_url,
    decode,
    display_name,
    fit,
    marked,
    to_png,
    to_sheet,
    to_tensor,
)
from core.settings import settings

pytestmark = pytest.mark.usefixtures("lab")

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene(width: int = 24, height: int = 16) -> Image.Image:
    """Red on the left, blue on the right, a white bar on top: every turn of it differs."""
    image = Image.new("RGB", (width, height), "blue")
    image.paste("red", (0, 0, width // 2, height))
    image.paste("white", (0, 0, width, height // 4))
    return image


def distance(a: Image.Image, b: Image.Image) -> float:
    """Mean difference of two pictures of one size, 0 to 255."""
    assert a.size == b.size
    return float(np.abs(np.asarray(a, np.float32) - np.asarray(b, np.float32)).mean())


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes whose header claims a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def tiff_with_tile(side: int, kind: int = 4, count: int = 1) -> bytes:
    """A TIFF of 16 by 16 pixels that claims to be stored in one LZW tile of `side` squared.

    `kind` and `count` are the type (4 is a long) and the number of values of the tile's sides.
    """
    tags = [(256, 16), (257, 16), (258, 8), (259, 5), (262, 1), (277, 1)]
    tags += [(322, side), (323, side), (324, 150), (325, 1000)]
    entries = b"".join(
        struct.pack("<HHII", tag, *((kind, count) if tag in (322, 323) else (4, 1)), value)
        for tag, value in tags
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head + b"\x80" * 2000


# Decoding what is good


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
def test_each_format_and_mode_becomes_8_bits(kind: str, mode: str) -> None:
    if (kind, mode) in {("JPEG", "P"), ("WEBP", "1")}:
        pytest.skip("the format has no such mode")
    image = decode(encoded(scene().convert(mode), kind))
    assert image.mode in ("RGB", "L") and image.size == (24, 16)
    assert distance(image.convert("RGB"), scene().convert(mode).convert("RGB")) < 25


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_stands_as_the_camera_was_held(kind: str, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = scene().transpose(undo[orientation]) if orientation > 1 else scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(stored, kind, exif=exif)
    assert distance(decode(content), scene()) < 25


def test_where_and_when_a_photograph_was_taken_is_dropped() -> None:
    exif = Image.Exif()
    exif[0x010E] = "my garden"
    image = decode(encoded(scene(), "JPEG", exif=exif, comment=b"at home"))
    assert not image.info and not image.getexif()


@pytest.mark.parametrize("note", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"\xff" * 50])
def test_a_damaged_camera_note_is_ignored(note: bytes) -> None:
    assert distance(decode(encoded(scene(), "JPEG", exif=note)), scene()) < 25


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(kind: str, mode: str) -> None:
    image = Image.new(mode, (9, 1))
    image.putdata([((0, 0, 0, a) if mode == "RGBA" else (0, a)) for a in range(0, 256, 31)][:9])
    options = {"lossless": True} if kind == "WEBP" else {}
    shown = np.asarray(decode(encoded(image, kind, **options)).convert("L"), int)[0]
    assert np.abs(shown - [255 - a for a in range(0, 256, 31)][:9]).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(kind: str) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((1, 1), 1)
    shown = decode(encoded(image, kind, transparency=0))
    assert shown.mode == "RGB"
    assert shown.getpixel((0, 0)) == (255, 255, 255) and shown.getpixel((1, 1)) == (200, 0, 0)


@pytest.mark.parametrize("mode,colour", [("RGB", (1, 2, 3)), ("L", 7), ("1", 0)])
def test_a_transparent_colour_of_a_png_is_white(mode: str, colour: int | tuple[int, ...]) -> None:
    content = encoded(Image.new(mode, (2, 2), colour), "PNG", transparency=colour)
    assert decode(content).convert("L").getextrema() == (255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_brought_down_by_their_range(kind: str) -> None:
    deep = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(1, 256)
    image = decode(encoded(Image.fromarray(deep), kind))
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image)[0], np.arange(256))


def test_a_flat_dark_16_bit_picture_stays_dark() -> None:
    image = decode(encoded(Image.fromarray(np.full((3, 3), 2570, np.uint16)), "PNG"))
    assert image.getextrema() == (10, 10)


def test_a_16_bit_colour_png_keeps_its_colours() -> None:
    rows = b"\0" + struct.pack(">6H", 65535, 0, 32896, 0, 65535, 0)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    image = decode(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 128), (0, 255, 0)]


@pytest.mark.parametrize(
    "values,expected",
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 200.0], [0, 100, 200]),
        ([0.0, 32896.0, 65535.0], [0, 128, 255]),
        ([0.0, 50_000.0, 100_000.0], [0, 128, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
        ([float("-inf"), float("inf"), 1.0], [0, 0, 255]),
        ([7.0, 7.0, 7.0], [7, 7, 7]),
    ],
)
def test_floating_greys_are_brought_into_range(values: list[float], expected: list[int]) -> None:
    image = decode(encoded(Image.fromarray(np.array([values], np.float32)), "TIFF"))
    assert np.asarray(image)[0].tolist() == expected


@pytest.mark.parametrize(
    "values,expected",
    [
        ([0, 32896, 65535], [0, 128, 255]),
        ([0, 9, 200], [0, 9, 200]),
        ([-100, 0, 100], [0, 128, 255]),
    ],
)
def test_32_bit_greys_are_brought_into_range(values: list[int], expected: list[int]) -> None:
    image = decode(encoded(Image.fromarray(np.array([values], np.int32)), "TIFF"))
    assert np.asarray(image)[0].tolist() == expected


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_print_colours_become_screen_colours(kind: str) -> None:
    image = decode(encoded(scene().convert("CMYK"), kind))
    assert image.mode == "RGB" and distance(image, scene()) < 25


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_a_moving_picture_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert distance(decode(content), frames[0]) < 5


# Refusing what is not


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(BadUpload, match=r"“cat\.png” is empty"):
        decode(b"", "holiday/cat.png")


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"hello, world" * 100,
        b"%PDF-1.7 ...",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(BadUpload, match=r"“notes\.txt”"):
        decode(content, "notes.txt")


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "EPS", "PDF", "PCX"])
def test_formats_off_the_list_are_refused(kind: str) -> None:
    with pytest.raises(BadUpload, match="Use a PNG"):
        decode(encoded(scene(32, 32), kind))


@pytest.mark.parametrize("size", [(100_000, 100_000), (13_000, 13_000), (8_000, 8_000)])
def test_a_header_that_claims_too_much_is_believed_and_refused(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> None:
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(BadUpload, match="more than 40 million pixels"):
        decode(png_claiming(*size))


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_a_picture_without_a_side_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadUpload):
        decode(png_claiming(*size))


def test_a_tiff_whose_tile_is_far_larger_than_itself_is_refused() -> None:
    with pytest.raises(BadUpload, match="pixels"):
        decode(tiff_with_tile(30_000))


@pytest.mark.parametrize("kind,count,value", [(2, 3, 20), (7, 9, 20), (11, 1, 0x7F800000)])
def test_a_tiff_whose_tile_is_no_number_is_refused(kind: int, count: int, value: int) -> None:
    with pytest.raises(BadUpload, match="damaged"):
        decode(tiff_with_tile(value, kind, count))


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    """Each of 80 bytes costs a pass over all pixels: a small file could take hours."""
    content = encoded(scene(), "JPEG", progressive=True)
    scan = content[content.rfind(b"\xff\xc4") : -2]
    assert decode(content[:-2] + scan * 20 + content[-2:]).size == (24, 16)
    with pytest.raises(BadUpload, match="too long"):
        decode(content[:-2] + scan * 200 + content[-2:])


def test_a_film_appended_to_a_photograph_does_no_harm() -> None:
    film = np.random.default_rng(0).bytes(20_000) + b"\xff\xda" * 500
    assert decode(encoded(scene(), "JPEG") + film).size == (24, 16)


def test_the_limits_are_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_LAB_MAX_IMAGE_PIXELS", "1000")
    monkeypatch.setenv("LATENT_LAB_MAX_UPLOAD_MB", "1")
    settings.cache_clear()
    assert decode(encoded(scene(40, 25), "PNG")).size == (40, 25)
    with pytest.raises(BadUpload, match=r"0\.001 million pixels"):
        decode(encoded(scene(40, 26), "PNG"))
    with pytest.raises(BadUpload, match="1 MB"):
        decode(encoded(scene(), "PNG") + bytes(1024 * 1024))


def test_a_bomb_in_the_text_of_a_png_is_refused_or_ignored() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("comment", "a" * 20_000_000, zip=True)
    try:
        assert distance(decode(encoded(scene(), "PNG", pnginfo=texts)), scene()) == 0
    except BadUpload as error:
        assert (
            "damaged" in str(error) or "cannot be read" in str(error) or "Use a PNG" in str(error)
        )


WHOLE = {kind: encoded(scene(64, 48), kind) for kind in FORMATS}


@hypothesis_settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kind=strategies.sampled_from(FORMATS), share=strategies.floats(0, 1))
def test_a_file_cut_short_is_refused_or_still_a_whole_picture(kind: str, share: float) -> None:
    content = WHOLE[kind]
    try:
        image = decode(content[: int(share * len(content))])
    except BadUpload as error:
        assert str(error).endswith((".", "…"))
    else:
        assert share > 0.5 and image.size == (64, 48) and image.mode == "RGB"


@hypothesis_settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=strategies.sampled_from(FORMATS),
    hits=strategies.lists(
        strategies.tuples(strategies.floats(0, 0.999), strategies.integers(0, 255)), max_size=8
    ),
)
def test_damaged_bytes_never_raise_anything_else(kind: str, hits: list[tuple[float, int]]) -> None:
    content = bytearray(WHOLE[kind])
    for place, value in hits:
        content[int(place * len(content))] = value
    try:
        image = decode(bytes(content))
    except BadUpload:
        return
    assert image.mode in ("RGB", "L") and min(image.size) > 0


def test_half_a_picture_is_refused_in_every_format() -> None:
    for kind, content in WHOLE.items():
        with pytest.raises(BadUpload, match=r"“half”"):
            decode(content[: len(content) // 2], f"{kind}/half")


def test_pillow_is_left_as_it_was(tmp_path: Path) -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    decode(encoded(scene(), "PNG"))
    with pytest.raises(BadUpload):
        decode(png_claiming(100_000, 100_000))
    after = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert after == before


# Names


@pytest.mark.parametrize(
    "name,shown",
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.png", "cat.png"),
        ("folder/", "folder"),
        ("", "unnamed"),
        ("///", "unnamed"),
        ("a\r\nb\tc\0.png", "a b c .png"),
        ("gnp.\u202egpj.exe\u2066\u200f", "gnp.gpj.exe"),
        ("  two   spaces ", "two spaces"),
        ("\ud800lone.png", "lone.png"),
        ("猫 ñ é.png", "猫 ñ é.png"),
        ("![x](y) :red[<b>*z*] $a$.png", "!x(y) redbz a.png"),
    ],
)
def test_a_name_is_made_fit_to_be_shown(name: str, shown: str) -> None:
    assert display_name(name) == shown


@hypothesis_settings(derandomize=True, deadline=None)
@given(strategies.text("ab./\\ \t\r\n\0\x1b\u202e\u2066\u2028\u200d\ud800é猫🙂…[*:", max_size=200))
def test_a_shown_name_is_short_and_printable(name: str) -> None:
    shown = display_name(name)
    assert 1 <= len(shown) <= 60 and not set(shown) & set("/\\\n\r\0\u202e")
    assert display_name(shown) == shown


def test_a_long_name_keeps_its_ending() -> None:
    shown = display_name("x" * 200 + ".jpeg")
    assert len(shown) == 60 and "…" in shown and shown.endswith(".jpeg")


# Tensors


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 8, 20), (1, 20, 8)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_becomes_a_tensor_of_the_shape(mode: str, shape: tuple[int, int, int]) -> None:
    for size in ((24, 16), (300, 7), (1, 1), (1, 500)):
        tensor = to_tensor(scene(*size).convert(mode), shape)
        assert tensor.dtype == torch.uint8 and tuple(tensor.shape) == shape
        assert tensor.is_contiguous()


def test_the_middle_is_kept_and_nothing_is_squeezed() -> None:
    image = Image.new("RGB", (90, 30), "white")
    image.paste((10, 200, 30), (30, 0, 60, 30))
    tensor = to_tensor(image, (3, 15, 15))
    assert tensor[:, 3:12, 3:12].flatten(1).tolist() == [[10] * 81, [200] * 81, [30] * 81]


def test_shrinking_is_antialiased() -> None:
    stripes = np.tile(np.array([[0, 255]], np.uint8), (60, 30))  # every fifth is 0, 255, 0, …
    batch = torch.from_numpy(stripes)[None, None]
    for small in (to_tensor(Image.fromarray(stripes), (1, 12, 12)), fit(batch, (1, 12, 12))):
        assert (small.float() - 127.5).abs().max() < 26


def test_fitting_to_the_same_shape_gives_the_same_tensor() -> None:
    pixels = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    assert fit(pixels, (3, 8, 8)) is pixels


def test_colours_become_the_same_grey_as_pillows() -> None:
    image = Image.effect_noise((16, 16), 90).convert("RGB")
    image.paste("orange", (0, 0, 8, 8))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    grey = torch.from_numpy(np.array(image.convert("L")))
    assert (fit(pixels, (1, 16, 16))[0, 0].int() - grey.int()).abs().max() <= 1


def test_a_grey_picture_in_colour_keeps_every_level() -> None:
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(fit(levels.repeat(1, 3, 1, 1), (1, 16, 16)), levels)


def test_grey_is_repeated_for_rgb() -> None:
    pixels = torch.randint(0, 256, (3, 1, 8, 8), generator=Generator().manual_seed(0))
    pixels = pixels.to(torch.uint8)
    assert torch.equal(fit(pixels, (3, 8, 8)), pixels.expand(3, 3, 8, 8))


@pytest.mark.parametrize("channels,shape", [(1, (3, 64, 64)), (3, (1, 28, 28)), (3, (3, 9, 5))])
def test_chunks_give_what_one_by_one_gives(
    channels: int, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = torch.randint(0, 256, (7, channels, 20, 20), generator=Generator().manual_seed(0))
    pixels = pixels.to(torch.uint8)
    whole = fit(pixels, shape)
    monkeypatch.setattr("core.images._CHUNK_PIXELS", 2 * max(1200, shape[0] * shape[1] * shape[2]))
    assert torch.equal(fit(pixels, shape), whole)
    assert torch.equal(torch.cat([fit(p[None], shape) for p in pixels]), whole)
    assert whole.dtype == torch.uint8 and tuple(whole.shape) == (7, *shape)
    assert tuple(fit(pixels[:0], shape).shape) == (0, *shape)


@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 0, 8), (4, 8, 8)])
def test_a_shape_that_is_none_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="one or three channels"):
        to_tensor(scene(), shape)
    with pytest.raises(ValueError, match="one or three channels"):
        fit(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), shape)


# Contact sheets


def test_a_sheet_runs_row_by_row_with_gaps_only_between() -> None:
    images = torch.arange(1, 6, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 1, 2, 3)
    sheet = contact_sheet(images, columns=3, gap=1, fill=9)
    top = [1, 1, 1, 9, 2, 2, 2, 9, 3, 3, 3]
    bottom = [4, 4, 4, 9, 5, 5, 5, 9, 9, 9, 9]
    gap = [9] * 11
    assert sheet.dtype == np.uint8
    assert sheet.tolist() == [top, top, gap, bottom, bottom]


def test_a_sheet_is_scaled_by_repeating_pixels() -> None:
    images = torch.tensor([[[[1, 2]]], [[[3, 4]]]], dtype=torch.uint8)
    assert (
        contact_sheet(images, 2, gap=1, fill=0, scale=2).tolist()
        == [[1, 1, 2, 2, 0, 3, 3, 4, 4]] * 2
    )


def test_a_sheet_of_colours_keeps_their_order() -> None:
    images = torch.tensor([1, 2, 3], dtype=torch.uint8).view(1, 3, 1, 1).expand(4, 3, 5, 6)
    sheet = contact_sheet(images, columns=2, gap=0)
    assert sheet.shape == (10, 12, 3) and (sheet == [1, 2, 3]).all()
    assert sheet.flags.c_contiguous


def test_floats_are_rounded_and_kept_in_range() -> None:
    values = [-1.0, 0.0, 0.499 / 255, 0.501 / 255, 0.5, 1.0, 7.0, float("nan")]
    for dtype in (torch.float32, torch.float64):
        learnt = torch.tensor([[[values]]], dtype=dtype, requires_grad=True)
        sheet = contact_sheet(learnt, columns=1)
        assert sheet.tolist() == [[0, 0, 0, 1, 128, 255, 255, 0]]


def test_fewer_pictures_than_columns_make_a_narrower_sheet() -> None:
    assert contact_sheet(torch.zeros(2, 1, 4, 4), columns=8).shape == (4, 9)


@pytest.mark.parametrize(
    "wrong", [{"columns": 0}, {"gap": -1}, {"scale": 0}, {"fill": 256}, {"images": 0}]
)
def test_a_sheet_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    options = {"columns": 2, "gap": 1, "fill": 0, "scale": 1} | wrong
    images = torch.zeros(options.pop("images", 2), 1, 4, 4)
    with pytest.raises(ValueError, match="contact sheet"):
        contact_sheet(images, **options)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_png_comes_back_as_it_went(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    png = to_png(array)
    assert np.array_equal(np.asarray(decode(png)), array)
    head, _, body = data_url(png).partition(",")
    assert head == "data:image/png;base64" and base64.b64decode(body) == png


def test_a_sample_sheet_in_colour_takes_little_room_and_a_grey_one_is_kept_exactly() -> None:
    pixels = data.load("cifar10", "test").pixels[:100]
    sheet = contact_sheet(pixels, 10)
    kept = to_sheet(sheet)
    assert data_url(kept).startswith("data:image/webp;") and len(kept) < len(to_png(sheet)) / 5
    drawn = np.asarray(decode(kept)).astype(float)
    assert 10 * np.log10(255**2 / ((drawn - sheet) ** 2).mean()) > 30, "dB"
    assert np.array_equal(np.asarray(decode(to_sheet(sheet[..., 0]))), sheet[..., 0])


def test_a_cut_in_the_middle_is_the_largest_and_others_lie_where_they_are_moved() -> None:
    picture = Image.fromarray(np.arange(60 * 40, dtype=np.uint16).reshape(40, 60).astype(np.uint8))
    fitted = ImageOps.fit(picture, (10, 10), Image.Resampling.BICUBIC)
    assert (to_tensor(picture, (1, 10, 10))[0].numpy() == np.asarray(fitted)).all()
    assert Cut().box((60, 40), (1, 10, 10)) == (10, 0, 50, 40)
    assert Cut(0, 0.5, 0.5).box((60, 40), (1, 10, 10)) == (0, 10, 20, 30)
    right = to_tensor(picture, (1, 20, 20), Cut(1, 1, 0.5))[0]
    assert (right.numpy() == np.asarray(picture)[20:, 40:]).all()
    shown = marked(picture, (0, 10, 20, 30), 60)
    assert shown.size == (60, 40) and shown.getpixel((50, 5)) < (90, 90, 90)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Cut(1.2).box((60, 40), (1, 10, 10))
