"""Augmentations of the picture on the stage, and which of them break a label."""

import pandas as pd
import streamlit as st
from torch import Tensor

from core.errors import LabError
from core.images import contact_sheet, to_png
from core.inference.augmented import AUGMENTATIONS, Effect, augmented
from core.metrics.image import percent
from core.runs.store import Run
from pages.components import slider_preview
from pages.parts.network_explorer.networks import Network
from pages.parts.network_explorer.stage import Picture
from pages.ui import cached, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.errors import errors_shown
from pages.ui.proportions import interval
from pages.ui.widgets import number, segmented

DRAWS = 8
MEASURED = 2000
"""Test images at most on which an augmentation is measured: a fair choice."""


@st.fragment
def panel(network: Network, picture: Picture | None) -> None:
    """Choose an augmentation, see it on the picture, and measure what it breaks."""
    titles = {one.title: name for name, one in AUGMENTATIONS.items()}
    name = titles[segmented("Augmentation", list(titles), "augmentation")]
    chosen = AUGMENTATIONS[name]
    st.caption(chosen.about)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    key = f"augment-{name}"
    with left:
        strength = st.slider(
            chosen.what.capitalize(),
            chosen.low,
            chosen.high,
            chosen.default,
            chosen.step,
            key=key,
            bind="query-params",
        )
    with right:
        seed = number("Seed", 0, 2**31 - 1, 0, "augment_seed")
    if picture is None:
        st.info("Draw, upload or take a picture above, and it appears here augmented.")
    else:
        _draws(network, picture, name, strength, seed, key)
    _measure(network, name, strength, seed)


def _draws(
    network: Network, picture: Picture, name: str, strength: float, seed: int, key: str
) -> None:
    """Draws of the augmented picture, each with the answer to it."""
    chosen, pixels = AUGMENTATIONS[name], picture.pixels.expand(DRAWS, -1, -1, -1)

    def look(at: float) -> str:
        if not chosen.low <= at <= chosen.high:
            raise LabError(f"{chosen.title} goes from {chosen.low} to {chosen.high}.")
        drawn = augmented(pixels, name, at, seed)
        odds = cached.probabilities(network.source, drawn)
        return pictures.cards_html(
            [_card(network, picture, drawn[i], odds[i]) for i in range(DRAWS)], 96
        )

    of = f"{network.id} {name} {seed} ".encode() + picture.pixels.numpy().tobytes()
    slider_preview.show(look(strength), strength, look, of, slider=key)
    drawn = augmented(pixels, name, strength, seed)
    png_button(lambda: to_png(contact_sheet(drawn, DRAWS, scale=4)), f"{name}", "augment-png")


def _card(
    network: Network, picture: Picture, drawn: Tensor, odds: Tensor
) -> tuple[str, Tensor, str]:
    read = int(odds.argmax())
    wrong = picture.label is not None and read != picture.label
    mark = " ✗" if wrong else ""
    return f"{network.classes[read]}{mark}", drawn, percent(float(odds[read]))


def _measure(network: Network, name: str, strength: float, seed: int) -> None:
    """The accuracy with and without the augmentation, of all and of each class."""
    st.markdown("**Does it break labels?**")
    if network.run is None:
        st.caption("Choose a run to measure it: a network of ImageNet has no test images here.")
        return
    if not st.toggle(
        "Measure it on test images",
        key="augment_measured",
        bind="query-params",
        help=f"At this strength, on up to {MEASURED:,} test images of its data set, in which each "
        "class has its share.",
    ):
        return
    with errors_shown():
        effect = cached.augmentation_effect(network.run, name, strength, seed, MEASURED)
        _verdict(effect, network, name)
        _table(effect, network.run, network.classes, name)


def _verdict(effect: Effect, network: Network, name: str) -> None:
    """The accuracy without and with it, and the classes that it makes others of."""
    (before, n), (after, _) = (effect.accuracy(read) for read in (effect.before, effect.after))
    with st.container(horizontal=True):
        st.metric("Without", percent(before), help=f"95 % interval {interval(before, n)}")
        st.metric("With it", percent(after), help=f"95 % interval {interval(after, n)}")
        st.metric("Test images", f"{n:,}")
    broken = [k for k in range(len(network.classes)) if effect.breaks(k)]
    with st.container(horizontal=True, vertical_alignment="center"):
        if not broken:
            st.badge("breaks no label", color="green", icon=":material/check:")
            st.caption(
                "In no class does the accuracy fall by more than chance would have it; a smaller "
                "fall may go unseen in so few images."
            )
            return
        st.badge(f"breaks {len(broken)} of {len(network.classes)} classes", color="orange")
        worst = max(broken, key=lambda k: _lost(effect, k))
        other = effect.taken_for(worst)
        as_what = "" if other is None else f", mostly read as {network.classes[other]}"
        title = AUGMENTATIONS[name].title
        st.caption(
            f"{title} does most to {network.classes[worst]}: its accuracy falls by "
            f"{100 * _lost(effect, worst):.0f} percentage points{as_what}. A network that was "
            "trained with it may read them, unless the picture no longer tells what it was."
        )


def _lost(effect: Effect, label: int) -> float:
    """By how much the accuracy of a class falls."""
    return effect.accuracy(effect.before, label)[0] - effect.accuracy(effect.after, label)[0]


def table(effect: Effect, classes: tuple[str, ...]) -> pd.DataFrame:
    """A row a class that has test images, the most broken first."""
    rows = []
    for k, title in enumerate(classes):
        (before, n), (after, _) = (effect.accuracy(r, k) for r in (effect.before, effect.after))
        if not n:
            continue
        other = effect.taken_for(k)
        rows.append(
            {
                "class": title,
                "without": before,
                "with": after,
                "with, 95 %": interval(after, n),
                "breaks": "breaks" if effect.breaks(k) else "",
                "mostly read as": "" if other is None else classes[other],
                "images": n,
            }
        )
    return pd.DataFrame(rows).sort_values("with", kind="stable")


def _table(effect: Effect, run: Run, classes: tuple[str, ...], name: str) -> None:
    shown = table(effect, classes)
    shares = {
        column: st.column_config.NumberColumn(format="percent") for column in ("without", "with")
    }
    st.dataframe(shown, hide_index=True, column_config=shares)
    st.caption(
        "“Breaks”: the 95 % interval of the accuracy with it lies below that of the accuracy "
        "without."
    )
    csv_button(lambda: shown, f"{run.id}-{name}")
