"""Dreams as runs: their requests, computation and evaluation."""

import base64
import hashlib
import io
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from core import files, images
from core.cancellation import Check, silent
from core.dreaming import ascent
from core.dreaming.config import (
    ATLAS,
    CLASSES,
    Dream,
    DreamConfig,
    Scene,
    check_targets,
    targets,
)
from core.dreaming.films import to_mp4
from core.dreaming.objectives import GUIDE_SIDE, Objective
from core.dreaming.recipes import Recipe, with_recipe
from core.dreaming.starting_pictures import NOISE, Picture, fitted, to_pixels
from core.dreaming.variants import DREAMING
from core.errors import LabError, RunBroken
from core.images import contact_sheet, to_png, to_sheet, to_webp
from core.models import backbones
from core.models.pretrained import folded
from core.runs import store
from core.runs.schema import DataSpec, RunRequest, RunSpec
from core.runs.store import Run
from core.settings import settings
from core.training.run_context import Work, describe

PREVIEW_EVERY = 0.5
"""Seconds between two previews."""
STAGE_SIDE = 256
"""Longer side in pixels of a saved stage."""
TILE_SIDE, WEBP_QUALITY = 64, 80
"""Side in pixels of a channel's picture in a saved atlas, and its WebP quality."""
ATLAS_COLUMNS = 16
"""Number of channels in a row of an atlas."""


# ---- requests


def make_request(
    variant: str,
    picture: Picture | None,
    values: Mapping[str, Any] | None = None,
    guide: Tensor | None = None,
    mask: Tensor | None = None,
) -> RunRequest:
    """Validate a request for a dream and name its run. Nothing is written.

    Args:
        picture: what to dream on; ignored by variants that start from noise.
        guide: uint8 (3, H, W), whose features are the target; sets the measure.
        mask: uint8 (H, W), white where to dream; in any size.

    Raises:
        UnknownName, LabError: an unknown name, a value out of bounds, no picture.
        DataMissing: the network's weights are not here and cannot be fetched.
    """
    if guide is not None:
        values = {**(values or {}), "measure": "guide"}
    config = DREAMING.config(variant, values)
    check_targets(config, each=variant == ATLAS)
    if config.measure == "guide" and guide is None:
        raise LabError("Bring a guide picture, or choose another measure.")
    backbone = backbones.backbone(config.backbone)
    if not backbone.here() and settings().downloads == "off":
        backbone.weights(lambda text, share: None)  # raises the sentence that it is not here
    inputs: dict[str, Tensor] = {}
    source = NOISE
    if DREAMING.needs_picture(variant):
        if picture is None:
            raise LabError("Choose a picture to dream on.")
        source = picture.source
        inputs["picture"] = fitted(picture.pixels, config.side)
        if mask is not None:
            inputs["mask"] = _resized_mask(mask, inputs["picture"])
    if guide is not None:
        inputs["guide"] = fitted(guide, GUIDE_SIDE)
    fingerprints = [f"{name} {_fingerprint(pixels)}" for name, pixels in inputs.items()]
    shape = inputs["picture"].shape if "picture" in inputs else (3, config.side, config.side)
    name, changed = DREAMING.identity(variant, config)
    return RunRequest(
        run_id=store.run_id(DREAMING.kind, name, source, changed, fingerprints),
        config=RunSpec(
            task=DREAMING.name,
            variant=variant,
            dataset=source,
            config=config.model_dump(),
            data=DataSpec(
                fingerprint=_fingerprint(inputs["picture"]) if "picture" in inputs else "",
                n_train=0,
                n_test=1,
                shape=tuple(shape),
            ),
            private=guide is not None or mask is not None or bool(picture and picture.private),
        ),
        given={f"{name}.png": _png(pixels) for name, pixels in inputs.items()},
    )


