"""A network as a strip of its layers, each with what it makes of one picture, and one of them open.

The strip is one piece of HTML, which stays as it is when another layer is opened: so the keyboard's
focus and the place to which it was scrolled stay too.
"""

import math
from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from core.images import COLOURS, contact_sheet, signed, to_png
from core.inference.activations import Layer
from pages.components import picks
from pages.ui import charts, pictures
from pages.ui.downloads import csv_button, png_button

WIDTH, GAP, RISE = 84, 18, 34
"""Of a card, between two, and of the arcs of skip connections above them, in pixels."""
MAX_CHANNELS = 64
COLUMNS = 8
MAX_BARS = 256
SCALE = "Orange is positive, blue negative, black 0; brightness goes with the root of the number."
STYLE = f"""<style>
.lab-strip {{ overflow-x: auto; padding: 3px 3px .6rem; }}
.lab-strip .lab-cards {{ display: flex; gap: {GAP}px; width: max-content; }}
.lab-strip figure {{ flex: none; width: {WIDTH}px; position: relative; }}
.lab-strip img {{ height: {WIDTH}px; background: #000; }}
.lab-strip figure:not(:last-child)::after {{ content: "→"; position: absolute; opacity: .55;
  left: {WIDTH}px; width: {GAP}px; top: {WIDTH // 2 - 12}px; text-align: center; }}
.lab-arcs {{ position: relative; height: {RISE}px; }}
.lab-arcs span {{ position: absolute; bottom: 2px; border: 1.5px solid; border-bottom: 0;
  border-radius: 1rem 1rem 0 0; opacity: .55; }}
</style>"""


CLICK = "Click a layer to see all that it makes of the picture."


def folded(draw: Callable[[], None]) -> None:
    """Draw a strip in a box that is closed at first; nothing is computed for it until it is open,
    which stands in the address."""
    box = st.expander(
        "Inside the network",
        key="inside",
        icon=":material/account_tree:",
        on_change="rerun",
        bind="query-params",
    )
    if box.open:
        with box:
            draw()


@st.fragment
def strip(layers: Sequence[Layer], name: str, opened: str = "layer") -> None:
    """Draw the layers, and the one that is open.

    Args:
        layers: as `core.inference.activations` gives them, one at least.
        name: of files that are taken away.
        opened: where the address has the open layer; another for each strip of a page.
    """
    key, shown = f"{opened}-picks", f"{opened}-shown"
    if (clicked := picks.picked(key, len(layers))) is not None:
        st.query_params[opened] = str(clicked)
    index = _open(layers, opened)
    picks.show(strip_html(layers), key=key, stage=shown)
    pictures.show(
        f'<style>[data-picks="{key}"] [data-pick="{index}"] '
        "{ outline: 3px solid var(--st-primary-color, #3b5bdb); }</style>"
    )
    with st.container(key=shown):
        _layer(layers[index], index, f"{name}-{opened}-{index}")


def _open(layers: Sequence[Layer], opened: str) -> int:
    """The layer in the address; without one the code, or else the one with the most numbers."""
    text = st.query_params.get(opened, "")
    if text.isdecimal() and int(text) < len(layers):
        return int(text)
    codes = [i for i, layer in enumerate(layers) if layer.role == "code"]
    sizes = [layer.values.numel() for layer in layers]
    return codes[-1] if codes else sizes.index(max(sizes))


def strip_html(layers: Sequence[Layer]) -> str:
    """The strip: a card a layer, and an arc for each skip connection."""
    cards = [(_title(i, layer), _thumbnail(layer), size(layer)) for i, layer in enumerate(layers)]
    names = [f"{_title(i, layer, layer.name)}, {size(layer)}" for i, layer in enumerate(layers)]
    return (
        f'{STYLE}<div class="lab-strip">{_arcs(layers)}{pictures.cards_html(cards, names=names)}'
        "</div>"
    )


def _arcs(layers: Sequence[Layer]) -> str:
    pairs = [(x.skip, i) for i, x in enumerate(layers) if x.skip is not None]
    if not pairs:
        return ""

    furthest = max(end - begin for begin, end in pairs)
    arcs = []
    for begin, end in pairs:
        left, width = begin * (WIDTH + GAP) + WIDTH // 2, (end - begin) * (WIDTH + GAP)
        height = round(RISE * (0.4 + 0.5 * (end - begin) / furthest))
        style = f"left: {left + 2}px; width: {width - 4}px; height: {height}px"
        arcs.append(f'<span style="{style}"></span>')
    return f'<div class="lab-arcs" aria-hidden="true">{"".join(arcs)}</div>'


def _title(index: int, layer: Layer, name: str = "") -> str:
    """Input and output have no number; the others are counted as skip connections name them."""
    name = name or layer.short
    return f"{index}. {name}" if layer.role in ("layer", "code") else name


def size(layer: Layer) -> str:
    """The shape of what a layer gives: "32 × 14 × 14"."""
    return " × ".join(f"{side:,}" for side in layer.values.shape)


