"""`predict`: classify photographs."""

import argparse
from pathlib import Path

import torch

from core.cli.arguments import read_picture
from core.cli.output import OK, ProgressLine, print_json, table
from core.cli.run_commands import finished
from core.inference import explain
from core.metrics.image import percent
from core.runs.query import classes_of

BATCH_SIZE = 16
YES_NO = {True: "yes", False: "no"}


def predict_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `predict`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_predict)


def _predict(args: argparse.Namespace) -> int:
    run = finished(args.run)
    spec = run.spec()
    with ProgressLine() as line:
        line.show("reading")
        pixels = torch.stack([read_picture(path, spec.data.shape) for path in args.files])
        model = explain.classifier(run)
        predictions: list[explain.Prediction] = []
        for part in torch.split(pixels, BATCH_SIZE):
            line.show("classifying", len(predictions) * BATCH_SIZE / len(pixels))
            predictions.append(explain.predict(model, part))
    probabilities = torch.cat([p.probabilities for p in predictions])
    shares = torch.cat([p.shares for p in predictions])
    names = classes_of(run)
    rows = [
        {
            "file": str(path),
            "class": names[int(row.argmax())],
            "index": int(row.argmax()),
            "probability": round(float(row.max()), 4),
            "unlike_training": bool(share >= explain.MIN_UNLIKE_SHARE),
            "probabilities": [round(float(p), 4) for p in row],
        }
        for path, row, share in zip(args.files, probabilities, shares, strict=True)
    ]
    if args.json:
        print_json({"run": run.id, "classes": names, "predictions": rows})
        return OK
    lines = [
        [
            str(r["file"]),
            str(r["class"]),
            percent(float(p.max())),
            YES_NO[bool(r["unlike_training"])],
        ]
        for r, p in zip(rows, probabilities, strict=True)
    ]
    print(table(["file", "class", "probability", "unlike the training images"], lines))
    return OK
