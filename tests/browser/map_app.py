"""A page with nothing but the map of the test digits; what is asked stands in the URL."""

import base64

import numpy as np
import streamlit as st
from latent_models import model
from sklearn.decomposition import PCA

from core import data
from core.inference.browser_decoder import pack_decoder
from pages.server import thumbnails

FRAMES = 5
STANDING = ("clicked", "lasso", "view", "shown", "place")


@st.cache_resource
def projected():
    """The first three principal components of all test digits, and their classes."""
    digits = data.load("mnist", "test")
    flat = digits.pixels.flatten(1).numpy() / 255
    return PCA(3, random_state=0).fit_transform(flat), digits.labels.numpy()


def made_of(points):
    """A replay in which the map grows by a factor of ten with each snapshot."""
    n, dimensions = points.shape
    low, high = points.min(0), points.max(0)
    steps = ((points - low) / (high - low) * 65535).round().astype("<u2")
    content = [np.array([FRAMES, n, dimensions], "<u4"), np.arange(FRAMES, dtype="<u4") * 50]
    factors = [10.0 ** (k + 1 - FRAMES) for k in range(FRAMES)]
    content += [np.stack([low, high], 1).astype("<f4") * f for f in factors]
    bytes_ = b"".join(part.tobytes() for part in [*content, *[steps] * FRAMES])
    return f"data:application/octet-stream;base64,{base64.b64encode(bytes_).decode()}"


@st.fragment
def bench():
    """The map, and what it said last."""
    from pages.components.map import Classes, Drawing, Points, Scale, ViewState, inside, scatter

    asked, state = st.query_params, st.session_state
    state.setdefault("count", 0)
    state["runs"] = state.get("runs", 0) + 1
    for name in STANDING:
        state.setdefault(name, None)
    if "view" in asked and not state["count"]:
        state["view"] = [float(v) for v in asked["view"].split(",")]
    if "shown" in asked and not state["count"]:
        state["shown"] = [int(v) for v in asked["shown"].split(",")]
    with st.container(horizontal=True):
        if st.button("From the beginning"):
            state.update(dict.fromkeys(STANDING), colour="class")
        colour = st.segmented_control("Colour", ["class", "cluster", "ink"], default="class",
                                      key="colour", required=True)  # fmt: skip
        if st.button("Elsewhere"):
            state["view"], state["shown"], state["clicked"] = None, [3], 18
        st.button("Again")
    components, labels = projected()
    points = components[:, : int(asked.get("dimensions", 2))]
    ids = np.arange(len(points))
    if "shuffled" in asked:  # ids are not places
        ids = np.random.default_rng(0).permutation(len(points))[: int(asked["shuffled"])]
        points, labels = points[ids], labels[ids]
    clusters = np.where(np.hypot(*points.T[:2]) > 5, -1, (points[:, 0] > 0) * 1)
    ink = data.load("mnist", "test").pixels.flatten(1).float().mean(1).numpy()[ids]
    decoder = None
    if "decoder" in asked:
        packed = base64.b64encode(pack_decoder(model("plane"))).decode()
        decoder = f"data:application/octet-stream;base64,{packed}"
    near = np.argsort(((points - points[ids == state["clicked"]]) ** 2).sum(1))[1:9] if (
        state["clicked"] in ids) else []  # fmt: skip
    drawing = Drawing(
        colours={
            "class": Classes(labels, data.info("mnist").classes),
            "cluster": Classes(clusters, ["Left", "Right"]),
            "ink": Scale(ink, "ink"),
        }[colour],
        thumbnails=thumbnails.thumbnails_url("mnist", "test"),
        alt="Ten thousand digits by their first principal components",
        neighbours=[int(ids[i]) for i in near],
        own_places=np.array([points.mean(0)]) if "yours" in asked else None,
        frames=made_of(points) if "frames" in asked else None,
        decoder=decoder,
    )
    now = ViewState(state["clicked"], state["lasso"], state["view"], state["shown"])
    said = scatter("map", Points(points, ids, labels, data.info("mnist").classes), now, drawing)
    if said is not None:
        state.update(said._asdict(), count=state["count"] + 1)
        st.rerun(scope="fragment")  # the neighbours of what was clicked are drawn at once
    st.write(f"Run {state['runs']}.")
    st.write(f"Said {state['count']}: clicked {state['clicked']}, shown {state['shown']}")
    st.write(f"View {state['view']}, place {state['place']}")
    if state["lasso"]:
        result = ids[inside(points, state["lasso"])]
        st.write(f"Selected {len(result)} {int(result.sum())} of {len(state['lasso'])} corners")


st.set_page_config(layout="wide")
bench()
