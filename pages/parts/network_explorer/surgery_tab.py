"""Surgery: take a channel, a layer or a residual link away, and see what it costs."""

import pandas as pd
import streamlit as st

from core.inference import surgery
from core.inference.surgery import Cut, How, Verdict
from core.metrics.image import percent
from core.runs.store import Run
from core.training.request import test_images
from pages.components import picks
from pages.parts.network_explorer import stage
from pages.parts.network_explorer.networks import Network
from pages.server.streamlit_private import DeltaGenerator
from pages.ui import cached, pictures
from pages.ui.concurrency import check_visitor
from pages.ui.downloads import csv_button
from pages.ui.errors import errors_shown
from pages.ui.inputs import choose_index
from pages.ui.links import Choices, box
from pages.ui.widgets import number, segmented

CHANNEL, LAYER, LINK = "Channel", "Layer", "Residual link"
HOW: dict[str, How] = {"Zero": "zero", "Shuffle": "shuffle", "Swap": "swap"}
LINK_HOW: dict[str, How] = {"Drop the shortcut": "shortcut", "Drop the body": "body"}
SHOWN = 12
LOST_PICKS = "surgery-picks"
CANCELLED = "cut_cancelled"
"""In the session: the run and the cut that were not to be judged."""
ABOUT = (
    "Zeroed, a channel says nothing; shuffled, each image gets that of another, in random groups "
    f"of {surgery.CHUNK}; swapped, the layers behind read one for the other. It is cut behind its "
    "batch norm, and all test images are judged again: only what comes behind the cut is computed "
    "anew."
)
ABOUT_LINKS = (
    "A residual block adds what it computes, its body, to what it was given, by the shortcut. "
    "Either side is dropped; nothing is trained again, so the layers behind meet what they never "
    "saw."
)


@st.fragment
def panel(network: Network) -> None:
    """Choose a cut; the verdict follows."""
    run = network.run
    if run is None:
        st.info("Choose a run to cut into it: a network of ImageNet has no test images here.")
        return
    with errors_shown():
        model = network.model
        blocks = surgery.links(model)
        what = segmented("Cut", [CHANNEL, LAYER, *([LINK] if blocks else [])], "cut")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            cut = _link(blocks) if what == LINK else _layer(run, what == CHANNEL)
        st.caption(ABOUT if what != LINK else ABOUT_LINKS)
        verdict = _judged(run, cut)
        if verdict is None:
            return
        _verdict(verdict, network.classes)
        _classes(verdict, network.classes, run.id)
        _lost(run, verdict, network.classes)


def _judged(run: Run, cut: Cut) -> Verdict | None:
    """The verdict, behind a bar that can be cancelled; None where it was."""
    place = st.empty()
    if st.session_state.get(CANCELLED) == (run.id, cut):
        with place.container(horizontal=True, vertical_alignment="center"):
            st.caption("Cancelled: nothing was judged with this cut.", width="content")
            st.button("Judge", icon=":material/play_arrow:", on_click=_cancel, args=(None,))
        return None
    bar: DeltaGenerator | None = None

    def tell(stage: str, done: float) -> None:
        nonlocal bar
        check_visitor(stage)
        if bar is None:
            with place.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(0.0)
                st.button(
                    "Cancel", icon=":material/close:", on_click=_cancel, args=((run.id, cut),)
                )
        bar.progress(done, f"{stage}: {percent(done, 0)}")

    verdict = cached.verdict(run, cut, tell)
    place.empty()
    return verdict


def _cancel(cut: tuple[str, Cut] | None) -> None:
    st.session_state[CANCELLED] = cut


def _link(blocks: list[str]) -> Cut:
    path = box("Block", Choices(blocks, blocks[0]), key="cut_block", width=180)
    return Cut(path, LINK_HOW[segmented("What", list(LINK_HOW), "cut_link")])


