"""The figures of a tagger as tables."""

from core.runs.query import shipped
from core.runs.schema import Figures
from core.tasks.tagging import TAGGING
from pages.parts.sequences import tags_tab


def test_a_tagger_stands_beside_its_baselines_with_its_interval() -> None:
    run = next(r for r in shipped(TAGGING) if r.spec().variant == "word_tagger")
    figures = Figures.model_validate(run.metrics())
    table = tags_tab.comparison(figures).set_index("Tagger")
    assert list(table.index) == [
        "This network", "Bigram (hidden Markov model)", "Most frequent tag of each word"
    ]  # fmt: skip
    assert table["All words"].is_monotonic_decreasing
    own = table.loc["This network"]
    assert own["from"] < own["All words"] < own["to"] and own["Never seen"] < own["Seen"]
    each = tags_tab.by_tag(figures, run.spec().data.class_names)
    assert each["Words"].sum() == figures.n_test
    right = (each["Recall"] * each["Words"]).sum() / each["Words"].sum()
    assert abs(right - own["All words"]) < 0.01
