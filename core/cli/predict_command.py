"""`predict`: classify pictures."""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from core.cli.arguments import read_digit, read_picture
from core.cli.output import OK, ProgressLine, print_json, table
from core.cli.run_commands import finished
from core.errors import LabError
from core.inference import explain
from core.metrics.image import percent
from core.models.convnets import Recogniser
from core.models.feature_classifiers import Transfer
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks import load_model
from core.tasks.base import unit

BATCH_SIZE = 16
YES_NO = {True: "yes", False: "no"}


def predict_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `predict`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    parser.add_argument(
        "--digit",
        action="store_true",
        help="each shows a handwritten digit, which is found and made as MNIST's are",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_predict)


def _predict(args: argparse.Namespace) -> int:
    run = finished(args.run)
    model = load_model(run)
    if not isinstance(model, Transfer | Recogniser):
        raise LabError(f"{run.id} is no classifier: it reads no classes from a picture.")
    probabilities, shares = _read(run, model, args.files, args.digit)
    names = classes_of(run)
    rows = [
        {
            "file": str(path),
            "class": names[int(row.argmax())],
            "index": int(row.argmax()),
            "probability": round(float(row.max()), 4),
            "unlike_training": None if share is None else bool(share >= explain.MIN_UNLIKE_SHARE),
            "probabilities": [round(float(p), 4) for p in row],
        }
        for path, row, share in zip(args.files, probabilities, shares, strict=True)
    ]
    if args.json:
        print_json({"run": run.id, "classes": names, "predictions": rows})
        return OK
    headings = ["file", "class", "probability"]
    lines = [
        [str(r["file"]), str(r["class"]), percent(float(p.max()))]
        for r, p in zip(rows, probabilities, strict=True)
    ]
    if isinstance(model, Transfer):  # the others keep nothing of their training images
        headings.append("unlike the training images")
        for line, row in zip(lines, rows, strict=True):
            line.append(YES_NO[bool(row["unlike_training"])])
    print(table(headings, lines))
    return OK


def _read(
    run: Run, model: Transfer | Recogniser, paths: list[Path], digit: bool
) -> tuple[Tensor, list[float | None]]:
    """Of each picture the probabilities, and the share of training pictures that are nearer to
    others than it is; None where that is not known."""
    shape, shares = run.spec().data.shape, list[float | None]()
    with ProgressLine() as line:
        line.show("reading")
        read = read_digit if digit else read_picture
        parts = torch.split(torch.stack([read(path, shape) for path in paths]), BATCH_SIZE)
        probabilities = []
        for i, pixels in enumerate(parts):
            line.show("classifying", i / len(parts))
            if isinstance(model, Transfer):
                prediction = explain.predict(model, pixels)
                probabilities.append(prediction.probabilities)
                shares += prediction.shares.tolist()
            else:
                with torch.inference_mode():
                    probabilities.append(model(unit(pixels)).softmax(1))
                shares += [None] * len(pixels)
    return torch.cat(probabilities), shares
