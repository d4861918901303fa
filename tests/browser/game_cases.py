"""What PyTorch says of a game of two players, for the browser to compare with."""

import torch

from core.foundations import optimisers, point_gans
from core.foundations.point_flows import Mixture
from core.foundations.point_gans import EVALUATED, FRESH, Game, GameSettings

STEPS = 30
SETTINGS = (
    {"game": "gan", "turns": 2, "latent": 3},
    {"game": "lsgan", "activation": "leaky_relu"},
    {"game": "wgan", "optimiser": "rmsprop", "turns": 2},
    {"game": "wgan_gp", "activation": "sigmoid", "latent": 1, "penalty": 5},
    {"game": "wgan_gp", "optimiser": "sgd", "frozen": "generator"},
    {"game": "gan", "ahead": 2, "rate_ahead": 0.5, "activation": "sigmoid"},
    {"game": "wgan", "ahead": 2, "weight_clip": 0.3, "optimiser": "nesterov"},
    {"game": "lsgan", "frozen": "discriminator", "optimiser": "adagrad", "activation": "relu"},
)


def cases():
    """Of each game: its steps, its last weights, and the modes that it reaches."""
    centres = torch.tensor([[-1.5, 0.2], [1.0, 1.2], [0.4, -1.7]], dtype=torch.float64)
    widths = torch.tensor([0.3, 0.0, 0.1], dtype=torch.float64)
    mixture = Mixture(centres, widths, torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64))
    for seed, values in enumerate(SETTINGS):
        rate = optimisers.OPTIMISERS[values.get("optimiser", "adam")].rate / 2
        settings = GameSettings(
            hidden_g=(6, 5), hidden_d=(5, 6), batch=8, seed=seed, rate=rate, rate_d=rate, **values
        )
        game = Game(settings, mixture)
        first = game.flat().tolist()
        told = list(point_gans.play(game, STEPS))
        fakes = game.fakes(EVALUATED, point_gans.EVALUATION)
        real = mixture.draw(seed, FRESH, point_gans.EVALUATION)
        yield {
            "settings": settings.model_dump(), "told": told,
            "mixture": {
                "centres": centres.T.flatten().tolist(), "widths": widths.tolist(),
                "shares": mixture.shares.tolist(),
            },
            "first": first, "last": game.flat().tolist(),
            "fakes": fakes[:8].T.flatten().tolist(),
            "reached": [point_gans.reached(points, mixture) for points in (fakes, real)],
        }  # fmt: skip
