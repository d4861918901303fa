"""Digits out of drawings and photographs."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from core import data
from core.decoding import decode
from core.digits import digit_from_drawing, digit_from_picture
from core.errors import BadUpload
from core.runs import store
from core.tasks import load_model
from core.tasks.base import unit

CASES = Path(__file__).parent / "pictures"
CLASSIFIER = next(r for r in store.all_runs() if r.id.startswith("recognise-cnn-mnist-dd3f"))


def answers(digits: list[torch.Tensor]) -> list[int]:
    """What the shipped classifier reads."""
    with torch.inference_mode():
        return load_model(CLASSIFIER).eval()(unit(torch.stack(digits))).argmax(1).tolist()


# Photographs


def photograph(digit: torch.Tensor, kind: str, rng: np.random.Generator) -> Image.Image:
    """An MNIST digit as it would look, written on paper of 400 by 320 and photographed."""
    side, width, height = int(rng.integers(150, 220)), 400, 320
    pen = Image.fromarray(digit[0].numpy()).resize((side, side), Image.Resampling.BICUBIC)
    stroke = np.asarray(pen.filter(ImageFilter.GaussianBlur(side / 40)), np.float32) / 255
    ink = np.zeros((height, width), np.float32)
    top, left = int(rng.integers(10, height - side)), int(rng.integers(10, width - side))
    ink[top : top + side, left : left + side] = np.clip((stroke - 0.35) / 0.3, 0, 1)
    paper = np.full((height, width, 3), (245, 243, 238), np.float32)
    y, x = np.mgrid[0:height, 0:width]
    slope = np.tan(np.deg2rad(rng.uniform(-15, 15)))
    if kind in ("lined", "squared"):
        paper[(y + slope * x) % 40 < 1.6] = (140, 170, 215)
    if kind == "squared":
        paper[(x - slope * y) % 40 < 1.6] = (140, 170, 215)
    colour = {"pencil": (125, 125, 128), "red": (200, 40, 40)}.get(kind, (35, 35, 45))
    picture = paper * (1 - ink[..., None]) + np.array(colour) * ink[..., None]
    light = {
        "shade": 1 - 0.4 * x / width,
        "vignette": 1 - 0.6 * ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) / 0.5,
        "shadow": 1 - 0.4 / (1 + np.exp((x - 0.5 * y - 120) / 6)),
    }.get(kind, np.ones((height, width)))
    picture = picture * light[..., None] + rng.normal(0, 3, picture.shape)
    if kind == "chalk":
        picture = 255 - picture
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    if kind == "turned":
        image = image.rotate(float(rng.uniform(-20, 20)), fillcolor=(245, 243, 238))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return Image.open(file)


@pytest.mark.parametrize(
    "kind", ["shade", "vignette", "shadow", "lined", "squared", "pencil", "red", "chalk", "turned"]
)
def test_a_photographed_digit_is_still_that_digit(kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    images = data.load("mnist", "test")
    chosen = rng.choice(len(images.labels), 8, replace=False)
    result = [digit_from_picture(photograph(images.pixels[i], kind, rng)) for i in chosen]
    right = np.array(answers(result)) == images.labels[chosen].numpy()
    assert right.sum() >= 7


@pytest.mark.parametrize(
    ("name", "digit"), [("seven-shade.png", 7), ("seven-vignette.png", 7), ("one-white.png", 1)]
)
def test_shadows_dark_corners_and_a_transparent_ground(name: str, digit: int) -> None:
    picture = decode((CASES / name).read_bytes(), keep_transparency=True)
    assert answers([digit_from_picture(picture)]) == [digit]


def test_black_and_white_ink_on_a_transparent_ground_are_the_same() -> None:
    white = np.asarray(Image.open(CASES / "one-white.png").convert("RGBA")).copy()
    black = white.copy()
    black[..., :3] = 0
    result = [digit_from_picture(Image.fromarray(pixels)) for pixels in (white, black)]
    assert torch.equal(*result) and result[0].max() == 255


def test_a_digit_that_is_one_of_mnists_already_stays_as_it_is() -> None:
    for pixels in data.load("mnist", "test").pixels[:20]:
        assert torch.equal(digit_from_picture(Image.fromarray(pixels[0].numpy())), pixels)


# Drawings, and what both have in common


def drawn(ink: int, paper: int, box: tuple[int, int, int, int] = (60, 40, 140, 240)) -> Image.Image:
    """A thick seven in a box of a picture of 280 by 280."""
    image = Image.new("L", (280, 280), paper)
    left, top, right, bottom = box
    line = [(left, top), (right, top), ((left + right) // 2, bottom)]
    ImageDraw.Draw(image).line(line, fill=ink, width=18, joint="curve")
    return image


def centre(digit: torch.Tensor) -> tuple[float, float]:
    mass = digit[0].double()
    rows, columns = (torch.arange(n, dtype=torch.float64) for n in mass.shape)
    total = mass.sum()
    return float((mass.sum(1) * rows).sum() / total), float((mass.sum(0) * columns).sum() / total)


def test_a_digit_is_made_the_way_that_mnist_was() -> None:
    digit = digit_from_picture(drawn(ink=0, paper=255))
    assert digit.dtype == torch.uint8 and tuple(digit.shape) == (1, 28, 28)
    rows = digit[0].amax(1).nonzero()
    assert int(rows[-1] - rows[0]) + 1 == 20, "its longer side takes 20 pixels"
    assert digit.max() == 255 and digit[0, 0].max() == 0
    assert centre(digit) == pytest.approx((14, 14), abs=0.6)


@pytest.mark.parametrize("ink,paper", [(0, 255), (255, 0), (60, 160), (180, 90)])
def test_ink_and_paper_do_not_matter(ink: int, paper: int) -> None:
    usual = digit_from_picture(drawn(255, 0)).int()
    assert (digit_from_picture(drawn(ink, paper)).int() - usual).abs().float().mean() < 2


@pytest.mark.parametrize("box", [(20, 20, 100, 220), (150, 70, 230, 270), (9, 9, 89, 209)])
def test_the_place_on_the_paper_does_not_matter(box: tuple[int, int, int, int]) -> None:
    usual = digit_from_picture(drawn(0, 255, (60, 40, 140, 240))).int()
    assert (digit_from_picture(drawn(0, 255, box)).int() - usual).abs().float().mean() < 1


def test_grain_and_a_little_shadow_do_not_matter() -> None:
    clean = drawn(ink=40, paper=200)
    shadow = np.linspace(-10, 10, 280)[None, :]
    grain = np.random.default_rng(0).normal(0, 5, (280, 280))
    photo = (np.asarray(clean) + shadow + grain).clip(0, 255).astype(np.uint8)
    difference = digit_from_picture(Image.fromarray(photo)).int() - digit_from_picture(clean).int()
    assert difference.abs().float().mean() < 6


@pytest.mark.parametrize("size", [(28, 28), (3, 200), (5000, 40), (1, 1), (2, 2)])
def test_a_digit_of_any_size_fits(size: tuple[int, int]) -> None:
    image = Image.new("L", size, 255)
    image.putpixel((size[0] // 2, size[1] // 2), 0)
    try:
        assert tuple(digit_from_picture(image).shape) == (1, 28, 28)
    except BadUpload:
        assert size in ((5000, 40), (3, 200), (1, 1)), "only a dot in a far larger one may go"


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 28, 28), (1, 64, 48)])
def test_a_digit_takes_other_shapes(shape: tuple[int, int, int]) -> None:
    digit = digit_from_picture(drawn(0, 255), shape)
    assert tuple(digit.shape) == shape and digit.is_contiguous()
    assert all(torch.equal(channel, digit[0]) for channel in digit)


def test_a_thin_line_does_not_fade() -> None:
    image = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(image).line([(60, 40), (140, 240)], fill=0, width=3)
    assert digit_from_picture(image).max() == 255


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_photograph_shows_no_digit(level: int) -> None:
    grain = np.random.default_rng(0).integers(-4, 5, (60, 60))
    for values in (np.full((60, 60), level), level + grain):
        blank = Image.fromarray(values.clip(0, 255).astype(np.uint8))
        with pytest.raises(BadUpload, match=r"“a\.png” shows no digit"):
            digit_from_picture(blank, name="“a.png”")


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_grain_in_a_dark_place_is_no_digit(seed: int) -> None:
    grain = np.random.default_rng(seed).normal(0, 3, (480, 360, 3))
    shade = np.linspace(1, 0.4, 360)[:, None]
    blank = Image.fromarray(((220 + grain) * shade).clip(0, 255).astype(np.uint8))
    with pytest.raises(BadUpload, match="shows no digit"):
        digit_from_picture(blank)


@pytest.mark.parametrize("corner", [0, 12])
def test_a_screenshot_keeps_its_digit_though_its_file_has_transparency(corner: int) -> None:
    """Some programs write every picture with transparency, opaque but for round corners."""
    image = drawn(40, 230, (120, 100, 160, 180))
    plain = digit_from_picture(image)
    opaque = image.convert("RGBA")
    opaque.paste((0, 0, 0, 0), (0, 0, corner, corner))
    assert torch.equal(digit_from_picture(opaque), plain)


def canvas(ink: tuple[int, ...], paper: tuple[int, ...]) -> NDArray[np.uint8]:
    mask = drawn(255, 0)
    return np.asarray(
        Image.composite(
            Image.new("RGBA", (280, 280), ink), Image.new("RGBA", (280, 280), paper), mask
        )
    )


@pytest.mark.parametrize(
    "ink,paper",
    [
        ((255, 255, 255, 255), (0, 0, 0, 255)),
        ((0, 0, 0, 255), (255, 255, 255, 255)),
        ((255, 255, 255, 255), (0, 0, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0, 0)),
        ((0, 0, 255, 255), (255, 255, 255, 255)),
    ],
)
def test_a_drawing_is_read_whatever_its_colours(
    ink: tuple[int, ...], paper: tuple[int, ...]
) -> None:
    usual = digit_from_picture(drawn(255, 0)).int()
    assert (digit_from_drawing(canvas(ink, paper)).int() - usual).abs().float().mean() < 2


@pytest.mark.parametrize("colour", [(0, 0, 0, 0), (255, 255, 255, 255), (0, 0, 0, 255)])
def test_a_blank_canvas_has_nothing_drawn(colour: tuple[int, ...]) -> None:
    with pytest.raises(BadUpload, match="nothing drawn yet"):
        digit_from_drawing(canvas(colour, colour))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((8, 8, 4), np.float32),
        np.zeros((0, 8, 4), np.uint8),
    ],
)
def test_what_is_no_canvas_is_refused(array: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="A drawing is"):
        digit_from_drawing(array)
