"""The settings of runs in words: titles of fields, and of what is chosen in them."""

from typing import Any

import pandas as pd
import streamlit as st

from core.registry import family
from core.runs.store import Run
from pages.ui.names import dataset_title, setting_value


def keys_and_values(run: Run) -> dict[str, Any]:
    """A run's network, data set and settings, as they are in its files."""
    spec = run.spec()
    return {"network": spec.variant, "data set": spec.dataset, **spec.config}


def titles_and_values(run: Run) -> dict[str, str]:
    """The same in words, in the same order."""
    spec = run.spec()
    of = family(spec.task)
    fields = of.config_class.model_fields
    return {
        "Network": of.variant(spec.variant).title,
        "Data set": dataset_title(spec.dataset),
        **{
            fields[key].title or key: setting_value(key, value)
            for key, value in spec.config.items()
        },
    }


def settings_table(run: Run) -> None:
    """Every setting of a run, a row each."""
    settings = titles_and_values(run)
    table = pd.DataFrame({"Setting": settings.keys(), "Value": settings.values()})
    st.dataframe(table, hide_index=True)
