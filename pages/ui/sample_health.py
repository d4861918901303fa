"""The health panel: a verdict with its numbers, the classes drawn, and how both came about."""

import plotly.graph_objects as go
import streamlit as st

from core import data
from core.metrics.generative import DISTANCE, Health, verdict
from core.runs.store import Run
from pages.ui import charts
from pages.ui.names import class_title, dataset_title
from pages.ui.run_panel import state_badge

BADGES = {
    "healthy": ("green", "check"),
    "narrow": ("orange", "warning"),
    "collapsed": ("red", "error"),
    "unlike the data": ("orange", "warning"),
    "not checked for classes": ("grey", "help"),
    "not checked": ("grey", "help"),
}
MEANINGS = {
    "healthy": "Every class is drawn; the samples differ and are near the data.",
    "narrow": "It is less varied than the data: parts are left out, rare or repeated.",
    "collapsed": "It draws the same few pictures over and over, whatever the noise.",
    "unlike the data": "Its samples differ from each other, but they are far from the real images.",
    "not checked for classes": "Its samples differ; nothing here tells classes of this data apart.",
    "not checked": "Its samples differ; how far they are from the data was not measured.",
}
"""What a verdict means, in a line."""
RESOLUTION = (
    "It tells networks apart that are far from each other, such as 24 from 380. It does not order "
    "those within a factor of three or so: another classifier, and principal components of pixels, "
    "put the class-conditional and the Wasserstein GAN in the other order, and likewise the DCGAN "
    "and the two of linear layers."
)
GREY = "#adb5bd"


def read(run: Run) -> Health | None:
    """The figures of a run's ten thousand samples; None where it was not measured."""
    try:
        return Health.read(run.metrics())
    except KeyError:
        return None


def badge(health: Health) -> None:
    """Show the verdict in a word."""
    state = verdict(health).state
    state_badge(state, *BADGES[state])


def panel(run: Run) -> None:
    """Show the verdict, its figures, the classes drawn, and the figures over the epochs."""
    health = read(run)
    if health is None:
        st.info("This run has no figures of its samples: it was stopped before they were taken.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        badge(health)
        st.markdown(verdict(health).sentence)
    _numbers(run, health)
    left, right = st.columns(2)
    with left:
        _classes(run, health)
    with right:
        _over_epochs(run)


def _numbers(run: Run, health: Health) -> None:
    figures = {}
    if health.classes:
        figures["Fréchet distance"] = f"{health.fid:,.1f}"
        figures["Its floor"] = "–" if health.floor is None else f"{health.floor:,.1f}"
    figures |= {
        "Precision": f"{health.precision:.1%}",
        "Recall": f"{health.recall:.1%}",
        "Density": f"{health.density:.2f}",
        "Coverage": f"{health.coverage:.1%}",
        "Twins": f"{health.duplicates:.1%}",
        "Spread": f"{health.spread:.0%}",
        "Variety": "–" if health.variety is None else f"{health.variety:.0%}",
    }
    accuracy = run.metrics().get("asked_accuracy")
    if accuracy is not None:
        figures["Right class"] = f"{accuracy:.1%}"
    with st.grid("auto", min_column_width=136, gap="small"):
        for name, value in figures.items():
            st.metric(name, value, help=FIGURE_HELP[name])
    st.caption(
        f"{health.n:,} samples from noise, none left out and not truncated, against "
        f"{health.n_data:,} test images, in {features(run, health)}. {_floor(health)}"
    )


def features(run: Run, health: Health) -> str:
    """The feature space in which the figures were measured, in words."""
    if not health.classes:
        return health.extractor
    return f"the features of our classifier of {dataset_title(run.spec().dataset)}"


def _floor(health: Health) -> str:
    """What the distance is compared with, or why there is none."""
    if not health.classes:
        return (
            "There is no classifier of this data set, so there is no Fréchet distance: in pixels, "
            "noise with the covariance of faces comes nearer to them than other real faces do."
        )
    if health.floor is None:
        return f"The floor was not measured: there were no training images. {RESOLUTION}"
    return (
        f"The floor is the distance of {health.floor_n:,} real training images to the same test "
        f"images. {RESOLUTION}"
    )


FIGURE_HELP = {
    "Fréchet distance": "Between the normal distributions that fit the features of both, in own "
    "features: what is called FID in those of Inception. 0 is best; comparable only with the same "
    "classifier and numbers.",
    "Its floor": "The same distance between real training images and the test images.",
    "Variety": "Different pictures among the samples, by those among as many real images: near 0 "
    "for a few pictures over and over, with any noise.",
    "Precision": "Samples that lie as near to a real image as its fifth neighbour does.",
    "Recall": "Real images that lie as near to a sample as its fifth neighbour does.",
    "Density": "How many real images' neighbourhoods a sample lies in, over five; 1 for real ones.",
    "Coverage": "Real images that have a sample in their neighbourhood.",
    "Twins": "Samples nearer to another sample than 99 % of real images are to each other.",
    "Spread": "Mean distance between samples, over that between real images.",
    "Right class": "Samples that the classifier reads as the class that was asked for.",
}


def _classes(run: Run, health: Health) -> None:
    dataset = run.spec().dataset
    if not health.histogram:
        st.info("There is no classifier for this data set, so classes cannot be counted.")
        return
    total = sum(health.histogram)
    names = [class_title(dataset, k) for k in range(len(health.histogram))]
    figure = go.Figure()
    figure.add_bar(
        x=names,
        y=[c / total for c in health.histogram],
        name="samples",
        marker_color=charts.colour(run),
    )
    if data.known(dataset) and "test" in data.available(dataset):
        labels = data.load(dataset, "test").labels
        shares = labels.bincount(minlength=len(names)) / max(len(labels), 1)
        figure.add_bar(x=names, y=shares.tolist(), name="test images", marker_color=GREY)
    figure.add_hline(y=0.02, line_dash="dot", line_width=1)
    figure.update_yaxes(title="share", tickformat=".0%")
    figure.update_xaxes(type="category", title="class as the classifier reads it")
    charts.show(figure, key="classes", height=300)


def _over_epochs(run: Run) -> None:
    history = run.history()
    if "fid" not in history:
        st.info("This run kept no figures of its samples after each epoch, only those at its end.")
        return
    if len(history) < 2:
        st.info("Figures over the epochs begin with the second one.")
        return
    epochs = history["epoch"].tolist()
    figure = go.Figure()
    # Without a classifier the distance would be one in pixels, which misleads.
    measured = "classes" in history and bool(history["classes"].iloc[-1])
    if measured:
        figure.add_scatter(
            x=epochs,
            y=history["fid"],
            name="Fréchet distance",
            line_color=charts.colour(run),
            mode="lines+markers",
            marker_size=5,
        )
    for name, dash in (("recall", "dash"), ("coverage", "dot")):
        figure.add_scatter(
            x=epochs,
            y=history[name],
            name=name,
            yaxis="y2",
            mode="lines",
            line={"color": GREY, "dash": dash, "width": 2},
        )
    figure.update_layout(
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "range": [0, 1],
            "tickformat": ".0%",
            "showgrid": False,
            "tickmode": "linear",
            "dtick": 0.2,
        },
    )
    figure.update_xaxes(title="epoch")
    if measured:
        axis = charts.log_axis(history["fid"].tolist())
        figure.update_yaxes(title=DISTANCE, selector={"side": None}, **axis)
    charts.show(figure, key="health-epochs", height=300)
    n = int(history["n"].iloc[-1]) if "n" in history else 0
    st.caption(f"After each epoch, of {n:,} samples against as many of the test images.")
