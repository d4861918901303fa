"""The command line, `python -m core`: what the pages do, without a browser."""

import argparse
import sys
from collections.abc import Callable, Sequence

from core.cli import (
    clean_command,
    complete_command,
    data_commands,
    descend_command,
    differentiate_command,
    diffusion_commands,
    dream_command,
    forecast_command,
    inspect_command,
    latent_commands,
    predict_command,
    project_command,
    run_commands,
    tag_command,
    train_command,
    translate_command,
)
from core.cli.output import CANCELLED, FAILED, print_error
from core.errors import DISK_FULL, LabError, disk_is_full

COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "data": ("list, fetch and add data sets", data_commands.data_parser),
    "train": ("train a network, or find it trained", train_command.train_parser),
    "evaluate": ("measure a finished run again", run_commands.evaluate_parser),
    "runs": ("list the runs and their figures", run_commands.runs_parser),
    "export": ("write a run's network as ONNX", run_commands.export_parser),
    "sample": ("draw new pictures with a network that can", latent_commands.sample_parser),
    "fill": ("draw what is missing of a picture", diffusion_commands.fill_parser),
    "translate": (
        "show a picture as if it were of another set",
        translate_command.translate_parser,
    ),
    "project": ("lay a data set out as a map", project_command.project_parser),
    "dream": ("let a network grow what it sees in a picture", dream_command.dream_parser),
    "descend": ("let a regression learn, step by step", descend_command.descend_parser),
    "differentiate": (
        "an expression step by step, with its gradients",
        differentiate_command.differentiate_parser,
    ),
    "inspect": ("list the layers of a network", inspect_command.inspect_parser),
    "forecast": ("say what follows on a series", forecast_command.forecast_parser),
    "predict": ("say what pictures are of", predict_command.predict_parser),
    "complete": ("go on with a text, word by word", complete_command.complete_parser),
    "tag": ("say what part of speech each word of a text is", tag_command.tag_parser),
    "clean": ("remove old pictures of people, and leftovers", clean_command.clean_parser),
    "encode": ("write the codes of pictures as a table", latent_commands.encode_parser),
}
"""Each command with what it does and what adds its flags, `command` among the defaults."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code. Raises SystemExit for help and wrong usage."""
    args = parser().parse_args(argv)
    try:
        code: int = args.command(args)
        return code
    except LabError as error:
        return print_error(str(error))
    except OSError as error:
        if disk_is_full(error):
            return print_error(DISK_FULL, FAILED)
        return print_error(
            f"{error.filename or 'A file'} cannot be used: {error.strerror or error}."
        )
    except KeyboardInterrupt:
        return print_error("Cancelled.", CANCELLED)


def parser() -> argparse.ArgumentParser:
    """All commands with their flags."""
    made = argparse.ArgumentParser(prog="python -m core", description=__doc__)
    commands = made.add_subparsers(required=True, metavar="COMMAND")
    for name, (summary, add_flags) in COMMANDS.items():
        add_flags(commands.add_parser(name, help=summary))
    return made


if __name__ == "__main__":
    sys.exit(main())
