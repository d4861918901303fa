"""How good a network is: over its training, class by class, and in its mistakes."""

import pandas as pd
import streamlit as st

from core.errors import LabError
from core.images import COLOURS
from core.metrics.image import percent
from core.runs.store import Run
from pages.components import picks
from pages.parts.network_explorer import stage
from pages.parts.network_explorer.networks import Network
from pages.ui import cached, charts, confusion, pictures
from pages.ui.downloads import csv_button
from pages.ui.proportions import interval

WORST = 12
CLASS_COLUMN = "class_accuracy:"
"""How the columns of a history begin that hold the accuracy of a class, by its number."""
NONE = "Choose a run to see how good it is: a network of ImageNet has no test images here."


def panel(network: Network) -> None:
    """From the figures of a run to the pictures behind them."""
    run = network.run
    if run is None:
        st.info(NONE)
        return
    _figures(run)
    _learning(run, network.classes)
    _mistakes(run, network.classes)


def _figures(run: Run) -> None:
    figures = run.metrics()
    if "accuracy" not in figures:
        return
    with st.container(horizontal=True):
        st.metric("Accuracy", percent(figures["accuracy"], 2), help="Of the test images.")
        st.metric(
            "95 % interval",
            interval(figures["accuracy"], figures["n_test"]),
            help="Where the accuracy on many more pictures like these may well lie (Wilson 1927).",
        )
        st.metric("Test images", f"{figures['n_test']:,}")
        if counts := [sum(row) for row in figures.get("confusion", [])]:
            st.metric(
                "Most frequent class",
                percent(max(counts) / sum(counts)),
                help="What one gets who always says the most frequent class.",
            )
        if "log_loss" in figures:
            st.metric(
                "Log loss",
                f"{figures['log_loss']:.3f}",
                help="In nats (1 nat is 1.44 bits); 0 is perfect.",
            )


def _learning(run: Run, classes: tuple[str, ...]) -> None:
    """Training and test curves, and the accuracy of each class after each epoch."""
    history = run.history()
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Accuracy over epochs**")
        names = {"test_accuracy": "test images", "accuracy": "training images"}
        series = {
            name: charts.over_epochs(history, column, charts.colour(run), dash)
            for (column, name), dash in zip(names.items(), charts.DASHES, strict=False)
            if column in history
        }
        if series and not history.empty:
            charts.show(charts.lines(series, "epoch", "accuracy"), key="accuracy", height=300)
        if "test_accuracy" not in history:
            st.caption("This run kept no figures of test images after each epoch.")
    with right:
        st.markdown("**Accuracy of each class over epochs**")
        figure = class_curves(history, classes)
        if figure is None:
            st.caption("This run kept no figures of single classes: one trained now does.")
        else:
            charts.show(figure, key="class-accuracy", height=300)
            st.caption("Of up to 2,000 test images, in which each class has its share.")
    csv_button(run.history, f"{run.id}-history")


def class_curves(history: pd.DataFrame, classes: tuple[str, ...]):  # type: ignore[no-untyped-def]
    """The accuracy of each class, an epoch a point; None where the history has none."""
    columns = [c for c in history.columns if c.startswith(CLASS_COLUMN)]
    series = {}
    for column in columns:
        k = int(column.removeprefix(CLASS_COLUMN))
        dash = charts.DASHES[k // len(COLOURS) % len(charts.DASHES)]
        colour = COLOURS[k % len(COLOURS)]
        series[classes[k]] = charts.over_epochs(history, column, colour, dash)
    return charts.lines(series, "epoch", "accuracy") if series else None


def _mistakes(run: Run, classes: tuple[str, ...]) -> None:
    """The confusion matrix and the pictures behind it."""
    try:
        answers = cached.recogniser_answers(run)
    except LabError as error:
        st.caption(f"The pictures behind these figures cannot be shown. {error}")
        return
    here, measured = len(answers.images.labels), int(run.metrics().get("n_test", 0))
    if here != measured:
        st.caption(
            f"Below: the {here:,} test images that are on this machine. The figures above were "
            f"measured on {measured:,}."
        )
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**Confusion matrix**")
        st.caption(confusion.HINT)
        cell = confusion.matrix(answers.confusion, classes)
    with right:
        st.markdown("**Class by class**")
        confusion.classes_table(answers.confusion, classes, f"{run.id}-classes")
    certainty = answers.probabilities.max(1).values
    if cell is not None:
        order = certainty.argsort()
        shown = confusion.of_cell(answers.images, order, answers.read[order], classes, cell)
        _cards(run, answers, shown, classes, "cell-picks")
    _most_confident(run, answers, classes)


def _most_confident(run: Run, answers: cached.Answers, classes: tuple[str, ...]) -> None:
    """The wrong answers of which it is surest."""
    st.markdown("**Its most confident mistakes**")
    if chosen := most_confident(answers):
        _cards(run, answers, chosen, classes, "mistake-picks")
        st.caption("Click a picture to put it on the stage.")
    else:
        st.caption("None: it reads all of these test images right.")


def _cards(
    run: Run, answers: cached.Answers, numbers: list[int], classes: tuple[str, ...], key: str
) -> None:
    """Test images with what is read of them; a click puts one on the stage."""
    if (index := picks.picked(key, len(numbers))) is not None:
        stage.show_test_image(run, numbers[index])
    cards = []
    for i in numbers:
        label, read = int(answers.images.labels[i]), int(answers.read[i])
        said = "right" if read == label else f"read as {classes[read]}"
        share = percent(float(answers.probabilities[i, read]))
        card = f"{classes[label]}, {said}", answers.images.pixels[i], f"{share}, image {i:,}"
        cards.append(card)
    names = [f"Put test image {i:,} on the stage" for i in numbers]
    picks.show(pictures.cards_html(cards, 96, names=names), key=key, stage=stage.KEY)


def most_confident(answers: cached.Answers, most: int = WORST) -> list[int]:
    """Numbers of the images that are read wrong, the surest first."""
    wrong = (answers.read != answers.images.labels).nonzero()[:, 0]
    certainty = answers.probabilities.max(1).values[wrong]
    chosen: list[int] = wrong[certainty.argsort(descending=True)][:most].tolist()
    return chosen
