"""Readable names of runs and data sets."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from core import data
from core.data import CORRUPTIONS
from core.data.set_pairs import BLEND, SKETCH
from core.dreaming.config import ATLAS, targets
from core.dreaming.starting_pictures import MADE, NOISE, OWN
from core.foundations.regressions import POINTS
from core.inference.codes import PIXELS
from core.models.backbones import BACKBONES
from core.projection.methods import PROJECTING
from core.registry import family
from core.runs import store
from core.runs.store import Run
from core.tasks.translation import TRANSLATION

PICTURES = {
    "china": "A palace in China",
    "flower": "A flower",
    NOISE: "Noise",
    MADE: "Drawn by the lab",
    OWN: "Your picture",
}
"""Titles of the pictures that dreams begin with."""
IN_TITLE = {"latent", "beta", "start_from", "target", "source_class", "target_class"}
"""Settings that stand in the title of a network, where they are special."""
MAX_DIFFERENCES, MAX_VALUE = 3, 32
"""Settings that a name has at most, and characters of a value in it."""


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """A name for each run by its id: its network or method, its data, and what differs from the
    default settings.

    Where two would be the same, the end of their id stands behind; shipped runs keep their names
    whatever else is there.
    """
    names = {run.id: _name(run) for run in runs}
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


def without_set(name: str, run: Run) -> str:
    """A run's name without its data set, for tables and charts of one data set."""
    return name.replace(f" · {dataset_title(run.spec().dataset)}", "", 1)


def setting_value(key: str, value: Any) -> str:
    """The value of a setting in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return VALUES[key](value) if key in VALUES else str(value)


def source_name(source: str) -> str:
    """What the codes of a map are of: pixels, a pretrained network, or one of a run."""
    if source == PIXELS:
        return "raw pixels"
    if source in BACKBONES:
        return f"features of {BACKBONES[source].title}"
    run = store.find(source)
    return "a deleted network" if run is None else _network(run)


def dataset_title(name: str) -> str:
    """The title of a data set, of a picture to dream on, or of the points of a regression."""
    if title := PICTURES.get(name) or POINTS.get(name):
        return title
    known = data.known(name)
    return f"{name.rpartition('-')[0] or name} (deleted)" if known is None else known.title


def pair_titles(run: Run) -> tuple[str, str]:
    """The titles of the two sets that a translation goes between."""
    spec = run.spec()
    target = str(spec.config["target"])
    drawn = {SKETCH: "Pencil sketches", BLEND: f"{dataset_title(spec.dataset)} over photographs"}
    sets = (
        (dataset_title(spec.dataset), spec.config["source_class"]),
        (
            drawn.get(target) or dataset_title(target),
            spec.config["target_class"],
        ),
    )
    first, second = (f"{title}, {of_class}" if of_class else title for title, of_class in sets)
    return (first, second) if first != second else (f"{first} (1)", f"{second} (2)")


def class_title(dataset: str, label: int) -> str:
    """The name of a class; its number where the data set is not here any more."""
    known = data.known(dataset)
    classes = () if known is None else known.classes
    return classes[label] if 0 <= label < len(classes) else str(label)


def layer_title(name: str) -> str:
    """The title of a layer of a pretrained network."""
    if name.isdigit():
        return f"Layer {name}"
    return name.capitalize().replace("Blocks.", "Stage ")


VALUES: dict[str, Callable[[str], str]] = {
    "source": source_name,
    "start_from": lambda run_id: source_name(run_id) if run_id else "New weights",
    "corruption": lambda name: CORRUPTIONS[name].title,
    "backbone": lambda name: BACKBONES[name].title,
    "backbones": lambda names: " + ".join(BACKBONES[name].title for name in names.split("+")),
}
"""The title of a value, by the name of its setting; the others are titles themselves."""


def _name(run: Run) -> str:
    of = " ↔ ".join(pair_titles(run)) if _translates(run) else dataset_title(run.spec().dataset)
    parts = [_title(run), of]
    if not run.shipped and (differences := _differences(run)):
        parts.append(differences)
    return " · ".join(parts)


def _differences(run: Run) -> str:
    """The settings of a run that are not their variant's defaults, but for those in its title."""
    spec = run.spec()
    of = family(spec.task)
    if of is PROJECTING:
        return ""  # all of them stand in its title
    usual, fields = of.config(spec.variant).model_dump(), of.config_class.model_fields
    parts = []
    for key, value in spec.config.items():
        if key in IN_TITLE or value == usual.get(key, value) or value == "mixed":
            continue
        title, words = (fields[key].title or key).lower(), setting_value(key, value)
        if isinstance(value, bool):
            parts.append(title if value else f"not {title}")
        else:
            short = words if len(words) <= MAX_VALUE else f"{words[: MAX_VALUE - 1]}…"
            parts.append(f"{title} {short.replace('*', '×')}")
    more = len(parts) - MAX_DIFFERENCES
    return ", ".join(parts[:MAX_DIFFERENCES] + ([f"{more} more"] if more > 0 else []))


def _title(run: Run) -> str:
    return _map(run) if run.spec().task == PROJECTING.name else _network(run)


def _translates(run: Run) -> bool:
    return run.spec().task == TRANSLATION.name


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
    if spec.variant == ATLAS:
        drawn = [layer_title(t.layer) for t in targets(str(spec.config["layers"]))]
        title = f"{title}, {drawn[0].lower()}" + (f" to {drawn[-1].lower()}" if drawn[1:] else "")
    if _translates(run) and spec.config["cycle"] != family(spec.task).config(spec.variant).cycle:
        title = f"{title}, cycle weight {spec.config['cycle']:g}"
    if spec.config.get("corruption") == "mixed":
        title = f"{title}, any corruption"
    tuned = spec.config.get("start_from") and not family(spec.task).variant(spec.variant).starts
    return f"{title}, tuned" if tuned else title
