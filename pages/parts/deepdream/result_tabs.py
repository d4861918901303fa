"""The results of a dream: octaves, objective, and the network's answers before and after."""

from html import escape
from itertools import cycle

import streamlit as st
import torch

from core.dreaming import dream_runs
from core.dreaming.config import targets
from core.dreaming.variants import DREAMING
from core.images import COLOURS
from core.inference.explain import overlaid
from core.metrics.image import percent
from core.runs.store import Run
from pages.server.run_files import sheet_url
from pages.ui import charts
from pages.ui.cached import dreams
from pages.ui.downloads import csv_button
from pages.ui.pictures import STYLE, cards


def octaves(run: Run) -> None:
    """Show the picture after each octave, and the objective over the steps."""
    names = run.metrics().get("stages", [])
    parts = [
        f'<figure><img src="{sheet_url(run, number)}" alt="{escape(name)}" loading="lazy">'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for number, name in zip(run.samples(), names, strict=False)
    ]
    st.html(
        f'{STYLE}<div class="lab-cards lab-photographs" style="--least: 170px">{"".join(parts)}'
        "</div>"
    )
    history = run.history()
    if "objective" not in history or len(history) < 2:
        return
    several = history["octave"].nunique() > 1
    series = {
        f"octave {octave}" if several else "objective": charts.over_epochs(
            part, "objective", colour
        )
        for (octave, part), colour in zip(history.groupby("octave"), cycle(COLOURS), strict=False)
    }
    charts.show(charts.lines(series, "step", "objective"), key="ascent", height=300)
    st.caption(
        "The objective as each step saw the picture, shifted by some pixels: hence its jitter. "
        "A new octave begins lower, for it brings detail that has not been dreamt on."
    )
    csv_button(run.history, f"{run.id}-history")


def answers(run: Run) -> None:
    """Show the predicted classes and the activity of the layers, before and after."""
    config = DREAMING.config_of(run)
    before = (run.path / "picture.png").exists()
    left, right = st.columns(2, gap="large")
    if before:
        with left:
            _classes(run, "picture.png", "Before")
    with right if before else left:
        _classes(run, "dream.png", "After")
    st.caption("What the same network reads in the middle of the picture, as it was trained.")
    if not before:
        return
    original, dreamt = (dream_runs.pixels_of(run, n) for n in ("picture.png", "dream.png"))
    for target in targets(config.layers):
        activity = dreams.activity(run, target)
        if activity is None:
            continue
        where = target.layer if target.channel is None else f"{target.layer}/{target.channel}"
        heat = torch.stack([*activity])
        overlays = overlaid(torch.stack([original, dreamt]), heat)
        cards(
            [
                (f"{where}, before", overlays[0], "where it answers"),
                (f"{where}, after", overlays[1], "on the same scale"),
            ],
            least=320,
            photographs=True,
        )


def _classes(run: Run, name: str, title: str) -> None:
    st.markdown(f"**{title}**")
    for label, share in dreams.read(run, name):
        st.progress(share, f"{label} · {percent(share)}")
