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
