"""Serves the pages of parts of ours that lie beside this file, and what browsers fetch for them."""

import streamlit as st

from pages.server.routes import ROUTES

app = st.App("parts_router.py", routes=ROUTES)
