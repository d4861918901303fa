"""`data`: list, fetch and add data sets."""

import argparse
from dataclasses import asdict
from pathlib import Path

from core import data
from core.cli.output import OK, ProgressLine, print_json, rounded, table


def data_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `data`."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="which there are, and which are here")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(command=_list)

    get = commands.add_parser("get", help="fetch one over the network")
    get.add_argument("name", metavar="NAME")
    get.set_defaults(command=_get)

    add = commands.add_parser("add", help="make one of your own pictures, a folder a class")
    add.add_argument("source", type=Path, metavar="FOLDER_OR_ZIP")
    add.add_argument("--title", required=True)
    add.add_argument("--size", type=int, default=28, help="side in pixels, 8 to 512 (default: 28)")
    add.add_argument("--grey", action="store_true", help="one channel instead of three")
    add.add_argument(
        "--encoding",
        default="",
        metavar="NAME",
        help="of the names in a zip that does not say it: gbk, cp850 … (default: the likeliest)",
    )
    add.set_defaults(command=_add)


def _list(args: argparse.Namespace) -> int:
    sets = [(data.info(name), sorted(data.available(name))[::-1]) for name in data.names()]
    if args.json:
        print_json([{**asdict(info), "here": splits} for info, splits in sets])
        return OK
    rows = [
        [
            info.name,
            info.title,
            "x".join(map(str, info.shape)) if info.medium == "pictures" else info.medium,
            *map(rounded, (len(info.classes), info.splits["train"], info.splits.get("test", 0))),
            " and ".join(splits) or "no",
        ]
        for info, splits in sets
    ]
    print(table(["name", "title", "shape", "classes", "train", "test", "here"], rows))
    return OK


def _get(args: argparse.Namespace) -> int:
    with ProgressLine() as line:
        data.get(args.name, line.show)
    print(f"{args.name} is here.")
    return OK


def _add(args: argparse.Namespace) -> int:
    preview = data.preview(args.source, args.encoding)
    for remark in preview.remarks:
        print(remark)
    if preview.readings:
        print("The encoding of its names is a guess; choose another with --encoding:")
        rows = [
            [reading.encoding, reading.language, reading.sample] for reading in preview.readings
        ]
        print(table(["--encoding", "of", "names"], rows))
    info = data.import_set(
        args.source, args.title, size=args.size, grey=args.grey, encoding=args.encoding
    )
    train, test = info.splits["train"], info.splits["test"]
    print(f"{info.name}: {train:,} images to train with, {test:,} to test. {info.source}.")
    for left_out in info.left_out:
        print(f"{left_out}.")
    return OK
