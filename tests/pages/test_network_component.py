"""What a browser says of a drawing is checked."""

import base64

import numpy as np
import pytest

from pages.components import network


def said(pixels, token="now"):
    return {"token": token, "pixels": base64.b64encode(pixels.tobytes()).decode()}


@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3)])
def test_a_drawing_comes_back_as_it_is(shape):
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    drawn = network._checked(said(pixels), "now", shape)
    assert drawn is not None and (drawn.pixels == pixels).all()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "drawn",
        {},
        {"token": "now"},
        {"token": "now", "pixels": 3},
        {"token": "now", "pixels": "é"},
        {"token": "now", "pixels": "no base64!"},
        said(np.zeros((28, 27), np.uint8)),
        said(np.zeros((280, 280), np.uint8)),
        said(np.zeros((28, 28), np.uint8), token="before"),
    ],
)
def test_what_is_no_drawing_on_this_picture_is_none(value):
    assert network._checked(value, "now", (28, 28)) is None


def test_a_picture_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="uint8 pictures"):
        network.network(
            key="n", weights=None, shape=(1, 28, 28), classes=["0"],
            picture=np.zeros((32, 32), np.uint8),
        )  # fmt: skip
