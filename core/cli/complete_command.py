"""`complete`: go on with a text, word by word."""

import argparse
from collections.abc import Sequence

from torch import Tensor

from core.cli.output import OK, print_json, table
from core.cli.run_commands import finished
from core.counter_random import stream, uniform
from core.errors import LabError
from core.inference.completion import START, go_on, next_words, read
from core.metrics.image import percent
from core.models.word_predictors import NGram, TiedLSTM
from core.tasks import load_model
from core.tasks.language import RARE
from core.tasks.sequence_tasks import vocabulary

BEST = 5
"""Most probable next words that are listed."""
MAX_WORDS = 1000


def complete_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `complete`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("text", metavar="TEXT", help="two words, or more")
    parser.add_argument("--words", type=int, default=10, help="words to add (%(default)s)")
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="above 1 bolder, 0 always the most probable word (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="decides what is drawn (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_complete)


def _complete(args: argparse.Namespace) -> int:
    if not 1 <= args.words <= MAX_WORDS:
        raise LabError(f"--words goes from 1 to {MAX_WORDS}.")
    if not 0 <= args.temperature <= 10:
        raise LabError("--temperature goes from 0 to 10.")
    if not 0 <= args.seed < 2**32:
        raise LabError("--seed goes from 0 to 4294967295.")
    run = finished(args.run)
    model = load_model(run)
    if not isinstance(model, NGram | TiedLSTM):
        raise LabError(f"{run.id} does not predict words.")
    known = vocabulary(run)
    prompt = read(args.text, known)
    if prompt.unknown and RARE not in known:
        raise LabError(
            f"{run.id} does not know {', '.join(repr(w[:40]) for w in prompt.unknown[:5])}: its "
            "vocabulary.txt has its words, as they stand in its text."
        )

    start = known.index(START) if START in known else None

    def step(words: Sequence[int]) -> Tensor:
        logits = next_words(model, words, start)
        if known[0] == RARE:
            logits[0] = -float("inf")  # it stands for many words, and is none
        return logits

    best = step(prompt.numbers).softmax(0).topk(min(BEST, len(known)))
    draws = uniform(args.seed, stream("noise"), args.words)
    added = go_on(step, prompt.numbers, args.words, args.temperature, lambda n: float(draws[n]))
    following = [known[i] for i in added]
    if args.json:
        print_json(
            {
                "run": run.id,
                "read": prompt.words,
                "unknown": prompt.unknown,
                "next": [
                    {"word": known[i], "probability": p}
                    for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
                ],
                "continuation": following,
            }
        )
        return OK
    if prompt.unknown:
        print(f"Read as rare: {' '.join(word[:40] for word in prompt.unknown[:10])}\n")
    rows = [
        [known[i], percent(p)]
        for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
    print(table(["next word", "probability"], rows))
    print(f"\n{args.text} … {' '.join(following)}")
    return OK
