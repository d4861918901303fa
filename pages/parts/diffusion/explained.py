"""What is happening in a diffusion."""

from pages.parts.diffusion.measure_explained import how_it_measures
from pages.parts.diffusion.paint_explained import on_painting
from pages.parts.diffusion.points_explained import on_points
from pages.parts.diffusion.wall_explained import how_it_draws


def explained() -> None:
    """Noise, denoising, and what follows from it."""
    how_it_draws()
    on_painting()
    how_it_measures()
    on_points()
