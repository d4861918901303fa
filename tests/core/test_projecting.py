"""Maps: asked for, made, cancelled, measured, opened, added to; on real digits."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from torch import Tensor

from core import data
from core.data import Images
from core.errors import LabError, UnknownName
from core.execution import carry_out
from core.inference import codes as encoding
from core.inference import latent
from core.inference.codes import PIXELS
from core.metrics import neighbours
from core.projection import map_runs, maps, methods
from core.projection.maps import LatentMap
from core.projection.methods import PROJECTING, ProjectionConfig, principal
from core.registry import FAMILIES, family
from core.runs import store
from core.runs.query import finished
from core.runs.schema import Status
from core.runs.store import Run
from core.tasks import TASKS
from core.tasks.autoencoding import AUTOENCODING

QUICK = {"iterations": 60, "perplexity": 10, "points": 150}
MODEL = "autoencode-vae-mnist-dd3f87e3"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")


def made(variant: str, **values: Any) -> Run:
    """The finished map of the digits."""
    asked = map_runs.make_request(variant, "digits", values)
    with store.store_lock():
        run = store.create(asked.run_id, asked.config)
    status = carry_out(run)
    assert status.state == "done", status.error
    return run


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> LatentMap:
    """A t-SNE of all 360 digits' pixels, made once."""
    from core.settings import settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path_factory.mktemp("maps")))
        patch.setenv("LATENT_LAB_THREADS", "1")
        settings.cache_clear()
        result = maps.open_map(made("tsne", iterations=200, perplexity=20))
    settings.cache_clear()
    return result


def digits() -> Images:
    return data.load("digits", "test")


def pixels() -> Tensor:
    return encoding.encode(PIXELS, digits()).values


# ---- asking


def test_a_map_is_a_family_but_no_task() -> None:
    assert family("projecting") is PROJECTING
    assert set(FAMILIES) == {*TASKS, "projecting", "dreaming", "descending"}
    with pytest.raises(UnknownName, match=", ".join(FAMILIES)):
        family("painting")


@pytest.mark.parametrize("variant", PROJECTING.variants)
def test_a_method_keeps_the_contract_of_a_family(variant: str) -> None:
    entry, config = PROJECTING.variant(variant), PROJECTING.config(variant)
    assert entry.title and entry.summary.endswith(".") and entry.source and callable(entry.build)
    assert callable(PROJECTING.variant(variant).place)
    assert PROJECTING.changed(variant, config) == {}
    assert entry.fixed < set(ProjectionConfig.model_fields)
    for field in ProjectionConfig.model_fields.values():
        assert field.title and field.description, "the form is made from them"


def test_bounds_hold_and_methods_have_their_own_settings() -> None:
    for bad in ({"perplexity": 1}, {"dimensions": 4}, {"points": 2}, {"points": 10**6}):
        with pytest.raises(LabError, match=next(iter(bad))):
            map_runs.make_request("tsne", "digits", bad)
    with pytest.raises(LabError, match="PCA has no setting 'perplexity'"):
        map_runs.make_request("pca", "digits", {"perplexity": 5})


def test_the_same_question_is_the_same_map(lab: Path) -> None:
    first = map_runs.make_request("tsne", "digits").run_id
    assert map_runs.make_request("tsne", "digits", {"perplexity": 30, "seed": 0}).run_id == first
    others = ({"seed": 1}, {"points": 100}, {"split": "train"}, {"metric": "cosine"})
    assert len({first, *(map_runs.make_request("tsne", "digits", o).run_id for o in others)}) == 5
    assert map_runs.make_request("pca", "digits").run_id != first


def test_the_weights_of_the_source_are_part_of_the_question(lab: Path) -> None:
    other = next(r.id for r in finished(AUTOENCODING, "mnist") if r.id != MODEL)
    asked = [map_runs.make_request("pca", "mnist", {"source": s}) for s in (PIXELS, MODEL, other)]
    assert len({q.run_id for q in asked}) == 3
    assert asked[1].config.data.n_test == 10_000 and not asked[1].config.private


