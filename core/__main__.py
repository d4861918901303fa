"""The command line, `python -m core`: what the pages do, without a browser."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from core import data, runs, training
from core.cli.show import ProgressLine, difference, print_json, shown, table
from core.errors import LabError, Refused
from core.runs import Run, Status
from core.tasks import TASKS, TaskConfig, task
from core.training.asking import Question

OK, FAULT, FAILED, CANCELLED = 0, 1, 3, 130
"""Exit codes; argparse itself ends with 2 when the command is not understood."""
WHO = "command line"
"""The owner of runs that are trained here: no visitor of a page can delete them alone."""
FIGURES = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "psnr_noisy": "PSNR of the input (dB)",
    "n_test": "test images",
    "images_per_second": "images/s",
    "device": "device",
}
"""The main figures of a run and their headings; a column that would be empty is left out."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. Raises SystemExit for help and wrong usage."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.command(args)
        return code
    except LabError as error:
        return _fault(str(error))
    except OSError as error:
        return _fault(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.")
    except KeyboardInterrupt:
        return _fault("Cancelled.", CANCELLED)


def _fault(sentence: str, code: int = FAULT) -> int:
    print(sentence, file=sys.stderr)
    return code


# ---- what can be asked


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _data_parser(commands.add_parser("data", help="list, fetch and add data sets"))
    _train_parser(commands.add_parser("train", help="train a network, or find it trained"))

    evaluate = commands.add_parser("evaluate", help="measure a finished run again")
    evaluate.add_argument("run", metavar="RUN")
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    evaluate.add_argument("--save", action="store_true", help="keep the new figures")
    evaluate.set_defaults(command=_evaluate)

    listing = commands.add_parser("runs", help="list the runs and their figures")
    form = listing.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, with all figures")
    form.add_argument("--markdown", action="store_true", help="a table of the shipped runs")
    listing.set_defaults(command=_runs)

    export = commands.add_parser("export", help="write a run's network as ONNX")
    export.add_argument("run", metavar="RUN")
    export.add_argument("--output", type=Path, required=True, metavar="FILE.onnx")
    export.set_defaults(command=_export)
    return parser


def _data_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="which there are, and which are here")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(command=_data_list)

    get = commands.add_parser("get", help="fetch one over the network")
    get.add_argument("name", metavar="NAME")
    get.set_defaults(command=_data_get)

    add = commands.add_parser("add", help="make one of your own pictures, a folder a class")
    add.add_argument("source", type=Path, metavar="FOLDER_OR_ZIP")
    add.add_argument("--title", required=True)
    add.add_argument("--size", type=int, default=28, help="side in pixels, 8 to 512 (default: 28)")
    add.add_argument("--grey", action="store_true", help="one channel instead of three")
    add.set_defaults(command=_data_add)


def _train_parser(parser: argparse.ArgumentParser) -> None:
    tasks = parser.add_subparsers(required=True, metavar="TASK", dest="task")
    for chosen in TASKS.values():
        named = tasks.add_parser(chosen.name, help=chosen.title)
        variants = named.add_subparsers(required=True, metavar="VARIANT", dest="variant")
        for variant in chosen.variants.values():
            summary = variant.summary.replace("%", "%%")
            asked = variants.add_parser(
                variant.name, help=summary, description=summary, allow_abbrev=False
            )
            asked.add_argument("--dataset", required=True, metavar="NAME", help="see `data list`")
            asked.add_argument("--json", action="store_true", help="print JSON")
            _add_settings(asked, chosen.config(variant.name))
            asked.set_defaults(command=_train)


def _add_settings(parser: argparse.ArgumentParser, defaults: TaskConfig) -> None:
    """A flag for each field. Values stay text: the config class converts and judges them."""
    group = parser.add_argument_group("settings")
    for name, field in type(defaults).model_fields.items():
        form: dict[str, Any] = {"metavar": "N"}
        if field.annotation is bool:
            form = {"action": argparse.BooleanOptionalAction}
        elif get_origin(field.annotation) is Literal:
            form = {"choices": get_args(field.annotation)}
        group.add_argument(
            f"--{name.replace('_', '-')}",
            default=argparse.SUPPRESS,
            help=_help(field, getattr(defaults, name)),
            **form,
        )


def _help(field: FieldInfo, default: object) -> str:
    low = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    high = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    bounds = f"; {low} to {high}" if low is not None and high is not None else ""
    shown = {True: "on", False: "off"}[default] if isinstance(default, bool) else default
    return f"{field.description}{bounds} (default: {shown})".replace("%", "%%")


# ---- the commands


def _data_list(args: argparse.Namespace) -> int:
    found = [(data.info(name), sorted(data.available(name))[::-1]) for name in data.names()]
    if args.json:
        print_json([{**asdict(info), "here": here} for info, here in found])
        return OK
    rows = [
        [
            info.name,
            info.title,
            "x".join(map(str, info.shape)),
            *map(shown, (len(info.classes), info.splits["train"], info.splits["test"])),
            " and ".join(here) or "no",
        ]
        for info, here in found
    ]
    print(table(["name", "title", "shape", "classes", "train", "test", "here"], rows))
    return OK


