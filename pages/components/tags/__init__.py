"""A sentence is tagged while it is typed: the browser has the network, and nothing is sent."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from core.inference import sentences
from core.runs.store import Run
from core.tasks.sequence_tasks import VOCABULARY
from core.tasks.tagging import HELD_OUT
from pages.components.component import component
from pages.server.run_files import run_file_url


class Example(NamedTuple):
    """A sentence that shows something."""

    title: str
    text: str


FILES = {
    "weights": "model.safetensors",
    "vocabulary": VOCABULARY,
    "heldOut": HELD_OUT,
}
"""What the browser needs of a run."""


def tags(
    *,
    key: str,
    run: Run,
    examples: Sequence[Example],
    titles: Mapping[str, str],
    confusion: Sequence[Sequence[float]],
    total: int,
) -> None:
    """Draw the field, the tags of what is typed, and what the network does with other sentences.

    What is typed and chosen stands in the address; the browser writes it there.

    Args:
        run: a finished tagger.
        examples: to press; the first stands there at first.
        titles: what tags are called in full.
        confusion: counts on all held-out words, a row a tag.
        total: how many these are.

    Raises:
        LabError: the run is no tagger, or damaged.
    """
    _component(
        key=key,
        data={
            "files": {
                key: run_file_url(run, name) if (run.path / name).is_file() else ""
                for key, name in FILES.items()
            },
            "network": sentences.known(run),
            "examples": [one._asdict() for one in examples],
            "titles": dict(titles),
            "confusion": [list(row) for row in confusion],
            "total": total,
        },
    )


_component = component("tags")
