"""What networks of words can do: read what is typed, say what comes next, go on.

pages/components/words/words_model.js does the same in the browser.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import LabError
from core.models.word_predictors import NGram, TiedLSTM
from core.tasks.language import RARE

MAX_CHARACTERS = 1_000_000
READ_BACK = 200
"""Words of a prompt that a network reads at most, the last ones."""
START = "."
"""What a network that reads on and on has read before the first word: the end of a sentence."""
EDGES = re.compile(r"^([(\[]*)(.*?)([.,;:!?)\]]*)$", re.DOTALL)


class Prompt(NamedTuple):
    """What is typed, as a network reads it."""

    words: list[str]
    unknown: list[str]
    """Those that are not in its vocabulary."""
    numbers: list[int]


def read(typed: str, vocabulary: Sequence[str]) -> Prompt:
    """Divide what is typed into words.

    A word that is not known as it stands is tried without the punctuation around it, which counts
    as words of its own, then in small letters, then with a capital. What is still not known is
    `RARE` where the vocabulary has that, or left out.

    Raises:
        LabError: more than a million characters.
    """
    if len(typed) > MAX_CHARACTERS:
        raise LabError(f"That is longer than {MAX_CHARACTERS:,} characters: take a part of it.")
    known = {word: i for i, word in enumerate(vocabulary)}
    words, unknown, numbers = list[str](), list[str](), list[int]()
    for piece in _pieces(typed, known):
        forms = (piece, piece.lower(), piece[:1].upper() + piece[1:])
        written = next((form for form in forms if form in known), None)
        if written is None:
            unknown.append(piece)
            written = RARE if RARE in known else None
        if written is not None:
            words.append(written)
            numbers.append(known[written])
    return Prompt(words, unknown, numbers)


def _pieces(typed: str, known: dict[str, int]) -> list[str]:
    pieces, inside = list[str](), False
    quotes = "``" in known and "''" in known
    for word in typed.split():
        if quotes and '"' in word and word not in known:
            parts = [part for part in re.split('(")', word) if part]
        else:
            parts = [word]
        for part in parts:
            if part == '"' and quotes:
                pieces.append("''" if inside else "``")
                inside = not inside
            elif part in known:
                pieces.append(part)
            else:
                before, middle, behind = EDGES.fullmatch(part).groups()  # type: ignore[union-attr]
                pieces += [p for p in (*before, middle, *behind) if p]
    return pieces


@torch.no_grad()
def next_words(model: NGram | TiedLSTM, prompt: Sequence[int], start: int | None = None) -> Tensor:
    """The logits (words,) of what comes after a prompt.

    Args:
        start: the number of `START` if the vocabulary has it.

    Raises:
        LabError: fewer words than the network looks back at.
    """
    if isinstance(model, NGram):
        if len(prompt) < model.context:
            raise LabError(
                f"This network looks at {model.context} words of its vocabulary: "
                f"{len(prompt)} of them are here."
            )
        logits: Tensor = model(torch.tensor([prompt[-model.context :]]))[0]
        return logits
    seen = [*([] if start is None else [start]), *prompt[-READ_BACK:]] or [0]
    return model.logits(torch.tensor([seen]), len(seen) - 1)[0, 0]


def go_on(
    step: Callable[[Sequence[int]], Tensor],
    prompt: Sequence[int],
    count: int,
    temperature: float,
    draw: Callable[[int], float],
) -> list[int]:
    """Add words to a prompt, one after the other.

    Args:
        step: from the words so far to the logits of the next; a word at minus infinity never comes.
        temperature: the logits are divided by it; 0 takes the most probable word.
        draw: a number in [0, 1) for the n-th word.
    """
    words = list(prompt)
    for n in range(count):
        logits = step(words).double()
        if temperature == 0:
            words.append(int(logits.argmax()))
            continue
        upto = (logits / temperature).softmax(0).cumsum(0)
        words.append(int(torch.searchsorted(upto, draw(n) * upto[-1], right=True)))
    return words[len(prompt) :]
