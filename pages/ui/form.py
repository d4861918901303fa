"""A form made from a config class: every field has its bounds, its unit and its sentence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from core.tasks import AnyFamily
from core.training.request import most_epochs
from pages.ui import links

MAIN = (
    "epochs",
    "corruption",
    "strength",
    "latent",
    "beta",
    "source",
    "perplexity",
    "neighbours",
    "dimensions",
    "points",
    "head",
)
"""The settings in view; the others are folded away."""
MAX_STOPS = 20
"""Stops of a slider: it can be set to the default and to round numbers by hand."""


@dataclass(frozen=True)
class Setting:
    """One setting of a variant and its field in a form."""

    name: str
    key: str
    field: FieldInfo
    step: float
    default: Any
    choices: Mapping[str, str]
    """Of a text: readable names by value."""
    most_epochs: int


def config_form(
    family: AnyFamily,
    variant: str,
    choices: Mapping[str, Mapping[str, str]],
    button: str = "Train",
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Show the form of a run's settings.

    Args:
        choices: for settings that are texts, what may be chosen: readable names by value.
        button: its label.
        given: settings that have their widgets elsewhere.

    Returns:
        The values when the button was pressed, else None. They are validated in core.
    """
    every = _settings(family, variant, choices)
    shown = {name: setting for name, setting in every.items() if name not in (given or {})}
    main = [name for name in MAIN if name in shown]
    with st.form(f"{family.name}-{variant}", border=False):
        places = dict(zip(main, st.columns(len(main) or 1), strict=False))
        values = {name: _widget(place, shown[name]) for name, place in places.items()}
        with st.expander("More settings"):
            values |= {n: _widget(st, setting) for n, setting in shown.items() if n not in main}
        pressed = st.form_submit_button(button, type="primary", icon=":material/play_arrow:")
    return {**values, **(given or {})} if pressed else None


def fields(family: AnyFamily, variant: str, names: Iterable[str]) -> dict[str, Any]:
    """Show the widgets of some settings outside of a form: those of `names` that the variant
    has."""
    settings = _settings(family, variant, {})
    return {name: _widget(st, settings[name]) for name in names if name in settings}


def _settings(
    family: AnyFamily, variant: str, choices: Mapping[str, Mapping[str, str]]
) -> dict[str, Setting]:
    defaults, config = family.config(variant).model_dump(), family.config_class
    return {
        name: Setting(
            name,
            f"{variant}-{name}",
            field,
            config.step(name, defaults[name]) if field.annotation in (int, float) else 1,
            defaults[name],
            choices.get(name, {}),
            most_epochs(family, variant),
        )
        for name, field in config.model_fields.items()
        if name not in family.variant(variant).fixed
    }


def _widget(place: Any, setting: Setting) -> Any:
    field, default, step = setting.field, setting.default, setting.step
    common: dict[str, Any] = {
        "label": field.title or setting.name,
        "help": _sentence(field.description or ""),
        "key": setting.key,
    }
    if field.annotation is str:
        return _run_widget(place, setting.choices, common)
    common["bind"] = "query-params"
    if field.annotation is bool:
        return place.toggle(value=default, **common)
    if get_origin(field.annotation) is Literal:
        options = list(get_args(field.annotation))
        return place.selectbox(options=options, index=options.index(default), **common)
    low, high = _bounds(field)
    if setting.name == "epochs":
        high = min(high, setting.most_epochs)
        default = min(default, high)
    if field.annotation is int:
        return place.number_input(
            min_value=int(low), max_value=int(high), value=int(default), step=int(step), **common
        )
    if low == 0 and high / step <= MAX_STOPS:
        return place.slider(min_value=low, max_value=high, value=default, step=step, **common)
    value = place.number_input(
        min_value=low, max_value=high, value=default, step=step, format="%g", **common
    )
    return float(f"{value:.9g}")  # a step is not exact: the value is the one that is shown


def _run_widget(place: Any, names: Mapping[str, str], common: dict[str, Any]) -> str:
    """One of some runs, or none of them, which stands first."""
    missing = links.NO_RUN.format(noun="model", instead="It is left out.")
    choices = links.Choices(list(names), next(iter(names)), missing=missing)
    return links.box(choices=choices, place=place, format_func=names.__getitem__, **common)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _bounds(field: FieldInfo) -> tuple[float, float]:
    low = next((float(m.ge) for m in field.metadata if isinstance(m, Ge)), 0.0)  # type: ignore[arg-type]
    high = next((float(m.le) for m in field.metadata if isinstance(m, Le)), 1e9)  # type: ignore[arg-type]
    return low, high