def request_again(
    recipe: Recipe, picture: Picture | None, guide: Tensor | None = None
) -> RunRequest:
    """Return the request that a recipe describes.

    Raises:
        LabError: the picture or the guide is another than that of the recipe; as
            `make_request`.
    """
    mask_png = recipe.mask_png()
    mask = None if mask_png is None else to_pixels(images.decode(mask_png, "mask"))[0]
    if recipe.guide and guide is None:
        raise LabError("This dream had a guide picture: bring it too.")
    request = make_request(
        recipe.variant, picture, recipe.config, guide if recipe.guide else None, mask
    )
    if recipe.picture and request.config.data.fingerprint != recipe.picture:
        raise LabError("This recipe was made with another picture: bring that one.")
    if (
        recipe.guide
        and guide is not None
        and _fingerprint(fitted(guide, GUIDE_SIDE)) != recipe.guide
    ):
        raise LabError("This recipe was made with another guide picture: bring that one.")
    return request


def _resized_mask(mask: Tensor, picture: Tensor) -> Tensor:
    """Resize a mask to (1, H, W) in the size of the picture."""
    size = list(picture.shape[1:])
    resized = F.interpolate(mask[None, None].float(), size, mode="bilinear", antialias=True)
    return resized[0].round().byte()


def _fingerprint(pixels: Tensor) -> str:
    digest = hashlib.sha256(str(tuple(pixels.shape)).encode())
    digest.update(pixels.contiguous().numpy().data)
    return digest.hexdigest()


def _thumbnail(stage: Tensor) -> Tensor:
    """Shrink a stage (3, H, W) to `STAGE_SIDE`."""
    scale = STAGE_SIDE / max(stage.shape[1:])
    size = tuple(round(side * scale) for side in stage.shape[1:])
    return ascent.resized(stage[None], size)[0] if scale < 1 else stage


def _png(pixels: Tensor) -> bytes:
    return to_png(contact_sheet(pixels[None], 1))


# ---- computation


def scene_of(run: Run, tick: Callable[[], None] = lambda: None) -> Scene:
    """Load the inputs of the run. Raises RunBroken, DataMissing."""
    config = DREAMING.config_of(run)
    wants_head = any(t.layer == CLASSES for t in targets(config.layers))
    plain = {name: _input(run, f"{name}.png") for name in ("picture", "mask", "guide")}
    nothing = torch.full((3, 1, 1), 0.5)
    return Scene(
        nothing if plain["picture"] is None else plain["picture"],
        folded(backbones.load(config.backbone)),
        None if plain["mask"] is None else plain["mask"][0],
        plain["guide"],
        backbones.load_head(config.backbone) if wants_head else None,
        tick,
    )


def _input(run: Run, name: str) -> Tensor | None:
    """Load an input of the run as (C, H, W) in [0, 1], or None. Raises RunBroken."""
    path = run.path / name
    if not path.exists():
        return None
    return pixels_of(run, name).float() / 255


def pixels_of(run: Run, name: str) -> Tensor:
    """Load a picture of the run, uint8 (C, H, W). Raises RunBroken."""
    try:
        return to_pixels(Image.open(io.BytesIO((run.path / name).read_bytes())))
    except Exception as error:  # whatever the parser makes of a damaged file
        raise RunBroken(f"The run {run.id} has no {name} that can be read: dream anew.") from error


