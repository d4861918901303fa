"""Tables of figures."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st


class Column(NamedTuple):
    """How a column of numbers is written, and what it means; a column of text has no format."""

    format: str
    help: str | None = None


def figure_table(table: pd.DataFrame, columns: Mapping[str, Column]) -> None:
    """Show a table; where a figure was not measured there is a dash."""
    st.dataframe(table, hide_index=True, placeholder="–", column_config=figure_config(columns))


def figure_config(columns: Mapping[str, Column]) -> dict[str, Any]:
    """How Streamlit writes the columns."""
    return {
        name: st.column_config.NumberColumn(format=column.format, help=column.help)
        if column.format
        else st.column_config.TextColumn(help=column.help)
        for name, column in columns.items()
    }
