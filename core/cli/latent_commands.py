"""`sample` and `encode`: pictures out of codes or latents, and codes out of pictures."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from PIL.Image import Image as Picture
from torch import Tensor

from core import data, files, images
from core.cli.output import OK, ProgressLine, print_json
from core.cli.run_commands import finished
from core.data import Images
from core.errors import LabError, UnknownName
from core.inference import generators, latent
from core.models.autoencoders import Autoencoder
from core.models.gans import GAN
from core.runs.store import Run
from core.settings import settings
from core.tasks import task
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import CHUNK
from core.tasks.base import fitted

MOST_SAMPLES = 2500
MOST_COMPONENTS = 100
SHEET_SCALE = 2
"""Side of the square that a pixel becomes on the sheet."""


class Drawn(NamedTuple):
    """Codes (N, d), what they were drawn from and by which flags, and what is to be said of it."""

    codes: Tensor
    source: str
    flags: dict[str, Any]
    note: str = ""


def sample_parser(parser: argparse.ArgumentParser) -> None:
    """The flags of `sample`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "--count",
        type=_number(1, MOST_SAMPLES),
        default=64,
        metavar="N",
        help=f"pictures; 1 to {MOST_SAMPLES} (default: 64)",
    )
    parser.add_argument(
        "--seed",
        type=_number(0, 2**31 - 1),
        default=0,
        metavar="N",
        help="the same seed draws the same pictures (default: 0)",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--temperature",
        type=_number(0.0, latent.HOTTEST),
        default=1.0,
        metavar="T",
        help="sampling temperature: the spread of the draws as a share of the prior's; 0 to 10 "
        "(default: 1)",
    )
    source.add_argument(
        "--mixture",
        type=_number(1, MOST_COMPONENTS),
        metavar="N",
        help="draw from N Gaussians fitted to the codes of the test images "
        f"instead; 1 to {MOST_COMPONENTS}",
    )
    source.add_argument(
        "--truncation",
        type=_number(0.01, 1.0),
        metavar="T",
        help="of a GAN: latents are contracted to this share of their length; 0.01 to 1 "
        "(default: 1)",
    )
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="CLASS",
        help="name or number, or `all` for one after the other; for a model that takes classes",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--codes", type=Path, metavar="FILE.csv", help="write their codes too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_sample)


