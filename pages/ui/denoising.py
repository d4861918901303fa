"""The parts of the Denoiser's page."""

import pandas as pd
import streamlit as st
from torch import Tensor

from core import data
from core.inference import denoising
from core.inference.denoising import Spoilt
from core.runs import Run
from core.tasks.denoising import DENOISING
from pages.ui import ahead, cached, charts, pictures
from pages.ui.cached import Stage
from pages.ui.frame import csv_button

COUNT = 8
"""Test images on the stage: they stay legible on a phone."""
SOURCES = {
    "linear": "Vincent et al. 2008 describe denoising autoencoders.",
    "median": "Tukey 1977; scikit-image `filters.median`.",
    "nl_means": "Buades, Coll and Morel 2005; scikit-image `restoration.denoise_nl_means`.",
    "tv": "Rudin, Osher and Fatemi 1992; Chambolle 2004; scikit-image `denoise_tv_chambolle`.",
    "unet": "Ronneberger et al. 2015; residual learning: Zhang et al. 2017 (DnCNN).",
}


def this_model(run: Run, pixels: Tensor, corruption: str, strength: float, seed: int) -> None:
    """The pictures on the stage, and what is said of them."""
    stage = cached.stage(run, pixels, corruption, strength, seed)

    def look(at: float) -> str:
        return cached.stage(run, pixels, corruption, at, seed).drawn

    of = f"{run.id} {run.version()} {corruption} {seed} ".encode() + pixels.numpy().tobytes()
    ahead.show(stage.drawn, strength, look, of, slider="Strength")
    _quiet_line(run, stage)


def _quiet_line(run: Run, stage: Stage) -> None:
    """The verdict on the left, the downloads on the right."""
    gain = stage.gain
    with st.container(horizontal=True, vertical_alignment="center"):
        if gain > 0.05:
            st.badge(f"{gain:+.1f} dB", color="green", icon=":material/trending_up:")
        elif gain < -0.05:
            st.badge(f"{gain:+.1f} dB: worse", color="orange", icon=":material/trending_down:")
        else:
            st.badge("no change", color="grey", icon=":material/trending_flat:")
        st.space("stretch")
        st.download_button(
            "PNG",
            lambda: pictures.rows_png(stage.rows),
            f"{run.id}.png",
            "image/png",
            icon=":material/download:",
            on_click="ignore",
        )
        csv_button(
            lambda: pd.DataFrame(denoising.export_rows(stage.spoilt, stage.restored)), run.id
        )


def all_models(spoilt: Spoilt, chosen: Run, runs: list[Run], names: dict[str, str]) -> None:
    """The first picture through every model, the best first."""
    one = Spoilt(spoilt.clean[:1], spoilt.noisy[:1])
    results = []
    for run in runs:
        asked = run.config()
        if run.id == chosen.id or asked.dataset == chosen.config().dataset:
            results.append((run, denoising.restore(asked.variant, cached.model(run), one)))
    results.sort(key=lambda pair: -float(pair[1].psnr[0]))
    before = results[0][1]
    cards = [
        ("Clean", one.clean[0], "as it was"),
        ("Spoilt", one.noisy[0], _figures(before.psnr_noisy, before.ssim_noisy)),
    ]
    for run, restored in results:
        name = names[run.id].split(" · ")[0]
        cards.append((name, restored.images[0], _figures(restored.psnr, restored.ssim)))
    pictures.cards(cards)
    st.caption(
        "Sorted by PSNR. The classical methods are told how strong the corruption is; "
        "the networks are not."
    )


def curves(chosen: Run, runs: list[Run], names: dict[str, str]) -> None:
    """PSNR or SSIM against the strength, of the chosen model and of those to compare it with."""
    corruption, _ = denoising.sweep(chosen)
    measure = st.segmented_control(
        "Measure", ["PSNR", "SSIM"], default="PSNR", required=True, key="measure",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    column = str(measure).lower()
    series, colours, dashes, widths = {}, {}, {}, {}
    for run in runs:
        kind, rows = denoising.sweep(run)
        if kind != corruption or run.config().dataset != chosen.config().dataset:
            continue
        rows = [r for r in rows if r["strength"] > 0]
        strengths = [r["strength"] for r in rows]
        series["Spoilt input"] = (strengths, [r[f"{column}_noisy"] for r in rows])
        name = names[run.id].split(" · ")[0] if run.shipped else names[run.id]
        series[name] = (strengths, [r[column] for r in rows])
        learns = DENOISING.variant(run.config().variant).learns
        colours[name], dashes[name] = charts.colour(run), "solid" if learns else "dot"
        widths[name] = 4 if run.id == chosen.id else 1.6
    colours["Spoilt input"], dashes["Spoilt input"] = "#ced4da", "dash"
    title = data.CORRUPTIONS[corruption]
    figure = charts.lines(
        series,
        x_title=f"{title.title}: {title.unit}",
        y_title="PSNR (dB)" if column == "psnr" else "SSIM",
        colours=colours,
        dashes=dashes,
        widths=widths,
    )
    kind, low, high = denoising.trained_range(chosen)
    if kind == corruption:
        low, high = (low, high) if high > low else (high - 0.01, high + 0.01)
        figure.add_vrect(low, high, fillcolor=charts.colour(chosen), opacity=0.1, line_width=0)
    charts.show(figure, key="against-noise", height=420)
    n = chosen.metrics().get("n_test", 0)
    st.caption(
        f"Means over {n:,} test images, the classical methods over 1,000. Shaded: the strengths "
        "that the chosen model was trained on."
    )
    table = [{"strength": x, "model": m, column: y} for m, (xs, ys) in series.items()
             for x, y in zip(xs, ys, strict=True)]  # fmt: skip
    csv_button(lambda: pd.DataFrame(table), f"{column}-{corruption}")


def explanation(chosen: Run | None) -> None:
    """The equations and the source."""
    st.markdown(
        r"""
A clean picture $x$ is spoilt: for Gaussian noise $y = \mathrm{clip}(x + \sigma\,\varepsilon)$ with
$\varepsilon \sim \mathcal N(0, 1)$. A network $f_\theta$ sees only $y$ and learns to come near $x$:

$$\min_\theta\; \mathbb E\,\lVert f_\theta(y) - x\rVert^2 .$$

The best possible answer under this loss is the mean of all clean pictures that could have led to
$y$, which is why strong noise gives soft pictures: the network averages over what it cannot know.
The U-Net predicts the correction, $f_\theta(y) = y + g_\theta(y)$, and sees noise of every strength
in training, so that it needs not be told.

The quality is measured by $\mathrm{PSNR} = -10\log_{10}\frac1n\lVert f_\theta(y) - x\rVert^2$ in
decibels (6 dB: half the error) and by SSIM, which compares local means, contrasts and structures.
"""
    )
    if chosen is not None:
        variant = DENOISING.variant(chosen.config().variant)
        st.markdown(f"**{variant.title}.** {variant.summary} {variant.source}.")
        if chosen.config().variant in SOURCES:
            st.caption(SOURCES[chosen.config().variant])


def _figures(decibels: Tensor, similarity: Tensor) -> str:
    return f"{float(decibels[0]):.1f} dB · SSIM {float(similarity[0]):.2f}"
