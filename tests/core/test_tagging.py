"""Tagging: the text's program, the universal tags, ours in both directions, its baselines."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.__main__ import main
from core.data.universal_tags import universal
from core.errors import LabError
from core.inference import sentences as inference
from core.metrics.tag_baselines import Bigram, MostFrequent, Tagged, interval
from core.models.tagging_nets import TextTagger, WordTagger, encoded
from core.runs.query import shipped
from core.runs.store import Run
from core.tasks.denoising import DENOISING
from core.tasks.sequence_tasks import VOCABULARY
from core.tasks.tagging import TAGGING
from tests.core.support import built, sequence_run, tiny

SENTENCES = [
    (["The", "dog", "ate", "the", "apple"], ["DET", "NN", "V", "DET", "NN"]),
    (["Everybody", "read", "that", "book"], ["NN", "V", "DET", "NN"]),
]
ALPHABET = {letter: i for i, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}


class CharacterLSTM(nn.Module):
    """As the text has it."""

    def __init__(self) -> None:
        super().__init__()
        self.char_embed = nn.Embedding(26, 10)
        self.lstm = nn.LSTM(10, 50)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.lstm(self.char_embed(x))
        last: Tensor = out[-1]
        return last


class LSTMTagger(nn.Module):
    """As the text has it."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embed = nn.Embedding(8, 100)
        self.char_lstm = CharacterLSTM()
        self.word_lstm = nn.LSTM(150, 128)
        self.classify = nn.Linear(128, 3)

    def forward(self, x: Tensor, words: list[str]) -> Tensor:
        char = []
        for word in words:
            letters = torch.tensor([ALPHABET[c.lower()] for c in word])
            char.append(self.char_lstm(letters.unsqueeze(1)))
        seq = self.word_embed(x).permute(1, 0, 2)
        out, _ = self.word_lstm(torch.cat((seq, torch.stack(char)), dim=2))
        scores: Tensor = self.classify(out.view(-1, 128))
        return scores


