"""Readable names of runs and data sets."""

from collections import Counter
from collections.abc import Sequence

from core import data
from core.dreaming.starting_pictures import MADE, NOISE, OWN
from core.inference.codes import PIXELS
from core.projection.methods import PROJECTING
from core.registry import family
from core.runs import store
from core.runs.store import Run

PICTURES = {
    "china": "A palace in China",
    "flower": "A flower",
    NOISE: "Noise",
    MADE: "Drawn by the lab",
    OWN: "Your picture",
}
"""Titles of the pictures that dreams begin with."""


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """A name for each run by its id: its network or method, what is special about it, and its data.

    Where two would be the same, the end of their id stands behind; shipped runs keep their names
    whatever else is there.
    """
    names = {run.id: f"{_title(run)} · {dataset_title(run.spec().dataset)}" for run in runs}
    counts = Counter(names.values())
    shipped = Counter(names[run.id] for run in runs if run.shipped)

    def name(run: Run) -> str:
        plain = names[run.id]
        unique = (shipped if run.shipped else counts)[plain] == 1
        return plain if unique else f"{plain} · {run.id[-8:]}"

    return {run.id: name(run) for run in runs}


def run_name(run: Run) -> str:
    """The name of a single run."""
    return run_names([run])[run.id]


def source_name(source: str) -> str:
    """What the codes of a map are of: pixels, or a network."""
    if source == PIXELS:
        return "raw pixels"
    run = store.find(source)
    return "a deleted network" if run is None else _network(run)


def dataset_title(name: str) -> str:
    """The title of a data set, or of a picture to dream on."""
    if name in PICTURES:
        return PICTURES[name]
    known = data.known(name)
    return f"{name.rpartition('-')[0] or name} (deleted)" if known is None else known.title


def class_title(dataset: str, label: int) -> str:
    """The name of a class; its number where the data set is not here any more."""
    known = data.known(dataset)
    classes = () if known is None else known.classes
    return classes[label] if 0 <= label < len(classes) else str(label)


def _title(run: Run) -> str:
    return _map(run) if run.spec().task == PROJECTING.name else _network(run)


def _map(run: Run) -> str:
    spec = run.spec()
    variant, config = PROJECTING.variant(spec.variant), spec.config
    parts = [f"{variant.title} of {source_name(str(config['source']))}"]
    usual = PROJECTING.config(spec.variant).model_dump()
    forms = {
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
    parts += [form.format(config[k]) for k, form in forms.items() if config.get(k) != usual[k]]
    return ", ".join(parts)


def _network(run: Run) -> str:
    spec = run.spec()
    title = family(spec.task).variant(spec.variant).title
    if latent := spec.config.get("latent"):
        title = f"{title}, {latent} numbers"
    if (beta := spec.config.get("beta", 1)) != 1:
        title = f"{title}, β = {beta:g}"
    if spec.config.get("corruption") == "mixed":
        title = f"{title}, any corruption"
    return f"{title}, tuned" if spec.config.get("start_from") else title
