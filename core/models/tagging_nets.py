"""Networks that say of each word of a sentence what part of speech it is.

A word comes as `WIDTH` numbers: its number in the vocabulary as two bytes (0: it has none), then
its letters, each its ASCII code, `OTHER` where it has none, 0 behind the last.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LETTERS = 24
"""Letters of a word that are read: of a longer one the last, where English has its endings."""
WIDTH = 2 + LETTERS
OTHER, BEGIN, END = 1, 2, 3
"""A character that is not ASCII; the marks before a word and behind it."""
CODES = 128
_HASH = torch.tensor([0x9E3779B97F4A7C15 * (2 * i + 1) % 2**61 for i in range(LETTERS)])


def encoded(words: list[str], number: dict[str, int]) -> Tensor:
    """Encode words, uint8 (T, WIDTH); `number` is the vocabulary, in small letters, from 1."""
    rows = torch.zeros(len(words), WIDTH, dtype=torch.uint8)
    for row, word in zip(rows, words, strict=True):
        known = number.get(word.lower(), 0)
        codes = [ord(c) if 32 < ord(c) < 127 else OTHER for c in word[-LETTERS:]]
        row[: 2 + len(codes)] = torch.tensor([known % 256, known // 256, *codes])
    return rows


def numbers(sentences: Tensor) -> Tensor:
    """Return the words' numbers in the vocabulary, int64 (N, T), of sentences (N, T, WIDTH)."""
    return sentences[..., 0].long() + 256 * sentences[..., 1].long()


def lengths(sentences: Tensor) -> Tensor:
    """Return how many words each sentence has, int64 (N,)."""
    return (sentences[..., 2] > 0).sum(1)


def distinct(words: Tensor) -> tuple[Tensor, Tensor]:
    """Return the letters of each distinct word, (D, LETTERS), and which of them each word is, (M,).

    Args:
        words: (M, WIDTH).
    """
    letters = words[:, 2:].long()
    hashes = (letters * _HASH.to(letters.device)).sum(1)
    _, which = torch.unique(hashes, return_inverse=True)
    first = torch.empty(int(which.max()) + 1, dtype=torch.long, device=which.device)
    first[which] = torch.arange(len(which), device=which.device)  # any of them: all are the same
    return letters[first], which


class TextTagger(nn.Module):
    """As the text has it: one LSTM reads the letters of a word, another the words.

    Of letters only a to z are read, capitals as small ones; a word that is not in the vocabulary
    has a vector of zeros. Input (N, T, WIDTH), output logits (N, T, tags).
    """

    def __init__(self, words: int, tags: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(26, 10)
        self.character_lstm = nn.LSTM(10, 50)
        self.words = nn.Embedding(words, 100)
        self.lstm = nn.LSTM(150, 128)
        self.out = nn.Linear(128, tags)

    def forward(self, sentences: Tensor) -> Tensor:
        return self.logits(self.states(sentences))

    def logits(self, states: Tensor) -> Tensor:
        """What the states of the words, (N, T, 128), say of the tags."""
        scores: Tensor = self.out(states)
        return scores

    def states(self, sentences: Tensor) -> Tensor:
        """Return the output of the LSTM at each word, (N, T, 128)."""
        n, steps, _ = sentences.shape
        number = numbers(sentences)
        known = self.words((number - 1).clamp_min(0)) * (number > 0)[..., None]
        letters, which = distinct(sentences.reshape(n * steps, WIDTH))
        spelt = torch.stack([self._last(word) for word in letters])[which].view(n, steps, -1)
        states: Tensor = self.lstm(torch.cat([known, spelt], 2).transpose(0, 1))[0]  # (T, N, 128)
        return states.transpose(0, 1)

    def _last(self, letters: Tensor) -> Tensor:
        """Return what is left when the letters of one word have been read, (50,)."""
        small = torch.where((letters >= 65) & (letters <= 90), letters + 32, letters) - 97
        read = small[(small >= 0) & (small < 26)]
        if not len(read):
            return self.characters.weight.new_zeros(50)
        states, _ = self.character_lstm(self.characters(read)[:, None])
        last: Tensor = states[-1, 0]
        return last


class WordTagger(nn.Module):
    """Words and letters, read in both directions.

    Filters over five neighbouring letters, each where it answers most, spell every word; with the
    word's own vector they go to one LSTM from left to right and to one from right to left.
    Input (N, T, WIDTH), output logits (N, T, tags). Words without a number share one vector; in
    training, a word loses its number with the probability `drop` of its number (0 for all).
    """

    drop: Tensor

    def __init__(
        self, words: int, tags: int, sizes: tuple[int, int, int, int] = (64, 24, 96, 96)
    ) -> None:
        super().__init__()
        vector, character, filters, units = sizes
        self.words = nn.Embedding(words + 1, vector)
        nn.init.normal_(self.words.weight, std=0.1)
        self.characters = nn.Embedding(CODES, character, padding_idx=0)
        self.filters = nn.Conv1d(character, filters, 5, padding=2)
        self.forwards = nn.LSTM(vector + filters, units, batch_first=True)
        self.backwards = nn.LSTM(vector + filters, units, batch_first=True)
        self.out = nn.Linear(2 * units, tags)
        self.before, self.after = nn.Dropout(0.3), nn.Dropout(0.3)
        self.register_buffer("drop", torch.zeros(words + 1), persistent=False)

    def forward(self, sentences: Tensor) -> Tensor:
        return self.logits(self.states(sentences))

    def logits(self, states: Tensor) -> Tensor:
        """What the states of the words, (N, T, 2 units), say of the tags."""
        scores: Tensor = self.out(self.after(states))
        return scores

    def states(self, sentences: Tensor) -> Tensor:
        """Return the outputs of both LSTMs at each word, (N, T, 2 units)."""
        n, steps, _ = sentences.shape
        number = numbers(sentences)
        if self.training:
            lost = torch.rand(number.shape, device=number.device) < self.drop[number]
            number = number.masked_fill(lost, 0)
        letters, which = distinct(sentences.reshape(n * steps, WIDTH))
        spelt = self.spelt(letters)[which].view(n, steps, -1)
        x = self.before(torch.cat([self.words(number), spelt], 2))
        # Turned round within its length, so that what fills a short sentence up comes last.
        turned = lengths(sentences)[:, None] - 1 - torch.arange(steps, device=x.device)  # (N, T)
        turned = torch.where(turned < 0, torch.arange(steps, device=x.device), turned)[..., None]
        left, _ = self.forwards(x)
        right, _ = self.backwards(x.gather(1, turned.expand_as(x)))
        return torch.cat([left, right.gather(1, turned.expand_as(right))], 2)

    def spelt(self, letters: Tensor) -> Tensor:
        """Return what the filters find in words, (D, filters), of their letters (D, LETTERS)."""
        count = (letters > 0).sum(1, keepdim=True)
        longest = int(count.max()) + 2
        marked = F.pad(letters, (1, 1))[:, :longest].clone()
        marked[:, 0] = BEGIN
        marked.scatter_(1, count + 1, END)
        answers = self.filters(self.characters(marked).transpose(1, 2))  # (D, filters, longest)
        there = torch.arange(longest, device=letters.device) < count + 2
        strongest: Tensor = answers.masked_fill(~there[:, None], -torch.inf).amax(2).relu()
        return strongest
