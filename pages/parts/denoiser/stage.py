"""The parts of the Denoiser's page."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
import streamlit as st
from torch import Tensor

from core import data
from core.inference import restoration
from core.inference.restoration import Corrupted, Restored
from core.jobs import queue
from core.runs.store import Run
from core.tasks.denoising import DENOISING, Loss, bce_with_logits, mse, rmse
from pages.components import picks, slider_preview
from pages.server.visitor import who
from pages.ui import cached, charts, network_strip, pictures, sending
from pages.ui.cached import Stage
from pages.ui.downloads import csv_button, png_button
from pages.ui.pictures import Row
from pages.ui.run_choice import RunChoice
from pages.ui.text_comparison import as_in_the_text
from pages.ui.widgets import number, segmented

COUNT = 8
"""Test images on the stage: they stay legible on a phone."""
MODEL_PICKS, CLICKED_MODEL = "model-picks", "clicked_model"
"""Keys of the clicks on what each model restored, and of the model whose picture was clicked."""
FIGURES = ("psnr_noisy", "psnr", "ssim_noisy", "ssim")
EQUATIONS = r"""
A clean picture $x$ is spoilt: for Gaussian noise $y = \mathrm{clip}(x + \sigma\,\varepsilon)$ with
$\varepsilon \sim \mathcal N(0, 1)$; a mosaic, blur, a missing square, salt and pepper in ways of
their own. A network $f_\theta$ sees only $y$ and learns to come near $x$, each by its own loss,
which stands below.

Under the squared error, and under the cross-entropy of each pixel, the best possible answer is the
mean of all clean pictures that could have led to $y$, which is why strong noise gives soft
pictures: the network averages over what it cannot know. Under the root of the squared error it is
a median of those pictures, which is soft too. Classical methods learn nothing: each has a rule,
and is given the distance of $y$ from $x$.

The U-Net predicts the correction, $f_\theta(y) = y + g_\theta(y)$, and sees noise of every strength
in training, so that it need not know the strength.

