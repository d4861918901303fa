"""Samples of the prior: what the network draws, as its critic scores it."""

import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from core.images import contact_sheet, to_png
from core.inference import generators, latent
from core.inference.generators import Drawn
from pages.components import picks
from pages.parts.gan_gallery.stage import KEY, Scene, go, opinion
from pages.ui import cached, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.names import class_title
from pages.ui.widgets import segmented

COUNT, MAX_COUNT = 40, 200
ORDERS = ("As drawn", "Most real first", "Least real first")


@st.fragment
def panel(scene: Scene) -> None:
    """Forty samples, or one a class where there are more, with the critic's score under each."""
    run, model = scene.run, cached.generator(scene.run)
    probable = generators.tells_probability(run)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = segmented("Order", ORDERS, "order")
        every = model.classes > 0 and st.toggle(
            "Every class",
            True,
            key="every",
            bind="query-params",
            help="Each class in turn; off draws the one that is chosen above.",
        )
    count = min(max(COUNT, model.classes), MAX_COUNT) if every else COUNT
    drawn, scores = cached.scored_samples(
        run, count, scene.seed, None if every else scene.label, scene.truncation
    )
    ranked = torch.arange(count)
    if order != ORDERS[0]:
        ranked = scores.argsort(descending=order == ORDERS[1])
    if (index := picks.picked("sample-picks", count)) is not None:
        place = int(ranked[index])
        go(scene, drawn.latents[place], drawn.label(place))
    form = "{:.0%}" if probable else "{:.2f}"
    items = []
    for i in ranked.tolist():
        class_name = (
            "" if drawn.labels is None else class_title(run.spec().dataset, int(drawn.labels[i]))
        )
        items.append((f"{i + 1}", drawn.images[i], f"{form.format(float(scores[i]))} {class_name}"))
    names = [f"Sample {title}, {line}".rstrip() for title, _, line in items]
    cards = pictures.cards_html(items, least=78, names=names)
    picks.show(cards, key="sample-picks", stage=KEY)
    st.caption(
        f"Below each what the critic says; higher is more real to it. {opinion(scene)} The number "
        f"is the sample's place among those of seed {scene.seed}. "
        "Click one to put it on the stage."
    )
    with st.container(horizontal=True):
        png_button(
            lambda: to_png(contact_sheet(drawn.images[ranked], 10, scale=4)),
            f"{run.id}-samples",
            "png-samples",
        )
        csv_button(lambda: _table(drawn, scores), f"{run.id}-samples")


def _table(drawn: Drawn, scores: Tensor) -> pd.DataFrame:
    """A row a sample: its latent, its class, its score."""
    return latent.code_table(drawn.latents, drawn.labels).assign(score=scores.numpy().round(4))
