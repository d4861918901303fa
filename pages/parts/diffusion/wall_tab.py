"""A wall of pictures that come out of noise."""

from pages.parts.diffusion.choice import network


def panel() -> None:
    """Draw a wall, and look at the path of one picture."""
    network()
