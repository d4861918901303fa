"""Readable names of runs and data sets."""

from collections import Counter
from collections.abc import Callable

from core import data
from core.inference.codes import PIXELS
from core.projection.methods import PROJECTING
from core.registry import family
from core.runs import store
from core.runs.store import Run


def model_names(found: list[Run]) -> dict[str, str]:
    """A name for each run: its network, what is special about it, and its data set.

    Where two would be the same, the end of their id stands behind; shipped runs keep their names
    whatever else is there.
    """
    return _apart(found, lambda run: f"{_network(run)} · {dataset_title(run.spec().dataset)}")


def map_names(found: list[Run]) -> dict[str, str]:
    """A name for each map: its method, what it shows, and what is special about it."""
    return _apart(found, lambda run: f"{_map(run)} · {dataset_title(run.spec().dataset)}")


def _apart(found: list[Run], plain: Callable[[Run], str]) -> dict[str, str]:
    names = {run.id: plain(run) for run in found}
    often = Counter(names.values())
    shipped = Counter(names[run.id] for run in found if run.shipped)

    def name(run: Run) -> str:
        said = names[run.id]
        return f"{said} · {run.id[-8:]}" if (shipped if run.shipped else often)[said] > 1 else said

    return {run.id: name(run) for run in found}


def source_name(source: str) -> str:
    """What the codes of a map are of: pixels, or a network."""
    if source == PIXELS:
        return "raw pixels"
    run = store.find(source)
    return source if run is None else _network(run)


def dataset_title(name: str) -> str:
    """The title of a data set; the name of one that is not here any more."""
    found = data.known(name)
    return name if found is None else found.title


def class_title(dataset: str, label: int) -> str:
    """The name of a class; its number where the data set is not here any more."""
    found = data.known(dataset)
    classes = () if found is None else found.classes
    return classes[label] if 0 <= label < len(classes) else str(label)


def _map(run: Run) -> str:
    spec = run.spec()
    variant, config = PROJECTING.variant(spec.variant), spec.config
    parts = [f"{variant.title} of {source_name(str(config['source']))}"]
    usual = PROJECTING.config(spec.variant).model_dump()
    said = {
        "perplexity": "perplexity {:g}",
        "neighbours": "{} neighbours",
        "dimensions": "{}-D",
        "split": "{} images",
        "points": "{:,} points",
        "metric": "{}",
        "start": "{} start",
        "seed": "seed {}",
        "iterations": "{} iterations",
        "exaggeration": "exaggeration {:g}",
        "least_distance": "distance {:g}",
    }
    parts += [form.format(config[k]) for k, form in said.items() if config.get(k) != usual[k]]
    return ", ".join(parts)


def _network(run: Run) -> str:
    spec = run.spec()
    title = family(spec.task).variant(spec.variant).title
    if latent := spec.config.get("latent"):
        title = f"{title}, {latent} numbers"
    if (beta := spec.config.get("beta", 1)) != 1:
        title = f"{title}, β = {beta:g}"
    return f"{title}, tuned" if spec.config.get("start_from") else title