def text_loop(net: LSTMTagger, number: dict[str, int], tags: dict[str, int], epochs: int) -> None:
    """The text's training, sentence by sentence."""
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=1e-2)
    for _ in range(epochs):
        for words, tagged in SENTENCES:
            numbers = torch.tensor([number[w.lower()] for w in words]).unsqueeze(0)
            loss = criterion(net(numbers, words), torch.tensor([tags[t] for t in tagged]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def test_ours_is_trained_as_by_the_text_s_loop() -> None:
    ours, theirs = built(TAGGING, "tagger"), LSTMTagger()
    assert isinstance(ours, TextTagger)
    names = ("word_embed", "char_lstm.char_embed", "char_lstm.lstm", "word_lstm", "classify")
    parts = (ours.words, ours.characters, ours.character_lstm, ours.lstm, ours.out)
    for name, part in zip(names, parts, strict=True):
        theirs.get_submodule(name).load_state_dict(part.state_dict())
    images = tiny(TAGGING, variant="tagger")
    number = {w: i - 1 for w, i in _numbers(images.pixels).items()}
    tags = {"DET": 0, "NN": 1, "V": 2}
    text_loop(theirs, number, tags, epochs=4)
    learner = TAGGING.learner(TAGGING.experiment("tagger", TAGGING.config("tagger"), ours), images)
    generator = torch.Generator()
    for _ in range(4):
        for row in learner.order(2, generator).split(1):
            learner.step(type(images)(images.pixels[row], images.labels[row]), 0.0, generator)
    for name, part in zip(names, parts, strict=True):
        for mine, other in zip(
            part.parameters(), theirs.get_submodule(name).parameters(), strict=True
        ):
            assert torch.allclose(mine, other, atol=1e-6), name


def _numbers(sentences: Tensor) -> dict[str, int]:
    """Each word's number in the vocabulary, as it came to the network."""
    result = {}
    for row in sentences.flatten(0, 1):
        if word := "".join(map(chr, row[2:][row[2:] > 0].tolist())):
            result[word.lower()] = int(row[0]) + 256 * int(row[1])
    return result


def test_the_shipped_tagger_answers_what_the_text_asks() -> None:
    run = next(r for r in shipped(TAGGING) if r.spec().variant == "tagger")
    tagged = inference.tag(run, "Everybody ate the apple")
    assert [w.tag for w in tagged.words] == ["NN", "V", "DET", "NN"]


def test_the_shipped_tagger_of_ours_is_above_its_baselines_and_reads_nonsense() -> None:
    run = next(r for r in shipped(TAGGING) if r.spec().variant == "word_tagger")
    figures = run.metrics()
    for name in ("accuracy", "unseen_accuracy", "sentence_accuracy"):
        assert figures[name] > figures["bigram"][name] > figures["most_frequent"][name]
    tagged = inference.tag(run, "The wugs were gorping slowly .")
    assert [w.tag for w in tagged.words] == ["DET", "NOUN", "VERB", "VERB", "ADV", "."]
    assert [w.seen for w in tagged.words[:4]] == ["known", "new", "known", "new"]


def test_the_command_line_tags(capsys: pytest.CaptureFixture[str]) -> None:
    run = next(r for r in shipped(TAGGING) if r.spec().variant == "tagger")
    assert main(["tag", run.id, "Everybody ate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [word["tag"] for word in told["words"]] == ["NN", "V"]
    assert main(["tag", run.id, "the cat " * 150]) == 0
    assert "100 more words were not read" in capsys.readouterr().out
    assert main(["tag", run.id, " "]) != 0
    assert "no word" in capsys.readouterr().err


@pytest.mark.parametrize("run", shipped(TAGGING), ids=lambda run: run.id)
def test_any_text_is_tagged_or_refused_in_a_sentence(run: Run) -> None:
    for empty in ("", " \n\t\u3000"):
        with pytest.raises(LabError, match="no word"):
            inference.tag(run, empty)
    much = inference.tag(run, "apple " * 100_000)
    assert len(much.words) == inference.MAX_WORDS
    assert much.left_out == 100_000 - inference.MAX_WORDS
    odd = inference.tag(run, "привет 世界 😀 \u0000\ud7ff " + "x" * 5000)
    assert all(abs(sum(w.probabilities.values()) - 1) < 1e-4 for w in odd.words)


def test_a_start_with_another_vocabulary_is_refused(lab: Path) -> None:
    first = next(r for r in shipped(TAGGING) if r.spec().variant == "tagger")
    same, other = (
        sequence_run(TAGGING, "tagger", {"start_from": first.id, "epochs": n}) for n in (1, 2)
    )
    assert len(TAGGING.training(same).labels) == 2
    (other.path / VOCABULARY).write_text("another")
    with pytest.raises(LabError, match="another vocabulary"):
        TAGGING.training(other)


def test_no_run_of_another_task_tags() -> None:
    with pytest.raises(LabError, match="no tagger"):
        inference.tag(shipped(DENOISING)[0], "a word")


def test_words_are_cut_as_the_corpus_has_them() -> None:
    text = "“Don’t go,” said Mr. Smith's U.S. aide — for $1,000.50 (or so)..."
    words = inference.words_of(text)
    wanted = "`` Don't go , '' said Mr. Smith's U.S. aide -- for $1,000.50 ( or so ) ..."
    assert " ".join(inference.as_read(words)) == wanted
    assert inference.as_read(inference.words_of('"a" "b"')) == ["``", "a", "''", "``", "b", "''"]


def test_tags_of_the_corpus_become_universal_ones() -> None:
    wanted = {
        "nn-tl-hl": "NOUN", "VBZ": "VERB", "fw-in+at-t": "X", "ppss+ber-n": "PRT", "---hl": ".",
        "*": "ADV", "bez*-nc": "VERB", "vb+ppo": "VERB", "jj$-tl": "PRT", "cs": "ADP",
        "*-hl": "ADV", "wdt+ber+pp": "X", "pn$": "NOUN", "od": "ADJ", "(-hl": ".", "--": ".",
    }  # fmt: skip
    assert {tag: universal(tag) for tag in wanted} == wanted
    with pytest.raises(ValueError, match="no tag"):
        universal("noun")


def test_what_fills_a_short_sentence_up_changes_nothing() -> None:
    torch.manual_seed(0)
    number = {"the": 1, "dog": 2, "ran": 3}
    short, long = (encoded(s.split(), number) for s in ("The wug ran", "the dog ran away again"))
    both = torch.zeros(2, 5, short.shape[1], dtype=torch.uint8)
    both[0, :3], both[1] = short, long
    for model in (WordTagger(3, 4).eval(), TextTagger(3, 4).eval()):
        with torch.no_grad():
            together, alone = model(both), model(short[None])
        assert torch.allclose(together[0, :3], alone[0], atol=1e-6)


def test_batches_have_sentences_of_like_length() -> None:
    images = tiny(TAGGING, variant="word_tagger")
    config = TAGGING.config("word_tagger", {"batch_size": 4})
    learner = TAGGING.learner(
        TAGGING.experiment("word_tagger", config, built(TAGGING, "word_tagger")), images
    )
    learner.lengths = torch.arange(30.0) * 3
    order = learner.order(30, torch.Generator().manual_seed(0))
    assert sorted(order.tolist()) == list(range(30))
    assert all(int(b.max() - b.min()) == len(b) - 1 for b in order.split(4))
    again = learner.order(30, torch.Generator().manual_seed(1))
    assert again.tolist() != order.tolist()


def test_the_bigram_model_uses_the_tag_before_and_the_ending() -> None:
    sentences = [
        Tagged(["they", "walk"], [0, 1]),
        Tagged(["the", "walk", "ended"], [2, 3, 1]),
        Tagged(["the", "run", "ended"], [2, 3, 1]),
    ] * 3
    bigram, frequent = Bigram(sentences, 4), MostFrequent(sentences, 4)
    assert bigram(["they", "walk"]) == [0, 1] and bigram(["the", "walk"]) == [2, 3]
    assert bigram(["the", "walk", "blended"]) == [2, 3, 1]
    assert frequent(["The", "unheard", "ended"]) == [2, frequent.usual, 1]


def test_the_interval_is_of_texts_and_not_of_words() -> None:
    group = torch.arange(20).repeat_interleave(100)
    alike, mixed = group % 2 == 0, torch.arange(2000) % 2 == 0
    low, high = interval(alike, group)
    assert low < 0.35 and high > 0.65
    assert interval(mixed, group) == (0.5, 0.5)
