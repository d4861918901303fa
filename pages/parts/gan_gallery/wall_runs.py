"""What hangs on the wall: the best run of each network on each data set, with its sheets."""

from core.images import data_url
from core.metrics.generative import DISTANCE, Health, verdict
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from pages.components.wall import Card, Sheet
from pages.parts.gan_gallery import health
from pages.server.routes import sheet_url
from pages.ui import cached
from pages.ui.names import dataset_title


def hung(models: list[Run]) -> list[Run]:
    """The best run of each network and data set, in the order of the networks."""
    found: dict[tuple[str, str], Run] = {}
    for run in models:  # the best first
        spec = run.spec()
        found.setdefault((spec.variant, spec.dataset), run)
    order = list(ADVERSARIAL.variants)
    return [found[k] for k in sorted(found, key=lambda k: order.index(k[0]))]


def cards(shown: list[Run]) -> list[Card]:
    """Those that kept sheets."""
    return [card for run in shown if (card := _card(run)) is not None]


def measured(shown: list[Run]) -> str:
    """What the figures on the wall are of."""
    counts = {(h.n, h.n_data) for run in shown if (h := health.read(run)) and h.classes}
    click = "Click on a network to take it apart."
    if not counts:
        return click
    sizes = " or ".join(f"{n:,} samples against {data:,} test images" for n, data in sorted(counts))
    return (
        f"{DISTANCE}: of {sizes}. The floor is that of real training images. Distances of "
        "different data sets do not compare, and those of one put networks in order only where "
        f"they differ by more than a factor of three or so: Health says why. {click}"
    )


def _distance(run: Run, found: Health) -> str:
    """The distance with its floor and whose features it is in; nothing for one in pixels."""
    if not found.classes:
        return ""
    floor = "" if found.floor is None else f", floor {found.floor:,.1f}"
    features = f"features of our {dataset_title(run.spec().dataset)} classifier"
    return f"Fréchet distance {found.fid:,.0f}{floor}, in {features}"


def _card(run: Run) -> Card | None:
    spec, said = run.spec(), {}
    for epoch, found in cached.healths(run).items():
        said[epoch] = (_distance(run, found), verdict(found).state)
    samples = run.samples()
    if not samples:
        return None
    last = max(samples)
    if (end := health.read(run)) is not None:  # of the weights that are kept
        said[last] = (_distance(run, end), verdict(end).state)
    # The last is seen first: it does not wait for a request behind the app's own files.
    urls = {e: sheet_url(run, e) for e in samples} | {last: data_url(samples[last].read_bytes())}
    sheets = [Sheet(e, url, *said.get(e, ("", ""))) for e, url in urls.items()]
    title = ADVERSARIAL.variant(spec.variant).title
    return Card(
        run.id,
        title,
        f"{dataset_title(spec.dataset)}, {spec.config['epochs']} epochs",
        f"Samples of {title} on {dataset_title(spec.dataset)}",
        sheets,
    )
