"""Denoisers from before learning, as modules with nothing to learn (scikit-image).

They have one advantage over the networks: they are given how far the input is from the clean
picture (`rms`), and their strength was chosen by that on training images.
"""

from collections.abc import Callable

import numpy as np
import skimage  # it loads what is used, when it is used
import torch
from torch import Tensor, nn

Grey = np.ndarray
"""One channel (H, W) in [0, 1]."""


# The strengths below are those that did best on training images of MNIST and Fashion-MNIST with
# Gaussian noise, 60 of each at six levels.


def median_filter(image: Grey, rms: float) -> Grey:
    """Median over a neighbourhood, larger for stronger noise."""
    if 0.18 < rms <= 0.3:
        footprint = skimage.morphology.footprint_rectangle((3, 3))
    else:
        footprint = skimage.morphology.disk(1 if rms <= 0.18 else 2 if rms <= 0.4 else 3)
    return skimage.filters.median(image, footprint)


def non_local_means(image: Grey, rms: float) -> Grey:
    """Non-local means (Buades et al. 2005) with patches of 5×5 pixels."""
    h = rms * float(np.interp(rms, (0.07, 0.15, 0.22, 0.34), (1.3, 0.95, 0.8, 0.6)))
    return skimage.restoration.denoise_nl_means(image, patch_size=5, patch_distance=8, h=h)


def total_variation(image: Grey, rms: float) -> Grey:
    """Total variation (Rudin et al. 1992; Chambolle 2004)."""
    return skimage.restoration.denoise_tv_chambolle(image, weight=0.55 * rms)


class Classical(nn.Module):
    """A function of one channel, applied to each channel of each image."""

    def __init__(self, function: Callable[[Grey, float], Grey]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, rms: Tensor) -> Tensor:
        """Denoise.

        Args:
            x: (N, C, H, W) in [0, 1].
            rms: (N,), root mean squared difference of each image from its clean self.

        Returns:
            (N, C, H, W) in [0, 1].
        """
        out = [
            # A clean picture stays as it is: with no noise there is nothing to divide by.
            [self.function(channel, float(level)) if level > 0 else channel for channel in image]
            for image, level in zip(x.numpy(force=True), rms, strict=True)
        ]
        return torch.from_numpy(np.array(out, dtype=np.float32)).to(x.device).clamp(0, 1)
