"""How translators learnt, and one of your own."""

from typing import Any

import streamlit as st

from core import data
from core.data.set_pairs import BLEND, PHOTOGRAPHS, SKETCH
from core.images import COLOURS
from core.runs.store import Run
from core.tasks.translation import TRANSLATION
from pages.parts.translation.choice import network
from pages.ui import charts, links
from pages.ui.downloads import csv_button
from pages.ui.names import dataset_title, pair_titles
from pages.ui.run_choice import RunChoice
from pages.ui.training_history import scrubber
from pages.ui.training_panel import own_sets
from pages.ui.training_panel import panel as training_panel

CHARTS = {
    "Adversarial loss": ("adversarial_ab", "adversarial_ba"),
    "Way back and identity": ("cycle", "identity"),
    "Error against the pairs": ("error_ab", "error_ba"),
    "Mean scores": ("real_score_a", "fake_score_a", "real_score_b", "fake_score_b"),
    "Way back on test pictures": ("cycle_error_a", "cycle_error_b"),
    "Class kept": ("kept_ab", "kept_ba"),
    "PSNR against hidden pairs, dB": ("psnr_ab", "psnr_ba"),
    "Variety": ("variety_ab", "variety_ba"),
}
"""Charts by title: columns of the history, where a run has them."""
ALL = ""


def epochs() -> None:
    """The same pictures after each epoch, and every loss and score."""
    run = network()
    if run is None:
        return
    first, second = pair_titles(run)
    scrubber(run, f"{first}, translated, and back; then {second}, translated, and back,")
    st.caption(f"From above: {first}, as {second}, and back; then {second}, as {first}, and back.")
    _curves(run, first, second)


def _curves(run: Run, first: str, second: str) -> None:
    history = run.history()
    words = {
        "ab": f"{first} → {second}", "ba": f"{second} → {first}",
        "real_score_a": f"real {first}", "fake_score_a": f"fake {first}",
        "real_score_b": f"real {second}", "fake_score_b": f"fake {second}",
        "cycle_error_a": f"from {first}", "cycle_error_b": f"from {second}",
        "cycle": "way back", "identity": "identity",
    }  # fmt: skip
    drawn = {t: [c for c in columns if c in history] for t, columns in CHARTS.items()}
    drawn = {title: columns for title, columns in drawn.items() if columns}
    places = st.columns(2)
    for i, (title, columns) in enumerate(drawn.items()):
        series = {
            words.get(column) or words[column[-2:]]: charts.over_epochs(history, column, colour)
            for column, colour in zip(columns, COLOURS, strict=False)
        }
        with places[i % 2]:
            charts.show(charts.lines(series, "epoch", title), key=title, height=260)
    last = [{str(name): value for name, value in history.iloc[-1].items()}] if len(history) else []
    if remark := TRANSLATION.remark(last):
        st.warning(remark)
    csv_button(run.history, f"{run.id}-history")


# ---- one of your own


def panel() -> None:
    """Train a translator between two sets."""
    choice = RunChoice.of(TRANSLATION)
    training_panel(TRANSLATION, choice.names, choice.use, given=_pair)


def _pair(variant: str) -> dict[str, Any]:
    """Ask for the target, and for one class of either set."""
    source = st.session_state.get("train_on")
    drawn = {SKETCH: "Pencil sketches of other pictures of the set"}
    if "train" in data.available(PHOTOGRAPHS):
        drawn[BLEND] = "Other pictures of the set over photographs"
    sets = {} if TRANSLATION.variant(variant).paired else _sets()
    left, middle, right = st.columns(3)
    with left:
        target = _choice("Translate into", {**drawn, **sets}, "train_target")
    classes = {"source_class": source, "target_class": None if target in drawn else target}
    given: dict[str, Any] = {"target": target}
    for place, (name, dataset), label in zip(
        (middle, right), classes.items(), ("Of it, the class", "Of the target, the class"),
        strict=True,
    ):  # fmt: skip
        given[name] = ALL
        known = data.known(dataset) if dataset else None
        if known and len(known.classes) > 1:
            with place:
                options = {ALL: "All", **{c: c for c in known.classes}}
                given[name] = _choice(label, options, f"train_{name}")
    return given


def _sets() -> dict[str, str]:
    names = [*data.BUILT_IN, *own_sets()]
    return {name: dataset_title(name) for name in names if "train" in data.available(name)}


def _choice(label: str, options: dict[str, str], key: str) -> str:
    choices = links.Choices(list(options), next(iter(options)))
    return links.box(label, choices, key=key, format_func=options.__getitem__)
