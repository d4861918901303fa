"""Pictures out of noise that are drawn on the server, by shipped networks."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.errors import LabError
from core.images import contact_sheet
from core.inference import noise_walls
from core.inference.noise_walls import WallSettings
from core.runs.query import shipped
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.components import diffusion_wall
from pages.ui import cached

COLUMNS = 10
"""Times of the cover, from noise to picture."""
ON_COVER = (2, 7)
"""Classes of its rows."""


def first_run() -> Run:
    """The run that the page opens with. Raises LabError without one."""
    if not (runs := shipped(DIFFUSION)):
        raise LabError("There is no shipped diffusion.")
    return runs[0]


def first_wall() -> Tensor:
    """The pictures that the wall opens with, (N, C, H, W) in [0, 1]. Raises LabError."""
    run = first_run()
    classes = cached.diffusion_network(run).classes
    settings = diffusion_wall.drawing(diffusion_wall.read({}, classes), classes)
    return cached.noise_wall(run, settings)


def cover() -> NDArray[np.uint8]:
    """Two pictures as they come out of noise, a row each. Raises LabError."""
    run = first_run()
    model = cached.diffusion_network(run)
    labels = ON_COVER if model.classes > max(ON_COVER) else (-1, -1)
    settings = WallSettings(labels)
    noise = cached.first_noise(run, settings)
    return contact_sheet(noise_walls.paths(run, model, noise, settings, COLUMNS), COLUMNS, fill=0)
