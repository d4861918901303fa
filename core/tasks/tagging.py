"""Tagging: what part of speech each word of a sentence is."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam

from core.cancellation import Check, silent
from core.data import DatasetInfo, Images
from core.data.sequences import text
from core.data.universal_tags import UNIVERSAL, universal
from core.errors import LabError
from core.metrics.tag_baselines import Bigram, MostFrequent, Tagged, interval
from core.models.tagging_nets import WIDTH, TextTagger, WordTagger, encoded, lengths, numbers
from core.runs.schema import DataSpec
from core.runs.store import Run, open_run
from core.tasks.base import (
    Descent,
    Experiment,
    Learner,
    TaskConfig,
    constant,
    some,
    warm_cosine,
)
from core.tasks.family import by_name, number
from core.tasks.sequence_tasks import VOCABULARY, SequenceTask, SequenceVariant, vocabulary

HELD_OUT = "held_out.txt"
"""The file of a run with some sentences that it has not learnt from, `word/TAG` between blanks."""
SAMPLE, SAMPLE_LENGTHS = 800, (3, 40)
"""Sentences in it at most, and how many words they have."""
SPLIT_SEED = 500
"""Of the choice of texts that are held out."""
TEXTS_PER_HELD_OUT = 10
ASKED = ("Everybody ate the apple", "NN V DET NN")
"""What the text asks its tagger, with what it should say."""
LONGEST = 60
"""Words at a time of a sentence in training; the longest of the Brown corpus has 180."""
CHUNK = 64
"""Sentences at a time in a measurement."""
VALIDATION_SENTENCES = 640
TAG, SEEN, BIGRAM, FREQUENT, TEXT = range(5)
"""Of the numbers that stand beside each word: its tag, whether it was seen in training (2: as it is
written; 1: with other capitals), the tags of both baselines, its text; -1 behind a sentence."""


class TaggingConfig(TaskConfig):
    """Settings of a tagger."""

    train_images: int = number(
        0, (0, 10_000_000), "Training sentences", "how many to use; 0 takes all", step=1000
    )
    words: int = number(
        20_000,
        (1, 60_000),
        "Vocabulary",
        "most frequent words with a vector of their own",
        step=500,
    )
    word_dropout: float = number(
        0.0,
        (0, 10),
        "Hidden words",
        "a word loses its vector in training with probability a / (a + its count), so that letters "
        "learn to do without",
        step=0.1,
    )


class Tagger(Protocol):
    """What networks of this task can do besides `forward`."""

    def states(self, sentences: Tensor) -> Tensor: ...

    def logits(self, states: Tensor) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class TaggingVariant(SequenceVariant):
    """A tagger with what it learns by."""

    learner: "Callable[[TaggingExperiment, Images | None], Learner]"


TaggingExperiment = Experiment[TaggingConfig, TaggingVariant, nn.Module]


class TextLearner(Descent):
    """As the text has it: one sentence a step, in their order."""

    def __init__(self, experiment: TaggingExperiment, _data: Images | None) -> None:
        super().__init__(experiment.model, SGD, experiment.config.learning_rate, constant)

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        loss, right = _loss(self.model, images)
        self.descend(loss, progress)
        return {"loss": loss.item(), "accuracy": right}

    def order(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.arange(n, device=generator.device)


class WordLearner(Descent):
    """Batches of sentences of like length; rare words are often hidden, and gradients clipped."""

    max_gradient = 5.0

    def __init__(self, experiment: TaggingExperiment, data: Images | None) -> None:
        config, model = experiment.config, experiment.model
        super().__init__(model, Adam, config.learning_rate, warm_cosine)
        self.batch_size, self.lengths = config.batch_size, torch.zeros(0)
        if data is not None:
            self.lengths = lengths(data.pixels).float()
            words = numbers(data.pixels)[data.labels[..., TAG] >= 0]
            assert isinstance(model, WordTagger)
            count = torch.bincount(words, minlength=len(model.drop)).float()
            model.drop = config.word_dropout / (config.word_dropout + count).clamp_min(1e-6)
            model.drop[0] = 0

    def step(self, images: Images, progress: float, generator: torch.Generator) -> dict[str, float]:
        loss, right = _loss(self.model, images)
        self.descend(loss, progress)
        return {"loss": loss.item(), "accuracy": right}

    def order(self, n: int, generator: torch.Generator) -> Tensor:
        """Sentences of like length together; batches in a new order each time."""
        device = generator.device
        jitter = 2 * torch.rand(n, generator=generator, device=device)
        rows = (self.lengths.to(device) + jitter).argsort()
        whole = n // self.batch_size * self.batch_size
        batches = rows[:whole].view(-1, self.batch_size)
        mixed = torch.randperm(len(batches), generator=generator, device=device)
        return torch.cat([batches[mixed].flatten(), rows[whole:]])


class Tagging(SequenceTask[TaggingConfig, TaggingVariant, nn.Module]):
    """Parts of speech."""

    name = "tagging"
    kind = "tag"
    title = "Taggers"
    medium = "text"
    config_class = TaggingConfig
    headline = "accuracy"
    half = True
    variants = by_name(
        TaggingVariant(
            "tagger",
            "Tagger",
            "One LSTM reads the letters of each word, another the words, trained as in the text.",
            TextTagger,
            {"epochs": 300, "batch_size": 1, "learning_rate": 1e-2, "words": 8},
            fixed=frozenset({"batch_size", "words", "word_dropout"}),
            source="Letters: embedding 10, LSTM 50; words: embedding 100, LSTM 128, Lin; SGD",
            text="“The dog ate the apple” DET NN V DET NN; “Everybody read that book” NN V DET NN. "
            "Characters: embedding 10, LSTM 50, last output; words: embedding 100, joined with it, "
            "LSTM 128, Lin to tags; cross-entropy, SGD 1e-2, 300 epochs, one sentence a step; "
            "asked: “Everybody ate the apple”.",
            differs="Nothing; of words and letters that it has no vector for, which end the text’s "
            "program, the vector is zero.",
            quick=True,
            dataset="two-sentences",
            learner=TextLearner,
        ),
        TaggingVariant(
            "word_tagger",
            "Tagger in both directions",
            "Filters spell each word, and two LSTMs read the sentence from both ends.",
            WordTagger,
            {"epochs": 6, "batch_size": 32, "learning_rate": 3e-3, "word_dropout": 1.0},
            source="Letters: embedding 24, Conv 5 96, maximum; words: embedding 64; LSTM 96 in "
            "each direction; Lin; Adam; ours",
            differs="Ours, on the Brown corpus with the 12 universal tags (Petrov et al. 2012), "
            "one text in ten held out: both directions, filters over letters instead of an LSTM, "
            "dropout, words hidden in training, batches of like length, Adam.",
            dataset="brown",
            fixed=frozenset(),
            learner=WordLearner,
        ),
    )

    def build_for(self, spec: Any, config: TaggingConfig) -> nn.Module:
        model: nn.Module = self.variant(spec.variant).build(config.words, spec.data.classes)
        return model

    def describe(
        self, variant: str, config: TaggingConfig, info: DatasetInfo, fingerprint: str
    ) -> tuple[DataSpec, dict[str, bytes]]:
        corpus = Corpus(info.name, config)
        used = DataSpec(
            fingerprint=fingerprint,
            n_train=len(corpus.training),
            n_test=sum(len(held) for held in corpus.held_out),
            shape=(1, 1, 1),
            classes=len(corpus.tags),
            class_names=corpus.tags,
        )
        files = {VOCABULARY: "\n".join(corpus.vocabulary).encode(), HELD_OUT: corpus.sample()}
        return used, files

    def training(self, run: Run) -> Images:
        config = self.config_of(run)
        corpus = Corpus(run.spec().dataset, config)
        if config.start_from and vocabulary(open_run(config.start_from)) != vocabulary(run):
            raise LabError(
                f"{config.start_from} has another vocabulary: its weights cannot be the start."
            )
        pieces = [
            Tagged(words[i : i + LONGEST], tags[i : i + LONGEST])
            for words, tags in corpus.training
            for i in range(0, len(words), LONGEST)
        ]
        number = known_words(run)
        return _packed(pieces, number, [[s.tags] for s in pieces])

    def testing(self, run: Run) -> Images:
        corpus = Corpus(run.spec().dataset, self.config_of(run))
        small, count = {*vocabulary(run)}, len(corpus.tags)
        written = {word for words, _ in corpus.training for word in words}
        bigram = Bigram(corpus.training, count)
        frequent = MostFrequent(corpus.training, count)
        sentences, beside = list[Tagged](), list[list[list[int]]]()
        for of, held in enumerate(corpus.held_out):
            for words, tags in held:
                known = [(word.lower() in small) + (word in written) for word in words]
                sentences.append(Tagged(words, tags))
                beside.append([tags, known, bigram(words), frequent(words), [of] * len(words)])
        return _packed(sentences, known_words(run), beside)

    def learner(self, experiment: TaggingExperiment, data: Images | None = None) -> Learner:
        return experiment.variant.learner(experiment, data)

    def validate(
        self, experiment: TaggingExperiment, images: Images, held: Images
    ) -> dict[str, float]:
        part = some(images, VALIDATION_SENTENCES, 0)
        labels, logits = _answers(experiment.model, part, experiment.check)
        right = (logits.argmax(1) == labels[:, TAG]).float().mean()
        experiment.check("comparing")
        return {
            "val_loss": F.cross_entropy(logits, labels[:, TAG]).item(),
            "val_accuracy": right.item(),
        }

    def evaluate(self, experiment: TaggingExperiment, images: Images) -> dict[str, Any]:
        experiment.check("tagging")
        labels, logits = _answers(experiment.model, images, experiment.check)
        labels, logits = labels.cpu(), logits.cpu()
        given, classes = logits.argmax(1), logits.shape[1]
        sentence = labels[:, -1]
        confusion = _confusion(labels[:, TAG], given, classes)
        rows, columns, hits = confusion.sum(1), confusion.sum(0), confusion.diag()
        recall, precision = hits / rows.clamp_min(1), hits / columns.clamp_min(1)
        f1 = 2 * hits / (rows + columns).clamp_min(1)
        experiment.check("resampling texts")
        right = given == labels[:, TAG]
        low, high = interval(right, labels[:, TEXT])
        spread = {"accuracy_low": low, "accuracy_high": high}
        unseen, unwritten = labels[:, SEEN] == 0, labels[:, SEEN] < 2
        if unseen.any():
            low, high = interval(right[unseen], labels[unseen, TEXT])
            spread |= {"unseen_low": low, "unseen_high": high}
            spread["unseen_as_written_accuracy"] = _mean(right[unwritten])
        experiment.check("comparing")
        return {
            **_shares(labels, given, sentence),
            **spread,
            "loss": F.cross_entropy(logits, labels[:, TAG]).item(),
            "n_test": len(labels),
            "n_unseen": int(unseen.sum()),
            "n_unseen_as_written": int(unwritten.sum()),
            "n_sentences": len(images.labels),
            "n_texts": len(torch.unique(labels[:, TEXT])),
            "confusion": confusion.tolist(),
            "class_accuracy": recall.tolist(),
            "class_precision": precision.tolist(),
            "class_f1": f1.tolist(),
            "bigram": _shares(labels, labels[:, BIGRAM], sentence),
            "most_frequent": _shares(labels, labels[:, FREQUENT], sentence),
        }

    def render(self, experiment: TaggingExperiment, images: Images) -> np.ndarray:
        """The confusion matrix: a row a tag, brighter where more of its words are given a tag."""
        labels, logits = _answers(experiment.model, some(images, VALIDATION_SENTENCES, 0), silent)
        counts = _confusion(labels[:, TAG].cpu(), logits.argmax(1).cpu(), logits.shape[1])
        shares = counts / counts.sum(1, keepdim=True).clamp_min(1)
        side = -(-28 // len(shares))
        cells = (shares.sqrt() * 255).round().to(torch.uint8)
        picture: np.ndarray = cells.repeat_interleave(side, 0).repeat_interleave(side, 1).numpy()
        return picture


class Corpus:
    """A tagged text, cut into what is learnt from and what is held out.

    One text in ten is held out, drawn by a fixed seed; of fewer than ten texts all is learnt, and
    what the text asks of its tagger is held out.
    """

    def __init__(self, dataset: str, config: TaggingConfig) -> None:
        parts = str(text(dataset)).strip().split("\n\n")
        translate = universal if dataset == "brown" else str
        number: dict[str, int] = {}
        if dataset == "brown":
            number = {tag: i for i, tag in enumerate(UNIVERSAL)}
        known: dict[str, int] = {}
        texts = []
        for part in parts:
            sentences = []
            for line in part.splitlines():
                words, tags = list[str](), list[int]()
                for token in line.split():
                    word, slash, tag = token.rpartition("/")
                    if not slash or not word:
                        raise LabError("Its words have no tags: choose a text that has them.")
                    if tag not in known:
                        known[tag] = number.setdefault(translate(tag), len(number))
                    words.append(word)
                    tags.append(known[tag])
                sentences.append(Tagged(words, tags))
            texts.append(sentences)
        self.tags = tuple(number)
        every = len(texts)
        if every < TEXTS_PER_HELD_OUT:
            self.held_out = [[_asked(number)]]
            training = [s for t in texts for s in t]
        else:
            order = torch.randperm(every, generator=torch.Generator().manual_seed(SPLIT_SEED))
            held = {*order[: every // TEXTS_PER_HELD_OUT].tolist()}
            self.held_out = [texts[i] for i in sorted(held)]
            training = [s for i, t in enumerate(texts) if i not in held for s in t]
        if 0 < config.train_images < len(training):
            chosen = torch.Generator().manual_seed(config.seed)
            order = torch.randperm(len(training), generator=chosen)[: config.train_images]
            training = [training[i] for i in order.tolist()]
        self.training: list[Tagged] = training

    @property
    def vocabulary(self) -> list[str]:
        """Words of what is learnt from in small letters, the most frequent first; equally frequent
        ones in the order in which they come."""
        counts = Counter(word.lower() for words, _ in self.training for word in words)
        return [word for word, _ in counts.most_common()]

    def sample(self) -> bytes:
        """Some held-out sentences, drawn by a fixed seed."""
        low, high = SAMPLE_LENGTHS
        fit = [s for held in self.held_out for s in held if low <= len(s.words) <= high]
        order = torch.randperm(len(fit), generator=torch.Generator().manual_seed(SPLIT_SEED))
        lines = [
            " ".join(f"{w}/{self.tags[t]}" for w, t in zip(*fit[i], strict=True))
            for i in order[:SAMPLE].tolist()
        ]
        return "\n".join(lines).encode()


def known_words(run: Run) -> dict[str, int]:
    """Return the words that have a vector of their own in a run, with their numbers from 1."""
    words = vocabulary(run)[: TAGGING.config_of(run).words]
    return {word: i + 1 for i, word in enumerate(words)}


def _asked(number: dict[str, int]) -> Tagged:
    words, tags = (part.split() for part in ASKED)
    if unknown := {*tags} - {*number}:
        raise LabError(f"Nothing is held out of this text, and it has no {', '.join(unknown)}.")
    return Tagged(words, [number[tag] for tag in tags])


def _packed(
    sentences: Sequence[Tagged], number: dict[str, int], beside: Sequence[list[list[int]]]
) -> Images:
    """Words (N, T, WIDTH), and the numbers beside them (N, T, K), int16, -1 behind the end."""
    steps = max(len(s.words) for s in sentences)
    forms: dict[str, int] = {}
    rows = [[forms.setdefault(word, len(forms)) for word in s.words] for s in sentences]
    table = encoded(list(forms), number)
    words = torch.zeros(len(sentences), steps, WIDTH, dtype=torch.uint8)
    numbers_beside = torch.full((len(sentences), steps, len(beside[0])), -1, dtype=torch.int16)
    for i, (row, columns) in enumerate(zip(rows, beside, strict=True)):
        words[i, : len(row)] = table[row]
        numbers_beside[i, : len(row)] = torch.tensor(columns, dtype=torch.int16).T
    return Images(words, numbers_beside)


def _loss(model: nn.Module, images: Images) -> tuple[Tensor, float]:
    """Mean cross-entropy of the words of a batch, and the share of right tags."""
    longest = int(lengths(images.pixels).max())
    words, tags = images.pixels[:, :longest], images.labels[:, :longest, TAG].long()
    logits = model(words).flatten(0, 1)
    right = (logits.argmax(1) == tags.flatten())[tags.flatten() >= 0].float().mean()
    return F.cross_entropy(logits, tags.flatten(), ignore_index=-1), right.item()


def _answers(model: nn.Module, images: Images, check: Check) -> tuple[Tensor, Tensor]:
    """What stands beside each word, with the number of its sentence last, int64 (M, K + 1), and the
    logits of its tags (M, tags)."""
    labels, logits = [], []
    with torch.inference_mode():
        for rows in _batches(lengths(images.pixels)):
            check("tagging")
            longest = int(lengths(images.pixels[rows]).max())
            beside = images.labels[rows, :longest].long()
            there = beside[..., TAG] >= 0
            numbered = rows[:, None].expand_as(there)[..., None]
            labels.append(torch.cat([beside, numbered], 2)[there])
            logits.append(model(images.pixels[rows, :longest])[there])
    return torch.cat(labels), torch.cat(logits).float()


def _batches(length: Tensor) -> Iterator[Tensor]:
    """Rows of sentences of like length."""
    yield from torch.split(length.argsort(stable=True), CHUNK)


def _confusion(tags: Tensor, given: Tensor, classes: int) -> Tensor:
    return torch.bincount(tags * classes + given, minlength=classes**2).view(classes, classes)


def _shares(labels: Tensor, given: Tensor, sentence: Tensor) -> dict[str, float]:
    """Shares of right tags: of all words, of those seen and unseen (in small letters) where there
    are any, and of whole sentences."""
    right, unseen = given == labels[:, TAG], labels[:, SEEN] == 0
    _, which = torch.unique(sentence, return_inverse=True)
    wrong = torch.bincount(which, (~right).double())
    shares = {"accuracy": right, "seen_accuracy": right[~unseen], "unseen_accuracy": right[unseen]}
    shares["sentence_accuracy"] = wrong == 0
    return {name: _mean(part) for name, part in shares.items() if len(part)}


def _mean(right: Tensor) -> float:
    return right.double().mean().item()


TAGGING = Tagging()
