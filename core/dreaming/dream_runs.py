"""Dreams: asked for, made, measured."""

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
from core.dreaming.recipes import Recipe, signed
from core.dreaming.starting_pictures import NOISE, Picture, fitted, pixels_in
from core.dreaming.variants import DREAMING
from core.errors import LabError, RunBroken
from core.images import contact_sheet, to_png
from core.models import backbones
from core.models.pretrained import folded
from core.runs import store
from core.runs.schema import DataSpec, RunRequest, RunSpec, Status
from core.runs.store import Run
from core.settings import settings
from core.training.run_context import Listener, Work, carry_out, describe

PREVIEW_EVERY = 0.5
"""Seconds between two pictures of what there is so far."""
STAGE = 256
"""Pixels of a stage's longer side as it is kept."""
TILE, QUALITY = 64, 80
"""Pixels of a channel's picture in an atlas as it is kept, and its WebP quality."""
COLUMNS = 16
"""Channels in a row of an atlas."""


# ---- asking


def make_request(
    variant: str,
    picture: Picture | None,
    values: Mapping[str, Any] | None = None,
    guide: Tensor | None = None,
    mask: Tensor | None = None,
) -> RunRequest:
    """Validate a question for a dream and name its run. Nothing is written.

    Args:
        picture: what to dream on; not heeded where a dream begins with noise.
        guide: uint8 (3, H, W), whose features the picture is to take on; sets the measure.
        mask: uint8 (H, W), white where to dream; in any size.

    Raises:
        UnknownName, LabError: an unknown name, a value out of bounds, no picture.
        DataMissing: the network's weights are not here and cannot be fetched.
    """
    if guide is not None:
        values = {**(values or {}), "measure": "guide"}
    config = DREAMING.config(variant, values)
    check_targets(config)
    if config.measure == "guide" and guide is None:
        raise LabError("Bring a guide picture, or choose another measure.")
    chosen = backbones.backbone(config.backbone)
    if not chosen.here() and settings().downloads == "off":
        chosen.weights(lambda text, share: None)  # says that it is not here
    given: dict[str, Tensor] = {}
    source = NOISE
    if DREAMING.begins_with_a_picture(variant):
        if picture is None:
            raise LabError("Choose a picture to dream on.")
        source = picture.source
        given["picture"] = fitted(picture.pixels, config.side)
        if mask is not None:
            given["mask"] = _over(mask, given["picture"])
    if guide is not None:
        given["guide"] = fitted(guide, GUIDE_SIDE)
    prints = [f"{name} {_print(pixels)}" for name, pixels in given.items()]
    shape = given["picture"].shape if "picture" in given else (3, config.side, config.side)
    name, changed = DREAMING.identity(variant, config)
    return RunRequest(
        run_id=store.run_id(DREAMING.kind, name, source, changed, prints),
        config=RunSpec(
            task=DREAMING.name,
            variant=variant,
            dataset=source,
            config=config.model_dump(),
            data=DataSpec(
                fingerprint=_print(given["picture"]) if "picture" in given else "",
                n_train=0,
                n_test=1,
                shape=tuple(shape),
            ),
            private=guide is not None or mask is not None or bool(picture and picture.private),
        ),
        given={f"{name}.png": _png(pixels) for name, pixels in given.items()},
    )


def ask_again(recipe: Recipe, picture: Picture | None, guide: Tensor | None = None) -> RunRequest:
    """The question that a recipe answers.

    Raises:
        LabError: the picture or the guide is another than it was made with; as `ask`.
    """
    drawn = recipe.drawn()
    mask = None if drawn is None else pixels_in(images.decode(drawn, "mask"))[0]
    if recipe.guide and guide is None:
        raise LabError("This dream had a guide picture: bring it too.")
    question = make_request(
        recipe.variant, picture, recipe.config, guide if recipe.guide else None, mask
    )
    if recipe.picture and question.config.data.fingerprint != recipe.picture:
        raise LabError("This recipe was made with another picture: bring that one.")
    if recipe.guide and guide is not None and _print(fitted(guide, GUIDE_SIDE)) != recipe.guide:
        raise LabError("This recipe was made with another guide picture: bring that one.")
    return question


def _over(mask: Tensor, picture: Tensor) -> Tensor:
    """A mask (1, H, W) in the size of the picture."""
    size = list(picture.shape[1:])
    found = F.interpolate(mask[None, None].float(), size, mode="bilinear", antialias=True)
    return found[0].round().byte()


def _print(pixels: Tensor) -> str:
    digest = hashlib.sha256(str(tuple(pixels.shape)).encode())
    digest.update(pixels.contiguous().numpy().data)
    return digest.hexdigest()


def _small(stage: Tensor) -> Tensor:
    """A stage (3, H, W) as it is kept: for a strip."""
    scale = STAGE / max(stage.shape[1:])
    size = tuple(round(side * scale) for side in stage.shape[1:])
    return ascent.resized(stage[None], size)[0] if scale < 1 else stage


def _png(pixels: Tensor) -> bytes:
    return to_png(contact_sheet(pixels[None], 1))


# ---- making


def dream(run: Run, listener: Listener = lambda status: None) -> Status:
    """Make a dream to its end; one that is done stays as it is.

    Raises:
        Refused: another process is at it.
    """
    return carry_out(run, lambda work: _dream(run, work), listener)


