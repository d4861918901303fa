"""Programs to predict: they print what is said of them."""

import contextlib
import io

import pytest

from core.foundations.predictions import PREDICTIONS, Prediction


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda one: one.title)
def test_pytorch_prints_what_is_shown(prediction: Prediction) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(prediction.script, {})
    assert printed.getvalue() == prediction.output
    assert 0 <= prediction.right < len(prediction.choices)
