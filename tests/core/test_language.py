"""Language: the text's loop, counting against a slow reference, what networks read and say."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.__main__ import main
from core.data.sequences import text
from core.errors import LabError
from core.inference.completion import go_on, next_words, read
from core.metrics import ngrams
from core.models.word_predictors import Candidates, NGram, TiedLSTM
from core.runs.query import finished
from core.tasks import language, load_model
from core.tasks.language import LANGUAGE, Parts, numbers, probabilities, vocabulary_of, words_of
from core.tasks.sequence_tasks import vocabulary
from tests.core.support import said

SHIPPED = {run.spec().variant: run for run in finished(LANGUAGE) if run.shipped}


class NGramLanguageModeler(nn.Module):
    """As the text has it."""

    def __init__(self, vocab_size: int, embedding_dim: int, context_size: int) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.linear1 = nn.Linear(context_size * embedding_dim, 128)
        self.linear2 = nn.Linear(128, vocab_size)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        embeds = self.embeddings(inputs).view((1, -1))
        return self.linear2(F.relu(self.linear1(embeds)))


def test_the_loop_is_the_text_s() -> None:
    words = str(text("sonnet")).split()
    trigrams = [((a, b), c) for (a, b), c in zip(pairwise(words), words[2:], strict=False)]
    known = vocabulary_of(words)
    number = {word: i for i, word in enumerate(known)}
    model = NGram(len(known))
    theirs = NGramLanguageModeler(len(known), 10, 2)
    parts = [theirs.embeddings, theirs.linear1, theirs.linear2]
    for a, b in zip(parts, [model.embedding, model.hidden, model.out], strict=True):
        a.load_state_dict(b.state_dict())
    assert len(known) == 97
    optimizer = torch.optim.SGD(theirs.parameters(), lr=1e-2, weight_decay=1e-5)
    config = LANGUAGE.config("ngram")
    learner = LANGUAGE.learner(LANGUAGE.experiment("ngram", config, model))
    images = language.Images(*language.contexts(numbers(words, known), 2))
    order = learner.order(len(images.labels), torch.Generator())
    assert (config.epochs, config.batch_size, len(order)) == (100, 1, len(trigrams))
    for _ in range(2):
        wanted, got = [], []
        for context, target in trigrams:
            out = theirs(torch.tensor([number[w] for w in context]))
            loss = F.cross_entropy(out, torch.tensor([number[target]]))
            wanted.append(loss.item())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        for row in order.split(1):
            batch = language.Images(images.pixels[row], images.labels[row])
            got.append(learner.step(batch, 0.0, torch.Generator())["loss"])
        assert got == pytest.approx(wanted, rel=1e-4)


def test_the_shipped_one_has_the_text_s_losses_and_goes_on_as_there() -> None:
    losses = SHIPPED["ngram"].history().set_index("epoch")["loss"]
    wanted = [0.87, 0.15, 0.09, 0.07, 0.06]
    assert losses.loc[[20, 40, 60, 80, 100]].tolist() == pytest.approx(wanted, rel=0.2)
    known = vocabulary(SHIPPED["ngram"])
    model = load_model(SHIPPED["ngram"])
    assert isinstance(model, NGram)
    assert known[int(next_words(model, read("so gazed", known).numbers).argmax())] == "on"


def slow_kneser_ney(train: list[int], words: int) -> dict[tuple[int, int], list[float]]:
    """By the definition, one context after the other: the probabilities of each word behind it."""
    padded = [0, 0, *train]
    grams = {
        n: Counter(zip(*(padded[2 - n + 1 + i :] for i in range(n)), strict=False)) for n in (3,)
    }
    grams[2] = Counter(gram[1:] for gram in grams[3])
    grams[1] = Counter(gram[1:] for gram in grams[2])

    def model(context: tuple[int, ...], word: int) -> float:
        n = len(context) + 1
        counts = grams[n]
        once, twice = (sum(c == k for c in counts.values()) for k in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.0
        behind = {gram[-1]: c for gram, c in counts.items() if gram[:-1] == context}
        shorter = model(context[1:], word) if context else 1 / words
        total = sum(behind.values())
        if not total:
            return shorter
        return (max(behind.get(word, 0) - discount, 0) + discount * len(behind) * shorter) / total

    return {
        (a, b): [model((a, b), w) for w in range(words)] for a in range(words) for b in range(words)
    }


def test_kneser_ney_is_its_definition_and_sums_to_one() -> None:
    words = 6
    chances = [0.4, 0.25, 0.15, 0.1, 0.07, 0.03]
    train = np.random.default_rng(0).choice(words, 60, p=chances)
    wanted = slow_kneser_ney(train.tolist(), words)
    every = np.array([(a, b, w) for a, b in wanted for w in range(words)])
    got = ngrams.kneser_ney(train, every.ravel(), words)[2::3].reshape(-1, words)
    assert got == pytest.approx(np.array(list(wanted.values())))
    assert got.sum(1) == pytest.approx(np.ones(len(got)))


def test_counting_alone_gives_zeros_and_shares() -> None:
    train = np.array([1, 2, 3, 1, 2, 3, 1, 2, 0])
    stream = np.array([1, 2, 3, 1, 2, 0, 3, 3])
    given = ngrams.trigram(train, stream, 4)
    assert given[2] == pytest.approx(2 / 3) and given[5] == pytest.approx(1 / 3)
    assert given[7] == 0 and ngrams.perplexity(given) == np.inf
    assert ngrams.context_counts(train, stream, 4)[[2, 7]].tolist() == [3, 0]
    assert ngrams.unigram(train, np.array([1]), 4)[0] == pytest.approx(4 / 13)
    rows = ngrams.by_context(np.array([0.0, 1, 5]), {"a": np.array([0.5, 0.25, 0.1])})
    assert [row["a"] for row in rows] == pytest.approx([2, 4, 10])


def test_the_mixture_is_at_least_as_good_as_both() -> None:
    first, second = np.random.default_rng(0).uniform(0.01, 1, (2, 500))
    weight = ngrams.mixing_weight(first, second)
    mixed = ngrams.perplexity(weight * first + (1 - weight) * second)
    assert 0 < weight < 1
    assert mixed < min(ngrams.perplexity(first), ngrams.perplexity(second))


def test_candidates_stand_for_all_words() -> None:
    torch.manual_seed(0)
    model = TiedLSTM(3000, embedding=8, hidden=4)
    with torch.no_grad():
        model.embedding.weight.normal_()
    counts = 1e5 / torch.arange(1, 3001)
    candidates = Candidates(counts)
    meanings, following = torch.randn(20, 8), torch.randint(0, 3000, (20,))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        logits = F.linear(meanings, model.embedding.weight, model.bias)
        wanted = float(F.cross_entropy(logits, following))
        got = [float(candidates.loss(meanings, model, following, generator)) for _ in range(50)]
    assert np.mean(got) == pytest.approx(wanted, rel=0.01)
    few = TiedLSTM(100, embedding=8, hidden=4)
    exact = Candidates(torch.ones(100)).loss(meanings, few, following % 100, generator).detach()
    logits = F.linear(meanings, few.embedding.weight, few.bias).detach()
    assert float(exact) == pytest.approx(float(F.cross_entropy(logits, following % 100)))


def test_a_network_that_reads_on_is_measured_by_all_that_stands_before() -> None:
    torch.manual_seed(0)
    model, stream = TiedLSTM(9, embedding=4, hidden=3).eval(), torch.arange(30) % 9
    before, following = language.shifted(stream)
    wanted = model(before[None])[0].softmax(-1).gather(-1, following[:, None]).flatten()
    got = probabilities(model, stream, 20)
    assert got == pytest.approx(wanted[20:].detach().numpy(), rel=1e-5)


def test_long_texts_are_split_and_rare_words_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Parts.of(115) == (115, 0, 0)
    assert Parts.of(1_161_192) == (800_000, 200_000, 161_192)
    monkeypatch.setattr(language, "LONG_TEXT", 10)
    words = ["a"] * 9 + ["b"] * 4 + ["c"] * 3
    assert vocabulary_of(words) == ["<rare>", "a", "b"]
    assert numbers(words, vocabulary_of(words)).bincount().tolist() == [3, 9, 4]
    assert words_of(text("two-sentences"))[:3] == ["The", "dog", "ate"]


def test_what_is_typed_is_divided_as_the_text_is() -> None:
    known = ["<rare>", ".", "``", "''", "he", "said", "Paris", "didn't", "("]
    prompt = read('He "said" (paris, didn\'t.', known)
    assert prompt.words == ["he", "``", "said", "''", "(", "Paris", "<rare>", "didn't", "."]
    assert prompt.unknown == [","]
    assert read("now, 🦊 日本語", ["now,", "on"]).unknown == ["🦊", "日本語"]
    assert read("  ", known).numbers == []
    with pytest.raises(LabError, match="longer"):
        read("a" * 1_000_001, known)


def test_going_on_follows_temperature_and_what_is_drawn() -> None:
    def step(words: list[int]) -> torch.Tensor:
        return torch.tensor([-float("inf"), 0.0, 1.0])

    assert go_on(step, [1], 3, 0, lambda n: 0.0) == [2, 2, 2]  # type: ignore[arg-type]
    assert go_on(step, [1], 2, 1, lambda n: [0.0, 0.99][n]) == [1, 2]  # type: ignore[arg-type]


def test_complete(capsys: pytest.CaptureFixture[str]) -> None:
    run = SHIPPED["ngram"].id
    assert main(["complete", run, "so gazed", "--words", "2", "--temperature", "0", "--json"]) == 0
    answer = said(capsys)
    assert answer["continuation"] == ["on", "now,"]
    assert answer["next"][0]["word"] == "on" and answer["next"][0]["probability"] > 0.9
    assert main(["complete", run, "so zebra"]) == 1
    assert "'zebra'" in capsys.readouterr().err
    assert main(["complete", run, ""]) == 1
    assert "looks at 2 words" in capsys.readouterr().err
    assert main(["complete", run, "so gazed", "--temperature", "-1"]) == 1
