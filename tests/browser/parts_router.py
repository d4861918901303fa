"""Each page of a part of ours under its file's name."""

from pathlib import Path

import streamlit as st

found = sorted(Path(__file__).parent.glob("*_app.py"))
pages = [st.Page(lambda: None, title="Nothing", default=True), *map(st.Page, found)]
st.navigation(pages, position="hidden").run()
