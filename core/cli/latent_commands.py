"""`sample` and `encode`: draw pictures from codes, latents or noise, and encode pictures."""

import argparse
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core import data, files, images
from core.cli.arguments import class_number, number, read_picture
from core.cli.diffusion_commands import SAMPLING_FLAGS, add_sampling_flags, sample_diffusion
from core.cli.output import OK, ProgressLine, print_json
from core.cli.run_commands import finished
from core.data import Images
from core.errors import LabError
from core.inference import generators, latent
from core.models.autoencoders import Autoencoder
from core.models.gans import GAN
from core.runs.store import Run
from core.tasks import task
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import CHUNK
from core.tasks.base import fitted
from core.tasks.diffusion import DIFFUSION

MAX_SAMPLES = 2500
MAX_COMPONENTS = 100
SHEET_SCALE = 2
"""Factor by which pixels are enlarged on the sheet."""


class CodeSample(NamedTuple):
    """Codes (N, d), the distribution and flags by which they were drawn, and a note on it."""

    codes: Tensor
    source: str
    flags: dict[str, Any]
    note: str = ""


def sample_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `sample`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "--count",
        type=number(1, MAX_SAMPLES),
        default=64,
        metavar="N",
        help=f"pictures; 1 to {MAX_SAMPLES} (default: 64)",
    )
    parser.add_argument(
        "--seed",
        type=number(0, 2**31 - 1),
        default=0,
        metavar="N",
        help="the same seed draws the same pictures (default: 0)",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--temperature",
        type=number(0.0, latent.MAX_TEMPERATURE),
        default=1.0,
        metavar="T",
        help="sampling temperature: the spread of the draws as a share of the prior's; 0 to 10 "
        "(default: 1)",
    )
    source.add_argument(
        "--mixture",
        type=number(1, MAX_COMPONENTS),
        metavar="N",
        help="draw from N Gaussians fitted to the codes of the test images "
        f"instead; 1 to {MAX_COMPONENTS}",
    )
    source.add_argument(
        "--truncation",
        type=number(0.01, 1.0),
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
    add_sampling_flags(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--codes", type=Path, metavar="FILE.csv", help="write their codes too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_sample)


def encode_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `encode`."""
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
        "--first", type=number(1, 10**7), metavar="N", help="how many (default: all)"
    )
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="CLASS",
        help="name or number, the same for all; without it a model that takes classes gets "
        "those of its own data set, and for other pictures the likeliest",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_encode)


# ---- sample


def _sample(args: argparse.Namespace) -> int:
    run = finished(args.run)
    if run.spec().task == DIFFUSION.name:
        return _sample_diffusion(run, args)
    if any(getattr(args, name) is not None for name in SAMPLING_FLAGS):
        raise LabError(
            f"{_title(run)} draws in one step: --{', --'.join(SAMPLING_FLAGS)} are for diffusions."
        )
    gan = run.spec().task == ADVERSARIAL.name
    model = generators.network(run) if gan else latent.network(run)
    if args.codes and args.codes.resolve() == args.output.resolve():
        raise LabError("The picture and the codes need two files.")
    labels = _sample_classes(run, model, args.class_name, args.count)
    with ProgressLine() as line:
        if isinstance(model, GAN):
            sample = _sample_latents(run, model, args)
            line.show("drawing")
            pictures = generators.draw(model, sample.codes, labels)
        else:
            sample = _sample_codes(run, model, args, line)
            line.show("drawing")
            pictures = latent.decode(model, sample.codes, labels)
    _write_sheet(args, pictures, model.classes)
    if args.codes:
        name = "Latent" if gan else "Enc. Variable"
        table = latent.code_table(sample.codes, labels, name)
        files.write_bytes(args.codes, files.to_csv(table))
    if args.json:
        print_json(
            {
                "run": run.id,
                "count": args.count,
                "seed": args.seed,
                **sample.flags,
                "class": args.class_name,
                "drawn_from": sample.source,
                "note": sample.note,
                "output": str(args.output),
                "codes": str(args.codes) if args.codes else None,
            }
        )
        return OK
    text = f"{args.output}: {args.count:,} pictures, drawn from {sample.source}. {sample.note}"
    print(text.rstrip())
    return OK


def _write_sheet(args: argparse.Namespace, pictures: Tensor, classes: int) -> None:
    columns = classes if args.class_name == "all" else math.isqrt(args.count - 1) + 1
    sheet = images.contact_sheet(pictures, columns, scale=SHEET_SCALE)
    files.write_bytes(args.output, images.to_png(sheet))


def _sample_diffusion(run: Run, args: argparse.Namespace) -> int:
    with ProgressLine() as line:
        line.show("drawing")
        pictures, flags = sample_diffusion(run, args)
    _write_sheet(args, pictures, run.spec().data.classes)
    if args.json:
        report = {"run": run.id, "count": args.count, "seed": args.seed, **flags}
        print_json({**report, "class": args.class_name, "output": str(args.output)})
        return OK
    print(f"{args.output}: {args.count:,} pictures, drawn from noise in {flags['steps']:,} steps.")
    return OK


def _sample_classes(
    run: Run, model: Autoencoder | GAN, name: str | None, count: int
) -> Tensor | None:
    """Return a class for each picture, None for an unconditional model. Raises LabError."""
    if model.classes and name is None:
        raise LabError(
            f"{_title(run)} draws one class at a time: choose which with --class, or --class all."
        )
    if model.classes and name == "all":
        return torch.arange(count) % model.classes
    return _one_class(run, model, name, count)


def _one_class(run: Run, model: Autoencoder | GAN, name: str | None, count: int) -> Tensor | None:
    """Return the class of that name or number, `count` times; None for None.

    Raises:
        LabError: the model takes no class, or has none of that name.
    """
    if name is None:
        return None
    if not model.classes:
        raise LabError(f"{_title(run)} takes no class: leave --class away.")
    return torch.full((count,), class_number(latent.class_names(run), name))


def _sample_latents(run: Run, model: GAN, args: argparse.Namespace) -> CodeSample:
    """Draw latents of a GAN. Raises LabError for flags that only autoencoders have."""
    if args.mixture is not None or args.temperature != 1:
        raise LabError(
            f"{_title(run)} has neither a temperature nor a mixture: --truncation narrows what it "
            "draws from."
        )
    truncation = 1.0 if args.truncation is None else args.truncation
    codes = generators.prior(model, args.count, args.seed, truncation)
    source = {"uniform": "uniform latents", "normal": "normal latents"}[model.prior]
    contracted = f", contracted to {truncation:g}" if truncation < 1 else ""
    return CodeSample(codes, source + contracted, {"truncation": truncation})


def _sample_codes(
    run: Run, model: Autoencoder, args: argparse.Namespace, line: ProgressLine
) -> CodeSample:
    """Draw codes of an autoencoder. Raises LabError for flags that only GANs have."""
    if args.truncation is not None:
        raise LabError(f"{_title(run)} is no GAN: --temperature narrows what it draws from.")
    if args.mixture is None:
        codes = latent.prior_samples(model.latent, args.count, args.seed, args.temperature)
        source = f"N(0, {args.temperature**2:g})"
        flags = {"temperature": args.temperature, "mixture": None}
        if model.variational:
            return CodeSample(codes, f"the prior, {source}", flags)
        return CodeSample(
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
    return CodeSample(latent.mixture_samples(fitted, args.count, args.seed), source, flags)


# ---- encode


def _encode(args: argparse.Namespace) -> int:
    run = finished(args.run)
    model = latent.network(run)
    with ProgressLine() as line:
        line.show("reading")
        pictures = _from_files(run, args) if args.images else _from_data_set(run, args)
        line.show("encoding")
        classes = _encode_classes(run, model, pictures, args)
        codes = latent.encode(model, pictures.pixels, classes)
    known = pictures.labels if bool((pictures.labels >= 0).all()) else None
    table = latent.code_table(codes, known if classes is None else classes)
    files.write_bytes(args.output, files.to_csv(table))
    if args.json:
        report: dict[str, Any] = {"run": run.id, "codes": len(table), "columns": list(table)}
        print_json({**report, "output": str(args.output)})
        return OK
    print(f"{args.output}: {len(codes):,} codes of {model.latent} numbers.")
    return OK


def _from_files(run: Run, args: argparse.Namespace) -> Images:
    """Read pictures in the model's shape; their label is unknown, -1.

    Raises:
        LabError: flags of a data set beside them, or a file that is no picture.
    """
    if args.dataset or args.split or args.first:
        raise LabError(
            "Choose pictures of your own or a data set: --dataset, --split and --first are for one."
        )
    shape = run.spec().data.shape
    pixels = torch.stack([read_picture(path, shape) for path in args.images])
    return Images(pixels, torch.full((len(pixels),), -1))


def _from_data_set(run: Run, args: argparse.Namespace) -> Images:
    name = args.dataset or run.spec().dataset
    return fitted(data.load(name, args.split or "test").first(args.first or 0))


def _encode_classes(
    run: Run, model: Autoencoder, pictures: Images, args: argparse.Namespace
) -> Tensor | None:
    """Return the class of each picture; None for an unconditional model."""
    if args.class_name is not None or not model.classes:
        return _one_class(run, model, args.class_name, len(pictures.labels))
    if not args.images:
        name = args.dataset or run.spec().dataset
        if data.info(name).classes == latent.class_names(run):
            return pictures.labels
    parts = torch.split(pictures.pixels, CHUNK)
    likeliest = (latent.likeliest_class(run, model, pixels) for pixels in parts)
    return torch.cat([part for part in likeliest if part is not None])


def _title(run: Run) -> str:
    spec = run.spec()
    return f"{task(spec.task).variant(spec.variant).title} ({run.id})"
