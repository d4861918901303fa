"""What PyTorch says of networks of words, for the browser to be held to."""

import base64

import torch
from safetensors.torch import save
from torch.nn import functional as F

from core.counter_random import stream, uniform
from core.inference.completion import go_on, next_words, read
from core.models.word_predictors import NGram, TiedLSTM
from core.runs.query import finished
from core.runs.weights import packed, unpacked
from core.tasks import load_model
from core.tasks.language import LANGUAGE, RARE, contexts
from core.tasks.sequence_tasks import vocabulary

TYPED = (
    "so gazed", "The old man", 'He said, "no (really)', "🦊 日本語 zebra", "", "now, Will",
)  # fmt: skip


def _networks():
    torch.manual_seed(0)
    known = [RARE, ".", "``", "''", ",", "the", "old", "man", "He", "said", "no", "(", "now"]
    yield "lstm", TiedLSTM(len(known), 6, 5).eval(), known
    for run in finished(LANGUAGE):
        if run.shipped:
            yield run.id, load_model(run), vocabulary(run)


def _answers(model, known):
    start = known.index(".") if "." in known else 0
    for typed in TYPED:
        prompt = read(typed, known)
        result = {"typed": typed, "words": prompt.words, "unknown": prompt.unknown}
        if not isinstance(model, NGram) or len(prompt.numbers) >= model.context:

            def step(words):
                logits = next_words(model, words, start)
                if known[0] == RARE:
                    logits[0] = -torch.inf
                return logits

            shares = next_words(model, prompt.numbers, start).double().softmax(0)
            draws = uniform(3, stream("noise"), 6)
            result["best"] = [[int(i), float(shares[i])] for i in shares.topk(5).indices]
            result["going"] = go_on(step, prompt.numbers, 6, 1.0, draws.__getitem__)
        yield result


def _learnt():
    """The text's network on a few words: weights at first, and losses of three epochs."""
    torch.manual_seed(1)
    words = torch.tensor([0, 1, 2, 0, 1, 3, 3, 1, 2, 0])
    model = NGram(4).double()
    first = {name: weight.flatten().tolist() for name, weight in model.state_dict().items()}
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-2, weight_decay=1e-5)
    losses = []
    for _ in range(3):
        total = 0.0
        for seen, following in zip(*contexts(words, 2), strict=True):
            loss = F.cross_entropy(model(seen[None]), following[None])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        losses.append(total / (len(words) - 2))
    last = {name: weight.flatten().tolist() for name, weight in model.state_dict().items()}
    return {"words": words.tolist(), "first": first, "losses": losses, "last": last}


def word_cases():
    """Networks with their answers, and one that learns."""
    networks = []
    for name, model, known in _networks():
        kept = packed(model.state_dict())
        model.load_state_dict(unpacked(kept))
        content = save({key: value.contiguous() for key, value in kept.items()})
        networks.append(
            {
                "name": name, "weights": base64.b64encode(content).decode(),
                "vocabulary": known, "answers": list(_answers(model, known)),
            }
        )  # fmt: skip
    return {"networks": networks, "learnt": _learnt()}
