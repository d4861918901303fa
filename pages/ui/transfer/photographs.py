"""Photographs that a visitor brings, and how they are shown."""

from html import escape

import streamlit as st
import torch
from streamlit.elements.widgets.file_uploader import UploadedFile  # type: ignore[attr-defined]
from torch import Tensor

from core.errors import LabError
from core.images import FORMATS, Shape, data_url, decode, display_name, to_png, to_tensor

MOST = 10
KINDS = [f.lower() for f in (*FORMATS, "jpg", "tif")]
STYLE = """<style>
.lab-photographs { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--least, 128px)), 1fr)); }
.lab-photographs figure { margin: 0; }
.lab-photographs img { width: 100%; display: block; border-radius: .4rem; }
.lab-photographs figcaption { font-size: .82rem; line-height: 1.3; padding-top: .3rem;
  overflow-wrap: anywhere; }
.lab-photographs small { opacity: .7; font-size: .78rem; }
</style>"""


def brought(shape: Shape) -> list[tuple[str, Tensor]]:
    """Names and pictures, uint8 (C, H, W), that were uploaded or taken with the camera."""
    source = st.segmented_control(
        "Photographs", ["Upload", "Camera"], default="Upload", required=True, key="photo_source",
        label_visibility="collapsed",
    )  # fmt: skip
    files: list[UploadedFile]
    if source == "Camera":
        taken = st.camera_input("Take a picture", key="photo_camera", label_visibility="collapsed")
        files = [taken] if taken is not None else []
    else:
        files = st.file_uploader(
            "Photographs", type=KINDS, accept_multiple_files=True, key="photo_upload",
            label_visibility="collapsed",
        )  # fmt: skip
    if len(files) > MOST:
        st.caption(f"The first {MOST} pictures are shown.")
    return read(files[:MOST], shape)


def read(files: list[UploadedFile], shape: Shape) -> list[tuple[str, Tensor]]:
    """Those of the files that are pictures; a sentence for each of the others."""
    found = []
    for file in files:
        try:
            picture = to_tensor(decode(file.getvalue(), file.name), shape)
        except LabError as error:
            st.error(str(error), icon=":material/error:")
        else:
            found.append((display_name(file.name), picture))
    return found


def photographs(items: list[tuple[str, Tensor, str]], least: int = 128) -> None:
    """A grid of pictures, uint8 (3, H, W), that reflows: (title, picture, line below).

    Args:
        least: pixels that a picture is wide at least.
    """
    parts = [
        f'<figure><img src="{url(picture)}" alt="{escape(name)}">'
        f"<figcaption>{escape(name)}<br><small>{escape(line)}</small></figcaption></figure>"
        for name, picture, line in items
    ]
    grid = f'<div class="lab-photographs" style="--least: {least}px">{"".join(parts)}</div>'
    st.html(STYLE + grid)


def url(picture: Tensor, side: int | None = None) -> str:
    """An address that holds a picture, uint8 (3, H, W), made `side` pixels high if given."""
    if side is not None and side < picture.shape[1]:
        small = torch.nn.functional.interpolate(picture[None].float(), (side, side), mode="area")
        picture = small[0].round().byte()
    return data_url(to_png(picture.permute(1, 2, 0).numpy()))
