"""`train`: train a network, or find its run."""

import argparse

from core import training
from core.cli.arguments import find_or_make, values_of, variant_parsers
from core.tasks import TASKS, task


def train_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `train`, from the config class of each task."""
    tasks = parser.add_subparsers(required=True, metavar="TASK", dest="task")
    for chosen in TASKS.values():
        named = tasks.add_parser(chosen.name, help=chosen.title)
        variants = named.add_subparsers(required=True, metavar="VARIANT", dest="variant")
        for _, flags in variant_parsers(variants, chosen, _train):
            flags.add_argument("--dataset", required=True, metavar="NAME", help="see `data list`")


def _train(args: argparse.Namespace) -> int:
    values = values_of(args, task(args.task))
    request = training.make_request(args.task, args.variant, args.dataset, values)
    return find_or_make(args, request, "trained")
