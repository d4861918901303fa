"""`project`: a map of a data set's codes, and its table."""

import argparse
from pathlib import Path

from core import files
from core.cli.arguments import check_folder, find_or_make, values_of, variant_parsers
from core.cli.output import OK
from core.inference import codes as encoding
from core.projection import map_runs, maps
from core.projection.methods import PROJECTING
from core.runs import store


def project_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `project`, from the config class."""
    variants = parser.add_subparsers(required=True, metavar="METHOD", dest="variant")
    for _, flags in variant_parsers(variants, PROJECTING, _project):
        flags.add_argument("--dataset", required=True, metavar="NAME", help="see `data list`")
        flags.add_argument(
            "--output",
            type=Path,
            metavar="FILE.csv",
            help="write codes, labels and places on the map",
        )


def _project(args: argparse.Namespace) -> int:
    check_folder(args.output)
    request = map_runs.make_request(args.variant, args.dataset, values_of(args, PROJECTING))
    code = find_or_make(args, request, "laid out")
    if code == OK and args.output is not None:
        latent_map = maps.open_map(store.open_run(request.run_id))
        chosen = encoding.chosen_images(args.dataset, latent_map.config.split, latent_map.ids)
        codes = encoding.encode(latent_map.config.source, chosen)
        error = encoding.reconstruction_error(latent_map.config.source, codes)
        files.write_bytes(args.output, files.to_csv(maps.table(latent_map, codes, error)))
    return code
