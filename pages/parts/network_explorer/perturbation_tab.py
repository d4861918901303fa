"""Adversarial steps: changes that are hardly seen and mislead a network."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
import torch

from core.images import COLOURS, contact_sheet, signed, to_png
from core.inference.perturbation import MAX_SIZE, Accuracies, Step
from core.metrics.image import percent
from core.runs.store import Run
from pages.parts.network_explorer.networks import Network
from pages.parts.network_explorer.stage import Picture
from pages.ui import cached, charts, pictures
from pages.ui.charts import Line
from pages.ui.downloads import csv_button, png_button
from pages.ui.errors import errors_shown
from pages.ui.widgets import number

MEASURED = 1000
"""Test images at most on which steps are measured: a fair choice."""
ABOUT = (
    "The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015) moves every number of "
    "the picture by ε in the direction in which the loss grows. Beside it stands noise of the same "
    "size in a random direction: a network that errs there too is only weak."
)


@st.fragment
def panel(network: Network, picture: Picture | None) -> None:
    """One picture after a step of a chosen size, and the accuracy by the size."""
    st.caption(ABOUT)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        size = st.slider(
            "Size ε, grey values of 255", 0, MAX_SIZE, 8, key="epsilon", bind="query-params"
        )
        seed = number("Seed of the noise", 0, 2**31 - 1, 0, "noise_seed", width=150)
    with errors_shown():
        if picture is None:
            st.info("Draw, upload or take a picture above, and it is misled here.")
        else:
            _one(network, picture, size, seed)
        _measure(network.run, seed)


def _one(network: Network, picture: Picture, size: int, seed: int) -> None:
    taken = cached.adversarial_steps(network.source, picture.pixels, size, picture.label, seed)

    def card(title: str, step: Step) -> tuple[str, torch.Tensor, str]:
        read = int(step.probabilities.argmax())
        return title, step.pixels[0], f"{network.classes[read]}, {percent(_odds(step, read))}"

    change = signed(taken.directions.mean(1, keepdim=True))[0]
    pictures.cards(
        [
            card("As it is", taken.before),
            ("The direction", change, "orange lighter, blue darker"),
            card(f"Adversarial, ε = {size}", taken.adversarial),
            card(f"Noise, ε = {size}", taken.random),
        ],
        140,
    )
    away = "its true class" if picture.label is not None else "the network's own answer"
    st.caption(f"{picture.title}. The step leads away from {away}.")
    sheet = torch.cat([step.pixels for step in (taken.before, taken.adversarial, taken.random)])
    png_button(lambda: to_png(contact_sheet(sheet, 3, scale=4)), "adversarial", "adversarial-png")


def _odds(step: Step, label: int) -> float:
    return float(step.probabilities[label])


def _measure(run: Run | None, seed: int) -> None:
    st.markdown("**How far does accuracy fall?**")
    if run is None:
        st.caption("Choose a run to measure it: a network of ImageNet has no test images here.")
        return
    if not st.toggle(
        "Measure it on test images",
        key="measure_steps",
        bind="query-params",
        help="Steps of eight sizes are taken from each image.",
    ):
        return
    measured = cached.adversarial_accuracies(run, MEASURED, seed)
    charts.show(chart(measured), key="adversarial-chart", height=300)
    st.caption(
        f"Of {measured[0].n:,} test images, a fair choice, with 95 % intervals (Wilson 1927). The "
        "step leads away from the true class, and knows the network's weights."
    )
    csv_button(lambda: frame(measured), f"{run.id}-adversarial")


def chart(measured: list[Accuracies]) -> go.Figure:
    """Accuracy by the size of the step, adversarial and random."""
    sizes = [one.size for one in measured]
    series = {
        "adversarial": ([one.adversarial for one in measured], COLOURS[3], "solid"),
        "random noise": ([one.random for one in measured], COLOURS[7], "dash"),
    }
    figure = charts.lines(
        {
            name: Line(sizes, [r / m.n for r, m in zip(right, measured, strict=True)], colour, dash)
            for name, (right, colour, dash) in series.items()
        },
        "ε, grey values",
        "accuracy",
    )
    for trace, (right, _, _) in zip(figure.data, series.values(), strict=True):
        ends = [one.interval(r) for r, one in zip(right, measured, strict=True)]
        shares = [r / one.n for r, one in zip(right, measured, strict=True)]
        trace.error_y = {
            "type": "data",
            "symmetric": False,
            "array": [high - s for (_, high), s in zip(ends, shares, strict=True)],
            "arrayminus": [s - low for (low, _), s in zip(ends, shares, strict=True)],
        }
    return figure


def frame(measured: list[Accuracies]) -> pd.DataFrame:
    """A row a size: accuracies with their intervals."""
    rows = []
    for one in measured:
        row: dict[str, float] = {"epsilon": one.size, "images": one.n}
        for name, right in (("adversarial", one.adversarial), ("random", one.random)):
            low, high = one.interval(right)
            row |= {name: right / one.n, f"{name} low": low, f"{name} high": high}
        rows.append(row)
    return pd.DataFrame(rows).round(4)
