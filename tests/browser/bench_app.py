"""One bench alone: Regression, or what the address names."""

import streamlit as st

from pages.parts.foundations import classification_tab, depth_tab, regression_tab

TABS = {"classification": classification_tab, "depth": depth_tab, "regression": regression_tab}
TABS[st.query_params.get("bench", "regression")].panel()
