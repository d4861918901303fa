"""How good a classifier is: its confusion matrix, class by class, and its worst mistakes."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st
import torch
from torch import Tensor

from core.data import Images
from core.errors import LabError
from core.inference import explain
from core.inference.explain import Losses
from core.runs.query import classes_of
from core.runs.schema import DataSpec
from core.runs.store import Run
from core.tasks.transfer import MIN_HELD
from pages.parts.transfer_classifier.photographs import clickable, missing
from pages.ui import cached, charts, confusion
from pages.ui.errors import errors_shown
from pages.ui.proportions import interval
from pages.ui.sending import SentPicture

T = TypeVar("T")
WORST = 8


def panel(run: Run) -> None:
    """From the figures to the pictures behind them."""
    figures, classes = run.metrics(), classes_of(run)
    _figures(run)
    _trust(run)
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Confusion matrix**")
        st.caption(confusion.HINT)
        cell = confusion.matrix(figures["confusion"], classes)
    with right:
        st.markdown("**Class by class**")
        confusion.classes_table(figures["confusion"], classes, f"{run.id}-classes")
    if hint := missing(run):
        st.caption(
            "To see the pictures behind these figures, teach it with fewer or try learning rates "
            f"takes its photographs. {hint}"
        )
    else:
        _pictures(run, classes, cell)
        if not cached.classifier(run).trained:
            _curve(run)
            _rates(run)
    if (figure := charts.losses(run)) is not None:
        st.markdown("**While it learnt**")
        charts.show(figure, key=f"learnt-{run.id}", height=260)


def _figures(run: Run) -> None:
    figures = run.metrics()
    with st.container(horizontal=True):
        st.metric("Accuracy", f"{figures['accuracy']:.1%}", help="Of the test images.")
        st.metric(
            "95 % interval",
            interval(figures["accuracy"], figures["n_test"]),
            help="Where the accuracy on many more pictures like these may well lie (Wilson 1927).",
        )
        st.metric("Test images", f"{figures['n_test']:,}")
        st.metric(
            "Log loss",
            f"{figures['log_loss']:.3f}",
            help="In nats (1 nat is 1.44 bits); 0 is perfect.",
        )
        st.metric(
            "Calibration error",
            f"{figures['calibration_error']:.1%}",
            help="How far its certainty is from being right, on average (15 bins). Of few test "
            "images a good part of it is chance: it is not 0 for a perfectly calibrated one.",
        )
        st.metric(
            "Calibration temperature",
            f"{figures['temperature']:.2f}",
            help="What its logits were divided by, so that its certainty can be believed. It has "
            "nothing to do with the temperature at which samples are drawn.",
        )


def _trust(run: Run) -> None:
    """Say how far the figures can be trusted, and offer five folds."""
    figures, spec = run.metrics(), run.spec()
    st.caption(calibration(figures["temperature"], spec.config["validation_share"], spec.data))
    if missing(run) or cached.classifier(run).trained:
        return
    count = spec.data.n_train + spec.data.n_test
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Test it in five folds",
            icon=":material/view_week:",
            on_click=_five_folds,
            help="Under “Compare”: five heads, each tested on the fifth that it did not see.",
        )
        st.caption(f"Then all {count:,} pictures are tested, instead of {figures['n_test']:,}.")


def calibration(temperature: float, share: float, used: DataSpec) -> str:
    """What the calibration rests on, as a sentence.

    Args:
        share: of the training pictures, which was held back.
    """
    held = round(share * used.n_train)
    if held < MIN_HELD:
        return (
            f"Its probabilities are not calibrated: about {held} pictures were held back, too "
            "few to measure it."
            if temperature == 1
            else f"Its probabilities were calibrated on only about {held} pictures."
        )
    return (
        f"Its probabilities were calibrated on about {held:,} pictures that were held back. Of so "
        "few the temperature is a rough guess, and it is made to err to the cautious side: the "
        "classifier may be right more often than it says."
    )


def _five_folds() -> None:
    st.session_state["tab"], st.session_state["folds"] = "Compare", True


def _pictures(run: Run, classes: tuple[str, ...], cell: tuple[int, int] | None) -> None:
    """The images behind the figures."""
    try:
        answers = cached.test_answers(run)
    except LabError as error:
        st.caption(f"The pictures behind these figures cannot be shown. {error}")
        return
    if cell is not None:
        images, losses = answers
        shown = confusion.of_cell(images, losses.ids, losses.read, classes, cell)
        cards = [(f"Image {i:,}", images.pixels[i], "") for i in shown]
        sent = [_sent(images, i, classes) for i in shown]
        clickable(cards, sent, key="cell-picks", least=96)
    _worst(run, answers, classes)


def _worst(run: Run, answers: cached.TestAnswers, classes: tuple[str, ...]) -> None:
    """Show the largest mistakes, with where the network looked for its answer."""
    images, losses = answers
    mistakes, wrong = worst(losses, images.labels)
    st.markdown("**Its worst mistakes**")
    st.caption(
        "The wrong answers with the largest loss, and where the network looked for them."
        if wrong
        else "None. The least certain:"
    )
    model = cached.classifier(run)
    items = []
    for i, loss, read in zip(*(part.tolist() for part in mistakes), strict=True):
        picture = images.pixels[i][None]
        overlay = explain.overlaid(picture, explain.heat(model, picture, read))[0]
        label = classes[int(images.labels[i])]
        caption = (
            f"{label}, read as {classes[read]}" if label != classes[read] else f"{label}, right"
        )
        items.append((caption, overlay, f"loss {loss:.2f}, image {i:,}"))
    photographs = [_sent(images, i, classes) for i in mistakes.ids.tolist()]
    clickable(items, photographs, key="worst-picks", least=150)
    st.caption("Click a picture to see all that the network answers.")


def _sent(images: Images, index: int, classes: tuple[str, ...]) -> SentPicture:
    """A test image, to be answered again."""
    label = classes[int(images.labels[index])]
    what = f"Test image {index:,}, {label}"
    return SentPicture(images.pixels[index], what, "“How good is it?”")


def worst(losses: Losses, labels: Tensor, most: int = WORST) -> tuple[Losses, bool]:
    """The wrong answers with the largest losses; where all are right, the answers that were the
    least certain, and False."""
    wrong = losses.read != labels[losses.ids]
    # Of right answers the loss is that of the class read: the largest is the least certain.
    kept = wrong if bool(wrong.any()) else torch.ones_like(wrong)
    return Losses(*(part[kept][:most] for part in losses)), bool(wrong.any())


def _on_demand(
    run: Run, measure: Callable[[Run], T], question: str, key: str, label: str, help: str
) -> T | None:
    """What is measured once its toggle is switched on; None before."""
    st.markdown(f"**{question}**")
    if st.toggle(label, key=key, bind="query-params", help=help):
        with errors_shown():
            return measure(run)
    return None


def _curve(run: Run) -> None:
    """Accuracy by the number of pictures to learn from, on demand."""
    scores = _on_demand(
        run,
        cached.scores_by_count,
        "How many pictures does it need?",
        "few",
        "Teach it with fewer",
        "Heads are taught with 2, 5, 10 … pictures of each class, five times each.",
    )
    if scores is None:
        return
    x = list(scores)
    accuracy = charts.Line(x, [s.mean for s in scores.values()])
    figure = charts.lines({"accuracy": accuracy}, "pictures of each class", "accuracy")
    figure.update_traces(error_y={"type": "data", "array": [s.spread for s in scores.values()]})
    figure.update_xaxes(**charts.log_axis(x))
    charts.show(figure, key=f"few-{run.id}", height=280)
    fewest, most, n = scores[x[0]], scores[x[-1]], run.metrics()["n_test"]
    st.caption(
        f"Mean of five draws, with their standard deviation: {fewest.mean:.1%} with {x[0]} "
        f"pictures of each class, {most.mean:.1%} with {x[-1]}. All are tested on the same {n:,} "
        "pictures, whose choice counts too: the 95 % interval of the last is "
        f"{interval(most.mean, n)}."
    )


def _rates(run: Run) -> None:
    """The loss while the learning rate is raised, on demand."""
    sweep = _on_demand(
        run,
        cached.rate_sweep,
        "Which learning rate suits it?",
        "rates",
        "Try rates",
        "A new head is taught for a hundred steps, each at a higher rate.",
    )
    if sweep is None:
        return
    loss = charts.Line(sweep.rates, sweep.losses, charts.colour(run))
    figure = charts.lines({"loss": loss}, "learning rate", "loss")
    figure.update_xaxes(**charts.log_axis(sweep.rates))
    charts.show(figure, key=f"rates-{run.id}", height=260)
    used = run.spec().config["learning_rate"]
    st.caption(f"The loss fell fastest at {sweep.best:g}; this one was taught at {used:g}.")
