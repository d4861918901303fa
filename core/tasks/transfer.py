"""Transfer: a network pretrained on ImageNet learns other classes from few pictures of each."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

from core.cancellation import Check, silent
from core.data import Images
from core.errors import LabError
from core.features import features
from core.images import contact_sheet
from core.metrics.image import calibration_error
from core.models import backbones
from core.models.backbones import BACKBONES
from core.models.feature_classifiers import Transfer, head, joined
from core.tasks.base import Experiment, Learner, Task, TaskConfig, constant, unit, warm_cosine
from core.tasks.family import FamilyConfig, Shape, Variant, by_name, number

MAX_CROPPED = 0.2
"""Share of the side that a random crop may leave out."""


class TransferConfig(TaskConfig):
    """Settings of a classifier on pretrained features."""

    backbones: str = Field(
        "lite0",
        max_length=100,
        title="Backbone",
        description="the pretrained network; several, joined with +, give their features together",
    )
    head: Literal["linear", "published", "mlp"] = Field(
        "linear",
        title="Head",
        description="`linear`: one layer; `published`: the text's three, 256-256-k with dropout; "
        "`mlp`: ours of four, 512-256-256-k with dropout",
    )
    weight_decay: float = number(
        0.01, (0, 1), "Weight decay", "pull of the weights towards zero", step=0.005
    )
    class_weights: bool = Field(
        True, title="Weigh classes", description="pictures of rarer classes count for more"
    )
    validation_share: float = number(
        0.1,
        (0, 0.5),
        "Held back",
        "share of the training pictures that tells when to stop and calibrates",
        step=0.05,
    )
    patience: int = number(
        10,
        (0, 1000),
        "Patience",
        "epochs without a better validation loss after which it stops; 0 never does",
    )
    body_rate: float = number(
        0.05,
        (0, 1),
        "Rate of the body",
        "learning rate of the backbone as a share of the head's, once it is unfrozen",
        step=0.05,
    )

    @field_validator("backbones")
    @classmethod
    def _known(cls, value: str) -> str:
        names = value.split("+")
        unknown = [name for name in names if name not in BACKBONES]
        if unknown or len(set(names)) != len(names):
            raise ValueError(f"is one of {', '.join(BACKBONES)}, or several of them joined with +")
        return value


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """A weight for each class (classes,), so that all count the same; 1 on average over images."""
    counts = torch.bincount(labels, minlength=classes).clamp_min(1).float()
    return len(labels) / (classes * counts)


def cropped(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random crop of each (N, C, H, W), scaled back; half are mirrored."""
    n, _, height, width = images.shape
    device = images.device
    scale = 1 - MAX_CROPPED * torch.rand(n, generator=generator, device=device)
    place = 2 * torch.rand(n, 2, generator=generator, device=device) - 1
    mirror = torch.where(torch.rand(n, generator=generator, device=device) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 1, 1] = scale * mirror, scale
    theta[:, :, 2] = place * (1 - scale)[:, None]
    grid = F.affine_grid(theta, [n, 3, height, width], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


__all__ = ["TRANSFER", "TransferConfig", "TransferLearner", "Transferring", "seen_by"]

CHUNK = 4
"""Pictures at a time in a measurement."""
MAX_STANDARDISED = 32
"""Maximum number of pictures with which features of trained backbones are standardised."""
SHEET = 12
SHEET_CLASSES = 8
HEADS_IN_IDS = {"mlp": "published", "published": "published 256-256"}
MIN_HELD = 20
"""Minimum number of held-out pictures for a calibration."""


@dataclass(frozen=True, kw_only=True)
class TransferVariant(Variant):
    """A classifier on pretrained features."""

    trained: bool = False
    """Whether the backbone is trained too."""


TransferExperiment = Experiment[TransferConfig, TransferVariant, Transfer]


class TransferLearner(Learner):
    """Cross-entropy; keeps the weights with the best validation loss, and stops when none come.

    With a frozen backbone it steps over features. Otherwise the head learns first, for a third of
    the training, and then all of it, the backbone at a lower rate (ULMFiT's discriminative rates,
    Howard and Ruder 2018).
    """

    def __init__(self, experiment: TransferExperiment, data: Images) -> None:
        config, model = experiment.config, experiment.model
        groups = [{"params": list(model.head.parameters()), "share": 1.0}]
        if model.trained:
            body = [p.requires_grad_(True) for p in model.nets.parameters()]
            groups.append({"params": body, "share": config.body_rate})
        optimiser = AdamW(groups, lr=config.learning_rate, weight_decay=config.weight_decay)
        super().__init__(model, {"model": optimiser})
        self.config, self.transfer, self.data = config, model, data
        self.weights = class_weights(data.labels, model.classes) if config.class_weights else None
        self.best: dict[str, Tensor] = {}
        self.least, self.waited = float("inf"), 0

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        optimiser, frozen = self.optimisers["model"], progress < 1 / 3
        schedule = warm_cosine if self.transfer.trained else constant
        for group in optimiser.param_groups:
            body = group["share"] != 1.0
            rate = 0.0 if body and frozen else group["share"]
            group["lr"] = self.config.learning_rate * rate * schedule(progress)
        if images.pixels.ndim == 2:
            logits = self.transfer.read(images.pixels)
        else:
            x = cropped(unit(images.pixels), generator)
            with torch.set_grad_enabled(not frozen):
                features = self.transfer.features(x)
            logits = self.transfer.read(features)
        loss = F.cross_entropy(logits, images.labels, self.weights)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        correct = (logits.argmax(1) == images.labels).float().mean()
        return {"loss": loss.item(), "accuracy": correct.item()}

    def on_epoch_end(self, row: Mapping[str, float]) -> None:
        loss = row.get("validation_loss")
        if loss is None:
            return
        if loss < self.least:
            self.least, self.waited = loss, 0
            self.best = copy.deepcopy(self.transfer.state_dict())
        else:
            self.waited += 1
        self.should_stop = 0 < self.config.patience <= self.waited

    def finish(self, check: Check = silent) -> nn.Module:
        """Return the network with the weights of the lowest validation loss."""
        if self.best:
            self.transfer.load_state_dict(self.best)
        if self.transfer.trained:  # its features are others now
            self.transfer.remember(seen_by(self.transfer.eval(), self.data.pixels, check))
        return self.transfer

    def state_dict(self) -> dict[str, Any]:
        own = {"best": self.best, "least": self.least, "waited": self.waited}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        self.best, self.least, self.waited = state["best"], state["least"], state["waited"]
        self.should_stop = 0 < self.config.patience <= self.waited


class Transferring(Task[TransferConfig, TransferVariant, Transfer]):
    """Classification of pictures by a network pretrained on a million others."""

    name = "transfer"
    kind = "transfer"
    title = "Transfer learning"
    headline = "accuracy"
    half = True
    encodes = True
    least_classes = 2
    most_test = 2000
    config_class = TransferConfig
    variants = by_name(
        TransferVariant(
            "new_head",
            "New head",
            "The convolutions stay as they are: only a new head learns, in seconds.",
            head,
            {"epochs": 60, "batch_size": 32, "train_images": 2000},
            shape=None,
            quick=True,
            source="Transfer 2: frozen convolutions, new head",
            text="ResNet-18 is frozen; on its 512 features Lin 256-256-2 with ReLU and "
            "dropout 0.5; Adam 1e-4, batches of 4, 2 epochs; normalised by 0.5, "
            "centre crop 224 without resizing; cats against dogs, 90/10.",
            differs="EfficientNet-Lite0, whose weights install offline, and one linear layer "
            "that begins near zero; the text's head is there as `published`. Pictures "
            "are scaled before they are cropped, so that the animal is in them; "
            "normalised as the backbone was taught; features of length 1, "
            "standardised; AdamW 1e-3, batches of 32, up to 60 epochs, stopped by a "
            "tenth held back, which also calibrates; rare classes weigh more.",
        ),
        TransferVariant(
            "side_by_side",
            "Networks side by side",
            "The features of several pretrained networks, joined for one head.",
            head,
            {
                "epochs": 60,
                "batch_size": 32,
                "train_images": 2000,
                "backbones": "lite0+lite1+lite2",
            },
            shape=None,
            quick=True,
            source="Transfer 3: several networks' features in one head",
            text="The features of several pretrained networks in one head.",
            differs="Lite0, Lite1 and Lite2; each one's features of length 1; otherwise as "
            "for `new_head`.",
        ),
        TransferVariant(
            "fine_tune",
            "Fine-tuned network",
            "A pretrained network with a new last layer; everything learns, the head first.",
            head,
            {"epochs": 6, "batch_size": 16, "train_images": 2000},
            trained=True,
            shape=None,
            source="Transfer 1: last layer replaced, everything trained",
            text="A pretrained network, its last layer replaced, everything trained.",
            differs="For a third of the training only the head learns, then the body at a "
            "twentieth of its rate, with frozen statistics of batch norm; random "
            "crops and mirroring; otherwise as for `new_head`.",
        ),
    )

    def identity(self, variant: str, config: FamilyConfig) -> tuple[str, dict[str, Any]]:
        """As for all; the head of four layers is `published` in ids, as it was called at first."""
        name, changed = super().identity(variant, config)
        if "head" in changed:
            changed["head"] = HEADS_IN_IDS.get(changed["head"], changed["head"])
        return name, changed

    def build(
        self, variant: str, shape: Shape, config: TransferConfig | None = None, classes: int = 0
    ) -> Transfer:
        """Raises LabError for fewer than two classes, and DataMissing without the weights."""
        chosen = self.variant(variant)
        if classes < 2:
            raise LabError(f"{chosen.title} needs pictures of two classes at least.")
        settings = config or self.config(variant)
        # Moves the generator before the head is drawn, as ever: a seed gives the same head.
        nets = {name: backbones.drawn(name) for name in settings.backbones.split("+")}
        width = sum(net.width for net in nets.values())
        classifier = head(settings.head, width, classes)
        return Transfer(nets, classifier, chosen.trained)

    def split(self, config: TransferConfig, images: Images) -> tuple[Images, Images]:
        """Hold back a seeded share of each class, at least one picture if there are two."""
        share = config.validation_share
        generator = torch.Generator().manual_seed(config.seed)
        held = torch.zeros(len(images.labels), dtype=torch.bool)
        for label in torch.unique(images.labels).tolist() if share else []:
            rows = torch.nonzero(images.labels.cpu() == label)[:, 0]
            rows = rows[torch.randperm(len(rows), generator=generator)]
            count = max(1, round(share * len(rows))) if len(rows) > 1 else 0
            held[rows[:count]] = True
        first, second = (Images(*(t[m.to(t.device)] for t in images)) for m in (~held, held))
        return first, second

    def precompute(self, experiment: TransferExperiment, images: Images) -> Images:
        """Compute the features of frozen backbones once."""
        if experiment.model.trained:
            return images
        return Images(seen_by(experiment.model, images.pixels, experiment.check), images.labels)

    def learner(
        self, experiment: TransferExperiment, data: Images | None = None
    ) -> TransferLearner:
        """It first looks how the training pictures' features lie; where the backbones are trained
        too, those of a few. Of length 1 as they come, a head would need epochs only to grow."""
        model = experiment.model
        data = data or Images(torch.zeros(0, 3, 1, 1).byte(), torch.zeros(0).long())
        if data.pixels.ndim == 2:
            model.standardise(data.pixels)
            model.remember(data.pixels)
        elif len(data.labels):
            # Evenly spaced ones: of all classes, in whatever order they are.
            every = -(-len(data.labels) // MAX_STANDARDISED)
            model.standardise(seen_by(model, data.pixels[::every]))
        return TransferLearner(experiment, data)

    @torch.inference_mode()
    def validate(
        self, experiment: TransferExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        row = {}
        for name, part in (("test", images), ("validation", held)):
            if len(part.labels):
                logits = _logits(experiment.model, part, experiment.check)
                row[f"{name}_loss"] = float(F.cross_entropy(logits, part.labels))
                row[f"{name}_accuracy"] = float((logits.argmax(1) == part.labels).float().mean())
        return row

    def calibrate(self, experiment: TransferExperiment, held: Images) -> None:
        """The temperature with the least log loss on what was held back (Guo et al. 2017).

        Where all of it is right, the least loss is that of boundless certainty. So the targets are
        a little below one, as if one picture more had been seen, of any class (after Platt 1999).
        From a handful nothing can be estimated: then it stays 1.
        """
        if len(held.labels) < MIN_HELD:
            return
        with torch.inference_mode():
            logits = _logits(experiment.model, held, experiment.check)
        rates = torch.logspace(-1, 2, 301, device=logits.device)
        unseen = 1 / (len(held.labels) + 1)
        losses = [F.cross_entropy(logits / t, held.labels, label_smoothing=unseen) for t in rates]
        experiment.model.temperature.fill_(float(rates[int(torch.stack(losses).argmin())]))

    @torch.inference_mode()
    def evaluate(self, experiment: TransferExperiment, images: Images) -> dict[str, Any]:
        """Compute accuracy, each class's precision, recall and F1, confusion and calibration."""
        inputs = self.precompute(experiment, images)
        logits = _logits(experiment.model, inputs, experiment.check)
        classes = logits.shape[1]
        counts = torch.bincount(images.labels * classes + logits.argmax(1), minlength=classes**2)
        confusion = counts.view(classes, classes)
        right = confusion.diagonal().float()
        precision = right / confusion.sum(0).clamp_min(1)
        recall = right / confusion.sum(1).clamp_min(1)
        f1 = 2 * precision * recall / (precision + recall).clamp_min(1e-9)
        loss = F.cross_entropy(logits, images.labels)
        figures: dict[str, Any] = {
            "accuracy": float(right.sum() / len(images.labels)),
            "log_loss": float(loss),
            "calibration_error": calibration_error(logits, images.labels),
            "temperature": float(experiment.model.temperature),
        }
        figures = {k: round(v, 4) for k, v in figures.items()}
        for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
            figures[f"class_{name}"] = [round(float(v), 4) for v in values]
        return {**figures, "confusion": confusion.tolist(), "n_test": len(images.labels)}

    @torch.inference_mode()
    def render(self, experiment: TransferExperiment, images: Images) -> np.ndarray:
        """Draw a row a class: the first test pictures that are predicted as that class, small."""
        model, subset = experiment.model, images.first(SHEET * SHEET_CLASSES)
        inputs = self.precompute(experiment, subset)
        predicted = _logits(model, inputs, experiment.check).argmax(1)
        small = F.interpolate(unit(subset.pixels), (64, 64), mode="area")
        rows = [small[predicted == k][:SHEET] for k in range(min(model.classes, SHEET_CLASSES))]
        columns = max(len(row) for row in rows)
        gaps = [small.new_full((columns - len(row), *small.shape[1:]), 0.5) for row in rows]
        pairs = [part for pair in zip(rows, gaps, strict=True) for part in pair]
        return contact_sheet(torch.cat(pairs), columns=columns)

    def encode(self, model: Transfer, images: Images, check: Check = silent) -> Tensor:
        """Return the standardised features of the backbones."""
        return model.standard(seen_by(model, images.pixels, check))


@torch.no_grad()
def seen_by(model: Transfer, pixels: Tensor, check: Check = silent) -> Tensor:
    """Features (N, width) of uint8 (N, 3, H, W): of frozen backbones looked up or computed, of
    trained ones computed."""
    if model.trained:
        parts = []
        for few in torch.split(pixels, CHUNK):
            check("looking")
            parts.append(model.features(unit(few)))
        return torch.cat(parts)
    nets = zip(model.names, model.backbones, strict=True)
    looked_up = [features(name, pixels.cpu(), net, check) for name, net in nets]
    return joined(looked_up).to(model.mean.device)


def _logits(model: Transfer, inputs: Images, check: Check = silent) -> Tensor:
    """Return the logits of features (N, width), or of pictures."""
    known = inputs.pixels.ndim == 2
    return model.read(inputs.pixels if known else seen_by(model, inputs.pixels, check))


TRANSFER = Transferring()