def _layer(run: Run, one: bool) -> Cut:
    parts = cached.cut_parts(run)
    names = {path: f"{path} · {part.channels:,} channels" for path, part in parts.items()}
    choices = Choices(list(parts), next(iter(parts)))
    path = box("Layer", choices, key="cut_layer", format_func=names.__getitem__, width=260)
    known = list(HOW) if one else list(HOW)[:2]
    how = HOW[segmented("What", known, "cut_how" if one else "cut_layer_how")]
    channel = other = None
    seed = 0
    if one:
        count = parts[path].channels
        channel = choose_index("Channel", count, key="cut_channel", width=110)
        if how == "swap":
            other = choose_index("With channel", count, key="cut_other", default=1, width=130)
    if how == "shuffle":
        seed = number("Seed", 0, 2**31 - 1, 0, "cut_seed", width=110)
    return Cut(path, how, channel, other, seed)


def _verdict(verdict: Verdict, classes: tuple[str, ...]) -> None:
    change = verdict.after - verdict.before
    if verdict.constant is not None:
        st.warning(
            f"Nothing of the image is left: it answers {classes[verdict.constant]} to every one.",
            icon=":material/block:",
        )
    elif not verdict.distinct:
        st.badge("no difference that these images could show", color="grey")
    else:
        worse = change < 0
        st.badge(f"{100 * change:+.2f} percentage points", color="orange" if worse else "green")
    difference = f"{100 * verdict.low:+.2f} to {100 * verdict.high:+.2f}"
    with st.container(horizontal=True, gap="medium"):
        st.metric("Accuracy before", percent(verdict.before, 2), width="content")
        st.metric("After", percent(verdict.after, 2), width="content")
        st.metric(
            "Difference, 95 %",
            difference,
            help="In percentage points, of the same images before and after: only those on which "
            "the two disagree count (Agresti and Min 2005).",
            width="content",
        )
        st.metric("Test images", f"{verdict.n:,}", width="content")
        st.metric(
            "Most frequent class",
            percent(verdict.baseline),
            help="The accuracy of always answering the most frequent class.",
            width="content",
        )
    st.caption(
        f"{verdict.lost:,} images are right only before the cut, {verdict.gained:,} only after it."
    )


def _classes(verdict: Verdict, classes: tuple[str, ...], name: str) -> None:
    st.markdown("**Which classes it changes**")
    changed = sorted((c for c in verdict.classes if c.distinct), key=lambda c: c.after - c.before)
    told = [
        f"{classes[c.label]} ({100 * (c.after - c.before):+.1f} points of {c.n:,} images)"
        for c in changed
    ]
    st.markdown(
        ", ".join(told) + "."
        if told
        else "None whose change is more than what the choice of these images leaves open."
    )
    table = frame(verdict, classes)
    with st.expander("Class by class", key="cut_classes", on_change="rerun"):
        st.dataframe(table, hide_index=True, width="stretch")
        st.caption("The intervals hold for all classes together, with 95 % (Bonferroni).")
        csv_button(lambda: table, f"{name}-surgery")


def frame(verdict: Verdict, classes: tuple[str, ...]) -> pd.DataFrame:
    """A row a class: accuracy before and after, and the difference in percentage points."""
    return pd.DataFrame(
        {
            "class": classes[c.label],
            "images": c.n,
            "before": f"{c.before:.1%}",
            "after": f"{c.after:.1%}",
            "points": f"{100 * (c.after - c.before):+.1f}",
            "95 %": f"{100 * c.low:+.1f} to {100 * c.high:+.1f}",
        }
        for c in verdict.classes
    )


def _lost(run: Run, verdict: Verdict, classes: tuple[str, ...]) -> None:
    """Images that are answered rightly only before the cut; a click puts one on the stage."""
    images = test_images(run)
    wrong = (verdict.before_answers == images.labels) & (verdict.answers != images.labels)
    rows = wrong.nonzero()[:SHOWN, 0].tolist()
    if not rows:
        return
    if (clicked := picks.picked(LOST_PICKS, len(rows))) is not None:
        stage.show_test_image(run, rows[clicked])
    st.markdown("**Images that the cut costs**")
    cards = [
        (
            f"{classes[int(images.labels[i])]}, read as {classes[int(verdict.answers[i])]}",
            images.pixels[i],
            f"image {i:,}",
        )
        for i in rows
    ]
    names = [f"Put test image {i:,} on the stage" for i in rows]
    picks.show(pictures.cards_html(cards, 84, names=names), key=LOST_PICKS)
    if verdict.lost > len(rows):
        st.caption(f"The first {len(rows)} of {verdict.lost:,}.")
