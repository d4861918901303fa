"""Forecasts: the text's loop, the figures, and series that people bring."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.data import Images
from core.data.sequences import series
from core.data.series_files import read_series
from core.errors import BadUpload
from core.metrics import forecast_errors as errors
from core.models.classical_forecasts import HoltWinters, holt_winters, seasonal_naive
from core.models.recurrent import CELLS, RecurrentForecast
from core.models.series_scaling import Scaling, roll
from core.tasks.forecasting import FORECASTING, first_test, measured
from tests.core.support import sequence_run

AIR = series("air-passengers").values


def months(values: list[object], header: str = "month,value") -> bytes:
    rows = [f"{1950 + i // 12}-{i % 12 + 1:02d},{value}" for i, value in enumerate(values)]
    return "\n".join([header, *rows]).encode()


def trained(variant: str, steps: int, **values: object):  # type: ignore[no-untyped-def]
    run = sequence_run(FORECASTING, variant, values)
    config, images = FORECASTING.config(variant, values), FORECASTING.training(run)
    torch.manual_seed(config.seed)
    experiment = FORECASTING.experiment(
        variant, config, FORECASTING.build_for(run.spec(), config).train()
    )
    learner = FORECASTING.learner(experiment, images)
    generator = torch.Generator()
    losses = [learner.step(images, 0, generator)["loss"] for _ in range(steps)]
    return experiment, losses, FORECASTING.testing(run)


def test_the_published_loop_is_the_texts(lab: Path) -> None:
    data = AIR.numpy().astype("float32")
    data = data / (data.max() - data.min())
    seen = np.array([data[i : i + 2] for i in range(len(data) - 2)])
    following = data[2:]
    size = int(len(seen) * 0.7)
    x = torch.from_numpy(seen[:size].reshape(-1, 1, 2))
    y = torch.from_numpy(following[:size].reshape(-1, 1, 1))
    torch.manual_seed(0)
    cells, out = nn.LSTM(2, 4, 2), nn.Linear(4, 1)
    optimiser = torch.optim.Adam([*cells.parameters(), *out.parameters()], lr=1e-2)
    expected = []
    for _ in range(60):
        loss = nn.MSELoss()(out(cells(x)[0]), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        expected.append(loss.item())
    _, losses, _ = trained("lstm_forecast", 60)
    np.testing.assert_allclose(losses, expected, rtol=2e-3)
    assert losses[-1] < losses[0] / 3


def test_cells_have_weights_as_one_to_three_to_four() -> None:
    counts = [
        sum(p.numel() for p in RecurrentForecast(cell, 2, 4, 2).cells.parameters())
        for cell in CELLS
    ]
    assert [count / counts[0] for count in counts] == [1, 3, 4]


def test_ours_is_below_the_seasonal_rule_and_the_limits_hold(lab: Path) -> None:
    experiment, _, images = trained("linear_lags", 1)
    figures = FORECASTING.evaluate(experiment, images)
    baselines = {row["name"]: row["mase"] for row in figures["baselines"]}
    assert figures["mase"] < baselines["seasonal_naive"] < baselines["persistence"]
    assert figures["mase_one_step"] < figures["mase"]
    assert 0.5 < figures["interval_held"] < 1
    assert figures["origins"] == 144 - 12 - first_test(144) + 1


@pytest.mark.parametrize("variant", ["lstm_forecast", "gru", "rnn", "linear_lags", "lstm_seasonal"])
def test_a_forecast_sees_nothing_of_what_is_to_come(lab: Path, variant: str) -> None:
    experiment, _, _ = trained(variant, 3, scaling="training")
    scaling = FORECASTING.scaling(variant, experiment.config, AIR)
    changed = AIR.clone()
    changed[110:] = 1
    first, second = (
        roll(experiment.model.eval(), scaling, values, [110, 105], 12) for values in (AIR, changed)
    )
    assert torch.equal(first, second)
    one = roll(experiment.model, scaling, AIR[:110], [110], 12)
    torch.testing.assert_close(one[0], first[0], rtol=1e-5, atol=1e-3)


def test_only_the_texts_scale_knows_the_future() -> None:
    known = Scaling.of(AIR, 101, changes=False)
    whole = Scaling.of(AIR, 101, changes=False, whole=True)
    assert whole.scale == float(AIR.max() - AIR.min()) > known.scale
    for changes in (False, True):
        scaling = Scaling.of(AIR, 101, changes)
        read = scaling.apply(AIR)
        back = scaling.undo(AIR[99:100], read[100 - scaling.first :][None])
        torch.testing.assert_close(back[0], AIR[100:])


def test_holt_winters_follows_a_line_with_seasons() -> None:
    steps = np.arange(96)
    line, wave = 100 + 2 * steps, np.sin(2 * np.pi * steps / 12)
    for multiplied in (False, True):
        values = line * (1 + 0.1 * wave) if multiplied else line + 10 * wave
        forecast = HoltWinters.fitted(values[:84], multiplied)(values[:84], 12)
        assert np.abs(forecast / values[84:] - 1).max() < 0.03
    assert holt_winters(line[:20]) is seasonal_naive


def test_errors_are_those_of_their_definitions() -> None:
    forecasts, came = np.array([[1.0, 2.0]]), np.array([[2.0, 4.0]])
    assert errors.mase(forecasts, came, 3.0).tolist() == [0.5]
    assert errors.rmse(forecasts, came)[0] == pytest.approx(2.5**0.5)
    flat = measured(
        lambda v, o, h: np.stack([seasonal_naive(v[:i], h) for i in o]), AIR.numpy(), 24
    )
    assert flat["mase"] == pytest.approx(1.196, abs=1e-3)


def test_a_series_of_ones_own_is_read() -> None:
    own = read_series(months(list(range(1, 61))), "mine.csv")
    assert own.dated and own.series.values.tolist() == list(range(1, 61))
    assert own.series.times[12].item() == 1951
    bare = read_series("\n".join(map(str, range(50))).encode(), "bare.csv")
    assert not bare.dated and bare.notes
    rows = [f"{1950 + i // 12}-{i % 12 + 1:02d};{i},5" for i in range(50)]
    assert read_series("\n".join(rows).encode(), "a.csv").series.values[1] == 1.5
    lines = months(list(range(1, 61))).decode().splitlines()
    turned = read_series("\n".join([lines[0], *lines[:0:-1]]).encode(), "turned.csv")
    assert turned.series.values.tolist() == list(range(1, 61)) and "sorted" in turned.notes[0]


BAD = {
    "has one value": months([5]),
    "has 12 values": months(list(range(12))),
    "All 60 values": months([7] * 60),
    "Row 12 has no value": months([*range(10), "", *range(49)]),
    "Row 12 has “many”": months([*range(10), "many", *range(49)]),
    "row 12 is infinite": months([*range(10), "inf", *range(49)]),
    "row 12 is too large": months([*range(10), "1e300", *range(49)]),
    "Rows 2 and 62 have the same date": months(list(range(60))) + b"\n1950-01,3",
    "something is missing": b"\n".join(
        line for line in months(list(range(60))).splitlines() if not line.startswith(b"1952-03")
    ),
    "where a date should be": months(list(range(60))).replace(b"1952-03", b"soon"),
    "columns": months(list(range(60))) + b"\n1955-01,3,4",
    "no text": b"\xff\xfe\x00" * 40,
    "is empty": b"  \n",
    "no values": b"month,value",
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_series_is_refused_with_a_sentence(sentence: str) -> None:
    with pytest.raises(BadUpload, match=sentence):
        read_series(BAD[sentence], "mine.csv")


def test_a_constant_series_can_be_trained_on_and_measured(lab: Path) -> None:
    flat = torch.full((144,), 5.0)
    for variant in ("lstm_forecast", "linear_lags", "lstm_seasonal"):
        experiment, _, _ = trained(variant, 1)
        figures = FORECASTING.evaluate(experiment, Images(flat[None], flat[None]))
        assert np.isfinite(figures["mase"])
