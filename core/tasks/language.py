"""Language: which word comes next."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam

from core.cancellation import Check, silent
from core.data import DatasetInfo, Images
from core.data.sequences import Text, text
from core.metrics import ngrams
from core.models.word_predictors import Candidates, NGram, TiedLSTM
from core.runs.schema import DataSpec, RunSpec
from core.runs.store import Run
from core.tasks.base import (
    Descent,
    Experiment,
    Learner,
    TaskConfig,
    constant,
    warm_cosine,
)
from core.tasks.family import by_name
from core.tasks.sequence_tasks import VOCABULARY, WHOLE, SequenceTask, SequenceVariant, vocabulary

RARE = "<rare>"
"""Stands for every word that is rare in a long text; number 0."""
LONG_TEXT = 1_000_000
"""Words from which on a text has a part to validate and one to test."""
TRAIN, VALIDATE = 800_000, 200_000
"""Words of a long text that are learnt from, and those behind them that validate: Bengio et al.
2003. The rest tests."""
LEAST = 4
"""Times that a word stands in a long text, at least, not to be joined with other rare ones."""
WINDOW = 40
"""Words of a window, before which nothing is known while it is learnt."""

SEGMENT, LEAD = 1000, 100
"""Words that are measured at once, and those that are read before them."""

SHEET_WORDS = 64
START = 2
"""Words before the first that is measured, where nothing stands before them."""
COUNTED = {
    "unigram": ngrams.unigram,
    "trigram": ngrams.trigram,
    "kneser_ney": ngrams.kneser_ney,
}
"""What a network is compared with, on the same words."""


class Parts(NamedTuple):
    """How many words of a text train, validate and test; a short text only trains."""

    train: int
    validate: int
    test: int

    @classmethod
    def of(cls, words: int) -> "Parts":
        """The split of a text of `words` words."""
        if words < LONG_TEXT:
            return cls(words, 0, 0)
        return cls(TRAIN, VALIDATE, words - TRAIN - VALIDATE)


class LanguageConfig(TaskConfig):
    """Settings of a network that says which word comes next."""


@dataclass(frozen=True, kw_only=True)
class LanguageVariant(SequenceVariant):
    """A network on words."""

    recurrent: bool = False
    """Whether it reads on and on, instead of some words before each."""


LanguageExperiment = Experiment[LanguageConfig, LanguageVariant, nn.Module]


class NGramLearner(Descent):
    """One step on the cross-entropy of what follows."""

    def __init__(self, experiment: LanguageExperiment) -> None:
        rate = experiment.config.learning_rate
        super().__init__(experiment.model, SGD, rate, constant, weight_decay=1e-5)

    def order(self, n: int, generator: torch.Generator) -> Tensor:
        """As in the text: from the first word to the last."""
        return torch.arange(n)

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        seen, following = images
        loss = F.cross_entropy(self.model(seen), following)
        self.descend(loss, progress)
        return {"loss": loss.item()}


class LSTMLearner(Descent):
    """One step on windows, compared with some candidates; gradients are clipped at length 1."""

    max_gradient = 1.0

    def __init__(self, experiment: LanguageExperiment, data: Images) -> None:
        model = experiment.model
        assert isinstance(model, TiedLSTM)
        super().__init__(model, Adam, experiment.config.learning_rate, warm_cosine)
        self.words: TiedLSTM = model
        counts = torch.bincount(data.labels.flatten(), minlength=len(model.bias)).float()
        self.candidates = Candidates(counts)
        with torch.no_grad():  # it begins with how often each word stands in the text
            model.bias.copy_(((counts + 0.5) / (counts + 0.5).sum()).log())

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        seen, following = images
        meanings = self.words.meanings(seen)[0].flatten(0, 1)
        loss = self.candidates.loss(meanings, self.words, following.flatten(), generator)
        self.descend(loss, progress)
        return {"loss": loss.item()}


class Language(SequenceTask[LanguageConfig, LanguageVariant, nn.Module]):
    """Which word comes next in a text."""

    name = "language"
    kind = "language"
    title = "Word predictors"
    medium = "text"
    half = True
    config_class = LanguageConfig
    headline = "perplexity"
    lower_is_better = True
    variants = by_name(
        LanguageVariant(
            "ngram",
            "N-gram",
            "Two words before, as in the text.",
            NGram,
            {"epochs": 100, "batch_size": 1, "learning_rate": 1e-2},
            source="Embedding 10, Lin 20-128-V; SGD",
            text="Shakespeare's second sonnet, words as they stand; embedding 10, two words of "
            "context, Lin 20-128, ReLU, Lin 128-V; cross-entropy, SGD 1e-2, weight decay 1e-5, one "
            "example a step in their order, 100 epochs.",
            differs="Nothing.",
            quick=True,
            fixed=WHOLE | {"batch_size"},
            dataset="sonnet",
        ),
        LanguageVariant(
            "tied_lstm",
            "LSTM, tied",
            "Reads the whole text before a word; one table of words for input and output.",
            TiedLSTM,
            {"epochs": 4, "batch_size": 32, "learning_rate": 4e-3},
            source="Embedding 128, LSTM 200, Lin 200-128, the embedding again; Adam",
            differs="Ours: an LSTM in the place of two words, one embedding for input and output; "
            "on the Brown corpus, split as Bengio et al. 2003 have it, words that stand there "
            "three times or less joined. Windows of 40 words, dropout, Adam 4e-3, a rate that "
            "rises and falls, candidates instead of all words while it learns.",
            dataset="brown",
            recurrent=True,
        ),
    )

    def describe(
        self, variant: str, config: LanguageConfig, info: DatasetInfo, fingerprint: str
    ) -> tuple[DataSpec, dict[str, bytes]]:
        tokens = words_of(text(info.name))
        known = vocabulary_of(tokens)
        parts = Parts.of(len(tokens))
        used = DataSpec(
            fingerprint=fingerprint,
            n_train=parts.train,
            n_test=parts.test,
            shape=(1, 1, WINDOW if self.variant(variant).recurrent else 2),
            classes=len(known),
        )
        return used, {VOCABULARY: "\n".join(known).encode()}

    def build_for(self, spec: RunSpec, config: LanguageConfig) -> nn.Module:
        network: nn.Module = self.variant(spec.variant).build(spec.data.classes)
        return network

    def training(self, run: Run) -> Images:
        spec = run.spec()
        stream = numbers(words_of(text(spec.dataset)), vocabulary(run))
        parts = Parts.of(len(stream))
        stream = stream[: parts.train + parts.validate]
        if not self.variant(spec.variant).recurrent:
            return Images(*contexts(stream, spec.data.shape[2]))
        window = min(WINDOW, len(stream))
        seen, following = shifted(stream)
        rows = len(stream) // window
        return Images(
            seen[: rows * window].reshape(rows, window),
            following[: rows * window].reshape(rows, window),
        )

    def split(self, config: LanguageConfig, images: Images) -> tuple[Images, Images]:
        """The part that validates stands behind the one that is learnt from."""
        window = images.labels.shape[1] if images.labels.ndim == 2 else 1
        words = len(images.labels) * window
        kept = TRAIN // window if words >= LONG_TEXT - window else len(images.labels)
        return Images(*(t[:kept] for t in images)), Images(*(t[kept:] for t in images))

    def testing(self, run: Run) -> Images:
        """The whole text, from which what is compared with the network learns too: of each word
        the one before, and itself, (1, words)."""
        stream = numbers(words_of(text(run.spec().dataset)), vocabulary(run))
        return Images(*(t[None] for t in shifted(stream)))

    def learner(self, experiment: LanguageExperiment, data: Images | None = None) -> Learner:
        if not experiment.variant.recurrent:
            return NGramLearner(experiment)
        assert data is not None
        return LSTMLearner(experiment, data)

    def validate(
        self, experiment: LanguageExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        """The loss on one window in ten of those that are held out; of a text of which nothing is,
        the loss on what is learnt, up to its first thousand words."""
        experiment.check("validating")
        if not len(held.labels):
            own = probabilities(
                experiment.model, images.labels[0][:SEGMENT], START, experiment.check
            )
            return {"own_loss": float(-np.log(own.clip(1e-300)).mean()) if len(own) else 0.0}
        if isinstance(experiment.model, NGram):
            words = held.labels.flatten()[: VALIDATE // 10]
            given = probabilities(experiment.model, words, START, experiment.check)
            loss = float(-np.log(given.clip(1e-300)).mean())
        else:
            loss = _window_loss(experiment, Images(*(t[::10] for t in held)))
        return {"val_loss": loss, "val_perplexity": math.exp(min(loss, 50))}

    def evaluate(self, experiment: LanguageExperiment, images: Images) -> dict[str, Any]:
        """Perplexities on the part that tests, beside those of counting models on the same words;
        of a short text on the text that was learnt, for none of it is held out."""
        model, check, stream = experiment.model, experiment.check, images.labels[0]
        parts = Parts.of(len(stream))
        words = model_words(model)
        held_out = parts.test > 0
        start = parts.train if held_out else min(START, len(stream))
        own = probabilities(model, stream, start, check)
        whole = stream.cpu().numpy()
        train = whole[: parts.train]
        counted = {}
        for name, count in COUNTED.items():
            check("counting")
            counted[name] = count(train, whole, words)[start:]
        seen = ngrams.context_counts(train, whole, words)[start:]
        tested = slice(parts.validate, None) if held_out else slice(None)
        figures: dict[str, Any] = {"words": words, "held_out": held_out}
        models = {"network": own, **counted}
        if held_out:
            fitted = slice(0, parts.validate)
            weight = ngrams.mixing_weight(own[fitted], counted["kneser_ney"][fitted])
            figures["mixture_weight"] = weight
            figures["validation_perplexity"] = ngrams.perplexity(own[fitted])
            models["mixture"] = weight * own + (1 - weight) * counted["kneser_ney"]
        models = {name: given[tested] for name, given in models.items()}
        zeros = models["trigram"] == 0
        rest = {**models, "trigram": models["trigram"][~zeros]}  # with a zero it is infinite
        rest = {name: given for name, given in rest.items() if len(given)}
        return figures | {
            "perplexity": ngrams.perplexity(models["network"]),
            "perplexities": {name: ngrams.perplexity(given) for name, given in rest.items()},
            "intervals": {name: ngrams.perplexity_interval(p) for name, p in rest.items()},
            "trigram_zeros": float(zeros.mean()) if len(zeros) else 0.0,
            "contexts": ngrams.by_context(seen[tested], models),
            "n_test": len(models["network"]),
        }

    def render(self, experiment: LanguageExperiment, images: Images) -> np.ndarray:
        """The embeddings of the most frequent words, a row a word: white is two and above, black
        two standard deviations below their mean."""
        table = experiment.model.get_parameter("embedding.weight").detach()[:SHEET_WORDS].float()
        scaled = 0.5 + (table - table.mean()) / (4 * table.std()).clamp_min(1e-9)
        sheet: np.ndarray = (255 * scaled.clamp(0, 1)).to(torch.uint8).cpu().numpy()
        return sheet.repeat(4, 0).repeat(4, 1)


def model_words(model: nn.Module) -> int:
    """How many words a network knows."""
    embedding = model.get_submodule("embedding")
    assert isinstance(embedding, nn.Embedding)
    return embedding.num_embeddings


@torch.no_grad()
def _window_loss(experiment: LanguageExperiment, windows: Images) -> float:
    """The mean loss on windows, before each of which nothing is known."""
    seen, following = windows
    total = 0.0
    for some, next_ in zip(torch.split(seen, 25), torch.split(following, 25), strict=True):
        experiment.check("validating")
        logits = experiment.model(some).flatten(0, -2)
        total += F.cross_entropy(logits, next_.flatten(), reduction="sum").item()
    return total / following.numel()


@torch.no_grad()
def probabilities(
    model: nn.Module, stream: Tensor, start: int, check: Check = silent
) -> ngrams.Floats:
    """The probability that a network gives each word of a stream from `start` on, float64.

    A network that reads on and on has read between 100 and 1,100 words before each, or all that
    there are.
    """
    given: list[Tensor] = []
    if isinstance(model, NGram):
        seen, following = contexts(stream[start - model.context :], model.context)
        for some, next_ in zip(torch.split(seen, 1000), torch.split(following, 1000), strict=True):
            check("measuring")
            given.append(model(some).log_softmax(-1).gather(-1, next_[:, None]))
    else:
        assert isinstance(model, TiedLSTM)
        before, following = shifted(stream)
        for first in range(start, len(stream), SEGMENT):
            check("measuring")
            lead = min(LEAD, first)
            end = min(first + SEGMENT, len(stream))
            logits = model.logits(before[None, first - lead : end], lead)[0]
            given.append(logits.log_softmax(-1).gather(-1, following[first:end, None]))
    if not given:
        return np.zeros(0)
    joined: ngrams.Floats = torch.cat(given).double().exp().flatten().cpu().numpy()
    return joined


def words_of(written: Text) -> list[str]:
    """The words of a text in their order, without tags and without the ends of its lines."""
    words = str(written).split()
    tagged = sum("/" in word for word in words) > len(words) / 2
    return [word.rsplit("/", 1)[0] for word in words] if tagged else words


def vocabulary_of(words: Sequence[str]) -> list[str]:
    """The words that get a number, the most frequent first.

    Of a short text all; of a long one those that stand there four times at least, behind `RARE`.
    """
    counts = sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0]))
    if len(words) < LONG_TEXT:
        return [word for word, _ in counts]
    return [RARE, *(word for word, count in counts if count >= LEAST)]


def numbers(words: Sequence[str], known: Sequence[str]) -> Tensor:
    """The numbers of words, int64 (words,); 0, `RARE` where there is one, for those not known."""
    by_word = {word: i for i, word in enumerate(known)}
    return torch.tensor([by_word.get(word, 0) for word in words])


def shifted(stream: Tensor) -> tuple[Tensor, Tensor]:
    """The word before each word of a stream, number 0 before the first, and itself."""
    return torch.cat([stream.new_zeros(1), stream[:-1]]), stream


def contexts(stream: Tensor, context: int) -> tuple[Tensor, Tensor]:
    """The words before each word that has enough of them, (N, context), and itself, (N,)."""
    return stream.unfold(0, context, 1)[:-1], stream[context:]


LANGUAGE = Language()
