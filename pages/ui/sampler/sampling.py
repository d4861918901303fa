"""Draws from the prior and from a fitted mixture: what can be sampled, and what cannot."""

from functools import partial

import streamlit as st

from core.inference import latent
from core.runs import Run
from pages.ui import cached, pictures
from pages.ui.frame import csv_button

COUNT, COLUMNS = 64, 8


def family(chosen: Run, models: list[Run]) -> list[Run]:
    """A plain autoencoder, a VAE and a conditional one of the chosen run's data set.

    The chosen run stands for its own kind.
    """
    asked = chosen.config()
    found = {_kind(chosen): chosen}
    for run in models:
        if run.config().dataset == asked.dataset:
            found.setdefault(_kind(run), run)
    return [found[kind] for kind in ("plain", "variational", "conditional") if kind in found]


def _kind(run: Run) -> str:
    if latent.class_names(run):
        return "conditional"
    return "plain" if "code_covariance" in run.metrics() else "variational"


@st.fragment
def samples(chosen: Run, models: list[Run], names: dict[str, str]) -> None:
    """64 draws of each kind of model from the same seed, from the prior and from a mixture."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.segmented_control(
            "Codes are drawn from",
            ["The prior", "A fitted mixture"],
            default="The prior",
            required=True,
            key="draws",
            bind="query-params",
        )
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="sample_seed", bind="query-params")
        temperature = st.slider(
            "Temperature", 0.1, 1.5, 1.0, 0.1, key="heat", bind="query-params",
            help="Spread of the draws from the prior; below 1 they are more ordinary.",
        )  # fmt: skip
    fitted = source == "A fitted mixture"
    shown = family(chosen, models)
    for place, run in zip(st.columns(len(shown)), shown, strict=True):
        drawn = cached.sampled(
            run, COUNT, COLUMNS, seed=int(seed), temperature=temperature, fitted=fitted
        )
        with place:
            name = names[run.id].split(" · ")[0]
            pictures.sheet_image(drawn.png, f"{COUNT} pictures drawn by {name}", name)
            st.caption(_comment(run, fitted))
            with st.container(horizontal=True):
                st.download_button(
                    "PNG", drawn.png, f"{run.id}-samples.png", "image/png",
                    icon=":material/download:", on_click="ignore", key=f"png-{run.id}",
                )  # fmt: skip
                csv_button(
                    partial(latent.code_table, drawn.codes, drawn.labels), f"{run.id}-samples"
                )


def _comment(run: Run, fitted: bool) -> str:
    if fitted:
        number = cached.COMPONENTS
        return f"{number} Gaussians fitted to the codes of the test images; then drawn from."
    return {
        "plain": "Nothing made it fill the space evenly: many draws fall between its codes.",
        "variational": "Trained so that its codes fill the prior: draws look like its data.",
        "conditional": "The same, told the class: a column each.",
    }[_kind(run)]
