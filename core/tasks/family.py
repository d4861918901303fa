"""Families of variants that share their settings."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import LabError, RunBroken, UnknownName
from core.runs.schema import RunSpec
from core.runs.store import Run

Shape = tuple[int, int, int]
SMALL: Shape = (1, 28, 28)
"""What most variants work on: grey, the size of MNIST's digits."""


class FamilyConfig(BaseModel):
    """Settings of every variant of a family. Bounds hold wherever the values come from.

    `json_schema_extra` of a number holds the `step` of its form field; the default is 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def step(cls, name: str, default: float) -> float:
        """Return the step of the field in a form: the field's own, or ten or a hundred of them
        where it would take more than a thousand to a variant's default."""
        extra = cls.model_fields[name].json_schema_extra
        step = extra.get("step", 1) if isinstance(extra, dict) else 1
        assert isinstance(step, int | float)
        fits = cls.model_fields[name].annotation is int or default <= 1000 * step
        return (
            float(step) if fits else float(step * 10 ** math.ceil(math.log10(default / step) - 3))
        )


def number(
    default: float, bounds: tuple[float, float], title: str, description: str, step: float = 1
) -> Any:
    """Return the field of a number: its bounds, both included, and the `step` of its form field."""
    low, high = bounds
    return Field(
        default,
        ge=low,
        le=high,
        title=title,
        description=description,
        json_schema_extra={"step": step},
    )


@dataclass(frozen=True)
class Variant:
    """One entry of a family, with its default settings.

    A family that needs more of its variants, as a loss or an optimiser, extends this class.
    """

    name: str
    title: str
    summary: str
    build: Callable[..., Any]
    """Builds its network or map from the arguments of its family."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    learns: bool = True
    shape: Shape | None = SMALL
    """(C, H, W) of the images that it works on; None: colour, in the size that they have."""
    fixed: frozenset[str] = frozenset()
    """Settings of the family that this variant does not have: no form offers them."""
    source: str = ""
    text: str = ""
    """How the texts have it, what it is trained with included; empty where they have it not."""
    differs: str = ""
    """Where ours differs from the text, and why; with nothing in `text`, what ours is."""
    starts: tuple[str, ...] = ()
    """Other variants with the same network, whose weights it may begin with, too."""
    quick: bool = False
    """It takes seconds or minutes, so it never waits behind a training."""
    named: str = ""
    """Its name in the ids of its runs, where that is another than its own."""
    edition: int = 1
    """Goes up when its settings or its training change: new runs are then others than old ones."""

    def shape_for(self, of: Shape) -> Shape:
        """What images of shape `of` are brought to."""
        return self.shape or (3, *of[1:])


C = TypeVar("C", bound=FamilyConfig)
V = TypeVar("V", bound=Variant)


def by_name(*variants: V) -> Mapping[str, V]:
    """Return the variants of a family by their names, in this order."""
    return {variant.name: variant for variant in variants}


class Family(Generic[C, V]):
    """Variants that share a config. One instance each is registered in `core.registry`."""

    name: str
    kind: str
    """First word of its runs' names."""
    title: str
    config_class: type[C]
    variants: Mapping[str, V]
    headline: str = "psnr"
    """The figure that its runs are ranked by."""
    lower_is_better: bool = False
    rows_are: str = "epoch"
    """What each row of a history is written after."""

    def variant(self, name: str) -> V:
        """Raises UnknownName with the known ones."""
        if name not in self.variants:
            raise UnknownName(f"{self.name} variant", name, self.variants)
        return self.variants[name]

    def config(self, variant: str, values: Mapping[str, Any] | None = None) -> C:
        """The variant's settings with `values` over them, validated.

        Raises:
            UnknownName: no such variant.
            LabError: an unknown field, a value out of bounds, or a setting that the variant does
                not have; the message names it.
        """
        chosen = self.variant(variant)
        try:
            config = self.config_class(**{**chosen.defaults, **(values or {})})
        except ValidationError as error:
            raise LabError(_faults(error, self.config_class)) from error
        plain = self.config_class(**chosen.defaults)
        for name in sorted(chosen.fixed):
            if getattr(config, name) != getattr(plain, name):
                raise LabError(f"{chosen.title} has no setting {name!r} to change.")
        return config

    def config_of(self, run: Run) -> C:
        """The settings of a run of this family, validated again. Raises RunBroken."""
        spec = run.spec()
        try:
            return self.config(spec.variant, spec.config)
        except LabError as error:
            raise RunBroken(f"The settings of {run.id} are not valid: {error}") from error

    def identity(self, variant: str, config: FamilyConfig) -> tuple[str, dict[str, Any]]:
        """What the id of a run is made of: the variant's name in ids, and what makes it this run:
        the settings that are not at their default, and the variant's edition after the first."""
        chosen = self.variant(variant)
        edition = {"edition": chosen.edition} if chosen.edition > 1 else {}
        return chosen.named or chosen.name, {**self.changed(variant, config), **edition}

    def changed(self, variant: str, config: FamilyConfig) -> dict[str, Any]:
        """The fields that are not at the variant's default: what makes a run this run."""
        defaults = self.config(variant).model_dump()
        return {k: v for k, v in config.model_dump().items() if v != defaults[k]}

    def learns(self, variant: str) -> bool:
        """Whether the variant is a network, and not a method that learns nothing."""
        return self.variant(variant).learns

    def fits(self, variant: str, shape: Shape) -> bool:
        """Whether a run of the variant can be of images of `shape`."""
        return True

    def remark(self, history: Sequence[Mapping[str, Any]]) -> str:
        """Return a sentence on a run by its history so far; may be empty."""
        return ""

    def checked(self, run: Run) -> RunSpec:
        """Return the spec of a run of this family that can be listed: each of its files is sound.

        Raises:
            RunBroken: it is damaged.
        """
        run.check()
        spec = run.spec()
        try:
            _valid(self, spec.variant, json.dumps(spec.config), spec.data.shape)
        except LabError as error:
            raise RunBroken(f"The run {run.id} cannot be used: {error}") from error
        return spec


AnyFamily: TypeAlias = Family[Any, Any]


@lru_cache(maxsize=4096)
def _valid(family: AnyFamily, variant: str, values: str, shape: Shape) -> None:
    family.config(variant, json.loads(values))
    if not family.fits(variant, shape):
        raise LabError(f"{variant} does not work on images of {shape}.")


def _faults(error: ValidationError, config: type[BaseModel]) -> str:
    parts = []
    for fault in error.errors():
        name = ".".join(str(p) for p in fault["loc"]) or "settings"
        if fault["type"] == "extra_forbidden":
            known = ", ".join(config.model_fields)
            parts.append(f"There is no setting {name[:80]!r}. Known: {known}.")
        else:
            parts.append(f"{name}: {fault['msg'][0].lower()}{fault['msg'][1:]}.")
    return " ".join(parts)
