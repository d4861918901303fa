"""Walls of pictures that the server draws."""

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core import counter_random
from core.inference import noise_walls
from core.inference.noise_walls import WallSettings
from core.models.denoising_nets import DiffusionNet
from core.runs.store import Run
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model_of
from pages.ui.concurrency import heavy


@heavy(by_run(st.cache_resource, max_entries=16, show_spinner="Drawing"))
def noise_wall(run: Run, settings: WallSettings) -> Tensor:
    """Pictures (N, C, H, W) in [0, 1] that a run's network draws."""
    return noise_walls.drawn(run, diffusion_network(run), first_noise(run, settings), settings)


def first_noise(run: Run, settings: WallSettings) -> Tensor:
    """The noise that a run's pictures come out of, (N, C, H, W)."""
    noises = counter_random.noises(len(settings.labels), run.spec().data.shape, settings.seed)
    return torch.from_numpy(noises.astype(np.float32))


def diffusion_network(run: Run) -> DiffusionNet:
    """A finished diffusion's network."""
    return model_of(run, DiffusionNet)
