"""The methods on the same split: accuracy with its spread, seconds and megabytes."""

import statistics
from collections import defaultdict

import pandas as pd
import streamlit as st

from core.jobs import queue
from core.models.backbones import BACKBONES
from core.runs.store import Run
from core.tasks.transfer import TRANSFER
from core.training import make_request
from pages.parts.transfer_classifier.photographs import missing
from pages.server.visitor import who
from pages.ui import cached
from pages.ui.downloads import csv_button
from pages.ui.errors import errors_shown
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import dataset_title
from pages.ui.proportions import interval
from pages.ui.run_choice import RunChoice
from pages.ui.run_panel import watch
from pages.ui.training_panel import recent_of_mine

MIB = 2**20


def panel(classifiers: RunChoice, run: Run) -> None:
    """All finished classifiers of the same pictures in one table, and how sure its figures are."""
    spec = run.spec()
    same = [
        other
        for other in classifiers.runs.values()
        if other.spec().data.fingerprint == spec.data.fingerprint
    ]
    st.caption(
        f"Everything taught on {dataset_title(spec.dataset)}, measured on the same "
        f"{spec.data.n_test:,} test images. ± is the standard deviation over runs that differ "
        "only in their seed; the 95 % interval is what the choice of the test images leaves open: "
        "where two of them overlap much, the order of the two may be chance."
    )
    table = rows(same)
    figure_table(
        table,
        {
            "accuracy": Column("percent"),
            "±": Column("percent"),
            "seconds": Column("%.1f", "Of learning; looking at the pictures comes once before it."),
            "MB": Column("%.1f", "Of all weights that a prediction needs."),
        },
    )
    csv_button(lambda: table, f"{run.id}-methods")
    if hint := missing(run):
        st.caption(
            "To teach it the other ways, with other seeds or in folds takes the photographs. "
            f"{hint}"
        )
        return
    _others(spec.dataset, {r.spec().variant for r in same})
    if not cached.classifier(run).trained:
        _trust(run, classifiers.names[run.id])


def rows(models: list[Run]) -> pd.DataFrame:
    """A row for each method with its settings; runs that differ only in their seed are one. What
    is measured stands first: a phone shows three columns."""
    groups: defaultdict[str, list[Run]] = defaultdict(list)
    for run in models:
        spec = run.spec()
        settled = {k: v for k, v in spec.config.items() if k != "seed"}
        groups[f"{spec.variant} {sorted(settled.items())}"].append(run)
    return pd.DataFrame([_row(group) for group in groups.values()]).dropna(axis=1, how="all")


def _row(group: list[Run]) -> dict[str, object]:
    spec = group[0].spec()
    figures = [run.metrics() for run in group]
    scores = [float(f["accuracy"]) for f in figures]
    backbones = str(spec.config["backbones"]).split("+")
    return {
        "method": TRANSFER.variant(spec.variant).title,
        "accuracy": statistics.fmean(scores),
        "95 % interval": interval(statistics.fmean(scores), spec.data.n_test),
        "±": statistics.stdev(scores) if len(scores) > 1 else None,
        "runs": len(scores),
        "seconds": statistics.fmean(float(f["seconds"]) for f in figures),
        "MB": _megabytes(group[0], backbones),
        "head": spec.config["head"],
        "stands on": " + ".join(BACKBONES[n].title for n in backbones),
        "changed": _changed(group[0]),
    }


def _changed(run: Run) -> str | None:
    """The settings without a column that are not as usual; None where all are."""
    changed = TRANSFER.changed(run.spec().variant, TRANSFER.config_of(run))
    fields = TRANSFER.config_class.model_fields
    texts = [
        f"{fields[name].title} {value}"
        for name, value in changed.items()
        if name not in ("seed", "head", "backbones")
    ]
    return ", ".join(texts) or None


def _megabytes(run: Run, backbones: list[str]) -> float:
    """Of the run's weights, and of the frozen networks that are not among them."""
    own = (run.path / "model.safetensors").stat().st_size / MIB
    if TRANSFER.variant(run.spec().variant).trained:
        return own
    return own + sum(BACKBONES[name].megabytes for name in backbones)


def _others(dataset: str, done: set[str]) -> None:
    """Teach the methods that are not in the table yet."""
    missing = [name for name in TRANSFER.variants if name not in done]
    if missing and queue.may_start(who()):
        titles = ", ".join(TRANSFER.variant(name).title for name in missing)
        if st.button(f"Teach it the other ways: {titles}", icon=":material/play_arrow:"):
            with errors_shown():
                for name in missing:
                    queue.submit(make_request(TRANSFER.name, name, dataset), who())
    for run in recent_of_mine(TRANSFER):
        if run.spec().dataset == dataset and run.status().state != "done":
            with st.container(border=True):
                watch(run.id)


def _trust(run: Run, name: str) -> None:
    """The same head again: other seeds, other fifths."""
    st.markdown(f"**How far is the figure of {name} to be trusted?**")
    with st.container(horizontal=True):
        again = st.toggle("Five seeds", key="seeds", bind="query-params")
        folds = st.toggle(
            "Five folds",
            key="folds",
            bind="query-params",
            help="Each fifth of all pictures is tested once, by a head that was taught the others. "
            "Photographs that are nearly the same stay in one fold.",
        )
    with errors_shown():
        if again:
            result = cached.scores_by_seed(run)
            n = run.spec().data.n_test
            st.markdown(
                f"Five seeds: **{result.mean:.2%} ± {result.spread:.2%}** of the same {n:,} test "
                f"images; 95 % interval of these {interval(result.mean, n)}"
            )
        if folds:
            result, used = cached.scores_by_fold(run), run.spec().data
            n = used.n_train + used.n_test
            st.markdown(
                f"Five folds: **{result.mean:.2%} ± {result.spread:.2%}** from fold to fold, each "
                f"of {n:,} pictures tested once; 95 % interval {interval(result.mean, n)}"
            )
