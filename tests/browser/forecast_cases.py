"""What PyTorch says of networks that forecast, for the browser's to be compared with."""

import numpy as np
import torch
from torch import nn

from core.data.sequences import series
from core.inference.forecasts import browser_network
from core.models.series_scaling import earliest, roll
from core.runs.query import shipped
from core.tasks import load_model
from core.tasks.forecasting import FORECASTING, first_test, measured

SERIES = "air-passengers"


def runs():
    """Every shipped network on the passengers, along the series and a year ahead."""
    values = series(SERIES).values
    start = first_test(len(values))
    for run in shipped(FORECASTING, SERIES):
        model, variant = load_model(run), run.spec().variant
        scaling = FORECASTING.scaling(variant, FORECASTING.config_of(run), values)

        def forecast(known, origins, horizon, model=model, scaling=scaling):
            return roll(model, scaling, torch.from_numpy(known), list(origins), horizon)[
                ..., 0
            ].numpy()

        origins = [earliest(model, scaling), start, len(values)]
        year = roll(model, scaling, values, origins, 12)
        figures = measured(forecast, values.numpy(), max(earliest(model, scaling), 24))
        yield {
            "name": run.id,
            "packed": browser_network(run),
            "values": values.tolist(),
            "origins": origins,
            "year": year.tolist(),
            "mase": figures["mase"],
            "spread": figures["mase_spread"],
            "oneStep": figures["mase_one_step"],
            "low": figures["band_low"],
            "high": figures["band_high"],
        }


def gradients():
    """Of each cell, three steps of Adam with clipping, from weights that the browser has drawn in
    the same order; PyTorch begins with what it is given, so the weights are sent."""
    generator = torch.Generator().manual_seed(3)
    values = np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.1, 60)) + 3)
    known = first_test(60)
    change = np.diff(np.log(values[:known]))
    read = torch.tensor((change - change.mean()) / change.std()).double()
    seen, following = read.unfold(0, 2, 1)[:-1], read[2:]
    for kind, cell in (("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)):
        cells, out = cell(2, 3, batch_first=True).double(), nn.Linear(3, 1).double()
        weights = [*cells.parameters(), *out.parameters()]
        for weight in weights:
            weight.data = torch.rand(weight.shape, generator=generator).double() - 0.5
        names = ("ih", "hh", "bIh", "bHh", "out", "bias")
        begun = {n: w.detach().flatten().tolist() for n, w in zip(names, weights, strict=True)}
        optimiser = torch.optim.Adam(weights, lr=0.03)
        losses, norms = [], []
        for _ in range(3):
            loss = nn.functional.mse_loss(out(cells(seen[None])[0])[0, :, 0], following)
            optimiser.zero_grad()
            loss.backward()
            norms.append(nn.utils.clip_grad_norm_(weights, 0.1).item())
            losses.append(loss.item())
            optimiser.step()
        given = seen.clone().requires_grad_()
        out(cells(given[None])[0])[0, -1, 0].backward()
        yield {
            "kind": kind,
            "values": values.tolist(),
            "weights": begun,
            "losses": losses,
            "norms": norms,
            "reach": given.grad.norm(dim=1).flip(0).tolist(),
        }


def cases():
    """All of them."""
    return {"runs": list(runs()), "gradients": list(gradients())}