def config_of(run: Run) -> DreamConfig:
    """The run's settings, validated again. Raises RunBroken; LabError when it is no dream."""
    spec = run.spec()
    if spec.task != DREAMING.name:
        raise LabError(f"{run.id} is no dream.")
    try:
        return DREAMING.config(spec.variant, spec.config)
    except LabError as error:
        raise RunBroken(f"The settings of {run.id} are not valid: {error}") from error


def scene_of(run: Run, tick: Callable[[], None] = lambda: None) -> Scene:
    """What the run begins with. Raises RunBroken, DataMissing."""
    config = config_of(run)
    wants_head = any(t.layer == CLASSES for t in targets(config.layers))
    plain = {name: _given(run, f"{name}.png") for name in ("picture", "mask", "guide")}
    nothing = torch.full((3, 1, 1), 0.5)
    return Scene(
        nothing if plain["picture"] is None else plain["picture"],
        folded(backbones.load(config.backbone)),
        None if plain["mask"] is None else plain["mask"][0],
        plain["guide"],
        backbones.load_head(config.backbone) if wants_head else None,
        tick,
    )


def _given(run: Run, name: str) -> Tensor | None:
    """A file of the run as (C, H, W) in [0, 1]; None without one. Raises RunBroken."""
    path = run.path / name
    if not path.exists():
        return None
    return pixels_of(run, name).float() / 255


def pixels_of(run: Run, name: str) -> Tensor:
    """A picture of the run, uint8 (C, H, W). Raises RunBroken."""
    try:
        return pixels_in(Image.open(io.BytesIO((run.path / name).read_bytes())))
    except Exception as error:  # whatever the parser makes of a damaged file
        raise RunBroken(f"The run {run.id} has no {name} that can be read: dream anew.") from error


def _dream(run: Run, work: Work) -> None:
    torch.set_num_threads(settings().torch_threads)
    spec, config = run.spec(), config_of(run)
    work.report("reading the network", state="running", error="")
    chosen = backbones.backbone(config.backbone)
    if not chosen.here():
        chosen.weights(lambda text, share: work.check(f"fetching {text}", done=0.0))
    watch = _Watch(run, work)
    scene = scene_of(run, watch.tick)
    began = time.monotonic()
    found = DREAMING.maker(spec.variant)(scene, config, watch)
    seconds = time.monotonic() - began
    work.report("writing the picture", done=1.0)
    recipe = recipe_of(run)
    if spec.variant == ATLAS:
        for name, sheet in found.stages:
            files.write_bytes(run.path / f"channels-{name}.webp", _sheet(sheet))
    else:
        for number, (_, stage) in enumerate(found.stages, 1):
            run.write_sample(number, _png(_small(stage)))
        files.write_bytes(run.path / "dream.png", signed(_png(found.picture), recipe))
    if found.film is not None:
        files.write_bytes(run.path / "film.mp4", to_mp4(found.film, config.fps))
    run.write_history(found.history or [{"epoch": 0}])
    run.write_metrics(
        {
            **_measured(scene, config, found, spec.variant),
            "stages": [name for name, _ in found.stages],
            "remarks": found.remarks,
            "seconds": round(seconds, 2),
            "first_preview": round(watch.first, 2),
            "device": describe(torch.device("cpu")),
        }
    )
    (run.path / "preview.png").unlink(missing_ok=True)


class _Watch:
    """Hears each step of a dream: asks whether to stop, and shows what there is so far."""

    def __init__(self, run: Run, work: Work) -> None:
        self.run, self.work, self.stage = run, work, "looking"
        self.began = self.shown = self.first = 0.0

    def tick(self) -> None:
        """Before each look."""
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
    """What the run is made with. Raises RunBroken."""
    spec = run.spec()
    guide = run.path / "guide.png"
    mask = run.path / "mask.png"
    return Recipe(
        variant=spec.variant,
        source=spec.dataset,
        config=spec.config,
        picture=spec.data.fingerprint,
        guide=_print(pixels_of(run, "guide.png")) if guide.exists() else "",
        mask=base64.b64encode(mask.read_bytes()).decode("ascii") if mask.exists() else "",
    )


def _sheet(pictures: Tensor) -> bytes:
    """An atlas of a layer's channels (N, 3, side, side): one WebP."""
    small = F.interpolate(pictures, (TILE, TILE), mode="area")
    file = io.BytesIO()
    sheet = Image.fromarray(contact_sheet(small, COLUMNS, gap=0, fill=0))
    sheet.save(file, "WEBP", quality=QUALITY, method=6)
    return file.getvalue()


# ---- measuring


def _measured(scene: Scene, config: DreamConfig, found: Dream, variant: str) -> dict[str, Any]:
    """The objective before and after, of the unshifted picture as it is kept."""
    if variant == ATLAS:
        return {}
    pixels = (found.picture * 255).round() / 255
    figures = {"objective": _objective(scene, config, pixels)}
    if DREAMING.begins_with_a_picture(variant):
        figures["objective_before"] = _objective(scene, config, scene.picture)
    return figures


def _objective(scene: Scene, config: DreamConfig, picture: Tensor) -> float:
    return round(ascent.gradient(Objective(scene, config), picture[None], config.tile)[1], 4)


def evaluate(run: Run, check: Check = silent) -> dict[str, Any]:
    """Measure a finished dream again; nothing is written. Raises RunBroken, DataMissing."""
    config, variant = config_of(run), run.spec().variant
    check("looking")
    scene = scene_of(run)
    picture = pixels_of(run, "dream.png").float() / 255
    return _measured(scene, config, Dream(picture, [], [], []), variant)
