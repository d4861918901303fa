"""What PyTorch says of trajectories, for the browser to compare with."""

from itertools import product

import torch

from core import counter_random
from core.counter_random import stream
from core.foundations.networks import Network, PlaneSettings, train
from core.foundations.optimisers import OPTIMISERS

STEPS = 40
ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid")
LOSSES = (("mse", 1), ("bce", 1), ("cross_entropy", 3))
EXTRAS = (
    {},
    {"batch_norm": True},
    {"dropout": 0.3, "initialisation": "kaiming_normal"},
    {"l1": 0.01, "l2": 0.02, "initialisation": "sparse"},
    {"batch": 6, "clip": 0.2},
    {"batch_norm": True, "batch": 6, "dropout": 0.2, "initialisation": "uniform", "bias": 0.1},
    {"hidden": (), "initialisation": "zeros"},
)
POINTS = 20


def targets(x, loss, outputs):
    """What points should be given: a product, its sign, or which of three parts they are in."""
    inside = x[:, 0] * x[:, 1]
    if loss == "cross_entropy":
        return (inside > 0).long() + (x[:, :1].sum(1) > 0.5).long()
    return (inside if loss == "mse" else (inside > 0).double())[:, None]


def cases():
    """Each optimiser with each activation; losses, initialisations and the rest go round."""
    x = torch.from_numpy(counter_random.normal(5, stream("points"), 2 * POINTS)).view(POINTS, 2)
    for i, (optimiser, activation) in enumerate(product(OPTIMISERS, ACTIVATIONS)):
        (loss, outputs), extra = LOSSES[i % 3], EXTRAS[i % 7]
        settings = PlaneSettings(
            **{"hidden": (5, 3), **extra}, outputs=outputs, activation=activation, loss=loss,
            optimiser=optimiser, rate=OPTIMISERS[optimiser].rate / 2, seed=i,
        )  # fmt: skip
        network, y = Network(settings), targets(x, loss, outputs)
        first = network.flat().tolist()
        rows = list(train(network, x, y, STEPS))
        yield {
            "settings": settings.model_dump(), "x": x.T.flatten().tolist(),
            "y": y.mT.flatten().tolist() if y.dim() > 1 else y.tolist(),
            "first": first, "last": network.flat().tolist(),
            "losses": [row.loss for row in rows], "norms": [row.norm for row in rows],
            "evaluated": evaluated(network, x, y),
        }  # fmt: skip


def evaluated(network, x, y):
    """The outputs without dropout, by batch norm's running statistics."""
    network.eval()
    with torch.no_grad():
        return network(x).T.flatten().tolist()


def drawn():
    """Numbers by counter."""
    return {
        "uniform": counter_random.uniform(7, stream("noise", 3), 50).tolist(),
        "normal": counter_random.normal(2**31 - 1, stream("points"), 50).tolist(),
        "order": counter_random.order(9, stream("order", 2**27), 40).tolist(),
    }