def test_what_cannot_be_mapped_is_refused(lab: Path) -> None:
    for source, sentence in (
        ("nothing", "no run called"),
        ("denoise-linear-mnist-dd3f87e3", "no codes to map"),
        ("../../etc", "no run called"),
    ):
        with pytest.raises(LabError, match=sentence):
            map_runs.make_request("tsne", "mnist", {"source": source})
    with pytest.raises(UnknownName):
        map_runs.make_request("tsne", "atlantis")


# ---- making


def test_a_map_has_what_a_run_has(laid_out: LatentMap) -> None:
    run = laid_out.run
    assert run.status().state == "done" and run.status().done == 1
    metrics = run.metrics()
    assert metrics["n_test"] == metrics["n_all"] == 360 and metrics["code_numbers"] == 784
    history = run.history()
    assert history["epoch"].is_monotonic_increasing and history["epoch"].max() == 200
    assert history["kl_divergence_loss"].iloc[-1] < history["kl_divergence_loss"].iloc[0]
    assert len(run.samples()) == 1
    assert laid_out.points.shape == (360, 2) and bool(torch.isfinite(laid_out.points).all())
    assert torch.equal(laid_out.ids, torch.arange(360))


def test_its_figures_are_those_of_the_points_that_are_shown(laid_out: LatentMap) -> None:
    metrics = laid_out.run.metrics()
    expected = trustworthiness(pixels().numpy(), laid_out.points.numpy(), n_neighbors=12)
    assert metrics["trustworthiness"] == pytest.approx(expected, abs=1e-4)
    assert metrics["trustworthiness"] > 0.95 and metrics["knn_accuracy_map"] > 0.85
    assert map_runs.evaluate(laid_out.run) == {
        k: metrics[k] for k in map_runs.evaluate(laid_out.run)
    }
    kept = neighbours.measure(pixels(), laid_out.points, digits().labels, 12).preserved
    assert torch.allclose(laid_out.preserved, kept, atol=1e-3)


def test_the_same_seed_gives_the_same_map(lab: Path) -> None:
    run = made("tsne", **QUICK)
    first = run.weights()
    run.delete()
    again = made("tsne", **QUICK).weights()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_another_seed_shows_the_same_points_elsewhere(lab: Path) -> None:
    first, other = (maps.open_map(made("tsne", **QUICK, seed=s, start="random")) for s in (0, 1))
    assert torch.equal(first.ids, other.ids) and len(first.ids) == 150
    assert not torch.allclose(first.points, other.points)
    assert first.run.metrics()["n_all"] == 360


def test_pca_is_scikit_learns(lab: Path) -> None:
    result = maps.open_map(made("pca", dimensions=3))
    reference = PCA(3).fit(pixels().numpy())
    theirs = reference.transform(pixels().numpy())
    signs = np.sign((theirs * result.points.numpy()).sum(0))
    assert np.abs(theirs * signs - result.points.numpy()).max() < 1e-3
    share = result.run.metrics()["explained_variance"]
    assert share == pytest.approx(reference.explained_variance_ratio_.sum(), abs=1e-4)
    with pytest.raises(LabError, match="nothing to replay"):
        maps.frames(result.run)
    assert not maps.has_frames(result)


def test_three_dimensions_and_cosine(lab: Path) -> None:
    result = maps.open_map(made("tsne", **QUICK, dimensions=3, metric="cosine"))
    assert result.points.shape == (150, 3)
    assert result.run.metrics()["trustworthiness"] > 0.8


@pytest.mark.parametrize("points", [8, 20])
def test_too_few_points_for_the_perplexity_is_a_sentence(lab: Path, points: int) -> None:
    asked = map_runs.make_request("tsne", "digits", {"points": points, "perplexity": 30})
    with store.store_lock():
        run = store.create(asked.run_id, asked.config)
    status = carry_out(run)
    assert status.state == "failed" and "Perplexity 30 needs 91 points or more" in status.error


