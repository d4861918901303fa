"""The bench of tags: a sentence is tagged as one types, and how often that is right."""

import pandas as pd
import streamlit as st

from core.data.universal_tags import TITLES
from core.errors import LabError
from core.runs.schema import Figures
from core.runs.store import Run
from core.tasks.tagging import TAGGING
from pages.components.tags import Example, tags
from pages.ui.downloads import csv_button
from pages.ui.figure_tables import Column, figure_table
from pages.ui.run_choice import RunChoice

EXAMPLES = (
    Example("Nonsense", "The wugs were gorping slowly towards a blenty snark."),
    Example("The text’s", "Everybody ate the apple"),
    Example("One word, two tags", "They refuse to permit us to obtain the refuse permit."),
    Example("Garden path", "The old man the boats."),
    Example("-ly and -ing", "She was happily singing a friendly song in the ugly building."),
    Example("Buffalo", "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo."),
    Example("A plan", "I plan to plan the plan before the planned planning."),
    Example("Jabberwocky", "’Twas brillig, and the slithy toves did gyre and gimble in the wabe."),
)
TEXT_TITLES = {"NN": "Noun", "V": "Verb", "DET": "Determiner"}
PERCENT = "%.2f %%"


@st.fragment
def panel() -> None:
    """The bench, and the figures of the network."""
    choice = RunChoice.of(TAGGING, TAGGING.name, "tagger")
    if not choice.runs:
        st.info("No tagger is here yet: train one under **Train your own**.")
        return
    ours = [i for i, run in choice.runs.items() if run.spec().variant == "word_tagger"]
    run = choice.box("Network", default=next(iter(ours), None), label_visibility="collapsed")
    try:
        figures = run.metrics()
        tags(
            key="tags",
            run=run,
            examples=EXAMPLES,
            titles={**TITLES, **TEXT_TITLES},
            confusion=figures.get("confusion", []),
            total=int(figures.get("n_test", 0)),
        )
    except LabError as error:
        st.error(str(error))
        return
    _figures(run)


def _figures(run: Run) -> None:
    figures = Figures.model_validate(run.metrics())
    if figures.n_texts < 2:
        st.caption(
            f"Measured on what the text asks, {figures.n_test} words: "
            f"{figures.accuracy:.0%} right. It learnt from two sentences, and knows their words."
        )
        return
    st.subheader("How often it is right", anchor=False)
    table = comparison(figures)
    figure_table(table, COLUMNS)
    st.caption(
        f"On {figures.n_test:,} words in {figures.n_sentences:,} sentences of the "
        f"{figures.n_texts} texts of the Brown corpus that were held out, one in ten, drawn by a "
        f"seed. {figures.n_unseen:,} of the words do not occur in the other texts, whatever their "
        "capitals. The intervals (95 %) come from drawing the texts again: words of one text are "
        "alike. A sentence is right when every tag of it is."
    )
    per_tag = by_tag(figures, run.spec().data.class_names)
    with st.expander("Each tag"):
        figure_table(per_tag, TAG_COLUMNS)
        csv_button(lambda: per_tag, "tags-each")
    csv_button(lambda: table, "taggers")


def comparison(figures: Figures) -> pd.DataFrame:
    """A row a method: the network, then its baselines, in per cent."""
    rows = {
        "This network": figures.model_dump(),
        "Bigram (hidden Markov model)": figures.bigram,
        "Most frequent tag of each word": figures.most_frequent,
    }
    table = [
        {
            "Tagger": name,
            "All words": 100 * of["accuracy"],
            "from": 100 * figures.accuracy_low if name == "This network" else None,
            "to": 100 * figures.accuracy_high if name == "This network" else None,
            "Seen": 100 * of["seen_accuracy"],
            "Never seen": 100 * of["unseen_accuracy"],
            "Never seen, from": 100 * figures.unseen_low if name == "This network" else None,
            "Never seen, to": 100 * figures.unseen_high if name == "This network" else None,
            "Whole sentences": 100 * of["sentence_accuracy"],
        }
        for name, of in rows.items()
        if of
    ]
    return pd.DataFrame(table)


def by_tag(figures: Figures, names: tuple[str, ...]) -> pd.DataFrame:
    """A row a tag, in per cent, with how many words have it."""
    return pd.DataFrame(
        {
            "Tag": names,
            "Name": [TITLES.get(name, name) for name in names],
            "Words": [int(sum(row)) for row in figures.confusion],
            "Recall": [100 * share for share in figures.class_accuracy],
            "Precision": [100 * share for share in figures.class_precision],
            "F1": [100 * share for share in figures.class_f1],
        }
    )


COLUMNS = {
    "Tagger": Column("", "what says the tags"),
    "All words": Column(PERCENT, "share of right tags"),
    "from": Column(PERCENT, "lower end of the 95 % interval"),
    "to": Column(PERCENT, "upper end of the 95 % interval"),
    "Seen": Column(PERCENT, "words that occur in the texts that were learnt"),
    "Never seen": Column(PERCENT, "words that do not occur there, whatever their capitals"),
    "Never seen, from": Column(PERCENT, "lower end of the 95 % interval"),
    "Never seen, to": Column(PERCENT, "upper end of the 95 % interval"),
    "Whole sentences": Column(PERCENT, "sentences of which every tag is right"),
}
TAG_COLUMNS = {
    "Words": Column("%d", "held-out words that have this tag"),
    "Recall": Column(PERCENT, "of the words that have this tag, those that it was given to"),
    "Precision": Column(PERCENT, "of the words that it was given to, those that have it"),
    "F1": Column(PERCENT, "the harmonic mean of both"),
}
