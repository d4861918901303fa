"""Single units: where a number comes from, the sum that it is, and what excites it."""

import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from core.errors import LabError
from core.images import contact_sheet, signed, to_png
from core.inference.activations import Layer, as_gradients
from core.inference.explain import layer_heat, overlaid
from core.inference.network import Box
from core.inference.units import Unit, largest_terms
from core.runs.store import Run
from core.training.request import test_images
from pages.components import picks
from pages.parts.network_explorer import stage
from pages.parts.network_explorer.networks import Network
from pages.parts.network_explorer.stage import Picture
from pages.ui import cached, network_strip, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.errors import errors_shown
from pages.ui.inputs import choose_index
from pages.ui.links import Choices, box
from pages.ui.widgets import segmented

TERMS = 12
MAX_PATCHES = 64
"""Channels of a patch that are drawn at most."""
SOME = 2000
"""Test images that are looked through at first: a fair choice."""
EXCITING_PICKS = "exciting-picks"
GRADIENT = "gradient"
"""In the address: the layer whose gradient is open."""
OUTLINE = (0, 220, 160)
SIDE = 224
"""Pixels at least of a picture with an outline, so that the line is thin."""


@st.fragment
def panel(network: Network, picture: Picture | None) -> None:
    """Choose a unit; its sum, its filter, where a class is seen there, and what excites it."""
    layers = cached.readable_layers(network.source)
    paths = list(layers)
    with errors_shown():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            names = {p: f"{p} · {' × '.join(f'{n:,}' for n in s)}" for p, s in layers.items()}
            choices = Choices(paths, paths[0])
            path = box("Layer", choices, key="unit_layer", format_func=names.get, width=260)
            shape = layers[path]
            channel = choose_index("Channel", shape[0], key="unit_channel", width=110)
            row = column = 0
            if len(shape) == 3:
                middle = shape[1] // 2, shape[2] // 2
                row = choose_index("Row", shape[1], key="unit_row", default=middle[0], width=100)
                column = choose_index(
                    "Column", shape[2], key="unit_column", default=middle[1], width=100
                )
        if picture is None:
            st.info("Draw, upload or take a picture above, and a unit's sum over it appears here.")
        else:
            one = cached.read_unit(network.source, picture.pixels, path, channel, (row, column))
            _sum(one, picture, network.id)
            _class(network, picture, path, channel)
        _filters(network, path, channel)
        _exciting(network, path, channel)


# ---- a unit


def _sum(one: Unit, picture: Picture, name: str) -> None:
    st.markdown("**Where the number comes from**")
    patch = one.patch if one.patch.dim() == 3 else None
    if patch is None and len(one.source) == 3:
        patch = one.patch.view(one.source)
    cards = [("What it can see", outlined(picture.pixels[0], one.box), _box_text(one.box))]
    if patch is not None and max(patch.shape[1:]) > 1:
        shown = min(len(patch), MAX_PATCHES)
        finite = torch.where(patch.isfinite(), patch, torch.zeros_like(patch))
        parts = (
            ("It is given", finite),
            ("times the weights", one.kernel.view_as(patch)),
            ("gives products", one.products.view_as(patch)),
        )
        first = "" if shown == len(patch) else f"the first {shown} of {len(patch)} channels"
        cards += [(title, _tiles(values[:shown]), first) for title, values in parts]
    pictures.cards(cards, 150)
    total = float(one.products.double().sum())
    st.markdown(f"**{_equation(one, total)}**")
    st.caption(
        f"{_kind(one)} Orange is positive, blue negative. Batch norm and ReLU come after this sum."
    )
    terms = largest_terms(one, TERMS)
    table = pd.DataFrame(
        {
            "place": ", ".join(str(i) for i in t.place),
            "given": round(t.given, 4),
            "weight": round(t.weight, 4),
            "product": round(t.product, 4),
        }
        for t in terms
    )
    with st.expander("Its largest products", key="unit_terms", on_change="rerun"):
        st.dataframe(table, hide_index=True, width="stretch")
        st.caption("A place is channel, row and column, of the patch or of the map before.")
        csv_button(lambda: table, f"{name}-{one.path}-{one.channel}-products")


def _equation(one: Unit, total: float) -> str:
    count = one.patch.numel()
    if one.winner is not None:
        return (
            f"The largest of {count} numbers: {one.value:.4f}, at row {one.winner[0]}, column "
            f"{one.winner[1]} of the map before"
        )
    sign = "+" if one.bias >= 0 else "-"
    return f"{count:,} products: {total:.4f} {sign} {abs(one.bias):.4f} (bias) = {one.value:.4f}"


def _kind(one: Unit) -> str:
    if one.kind == "MaxPool2d":
        return "Max pooling passes on the largest number of its window."
    if one.kind in ("AvgPool2d", "AdaptiveAvgPool2d"):
        return "Mean pooling weighs every number of its window alike."
    if one.kind == "Linear":
        return "A linear layer multiplies every number before it by a weight of its own."
    return "A convolution multiplies what lies in its window by its kernel, in every channel."


def _box_text(box: Box | None) -> str:
    if box is None:
        return "what it can see is not known"
    return f"rows {box.top} to {box.bottom - 1}, columns {box.left} to {box.right - 1}"


