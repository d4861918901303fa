"""`tag`: say what part of speech each word of a text is."""

import argparse

from core.cli.output import OK, print_json, table
from core.cli.run_commands import finished
from core.inference import sentences
from core.metrics.image import percent

MARKS = {"known": "", "rare": "seldom seen in training", "new": "never seen in training"}


def tag_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `tag`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("text", metavar="TEXT", help="a sentence, in quotation marks")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_tag)


def _tag(args: argparse.Namespace) -> int:
    run = finished(args.run)
    tagged = sentences.tag(run, args.text)
    if args.json:
        words = [
            {**word._asdict(), "probabilities": _rounded(word.probabilities)}
            for word in tagged.words
        ]
        print_json({"run": run.id, "words": words, "left_out": tagged.left_out})
        return OK
    rows = [[w.word, w.tag, percent(w.probability), MARKS[w.seen]] for w in tagged.words]
    print(table(["word", "tag", "probability", ""], rows))
    if tagged.left_out:
        print(f"{tagged.left_out:,} more words were not read: {sentences.MAX_WORDS} at most.")
    return OK


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(share, 6) for name, share in shares.items()}
