"""`descend`: the loss of a regression, step by step."""

import argparse

from core.cli.arguments import find_or_make, values_of, variant_parsers
from core.foundations import descent_runs
from core.foundations.regressions import DESCENDING


def descend_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `descend`, from the config class."""
    variants = parser.add_subparsers(required=True, metavar="REGRESSION", dest="variant")
    for _ in variant_parsers(variants, DESCENDING, _descend):
        pass


def _descend(args: argparse.Namespace) -> int:
    request = descent_runs.make_request(args.variant, values_of(args, DESCENDING))
    return find_or_make(args, request, "descended")
