"""Pictures that a visitor chooses, draws or brings, made 28×28 and grey."""

from collections.abc import Sequence
from typing import Any, Literal

import streamlit as st
import torch
from PIL import Image
from streamlit_drawable_canvas import st_canvas
from torch import Tensor

from core import data
from core.decoding import decode, display_name
from core.digits import digit_from_drawing, digit_from_picture
from core.images import MIDDLE, Cut, Shape, marked, to_tensor
from core.runs.store import Run
from pages.server.streamlit_private import UploadedFile
from pages.ui import links, sending
from pages.ui.errors import errors_shown
from pages.ui.run_choice import set_of

SHAPE: Shape = (1, 28, 28)
SHOWN_SIDE = 320
"""Pixels of the longer side of an uploaded picture, as its cut is shown."""


def choose_dataset(run: Run) -> str:
    """A data set whose test images are here; at first the one that the run was trained on."""
    trained_on = run.spec().dataset
    options = [n for n in data.BUILT_IN if "test" in data.available(n)]
    own = set_of(run)
    if trained_on not in options and own and own.splits["test"]:
        options.append(trained_on)  # the visitor's own
    return links.set_box(
        "Data set", options, key="dataset", default=trained_on if trained_on in options else None
    )


def choose_first(dataset: str, count: int) -> int:
    """The number of a test image that `count` - 1 others follow."""
    label = "Test image" if count == 1 else "First test image"
    return choose_index(label, last_first(dataset, count) + 1, key="first")


def last_first(dataset: str, count: int) -> int:
    """The last test image that `count` - 1 others follow; 0 where there are fewer in all."""
    return max(0, data.info(dataset).splits["test"] - count)


def choose_index(label: str, count: int, *, key: str, default: int = 0, **layout: Any) -> int:
    """Ask for one of `count` images by its number, in the session and the address under `key`.

    A number that was chosen in a larger set becomes the last of this one.
    """
    last = max(0, count - 1)
    value: int | Literal["min"] = min(default, last) or "min"
    if (before := st.session_state.get(key)) is not None and before > last:
        st.session_state[key] = last
        value = "min"  # a widget does not have both, a default of its own and what it is set to
    return int(st.number_input(label, 0, last, value, key=key, bind="query-params", **layout))


def own_pixels(source: str, count: int, shape: Shape = SHAPE) -> Tensor | None:
    """uint8 (N, *shape) of a drawing ("Draw"), of a picture that was sent to the page or taken by
    the camera ("Camera"), or of at most `count` uploads; None without."""
    with errors_shown():
        if source == sending.HERE:
            return _sent(shape)
        if source == "Camera":
            taken = st.camera_input("Take a picture", key="camera", label_visibility="collapsed")
            return _read([] if taken is None else [taken], 1, shape)
        return _drawn(shape) if source == "Draw" else _uploaded(count, shape)
    return None


def own_title(source: str) -> str:
    """What a picture of `own_pixels` is, for its caption."""
    if source == sending.HERE and (sent := sending.sent_here()) is not None:
        return sent.what
    return "Your drawing" if source == "Draw" else "Your picture"


def _drawn(shape: Shape) -> Tensor | None:
    st.caption("Draw a digit with the mouse or a finger.")
    result = st_canvas(
        stroke_width=22,
        stroke_color="#000000",
        background_color="#ffffff",
        width=280,
        height=280,
        drawing_mode="freedraw",
        return_image_data=True,
        key="canvas",
    )
    if result.json_data is None or not result.json_data.get("objects"):
        return None
    return None if result.image_data is None else digit_from_drawing(result.image_data, shape)[None]


def _sent(shape: Shape) -> Tensor | None:
    sent = sending.sent_here()
    if sent is None:
        return None
    st.caption(sent.caption)
    if tuple(sent.pixels.shape) == shape:
        return sent.pixels[None]
    return to_tensor(sent.image, shape, _choose_cut(sent.image, shape))[None]


def _uploaded(count: int, shape: Shape) -> Tensor | None:
    files = st.file_uploader(
        "Pictures",
        accept_multiple_files=True,
        key="upload",
        label_visibility="collapsed",
    )
    return _read(files, count, shape)


def _read(files: Sequence[UploadedFile], count: int, shape: Shape) -> Tensor | None:
    """The first of some files as pictures; an error for each that is none."""
    as_digit = st.toggle(
        "It is a handwritten digit",
        key="as_digit",
        bind="query-params",
        help="Cut out, turned light on dark and centred as MNIST's digits are.",
    )
    if not files:
        return None
    if len(files) > count:
        st.caption(f"The first {count} pictures are shown." if count > 1 else "The first is used.")
    pictures = []
    for file in files[:count]:
        with errors_shown():  # one bad file hides none of the others
            picture = decode(file.getvalue(), file.name, keep_transparency=as_digit)
            if as_digit:
                name = f"“{display_name(file.name)}”"
                pictures.append(digit_from_picture(picture, shape, name))
            else:
                cut = _choose_cut(picture, shape) if len(files) == 1 else MIDDLE
                pictures.append(to_tensor(picture, shape, cut))
    return torch.stack(pictures) if pictures else None


def _choose_cut(picture: Image.Image, shape: Shape) -> Cut:
    """Show which part of a picture is taken, and let it be moved."""
    with st.expander("Which part is taken", icon=":material/crop:"):
        place = st.empty()
        share = st.slider("Size", 0.1, 1.0, 1.0, 0.05, key="cut_size")
        across = st.slider("Left to right", 0.0, 1.0, 0.5, 0.05, key="cut_across")
        down = st.slider("Top to bottom", 0.0, 1.0, 0.5, 0.05, key="cut_down")
        cut = Cut(across, down, share)
        place.image(
            marked(picture, cut.box(picture.size, shape), SHOWN_SIDE),
            alt="Your picture, dark where it is left out",
        )
    return cut