def _data_get(args: argparse.Namespace) -> int:
    with ProgressLine() as line:
        data.get(args.name, line.show)
    print(f"{args.name} is here.")
    return OK


def _data_add(args: argparse.Namespace) -> int:
    info = data.import_set(args.source, args.title, size=args.size, grey=args.grey)
    train, test = info.splits["train"], info.splits["test"]
    print(f"{info.name}: {train:,} images to train with, {test:,} to test. {info.source}.")
    return OK


def _train(args: argparse.Namespace) -> int:
    fields = task(args.task).config_class.model_fields
    values = {name: value for name, value in vars(args).items() if name in fields}
    run = _claim(training.ask(args.task, args.variant, args.dataset, values))
    status = run.status()
    cached = status.state == "done"
    if not cached:
        with ProgressLine() as line, _cancelled_by_ctrl_c(run):
            status = training.train(run, lambda now: line.show(*_progress(now)))
    metrics = run.metrics()
    if args.json:
        print_json({"run": run.id, "state": status.state, "cached": cached, "metrics": metrics})
    elif status.state == "done":
        print(f"{run.id} {'was trained before' if cached else 'is trained'}: {run.path}")
        print(table(["figure", "value"], [[k, shown(v)] for k, v in metrics.items()]))
    if status.state == "failed":
        return _fault(status.error, FAILED)
    if status.state == "cancelled":
        return _fault(f"{run.id} is cancelled; the same command goes on with it.", CANCELLED)
    return OK


def _progress(status: Status) -> tuple[str, float, str]:
    stage = status.stage or status.state
    if not status.eta:
        return stage, status.done, ""
    minutes, seconds = divmod(round(status.eta), 60)
    left = f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
    return stage, status.done, f"{status.images_per_second:,.0f} images/s, {left} left"


def _claim(question: Question) -> Run:
    """The run that answers: done already, or made ready to be trained from where it stopped.

    Raises:
        Refused: another process is at it.
    """
    with runs.store_lock():
        run = runs.find(question.run_id) or runs.create(question.run_id, question.config)
        if run.shipped:
            return run
        if WHO not in run.owners():
            run.set_owners([*run.owners(), WHO])
        if run.status().state != "done":
            if run.alive():  # its Ctrl-C is not ours
                raise Refused(f"The run {run.id} is being trained already.")
            run.forget_cancel()
            run.update(state="queued", stage="", eta=None, error="")
    return run


@contextmanager
def _cancelled_by_ctrl_c(run: Run) -> Iterator[None]:
    """The first Ctrl-C asks the training to stop at its next step, a second one stops it hard."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        run.request_cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
        run.forget_cancel()  # left over when it came after the last step
    except KeyboardInterrupt:
        run.forget_cancel()
        run.update(state="cancelled", stage="", eta=None)
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _evaluate(args: argparse.Namespace) -> int:
    run = _finished(args.run)
    with ProgressLine() as line:
        figures, stored = training.evaluate(run, line.show), run.metrics()
    if args.save:
        run.write_metrics({**stored, **figures})
    if args.json:
        print_json({"run": run.id, "metrics": figures, "stored": stored})
        return OK
    rows = []
    for name, value in figures.items():
        before = stored.get(name)
        rows.append([name, shown(value), shown(before), f"{difference(value, before):.4f}"])
    print(table(["figure", "now", "stored", "difference"], rows))
    return OK


def _runs(args: argparse.Namespace) -> int:
    found = [_record(run) for run in runs.all_runs() if run.shipped or not args.markdown]
    if args.json:
        print_json(found)
        return OK
    if not found:
        print("There are no runs yet. `python -m core train --help` says how to make one.")
        return OK
    columns = {"run": "run", "title": "title", "dataset": "data set", "state": "state"}
    columns |= {"epochs": "epochs"} | FIGURES
    lines = [{**record.get("metrics", {}), **record} for record in found]
    kept = [name for name in columns if any(name in line for line in lines)]
    rows = [[shown(line.get(name)) for name in kept] for line in lines]
    print(table([columns[name] for name in kept], rows, markdown=args.markdown))
    return OK


def _export(args: argparse.Namespace) -> int:
    from core.inference.export import export  # here: ONNX takes a second, and few need it

    report = export(_finished(args.run), args.output)
    print(
        f"{report.path}: {report.size / 2**20:.2f} MiB, batches of {report.shape} images; "
        f"differs from PyTorch by {report.max_difference:.1e} at most."
    )
    return OK


def _finished(run_id: str) -> Run:
    run = runs.open_run(run_id)
    if (state := run.status().state) != "done":
        raise LabError(f"The run {run.id} is {state}; only one that is done can be used.")
    return run


def _record(run: Run) -> dict[str, Any]:
    """A run for the list; one that cannot be read says why, and hides no other."""
    try:
        asked = run.config()
        return {
            "run": run.id,
            "title": task(asked.task).variant(asked.variant).title,
            "dataset": asked.dataset,
            "state": run.status().state,
            "epochs": asked.config.get("epochs"),
            "shipped": run.shipped,
            "metrics": run.metrics(),
        }
    except LabError as error:
        return {"run": run.id, "state": "damaged", "shipped": run.shipped, "error": str(error)}


if __name__ == "__main__":
    sys.exit(main())
