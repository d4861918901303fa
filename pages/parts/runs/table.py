"""The table of runs: the state and the figures of each."""

from typing import Any

from core.errors import LabError
from core.jobs import queue
from core.registry import checked, family
from core.runs.store import Run
from pages.server.visitor import who
from pages.ui.figure_tables import Column
from pages.ui.names import dataset_title
from pages.ui.proportions import interval

COLUMNS = {
    "PSNR": Column(
        "%.2f dB",
        "Peak signal-to-noise ratio: 6 dB more is a quarter of the squared error. Of a denoiser, "
        "at strength 0.5 of its own corruption; else of the reconstruction.",
    ),
    "SSIM": Column("%.3f", "Structural similarity, 1 for identical pictures. At strength 0.5."),
    "Neg. ELBO": Column(
        "%.1f",
        "Negative evidence lower bound (ELBO) at β = 1, in nats (1 nat is 1.44 bits); the lower "
        "the better. Of p(x), of a class-conditional model of p(x | class), with a Bernoulli "
        "likelihood.",
    ),
    "Fréchet": Column(
        "%.1f",
        "Fréchet distance of a GAN's samples to the test images, in the features of our own "
        "classifier of the data set; data sets do not compare.",
    ),
    "Floor": Column("%.1f", "That distance of real training images."),
    "Accuracy": Column("percent", "Of a classifier, on the test images."),
    "95 % interval": Column(
        "", "Of the accuracy: what the choice of the test images leaves open (Wilson 1927)."
    ),
    "Trust": Column(
        "%.3f",
        "Trustworthiness of a map: 1 when no strangers became neighbours. Comparable between maps "
        "of the same codes only.",
    ),
    "Images/s": Column("localized"),
}


def row(run: Run) -> dict[str, Any]:
    """The row of a run in the table; a damaged run has an error message instead of figures."""
    try:
        spec, status = checked(run), run.status()
        return {
            "Run": run.id,
            "State": "shipped" if run.shipped else status.state,
            "Network": family(spec.task).variant(spec.variant).title,
            "Data": dataset_title(spec.dataset),
            **_figures(run),
        }
    except LabError as error:
        return {"Run": run.id, "State": "damaged", "Network": str(error)}


def _figures(run: Run) -> dict[str, Any]:
    """The figures of a run that its table has."""
    metrics = run.metrics()
    measured = {"accuracy", "n_test"} <= metrics.keys()
    return {
        "PSNR": metrics.get("psnr"),
        "SSIM": metrics.get("ssim"),
        "Neg. ELBO": metrics.get("negative_elbo"),
        "Fréchet": metrics.get("fid") if metrics.get("classes") else None,
        "Floor": metrics.get("floor"),
        "Accuracy": metrics.get("accuracy"),
        "95 % interval": interval(metrics["accuracy"], metrics["n_test"]) if measured else None,
        "Trust": metrics.get("trustworthiness"),
        "Epochs": run.spec().config.get("epochs"),
        "Images/s": metrics.get("images_per_second"),
        "Yours": queue.mine(run, who()),
    }
