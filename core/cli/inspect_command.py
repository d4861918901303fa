"""`inspect`: the layers of a network with their shapes, weights, work, memory and time."""

import argparse
from dataclasses import asdict

from torch import nn

from core.cli.output import OK, print_json, table
from core.cli.run_commands import finished
from core.errors import LabError
from core.inference.network import layer_table, totals
from core.models import backbones
from core.models.backbones import BACKBONES
from core.tasks import load_model
from core.tasks.classification import RECOGNITION
from core.tasks.denoising import DENOISING
from core.tasks.family import Shape

HEADINGS = ["layer", "kind", "output", "weights", "multiply-adds", "KiB", "sees", "ms"]


def inspect_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `inspect`."""
    known = ", ".join(BACKBONES)
    parser.add_argument("network", metavar="NETWORK", help=f"a run, or a backbone: {known}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_inspect)


def _inspect(args: argparse.Namespace) -> int:
    model, shape = _network(args.network)
    rows = layer_table(model, shape)
    if args.json:
        print_json(
            {"network": args.network, "shape": shape, "totals": totals(rows),
             "layers": [asdict(row) for row in rows]}
        )  # fmt: skip
        return OK
    lines = [
        [
            row.path,
            row.kind,
            _times(row.shape),
            f"{row.weights:,}",
            f"{row.multiply_adds:,}",
            f"{row.bytes / 1024:,.1f}",
            "?" if row.field is None else _times(row.field),
            f"{row.milliseconds:.3f}",
        ]
        for row in rows
    ]
    print(table(HEADINGS, lines))
    whole = totals(rows)
    print(
        f"\nA picture of {_times(shape)}: {whole['weights']:,} weights, "
        f"{whole['multiply_adds']:,} multiply-adds, {whole['bytes'] / 2**20:.1f} MiB of "
        f"activations, {whole['milliseconds']:.1f} ms here."
    )
    return OK


def _network(name: str) -> tuple[nn.Module, Shape]:
    """A network that takes pictures, and their shape. Raises LabError, DataMissing."""
    if name in BACKBONES:
        side = backbones.backbone(name).side
        return backbones.load(name).body, (3, side, side)
    run = finished(name)
    spec = run.spec()
    if spec.task not in (RECOGNITION.name, DENOISING.name):
        raise LabError(
            f"{run.id} takes no pictures alone: name a classifier, a denoiser or a backbone."
        )
    model = load_model(run)
    if not any(True for _ in model.parameters()):
        raise LabError(f"{run.id} is a method without layers.")
    height, width = spec.data.shape[1:]
    return model, (spec.data.shape[0], height, width)


def _times(sides: tuple[int, ...]) -> str:
    return "×".join(map(str, sides))
