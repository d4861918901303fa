"""What a finished translation makes of pictures, there and back."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from core.data.set_pairs import Sides
from core.errors import LabError
from core.images import fit
from core.metrics import translations
from core.models.translation_nets import Translator
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.base import unit
from core.tasks.translation import TRANSLATION
from core.tasks.translation_training import sides_of

Direction = Literal["ab", "ba"]
DIRECTIONS: tuple[Direction, Direction] = ("ab", "ba")
MOST_SEEN = 500
"""Pictures of each set in a hidden-message test at most."""


class Trip(NamedTuple):
    """Pictures (N, C, H, W) in [0, 1], as the network sees them: as they are, translated, and
    brought back."""

    picture: Tensor
    there: Tensor
    back: Tensor

    @property
    def cycle_error(self) -> Tensor:
        """Mean absolute difference (N,) between a picture and its way there and back."""
        return (self.back - self.picture).abs().flatten(1).mean(1)


def translator_of(run: Run) -> Translator:
    """Load the run's network. Raises RunBroken, and LabError if it is no translation."""
    model = load_model(run)
    if not isinstance(model, Translator):
        raise LabError(f"{run.id} is no translation: it goes from no set to another.")
    return model


def sides_of_run(run: Run) -> Sides:
    """The pair of sets that a run goes between. Raises RunBroken."""
    return sides_of(run.spec().dataset, TRANSLATION.config_of(run))


def trip(model: Translator, pixels: Tensor, direction: Direction) -> Trip:
    """Translate pictures, uint8 (N, C, H, W) of any size, and bring them back."""
    picture = unit(fit(pixels, model.shape))
    parts = []
    with torch.inference_mode():
        for part in torch.split(picture, translations.CHUNK):
            there = model.translate(part, direction)
            parts.append((there, model.translate(there, direction[::-1])))
    there, back = (torch.cat(both) for both in zip(*parts, strict=True))
    return Trip(picture, there, back)


def hidden_message(
    model: Translator, pixels: Tensor, others: Tensor, direction: Direction
) -> list[dict[str, float]]:
    """Put noise on translations of pictures, uint8 (N, C, H, W), and bring them back; see
    `core.metrics.translations.hidden_message`.

    Args:
        others: real pictures (M, C, H, W) of the other set, for comparison.
    """
    own, real = (unit(fit(x[:MOST_SEEN], model.shape)) for x in (pixels, others))

    def there(x: Tensor) -> Tensor:
        return model.translate(x, direction)

    def back(x: Tensor) -> Tensor:
        return model.translate(x, direction[::-1])

    return translations.hidden_message(there, back, own, real)
