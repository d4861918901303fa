"""`fill`, and `sample` for a diffusion: pictures out of noise, and what is missing of one."""

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core import files, images
from core.cli.arguments import check_folder, class_number, number, read_file
from core.cli.output import OK, ProgressLine, print_json
from core.cli.run_commands import finished
from core.errors import LabError
from core.inference.linear_measurements import holes
from core.inference.posterior_sampling import (
    MAX_GUIDANCE,
    MAX_SAMPLES,
    MAX_STEPS,
    Prior,
    checked,
    measured,
    posterior,
    prior_of,
    usual,
)
from core.models.sampling import USUAL, Sampling, denoise, first_noise
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks.base import unit
from core.tasks.diffusion import CHUNK

FILLINGS = 6
WHITE = 128
"""Grey of a mask from which on a pixel is to be filled."""
SAMPLING_FLAGS = ("steps", "order", "eta", "guidance")


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `sample` that only diffusions have."""
    group = parser.add_argument_group("of a diffusion")
    add_steps(group, f"(default: {USUAL.steps})")
    group.add_argument(
        "--order",
        type=int,
        choices=(1, 2),
        help="looks that a step takes: 1 is Euler, or DDIM, 2 is Heun (default: 1)",
    )
    group.add_argument(
        "--eta",
        type=number(0.0, 1.0),
        metavar="N",
        help="share of the noise that each step draws anew; 0 to 1 (default: 0)",
    )
    add_guidance(group)


def add_steps(parser: Any, default: str) -> None:
    """Add the flag of the steps."""
    parser.add_argument(
        "--steps",
        type=number(1, MAX_STEPS),
        metavar="N",
        help=f"steps from noise to picture; 1 to {MAX_STEPS} {default}",
    )


def add_guidance(parser: Any) -> None:
    """Add the flag of the guidance."""
    parser.add_argument(
        "--guidance",
        type=number(0.0, MAX_GUIDANCE),
        metavar="N",
        help=f"how far to go beyond what is said with the class; 0 to {MAX_GUIDANCE:g} "
        "(default: 0)",
    )


def fill_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `fill`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument(
        "picture", metavar="PICTURE", type=Path, help="brought to the network's size"
    )
    parser.add_argument(
        "--mask",
        type=Path,
        required=True,
        metavar="FILE",
        help="a picture as large as the other, white where it is to be filled",
    )
    parser.add_argument(
        "--count",
        type=number(1, MAX_SAMPLES),
        default=FILLINGS,
        metavar="N",
        help=f"fillings; 1 to {MAX_SAMPLES} (default: {FILLINGS})",
    )
    parser.add_argument(
        "--class", dest="class_name", metavar="CLASS", help="name or number (default: any)"
    )
    add_steps(parser, "(default: what the network needs)")
    add_guidance(parser)
    parser.add_argument(
        "--seed",
        type=number(0, 2**31 - 1),
        default=0,
        metavar="N",
        help="the same seed draws the same fillings (default: 0)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.png",
        help="the fillings in rows, a pixel apart, each as the network draws it",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_fill)


# ---- sample


def sample_diffusion(run: Run, args: argparse.Namespace) -> tuple[Tensor, dict[str, Any]]:
    """Draw pictures (N, C, H, W) in [0, 1] of any or one class, or of each in turn.

    Returns:
        The pictures, and the flags by which they were drawn.

    Raises:
        LabError: a flag that is not a diffusion's, a class that the network does not have, or
            numbers that do not go together.
    """
    given = (args.mixture, args.truncation, args.codes)
    if any(value is not None for value in given) or args.temperature != 1:
        raise LabError(
            f"{run.id} is a diffusion, which draws from noise: it has no codes, and neither "
            "temperature nor truncation. --steps, --eta and --guidance say how it draws."
        )
    prior = prior_of(run)
    flags = {
        name: getattr(USUAL, name) if getattr(args, name) is None else getattr(args, name)
        for name in SAMPLING_FLAGS
    }
    labels = None
    if args.class_name == "all" and prior.model.classes:
        labels = torch.arange(args.count) % prior.model.classes
    elif (label := asked_class(run, prior, args.class_name)) is not None:
        labels = torch.full((args.count,), label)
    needs_class(args)
    return _drawn(prior, args.count, labels, args.seed, Sampling(**flags)), flags


def needs_class(args: argparse.Namespace) -> None:
    """Raise LabError if guidance is asked for without a class to guide to."""
    if args.guidance and args.class_name is None:
        raise LabError("Guidance leads towards a class: name one with --class.")


def _drawn(prior: Prior, count: int, labels: Tensor | None, seed: int, how: Sampling) -> Tensor:
    noise = first_noise(count, prior.shape, seed)
    generator = torch.Generator().manual_seed(seed)
    pictures = []
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        asked = None if labels is None else labels[part]
        try:
            drawn = denoise(*prior, noise[part], asked, how, generator)
        except ValueError as error:
            raise LabError(str(error)) from error
        pictures.append(drawn)
    return (torch.cat(pictures).clamp(-1, 1) + 1) / 2


def asked_class(run: Run, prior: Prior, name: str | None) -> int | None:
    """The class of that name or number; None for None. Raises LabError if there is none."""
    if name is None:
        return None
    if not prior.model.classes:
        raise LabError(f"{run.id} was told no classes: leave --class away.")
    return class_number(classes_of(run), name)


# ---- fill


def _fill(args: argparse.Namespace) -> int:
    run = finished(args.run)
    check_folder(args.output)
    prior = prior_of(run)
    picture, missing = _read(args.picture, args.mask, prior)
    label = asked_class(run, prior, args.class_name)
    needs_class(args)
    how = usual(prior)._replace(guidance=args.guidance or 0, label=label, seed=args.seed)
    if args.steps:
        how = how._replace(steps=args.steps)
    checked(prior, how, args.count)
    known = holes(missing)
    with ProgressLine() as line:
        numbers = measured(known, unit(picture[None]))
        drawn = posterior(prior, known, numbers, args.count, how, line.show)
    columns = math.isqrt(args.count - 1) + 1
    sheet = images.contact_sheet(drawn.samples, columns)
    files.write_bytes(args.output, images.to_png(sheet))
    filled = int(missing.sum())
    report = {
        "run": run.id,
        "picture": str(args.picture),
        "mask": str(args.mask),
        "count": args.count,
        "steps": how.steps,
        "guidance": how.guidance,
        "class": args.class_name,
        "seed": args.seed,
        "pixels_filled": filled,
        "pixels": missing.numel(),
        "spread": round(float(drawn.spread[..., missing].mean()), 4),
        "output": str(args.output),
    }
    if args.json:
        print_json(report)
        return OK
    fillings = "a filling" if args.count == 1 else f"{args.count} fillings"
    print(f"{args.output}: {fillings} of {filled:,} of {missing.numel():,} pixels.")
    return OK


def _read(picture: Path, mask: Path, prior: Prior) -> tuple[Tensor, Tensor]:
    """A picture, uint8 (C, H, W), and where it is to be filled, (H, W).

    Raises:
        LabError: a file that is no picture, or two of different sizes.
    """
    shown, covering = (images.decode(*read_file(path)) for path in (picture, mask))
    if shown.size != covering.size:
        sizes = " and the mask ".join(f"{w}×{h}" for w, h in (shown.size, covering.size))
        raise LabError(f"The picture has {sizes} pixels: bring the mask to the picture's size.")
    pixels = images.to_tensor(shown, prior.shape)
    white = images.to_tensor(covering, (1, *prior.shape[1:]))[0]
    return pixels, white >= WHITE
