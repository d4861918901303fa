"""The posterior of the image on the stage: its mean, its spread, and draws from it."""

import pandas as pd
import streamlit as st
import torch

from core.inference import latent
from core.inference.latent import Posterior
from core.metrics.image import psnr
from core.runs.store import Run
from core.tasks.base import unit
from pages.components import picks
from pages.parts.vae_sampler import stage
from pages.parts.vae_sampler.measures import KL_TEXT
from pages.parts.vae_sampler.space import CLICK
from pages.parts.vae_sampler.stage import Start
from pages.ui import cached, charts, pictures
from pages.ui.downloads import csv_button, png_button
from pages.ui.pictures import Row
from pages.ui.widgets import number

DRAWS = 7


@st.fragment
def posterior(start: Start, run: Run) -> None:
    """What the encoder says of the image, and what the decoder makes of that."""
    if start.pixels is None:
        st.info("Draw or upload a picture above, and its posterior appears here.")
        return
    model = cached.autoencoder(run)
    label = stage.label_of(run, model, start)
    cloud = cached.posterior(run, start.pixels, label)
    if cloud is None:
        st.info(
            "This autoencoder gives each image one code and no cloud around it. Choose a "
            "variational one (VAE) to see a posterior."
        )
        return
    seed = number("Seed of the draws", 0, 2**31 - 1, 0, "posterior_seed", width=160)
    codes = torch.cat([cloud.mu[None], cloud.samples(DRAWS, seed)])
    key = "posterior-picks"
    if (index := picks.picked(key, len(codes) + 1)) is not None:
        stage.go(run, codes[max(index - 1, 0)], label)
    original = unit(start.pixels)
    images = torch.cat([original, latent.decode(model, codes, label)])
    decibels = [f"{value:.1f} dB" for value in psnr(images[1:], original).tolist()]
    titles = ["Original", "From µ", *(f"Draw {i + 1}" for i in range(DRAWS))]
    items = list(zip(titles, images, ["", *decibels], strict=True))
    picks.show(pictures.cards_html(items, 92, names=titles), key=key, stage=stage.KEY)
    given = f", given the class {latent.class_names(run)[label]}" if label is not None else ""
    st.caption(
        f"The encoder answers with a cloud of codes{given}. Each draw is z = µ + σ·ε, with ε from "
        "N(0, 1) by the seed: what differs between the draws is what the code leaves open. The "
        "decibels are PSNR, the peak signal-to-noise ratio against the original: 6 dB more is a "
        f"quarter of the squared error. {CLICK}"
    )
    png_button(lambda: pictures.rows_png([Row("", images)]), f"{run.id}-posterior")
    _dimensions(run, cloud)


def _dimensions(run: Run, cloud: Posterior) -> None:
    """µ ± σ and KL of each dimension, the most telling about this image first."""
    order = cloud.kl.argsort(descending=True, stable=True)
    names, colour = [str(int(i)) for i in order], charts.colour(run)
    axis = "dimension, the most telling about this image first"
    left, right = st.columns(2)
    with left:
        figure = charts.bars(names, cloud.mu[order].tolist(), colour, axis, "µ ± σ")
        figure.update_traces(error_y={"array": cloud.sigma[order].tolist(), "color": "#868e96"})
        charts.show(figure, key="posterior-means", height=300)
    with right:
        figure = charts.bars(names, cloud.kl[order].tolist(), colour, axis, "KL (nats)")
        charts.show(figure, key="posterior-kl", height=300)
    metrics = run.metrics()
    mean = ""
    if "kl" in metrics:
        mean = f"; the mean of {metrics['n_test']:,} test images is {metrics['kl']:.1f}"
    st.caption(
        f"Left, the mean of each dimension with its standard deviation as a whisker: under the "
        "prior they are 0 and 1. Right, what each tells about this image: "
        f"{float(cloud.kl.sum()):.1f} nats, the sum of all dimensions{mean}. {KL_TEXT}"
    )
    columns = {"mu": cloud.mu, "sigma": cloud.sigma, "kl_nats": cloud.kl}
    table = pd.DataFrame({name: values.numpy().round(4) for name, values in columns.items()})
    csv_button(lambda: table.rename_axis("dimension").reset_index(), f"{run.id}-posterior")
