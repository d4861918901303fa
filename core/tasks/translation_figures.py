"""What is measured of a translation, a direction at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from core.data import Images
from core.data.set_pairs import DRAWN, one_side
from core.metrics import translations
from core.metrics.generative import Extractor, Real, health
from core.models.convnets import Recogniser
from core.models.translation_nets import Translator
from core.tasks.base import Experiment, unit

DIRECTIONS = ("ab", "ba")
FLOOR_IMAGES = 10_000
"""Training images whose distance to the test images is the floor of every translation's."""
QUICK_IMAGES = 500
"""Pictures of each set that are measured after an epoch, and by the hidden-message test."""


class Seen:
    """Test images of one set, translated and brought back; all in [0, 1]."""

    def __init__(
        self,
        experiment: Experiment[Any, Any, Translator],
        images: Images,
        direction: str,
        *,
        repeats: bool = False,
    ) -> None:
        self.experiment, self.check, self.direction = experiment, experiment.check, direction
        self.side = DIRECTIONS.index(direction)
        own, self.others = (
            Images(images.pixels[:, i], images.labels[:, i]) if repeats else one_side(images, i)
            for i in (self.side, 1 - self.side)
        )
        self.pairs, self.labels = images, own.labels
        self.inputs = unit(own.pixels)
        self.translated = self._apply(self.inputs, direction)
        self.back = self._apply(self.translated, direction[::-1])

    def _apply(self, images: Tensor, direction: str) -> Tensor:
        with torch.inference_mode():
            parts = []
            for part in torch.split(images, translations.CHUNK):
                self.check("translating")
                parts.append(self.experiment.model.translate(part, direction))
            return torch.cat(parts)

    def cycle_error(self) -> float:
        """Mean absolute difference to where it was, in [0, 1]."""
        return float((self.back - self.inputs).abs().mean())

    def variety(self) -> float:
        """How many different pictures there are among translations, see `Health`."""
        return Real(self.others.pixels, Extractor()).pictures.variety(self.translated)

    def kept(self) -> dict[str, Any]:
        """How much of the class is kept, where a classifier of the target set is known; `ceiling`
        is the share of real test pictures of the target set that it reads rightly, and `kept_copy`
        that of the pictures as they are, translated by nobody."""
        judge = self._judge()
        if judge is None:
            return {}
        read = translations.classes_read(judge, self.translated, self.check)
        of_real = translations.classes_read(judge, unit(self.others.pixels), self.check)
        of_inputs = translations.classes_read(judge, self.inputs, self.check)
        figures = translations.class_kept(read, self.labels, judge.head.out_features)
        del figures["n"]
        shares = {"ceiling": of_real == self.others.labels, "kept_copy": of_inputs == self.labels}
        return figures | {k: round(float(v.float().mean()), 4) for k, v in shares.items()}

    def truth(self) -> dict[str, float]:
        """How near translations are to hidden pairs, where these are known."""
        if self.experiment.config.target not in DRAWN:
            return {}
        truth = unit(self.pairs.pixels[:, 1 - self.side])
        return translations.against_truth(self.translated, self.inputs, truth, self.check)

    def health(self) -> dict[str, Any]:
        """Fréchet distance, its floor, neighbourhoods and variety; of one picture none."""
        judge = self.experiment.judge
        target = self.others.pixels
        if min(len(target), len(self.translated)) < 2:
            return {"fid": 0.0}
        reader = self._judge()
        extractor = Extractor(reader, judge.name if judge and reader else "")
        training = None
        if judge and judge.training:
            training = one_side(judge.training(FLOOR_IMAGES), 1 - self.side).pixels
        real = Real(target, extractor, training, self.check)
        figures = health(self.translated, real, check=self.check).figures()
        return {k: v for k, v in figures.items() if k not in ("n", "classes")}

    def hidden(self) -> list[dict[str, float]]:
        """The hidden-message test on some of the pictures."""
        translate = self.experiment.model.translate
        there = partial(translate, direction=self.direction)
        back = partial(translate, direction=self.direction[::-1])
        others = unit(self.others.pixels[:QUICK_IMAGES])
        return translations.hidden_message(
            there, back, self.inputs[:QUICK_IMAGES], others, check=self.check
        )

    def _judge(self) -> Recogniser | None:
        """The classifier of the target set."""
        judge, which = self.experiment.judge, self.direction[1]
        models = judge.model if judge else None
        if not isinstance(models, nn.ModuleDict) or which not in models:
            return None
        model = models[which]
        assert isinstance(model, Recogniser)
        return model
