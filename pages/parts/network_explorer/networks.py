"""The networks that the page looks into: finished runs, and those of ImageNet."""

from dataclasses import dataclass

from torch import nn

from core.models import backbones
from core.models.backbones import BACKBONES
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks.family import Shape
from pages.server.streamlit_private import DeltaGenerator
from pages.ui import cached
from pages.ui.run_choice import RunChoice

FIRST = ("cnn", "mnist")
"""The network and the data that the page opens with."""


@dataclass(frozen=True)
class Network:
    """A network from pictures to classes; every tab of the page takes one."""

    source: cached.Source
    name: str
    """As the page calls it."""
    shape: Shape
    """(C, H, W) of the pictures that it takes."""
    classes: tuple[str, ...]

    @property
    def id(self) -> str:
        """Of files that are taken away."""
        return self.source if isinstance(self.source, str) else self.source.id

    @property
    def run(self) -> Run | None:
        """The run that it comes from; None for a network of ImageNet."""
        return None if isinstance(self.source, str) else self.source

    @property
    def model(self) -> nn.Module:
        """From pictures (N, C, H, W) in [0, 1] to logits (N, classes); shared by all, so never
        changed. Raises RunBroken."""
        return cached.recogniser(self.source)


def choose(models: RunChoice, row: DeltaGenerator) -> Network:
    """Choose a finished run or a network of ImageNet whose weights are here."""
    others = {
        name: f"{known.title} · ImageNet" for name, known in BACKBONES.items() if known.here()
    }
    first = (run.id for run in models.runs.values() if opens(run))
    default = next(first, next(iter([*models.runs, *others])))
    chosen = models.box_with(others, "Network", default, place=row, width=265)
    if chosen in others:
        shape = cached.recogniser_shape(chosen)
        return Network(chosen, others[chosen], shape, backbones.classes())
    run = models.runs[chosen]
    return Network(run, models.names[chosen], run.spec().data.shape, classes_of(run))


def opens(run: Run) -> bool:
    """Whether the page opens with a run."""
    spec = run.spec()
    return run.shipped and (spec.variant, spec.dataset) == FIRST