The quality is measured by $\mathrm{PSNR} = -10\log_{10}\frac1n\lVert f_\theta(y) - x\rVert^2$ in
decibels (6 dB more: a quarter of the squared error, half of its root) and by SSIM, which compares
local means, contrasts and structures.
"""
MEASURES_TEXT = (
    "PSNR is the peak signal-to-noise ratio: 6 dB more is a quarter of the squared error. SSIM is "
    "the structural similarity, 1 for identical pictures."
)
LOSS_TEXTS: dict[Loss, str] = {
    mse: r"$\frac1n\lVert f_\theta(y) - x\rVert^2$, the mean squared error",
    bce_with_logits: r"$-\frac1n\sum_i \left(x_i\log f_i + (1 - x_i)\log(1 - f_i)\right)$, the "
    r"cross-entropy of each pixel, whose grey value counts as a probability",
    rmse: r"$\sqrt{\frac1n\lVert f_\theta(y) - x\rVert^2}$ of each picture, the root of its mean "
    "squared error, so that faint noise counts for more",
}
"""The formula and the name of each loss, by its function."""
SOURCES = {
    "linear": "Vincent et al. 2008 describe denoising autoencoders.",
    "median": "Tukey 1977; scikit-image `filters.median`.",
    "nl_means": "Buades, Coll and Morel 2005; scikit-image `restoration.denoise_nl_means`.",
    "tv": "Rudin, Osher and Fatemi 1992; Chambolle 2004; scikit-image `denoise_tv_chambolle`.",
}


def this_model(shown: cached.Restoration, titles: Sequence[str], strange: int = 0) -> None:
    """Show the pictures on the stage, and their verdict.

    Args:
        titles: what each picture is.
        strange: how many of them are unlike those that the model learnt.
    """
    run, pixels, corruption, strength, seed = shown
    stage = cached.stage(shown)

    def look(at: float) -> str:
        return cached.stage(shown._replace(strength=at)).drawn

    if not queue.entitled(run, who()):  # a look ahead would outlive the link
        st.html(stage.drawn)
        _verdict(run, stage, strange, titles)
        return
    of = f"{run.id} {run.version()} {corruption} {seed} ".encode() + pixels.numpy().tobytes()
    slider_preview.show(stage.drawn, strength, look, of, slider="strength")
    _verdict(run, stage, strange, titles)


def _verdict(run: Run, stage: cached.Stage, strange: int, titles: Sequence[str]) -> None:
    if strange:
        show_strange(strange, len(titles))
    _quiet_line(run, stage, strange > 0, titles)


PHOTOGRAPH_HINT = " A photographed digit is cut out by “It is a handwritten digit”."


def show_strange(strange: int, count: int) -> None:
    """Say that pictures are unlike what the models learnt."""
    which = "This picture is" if count == 1 else f"{strange} of {count} pictures are"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("strange image", color="orange", icon=":material/question_mark:")
        st.caption(
            f"{which} unlike those that this model learnt: what it restores may be another thing, "
            "and its figures say little."
            + (PHOTOGRAPH_HINT if st.session_state.get("as_digit") is False else "")
        )


def _quiet_line(run: Run, stage: Stage, strange: bool, titles: Sequence[str]) -> None:
    """The gain on the left, the downloads on the right; no green badge for strange pictures."""
    restored, spoilt = stage.restored.images, stage.spoilt
    sent = {f"{title}, restored": restored[i] for i, title in enumerate(titles)}
    sent |= {f"{title}, spoilt": spoilt.noisy[i] for i, title in enumerate(titles)}
    sent |= {title: spoilt.clean[i] for i, title in enumerate(titles)}
    gain = stage.gain
    with st.container(horizontal=True, vertical_alignment="center"):
        if gain > 0.05 and strange:
            st.badge(f"{gain:+.1f} dB", color="grey")
        elif gain > 0.05:
            st.badge(f"{gain:+.1f} dB", color="green", icon=":material/trending_up:")
        elif gain < -0.05:
            st.badge(f"{gain:+.1f} dB: worse", color="orange", icon=":material/trending_down:")
        else:
            st.badge("no change", color="grey", icon=":material/trending_flat:")
        st.caption(error_left(gain), width="stretch")
        with st.container(horizontal=True, width="content"):
            png_button(lambda: pictures.rows_png(stage.rows), run.id)
            csv_button(
                lambda: pd.DataFrame(restoration.export_rows(stage.spoilt, stage.restored)), run.id
            )
            sending.send_to(sent)


def error_left(gain: float) -> str:
    """What a gain in dB means for the squared error, its root too."""
    left, root = 10 ** (-gain / 10), 10 ** (-gain / 20)
    if left > 1:
        return f"{left:.2g} times the squared error, {root:.2g} times its root"
    return f"{left:.0%} of the squared error is left, {root:.0%} of its root"


def all_models(models: RunChoice, chosen: Run, spoilt: Corrupted, titles: list[str]) -> None:
    """One picture through every model of a data set, the best first.

    Args:
        titles: what each picture is.
    """
    index = _choose_picture_index(titles, "goes through all models")
    picture = Corrupted(*(part[index : index + 1] for part in spoilt))
    results = [
        (run, restoration.restore(run.spec().variant, cached.model(run), picture))
        for run in models.on(chosen.spec().dataset)
        if queue.visible(run, who())
    ]
    results.sort(key=lambda pair: -float(pair[1].psnr[0]))
    before = results[0][1]
    cards = [
        ("Clean", picture.clean[0], "as it was"),
        ("Spoilt", picture.noisy[0], _figures(before.psnr_noisy, before.ssim_noisy)),
    ]
    for run, restored in results:
        cards.append(
            (models.short_name(run), restored.images[0], _figures(restored.psnr, restored.ssim))
        )
    if (picked := picks.picked(MODEL_PICKS, len(cards))) is not None and picked >= 2:
        st.session_state[CLICKED_MODEL] = results[picked - 2][0].id
        st.rerun()  # the choice of a model is drawn before
    names = ["", "", *(f"Use {models.short_name(run)}" for run, _ in results)]
    picks.show(pictures.cards_html(cards, names=names), key=MODEL_PICKS)
    st.caption(
        f"{titles[index]}. Click a restored picture to use its model. Sorted by PSNR, which of a "
        "single picture says little of the methods: their means stand under “Against strength”. "
        "The classical methods are given the distance of the spoilt picture from the clean one "
        "(its RMS error), which nobody knows in practice; the networks are not. "
        f"{MEASURES_TEXT}"
    )
    with st.container(horizontal=True):
        png_button(
            lambda: pictures.rows_png([Row("", image[None]) for _, image, _ in cards]), "all-models"
        )
        csv_button(
            lambda: pd.DataFrame([_line(models.names[run.id], r) for run, r in results]),
            "all-models",
        )
        title = titles[index]
        sent = {f"{title}, by {models.short_name(run)}": r.images[0] for run, r in results}
        sending.send_to(sent | {f"{title}, spoilt": picture.noisy[0], title: picture.clean[0]})


def network(shown: cached.Restoration, titles: list[str]) -> None:
    """What each layer of the model makes of one picture.

    Args:
        titles: what each picture is.
    """
    run = shown.run
    if not DENOISING.learns(run.spec().variant):
        st.info("This method has a rule and no layers. Choose a network to look into it.")
        return
    index = _choose_picture_index(titles, "goes through the network")
    st.caption(f"{titles[index]}, spoilt as on the stage. {network_strip.CLICK}")
    noisy = cached.stage(shown).spoilt.noisy[index : index + 1]
    network_strip.strip(cached.denoiser_activations(run, noisy), run.id)


def _choose_picture_index(titles: list[str], what: str) -> int:
    """Choose one of several pictures, for `what` it does; returns its index."""
    if len(titles) == 1:
        return 0
    help = f"Which of the pictures on the stage {what}."
    return number("Picture", 1, len(titles), 1, "one_of", width=130, help=help) - 1


def _line(name: str, restored: Restored) -> dict[str, str | float]:
    """A row of the table of all models."""
    figures = {f: round(float(getattr(restored, f)[0]), 4) for f in FIGURES}
    return {"model": name, **figures}


def most_versatile(runs: Iterable[Run]) -> Run:
    """The first shipped model that learnt the most corruptions."""
    every = list(runs)
    shipped = [run for run in every if run.shipped]
    return max(shipped or every, key=lambda run: len(restoration.trained_on(run)))


def offer_trained(models: RunChoice, chosen: Run, corruption: str) -> None:
    """Say that the chosen network never saw a corruption, and offer the best one that did."""
    spec = chosen.spec()
    if corruption == "none" or not DENOISING.learns(spec.variant):
        return
    if corruption in restoration.trained_on(chosen):
        return
    spoilt = _lower(data.CORRUPTIONS[corruption].title)
    st.caption(f":material/info: {models.short_name(chosen)} was not trained on {spoilt}.")
    trained = [r for r in models.on(spec.dataset) if corruption in restoration.trained_on(r)]
    if trained:
        name = models.short_name(trained[0])
        st.button(f"Use {name}", on_click=models.use, args=(trained[0].id,), key="use_trained")


def curves(models: RunChoice, wanted: str, chosen: Run) -> None:
    """PSNR or SSIM against the strength, of the chosen model and of those to compare it with.

    Args:
        wanted: the corruption to show if the chosen model was measured under it.
    """
    measured = restoration.sweeps(chosen)
    corruption = wanted if wanted in measured else next(iter(measured), wanted)
    measure = segmented("Measure", ["PSNR", "SSIM"], "measure", label_visibility="collapsed")
    column = measure.lower()
    series: dict[str, charts.Line] = {}
    counts: dict[str, int] = {}
    runs = models.on(chosen.spec().dataset)
    own_colours = charts.colours_of(runs)
    for run in runs:
        rows = [r for r in restoration.sweeps(run).get(corruption, []) if r["strength"] > 0]
        if not rows:
            continue
        strengths = [r["strength"] for r in rows]
        noisy = [r[f"{column}_noisy"] for r in rows]
        series["Spoilt input"] = charts.Line(strengths, noisy, "#ced4da", "dash")
        name = models.short_name(run) if run.shipped else models.names[run.id]
        dash = "solid" if DENOISING.variant(run.spec().variant).learns else "dot"
        width = 4 if run.id == chosen.id else 1.6
        values = [r[column] for r in rows]
        series[name] = charts.Line(strengths, values, own_colours[run.id], dash, width)
        counts[name] = int(run.metrics().get("n_test", 0))
    title = data.CORRUPTIONS[corruption]
    figure = charts.lines(
        series,
        x_title=f"{title.title}: {title.unit}",
        y_title="PSNR (dB)" if column == "psnr" else "SSIM",
    )
    shaded = corruption in restoration.trained_on(chosen)
    if shaded:
        low, high = restoration.trained_strengths(chosen)
        low, high = (low, high) if high > low else (high - 0.01, high + 0.01)
        figure.add_vrect(low, high, fillcolor=own_colours[chosen.id], opacity=0.1, line_width=0)
    charts.show(figure, key="against-noise", height=420)
    st.caption(f"{measured_on(title.title, counts, shaded=shaded)} {MEASURES_TEXT}")
    if corruption != wanted:
        st.caption(
            f"{models.short_name(chosen)} was not measured under "
            f"{_lower(data.CORRUPTIONS[wanted].title)}, which is chosen above."
        )
    table = [
        {"strength": x, "model": m, column: y}
        for m, line in series.items()
        for x, y in zip(line.x, line.y, strict=True)
    ]
    csv_button(lambda: pd.DataFrame(table), f"{column}-{corruption}")


def measured_on(corruption: str, counts: Mapping[str, int], *, shaded: bool) -> str:
    """The caption of the curves: what was measured, and on how many images.

    Args:
        corruption: the title of the one that all were measured under.
        counts: test images by the name of the model.
        shaded: whether the chosen model's strengths of training are marked.
    """
    usual = max(counts.values(), default=0)
    fewer: dict[int, list[str]] = {}
    for name, n in counts.items():
        if n < usual:
            fewer.setdefault(n, []).append(name)
    rest = "".join(f"; over {n:,}: {', '.join(names)}" for n, names in fewer.items())
    mark = " Shaded: the strengths that the chosen model was trained on." if shaded else ""
    return f"Under {_lower(corruption)}. Means over {usual:,} test images{rest}.{mark}"


def explanation(chosen: Run | None) -> None:
    """The equations and the source."""
    st.markdown(EQUATIONS)
    if chosen is not None:
        variant = DENOISING.variant(chosen.spec().variant)
        st.markdown(f"**{variant.title}.** {variant.summary} {variant.source}.")
        st.markdown(learnt(chosen))
        if chosen.spec().variant in SOURCES:
            st.caption(SOURCES[chosen.spec().variant])
    as_in_the_text(DENOISING)


def learnt(run: Run) -> str:
    """What a run's network learnt to make small, and on what, as a sentence."""
    spec = run.spec()
    variant = DENOISING.variant(spec.variant)
    if not variant.learns:
        return "It learns nothing: there is no loss."
    kinds = [_lower(data.CORRUPTIONS[name].title) for name in restoration.trained_on(run)]
    on = f"pictures under {' or '.join(kinds)}" if kinds else "clean pictures"
    return f"On {on} it learns to make small the mean of {LOSS_TEXTS[variant.loss]}."


def _lower(title: str) -> str:
    """A title within a sentence; Gauss keeps his capital."""
    return title if title.startswith("Gauss") else title.lower()


def _figures(decibels: Tensor, similarity: Tensor) -> str:
    return f"{float(decibels[0]):.1f} dB · SSIM {float(similarity[0]):.2f}"
