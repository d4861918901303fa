"""The only `st.cache_*` of the lab: models, data and lists, shared by all sessions and bounded.

Nothing that is returned here is ever changed, trained or put into another mode.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pandas as pd
import streamlit as st
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core import data, jobs, neighbours, runs
from core.data import Images
from core.errors import LabError
from core.health import Extractor, Health
from core.inference import clusters, curves, denoising, encoding, gans, latent, maps
from core.inference.browser import pack
from core.inference.clusters import Clusters
from core.inference.directions import Direction, attribute_directions, principal_directions
from core.inference.encoding import Codes
from core.inference.explain import Losses, top_losses
from core.inference.finished import finished
from core.inference.inversion import Inversion, invert
from core.inference.maps import LatentMap
from core.models.autoencoders import Autoencoder
from core.models.gans import GAN
from core.models.transfer import Transfer
from core.runs import Run
from core.tasks import TASKS, load_model
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.transfer import TRANSFER, TransferConfig
from core.training import folds, prospects
from core.training.asking import judge, test_images, train_images
from core.training.folds import Scores
from core.training.prospects import Estimate, Sweep
from pages.ui.visitor import who

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture


MOST_TAUGHT = 2000
"""Training pictures that an upload is compared with."""
REAL = 10_000
"""Real images that samples are held against: all with all of 60,000 takes a minute."""


@st.cache_resource(max_entries=32, show_spinner="Loading the model")
def _model(run_id: str, version: int) -> nn.Module:
    return load_model(runs.open_run(run_id))


def model(run: Run) -> nn.Module:
    """A finished run's network, for inference."""
    return _model(run.id, run.version())


@st.cache_resource(max_entries=64, show_spinner="Reading the images")
def test_pictures(dataset: str, first: int, count: int) -> Images:
    """Test images as denoisers take them."""
    return denoising.test_pictures(dataset, first, count)


@st.cache_resource(ttl=2, max_entries=8, show_spinner=False)
def _finished(task_name: str) -> list[Run]:
    return finished(task_name)


def models(task_name: str) -> list[Run]:
    """Finished runs that this visitor may see, the best first; at most two seconds old."""
    return [run for run in _finished(task_name) if jobs.visible(run, who())]


def forget_models() -> None:
    """Look again at once: one has just been trained."""
    _finished.clear()


def autoencoder(run: Run) -> Autoencoder:
    """A finished autoencoding run's network."""
    return cast(Autoencoder, model(run))


@st.cache_data(max_entries=32, show_spinner=False)
def _refusal(run_id: str, version: int) -> str | None:
    try:
        pack(cast(Autoencoder, _model(run_id, version)))
    except LabError as error:
        return str(error)
    return None


def browser_refusal(run: Run) -> str | None:
    """Why a browser cannot run the decoder of a run, as a sentence; None if it can."""
    return _refusal(run.id, run.version())


@st.cache_resource(max_entries=4, show_spinner="Reading the images")
def digits(dataset: str) -> Images:
    """The whole test split as autoencoders take it."""
    return latent.test_images(dataset)


@st.cache_resource(max_entries=16, show_spinner="Encoding the test images")
def _codes(run_id: str, version: int, dataset: str) -> Tensor:
    run = runs.open_run(run_id)
    images = digits(dataset)
    return latent.encode(autoencoder(run), images.pixels, images.labels)


def codes(run: Run, dataset: str) -> Tensor:
    """The codes of a whole test split."""
    return _codes(run.id, run.version(), dataset)


@st.cache_resource(max_entries=16, show_spinner="Fitting the mixture")
def _mixture(run_id: str, version: int, dataset: str, components: int) -> "GaussianMixture":
    return latent.fit_mixture(_codes(run_id, version, dataset), components)


def mixture(run: Run, dataset: str, components: int) -> "GaussianMixture":
    """Gaussians fitted to the codes of a test split."""
    return _mixture(run.id, run.version(), dataset, components)


# ---- maps

CLUSTERINGS: dict[str, Callable[[Tensor, int], Clusters]] = {
    "k-means": clusters.kmeans,
    "HDBSCAN": clusters.hdbscan,
}


@st.cache_resource(max_entries=16, show_spinner="Opening the map")
def _map(run_id: str, version: int) -> LatentMap:
    return maps.open_map(runs.open_run(run_id))


def latent_map(run: Run) -> LatentMap:
    """A finished map."""
    return _map(run.id, run.version())


