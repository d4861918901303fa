"""Taggers at work: text cut into words, and their tags; `pages/components/tags` does the same."""

import re
from typing import Any, NamedTuple

import torch

from core.errors import LabError, RunBroken
from core.models.tagging_nets import LETTERS, TextTagger, WordTagger, encoded
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.sequence_tasks import vocabulary
from core.tasks.tagging import TAGGING, known_words

MAX_WORDS = 200
"""Words of a text that are tagged at most."""
_BLANK = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_MARK = r".,;:!?()\[\]{}\"“”„«»\u2018…—\u2013<>|*_=+~^`\\"
_SHORT = "Mr|Mrs|Ms|Dr|St|Jr|Sr|Gen|Sen|Rep|Gov|Prof|Mt|Inc|Corp|Co|Ltd|vs|etc"
WORD = re.compile(
    rf"(?:{_SHORT})\.|(?:[A-Za-z]\.){{2,}}"
    rf"|[^{_BLANK}{_MARK}]+(?:[.,:][^{_BLANK}{_MARK}]+)*"
    rf"|--+|\.\.\.|``|[{_MARK}]"
)
"""Words as the Brown corpus has them: an abbreviation with its points, a word or a number with what
stands inside it, a mark. `pages/components/tags/tokens.js` cuts by the same rule."""
READ_AS = {
    **dict.fromkeys("“„«", "``"),
    **dict.fromkeys("”»", "''"),
    **dict.fromkeys("—\u2013", "--"),
    "\u2018": "`",
    "…": "...",
}
"""Marks for which the corpus has others; straight quotation marks open and close in turn."""


class Word(NamedTuple):
    """A word with what a tagger says of it."""

    word: str
    seen: str
    """"known": it has a vector of its own; "rare": seen in training, too seldom for one; "new"."""
    tag: str
    probability: float
    probabilities: dict[str, float]


class Tagged(NamedTuple):
    """A text with its tags."""

    words: list[Word]
    left_out: int
    """Words behind the first `MAX_WORDS`, which were not read."""


def words_of(written: str) -> list[str]:
    """Cut a text into words."""
    return WORD.findall(written)


def as_read(words: list[str]) -> list[str]:
    """Words as the corpus writes them: its quotation marks and dashes, and straight apostrophes."""
    read, opened = [], False
    for word in words:
        if word == '"':
            opened = not opened
            read.append("``" if opened else "''")
        else:
            read.append(READ_AS.get(word, word.replace("\u2019", "'")))
    return read


def tag(run: Run, written: str) -> Tagged:
    """Tag a text with a finished run.

    Raises:
        LabError: there is no word in it, or the run is no tagger.
        RunBroken: the run's files are damaged, or not of each other.
    """
    words = words_of(written)
    if not words:
        raise LabError("There is no word in this text: type a sentence.")
    model, kept = _model(run), words[:MAX_WORDS]
    known, seen, read = known_words(run), {*vocabulary(run)}, as_read(words)[:MAX_WORDS]
    with torch.inference_mode():
        shares = model(encoded(read, known)[None])[0].softmax(1)
    names = run.spec().data.class_names
    tagged = []
    for word, form, row in zip(kept, read, shares, strict=True):
        small, best = form.lower(), int(row.argmax())
        mark = "known" if small in known else "rare" if small in seen else "new"
        by_tag = dict(zip(names, row.tolist(), strict=True))
        tagged.append(Word(word, mark, names[best], float(row[best]), by_tag))
    return Tagged(tagged, len(words) - len(kept))


def _model(run: Run) -> TextTagger | WordTagger:
    if run.spec().task != TAGGING.name:
        raise LabError(f"{run.id} is no tagger: choose a run of {TAGGING.title.lower()}.")
    model = load_model(run)
    if not isinstance(model, TextTagger | WordTagger):
        raise LabError(f"{run.id} is no tagger that can be used here.")
    words = len(vocabulary(run))
    if isinstance(model, TextTagger) and model.words.num_embeddings < min(
        words, TAGGING.config_of(run).words
    ):
        raise RunBroken(f"The vocabulary of {run.id} is of another network: train anew.")
    return model


def known(run: Run) -> dict[str, Any]:
    """What the browser has to know of a tagger besides its files: `kind`, its tags, and bounds.

    Raises:
        LabError: the run is no tagger.
    """
    model, words = _model(run), TAGGING.config_of(run).words
    return {
        "kind": "text" if isinstance(model, TextTagger) else "words",
        "tags": list(run.spec().data.class_names),
        "letters": LETTERS,
        "maxWords": MAX_WORDS,
        "known": min(len(vocabulary(run)), words),
    }
