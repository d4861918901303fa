"""A page with a picture and charts below it; `?far=` puts them far below."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.images import to_png
from pages.ui import charts, pictures

pictures.sheet_image(to_png(np.full((60, 200), 200, np.uint8)), "A plain picture")
if "far" in st.query_params:
    st.container(height=1500, border=False)
times = st.slider("Times", 1, 5, 1)
series = {"one": charts.Line([1.0, 2.0, 3.0], [times * y for y in (1.0, 10.0, 100.0)])}
figure = charts.lines(series, "epoch", "loss", log_y=True)
charts.show(figure, key="lines", height=260)
points = go.Figure(go.Scattergl(x=np.arange(4), y=np.arange(4.0), mode="markers"))
charts.show(points, key="points", height=200, hovermode="closest")