def _tiles(values: Tensor) -> Tensor:
    """Maps (C, h, w) as one picture (3, H, W) in signed colours, side by side where there are
    several."""
    scaled = values / values.abs().max().clamp_min(1e-9)
    side = max(1, round(len(values) ** 0.5 + 0.49))
    scale = max(1, 48 // max(values.shape[1:]))
    sheet = contact_sheet(signed(scaled[:, None]), side, fill=60, scale=scale)
    return torch.from_numpy(sheet).permute(2, 0, 1)


def outlined(pixels: Tensor, box: Box | None) -> Tensor:
    """A picture, uint8 (C, H, W), large and in colour, with an outline around a part of it."""
    scale = max(1, SIDE // max(pixels.shape[1:]))
    large = pixels.expand(3, -1, -1).repeat_interleave(scale, 1).repeat_interleave(scale, 2).clone()
    if box is not None:
        top, left, bottom, right = (edge * scale for edge in box)
        line = torch.tensor(OUTLINE, dtype=torch.uint8).view(3, 1, 1)
        thick = max(2, scale // 3)
        part = large[:, top:bottom, left:right]
        for edge in (part[:, :thick], part[:, -thick:], part[:, :, :thick], part[:, :, -thick:]):
            edge[:] = line
    return large


# ---- a class


def _class(network: Network, picture: Picture, path: str, channel: int) -> None:
    """The channel's map, its gradient for a class, and Grad-CAM at its layer."""
    odds = cached.probabilities(network.source, picture.pixels)[0]
    order = [str(int(k)) for k in odds.argsort(descending=True)]
    st.markdown("**What it means for a class**")
    label = int(
        box(
            "Class",
            Choices(order, order[0], shared_default=True),
            key="unit_class",
            format_func=lambda k: network.classes[int(k)],
            width=260,
        )
    )
    layers = cached.gradients(network.source, picture.pixels, label)
    _channel_for_class(layers, network.classes[label], picture, path, channel)
    st.markdown("**The gradient of every layer**")
    of = f"{network.id}-class-{label}"
    network_strip.strip(as_gradients(layers, network.classes[label]), of, GRADIENT)


def _channel_for_class(
    layers: list[Layer], name: str, picture: Picture, path: str, channel: int
) -> None:
    layer = next((one for one in layers if one.path == path), None)
    if layer is None or layer.gradient is None or layer.values.dim() != 3:
        st.caption("Choose a convolution for its map, its gradient and where it sees the class.")
        return
    heat = layer_heat(layer, picture.pixels.shape[2:])
    colour = picture.pixels.expand(-1, 3, -1, -1)
    maps = (layer.values[channel][None], layer.gradient[channel][None])
    cards = [
        ("Grad-CAM of the layer", overlaid(colour, heat[None])[0], "warm where it sees the class"),
        (f"Channel {channel}", _tiles(maps[0]), _steps(layer)),
        ("Its gradient", _tiles(maps[1]), "orange: more would speak for the class"),
    ]
    pictures.cards(cards, 150)
    st.caption(
        f"For {name}. Grad-CAM (Selvaraju et al. 2017): the layer's maps, each "
        "times the mean of its gradient, added; what speaks against the class is left out."
        + ("" if heat.any() else " Here nothing speaks for it.")
    )
    sheet = overlaid(colour, heat[None])
    png_button(lambda: to_png(contact_sheet(sheet, 1, scale=8)), f"grad-cam-{path}", "cam-png")


def _steps(layer: Layer) -> str:
    return f"after {' and '.join(layer.steps)}" if layer.steps else "its map"


# ---- filters, and what excites


def _filters(network: Network, path: str, channel: int) -> None:
    st.markdown("**Its filter**")
    whole = st.toggle("All channels", key="all_filters", bind="query-params")
    try:
        shown = cached.filter_pictures(network.source, path, None if whole else channel)
    except LabError as error:
        st.caption(str(error))
        return
    count = len(shown)
    shown = shown[:256]
    scale = max(1, 32 // max(shown.shape[2:]))
    png = to_png(contact_sheet(shown, 16, fill=60, scale=scale))
    what = "a filter a channel" if whole else "a part for each channel before"
    network_strip.sheet(png, f"The weights of {path}, {what}", min(16, len(shown)))
    some = "" if count == len(shown) else f" The first {len(shown)} of {count}."
    st.caption(f"{what.capitalize()}. Orange is positive, blue negative, black 0.{some}")
    png_button(png, f"filters-{path}", "filters-png")


def _exciting(network: Network, path: str, channel: int) -> None:
    st.markdown("**The test images that excite this channel most**")
    run = network.run
    if run is None:
        st.caption("Choose a run to see them: a network of ImageNet has no test images here.")
        return
    if path not in cached.cut_parts(run):
        st.caption("Choose a convolution or a linear layer to see them.")
        return
    if not st.toggle("Look through test images", key="exciting", bind="query-params"):
        return
    of = segmented("Of", [f"{SOME:,} images", "All images"], "exciting_of")
    _excited(run, network, path, channel, 0 if of == "All images" else SOME)


def _excited(run: Run, network: Network, path: str, channel: int, most: int) -> None:
    exciting, images = cached.exciting_images(run, path, channel, most), test_images(run)
    rows = exciting.rows.tolist()
    if (clicked := picks.picked(EXCITING_PICKS, len(rows))) is not None:
        stage.show_test_image(run, rows[clicked])
    cards = [
        (
            network.classes[int(images.labels[i])],
            outlined(images.pixels[i], seen),
            f"{value:.2f}, image {i:,}",
        )
        for i, value, seen in zip(rows, exciting.values.tolist(), exciting.boxes, strict=True)
    ]
    names = [f"Put test image {i:,} on the stage" for i in rows]
    picks.show(pictures.cards_html(cards, 96, names=names), key=EXCITING_PICKS)
    st.caption(
        f"The strongest of {exciting.n:,} test images, behind batch norm and before ReLU; the mean "
        f"over all their positions is {exciting.mean:.2f}. Outlined: what the unit can see. Click "
        "an image to put it on the stage."
    )
    table = pd.DataFrame(
        {"image": rows, "value": exciting.values.tolist(), "position": exciting.positions}
    )
    csv_button(lambda: table, f"{run.id}-{path}-{channel}-exciting")
