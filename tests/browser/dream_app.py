"""A page with two parts of the dreams: pictures compared, and a list of layers to pick from.

`?after=` names the addresses that the button "Next" goes through, `?shape=` the pictures' sides.
"""

import numpy as np
import streamlit as st

from core.images import data_url, to_png
from pages.components.channels import Layer, Pick, channels
from pages.components.compare import before_after

state = st.session_state


def picture(hue, height=300, width=400):
    """A gradient from left to right and down, in one of three colours."""
    y, x = np.mgrid[0 : 255 : height * 1j, 0 : 255 : width * 1j]
    planes = [np.full_like(x, 40.0), x, y]
    return data_url(to_png(np.stack(planes[hue:] + planes[:hue], -1).astype(np.uint8)))


def sheet(count, columns, side=8):
    """Tiles of which each is plain; red is its column, green its row, and blue a layer's size."""
    rows = -(-count // columns)
    tiles = np.zeros((rows, columns, 3), np.uint8)
    tiles[..., 0], tiles[..., 1] = np.arange(columns) * 10, np.arange(rows)[:, None] * 3
    tiles[..., 2] = min(count, 255)
    return data_url(to_png(tiles.repeat(side, 0).repeat(side, 1)))


@st.fragment(run_every=0.4 if "live" in st.query_params else None)
def compared():
    """Another picture at each click, or by itself."""
    state.count = state.get("count", -1) + 1
    height, width = map(int, st.query_params.get("shape", "300x400").split("x"))
    given = st.query_params.get_all("after")
    after = given[state.count % len(given)] if given else picture(1 + state.count % 2)
    before_after(
        key="dream",
        before=st.query_params.get("before") or picture(0, height, width),
        after=after,
        alt="A gradient, dreamt on",
        labels=("Photograph", "Dream"),
        share=0.3 if "share" in st.query_params else 0.5,
    )
    st.write(f"Picture {state.count}.")
    st.button("Next")


def picked():
    """What is chosen is kept as a page would keep it."""
    state.setdefault("chosen", [("blocks.4", 250)])
    state.setdefault("picks", [])
    columns = 16
    names = {"classifier": [f"animal {i}" if i % 2 else f"thing {i}" for i in range(1000)]}
    layers = [
        Layer("stem", "Stem", "32 channels · edges", 32, sheet(32, columns)),
        Layer("blocks.1", "Stage 2", "5 channels · stripes", 5, sheet(5, columns)),
        Layer("blocks.2", "Stage 3", "40 channels · not drawn yet", 40, None),
        *(
            Layer(f"blocks.{i}", f"Stage {i + 1}", "80 channels · texture", 80, sheet(80, columns))
            for i in (3, 5, 6)
        ),
        Layer("blocks.4", "Stage 5", "672 channels · animals, eyes, fur", 672, sheet(672, columns)),
        Layer("classifier", "Classes", "1,000 things", 1000, sheet(1000, 25), 25),
    ]
    if st.toggle("Drawn now"):
        layers[2] = Layer("blocks.2", "Stage 3", "40 channels · corners", 40, sheet(40, 16))
    pick = channels(key="layers", layers=layers, chosen=state.chosen, names=names)
    if pick is not None:
        state.picks.append(pick)
        state.chosen = mixed(state.chosen, pick)
        st.rerun()
    state.runs = state.get("runs", 0) + 1
    st.write(f"Run {state.runs}.")
    st.write(f"Chosen: {said(state.chosen)}.")
    st.write(f"Picks: {said((p.layer, p.channel, p.more) for p in state.picks)}.")
    st.button("Again")


def mixed(chosen, pick: Pick):
    """With `more` it comes or goes, else it stands alone."""
    one = (pick.layer, pick.channel)
    if not pick.more:
        return [one]
    return [c for c in chosen if c != one] if one in chosen else [*chosen, one]


def said(rows):
    """Rows in a line."""
    return ", ".join(" ".join(map(str, row)) for row in rows) or "nothing"


st.set_page_config(layout="wide")
if "layers" not in st.query_params:
    compared()
if "pictures" not in st.query_params:
    picked()