def test_three_points_are_a_map(lab: Path) -> None:
    result = maps.open_map(made("pca", points=3))
    assert result.points.shape == (3, 2) and 0 <= result.run.metrics()["trustworthiness"] <= 1


@pytest.mark.parametrize("points", [3, 6, 7, 16])
def test_a_refused_number_is_told_with_one_that_can_be_asked_for(points: int) -> None:
    codes = torch.randn(points, 4, generator=torch.manual_seed(0))

    def watch(_: str, **__: Any) -> None:
        """Nobody looks."""

    with pytest.raises(LabError) as refused:
        methods.tsne(codes, ProjectionConfig(perplexity=30, iterations=50), watch)
    if points < 7:
        assert "needs 7 points at least" in str(refused.value)
        return
    least, most = map(int, re.findall(r"from (\d+) to (\d+)", str(refused.value))[0])
    for told in (least, most):
        result = methods.tsne(codes, ProjectionConfig(perplexity=told, iterations=50), watch)
        assert result.points.shape == (points, 2)


def test_umap_is_an_extra(lab: Path) -> None:
    pytest.importorskip("umap", reason="umap-learn is an extra")
    result = maps.open_map(made("umap", points=150))
    assert result.points.shape == (150, 2)


def test_without_umap_a_sentence_says_how_to_get_it(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "umap", None)
    asked = map_runs.make_request("umap", "digits")
    with store.store_lock():
        run = store.create(asked.run_id, asked.config)
    status = carry_out(run)
    assert status.state == "failed" and "pip install umap-learn" in status.error


