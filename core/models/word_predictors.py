"""Networks that say which word comes next."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NGram(nn.Module):
    """The text's network: the embeddings of the words before, joined, and two linear layers.

    Input (N, context) of word numbers, output (N, words) of logits. After Bengio et al. 2003.
    """

    def __init__(
        self, words: int, context: int = 2, embedding: int = 10, hidden: int = 128
    ) -> None:
        super().__init__()
        self.context = context
        self.embedding = nn.Embedding(words, embedding)
        self.hidden = nn.Linear(context * embedding, hidden)
        self.out = nn.Linear(hidden, words)

    def forward(self, seen: Tensor) -> Tensor:
        joined = self.embedding(seen).flatten(1)  # (N, context · embedding)
        logits: Tensor = self.out(torch.relu(self.hidden(joined)))
        return logits


class TiedLSTM(nn.Module):
    """An LSTM whose embedding of words is also its output layer (Press and Wolf 2017).

    It has read the whole text before a word, not a fixed number of words. While it learns, numbers
    of the embedding and of what goes to the output are dropped, the same ones all along a window
    (Gal and Ghahramani 2016).
    """

    DROPPED_IN, DROPPED_OUT = 0.2, 0.3

    def __init__(self, words: int, embedding: int = 128, hidden: int = 200) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.out = nn.Linear(hidden, embedding)
        self.bias = nn.Parameter(torch.zeros(words))

    def meanings(
        self, seen: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """What is compared with the embedding of each word, and the state behind the last one.

        Args:
            seen: word numbers (N, T).

        Returns:
            (N, T, embedding), and the LSTM's two states.
        """
        embedded = self._dropped(self.embedding(seen), self.DROPPED_IN)
        outputs, state = self.lstm(embedded, state)
        return self._dropped(self.out(outputs), self.DROPPED_OUT), state

    def forward(self, seen: Tensor) -> Tensor:
        """The logits (N, T, words) of what comes after each word of `seen` (N, T)."""
        return self.logits(seen)

    def logits(self, seen: Tensor, first: int = 0) -> Tensor:
        """The same from word `first` on."""
        return F.linear(self.meanings(seen)[0][:, first:], self.embedding.weight, self.bias)

    def _dropped(self, values: Tensor, share: float) -> Tensor:
        if not self.training:
            return values
        kept = torch.rand(values.shape[0], 1, values.shape[2], device=values.device) > share
        return values * kept / (1 - share)


class Candidates:
    """Which words a step of training compares the true one with, instead of all.

    The most frequent are always there; of the others some are drawn, about as often as they stand
    in the text, and count for those that are not (Jean et al. 2015): each by the inverse of how
    often it is expected among them.
    """

    ALWAYS, DRAWN = 512, 1024

    def __init__(self, counts: Tensor) -> None:
        """
        Args:
            counts: of each word in the training text, (words,).
        """
        order = counts.argsort(descending=True, stable=True)
        self.always, self.others = order[: self.ALWAYS], order[self.ALWAYS :]
        weights = (counts[self.others] + 0.5) ** 0.75
        self.chances = torch.zeros(len(counts), dtype=torch.float64)
        self.chances[self.others] = (weights / weights.sum()).double()
        self.upto = self.chances[self.others].cumsum(0)
        self.is_other = torch.zeros(len(counts), dtype=torch.bool)
        self.is_other[self.others] = True

    def loss(
        self, meanings: Tensor, model: TiedLSTM, following: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The mean cross-entropy, about, of what follows: `meanings` (N, d), `following` (N,)."""
        weight, bias = model.embedding.weight, model.bias
        if not len(self.others):
            return F.cross_entropy(F.linear(meanings, weight, bias), following)
        drawn = self._draw(generator)
        correction = -(self.DRAWN * self.chances[drawn]).log().float()
        shift = torch.cat([torch.zeros(len(self.always)), correction])
        candidates = torch.cat([self.always, drawn])
        logits = F.linear(meanings, weight[candidates], bias[candidates] + shift)
        same = torch.zeros_like(logits, dtype=torch.bool)
        same[:, len(self.always) :] = drawn == following[:, None]  # the true one counts once
        total = logits.masked_fill(same, -1e9).logsumexp(1)
        true = (meanings * weight[following]).sum(1) + bias[following]
        total = torch.where(self.is_other[following], torch.logaddexp(total, true), total)
        return (total - true).mean()

    def _draw(self, generator: torch.Generator) -> Tensor:
        at = torch.rand(self.DRAWN, generator=generator, dtype=torch.float64) * self.upto[-1]
        return self.others[torch.searchsorted(self.upto, at).clamp_max(len(self.others) - 1)]
