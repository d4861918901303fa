"""GAN inversion: the latent whose drawing is nearest to a given picture."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from core.cancellation import Check, silent
from core.errors import LabError
from core.inference.generators import draw
from core.inference.latent import checked_labels
from core.models.gans import GAN, seeded_noise

SEED = 70_000
RANDOM_SAMPLES = 1000
"""Number of random samples that the search starts from and is compared with."""
MAX_STARTS, MAX_STEPS = 64, 2000
LEARNING_RATE = 0.2
PRIOR_WEIGHT = 1e-2
"""Weight of a latent's distance from the prior's radius, beside the mean squared error of pixels
in [0, 1]: enough to keep it from diverging."""


class Inversion(NamedTuple):
    """The result: `latent` (1, latent), `drawing` (1, C, H, W) in [0, 1], and its errors.

    `errors` (starts,) are the RMS errors of pixels at the end of each start, and `best` is the
    least. `nearest` is that of the nearest of 1,000 random samples, (1, C, H, W) `nearest_drawing`
    of the latent (1, latent) `nearest_latent`.
    """

    latent: Tensor
    drawing: Tensor
    errors: Tensor
    best: float
    nearest: float
    nearest_drawing: Tensor
    nearest_latent: Tensor


def invert(
    model: GAN,
    image: Tensor,
    label: int | None = None,
    starts: int = 8,
    steps: int = 200,
    check: Check = silent,
) -> Inversion:
    """The latent whose drawing is nearest to `image` in its pixels (Creswell and Bharath 2018).

    Adam from the best of 1,000 random samples, all starts as one batch. It moves the normal u that
    latents are made of, so that uniform ones stay in [-1, 1], and u is pulled mildly to the radius
    √d near which nearly all of N(0, 1) lies.

    Args:
        image: (1, C, H, W) in [0, 1], of the shape that the network draws.
        label: the class to draw; an unconditional network ignores it.
        starts: 1 to 64.
        steps: 1 to 2,000.
        check: called at each step.

    Raises:
        LabError: another shape, pixels outside [0, 1], a number out of bounds, or a class that is
            missing or that the network does not have.
    """
    if not (1 <= starts <= MAX_STARTS and 1 <= steps <= MAX_STEPS):
        raise LabError(f"Search from 1 to {MAX_STARTS} starts, in 1 to {MAX_STEPS:,} steps.")
    checked_labels(model, label, 1)
    target = _checked_image(model, image, label)
    check("drawing random samples")
    u = seeded_noise(RANDOM_SAMPLES, SEED)[:, : model.latent]
    samples = model.latents(u)
    random = draw(model, samples, label)
    random_errors = _errors(random, target)
    order = random_errors.argsort()[:starts]
    latents = _optimised(model, u[order], target, label, steps, check)
    drawings = draw(model, latents, label)
    errors = _errors(drawings, target)
    i, j = int(errors.argmin()), int(order[0])
    return Inversion(
        latents[i : i + 1],
        drawings[i : i + 1],
        errors,
        float(errors[i]),
        float(random_errors[j]),
        random[j : j + 1],
        samples[j : j + 1],
    )


@torch.enable_grad()
def _optimised(
    model: GAN, u: Tensor, target: Tensor, label: int | None, steps: int, check: Check
) -> Tensor:
    """Latents (N, latent), after `steps` of Adam from those of u (N, latent)."""
    u = u.clone().requires_grad_(True)
    labels = checked_labels(model, label, len(u))
    optimiser = torch.optim.Adam([u], lr=LEARNING_RATE)
    schedule = CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        check(f"searching, step {step + 1} of {steps}")
        error = (model(model.latents(u), labels) - target).square().mean((1, 2, 3))
        off_radius = (u.square().mean(1) - 1).square()
        # The gradient of u only: none reaches the weights, which others draw with.
        (u.grad,) = torch.autograd.grad((error + PRIOR_WEIGHT * off_radius).sum(), u)
        optimiser.step()
        schedule.step()
    return model.latents(u.detach())


def _checked_image(model: GAN, image: Tensor, label: int | None) -> Tensor:
    shape = draw(model, torch.zeros(1, model.latent), label).shape
    if image.shape != shape:
        size = "×".join(map(str, shape[1:]))
        raise LabError(f"This network draws a picture of {size} numbers: bring yours to that size.")
    if not bool(((image >= 0) & (image <= 1)).all()):  # so written, nan is caught too
        raise LabError("Every pixel must lie between 0 and 1; this picture has others.")
    return image.detach().float().clone()  # a picture drawn in inference mode has no gradients


def _errors(drawings: Tensor, target: Tensor) -> Tensor:
    """RMS errors (N,) of pixels."""
    return (drawings - target).square().mean((1, 2, 3)).sqrt()
