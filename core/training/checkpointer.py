"""The files of a training: history, sample sheets, weights and the resume state."""

from collections.abc import Callable, Mapping

import numpy as np
import torch

from core import images
from core.runs.store import Run
from core.tasks import Learner

FIRST_SHEETS = 5
"""Epochs at the beginning that have a sheet each."""


class Checkpointer:
    """Writes a run's files after each epoch; `history` has a row for each finished epoch."""

    def __init__(self, run: Run, epochs: int, sheets: int, *, half: bool) -> None:
        """Keep `sheets` sheets beside the first ones; weights in half precision if `half`."""
        self.run, self.epochs, self.half = run, epochs, half
        self.every = -(-epochs // sheets)
        self.history: list[dict[str, float]] = []

    def resume(self, learner: Learner, generator: torch.Generator) -> int | None:
        """Put learner and generators where the run stopped; gives the epochs that are behind, None
        where nothing was kept."""
        state = self.run.read_resume()
        if state is None:
            return None
        learner.load_state_dict(state["learner"])
        generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        self.history = state["history"]
        return int(state["epoch"])

    def keep(self, epoch: int, learner: Learner, generator: torch.Generator) -> None:
        """Save the resume state after an epoch; call it last, so that a kill repeats the epoch."""
        self.run.write_resume(
            {
                "epoch": epoch,
                "learner": learner.state_dict(),
                "generator": generator.get_state(),
                "torch": torch.get_rng_state(),
                "history": self.history,
            }
        )

    def log(self, row: Mapping[str, float]) -> None:
        """Add the figures of an epoch to the history."""
        self.history.append(dict(row))
        self.run.write_history(self.history)

    def sheet(self, epoch: int, draw: Callable[[], np.ndarray]) -> None:
        """Keep a sample sheet of an epoch that is to have one."""
        if epoch <= FIRST_SHEETS or epoch % self.every == 0 or epoch == self.epochs:
            self.run.write_sample(epoch, images.to_sheet(draw()))

    def weights(self, model: torch.nn.Module) -> None:
        """Keep the weights of the run's network."""
        self.run.write_weights(model.state_dict(), half=self.half)

    def keep_last_good(self, learner: Learner) -> None:
        """Keep the weights of the last epoch whose losses were numbers."""
        state = self.run.read_resume()
        if state is not None:
            learner.load_state_dict(state["learner"])
            self.weights(learner.eval_model())
