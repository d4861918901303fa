"""What a page says where something cannot be done."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from core.errors import LabError


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error as a sentence; the page goes on behind the block that it ended."""
    try:
        yield
    except LabError as error:
        st.error(str(error), icon=":material/error:")