def test_codes_that_are_all_the_same_are_a_sentence(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = Images(
        torch.zeros(30, 1, 28, 28, dtype=torch.uint8), torch.zeros(30, dtype=torch.int64)
    )
    monkeypatch.setattr(map_runs, "chosen_images", lambda *_: blank)
    asked = map_runs.make_request("pca", "digits", {"points": 30})
    with store.store_lock():
        run = store.create(asked.run_id, asked.config)
    assert "All codes are the same" in carry_out(run).error


def test_codes_that_are_no_numbers_are_a_sentence(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = encoding.Codes(torch.full((30, 5), torch.nan), digits().first(30))
    monkeypatch.setattr(map_runs, "encode", lambda *_: broken)
    asked = map_runs.make_request("pca", "digits", {"points": 30})
    with store.store_lock():
        run = store.create(asked.run_id, asked.config)
    status = carry_out(run)
    assert status.state == "failed" and "fault of ours" not in status.error


def test_a_constant_column_and_one_class_do_no_harm(lab: Path) -> None:
    codes = torch.cat([pixels()[:60, 200:220], torch.ones(60, 1)], 1)
    config = PROJECTING.config("tsne", {"perplexity": 5, "iterations": 60})
    result = PROJECTING.variant("tsne").build(codes, config, lambda stage, **_: None)
    assert bool(torch.isfinite(result.points).all())
    one = torch.zeros(60, dtype=torch.int64)
    assert neighbours.measure(codes, result.points, one, 5).map_accuracy is None


def test_a_map_is_cancelled_within_a_few_iterations(lab: Path) -> None:
    asked = map_runs.make_request("tsne", "digits", {"iterations": 5000})
    with store.store_lock():
        run = store.create(asked.run_id, asked.config)
    seen: list[Status] = []

    def listen(status: Status) -> None:
        seen.append(status)
        if status.active and status.epoch:
            run.request_cancel()

    assert carry_out(run, listen).state == "cancelled"
    assert max(s.epoch for s in seen) < 5000 and not run.cancel_requested()
    with pytest.raises(LabError):
        maps.open_map(run)


def test_a_map_of_images_that_changed_is_refused(lab: Path) -> None:
    asked = map_runs.make_request("pca", "digits")
    stale = asked.config.data.model_copy(update={"fingerprint": "another"})
    with store.store_lock():
        run = store.create(asked.run_id, asked.config.model_copy(update={"data": stale}))
    assert "have changed" in carry_out(run).error


# ---- opening and adding to


def test_the_replay_ends_on_the_map(laid_out: LatentMap) -> None:
    content = maps.frames(laid_out.run)
    count, points, dimensions = struct.unpack_from("<3I", content)
    assert (points, dimensions) == (360, 2)
    steps = np.frombuffer(content, "<u4", count, 12)
    assert steps[0] == 0 and steps[-1] == 200 and (np.diff(steps.astype(int)) > 0).all()
    bounds = np.frombuffer(content, "<f4", count * 4, 12 + 4 * count).reshape(count, 2, 2)
    whole = np.frombuffer(content, "<u2", offset=12 + 20 * count).reshape(count, 360, 2)
    low, high = bounds[-1].T
    last = low + whole[-1] / 65535 * (high - low)
    assert np.abs(last - laid_out.points.numpy()).max() < 1e-2 * np.ptp(last)


def test_known_images_are_placed_where_they_are(laid_out: LatentMap) -> None:
    codes = pixels()
    before = laid_out.points.clone()
    placed = maps.place(laid_out, codes, codes[:40])
    size = float((laid_out.points.max(0).values - laid_out.points.min(0).values).max())
    apart = (placed - laid_out.points[:40]).norm(dim=1)
    assert float(apart.median()) < 0.03 * size
    assert torch.equal(laid_out.points, before), "no point of the map moves"


def test_new_digits_land_among_their_kind(laid_out: LatentMap) -> None:
    new = data.load("digits", "train").first(100)
    placed = maps.place(laid_out, pixels(), encoding.encode(PIXELS, new).values)
    near = neighbours.nearest(laid_out.points, placed, 5).ids
    votes = digits().labels[near].mode(1).values
    assert float((votes == new.labels).float().mean()) > 0.8


@pytest.mark.parametrize("variant", ["pca", "umap"])
def test_every_method_places_one_image(lab: Path, variant: str) -> None:
    config = PROJECTING.config(variant)
    codes = pixels()
    basis, mean, _ = principal(codes, 2)
    points = (codes - mean) @ basis
    tensors = {"points": points, "basis": basis, "mean": mean}
    placed = PROJECTING.variant(variant).place(tensors, codes, codes[:1], config)
    assert placed.shape == (1, 2)
    assert float((placed - points[:1]).norm()) < 3


def test_noise_is_unlike_anything_and_a_digit_is_not(laid_out: LatentMap) -> None:
    noise = torch.rand(1, 784, generator=torch.Generator().manual_seed(0))
    strange = maps.strangeness(laid_out, pixels(), torch.cat([noise, pixels()[:1]]))
    assert float(strange.shares[0]) == 1.0 and float(strange.shares[1]) < 0.99


def test_the_table_has_a_row_a_point(laid_out: LatentMap) -> None:
    codes = encoding.encode(PIXELS, digits())
    table = maps.table(laid_out, codes, encoding.reconstruction_error(PIXELS, codes))
    assert list(table.columns[:2]) == ["Pixel 0", "Pixel 1"]
    assert list(table.columns[-5:]) == ["label", "index", "x", "y", "preserved"]
    assert len(table) == 360 and (table["label"] == digits().labels.numpy()).all()


def test_codes_of_a_network_and_their_errors(lab: Path) -> None:
    few = data.load("mnist", "test").first(50)
    codes = encoding.encode(MODEL, few)
    model = latent.network(store.open_run(MODEL))
    assert torch.allclose(codes.values, latent.encode(model, few.pixels))
    error = encoding.reconstruction_error(MODEL, codes)
    drawn = latent.decode(model, latent.encode(model, few.pixels))
    assert error is not None
    by_hand = (drawn - few.pixels / 255).square().flatten(1).mean(1)
    assert torch.allclose(error, by_hand, atol=1e-6)


def test_a_conditional_network_guesses_the_class_of_what_nobody_named(lab: Path) -> None:
    run = next(r for r in finished(AUTOENCODING) if latent.class_names(r))
    few = data.load("mnist", "test").first(5)
    unnamed = Images(few.pixels, torch.full((5,), -1))
    told, guessed = (encoding.encode(run.id, images) for images in (few, unnamed))
    assert guessed.images.labels.min() >= 0
    assert torch.equal(told.images.labels, few.labels)


def test_a_damaged_map_is_a_sentence(lab: Path) -> None:
    run = made("pca", points=50)
    weights = run.weights()
    del weights["points"]
    run.write_weights(weights)
    with pytest.raises(LabError, match="is no map"):
        maps.open_map(run)


# ---- other views


def test_ones_own_axis_goes_from_one_middle_to_the_other() -> None:
    codes, labels = pixels(), digits().labels
    zeros, ones = ((labels == c).nonzero()[:, 0] for c in (0, 1))
    result = maps.axis(codes, zeros, ones)
    places = result.coordinates(codes)
    assert float(places[zeros].mean(0)[0]) == pytest.approx(0, abs=1e-4)
    assert float(places[ones].mean(0)[0]) == pytest.approx(1, abs=1e-4)
    assert abs(float(result.across @ result.up)) < 1e-6, "at right angles"
    # Lengths are the codes' own, in units of the way between the middles.
    way = codes[ones].mean(0) - codes[zeros].mean(0)
    assert float(result.across.norm()) == pytest.approx(1 / float(way.norm()), rel=1e-4)
    assert float(result.up.norm()) == pytest.approx(1 / float(way.norm()), rel=1e-4)


def test_an_axis_needs_two_ends_apart() -> None:
    codes, none = pixels(), torch.zeros(0, dtype=torch.int64)
    some = torch.arange(5)
    for ends in ((none, some), (some, none), (some, some)):
        with pytest.raises(LabError):
            maps.axis(codes, *ends)


def test_numbers_of_a_code_as_they_are() -> None:
    codes = pixels()
    assert torch.equal(maps.coordinates(codes, (300, 301)), codes[:, [300, 301]])
    for axes in ((0,), (0, 784), (0, -1), (0, 1, 2, 3)):
        with pytest.raises(LabError):
            maps.coordinates(codes, axes)


def test_on_a_pca_map_distances_only_shrink() -> None:
    generator = torch.Generator().manual_seed(0)
    draws, mix = (torch.randn(n, 9, generator=generator, dtype=torch.float64) for n in (200, 9))
    codes = draws @ mix
    basis, mean, _ = principal(codes, 2)
    points = (codes - mean) @ basis.double()
    apart, on_map = torch.cdist(codes, codes), torch.cdist(points, points)
    assert bool((on_map <= apart + 1e-5).all())
    near = on_map < on_map.median() / 20  # what is near on the map need not be near among the codes
    assert float((apart / apart.median())[near & (apart > 0)].max()) > 0.5


def test_a_map_may_be_of_what_a_pretrained_network_sees(lab: Path) -> None:
    opened = maps.open_map(made("pca", points=24, source="lite0"))
    images = encoding.chosen_images("digits", "test", opened.ids)
    codes = encoding.encode("lite0", images)
    assert codes.values.shape == (24, 1280) and torch.equal(codes.images.pixels, images.pixels)
    assert torch.allclose(maps.place(opened, codes.values, codes.values), opened.points, atol=1e-3)
    assert encoding.reconstruction_error("lite0", codes) is None
    assert maps.has_source(opened)
    others = map_runs.make_request("pca", "digits", {"points": 24, "source": "lite1"})
    assert others.run_id != opened.run.id
