"""The wall of samples: the best run of each network on each data set, with its sheets."""

from collections.abc import Iterable

from core.images import data_url
from core.metrics.generative import DISTANCE, Health, verdict
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from pages.components.wall import Card, Sheet
from pages.server.run_files import sheet_url
from pages.ui import cached
from pages.ui import sample_health as health
from pages.ui.names import dataset_title


def best_runs(models: Iterable[Run]) -> list[Run]:
    """The best run of each network and data set, in the order of the networks."""
    best: dict[tuple[str, str], Run] = {}
    for run in models:  # the best first
        spec = run.spec()
        best.setdefault((spec.variant, spec.dataset), run)
    order = list(ADVERSARIAL.variants)
    return [best[k] for k in sorted(best, key=lambda k: order.index(k[0]))]


def cards(runs: list[Run]) -> list[Card]:
    """The cards of the runs that kept sample sheets."""
    return [card for run in runs if (card := _card(run)) is not None]


def measured(runs: list[Run]) -> str:
    """The note below the unfolded wall: on how many images its figures were measured."""
    counts = {(h.n, h.n_data) for run in runs if (h := health.read(run)) and h.classes}
    if not counts:
        return ""
    sizes = " or ".join(f"{n:,} samples against {data:,} test images" for n, data in sorted(counts))
    return (
        f"{DISTANCE}: of {sizes}. The floor is that of real training images. Distances of "
        "different data sets do not compare, and those of one put networks in order only where "
        f"they differ by more than a factor of three or so: Health says why."
    )


def _distance(run: Run, figures: Health) -> str:
    """The distance with its floor and whose features it is in; nothing for one in pixels."""
    if not figures.classes:
        return ""
    floor = "" if figures.floor is None else f", floor {figures.floor:,.1f}"
    features = f"features of our {dataset_title(run.spec().dataset)} classifier"
    return f"Fréchet distance {figures.fid:,.0f}{floor}, in {features}"


def _judged(run: Run, figures: Health) -> tuple[str, str, str]:
    """Figure, verdict and meaning below a sheet."""
    state = verdict(figures).state
    return _distance(run, figures), state, health.MEANINGS[state]


def _card(run: Run) -> Card | None:
    spec, captions = run.spec(), {}
    for epoch, figures in cached.healths(run).items():
        captions[epoch] = _judged(run, figures)
    samples = run.samples()
    if not samples:
        return None
    last = max(samples)
    if (final := health.read(run)) is not None:  # of the weights that are kept
        captions[last] = _judged(run, final)
    # The last is seen first: it does not wait for a request behind the app's own files.
    urls = {e: sheet_url(run, e) for e in samples} | {last: data_url(samples[last].read_bytes())}
    sheets = [Sheet(e, url, *captions.get(e, ())) for e, url in urls.items()]
    title = ADVERSARIAL.variant(spec.variant).title
    return Card(
        run.id,
        title,
        f"{dataset_title(spec.dataset)}, {spec.config['epochs']} epochs",
        f"Samples of {title} on {dataset_title(spec.dataset)}",
        sheets,
    )
