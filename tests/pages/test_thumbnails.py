"""Sheets of a data set's images, by their addresses."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from core import data
from pages.server import replies, thumbnails
from tests.pages.test_routes import request, visitor


@pytest.fixture(autouse=True)
def nothing_made(lab):
    thumbnails._sheet.cache_clear()


def cell(sheet, place, height, width):
    row, column = divmod(place, thumbnails.COLUMNS)
    return sheet[row * height : (row + 1) * height, column * width : (column + 1) * width]


def test_thumbnails_are_the_images_of_the_set_in_their_order():
    images = data.load("mnist", "test").pixels
    url = thumbnails.thumbnails_url("mnist", "test")
    assert url == "/api/thumbnails/mnist/test/{part}?v=a29846c0"
    path = url.partition("?")[0]
    for part in (0, 3, 9):
        status, headers, body = request(path.replace("{part}", str(part)))
        assert status == 200
        assert headers["content-type"] == "image/png"
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        sheet = np.asarray(Image.open(io.BytesIO(body)))
        assert sheet.shape == (25 * 28, 40 * 28)
        for place in (0, 39, 40, 517, 999):
            wanted = images[1000 * part + place, 0].numpy()
            assert (cell(sheet, place, 28, 28) == wanted).all()
    first = path.replace("{part}", "0")
    assert request(first, query="v=a29846c0")[1]["cache-control"] == replies.FOR_GOOD
    for query in ("v=1", "v=", "v=a29846c0&v=1", "x=1"):
        status, headers, _ = request(first, query=query)
        assert headers["cache-control"] == "no-store" and status == (200 if query == "x=1" else 404)


def test_the_last_sheet_has_the_same_places():
    images = data.load("digits", "test").pixels
    body = request("/api/thumbnails/digits/test/0")[2]
    sheet = np.asarray(Image.open(io.BytesIO(body)))
    assert sheet.shape == (25 * 28, 40 * 28)
    assert (cell(sheet, 359, 28, 28) == images[359, 0].numpy()).all()
    assert not cell(sheet, 360, 28, 28).any()


@pytest.mark.parametrize(
    "path",
    [
        "mnist/test/10", "mnist/test/-1", "mnist/test/00", "mnist/test/1.0", "mnist/test/x",
        "mnist/test/²", "mnist/test/" + "9" * 5000, "mnist/all/0", "mnist/../0", "nothing/test/0",
        "%2e%2e/test/0", "pets-00000000/test/0", "faces/test/0",
    ],
)  # fmt: skip
def test_thumbnails_that_are_not_there_are_not_found(path):
    status, headers, body = request(f"/api/thumbnails/{path}")
    assert status == 404
    assert "immutable" not in headers.get("cache-control", "")
    assert body and (not body.startswith(b"{") or json.loads(body)["error"].endswith("."))


def test_somebody_s_own_pictures_are_small_and_kept_by_nobody(lab):
    folder = lab / "mine"
    folder.mkdir()
    colours = [(20 * k, 255 - 20 * k, 7 * k) for k in range(12)]
    for k, colour in enumerate(colours):
        Image.new("RGB", (96, 96), colour).save(folder / f"{k:02}.png")
    info = data.import_set(folder, "Mine", size=96, grey=False)
    url = thumbnails.thumbnails_url(info.name, "train")
    assert url.endswith(f"/train/{{part}}?v={info.name[-8:]}")
    status, headers, body = request(f"/api/thumbnails/{info.name}/train/0")
    assert status == 200
    assert headers["cache-control"] == "private, no-store"
    cookie, who = visitor()
    data.own(info.name, who)
    address = f"/api/thumbnails/{info.name}/train/0"
    assert request(address, cookie)[0] == 200
    assert request(address)[0] == 404 and request(address, visitor()[0])[0] == 404
    sheet = np.asarray(Image.open(io.BytesIO(body)))
    assert sheet.shape == (25 * 64, 40 * 64, 3)
    images = data.load(info.name, "train").pixels
    for place in range(len(images)):
        assert (cell(sheet, place, 64, 64) == images[place, :, 0, 0].numpy()).all()


def test_sheets_are_made_once_and_not_without_end():
    for _ in range(2):
        request("/api/thumbnails/mnist/test/1")
    assert thumbnails._sheet.cache_info().misses == 1
    assert thumbnails._sheet.cache_info().maxsize <= 24