@st.cache_resource(max_entries=4, show_spinner="Encoding the images")
def _map_codes(run_id: str, version: int) -> Codes:
    found = _map(run_id, version)
    config = found.config
    images = encoding.chosen_images(found.run.config().dataset, config.split, found.ids)
    return encoding.encode(config.source, images)


def map_codes(found: LatentMap) -> Codes:
    """The codes of a map's points, and the images as their source sees them."""
    return _map_codes(found.run.id, found.run.version())


def map_labels(found: LatentMap) -> Tensor:
    """The class of each point in the data set, -1 where there is none."""
    return data.load(found.run.config().dataset, found.config.split).labels[found.ids]


@st.cache_resource(max_entries=8, show_spinner="Drawing the images again")
def _map_error(run_id: str, version: int) -> Tensor | None:
    found = _map(run_id, version)
    return encoding.reconstruction_error(found.config.source, _map_codes(run_id, version))


def map_error(found: LatentMap) -> Tensor | None:
    """The reconstruction error of each point; None where its source draws nothing."""
    return _map_error(found.run.id, found.run.version())


@st.cache_resource(max_entries=16, show_spinner="Looking for clusters")
def _clusters(run_id: str, version: int, method: str, on_map: bool, size: int) -> Clusters:
    found = _map(run_id, version)
    space = found.points if on_map else _map_codes(run_id, version).values
    return CLUSTERINGS[method](space, size)


def map_clusters(found: LatentMap, method: str, on_map: bool, size: int) -> Clusters:
    """Clusters of a map's points, on the map or among the codes."""
    return _clusters(found.run.id, found.run.version(), method, on_map, size)


@st.cache_data(max_entries=4, show_spinner="Writing the table")
def _map_table(run_id: str, version: int) -> pd.DataFrame:
    found = _map(run_id, version)
    codes = _map_codes(run_id, version)
    return maps.table(found, codes, _map_error(run_id, version))


def map_table(found: LatentMap) -> pd.DataFrame:
    """A row a point: its code, class, number, error and place."""
    return _map_table(found.run.id, found.run.version())


@st.cache_data(max_entries=64, show_spinner=False)
def stability(chosen: tuple[tuple[str, int], ...]) -> float:
    """The share of neighbours that points keep from one map, (id, version), to another."""
    return neighbours.stability([_map(*one).points for one in chosen], maps.NEIGHBOURS)


def encoders() -> list[Run]:
    """Finished runs that this visitor may see whose networks put images into codes."""
    return [run for name, one in TASKS.items() if one.encodes for run in models(name)]


# ---- generators


def generator(run: Run) -> GAN:
    """A finished GAN."""
    return cast(GAN, model(run))


@st.cache_resource(max_entries=8, show_spinner="Loading the classifier")
def _extractor(run_id: str, version: int) -> Extractor:
    found = judge(runs.open_run(run_id))
    return Extractor(found.model, found.name) if found else Extractor()


def extractor(run: Run) -> Extractor:
    """What a GAN's samples are compared with data in."""
    return _extractor(run.id, run.version())


@st.cache_resource(max_entries=16, show_spinner="Looking for directions")
def _principal(run_id: str, version: int) -> list[Direction]:
    return principal_directions(cast(GAN, _model(run_id, version)))


@st.cache_resource(max_entries=16, show_spinner="Measuring what changes with what")
def _attributes(run_id: str, version: int) -> list[Direction]:
    asked = runs.open_run(run_id).config()
    classes = data.info(asked.dataset).classes if asked.dataset in data.names() else ()
    found = cast(GAN, _model(run_id, version))
    return attribute_directions(found, _extractor(run_id, version), classes)


def directions(run: Run, kind: str) -> list[Direction]:
    """A generator's "principal" or "attribute" directions."""
    return (_principal if kind == "principal" else _attributes)(run.id, run.version())


@st.cache_resource(max_entries=4, show_spinner="Reading the real images")
def real_images(dataset: str, variant: str) -> tuple[Images, str]:
    """Real images as a GAN draws them, and of which split: those of training where they are here.

    Raises:
        DataMissing: neither split is on this machine.
    """
    split: data.Split = "train" if "train" in data.available(dataset) else "test"
    return ADVERSARIAL.prepare(variant, data.load(dataset, split).first(REAL)), split


@st.cache_resource(max_entries=4, show_spinner="Comparing the real images with each other")
def _known(run_id: str, version: int) -> gans.Known:
    asked = runs.open_run(run_id).config()
    images, _ = real_images(asked.dataset, asked.variant)
    return gans.known_images(images, _extractor(run_id, version))


def known_images(run: Run) -> gans.Known:
    """The features of `real_images`."""
    return _known(run.id, run.version())


