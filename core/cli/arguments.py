"""What commands that make a run share: flags out of a config, the run that answers, Ctrl-C."""

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from core.cli.output import (
    CANCELLED,
    FAILED,
    OK,
    ProgressLine,
    fault,
    figures_table,
    print_json,
    shown,
)
from core.errors import Refused
from core.identity import COMMAND_LINE
from core.runs import store
from core.runs.schema import RunRequest, Status
from core.runs.store import Run
from core.tasks import AnyFamily, FamilyConfig, Variant
from core.training.run_context import Listener


def add_settings(parser: argparse.ArgumentParser, variant: Variant, defaults: FamilyConfig) -> None:
    """A flag for each field that the variant has.

    Values stay text: the config class converts and judges them.
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
    shown = {True: "on", False: "off"}[default] if isinstance(default, bool) else default
    return f"{field.description}{bounds} (default: {shown})".replace("%", "%%")


def values_of(args: argparse.Namespace, family: AnyFamily) -> dict[str, Any]:
    """The settings that were given."""
    fields = family.config_class.model_fields
    return {name: value for name, value in vars(args).items() if name in fields}


def answer(
    args: argparse.Namespace,
    question: RunRequest,
    labour: Callable[[Run, Listener], Status],
    made: str,
) -> int:
    """Find or make the run that answers, tell its figures, and give the exit code.

    Args:
        labour: works on a run to its end.
        made: what is done to it, for the last line.
    """
    run = claim(question)
    status = run.status()
    cached = status.state == "done"
    if not cached:
        with ProgressLine() as line, cancelled_by_ctrl_c(run):
            status = labour(run, lambda now: line.show(*_progress(now)))
    metrics = run.metrics()
    if args.json:
        print_json({"run": run.id, "state": status.state, "cached": cached, "metrics": metrics})
    elif status.state == "done":
        print(f"{run.id} {f'was {made} before' if cached else f'is {made}'}: {run.path}")
        rows = [[k, shown(v)] for k, v in metrics.items()]
        print(figures_table(["figure", "value"], rows, metrics))
    if status.state == "failed":
        return fault(status.error, FAILED)
    if status.state == "cancelled":
        return fault(f"{run.id} is cancelled; the same command goes on with it.", CANCELLED)
    return OK


def _progress(status: Status) -> tuple[str, float, str]:
    stage = status.stage or status.state
    if not status.eta:
        return stage, status.done, ""
    minutes, seconds = divmod(round(status.eta), 60)
    left = f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
    return stage, status.done, f"{status.images_per_second:,.0f} images/s, {left} left"


def claim(question: RunRequest) -> Run:
    """The run that answers: done already, or made ready to be trained from where it stopped.

    Raises:
        Refused: another process is at it.
    """
    with store.store_lock():
        run = store.find(question.run_id)
        if run is None:
            run = store.create(question.run_id, question.config, question.given)
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
