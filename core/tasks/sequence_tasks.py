"""What tasks on series and texts have in common."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from core.data import Images
from core.errors import RunBroken
from core.runs.store import Run
from core.tasks.base import Task, TaskConfig
from core.tasks.family import Shape, Variant

WHOLE = frozenset({"train_images"})
"""Settings that say nothing of a sequence, which is always learnt from as a whole."""
VOCABULARY = "vocabulary.txt"
"""The file of a run with the words that its network knows, a line each, in the order of their
numbers."""
MAX_VOCABULARY_BYTES = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class SequenceVariant(Variant):
    """A network on sequences, with the one that it is made for."""

    dataset: str
    """The series or text that it is trained on where nothing else is chosen."""
    fixed: frozenset[str] = WHOLE

    def shape_for(self, of: Shape) -> Shape:
        """Of sequences nothing is resized."""
        return of


C = TypeVar("C", bound=TaskConfig)
V = TypeVar("V", bound=SequenceVariant)
M = TypeVar("M", bound=nn.Module)


class SequenceTask(Task[C, V, M]):
    """A task on sequences: it cuts them into what is learnt from and what is measured on.

    The two are `Images` in name only: of N examples what is seen, (N, …), and what is to be said
    of it, (N, …). Nothing is resized, and nothing held back by `split`.
    """

    def prepare(self, variant: str, images: Images) -> Images:
        """Return them as they are: `training` and `testing` have prepared them."""
        return images

    @abstractmethod
    def training(self, run: Run) -> Images:
        """Return what a run learns from. Raises DataMissing."""

    @abstractmethod
    def testing(self, run: Run) -> Images:
        """Return what a run is measured on. Raises DataMissing."""


def vocabulary(run: Run) -> list[str]:
    """Return the words that a run's network knows, by their numbers. Raises RunBroken."""
    try:
        content = (run.path / VOCABULARY).read_bytes()
        if len(content) > MAX_VOCABULARY_BYTES:
            raise ValueError("too large")
        return content.decode().splitlines()
    except (OSError, ValueError) as error:
        raise RunBroken(f"The vocabulary of {run.id} cannot be read: train anew.") from error
