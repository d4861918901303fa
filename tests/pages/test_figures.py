"""Charts say what people read: whole epochs, and names without underscores."""

import pytest

from core.runs import open_run
from pages.ui import charts


@pytest.mark.parametrize(
    ("places", "step"),
    [([1, 2, 3], 1), ([1.0, 11.0], 1), ([1, 40], None), ([0.0, 0.5, 1.0], None), ([], None)],
)
def test_a_few_whole_numbers_have_no_ticks_in_between(places, step):
    series = {"a": (places, [0.5] * len(places)), "none yet": ([], [])}
    figure = charts.lines(series, x_title="epoch", y_title="loss", colours={})
    assert figure.layout.xaxis.dtick == step


def test_losses_are_named_in_words():
    run = open_run("denoise-unet-mnist-dd3f87e3")
    figure = charts.losses(run)
    assert figure is not None
    assert [line.name for line in figure.data] == ["loss", "test loss"]
    assert list(figure.data[1].y) == run.history()["test_loss"].tolist()


def test_two_runs_of_a_kind_have_two_colours():
    names = ["unet-mnist-dd3f87e3", "conv-mnist-dd3f87e3", "unet-mnist-eff27755"]
    runs = [open_run(f"denoise-{name}") for name in [*names, "unet-fashion-mnist-ddc1fb35"]]
    found = charts.colours_of(runs)
    assert len(set(found.values())) == len(runs)
    assert found[runs[0].id] == charts.colour(runs[0]) == charts.colour(runs[2])
    figure = charts.compare(runs, "test_loss")
    assert figure is not None
    assert [line.line.color for line in figure.data] == list(found.values())
    shades = [charts._shade("#4263eb", i) for i in range(7)]
    assert len(set(shades)) == 7 and all(len(s) == 7 for s in shades)
