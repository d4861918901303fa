"""A table of one's own for a bench: a file, or what is pasted."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from core.errors import LabError

Found = TypeVar("Found")
Read = Callable[[bytes | str, str], Found]
"""From a table and its name to what it holds; raises LabError."""


def own_table(
    title: str,
    *,
    asks: str,
    example: str,
    read: Read[Found],
    summary: Callable[[Found], str],
    key: str,
) -> tuple[Found, bytes] | None:
    """What was brought, and its bytes; None without anything, or with a fault, which is told.

    Args:
        title: of what it is folded under.
        asks: what the table should have.
        example: of a table, to be pasted.
        summary: a sentence on what was read.
        key: of both widgets.
    """
    with st.expander(title):
        file = st.file_uploader(asks, ["csv", "txt", "tsv"], key=f"{key}_file")
        text = st.text_area("or paste one", placeholder=example, height=120, key=f"{key}_text")
        content: bytes | str = file.getvalue() if file else text
        if not content.strip():
            return None
        try:
            table = read(content, file.name if file else "Pasted table")
        except LabError as error:
            st.error(str(error))
            return None
        st.caption(summary(table))
        raw = content if isinstance(content, bytes) else content.encode()
        return table, raw
