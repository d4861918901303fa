"""What PyTorch says of noise and points, for the browser to compare with."""

import torch

from core.foundations import point_flows
from core.foundations.networks import Network
from core.foundations.point_flows import EVALUATED, SHOWN, Learnt, Mixture

STEPS = 40
N = 12


def mixtures():
    """Bumps in the plane, some without a width, and on a line."""
    plane = torch.tensor([[-1.5, 0.2], [1.0, 1.2], [0.4, -1.7]], dtype=torch.float64)
    line = torch.tensor([[-1.2], [1.4]], dtype=torch.float64)
    for process in ("straight", "preserving"):
        widths, shares = torch.tensor([[0.3, 0.0, 0.1], [0.5, 0.2, 0.3]], dtype=torch.float64)
        yield Mixture(plane, widths, shares, process)
        yield Mixture(line, widths[::2], torch.full((2,), 0.5, dtype=torch.float64), process)


def cases():
    """Of each mixture: draws, exact numbers, some steps of a network, a reflow, and ways."""
    for seed, mixture in enumerate(mixtures()):
        d = mixture.centres.shape[1]
        settings = point_flows.flow_settings(
            d, hidden=(6, 5), optimiser="adam", rate=0.01, batch=32, seed=seed
        )
        network = Network(settings)
        first = network.flat().tolist()
        rows = point_flows.learn(network, mixture, STEPS)
        learnt, noise = Learnt(network, mixture.process), point_flows.noise_of(seed, SHOWN, N, d)
        pairs = point_flows.reflow(learnt, seed, 1, d)
        real, at = mixture.draw(seed, SHOWN, N), torch.tensor(0.4, dtype=torch.float64)
        x, y = point_flows.noisy(mixture, seed, EVALUATED, 8)
        ways = {
            name: point_flows.paths(field, noise, 7, seed, anew)
            for name, field, anew in (
                ("exact", mixture, False), ("anew", mixture, True), ("learnt", learnt, False)
            )
        }  # fmt: skip
        yield {
            "mixture": {
                "centres": flat(mixture.centres), "widths": mixture.widths.tolist(),
                "shares": mixture.shares.tolist(),
            },
            "process": mixture.process, "settings": settings.model_dump(), "n": N, "d": d,
            "real": flat(real), "noise": flat(noise), "x": flat(x), "y": flat(y),
            "logs": mixture.log_density(real, at).tolist(),
            "score": flat(point_flows.score(mixture, real, at)),
            "velocity": flat(point_flows.velocity(learnt, real, at)),
            "first": first, "last": network.flat().tolist(), "losses": [row.loss for row in rows],
            "floor": point_flows.loss_of(mixture, mixture, seed),
            "loss": point_flows.loss_of(learnt, mixture, seed),
            "pairs": flat(pairs.image), "again": point_flows.loss_of(learnt, mixture, seed, pairs),
            "ways": {name: [flat(place) for place in places] for name, places in ways.items()},
            "distance": point_flows.energy_distance(ways["learnt"][-1], real),
            "detour": point_flows.detour(ways["learnt"]),
        }  # fmt: skip


def flat(places):
    """Feature by feature, as the browser has them."""
    return places.T.flatten().tolist()
