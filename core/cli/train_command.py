"""`train`: a flag for each setting, and the run that answers."""

import argparse

from core import training
from core.cli.arguments import add_settings, answer, values_of
from core.tasks import TASKS, task


def train_parser(parser: argparse.ArgumentParser) -> None:
    """The flags of `train`, from the config class of each task."""
    tasks = parser.add_subparsers(required=True, metavar="TASK", dest="task")
    for chosen in TASKS.values():
        named = tasks.add_parser(chosen.name, help=chosen.title)
        variants = named.add_subparsers(required=True, metavar="VARIANT", dest="variant")
        for variant in chosen.variants.values():
            summary = variant.summary.replace("%", "%%")
            asked = variants.add_parser(
                variant.name, help=summary, description=summary, allow_abbrev=False
            )
            asked.add_argument("--dataset", required=True, metavar="NAME", help="see `data list`")
            asked.add_argument("--json", action="store_true", help="print JSON")
            add_settings(asked, variant, chosen.config(variant.name))
            asked.set_defaults(command=_train)


def _train(args: argparse.Namespace) -> int:
    values = values_of(args, task(args.task))
    question = training.make_request(args.task, args.variant, args.dataset, values)
    return answer(args, question, training.train, "trained")
