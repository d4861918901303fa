"""One denoiser for every task: paint what is missing, and measure what comes back."""

from pages.parts.diffusion.choice import network


def paint() -> None:
    """Paint holes or a scribble, and watch the network finish it."""
    network()
