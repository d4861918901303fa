"""Each page of a part of ours under its file's name."""

from pathlib import Path

import streamlit as st

result = sorted(Path(__file__).parent.glob("*_app.py"))
pages = [st.Page(lambda: None, title="Nothing", default=True), *map(st.Page, result)]
st.navigation(pages, position="hidden").run()
