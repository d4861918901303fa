"""Pictures on a page: pixelated, labelled, and to be taken away."""

import io
from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.images import contact_sheet, data_url, to_png
from core.runs.store import Run

STYLE = """<style>
.lab-rows { display: grid; grid-template-columns: 1fr; gap: .55rem; }
.lab-few { grid-template-columns: 1fr 1fr; gap: .8rem; }
.lab-rows figure, .lab-cards figure { margin: 0; }
.lab-rows figcaption { display: flex; justify-content: space-between; gap: 1rem;
  font-size: .82rem; opacity: .75; padding-bottom: .15rem; }
.lab-rows img, .lab-cards img { width: 100%; display: block; image-rendering: pixelated;
  border-radius: .35rem; }
.lab-rows .lab-sheet { max-height: 40rem; object-fit: contain; object-position: left top; }
.lab-cards { display: grid; gap: .9rem .8rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--least, 108px)), 1fr)); }
.lab-photographs img { image-rendering: auto; }
.lab-cards figcaption { font-size: .82rem; line-height: 1.3; padding-top: .3rem;
  overflow-wrap: anywhere; }
.lab-beside { grid-template-columns: repeat(auto-fit, minmax(min(100%, 14rem), 1fr)); gap: 1rem; }
.lab-beside small { opacity: .7; font-size: .78rem; display: block; padding-top: .3rem; }
.lab-cards small { opacity: .7; font-size: .78rem; }
</style>"""


class _Html(str):
    """HTML as it stands: Streamlit looks for indents in other texts, which takes milliseconds."""

    def _repr_html_(self) -> str:
        return str(self)


def show(html: str) -> None:
    """Draw HTML with pictures in it."""
    st.html(_Html(html))


@dataclass(frozen=True)
class Row:
    """Images side by side under one label; `note` stands at the right, `alt` is read aloud."""

    label: str
    images: Tensor
    note: str = ""
    alt: str = ""

    def sheet(self) -> np.ndarray:
        """uint8 (H, W) or (H, W, 3)."""
        return contact_sheet(self.images, columns=len(self.images), fill=0)


def rows(items: list[Row]) -> None:
    """Draw rows of images one below the other, or two by two where they are short."""
    show(rows_html(items))


def rows_html(items: list[Row]) -> str:
    """What `rows` draws."""
    parts = [
        f"<figure><figcaption><span>{escape(r.label)}</span><span>{escape(r.note)}</span>"
        f'</figcaption><img src="{data_url(to_png(r.sheet()))}" alt="{escape(r.alt or r.label)}">'
        "</figure>"
        for r in items
    ]
    few = " lab-few" if len(items[0].images) <= 3 else ""
    return f'{STYLE}<div class="lab-rows stage{few}">{"".join(parts)}</div>'


def cards(
    items: list[tuple[str, Tensor, str]], least: int = 108, photographs: bool = False
) -> None:
    """Draw single images (C, H, W) as a grid that reflows: (title, image, line below).

    Args:
        least: pixels that a card is wide at least.
        photographs: they are smooth, not made of pixels to be seen.
    """
    parts = [
        f'<figure><img src="{data_url(to_png(contact_sheet(image[None], 1)))}" '
        f'alt="{escape(title)}"><figcaption>{escape(title)}<br><small>{escape(line)}</small>'
        "</figcaption></figure>"
        for title, image, line in items
    ]
    kind = " lab-photographs" if photographs else ""
    grid = f'<div class="lab-cards{kind}" style="--least: {least}px">{"".join(parts)}</div>'
    show(STYLE + grid)


def rows_png(items: list[Row], scale: int = 4) -> bytes:
    """All rows as one PNG."""
    images = [r.images / 255 if r.images.dtype == torch.uint8 else r.images for r in items]
    colour = [i.expand(-1, 3, -1, -1) for i in images]
    return to_png(contact_sheet(torch.cat(colour), columns=len(images[0]), scale=scale))


def sheet_image(picture: bytes, alt: str, note: str = "", kind: str = "png") -> None:
    """One picture, as wide as there is room; `note` stands above it."""
    show(sheet_html(picture, alt, note, kind))


def sheet_html(picture: bytes, alt: str, note: str = "", kind: str = "png") -> str:
    """What `sheet_image` draws."""
    caption = f"<figcaption>{escape(note)}</figcaption>" if note else ""
    return (
        f'{STYLE}<div class="lab-rows"><figure>{caption}<img class="lab-sheet" '
        f'src="{data_url(picture, kind)}" '
        f'alt="{escape(alt)}"></figure></div>'
    )


def sheets_html(items: list[tuple[str, bytes, str]]) -> str:
    """Sheets as PNG beside one another, or below where it is narrow, as HTML.

    Args:
        items: (title, sheet, line below).
    """
    parts = [
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<img src="{data_url(sheet)}" alt="{escape(f"Pictures drawn by {title}")}">'
        f"<small>{escape(line)}</small></figure>"
        for title, sheet, line in items
    ]
    return f'{STYLE}<div class="lab-rows lab-beside">{"".join(parts)}</div>'


def beside(sheets: list[bytes]) -> bytes:
    """Sheets of one height, as PNG, as one with a grey line between."""
    parts = [np.asarray(Image.open(io.BytesIO(sheet))) for sheet in sheets]
    line = np.full((len(parts[0]), 4, *parts[0].shape[2:]), 128, np.uint8)
    return to_png(np.hstack([part for sheet in parts for part in (line, sheet)][1:]))


def progress(run: Run, columns: int) -> np.ndarray:
    """Two restored pictures out of a run's sample sheets, uint8: an epoch a column."""
    sheets = list(run.samples().values())
    chosen = [sheets[round(i * (len(sheets) - 1) / (columns - 1))] for i in range(columns)]
    strips = []
    for path in chosen:
        sheet = np.asarray(Image.open(path))
        side = (sheet.shape[0] - 2) // 3  # clean, spoilt and restored rows, a pixel between them
        restored = sheet[-side:]
        strips.append(np.vstack([restored[:, :side], restored[:, side + 1 : 2 * side + 1]]))
    return np.hstack(strips)
