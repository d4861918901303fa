"""`differentiate`: an expression step by step, with its gradients."""

import argparse
import json

import torch
from torch import Tensor

from core.cli.output import OK, print_json, table
from core.errors import LabError
from core.foundations.expressions import (
    ExpressionError,
    Trace,
    as_pytorch,
    backward,
    differences,
    forward,
    parse,
    requires_grad,
)


def differentiate_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `differentiate`."""
    parser.add_argument("expression", metavar="EXPRESSION", help='such as "(w*x + b - y)**2"')
    parser.add_argument("values", metavar="NAME=VALUE", nargs="*", help="such as w=0.5 x=[1,2]")
    parser.add_argument("--code", action="store_true", help="print the same in PyTorch instead")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_differentiate)


def _differentiate(args: argparse.Namespace) -> int:
    leaves = dict(_value(text) for text in args.values)
    try:
        graph = parse(args.expression)
        if args.code:
            forward(graph, leaves)
            print(as_pytorch(graph, leaves), end="")
            return OK
        trace = backward(forward(graph, leaves))
    except ExpressionError as error:
        marks = " " * error.start + "^" * max(1, error.end - error.start)
        raise LabError(f"{error}\n  {args.expression}\n  {marks}") from error
    if args.json:
        gradients = {name: trace.gradient(name).tolist() for name in graph.leaves}
        print_json(
            {"expression": graph.text, "result": trace.result.tolist(), "gradients": gradients}
        )
        return OK
    print(table(["operation", "value", "gradient of the result by it"], _rows(trace)))
    print()
    lines = [
        [name, _text(trace.gradient(name)), _text(differences(graph, leaves, name))]
        for name in graph.leaves
    ]
    print(table(["name", "gradient", "by differences"], lines))
    return OK


def _rows(trace: Trace) -> list[list[str]]:
    needed = requires_grad(trace.graph)
    nodes = zip(trace.graph.nodes, trace.values, trace.gradients, needed, strict=True)
    return [
        [node.text, _text(value), _text(gradient) if has else ""]
        for node, value, gradient, has in nodes
    ]


def _value(text: str) -> tuple[str, Tensor]:
    """A name with its number or list of numbers. Raises LabError."""
    name, _, written = text.partition("=")
    try:
        value = torch.tensor(json.loads(written), dtype=torch.float64)
    except (ValueError, TypeError, RuntimeError, RecursionError) as error:
        raise LabError(
            f"{text[:40]!r} is no name with a number or a list of numbers, as w=0.5 or x=[1,2]."
        ) from error
    if not bool(value.isfinite().all()) or value.numel() > 1000:
        raise LabError(f"{name[:40]} has values that are not finite, or more than 1,000.")
    return name, value


def _text(value: Tensor) -> str:
    numbers = [f"{v:.6g}" for v in value.flatten().tolist()[:6]]
    more = ", …" if value.numel() > len(numbers) else ""
    return numbers[0] if value.dim() == 0 else f"[{', '.join(numbers)}{more}]"