def _thumbnail(layer: Layer) -> Tensor:
    """A small picture of a layer, (C, H, W): as it is, the strongest four maps, bars or a grid."""
    if layer.role in ("input", "output"):
        return layer.values
    if layer.values.ndim == 1 or layer.role == "code":
        flat = layer.values.flatten()
        return _bars(flat) if layer.role == "code" else _grid(flat)
    best = layer.values[strongest(layer.values)[:4]]
    if len(best) < 4:
        best = best[:1]
    sheet = contact_sheet(_coloured(best, layer.values), 2, fill=60)
    return torch.from_numpy(sheet).permute(2, 0, 1)


def strongest(maps: Tensor) -> list[int]:
    """Channels of (C, h, w) by their mean absolute value, the largest first."""
    strengths = maps.abs().mean((1, 2))
    return [int(i) for i in strengths.argsort(descending=True, stable=True)[:MAX_CHANNELS]]


def _coloured(maps: Tensor, of: Tensor) -> Tensor:
    """Maps (C, h, w) in colours, uint8 (C, 3, h, w), on the scale of all values of a layer; by
    their roots, or a few strong channels would leave all others dark."""
    shares = maps[:, None] / of.abs().max().clamp_min(1e-9)
    return signed(shares.sign() * shares.abs().sqrt())


def _grid(values: Tensor) -> Tensor:
    """Numbers (d,) row by row in a square, uint8 (3, side, side); what is left over stays black."""
    side = math.ceil(math.sqrt(len(values)))
    square = torch.zeros(side * side)
    square[: len(values)] = values
    return _coloured(square.view(1, side, side), values)[0]


def _bars(values: Tensor, height: int = 41) -> Tensor:
    """Numbers (d,) as bars up and down from the middle, uint8 (3, height, d)."""
    shares = values / values.abs().max().clamp_min(1e-9)
    rows = torch.linspace(1, -1, height)[:, None]
    filled = (rows * shares > 0) & (rows.abs() <= shares.abs())  # (height, d)
    return signed((filled * shares.sign())[None, None])[0]


def _layer(layer: Layer, index: int, of: str) -> None:
    """What is known of a layer, and all that it makes of the picture; `of` names its files."""
    st.markdown(f"**{_title(index, layer, layer.name)}**")
    values = layer.values.flatten()
    count = "" if layer.values.ndim == 1 else f" = {len(values):,}"
    steps = f", after {' and '.join(layer.steps)}" if layer.steps else ""
    zero = ""
    if "ReLU" in layer.steps:
        share = float((values == 0).float().mean())
        zero = f" ReLU sets what is negative to 0: {share:.0%} of these numbers."
    numbers = "number" if len(values) == 1 else "numbers"
    st.caption(
        f"{size(layer)}{count} {numbers}, from {_rounded(values.min())} to "
        f"{_rounded(values.max())}{steps}. {layer.about}{zero}"
    )
    if layer.role in ("input", "output"):
        png = to_png(contact_sheet(layer.values[None], 1, scale=8))
        sheet(png, layer.name, 1)
        png_button(png, of)
        return
    if layer.values.ndim == 3:
        _maps(layer, of)
    if layer.role == "code" or layer.values.ndim == 1:
        _numbers(values, "dimension" if layer.role == "code" else "output", of)


def _rounded(value: Tensor) -> str:
    number = float(value)
    return f"{number:z.2f}" if abs(number) >= 0.1 or not number else f"{number:.2g}"


def _maps(layer: Layer, name: str) -> None:
    """The channels of a layer on one sheet, the strongest first."""
    order, channels = strongest(layer.values), len(layer.values)
    coloured = _coloured(layer.values[order], layer.values)
    if channels == 1:
        title, ranked = "Its only channel", ""
    else:
        some = f"The strongest {len(order)} of" if len(order) < channels else "All"
        title = f"{some} {channels} channels"
        first = ", ".join(str(i) for i in order[:COLUMNS])
        ranked = f", the largest mean absolute value first (in the first row {first})"
    png = to_png(contact_sheet(coloured, COLUMNS, fill=60, scale=4))
    sheet(png, title, min(COLUMNS, channels))
    st.caption(f"{title}{ranked}. {SCALE}")
    png_button(png, name)


def sheet(png: bytes, alt: str, columns: int) -> None:
    """A sheet, whose tiles are about as wide as a card is."""
    width = WIDTH * max(columns, 2)
    html = pictures.sheet_html(png, alt)
    pictures.show(f'<div style="max-width: {width}px">{html}</div>')


def _numbers(values: Tensor, axis: str, name: str) -> None:
    """Numbers as signed bars along an `axis`, or as a strip of colours where they are many."""
    table = pd.DataFrame({axis: range(len(values)), "value": values.numpy().round(4)})
    if len(values) <= MAX_BARS:
        colours = [COLOURS[1] if value > 0 else COLOURS[0] for value in values.tolist()]
        figure = charts.bars(list(table[axis]), values.tolist(), colours, axis, "value")
        charts.show(figure, key=f"bars-{name}", height=240)
    else:
        side = math.ceil(math.sqrt(len(values)))
        png = to_png(contact_sheet(_grid(values)[None], 1, scale=8))
        sheet(png, f"Its {len(values):,} numbers as colours", 4)
        st.caption(f"Row by row, {side} in a row. {SCALE}")
        png_button(png, name)
    csv_button(lambda: table, name)