@st.cache_resource(max_entries=32, show_spinner="Searching: eight starts, 200 steps")
def _inversion(
    run_id: str, version: int, wanted: NDArray[np.float32], label: int | None
) -> Inversion:
    return invert(cast(GAN, _model(run_id, version)), torch.from_numpy(wanted), label)


def inversion(run: Run, wanted: Tensor, label: int | None) -> Inversion:
    """The latent from which a generator draws a picture (1, C, H, W) in [0, 1], or nearly."""
    return _inversion(run.id, run.version(), wanted.numpy(), label)


@st.cache_data(max_entries=64, show_spinner=False)
def _healths(run_id: str, version: int) -> dict[int, Health]:
    return curves.healths(runs.open_run(run_id).history())


def healths(run: Run) -> dict[int, Health]:
    """How a generator did after each epoch."""
    return _healths(run.id, run.version())


# ---- classifiers of photographs


class Taught(NamedTuple):
    """What a classifier was taught: the pictures, and their codes."""

    images: Images
    codes: Tensor


class Tested(NamedTuple):
    """Test pictures, and what a classifier makes of them."""

    images: Images
    losses: Losses


@st.cache_data(max_entries=16, show_spinner="Looking for copies")
def copies(dataset: str) -> data.Copies:
    """Pictures of a set that are there more than once."""
    splits: tuple[data.Split, ...] = ("train", "test")
    return data.copies({s: data.load(dataset, s) for s in splits})


def classifier(run: Run) -> Transfer:
    """A finished classifier of photographs."""
    return cast(Transfer, model(run))


@st.cache_resource(max_entries=4, show_spinner="Looking at the training pictures")
def _taught(run_id: str, version: int) -> Taught:
    images = train_images(runs.open_run(run_id)).first(MOST_TAUGHT)
    found = cast(Transfer, _model(run_id, version))
    return Taught(images, TRANSFER.codes(found, images))


def taught(run: Run) -> Taught:
    """The pictures that a classifier learnt from. Raises DataMissing."""
    return _taught(run.id, run.version())


@st.cache_resource(max_entries=4, show_spinner="Asking it about the test pictures")
def _tested(run_id: str, version: int) -> Tested:
    images = test_images(runs.open_run(run_id))
    return Tested(images, top_losses(cast(Transfer, _model(run_id, version)), images))


def tested(run: Run) -> Tested:
    """A classifier's answers to its test pictures. Raises DataMissing."""
    return _tested(run.id, run.version())


@st.cache_data(max_entries=16, show_spinner="Teaching heads anew, with other seeds")
def _repeated(run_id: str, version: int) -> Scores:
    p = folds.prepared(runs.open_run(run_id))
    return folds.with_few(p.model, p.variant, p.config, p.train, p.test, None)


def repeated(run: Run) -> Scores:
    """The same head with five seeds."""
    return _repeated(run.id, run.version())


@st.cache_data(max_entries=16, show_spinner="Teaching five heads, each without a fifth")
def _folded(run_id: str, version: int) -> Scores:
    p = folds.prepared(runs.open_run(run_id))
    both = Images(*(torch.cat(pair) for pair in zip(p.train, p.test, strict=True)))
    return folds.cross_validated(p.model, p.variant, p.config, both)


def folded(run: Run) -> Scores:
    """The same head, tested on each fifth of all pictures in turn."""
    return _folded(run.id, run.version())


@st.cache_data(max_entries=16, show_spinner="Teaching heads with fewer pictures")
def _with_few(run_id: str, version: int) -> dict[int, Scores]:
    p = folds.prepared(runs.open_run(run_id))
    return folds.curve(p)


def with_few(run: Run) -> dict[int, Scores]:
    """The same head, taught with fewer pictures of each class."""
    return _with_few(run.id, run.version())


@st.cache_data(ttl=60, max_entries=64, show_spinner="Estimating how long it will take")
def prospect(variant: str, dataset: str, backbones: str) -> Estimate:
    """How long a classifier's training will take. Raises LabError where it cannot be told."""
    config = TRANSFER.config(variant, {"backbones": backbones})
    return prospects.estimate(variant, cast(TransferConfig, config), dataset)


@st.cache_data(max_entries=16, show_spinner="Trying learning rates")
def _sweep(run_id: str, version: int) -> Sweep:
    p = folds.prepared(runs.open_run(run_id))
    return prospects.sweep(p.model, p.variant, p.config, p.train)


def sweep(run: Run) -> Sweep:
    """Learning rates tried on the run's pictures."""
    return _sweep(run.id, run.version())
