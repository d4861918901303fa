"""How diffusions learnt, and one of your own."""

from core.tasks.diffusion import DIFFUSION
from pages.parts.diffusion.choice import network
from pages.ui.run_choice import RunChoice
from pages.ui.training_history import over_epochs
from pages.ui.training_panel import panel as training_panel


def epochs() -> None:
    """The same noise, drawn after each epoch."""
    if run := network():
        over_epochs(run, "Samples from the same noise")


def panel() -> None:
    """Train a diffusion."""
    choice = RunChoice.of(DIFFUSION)
    training_panel(DIFFUSION, choice.names, choice.use)
