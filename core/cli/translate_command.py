"""`translate`: a picture of one set as if it were of another."""

import argparse
from pathlib import Path

import torch

from core import files, images
from core.cli.arguments import check_folder, read_digit, read_picture
from core.cli.output import OK, print_json
from core.cli.run_commands import finished
from core.inference.translating import DIRECTIONS, sides_of_run, translator_of, trip


def translate_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `translate`."""
    parser.add_argument(
        "picture", metavar="PICTURE", type=Path, help="brought to the network's size"
    )
    parser.add_argument("--run", required=True, metavar="RUN", help="a finished translation")
    parser.add_argument(
        "--direction",
        choices=DIRECTIONS,
        default="ab",
        help="from the first set to the second, or the other way (default: ab)",
    )
    parser.add_argument(
        "--digit", action="store_true", help="bring a photographed digit to MNIST's form first"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.png",
        help="the picture as the network sees it, translated, and brought back, side by side",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_translate)


def _translate(args: argparse.Namespace) -> int:
    run = finished(args.run)
    check_folder(args.output)
    model = translator_of(run)
    pixels = (read_digit if args.digit else read_picture)(args.picture, model.shape)
    seen = trip(model, pixels[None], args.direction)
    sheet = images.contact_sheet(torch.cat(seen), 3)
    files.write_bytes(args.output, images.to_png(sheet))
    names = sides_of_run(run).titles()
    source, target = names if args.direction == "ab" else names[::-1]
    report = {
        "run": run.id,
        "picture": str(args.picture),
        "direction": args.direction,
        "from": source,
        "to": target,
        "moved": round(float((seen.there - seen.picture).abs().mean()), 4),
        "cycle_error": round(float(seen.cycle_error[0]), 4),
        "output": str(args.output),
    }
    if args.json:
        print_json(report)
    else:
        print(f"{args.output}: from {source} to {target}, and back.")
    return OK
