"""What diffusions make of pictures."""

import streamlit as st
from torch import Tensor

from core.inference.repeated_denoising import Looks, repeated
from core.models.denoising_nets import DiffusionNet
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model_of


@by_run(st.cache_resource, max_entries=64, show_spinner=False)
def repeated_looks(run: Run, pictures: Tensor, strength: float, steps: int, seed: int) -> Looks:
    """What a finished diffusion sees and says of pictures (N, C, H, W) in [0, 1] that were given
    noise, until it is gone. Raises RunBroken where it is none."""
    network = model_of(run, DiffusionNet)
    process = DIFFUSION.variant(run.spec().variant).process
    return repeated(process, network, pictures, strength, steps, seed)