def encode_parser(parser: argparse.ArgumentParser) -> None:
    """The flags of `encode`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "images",
        nargs="*",
        type=Path,
        metavar="IMAGE",
        help="files, named right after the run, cut to a square and made grey; without any, "
        "images of a data set",
    )
    parser.add_argument(
        "--dataset", metavar="NAME", help="see `data list` (default: the one of the run)"
    )
    parser.add_argument("--split", choices=("test", "train"), help="(default: test)")
    parser.add_argument(
        "--first", type=_number(1, 10**7), metavar="N", help="how many (default: all)"
    )
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="CLASS",
        help="name or number, the same for all; without it a model that takes classes is told "
        "those of its own data set, and for other pictures the likeliest",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_encode)


def _number(low: float, high: float) -> Callable[[str], float]:
    """A converter for argparse: a number of the bounds' type within them."""

    def convert(text: str) -> float:
        try:
            value = type(low)(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # so written, nan is caught too
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number from {low} to {high}")
        return value

    return convert


# ---- sample


def _sample(args: argparse.Namespace) -> int:
    run = finished(args.run)
    gan = run.spec().task == ADVERSARIAL.name
    model = generators.network(run) if gan else latent.network(run)
    if args.codes and args.codes.resolve() == args.output.resolve():
        raise LabError("The picture and the codes need two files.")
    labels = _classes_to_draw(run, model, args.class_name, args.count)
    with ProgressLine() as line:
        if isinstance(model, GAN):
            drawn = _latents(run, model, args)
            line.show("drawing")
            pictures = generators.draw(model, drawn.codes, labels)
        else:
            drawn = _codes(run, model, args, line)
            line.show("drawing")
            pictures = latent.decode(model, drawn.codes, labels)
    columns = model.classes if args.class_name == "all" else math.isqrt(args.count - 1) + 1
    sheet = images.contact_sheet(pictures, columns, scale=SHEET_SCALE)
    files.write_bytes(args.output, images.to_png(sheet))
    if args.codes:
        name = "Latent" if gan else "Enc. Variable"
        _write_table(args.codes, latent.code_table(drawn.codes, labels, name))
    if args.json:
        print_json(
            {
                "run": run.id,
                "count": args.count,
                "seed": args.seed,
                **drawn.flags,
                "class": args.class_name,
                "drawn_from": drawn.source,
                "note": drawn.note,
                "output": str(args.output),
                "codes": str(args.codes) if args.codes else None,
            }
        )
        return OK
    print(
        f"{args.output}: {args.count:,} pictures, drawn from {drawn.source}. {drawn.note}".rstrip()
    )
    return OK


def _classes_to_draw(
    run: Run, model: Autoencoder | GAN, asked: str | None, count: int
) -> Tensor | None:
    """A class for each picture, None for a model that takes none. Raises LabError."""
    if model.classes and asked is None:
        raise LabError(
            f"{_title(run)} draws one class at a time: choose which with --class, or --class all."
        )
    if model.classes and asked == "all":
        return torch.arange(count) % model.classes
    return _one_class(run, model, asked, count)


def _one_class(run: Run, model: Autoencoder | GAN, asked: str | None, count: int) -> Tensor | None:
    """The class of that name or number, `count` times; None for None.

    Raises:
        LabError: the model takes no class, or has none of that name.
    """
    if asked is None:
        return None
    if not model.classes:
        raise LabError(f"{_title(run)} takes no class: leave --class away.")
    names = latent.class_names(run)
    numbers = [str(i) for i in range(model.classes)]
    known = next((known for known in (names, numbers) if asked in known), None)
    if known is None:
        raise UnknownName("class", asked, names)
    return torch.full((count,), known.index(asked))


def _latents(run: Run, model: GAN, args: argparse.Namespace) -> Drawn:
    """Of a GAN. Raises LabError for flags that only autoencoders have."""
    if args.mixture is not None or args.temperature != 1:
        raise LabError(
            f"{_title(run)} has neither a temperature nor a mixture: --truncation narrows what it "
            "draws from."
        )
    truncation = 1.0 if args.truncation is None else args.truncation
    codes = generators.prior(model, args.count, args.seed, truncation)
    source = {"uniform": "uniform latents", "normal": "normal latents"}[model.prior]
    contracted = f", contracted to {truncation:g}" if truncation < 1 else ""
    return Drawn(codes, source + contracted, {"truncation": truncation})


def _codes(run: Run, model: Autoencoder, args: argparse.Namespace, line: ProgressLine) -> Drawn:
    """Of an autoencoder. Raises LabError for flags that only GANs have."""
    if args.truncation is not None:
        raise LabError(f"{_title(run)} is no GAN: --temperature narrows what it draws from.")
    if args.mixture is None:
        codes = latent.prior_samples(model.latent, args.count, args.seed, args.temperature)
        source = f"N(0, {args.temperature**2:g})"
        flags = {"temperature": args.temperature, "mixture": None}
        if model.variational:
            return Drawn(codes, f"the prior, {source}", flags)
        return Drawn(
            codes,
            source,
            flags,
            f"{_title(run)} has no prior: nothing says that its codes lie there. --mixture draws "
            "from where they do.",
        )
    line.show("encoding the test images")
    known = latent.test_images(run.spec().dataset)
    if args.mixture > len(known.labels):
        raise LabError(f"{len(known.labels)} codes are too few for {args.mixture} Gaussians.")
    codes = latent.encode(model, known.pixels, known.labels)
    line.show("fitting the mixture")
    fitted = latent.fit_mixture(codes, args.mixture)
    source = f"{args.mixture} Gaussians fitted to {len(codes):,} codes of test images"
    flags = {"temperature": None, "mixture": args.mixture}
    return Drawn(latent.mixture_samples(fitted, args.count, args.seed), source, flags)


# ---- encode


def _encode(args: argparse.Namespace) -> int:
    run = finished(args.run)
    model = latent.network(run)
    with ProgressLine() as line:
        line.show("reading")
        found = _from_files(run, args) if args.images else _from_data_set(run, args)
        line.show("encoding")
        told = _classes_to_tell(run, model, found, args)
        codes = latent.encode(model, found.pixels, told)
    known = found.labels if bool((found.labels >= 0).all()) else None
    table = latent.code_table(codes, known if told is None else told)
    _write_table(args.output, table)
    if args.json:
        report: dict[str, Any] = {"run": run.id, "codes": len(table), "columns": list(table)}
        print_json({**report, "output": str(args.output)})
        return OK
    print(f"{args.output}: {len(codes):,} codes of {model.latent} numbers.")
    return OK


def _from_files(run: Run, args: argparse.Namespace) -> Images:
    """Pictures in the model's shape; nobody says what is on them: label -1.

    Raises:
        LabError: flags of a data set beside them, or a file that is no picture.
    """
    if args.dataset or args.split or args.first:
        raise LabError(
            "Choose pictures of your own or a data set: --dataset, --split and --first are for one."
        )
    shape = run.spec().data.shape
    pixels = torch.stack([images.to_tensor(_opened(path), shape) for path in args.images])
    return Images(pixels, torch.full((len(pixels),), -1))


def _opened(path: Path) -> Picture:
    """The picture in a file, of which no more is read than may be decoded."""
    with open(path, "rb") as file:
        return images.decode(file.read(settings().max_upload_bytes + 1), path.name)


def _from_data_set(run: Run, args: argparse.Namespace) -> Images:
    name = args.dataset or run.spec().dataset
    return fitted(data.load(name, args.split or "test").first(args.first or 0))


def _classes_to_tell(
    run: Run, model: Autoencoder, found: Images, args: argparse.Namespace
) -> Tensor | None:
    """What the model is told of each picture; None for a model that takes no classes."""
    if args.class_name is not None or not model.classes:
        return _one_class(run, model, args.class_name, len(found.labels))
    if not args.images:
        name = args.dataset or run.spec().dataset
        if data.info(name).classes == latent.class_names(run):
            return found.labels
    parts = torch.split(found.pixels, CHUNK)
    likeliest = (latent.likeliest_class(run, model, pixels) for pixels in parts)
    return torch.cat([part for part in likeliest if part is not None])


def _title(run: Run) -> str:
    spec = run.spec()
    return f"{task(spec.task).variant(spec.variant).title} ({run.id})"


def _write_table(path: Path, table: pd.DataFrame) -> None:
    files.write_bytes(path, files.to_csv(table))
