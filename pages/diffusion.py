"""Diffusion: a network that only takes noise away draws, fills what is missing, sharpens."""

from pages.parts.diffusion import (
    compare_tab,
    measure_tab,
    paint_tab,
    points_tab,
    training_tab,
    wall_tab,
)
from pages.parts.diffusion.explained import explained
from pages.ui.page_frame import opening, tabs

opening("diffusion")
tabs(
    {
        "Draw": wall_tab.panel,
        "Paint": paint_tab.panel,
        "Measure": measure_tab.measure,
        "Points": points_tab.panel,
        "Compare": compare_tab.panel,
        "Over epochs": training_tab.epochs,
        "Train your own": training_tab.panel,
        "What is happening": explained,
    }
)
