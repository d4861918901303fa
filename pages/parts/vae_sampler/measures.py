"""The results of a training: the bound, its terms, and how much each dimension tells."""

from typing import Any

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.inference import latent
from core.runs.store import Run
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.autoencoding_training import least_cross_entropy
from core.tasks.base import unit
from pages.ui import cached, charts
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import dataset_title
from pages.ui.run_choice import RunChoice

TERMS = {
    "bernoulli": (
        "nats",
        {
            "negative ELBO": "test_negative_elbo",
            "reconstruction": "test_reconstruction",
            "KL": "test_kl",
        },
    ),
    "gaussian": (
        "nats, Gaussian density",
        {
            "negative ELBO": "test_gaussian_negative_elbo",
            "reconstruction": "test_reconstruction",
            "KL": "test_kl",
        },
    ),
    "squared error": (
        "squared error on [-1, 1], and KL in nats",
        {
            "squared error + KL": "test_loss",
            "squared error": "test_reconstruction",
            "KL": "test_kl",
        },
    ),
}
"""By likelihood: what a bound and its terms are measured in, and their columns in the history."""
FIGURES = {
    "Negative ELBO": "negative_elbo",
    "IWAE bound": "negative_iwae",
    "Negative ELBO (Gaussian)": "gaussian_negative_elbo",
    "IWAE bound (Gaussian)": "gaussian_negative_iwae",
    "KL": "kl",
    "In use": "active_units",
    "PSNR": "psnr",
}
"""Columns of the table, and what a run calls them."""
KL_TEXT = (
    "KL is the Kullback-Leibler divergence of the posterior from the prior, how much a dimension "
    "tells about an image, in nats (1 nat is 1.44 bits)."
)
GAUSSIAN = (
    " The squared error is a Gaussian likelihood: its bound is one on the logarithm of a density "
    "over [0, 1], can be negative, and stands in columns of its own."
)


def collapse(run: Run) -> None:
    """Show how much each dimension tells, and the bound over the epochs."""
    metrics = run.metrics()
    ranked, colour = latent.dimensions(run), charts.colour(run)
    names = [str(d.index) for d in ranked]
    if "kl_per_dimension" not in metrics:
        spreads = [d.spread for d in ranked]
        figure = charts.bars(names, spreads, colour, "dimension", "spread of the codes")
        charts.show(figure, key="spreads", height=280)
        return
    active, total = metrics["active_units"], len(ranked)
    divergences = [d.kl or 0.0 for d in ranked]
    colours = ["#ced4da" if d.dead else colour for d in ranked]
    figure = charts.bars(
        names, divergences, colours, "dimension, the most telling first", "KL (nats)"
    )
    charts.show(figure, key="kl", height=280)
    if active == total:
        st.caption(f"All {total} dimensions are in use: the posterior did not collapse. {KL_TEXT}")
    else:
        st.caption(
            f"{active} of {total} dimensions are in use. In the grey ones the posterior has "
            "collapsed onto the prior: the decoder learnt to do without them, at next to no cost "
            f"in KL. {KL_TEXT}"
        )
    history = run.history()
    y_title, terms = TERMS[AUTOENCODING.config_of(run).likelihood]
    kept = {name: column for name, column in terms.items() if column in history}
    line_colours = (colour, "#f08c00", "#2f9e44")
    series = {
        name: charts.over_epochs(history, column, own)
        for (name, column), own in zip(kept.items(), line_colours, strict=False)
    }
    if series:
        log_y = charts.all_positive(series.values())
        charts.show(charts.lines(series, "epoch", y_title, log_y), key="bound", height=300)


def figures(models: RunChoice, dataset: str) -> None:
    """The measures of all models of a data set, side by side."""
    rows, drawn = [], set()
    for run in models.on(dataset):
        metrics = run.metrics()
        likelihood = AUTOENCODING.config_of(run).likelihood
        bounded = "kl" in metrics
        if bounded:
            drawn.add((metrics.get("iwae_samples"), metrics.get("iwae_images")))
        density = "p(x | class)" if latent.class_names(run) else "p(x)"
        rows.append(
            {
                "Model": models.short_name(run),
                "Bounds of": density if bounded else None,
                "Likelihood": likelihood.replace("bern", "Bern") if bounded else None,
                **_figures_by_column(metrics, likelihood),
            }
        )
    table = pd.DataFrame(rows)
    gaussian = [name for name in FIGURES if name.endswith("(Gaussian)")]
    others = bool(table[gaussian].notna().any(axis=None))
    if not others:
        table = table.drop(columns=gaussian)
    figure_table(table, {name: Column("%.1f") for name in FIGURES if name != "In use"})
    csv_button(lambda: table, f"{dataset}-measures")
    st.caption(bounds_text(drawn) + _floor(dataset) + (GAUSSIAN if others else ""))


def _figures_by_column(metrics: dict[str, Any], likelihood: str) -> dict[str, Any]:
    """The figures of a run by column: Gaussian bounds have columns of their own, also those of
    older runs, in which both kinds had one name."""
    values = {name: metrics.get(key) for name, key in FIGURES.items()}
    if likelihood != "bernoulli":
        for name in ("Negative ELBO", "IWAE bound"):
            here, there = values[name], values[f"{name} (Gaussian)"]
            values |= {name: None, f"{name} (Gaussian)": here if there is None else there}
    return values


def bounds_text(drawn: set[tuple[int | None, int | None]]) -> str:
    """What the bounds in the table are.

    Args:
        drawn: draws an image of the importance-weighted bounds, and how many images they are of.
    """
    draws = [
        f"{k:,} draws for each of {n:,} test images" for k, n in sorted(drawn - {(None, None)})
    ]
    tighter = f" (IWAE: {' or '.join(draws)})" if draws else ""
    return (
        "In nats, the lower the better: the bound on -log p(x) of the test images at β = 1 (minus "
        f"the ELBO, the evidence lower bound), and the tighter importance-weighted one{tighter}. A "
        "model that is given the class is bounded in -log p(x | class), which is smaller, by what "
        "the class tells: for ten of them 2.3 nats at most. PSNR is the peak signal-to-noise ratio "
        "in dB: 6 dB more is a quarter of the squared error. "
    )


def _floor(dataset: str) -> str:
    """What a Bernoulli likelihood costs at least on a set's test images; nothing without them."""
    try:
        images = cached.digits(dataset).pixels
    except LabError:
        return ""
    least = float(least_cross_entropy(unit(images)).mean())
    return (
        "Bounds compare only under one likelihood: the Bernoulli one, which takes grey values as "
        f"probabilities, costs {least:.1f} nats at least on {dataset_title(dataset)}: the entropy "
        "of these values."
    )
