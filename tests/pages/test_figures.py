"""Charts say what people read: whole epochs, and names without underscores."""

import math

import pytest

from core.metrics.smoothing import smoothed
from core.runs.store import open_run
from pages.ui import charts
from pages.ui.names import run_names


@pytest.mark.parametrize(
    ("places", "step"),
    [([1, 2, 3], 1), ([1.0, 11.0], 1), ([1, 40], None), ([0.0, 0.5, 1.0], None), ([], None)],
)
def test_a_few_whole_numbers_have_no_ticks_in_between(places, step):
    series = {"a": charts.Line(places, [0.5] * len(places)), "none yet": charts.Line([], [])}
    figure = charts.lines(series, "epoch", "loss")
    assert figure.layout.xaxis.dtick == step


def test_losses_are_named_in_words():
    run = open_run("denoise-unet-fashion-mnist-ddc1fb35")
    figure = charts.losses(run)
    assert figure is not None
    assert [line.name for line in figure.data] == ["test loss", "loss"]
    assert list(figure.data[0].y) == run.history()["test_loss"].tolist()
    assert figure.data[0].zorder > figure.data[1].zorder and figure.data[0].line.dash == "solid"


def test_a_smoothed_curve_stands_before_the_measured_one_which_is_faint():
    run = open_run("autoencode-vae_squared-mnist-dd3f87e3")
    figure = charts.losses(run, 0.6)
    assert figure is not None
    smooth, measured = figure.data[:2]
    assert measured.opacity < 0.5 and not measured.showlegend and smooth.opacity is None
    values = run.history()["test_loss"].tolist()
    assert list(measured.y) == values and list(smooth.y) == smoothed(values, 0.6)


def test_smoothing_is_corrected_for_its_start_and_passes_over_gaps():
    assert smoothed([3.0] * 5, 0.9) == pytest.approx([3.0] * 5)
    assert smoothed([1.0, 2.0], 0.5) == pytest.approx([1.0, (0.25 * 1 + 0.5 * 2) / 0.75])
    assert smoothed([1.0, math.nan, 1.0], 0.5)[::2] == pytest.approx([1.0, 1.0])
    assert smoothed([4.0, 5.0], 0.0) == [4.0, 5.0] and smoothed([], 0.5) == []


def test_two_runs_of_a_kind_have_two_colours():
    names = ["unet-mnist-dd3f87e3", "conv-mnist-dd3f87e3", "unet-mnist-eff27755"]
    runs = [open_run(f"denoise-{name}") for name in [*names, "unet-fashion-mnist-ddc1fb35"]]
    result = charts.colours_of(runs)
    assert len(set(result.values())) == len(runs)
    assert result[runs[0].id] == charts.colour(runs[0]) == charts.colour(runs[2])
    figure = charts.compare(runs, "loss", run_names(runs))
    assert figure is not None
    assert [line.line.color for line in figure.data] == list(result.values())
    shades = [charts._shade("#4263eb", i) for i in range(7)]
    assert len(set(shades)) == 7 and all(len(s) == 7 for s in shades)


def ticks(axis, low, high):
    """Where Plotly puts ticks on a logarithmic axis from `low` to `high`."""
    step = axis["dtick"]
    if isinstance(step, str) and step.startswith("L"):
        every = float(step[1:])
        return [k * every for k in range(1, 10_000) if low <= k * every <= high]
    marks = (1, 2, 5) if step == "D2" else (1,)
    result = [m * 10.0**p for p in range(-9, 10) for m in marks]
    return [place for place in result if low <= place <= high]


@pytest.mark.parametrize(
    "values",
    [
        [24, 75],
        [380, 440],
        [11.5, 3000],
        [1.2, 2.4, 9.1],
        [2, 5, 1000],
        [0.03, 0.5],
        [1e-5, 1.0],
        [0.0892, 0.0909],
        [0.0901, 0.0902],
        [7.0],
    ],
)
def test_a_logarithmic_axis_has_a_few_ticks_that_are_written_out(values):
    axis = charts.log_axis([*values, float("nan")])
    assert axis["type"] == "log" and axis["tickformat"] == ",~g"
    low, high = axis.get("range", [math.log10(min(values)), math.log10(max(values))])
    beside = 0.06 * (high - low)  # as Plotly leaves room
    assert 10**low < 1.001 * min(values) and 10**high > 0.999 * max(values)
    assert 2 <= len(ticks(axis, 10 ** (low - beside), 10 ** (high + beside))) <= 12


def test_an_axis_of_nothing_or_of_one_value_is_one():
    assert charts.log_axis([])["type"] == charts.log_axis([0.0, 5.0])["type"] == "log"
