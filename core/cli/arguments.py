"""Shared by the commands: flags from a config class, files, and runs with Ctrl-C."""

import argparse
import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo
from torch import Tensor

from core import digits, images
from core.cli.output import (
    CANCELLED,
    FAILED,
    OK,
    ProgressLine,
    figures_table,
    print_error,
    print_json,
    rounded,
)
from core.errors import LabError, Refused, UnknownName
from core.execution import carry_out
from core.identity import COMMAND_LINE
from core.runs import store
from core.runs.schema import RunRequest, Status
from core.runs.store import Run
from core.settings import settings
from core.tasks import AnyFamily, FamilyConfig, Variant


def add_settings(parser: argparse.ArgumentParser, variant: Variant, defaults: FamilyConfig) -> None:
    """Add a flag for each field that the variant has.

    Values stay text: the config class converts and validates them.
    """
    group = parser.add_argument_group("settings")
    for name, field in type(defaults).model_fields.items():
        if name in variant.fixed:
            continue
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
    text = {True: "on", False: "off"}[default] if isinstance(default, bool) else default
    return f"{field.description}{bounds} (default: {text})".replace("%", "%%")


def variant_parsers(
    kinds: Any, family: AnyFamily, command: Callable[[argparse.Namespace], int]
) -> Iterator[tuple[Variant, argparse.ArgumentParser]]:
    """Add a subcommand for each variant of a family; yields their parsers for further flags.

    Args:
        kinds: what `add_subparsers` returns.
    """
    for variant in family.variants.values():
        summary = variant.summary.replace("%", "%%")
        parser = kinds.add_parser(
            variant.name, help=summary, description=summary, allow_abbrev=False
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(command=command)
        yield variant, parser
        add_settings(parser, variant, family.config(variant.name))


def values_of(args: argparse.Namespace, family: AnyFamily) -> dict[str, Any]:
    """Return the settings that were given."""
    fields = family.config_class.model_fields
    return {name: value for name, value in vars(args).items() if name in fields}


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a converter for argparse: to a number of the bounds' type within them."""

    def convert(text: str) -> float:
        try:
            value = type(low)(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # written this way, nan is caught too
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number from {low} to {high}")
        return value

    return convert


def class_number(names: Sequence[str], name: str) -> int:
    """The number of a class, of which its name or its number is given. Raises UnknownName."""
    numbers = [str(i) for i in range(len(names))]
    for choices in (list(names), numbers):
        if name in choices:
            return choices.index(name)
    raise UnknownName("class", name, names)


def read_file(path: Path) -> tuple[bytes, str]:
    """Return the content of a file, no more of it than may be decoded, and its name."""
    with open(path, "rb") as file:
        return file.read(settings().max_upload_bytes + 1), path.name


def read_picture(path: Path, shape: images.Shape) -> Tensor:
    """Return the picture in a file as uint8 of a shape (C, H, W). Raises BadUpload."""
    return images.to_tensor(images.decode(*read_file(path)), shape)


def read_digit(path: Path, shape: images.Shape) -> Tensor:
    """Return the handwritten digit in a file, as MNIST would have it. Raises BadUpload."""
    picture = images.decode(*read_file(path), keep_transparency=True)
    return digits.digit_from_picture(picture, shape, path.name)


def check_folder(output: Path | None) -> None:
    """Raise LabError if the folder of an output file is missing."""
    if output is not None and not output.parent.is_dir():
        raise LabError(f"There is no folder {output.parent}: make it first.")


def find_or_make(args: argparse.Namespace, request: RunRequest, past_tense: str) -> int:
    """Find or make the run of a request, print its figures, and return the exit code.

    Args:
        past_tense: the verb of the last line, such as “trained”.
    """
    run = claim(request)
    status = run.status()
    cached = status.state == "done"
    if not cached:
        with ProgressLine() as line, cancelled_by_ctrl_c(run):
            status = carry_out(run, lambda now: line.show(*_progress(now)))
    metrics = run.metrics()
    if args.json:
        print_json({"run": run.id, "state": status.state, "cached": cached, "metrics": metrics})
    elif status.state == "done":
        print(
            f"{run.id} {f'was {past_tense} before' if cached else f'is {past_tense}'}: {run.path}"
        )
        rows = [[k, rounded(v)] for k, v in metrics.items()]
        print(figures_table(["figure", "value"], rows, metrics))
    if status.state == "failed":
        return print_error(status.error, FAILED)
    if status.state == "cancelled":
        return print_error(f"{run.id} is cancelled; the same command goes on with it.", CANCELLED)
    return OK


def _progress(status: Status) -> tuple[str, float, str]:
    stage = status.stage or status.state
    if not status.eta:
        return stage, status.done, ""
    minutes, seconds = divmod(round(status.eta), 60)
    left = f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
    return stage, status.done, f"{status.images_per_second:,.0f} images/s, {left} left"


def claim(request: RunRequest) -> Run:
    """Return the run of a request: done already, or ready to continue from where it stopped.

    Raises:
        Refused: another process is working on it.
    """
    with store.store_lock():
        run = store.find(request.run_id)
        if run is None:
            run = store.create(request.run_id, request.config, request.given)
        if run.shipped:
            return run
        if COMMAND_LINE not in run.owners():
            run.set_owners([*run.owners(), COMMAND_LINE])
        if run.status().state != "done":
            if run.alive():  # its Ctrl-C is not ours
                raise Refused(f"The run {run.id} is being trained already.")
            run.forget_cancel()
            run.update(state="queued", stage="", eta=None, error="")
    return run


@contextmanager
def cancelled_by_ctrl_c(run: Run) -> Iterator[None]:
    """The first Ctrl-C stops the run at its next step, a second one interrupts it at once."""

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
