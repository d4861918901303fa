"""The bench of words as a program sees it."""

from core.tasks.language import LANGUAGE
from pages.parts.sequences import words_tab
from pages.ui import cached
from tests.pages.test_pages import captions, opened


def told(app):
    return " ".join(str(m.value) for m in app.markdown)


def test_it_opens_with_every_model_on_the_same_words(lab):
    app = opened("sequences.py", tab="Words")
    assert not app.exception and not app.error
    table = app.dataframe[0].value.set_index("model")["perplexity"]
    assert set(words_tab.MODELS.values()) >= set(table.index)
    assert table["The network"] < table["One word, as counted"]


def test_what_is_known_by_heart_is_said_to_be(lab):
    run = next(r for r in cached.models(LANGUAGE.name) if r.spec().variant == "ngram")
    app = opened("sequences.py", tab="Words", language=run.id)
    assert "by heart" in told(app)
    assert len(app.dataframe) == 1  # contexts of a text that was learnt say nothing


def test_without_a_network_one_can_still_learn_a_text(lab, monkeypatch):
    monkeypatch.setattr(cached, "models", lambda task: [])
    app = opened("sequences.py", tab="Words")
    assert not app.exception
    assert "No network of words" in app.info[0].value
    app = opened("sequences.py", tab="Words", bench="Learn a text")
    assert not app.exception and "nothing is held out" in captions(app)
