"""`project`: a map of a data set's codes, and its table."""

import argparse
from pathlib import Path

from core import files
from core.cli.arguments import add_settings, answer, values_of
from core.cli.output import OK
from core.errors import LabError
from core.inference import codes as encoding
from core.projection import map_runs, maps
from core.projection.methods import PROJECTING
from core.runs import store


def project_parser(parser: argparse.ArgumentParser) -> None:
    """The flags of `project`, from the config class."""
    variants = parser.add_subparsers(required=True, metavar="METHOD", dest="variant")
    for variant in PROJECTING.variants.values():
        named = variants.add_parser(
            variant.name, help=variant.summary, description=variant.summary, allow_abbrev=False
        )
        named.add_argument("--dataset", required=True, metavar="NAME", help="see `data list`")
        named.add_argument("--json", action="store_true", help="print JSON")
        named.add_argument(
            "--output",
            type=Path,
            metavar="FILE.csv",
            help="write codes, labels and places on the map",
        )
        add_settings(named, variant, PROJECTING.config(variant.name))
        named.set_defaults(command=_project)


def _project(args: argparse.Namespace) -> int:
    if args.output is not None and not args.output.parent.is_dir():
        raise LabError(f"There is no folder {args.output.parent}: make it first.")
    question = map_runs.make_request(args.variant, args.dataset, values_of(args, PROJECTING))
    code = answer(args, question, map_runs.project, "laid out")
    if code == OK and args.output is not None:
        found = maps.open_map(store.open_run(question.run_id))
        chosen = encoding.chosen_images(args.dataset, found.config.split, found.ids)
        codes = encoding.encode(found.config.source, chosen)
        error = encoding.reconstruction_error(found.config.source, codes)
        files.write_bytes(args.output, files.to_csv(maps.table(found, codes, error)))
    return code
