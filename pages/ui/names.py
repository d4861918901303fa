"""Readable names of runs and data sets."""

from core import data
from core.runs import Run
from core.tasks import task


def model_names(runs: list[Run]) -> dict[str, str]:
    """A name for each run: its network, what is special about it, and its data set.

    Where two would be the same, the end of their id stands behind.
    """
    plain = {run.id: f"{_network(run)} · {dataset_title(run.config().dataset)}" for run in runs}
    twice = {n for n in plain.values() if list(plain.values()).count(n) > 1}
    return {i: f"{n} · {i[-8:]}" if n in twice else n for i, n in plain.items()}


def dataset_title(name: str) -> str:
    """The title of a data set; the name of one that is not here any more."""
    return data.info(name).title if name in data.names() else name


def class_title(dataset: str, label: int) -> str:
    """The name of a class; its number where the data set is not here any more."""
    classes = data.info(dataset).classes if dataset in data.names() else ()
    return classes[label] if 0 <= label < len(classes) else str(label)


def _network(run: Run) -> str:
    asked = run.config()
    title = task(asked.task).variant(asked.variant).title
    if latent := asked.config.get("latent"):
        title = f"{title}, {latent} numbers"
    if (beta := asked.config.get("beta", 1)) != 1:
        title = f"{title}, β = {beta:g}"
    return f"{title}, tuned" if asked.config.get("start_from") else title
