"""Pictures on a page: pixelated, labelled, and to be taken away."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

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
.lab-cells { position: relative; }
.lab-cells > div { position: absolute; inset: 0; display: grid;
  grid-template-columns: repeat(var(--columns), 1fr); grid-auto-rows: 1fr; }
[data-pick] { all: unset; box-sizing: border-box; cursor: pointer; display: block;
  width: 100%; border-radius: 2px; }
[data-pick]:hover { outline: 2px solid var(--st-primary-color, #3b5bdb); }
[data-pick]:focus-visible, [data-pick]:active {
  outline: 3px solid var(--st-primary-color, #3b5bdb); }
[data-pick][aria-pressed="true"] {
  outline: 3px solid var(--st-primary-color, #3b5bdb); outline-offset: 2px; }
.lab-choices { display: grid; gap: .55rem; padding: 5px; grid-template-columns: var(--columns); }
.lab-choices [data-pick] { position: relative; aspect-ratio: var(--aspect); border-radius: .5rem;
  overflow: hidden; }
.lab-choices img { width: 100%; height: 100%; display: block; object-fit: cover; }
.lab-choices span { position: absolute; inset: auto 0 0; padding: 1rem .5rem .25rem;
  font-size: .82rem; font-weight: 600; line-height: 1.25; overflow-wrap: anywhere; color: #fff;
  background: linear-gradient(transparent, #000c); }
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
    """Images side by side under one label; `note` stands at the right, `alt` is read aloud.

    Those with `names` can be clicked, where `pages.components.picks` listens.
    """

    label: str
    images: Tensor
    note: str = ""
    alt: str = ""
    names: Sequence[str] = ()

    def sheet(self) -> np.ndarray:
        """uint8 (H, W) or (H, W, 3)."""
        return contact_sheet(self.images, columns=len(self.images), fill=0)


def rows(items: list[Row]) -> None:
    """Draw rows of images one below the other, or two by two where they are short."""
    show(rows_html(items))


def rows_html(items: list[Row]) -> str:
    """What `rows` draws."""
    parts, first = [], 0
    for r in items:
        alt = r.alt or r.label
        picture = f'<img src="{data_url(to_png(r.sheet()))}" alt="{escape(alt)}">'
        parts.append(
            f"<figure><figcaption><span>{escape(r.label)}</span><span>{escape(r.note)}</span>"
            f"</figcaption>{_cells(picture, alt, r.names, len(r.images), first)}</figure>"
        )
        first += len(r.names)
    few = " lab-few" if len(items[0].images) <= 3 else ""
    return f'{STYLE}<div class="lab-rows stage{few}">{"".join(parts)}</div>'


def _cells(picture: str, label: str, names: Sequence[str], columns: int, first: int = 0) -> str:
    """A contact sheet as HTML, with a button on each of its pictures where they have names.

    Args:
        label: what the buttons have in common, read aloud.
        first: the number of the first button.
    """
    if not names:
        return picture
    buttons = [_button(first + i, name, i == 0) for i, name in enumerate(names)]
    return (
        f'<div class="lab-cells">{picture}<div role="group" aria-label="{escape(label)}" '
        f'style="--columns: {columns}">'
        f"{''.join(buttons)}</div></div>"
    )


def _button(
    pick: int | str, name: str, reached: bool, content: str = "", chosen: bool | None = None
) -> str:
    """A button on a picture; Tab reaches one of a group, the arrow keys the others.

    Args:
        chosen: whether it is the one that is chosen; None where none is.
    """
    label = escape(name)
    pressed = "" if chosen is None else f' aria-pressed="{str(chosen).lower()}"'
    return (
        f'<button type="button" data-pick="{escape(str(pick))}" tabindex="{0 if reached else -1}" '
        f'aria-label="{label}" title="{label}"{pressed}>{content}</button>'
    )


class Choice(NamedTuple):
    """A picture to choose, by its address: what its button is called, and words in the picture."""

    address: str
    name: str
    caption: str = ""


def choices_html(
    label: str,
    choices: Mapping[str, Choice],
    chosen: str | None = None,
    *,
    columns: str,
    aspect: str = "3 / 2",
) -> str:
    """Pictures of one size that are chosen by a click, where `pages.components.picks` listens.

    Args:
        label: what is chosen, for those who do not see it.
        choices: by what a click says.
        chosen: the one that is marked; None marks none.
        columns: of the grid, as in CSS.
        aspect: of each picture, as in CSS; what goes beyond is cut off.
    """
    reached = chosen if chosen in choices else next(iter(choices), None)
    buttons = [
        _button(
            key,
            choice.name,
            key == reached,
            f'<img src="{escape(choice.address)}" alt="">'
            + (f"<span>{escape(choice.caption)}</span>" if choice.caption else ""),
            key == chosen,
        )
        for key, choice in choices.items()
    ]
    return (
        f'{STYLE}<div class="lab-choices" role="group" aria-label="{escape(label)}" '
        f'style="--columns: {columns}; --aspect: {aspect}">{"".join(buttons)}</div>'
    )


def cards(
    items: list[tuple[str, Tensor, str]], least: int = 108, photographs: bool = False
) -> None:
    """Draw single images (C, H, W) as a grid that reflows: (title, image, line below).

    Args:
        least: pixels that a card is wide at least.
        photographs: they are smooth, not made of pixels to be seen.
    """
    show(cards_html(items, least, photographs))


def cards_html(
    items: list[tuple[str, Tensor, str]],
    least: int = 108,
    photographs: bool = False,
    names: Sequence[str] = (),
) -> str:
    """What `cards` draws; with a button on each picture that has a name, for
    `pages.components.picks`."""
    names = names or [""] * len(items)
    parts, reached = [], next(filter(None, names), None)
    for i, (title, image, line) in enumerate(items):
        picture = (
            f'<img src="{data_url(to_png(contact_sheet(image[None], 1)))}" alt="{escape(title)}">'
        )
        parts.append(
            f"<figure>{_button(i, names[i], names[i] == reached, picture) if names[i] else picture}"
            f"<figcaption>{escape(title)}<br><small>{escape(line)}</small></figcaption></figure>"
        )
    kind = " lab-photographs" if photographs else ""
    role = ' role="group"' if reached else ""
    return (
        f'{STYLE}<div class="lab-cards{kind}"{role} style="--least: {least}px">{"".join(parts)}'
        "</div>"
    )


def rows_png(items: list[Row], scale: int = 4) -> bytes:
    """All rows as one PNG."""
    images = [r.images / 255 if r.images.dtype == torch.uint8 else r.images for r in items]
    colour = [i.expand(-1, 3, -1, -1) for i in images]
    return to_png(contact_sheet(torch.cat(colour), columns=len(images[0]), scale=scale))


def sheet_image(picture: bytes, alt: str, note: str = "") -> None:
    """One picture, as wide as there is room; `note` stands above it."""
    show(sheet_html(picture, alt, note))


def sheet_html(picture: bytes, alt: str, note: str = "") -> str:
    """What `sheet_image` draws."""
    caption = f"<figcaption>{escape(note)}</figcaption>" if note else ""
    return (
        f'{STYLE}<div class="lab-rows"><figure>{caption}<img class="lab-sheet" '
        f'src="{data_url(picture)}" alt="{escape(alt)}"></figure></div>'
    )


class Sheet(NamedTuple):
    """A contact sheet as PNG under its title, with so many `columns` and a line below.

    `alt` is read aloud; without one, the title is what has drawn the pictures.

    Its pictures, each by its name, can be clicked, where `pages.components.picks` listens.
    """

    title: str
    png: bytes
    line: str
    columns: int
    names: Sequence[str]
    alt: str = ""


def sheets_html(sheets: list[Sheet]) -> str:
    """Sheets beside one another, or below where it is narrow, as HTML."""
    parts, first = [], 0
    for sheet in sheets:
        alt = sheet.alt or f"Pictures drawn by {sheet.title}"
        picture = f'<img src="{data_url(sheet.png)}" alt="{escape(alt)}">'
        caption = f"<figcaption>{escape(sheet.title)}</figcaption>" if sheet.title else ""
        line = f"<small>{escape(sheet.line)}</small>" if sheet.line else ""
        cells = _cells(picture, alt, sheet.names, sheet.columns, first)
        parts.append(f"<figure>{caption}{cells}{line}</figure>")
        first += len(sheet.names)
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
