"""What hangs on the wall: the best run of each network on each data set, with its sheets."""

from core.health import verdict
from core.images import data_url
from core.runs import Run
from core.tasks.adversarial import ADVERSARIAL
from pages.ui import cached
from pages.ui.assets import sheet_url
from pages.ui.names import dataset_title
from pages.ui.wall import Card, Sheet


def hung(models: list[Run]) -> list[Run]:
    """The best run of each network and data set, in the order of the networks."""
    found: dict[tuple[str, str], Run] = {}
    for run in models:  # the best first
        asked = run.config()
        found.setdefault((asked.variant, asked.dataset), run)
    order = list(ADVERSARIAL.variants)
    return [found[k] for k in sorted(found, key=lambda k: order.index(k[0]))]


def cards(shown: list[Run]) -> list[Card]:
    """Those that kept sheets."""
    return [card for run in shown if (card := _card(run)) is not None]


def measured(shown: list[Run]) -> str:
    """What the figures on the wall are of."""
    counts = {int(h.n) for run in shown for h in cached.healths(run).values()}
    extractors = {str(run.metrics().get("extractor", "")) for run in shown} - {""}
    if not counts:
        return ""
    return (
        f"FID after each epoch, of {max(counts):,} samples against as many test images, in "
        f"features of {', '.join(sorted(extractors))}; comparable within one extractor. Click on a "
        "network to take it apart."
    )


def _card(run: Run) -> Card | None:
    asked, said = run.config(), {}
    for epoch, found in cached.healths(run).items():
        said[epoch] = (f"FID {found.fid:,.0f}", verdict(found).state)
    samples = run.samples()
    if not samples:
        return None
    last = max(samples)  # seen first: it does not wait for a request behind the app's own files
    urls = {e: sheet_url(run, e) for e in samples} | {last: data_url(samples[last].read_bytes())}
    sheets = [Sheet(e, url, *said.get(e, ("", ""))) for e, url in urls.items()]
    title = ADVERSARIAL.variant(asked.variant).title
    return Card(
        run.id,
        title,
        f"{dataset_title(asked.dataset)}, {asked.config['epochs']} epochs",
        f"Samples of {title} on {dataset_title(asked.dataset)}",
        sheets,
    )
