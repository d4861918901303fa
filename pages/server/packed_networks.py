"""Networks of finished runs, packed for browsers."""

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from core.errors import LabError
from pages.server.run_files import of_run

if TYPE_CHECKING:
    from core.runs.store import Run

N = TypeVar("N")


async def decoder(request: Request) -> Response:
    """A finished autoencoder's decoder or GAN's generator; `version` is for caches."""
    return await of_run(request, _packed, "There is no such decoder.")


async def network(request: Request) -> Response:
    """A finished classifier, if it is one that a browser can run."""
    return await of_run(request, _packed_classifier, "There is no such network.")


async def denoiser(request: Request) -> Response:
    """A finished diffusion's network, if it is one that a browser can run."""
    return await of_run(request, _packed_denoiser, "There is no such network.")


async def translator(request: Request) -> Response:
    """A finished translation's generators, if a browser can run them."""
    return await of_run(request, _packed_translator, "There is no such network.")


@lru_cache(maxsize=16)
def _packed(run_id: str, _version: int) -> bytes:
    from core.inference import browser_decoder
    from core.models.autoencoders import Autoencoder
    from core.models.gans import GAN

    kinds: tuple[type[Autoencoder | GAN], ...] = (Autoencoder, GAN)
    _, model = _loaded(run_id, kinds, "There is no such decoder.")
    return browser_decoder.pack_decoder(model)


@lru_cache(maxsize=8)
def _packed_classifier(run_id: str, _version: int) -> bytes:
    from core.inference import browser_classifier
    from core.models.convnets import Recogniser

    run, model = _loaded(run_id, (Recogniser,))
    return browser_classifier.pack_classifier(model, run.spec().data.shape)


@lru_cache(maxsize=8)
def _packed_denoiser(run_id: str, _version: int) -> bytes:
    from core.inference import browser_denoiser
    from core.models.denoising_nets import DiffusionNet
    from core.tasks.diffusion import DIFFUSION

    run, model = _loaded(run_id, (DiffusionNet,))
    process = DIFFUSION.variant(run.spec().variant).process
    return browser_denoiser.pack_denoiser(model, browser_denoiser.process_name(process))


@lru_cache(maxsize=8)
def _packed_translator(run_id: str, _version: int) -> bytes:
    from core.inference import browser_classifier
    from core.models.translation_nets import Translator

    _, model = _loaded(run_id, (Translator,))
    return browser_classifier.pack_translator(model)


def _loaded(
    run_id: str, kinds: tuple[type[N], ...], missing: str = "There is no such network."
) -> tuple["Run", N]:
    """A run with its network, if it is one of these. Raises LabError with `missing`."""
    from core import tasks
    from core.runs import store

    run = store.open_run(run_id)
    model = tasks.load_model(run)
    if not isinstance(model, kinds):
        raise LabError(missing)
    return run, model
