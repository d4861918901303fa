"""Dreams as runs: pictures from outside, questions, recipes, cancelling, measuring."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from core.dreaming import dream_runs, dream_time, films, recipes, responses
from core.dreaming.config import Target
from core.dreaming.dream_runs import make_request, request_again
from core.dreaming.recipes import PNG_KEY, Recipe
from core.dreaming.starting_pictures import Picture, fitted, sample, uploaded
from core.dreaming.variants import DREAMING
from core.errors import BadUpload, DataMissing, LabError, RunBroken, UnknownName
from core.execution import carry_out
from core.images import to_png
from core.jobs import queue
from core.models import backbones
from core.runs import store
from core.runs.schema import Status
from core.runs.store import Run
from core.settings import settings

SMALL: dict[str, Any] = {"side": 64, "steps": 2, "octaves": 2}


def created(variant: str = "deep", values: dict[str, Any] | None = None, **more: Any) -> Run:
    picture = more.pop("picture", sample("flower"))
    question = make_request(variant, picture, {**SMALL, **(values or {})}, **more)
    return store.find(question.run_id) or store.create(
        question.run_id, question.config, question.given
    )


def dreamt(variant: str = "deep", values: dict[str, Any] | None = None, **more: Any) -> Run:
    run = created(variant, values, **more)
    status = carry_out(run)
    assert status.state == "done", status.error
    return run


@pytest.fixture(autouse=True)
def one_thread(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")
    settings.cache_clear()


def encoded(array: np.ndarray, form: str = "PNG", mode: str | None = None, **more: Any) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)
    image.save(file, form, **more)
    return file.getvalue()


# ---- pictures from outside

GRAIN = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
FRAMES = [Image.fromarray(GRAIN), Image.fromarray(GRAIN[::-1].copy())]


def animated() -> bytes:
    file = io.BytesIO()
    FRAMES[0].save(file, "GIF", save_all=True, append_images=FRAMES[1:])
    return file.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        lambda: encoded(GRAIN[:1, :1]),
        lambda: encoded(GRAIN[..., 0].astype(np.uint16) * 256),
        lambda: encoded(np.dstack([GRAIN, GRAIN[..., :1] * 0 + 99])),
        animated,
        lambda: encoded(GRAIN[:1].repeat(40, 1)),
    ],
    ids=["one pixel", "16 bits", "transparent", "animated", "a line"],
)
def test_any_picture_can_be_dreamt_on(make: Callable[[], bytes]) -> None:
    picture = uploaded(make(), "odd")
    run = dreamt(values={"steps": 1}, picture=picture)
    result = dream_runs.pixels_of(run, "dream.png")
    assert result.shape[0] == 3 and max(result.shape[1:]) == 64 and min(result.shape[1:]) >= 32


def test_a_huge_or_broken_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_LAB_MAX_IMAGE_PIXELS", "1000")
    settings.cache_clear()
    with pytest.raises(BadUpload, match="million pixels"):
        uploaded(encoded(GRAIN), "huge")
    with pytest.raises(BadUpload):
        uploaded(b"\x89PNG no picture", "broken")


def test_pictures_are_fitted_and_slim_ones_cut() -> None:
    pixels = torch.zeros(3, 300, 600, dtype=torch.uint8)
    assert fitted(pixels, 512).shape == (3, 256, 512)
    assert fitted(pixels[:, :, :1], 512).shape == (3, 512, 64)
    assert fitted(pixels[:1], 64).shape == (1, 32, 64)
    same = torch.zeros(3, 40, 64, dtype=torch.uint8)
    assert fitted(same, 64) is not None and torch.equal(fitted(same, 64), same)


def test_samples_are_known_by_name() -> None:
    assert sample("china").pixels.shape[0] == 3
    assert torch.equal(sample("noise").pixels, sample("noise").pixels)
    with pytest.raises(LabError, match="china"):
        sample("mars")


# ---- questions


def test_the_same_question_is_the_same_run_and_another_picture_another() -> None:
    one, same = (
        make_request("deep", sample("flower"), SMALL),
        make_request("deep", sample("flower"), SMALL),
    )
    other = make_request("deep", sample("china"), SMALL)
    seeded = make_request("deep", sample("flower"), {**SMALL, "seed": 1})
    mask = torch.zeros(10, 10, dtype=torch.uint8)
    masked = make_request("deep", sample("flower"), SMALL, mask=mask)
    guided = make_request("deep", sample("flower"), SMALL, guide=sample("china").pixels)
    ids = {q.run_id for q in (one, other, seeded, masked, guided)}
    assert one.run_id == same.run_id and len(ids) == 5
    assert one.run_id.startswith("dream-deep-flower-")
    assert set(guided.given) == {"picture.png", "guide.png"}
    assert guided.config.config["measure"] == "guide"


def test_what_is_made_of_somebodys_own_is_theirs() -> None:
    own = uploaded(encoded(GRAIN), "mine.png")
    mask = torch.zeros(10, 10, dtype=torch.uint8)
    assert make_request("deep", own, SMALL).config.private
    assert make_request("deep", sample("flower"), SMALL, mask=mask).config.private
    assert make_request("deep", Picture("made", own.pixels, private=True), SMALL).config.private
    assert not make_request("deep", sample("flower"), SMALL).config.private
    assert not make_request("visualise", None, {"side": 64}).config.private


@pytest.mark.parametrize(
    ("variant", "values", "error"),
    [
        ("deep", {"layers": "blocks.9"}, UnknownName),
        ("deep", {"octaves": 0}, LabError),
        ("deep", {"side": 4096}, LabError),
        ("deep", {"measure": "guide"}, LabError),
        ("deep", {"frames": 9}, LabError),
        ("classic", {"shift": 9}, LabError),
        ("deeper", {}, UnknownName),
    ],
)
def test_questions_that_cannot_be_answered(
    variant: str, values: dict[str, Any], error: type[LabError]
) -> None:
    with pytest.raises(error):
        make_request(variant, sample("flower"), values)


def test_a_picture_is_needed() -> None:
    with pytest.raises(LabError, match="picture"):
        make_request("deep", None, SMALL)


def test_published_weights_without_a_network_are_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATENT_LAB_DOWNLOADS", "off")
    settings.cache_clear()
    with pytest.raises(DataMissing, match="always here"):
        make_request("classic", sample("flower"))


def test_dreams_wait_in_the_quick_lane() -> None:
    assert queue.lane(created()) == "quick"


# ---- making


@pytest.mark.parametrize("variant", [n for n in DREAMING.variants if n != "atlas"])
def test_every_kind_leaves_a_picture_with_its_recipe(variant: str) -> None:
    more = {"deep": {}, "classic": {"backbone": "lite0", "layers": "blocks.4"},
            "visualise": {}, "zoom": {"frames": 3}}[variant]  # fmt: skip
    values = {"side": 64, "steps": 6 if variant == "visualise" else 2, **more}
    question = make_request(variant, sample("flower"), values)
    run = store.create(question.run_id, question.config, question.given)
    heard: list[Status] = []
    assert carry_out(run, heard.append).state == "done"
    content = (run.path / "dream.png").read_bytes()
    recipe = recipes.read(content)
    assert recipe.variant == variant and recipe.config == run.spec().config
    assert list(run.samples()) == list(range(1, len(run.metrics()["stages"]) + 1))
    assert not (run.path / "preview.png").exists() and heard[-1].state == "done"
    assert run.history()["epoch"].is_monotonic_increasing
    measured = dream_runs.evaluate(run)
    assert measured["objective"] == pytest.approx(run.metrics()["objective"], rel=1e-4)
    again = request_again(recipe, sample("flower"))
    assert again.run_id == run.id


def test_the_film_of_a_zoom_can_be_played() -> None:
    run = dreamt("zoom", {"frames": 3, "steps": 1, "octaves": 1, "side": 65})
    with av.open(str(run.path / "film.mp4")) as film:
        assert film.streams.video[0].codec_context.name == "h264"
    frames = films.frames(run.path / "film.mp4")
    assert len(frames) == 3 and frames.shape[3] == 64
    first = dream_runs.pixels_of(run, str(run.samples()[1]))[:, : frames.shape[2], :64]
    assert float((frames[0].float() - first).abs().mean()) < 12
    with Image.open(io.BytesIO(films.gif(run.path / "film.mp4", 10))) as moving:
        assert moving.n_frames == 3 and moving.size == (64, frames.shape[2])
    (run.path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(RunBroken):
        films.gif(run.path / "film.mp4", 10)


def test_the_atlas_leaves_a_sheet_a_layer() -> None:
    question = make_request("atlas", None, {"side": 48, "steps": 1, "layers": "blocks.0"})
    run = store.create(question.run_id, question.config, question.given)
    assert carry_out(run).state == "done"
    with Image.open(run.path / "channels-blocks.0.webp") as sheet:
        assert sheet.size == (16 * dream_runs.TILE_SIDE, dream_runs.TILE_SIDE)
    assert "channels-blocks.0.webp" in run.archive().decode("latin-1")


def test_cancelled_in_the_middle_it_leaves_nothing_and_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = created(values={"steps": 50})
    monkeypatch.setattr("core.training.run_context.REPORT_EVERY", 0.0)

    def listen(status: Status) -> None:
        if status.state == "running" and status.epoch > 3:
            run.request_cancel()

    assert carry_out(run, listen).state == "cancelled"
    assert not (run.path / "dream.png").exists()
    assert carry_out(run).state == "done"
    assert torch.equal(
        dream_runs.pixels_of(run, "dream.png"),
        dream_runs.pixels_of(dreamt(values={"steps": 50}), "dream.png"),
    )


def test_a_preview_is_there_while_it_is_dreamt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dream_runs, "PREVIEW_EVERY", 0.0)
    monkeypatch.setattr("core.training.run_context.REPORT_EVERY", 0.0)
    run, seen = created(), []

    def listen(status: Status) -> None:
        if status.stage.startswith("octave"):
            seen.append(dream_runs.pixels_of(run, "preview.png").shape)

    assert carry_out(run, listen).state == "done"
    assert seen and set(seen) == {dream_runs.pixels_of(run, "picture.png").shape}


def test_a_damaged_picture_is_said() -> None:
    run = created()
    (run.path / "picture.png").write_bytes(b"no")
    status = carry_out(run)
    assert status.state == "failed" and "dream anew" in status.error
    with pytest.raises(RunBroken):
        dream_runs.evaluate(run)


# ---- recipes


def test_a_recipe_gives_the_same_bytes_elsewhere(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = torch.zeros(20, 30, dtype=torch.uint8)
    mask[:10] = 255
    guide = sample("china").pixels
    content = (dreamt(mask=mask, guide=guide).path / "dream.png").read_bytes()
    monkeypatch.setenv("LATENT_LAB_CHECKPOINTS", str(lab / "elsewhere"))
    settings.cache_clear()
    question = request_again(recipes.read(content), sample("flower"), guide)
    run = store.create(question.run_id, question.config, question.given)
    assert carry_out(run).state == "done"
    assert (run.path / "dream.png").read_bytes() == content


def test_a_recipe_knows_its_pictures() -> None:
    guide = sample("china").pixels
    recipe = dream_runs.recipe_of(created(guide=guide))
    with pytest.raises(LabError, match="another picture"):
        request_again(recipe, sample("china"), guide)
    with pytest.raises(LabError, match="another guide"):
        request_again(recipe, sample("flower"), sample("flower").pixels)
    with pytest.raises(LabError, match="bring it too"):
        request_again(recipe, sample("flower"))


def noted(text: str) -> bytes:
    note = PngImagePlugin.PngInfo()
    note.add_itxt(PNG_KEY, text, zip=True)
    return encoded(GRAIN, pnginfo=note)


GOOD = {"variant": "deep", "source": "own", "config": {"side": 64}}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        encoded(GRAIN),
        encoded(GRAIN, "JPEG"),
        noted("{"),
        noted("[]"),
        noted(json.dumps({**GOOD, "more": 1})),
        noted(json.dumps({**GOOD, "variant": "none"})),
        noted(json.dumps({**GOOD, "config": {"side": 10**9}})),
        noted(json.dumps({**GOOD, "mask": "€"})),
        noted(json.dumps({**GOOD, "mask": "A" * 500_000})),
    ],
)
def test_what_is_no_recipe_is_refused(content: bytes) -> None:
    with pytest.raises(LabError):
        recipes.read(content, "from <b>outside</b>.png")


def test_a_recipe_is_read_from_its_note() -> None:
    assert recipes.read(noted(json.dumps(GOOD))).settings().side == 64
    drawn = base64.b64encode(to_png(np.zeros((3, 3), np.uint8))).decode()
    recipe = Recipe.model_validate({**GOOD, "mask": drawn})
    signed = recipes.with_recipe(encoded(GRAIN), recipe)
    assert recipes.read(signed) == recipe
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(signed))), GRAIN)


# ---- what networks say


def test_a_palace_is_read_and_where_a_layer_answers_is_shown() -> None:
    net, head = backbones.load("lite0"), backbones.load_head("lite0")
    pixels = sample("china").pixels
    read = responses.read(net, head, pixels)
    assert read[0][0] == "palace" and [p for _, p in read] == sorted((p for _, p in read))[::-1]
    for target in (Target("blocks.4"), Target("blocks.2", 3)):
        where = responses.activity(net, pixels, target)
        assert where is not None and where.shape == pixels.shape[1:] and float(where.min()) >= 0
    assert responses.activity(net, pixels, Target("classes", 3)) is None


def test_an_estimate_grows_with_the_work() -> None:
    def estimate(variant: str, **values: object) -> dream_time.Span:
        config = DREAMING.config(variant, {"side": 256, **values})
        return dream_time.estimate(variant, config, (256, 200), probe=lambda *_: 1e-6)

    few, more, film = estimate("deep"), estimate("deep", steps=40), estimate("zoom", frames=10)
    assert 0 < few.least < more.least < film.least
    assert 0 < few.most < more.most < film.most
    assert estimate("visualise").least > 0


def test_an_estimate_is_learnt_from_finished_dreams(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the probe took: it is no longer asked when a dream of the kind has ended."""
    monkeypatch.setenv("LATENT_LAB_THREADS", "2")
    settings.cache_clear()
    wrong = 1.0  # a probe beside which others worked

    def finished(seconds: float, device: str = "cpu, 2 threads", **values: object) -> store.Run:
        asked = dream_runs.make_request("deep", sample("flower"), {"side": 256, **values})
        run = store.create(asked.run_id, asked.config, asked.given)
        run.write_metrics({"seconds": seconds, "device": device})
        run.update(state="done")
        return run

    def estimate(*done: store.Run, **values: object) -> dream_time.Span:
        config = DREAMING.config("deep", {"side": 256, **values})
        height, width = dream_runs.make_request(
            "deep", sample("flower"), {"side": 256}
        ).config.data.shape[1:]
        return dream_time.estimate("deep", config, (height, width), done, lambda *_: wrong)

    assert estimate().most > 1000
    quick, slow = finished(4.0, seed=1), finished(6.0, seed=2)
    result = estimate(quick, slow)
    assert 2 < result.least <= 4 and 6 <= result.most < 9
    assert estimate(quick).most < 6
    wider = estimate(quick, layers="blocks.2")
    assert wider.least < estimate(quick).least and wider.most > estimate(quick).most
    for other in (finished(4.0, "cpu, 8 threads", seed=3), finished(0.0, seed=4)):
        assert estimate(other) == estimate()  # made elsewhere, or told nothing
    assert estimate(quick, backbone="lite1") == estimate(backbone="lite1")


def test_a_probe_changes_nothing_that_others_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "set_num_threads", lambda n: pytest.fail("threads were set"))
    before = torch.get_rng_state()
    first = dream_time.seconds_a_pixel("lite0", "stem")
    assert 0 < dream_time.seconds_a_pixel("lite0", "stem") <= first
    assert torch.equal(before, torch.get_rng_state())
