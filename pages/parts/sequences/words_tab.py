"""The bench of words: type into a network, or let one learn a text."""

from typing import Any

import pandas as pd
import streamlit as st

from core.data.sequences import text
from core.runs.schema import Figures
from core.runs.store import Run
from core.tasks.language import LANGUAGE
from pages.components import words
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.names import dataset_title
from pages.ui.run_choice import RunChoice
from pages.ui.widgets import segmented

BENCHES = ("Type words", "Learn a text")
MODELS = {
    "network": "The network",
    "mixture": "Network and Kneser-Ney, mixed",
    "kneser_ney": "Kneser-Ney, three words",
    "trigram": "Three words, as counted",
    "unigram": "One word, as counted",
}
SEEN = ("never", "once", "more often")
NO_RUN = (
    "No network of words has been trained here yet. Train one under “Train your own”, or let one "
    "learn a text in your browser."
)


def panel() -> None:
    """Choose what to do, and do it."""
    bench = segmented("Bench", BENCHES, key="bench", label_visibility="collapsed")
    if bench == BENCHES[1]:
        _learn()
    else:
        _predict()


def _learn() -> None:
    st.caption(
        "The text's network, learnt here and now: two words are seen, the third is said. Change "
        "the text, and it learns yours. What it says of its own text is no sign of what it would "
        "say of another: nothing is held out."
    )
    words.learner(str(text("sonnet")), key="words-learner")


def _predict() -> None:
    choice = RunChoice.of(LANGUAGE, LANGUAGE.name, "network")
    if not choice.runs:
        st.info(NO_RUN)
        return
    run = choice.box("Network", _default(choice))
    recurrent = LANGUAGE.variant(run.spec().variant).recurrent
    words.predictor(run, recurrent, key="words-predictor")
    figures = Figures.model_validate(run.metrics())
    if figures.perplexities:
        _perplexities(run, figures)
        _contexts(run, figures)


def _default(choice: RunChoice) -> str:
    """The best one whose figures are of a text held out; perplexities of learnt ones are low."""
    measured = [run for run in choice.runs.values() if run.spec().data.n_test]
    return (measured or list(choice.runs.values()))[0].id


def _perplexities(run: Run, figures: Figures) -> None:
    """Every model on the same words."""
    st.subheader("Perplexity", anchor=False)
    st.markdown(_on(run, figures))
    rows = [_row(name, title, figures) for name, title in MODELS.items()]
    table = pd.DataFrame([row for row in rows if row])
    help_ = "About where it would be with other texts of the kind, with a confidence of 95 %."
    bounds = {"from": Column("%.1f", help_), "to": Column("%.1f", help_)}
    figure_table(table, {"perplexity": Column("%.1f"), **bounds})
    csv_button(lambda: table, f"perplexity-{run.id}")
    if figures.trigram_zeros:
        st.caption(
            "Three words as counted, without anything for what was never seen, give "
            f"{figures.trigram_zeros:.1%} of these words a probability of 0: a perplexity that is "
            "infinite, and has no row."
        )
    if figures.mixture_weight is not None:
        st.caption(
            f"The mixture gives the network a weight of {figures.mixture_weight:.2f}, fitted on "
            "the part that validates. Bengio et al. 2003 had 252 for their best mixture and 321 "
            "for their best n-gram model on the Brown corpus; their copy has 1,181,041 words and "
            "16,383 in the vocabulary, so their figures are near these, not on the same words."
        )


def _on(run: Run, figures: Figures) -> str:
    spec = run.spec()
    title, n = dataset_title(spec.dataset), f"{figures.n_test:,}"
    if not figures.held_out:
        return (
            f"On the {n} words of {title} that follow two others, all of which were learnt: how "
            "well each model knows its text by heart, and nothing more."
        )
    return (
        f"On the last {n} words of {title}, none of them learnt; {spec.data.n_train:,} words were "
        f"learnt by all models. The vocabulary has {figures.words:,} entries, one of which stands "
        "for all rare words."
    )


def _row(name: str, title: str, figures: Figures) -> dict[str, Any]:
    if name not in figures.perplexities or (name == "trigram" and figures.trigram_zeros):
        return {}
    row = {"model": title, "perplexity": figures.perplexities[name]}
    return row | dict(zip(("from", "to"), figures.intervals.get(name, []), strict=False))


def _contexts(run: Run, figures: Figures) -> None:
    """What the Markov assumption costs: how often the two words before were seen."""
    if not figures.contexts or not figures.held_out:
        return
    st.subheader("Two words before", anchor=False)
    st.markdown(
        "An n-gram model assumes that a word depends on the two before it alone (the Markov "
        "assumption), and must have seen them to have counted. How often these two stood in the "
        "text that was learnt, and the perplexities there:"
    )
    table = pd.DataFrame(
        [
            {
                "two words seen": seen,
                "share of words": row.get("share"),
                **{MODELS[name]: row.get(name) for name in MODELS if name in row},
            }
            for seen, row in zip(SEEN, figures.contexts, strict=False)
        ]
    )
    numbers = {title: Column("%.1f") for title in MODELS.values() if title in table}
    figure_table(table, {"share of words": Column("percent"), **numbers})
    csv_button(lambda: table, f"contexts-{run.id}")
    st.caption(
        "Behind frequent pairs, such as “of the”, words are hard to guess; behind new ones a comma "
        "or a full stop is about twice as frequent. Compare the models in a line, not the lines "
        "with each other."
    )
