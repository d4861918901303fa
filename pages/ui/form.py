"""A form made from a config class: every field has its bounds, its unit and its sentence."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from core.settings import settings
from core.tasks import AnyFamily
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
MOST_STOPS = 20
"""Stops of a slider: it can be set to the default and to round numbers by hand."""


def config_form(
    family: AnyFamily,
    variant: str,
    choices: dict[str, dict[str, str]],
    button: str = "Train",
    settled: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Ask for a run's settings.

    Args:
        choices: for settings that are texts, what may be chosen: readable names by value.
        button: what it says.
        settled: settings that were asked for elsewhere: they are not asked for again.

    Returns:
        The values when the button was pressed, else None. They are validated in core.
    """
    defaults = family.config(variant).model_dump()
    fixed = family.variant(variant).fixed | set(settled or {})
    fields = {n: f for n, f in family.config_class.model_fields.items() if n not in fixed}
    main, step = [n for n in MAIN if n in fields], family.config_class.step
    with st.form(f"{family.name}-{variant}", border=False):
        columns = st.columns(len(main) or 1)
        values: dict[str, Any] = {
            name: _widget(column, variant, name, fields[name], step(name), defaults[name], choices)
            for column, name in zip(columns, main, strict=True)
        }
        with st.expander("More settings"):
            for name in fields:
                if name not in main:
                    field, default = fields[name], defaults[name]
                    values[name] = _widget(st, variant, name, field, step(name), default, choices)
        pressed = st.form_submit_button(button, type="primary", icon=":material/play_arrow:")
    return {**values, **(settled or {})} if pressed else None


def fields(family: AnyFamily, variant: str, names: Iterable[str]) -> dict[str, Any]:
    """Ask for some settings, each answered at once: those of `names` that the variant has."""
    defaults, config = family.config(variant).model_dump(), family.config_class
    fixed, every = family.variant(variant).fixed, config.model_fields
    return {
        name: _widget(st, variant, name, every[name], config.step(name), defaults[name], {})
        for name in names
        if name not in fixed
    }


def _widget(
    place: Any,
    variant: str,
    name: str,
    field: FieldInfo,
    step: float,
    default: Any,
    choices: dict[str, dict[str, str]],
) -> Any:
    common: dict[str, Any] = {
        "label": field.title or name,
        "help": _sentence(field.description or ""),
        "key": f"{variant}-{name}",
        "bind": "query-params",
    }
    if field.annotation is bool:
        return place.toggle(value=default, **common)
    if get_origin(field.annotation) is Literal:
        options = list(get_args(field.annotation))
        return place.selectbox(options=options, index=options.index(default), **common)
    if field.annotation is str:
        return _choice(place, choices[name], common["label"], common["key"], common["help"])
    low, high = _bounds(field)
    if name == "epochs":
        high = min(high, settings().max_epochs)
        default = min(default, high)
    if field.annotation is int:
        return place.number_input(
            min_value=int(low), max_value=int(high), value=int(default), step=int(step), **common
        )
    if low == 0 and high / step <= MOST_STOPS:
        return place.slider(min_value=low, max_value=high, value=default, step=step, **common)
    value = place.number_input(
        min_value=low, max_value=high, value=default, step=step, format="%g", **common
    )
    return float(f"{value:.9g}")  # a step is not exact: what is shown is what is asked for


def _choice(place: Any, named: Mapping[str, str], label: str, key: str, help: str) -> str:
    """One of some runs, or none of them, which stands first."""
    missing = links.NO_RUN.format(noun="model", instead="It is left out.")
    return links.box(
        label,
        list(named),
        key=key,
        place=place,
        help=help,
        missing=missing,
        format_func=named.__getitem__,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _bounds(field: FieldInfo) -> tuple[float, float]:
    low = next((float(m.ge) for m in field.metadata if isinstance(m, Ge)), 0.0)  # type: ignore[arg-type]
    high = next((float(m.le) for m in field.metadata if isinstance(m, Le)), 1e9)  # type: ignore[arg-type]
    return low, high
