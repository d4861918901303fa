"""`evaluate`, `runs` and `export`: commands on existing runs."""

import argparse
from pathlib import Path
from typing import Any

from core.cli.output import (
    OK,
    ProgressLine,
    difference,
    figures_table,
    interval_text,
    intervals,
    print_json,
    rounded,
    table,
)
from core.errors import LabError
from core.metrics.generative import DISTANCE
from core.registry import checked, family, kind
from core.runs import store
from core.runs.store import Run

FIGURES = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "psnr_noisy": "PSNR of the input (dB)",
    "negative_elbo": "negative ELBO (nats)",
    "negative_iwae": "negative IWAE bound (nats)",
    "gaussian_negative_elbo": "negative ELBO, Gaussian density (nats)",
    "gaussian_negative_iwae": "negative IWAE bound, Gaussian density (nats)",
    "active_units": "active units",
    "fid": DISTANCE,
    "floor": "its floor",
    "coverage": "coverage",
    "entropy": "entropy of the classes drawn (nats)",
    "asked_accuracy": "read as the requested class",
    "accuracy": "accuracy",
    "perplexity": "perplexity",
    "mase": "MASE a year ahead",
    "mase_spread": "± over origins",
    "interval": "its 95 % interval",
    "trustworthiness": "trustworthiness",
    "knn_accuracy_map": "kNN accuracy on the map",
    "objective": "objective",
    "n_test": "test images",
    "images_per_second": "images/s",
    "device": "device",
}
"""The main figures of a run and their headings; empty columns are left out."""


def evaluate_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `evaluate`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--save", action="store_true", help="keep the new figures")
    parser.set_defaults(command=_evaluate)


def runs_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `runs`."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, with all figures")
    form.add_argument("--markdown", action="store_true", help="a table of the shipped runs")
    parser.set_defaults(command=_runs)


def export_parser(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `export`."""
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.onnx")
    parser.set_defaults(command=_export)


def finished(run_id: str) -> Run:
    """Return the finished run of that id. Raises LabError if there is none."""
    run = store.open_run(run_id)
    if (state := run.status().state) != "done":
        raise LabError(f"The run {run.id} is {state}; only one that is done can be used.")
    return run


def _evaluate(args: argparse.Namespace) -> int:
    run = finished(args.run)
    with ProgressLine() as line:
        figures = kind(run.spec().task).evaluate(run, line.show)
        stored = run.metrics()
    if args.save:
        run.write_metrics({**stored, **figures})
    if args.json:
        report = {"run": run.id, "metrics": figures, "stored": stored}
        print_json({**report, "intervals": intervals(figures)})
        return OK
    rows = []
    for name, value in figures.items():
        old = stored.get(name)
        change = f"{difference(value, old):.4f}"
        rows.append([name, rounded(value), rounded(old), change])
    print(figures_table(["figure", "now", "stored", "difference"], rows, figures))
    return OK


def _runs(args: argparse.Namespace) -> int:
    records = [_record(run) for run in store.all_runs() if run.shipped or not args.markdown]
    if args.json:
        print_json(records)
        return OK
    if not records:
        print("There are no runs yet. `python -m core train --help` says how to make one.")
        return OK
    columns = {"run": "run", "title": "title", "dataset": "data set", "state": "state"}
    columns |= {"epochs": "epochs"} | FIGURES
    lines = [{**_comparable(record.get("metrics", {})), **record} for record in records]
    for line in lines:
        if text := interval_text(line, "accuracy"):
            line["interval"] = text
    kept = [name for name in columns if any(name in line for line in lines)]
    rows = [[rounded(line.get(name)) for name in kept] for line in lines]
    print(table([columns[name] for name in kept], rows, markdown=args.markdown))
    return OK


def _comparable(metrics: dict[str, Any]) -> dict[str, Any]:
    """Leave out a Fréchet distance in pixels, which misleads, unlike in a classifier's features."""
    if "fid" in metrics and not metrics.get("classes"):
        return {k: v for k, v in metrics.items() if k != "fid"}
    return metrics


def _record(run: Run) -> dict[str, Any]:
    """Return the record of a run for the list; a damaged one has its error."""
    try:
        spec = checked(run)
        return {
            "run": run.id,
            "title": family(spec.task).variant(spec.variant).title,
            "dataset": spec.dataset,
            "state": run.status().state,
            "epochs": spec.config.get("epochs"),
            "shipped": run.shipped,
            "metrics": run.metrics(),
        }
    except LabError as error:
        return {"run": run.id, "state": "damaged", "shipped": run.shipped, "error": str(error)}


def _export(args: argparse.Namespace) -> int:
    from core.inference.export import export  # here: ONNX takes a second, and few need it

    report = export(finished(args.run), args.output)
    print(
        f"{report.path}: {report.size / 2**20:.2f} MiB, batches of {report.shape} images; "
        f"differs from PyTorch by {report.max_difference:.1e} at most on {report.compared_on}."
    )
    if report.scaling_difference is not None:
        print(
            "Photographs of other sizes are scaled in the file: their probabilities differ from "
            f"the lab's by {report.scaling_difference:.1e} at most on those tried."
        )
    return OK