def dream(run: Run, work: Work) -> None:
    """Compute the dream of a run, keep it, and measure it."""
    torch.set_num_threads(settings().torch_threads)
    spec, config = run.spec(), DREAMING.config_of(run)
    work.report("reading the network", state="running", error="")
    chosen = backbones.backbone(config.backbone)
    if not chosen.here():
        chosen.weights(lambda text, share: work.check(f"fetching {text}", done=0.0))
    progress = _Progress(run, work)
    scene = scene_of(run, progress.tick)
    began = time.monotonic()
    dreamt: Dream = DREAMING.variant(spec.variant).build(scene, config, progress)
    seconds = time.monotonic() - began
    work.report("writing the picture", done=1.0)
    recipe = recipe_of(run)
    if spec.variant == ATLAS:
        for name, sheet in dreamt.stages:
            files.write_bytes(run.path / f"channels-{name}.webp", _sheet(sheet))
    else:
        for number, (_, stage) in enumerate(dreamt.stages, 1):
            run.write_sample(number, to_sheet(contact_sheet(_thumbnail(stage)[None], 1)))
        files.write_bytes(run.path / "dream.png", with_recipe(_png(dreamt.picture), recipe))
    if dreamt.film is not None:
        files.write_bytes(run.path / "film.mp4", to_mp4(dreamt.film, config.fps))
    run.write_history(dreamt.history or [{"epoch": 0}])
    run.write_metrics(
        {
            **_measured(scene, config, dreamt, spec.variant),
            "stages": [name for name, _ in dreamt.stages],
            "remarks": dreamt.remarks,
            "seconds": round(seconds, 2),
            "first_preview": round(progress.first, 2),
            "device": describe(torch.device("cpu")),
        }
    )
    (run.path / "preview.png").unlink(missing_ok=True)


class _Progress:
    """The progress callback of a dream: checks for cancellation, and writes previews."""

    def __init__(self, run: Run, work: Work) -> None:
        self.run, self.work, self.stage = run, work, "starting"
        self.began = self.shown = self.first = 0.0

    def tick(self) -> None:
        """Check for cancellation before each forward pass."""
        self.began = self.began or time.monotonic()
        self.work.check(self.stage)

    def __call__(
        self, stage: str, picture: Callable[[], Tensor] | None = None, **progress: Any
    ) -> None:
        now, self.stage = time.monotonic(), stage
        if picture is not None and now - self.shown >= PREVIEW_EVERY:
            files.write_bytes(self.run.path / "preview.png", _png(picture()), durable=False)
            self.first = self.first or time.monotonic() - self.began
            self.shown = time.monotonic()
        done = progress.get("done") or 0.0
        left = (now - self.began) * (1 - done) / done if done else None
        self.work.check(stage, eta=None if left is None else round(left, 1), **progress)


def recipe_of(run: Run) -> Recipe:
    """Return the recipe of the run. Raises RunBroken."""
    spec = run.spec()
    guide = run.path / "guide.png"
    mask = run.path / "mask.png"
    return Recipe(
        variant=spec.variant,
        source=spec.dataset,
        config=spec.config,
        picture=spec.data.fingerprint,
        guide=_fingerprint(pixels_of(run, "guide.png")) if guide.exists() else "",
        mask=base64.b64encode(mask.read_bytes()).decode("ascii") if mask.exists() else "",
    )


def _sheet(pictures: Tensor) -> bytes:
    """Encode the channels' pictures of a layer (N, 3, side, side) as one WebP."""
    small = F.interpolate(pictures, (TILE_SIDE, TILE_SIDE), mode="area")
    return to_webp(contact_sheet(small, ATLAS_COLUMNS, gap=0, fill=0), WEBP_QUALITY, method=6)


# ---- evaluation


def _measured(scene: Scene, config: DreamConfig, dreamt: Dream, variant: str) -> dict[str, Any]:
    """Measure the objective before and after, on the unshifted picture as it is saved."""
    if variant == ATLAS:
        return {}
    pixels = (dreamt.picture * 255).round() / 255
    figures = {"objective": _objective(scene, config, pixels)}
    if DREAMING.needs_picture(variant):
        figures["objective_before"] = _objective(scene, config, scene.picture)
    return figures


def _objective(scene: Scene, config: DreamConfig, picture: Tensor) -> float:
    return round(ascent.gradient(Objective(scene, config), picture[None], config.tile)[1], 4)


def evaluate(run: Run, check: Check = silent) -> dict[str, Any]:
    """Measure a finished dream again; nothing is written. Raises RunBroken, DataMissing."""
    config, variant = DREAMING.config_of(run), run.spec().variant
    check("measuring")
    scene = scene_of(run)
    picture = pixels_of(run, "dream.png").float() / 255
    return _measured(scene, config, Dream(picture, [], [], []), variant)
