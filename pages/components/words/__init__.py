"""Words: what comes next while one types, and a network that learns a text; all in the browser."""

from core.runs.store import Run
from core.tasks.sequence_tasks import VOCABULARY
from pages.components.component import component
from pages.server.run_files import run_file_url

TYPED = {True: "The old man said that he", False: "so gazed"}
"""What stands there at first: before a network that reads on and on, and before the text's."""
ABOUT = {True: "Monday", False: "beauty's"}
"""Words whose neighbours are shown at first."""


def predictor(run: Run, recurrent: bool, *, key: str) -> None:
    """Type words into a finished network.

    What is typed, the temperature and the seed stand in the address.

    Args:
        recurrent: whether it reads on and on, or some words before each.
        key: of the component.
    """
    data = {
        "bench": "words",
        "name": f"Type words into {run.id}",
        "weights": run_file_url(run, "model.safetensors"),
        "vocabulary": run_file_url(run, VOCABULARY),
        "typed": TYPED[recurrent],
        "about": ABOUT[recurrent],
    }
    _component(key=key, data=data)


def learner(text: str, *, key: str) -> None:
    """Let the text's network learn a text, which one may change, and type into it.

    Args:
        text: what is learnt at first.
        key: of the component.
    """
    data = {
        "bench": "own",
        "name": "A network that learns a text",
        "weights": None,
        "text": text,
        "typed": TYPED[False],
        "about": ABOUT[False],
    }
    _component(key=key, data=data)


_component = component("words")
