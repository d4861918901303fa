"""The bench Classification: its tables come from here, the rest happens in the browser."""

import hashlib
from typing import Any

import streamlit as st

from core.errors import LabError
from core.foundations.labelled_points import LabelledTable, from_csv, real_sets
from pages.components.bench import bench


def panel() -> None:
    """The bench, and below it the way for a table of one's own."""
    place = st.container()
    tables: dict[str, Any] = {name: table._asdict() for name, table in real_sets().items()}
    own, print_ = _brought()
    if own:
        tables["upload"] = {**own._asdict(), "print": print_}
    with place:
        bench("classification", key="bench-classification", data={"tables": tables})


def _brought() -> tuple[LabelledTable | None, str]:
    """A table from a file or from what was pasted, the file first, and its fingerprint."""
    with st.expander("A table of your own: CSV"):
        file = st.file_uploader(
            "Upload a table with columns of numbers, and the class of each row in the last",
            ["csv", "txt", "tsv"], key="classes_file",
        )  # fmt: skip
        text = st.text_area(
            "or paste one", placeholder="height,weight,kind\n1.2,30,cat\n1.9,80,dog", height=120,
            key="classes_text",
        )  # fmt: skip
        content: bytes | str = file.getvalue() if file else text
        if not content.strip():
            return None, ""
        try:
            found = from_csv(content, file.name if file else "Pasted table")
        except LabError as error:
            st.error(str(error))
            return None, ""
        st.caption(f"{len(found.numbers):,} rows of {len(found.classes)} classes. {found.note}")
        raw = content if isinstance(content, bytes) else content.encode()
        return found, hashlib.sha256(raw).hexdigest()[:12]
