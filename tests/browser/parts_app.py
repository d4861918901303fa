"""Serves one page of parts of ours, and what browsers fetch for them; the environment names it."""

import os

import streamlit as st

from pages.server.routes import ROUTES

app = st.App(os.environ["PAGE_OF_PARTS"], routes=ROUTES)
