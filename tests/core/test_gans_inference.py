"""What is done with a generator: draws, walks, real neighbours, directions, inversion, batches."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core import training
from core.data import Images
from core.errors import Cancelled, LabError
from core.inference import directions, generators, inversion, latent
from core.metrics.generative import Extractor
from core.models import gans as models
from core.models.convnets import cnn
from core.models.gans import GAN, seeded_noise
from core.runs import store
from core.runs.query import finished
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL

SHAPE = (1, 16, 16)


def new(make: Callable[..., GAN], shape: models.Shape = SHAPE, classes: int = 0) -> GAN:
    """A network with weights at random, its last layer such that pictures have some contrast."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        result = make(shape, classes).eval().requires_grad_(False)
    last = [m for m in result.generator if hasattr(m, "weight")][-1]
    last.weight.mul_(20)
    return result


@pytest.fixture(scope="module")
def mlp() -> GAN:
    return new(models.mlp)


@pytest.fixture(scope="module")
def dcgan() -> GAN:
    return new(models.dcgan)


@pytest.fixture(scope="module")
def cgan() -> GAN:
    return new(models.dcgan, classes=4)


@pytest.fixture(scope="module")
def face() -> GAN:
    return new(models.face_dcgan, (3, 64, 64))


@pytest.fixture(scope="module")
def real() -> Images:
    """Sixty pictures of noise, so that no two are alike."""
    pixels = torch.randint(0, 256, (60, *SHAPE), generator=torch.Generator().manual_seed(1))
    return Images(pixels.byte(), torch.zeros(60, dtype=torch.int64))


def planted(first: nn.Linear, *layers: nn.Module) -> GAN:
    """A GAN whose generator is made by hand."""
    generator = nn.Sequential(first, *layers, nn.Unflatten(1, SHAPE))
    gan = GAN(generator, nn.Sequential(nn.Flatten()), nn.Linear(256, 1), first.in_features)
    return gan.eval().requires_grad_(False)


def orthogonal(count: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.linalg.qr(torch.randn(width, count, generator=generator)).Q.T


def angles(latents: Tensor) -> Tensor:
    """Between each and the next, (N - 1,)."""
    return torch.cosine_similarity(latents[:-1], latents[1:]).clamp(-1, 1).acos()


# ---- drawing and judging


def test_one_seed_draws_the_same_whatever_the_count_or_the_batch(mlp: GAN, dcgan: GAN) -> None:
    many, few = generators.drawn(mlp, 300, 5), generators.drawn(mlp, 7, 5)
    assert many.images.shape == (300, *SHAPE) and many.labels is None
    assert float(many.images.min()) >= 0 and float(many.images.max()) <= 1
    torch.testing.assert_close(many.images[:7], few.images)
    (
        torch.testing.assert_close(few.latents, generators.drawn(dcgan, 7, 5).latents),
        "for every network",
    )
    assert not torch.equal(few.latents, generators.drawn(mlp, 7, 6).latents)


def test_truncation_contracts_latents_to_the_middle(mlp: GAN, face: GAN) -> None:
    for model in (mlp, face):
        whole = generators.prior(model, 4, 0)
        torch.testing.assert_close(
            generators.drawn(model, 4, 0, truncation=0.3).latents, 0.3 * whole
        )


def test_classes_are_asked_for_one_in_turn_or_each(cgan: GAN, mlp: GAN) -> None:
    in_turn = generators.drawn(cgan, 6, 0)
    assert in_turn.labels is not None and in_turn.labels.tolist() == [0, 1, 2, 3, 0, 1]
    one = generators.drawn(cgan, 6, 0, 3)
    assert one.labels is not None and one.labels.tolist() == [3] * 6
    torch.testing.assert_close(one.images[3], in_turn.images[3])
    each = generators.drawn(cgan, 2, 0, torch.tensor([3, 1]))
    torch.testing.assert_close(each.images, torch.stack([one.images[0], in_turn.images[1]]))
    torch.testing.assert_close(
        generators.drawn(mlp, 2, 0, 99).images, generators.drawn(mlp, 2, 0).images
    )


@pytest.mark.parametrize("truncation", [0, -0.5, 1.01, math.nan, math.inf])
def test_a_truncation_that_is_none_is_refused(mlp: GAN, truncation: float) -> None:
    with pytest.raises(LabError, match="more than 0 and at most 1"):
        generators.drawn(mlp, 1, 0, truncation=truncation)


def test_what_cannot_be_drawn_is_a_sentence(cgan: GAN, mlp: GAN) -> None:
    for count in (0, -1, 10_001, 10**12):
        with pytest.raises(LabError, match="from 1 to 10,000"):
            generators.drawn(mlp, count, 0)
    for seed in (-1, 2**31):
        with pytest.raises(LabError, match="seed"):
            generators.drawn(mlp, 1, seed)
    for label in (-1, 4):
        with pytest.raises(LabError, match="classes 0 to 3"):
            generators.drawn(cgan, 1, 0, label)
    with pytest.raises(LabError, match="choose which"):
        generators.draw(cgan, torch.zeros(1, 96))
    for shape in ((1, 95), (96,)):
        with pytest.raises(LabError, match="have 96 numbers"):
            generators.draw(mlp, torch.zeros(shape))
    with pytest.raises(LabError, match="finite"):
        generators.draw(mlp, torch.full((1, 96), math.nan))


def test_scores_are_the_critics_of_what_it_saw_in_training(cgan: GAN) -> None:
    drawn = generators.drawn(cgan, 5, 0)
    expected = cgan.score(cgan.draw(drawn.latents, drawn.labels), drawn.labels)
    result = generators.scores(cgan, drawn.images, drawn.labels)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-4)
    shares = generators.scores(cgan, drawn.images, drawn.labels, probability=True)
    torch.testing.assert_close(shares, result.sigmoid())
    with pytest.raises(LabError, match="choose which"):
        generators.scores(cgan, drawn.images)


@pytest.fixture
def made(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Makes a run that says it is done, without weights."""
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")

    def make(task: str, variant: str) -> Run:
        question = training.make_request(task, variant, "digits")
        run = store.create(question.run_id, question.config)
        run.update(state="done")
        return run

    return make


def test_runs_tell_what_their_scores_are_and_which_classes_they_draw(
    made: Callable[..., Run],
) -> None:
    result = {name: made("adversarial", name) for name in ("gan", "dcgan", "lsgan", "cgan")}
    assert [generators.tells_probability(run) for run in result.values()] == [
        True,
        True,
        False,
        True,
    ]
    assert latent.class_names(result["cgan"]) == tuple("0123456789")
    assert latent.class_names(result["gan"]) == ()
    made("denoising", "median")
    assert {run.id for run in finished(ADVERSARIAL)} == {run.id for run in result.values()}


def test_only_a_gan_has_a_generator(made: Callable[..., Run]) -> None:
    other = made("denoising", "median")
    other.write_weights({})
    with pytest.raises(LabError, match="is no GAN"):
        generators.network(other)


# ---- ways


@pytest.mark.parametrize("way", latent.INTERPOLATIONS)
def test_a_way_meets_both_ends(mlp: GAN, face: GAN, way: latent.Interpolation) -> None:
    for model in (mlp, face):
        a, b = generators.prior(model, 2, 0)
        result = generators.between(model, a, b, 9, way)
        assert result.shape == (9, model.latent)
        torch.testing.assert_close(result[0], a, atol=1e-4, rtol=0)
        torch.testing.assert_close(result[-1], b, atol=1e-4, rtol=0)


def test_an_arc_keeps_its_radius_in_the_normal_space_and_serves_all_networks(
    mlp: GAN, face: GAN
) -> None:
    a, b = generators.prior(face, 2, 0)
    b = b * a.norm() / b.norm()
    arc = generators.between(face, a, b, 9, "slerp")
    torch.testing.assert_close(arc.norm(dim=1), a.norm().expand(9))
    assert float(generators.between(face, a, b, 9, "lerp").norm(dim=1).min()) < 0.8 * float(
        a.norm()
    )
    u = arc[:, : mlp.latent]  # of the same directions, and their own radius
    first, last = mlp.latents(u[:1])[0], mlp.latents(u[-1:])[0]
    seeds = generators.to_normal(mlp, generators.between(mlp, first, last, 9, "slerp"))
    blended = torch.lerp(u[0].norm(), u[-1].norm(), torch.linspace(0, 1, 9))
    torch.testing.assert_close(seeds.norm(dim=1), blended, atol=1e-3, rtol=0)


def test_latents_at_the_edge_of_a_uniform_prior_can_be_walked_from(mlp: GAN) -> None:
    result = generators.between(mlp, torch.ones(96), -3 * torch.ones(96), 5, "slerp")
    assert bool(result.isfinite().all()) and float(result.abs().max()) <= 1


def test_seeds_are_found_again(mlp: GAN, face: GAN) -> None:
    for model in (mlp, face):
        u = seeded_noise(4, 0)[:, : model.latent]
        torch.testing.assert_close(
            generators.to_normal(model, model.latents(u)), u, atol=1e-3, rtol=1e-3
        )


@pytest.mark.parametrize(("stops", "frames"), [(2, 4), (5, 12), (7, 1)])
def test_a_walk_is_closed_and_keeps_its_speed(mlp: GAN, face: GAN, stops: int, frames: int) -> None:
    for model in (mlp, face):
        result = generators.walk(model, 3, stops, frames)
        assert result.shape == (stops * frames, model.latent)
        corners = generators.prior(model, stops, 3)
        torch.testing.assert_close(result[0], corners[0], atol=1e-4, rtol=0)
        u = generators.to_normal(model, result)
        seeds = generators.to_normal(model, corners)
        step = float(angles(torch.cat([seeds, seeds[:1]])).sum()) / len(result)
        strides = angles(torch.cat([u, u[:1]]))  # the last frame flows into the first
        assert float(strides.max()) < 1.01 * step, "never faster"
        if frames > 1:  # at a stop the way turns, and a chord cuts the corner
            assert float(strides.min()) > 0.65 * step
            straight = ((strides - step).abs() < 0.01 * step).sum()
            assert int(straight) >= len(result) - 2 * stops
        apart = torch.stack([angles(torch.stack([s, f])) for s in seeds for f in u])
        nearest = apart.view(stops, -1).min(1).values
        assert float(nearest.max()) < 0.51 * step, "a frame is at each stop, or nearly"


def test_bounds_of_ways(mlp: GAN) -> None:
    for steps in (1, 1001):
        with pytest.raises(LabError, match="Steps"):
            generators.between(mlp, torch.zeros(96), torch.ones(96), steps)
    for stops, frames in ((1, 5), (101, 5), (3, 0), (3, 1001)):
        with pytest.raises(LabError, match=r"[Ss]tops"):
            generators.walk(mlp, 0, stops, frames)


# ---- directions


def test_components_are_those_that_were_planted() -> None:
    """A first layer that stretches two directions, with a bias that keeps its ReLU open."""
    inward, outward = orthogonal(2, 96), orthogonal(2, 40)
    first = nn.Linear(96, 40)
    with torch.no_grad():
        first.weight.copy_(10 * torch.outer(outward[0], inward[0]))
        first.weight.add_(5 * torch.outer(outward[1], inward[1]))
        first.bias.fill_(1000)
    result = directions.principal_directions(planted(first, nn.ReLU(), nn.Linear(40, 256)), 2)
    for direction, true in zip(result, inward, strict=True):
        assert abs(float(direction.vector @ true)) > 0.99
    assert [d.explained for d in result] == pytest.approx([0.8, 0.2], abs=0.03)
    assert result[0].spread == pytest.approx(1 / math.sqrt(3))


@pytest.mark.parametrize("name", ["mlp", "dcgan", "cgan", "face"])
def test_components_are_unit_and_the_same_each_time(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directions, "SAMPLE_COUNT", 300)
    model = request.getfixturevalue(name)
    result, again = (directions.principal_directions(model, 3) for _ in range(2))
    vectors = torch.stack([d.vector for d in result])
    torch.testing.assert_close(vectors, torch.stack([d.vector for d in again]))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    assert bool((vectors.gather(1, vectors.abs().argmax(1, keepdim=True)) > 0).all())
    shares = [d.explained for d in result]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1
    for count in (0, model.latent + 1):
        with pytest.raises(LabError, match=f"1 to {model.latent}"):
            directions.principal_directions(model, count)


def test_the_direction_of_a_planted_attribute_is_found() -> None:
    """Every pixel is as bright as the latent lies along one direction, and nothing else varies."""
    (true,) = orthogonal(1, 96)
    first = nn.Linear(96, 256)
    with torch.no_grad():
        first.weight.copy_(0.3 * true.expand(256, -1))
        first.bias.zero_()
    result = {d.name: d for d in directions.attribute_directions(planted(first), Extractor())}
    assert result["ink"].explained > 0.98
    assert float(result["ink"].vector @ true) > 0.99, "towards more of it"
    assert not {"slant", "width", "height"} & set(result), "what never varies has no direction"


def test_an_attribute_that_follows_no_line_explains_nothing() -> None:
    """As bright as the latent lies far from the middle, to either side."""
    (true,) = orthogonal(1, 96)
    first, second = nn.Linear(96, 2, bias=False), nn.Linear(2, 256)
    with torch.no_grad():
        first.weight.copy_(torch.stack([true, -true]))
        second.weight.fill_(1)
        second.bias.fill_(-0.5)
    model = planted(first, nn.ReLU(), second)
    result = {d.name: d for d in directions.attribute_directions(model, Extractor())}
    assert result["ink"].explained < directions.MIN_EXPLAINED


def test_moving_along_a_direction_changes_its_attribute(mlp: GAN, face: GAN) -> None:
    start = generators.prior(mlp, 1, 0).expand(5, -1)
    ink = directions.attribute_directions(mlp, Extractor())[0]
    steps = ink.spread * torch.tensor([-5.0, -2.0, 0.0, 2.0, 5.0])
    moved = (start + steps[:, None] * ink.vector).clamp(-1, 1)
    brightness = generators.draw(mlp, moved).mean((1, 2, 3)).tolist()
    assert brightness == sorted(brightness)
    assert ink.reach == pytest.approx(directions.MAX_STD / math.sqrt(3))


def test_which_attributes_there_are(mlp: GAN, cgan: GAN, face: GAN) -> None:
    judge = cnn(SHAPE, 3).eval()
    grey = [d.name for d in directions.attribute_directions(mlp, Extractor(judge, "r"), "abc")]
    assert grey == ["ink", "slant", "width", "height", "thickness", "class_0", "class_1", "class_2"]
    told = [d.name for d in directions.attribute_directions(cgan, Extractor(judge, "r"))]
    assert told == grey[:5], "who is told the class needs no direction of it"


def test_attributes_of_colour(face: GAN, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "SAMPLE_COUNT", 60)
    monkeypatch.setattr(directions, "HELD_OUT", 20)
    result = directions.attribute_directions(face, Extractor())
    assert [d.name for d in result] == ["brightness", "contrast", "light", "smoothness"]
    assert all(d.vector.shape == (128,) and 0 <= d.explained <= 1 for d in result)


def test_what_is_measured_in_a_picture() -> None:
    """A stroke that leans to the right, and a thicker, wider one that stands."""
    leaning, standing = torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)
    for y in range(2, 14):
        leaning[0, y, 13 - y // 2] = 1
        standing[0, y, 4:10] = 1
    both = torch.stack([leaning, standing])
    result = {name: f(both).tolist() for name, (_, f) in directions.ATTRIBUTES[1].items()}
    assert result["ink"] == pytest.approx([12 / 256, 72 / 256])
    assert result["slant"] == pytest.approx([0.5, 0], abs=0.02)
    assert result["height"] == pytest.approx([math.sqrt(143 / 12)] * 2, rel=1e-3)
    assert result["width"][1] == pytest.approx(math.sqrt(35 / 12), rel=1e-3)
    assert result["thickness"][0] < 1.5 < 3 < result["thickness"][1]
    lit = torch.zeros(1, 3, 8, 8)
    lit[:, :, :, :4] = 0.5
    colour = {name: float(f(lit)) for name, (_, f) in directions.ATTRIBUTES[3].items()}
    assert colour["light"] == pytest.approx(0.5) and colour["brightness"] == pytest.approx(0.25)


# ---- inversion


@pytest.mark.parametrize(("name", "label"), [("mlp", None), ("cgan", 2)])
def test_the_latent_of_an_own_drawing_is_nearly_found(
    name: str, label: int | None, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(name)
    own = generators.drawn(model, 1, 11, label).images
    result = inversion.invert(model, own, label, starts=3, steps=120)
    assert result.best < 0.25 * result.nearest, "better by far than the nearest of 1,000"
    assert result.errors.shape == (3,) and result.best == pytest.approx(float(result.errors.min()))
    torch.testing.assert_close(result.drawing, generators.draw(model, result.latent, label))
    missed = (result.drawing - own).square().mean().sqrt()
    assert result.best == pytest.approx(float(missed), rel=1e-4)
    assert float(result.latent.abs().max()) <= 1
    random = generators.draw(model, model.latents(seeded_noise(1000, inversion.SEED)), label)
    errors = (random - own).square().mean((1, 2, 3)).sqrt()
    assert result.nearest == pytest.approx(float(errors.min()), rel=1e-4)
    torch.testing.assert_close(result.nearest_drawing[0], random[errors.argmin()])


def test_a_normal_latent_stays_near_the_priors_radius(mlp: GAN) -> None:
    """Even for a picture that the network cannot draw."""
    normal = GAN(mlp.generator, nn.Sequential(nn.Flatten()), nn.Linear(256, 1), 96, prior="normal")
    image = torch.ones(1, *SHAPE)
    result = inversion.invert(normal.eval(), image, starts=2, steps=100)
    assert 0.7 < float(result.latent.norm()) / math.sqrt(96) < 1.5
    assert result.best < result.nearest


def test_what_cannot_be_searched_for_is_a_sentence(mlp: GAN, cgan: GAN) -> None:
    image = torch.zeros(1, *SHAPE)
    for wrong in (image[0], torch.zeros(2, *SHAPE), torch.zeros(1, 1, 28, 28)):
        with pytest.raises(LabError, match="1×16×16"):
            inversion.invert(mlp, wrong)
    for value in (math.nan, math.inf, -0.1, 1.1):
        with pytest.raises(LabError, match="between 0 and 1"):
            inversion.invert(mlp, image + value)
    with pytest.raises(LabError, match="choose which"):
        inversion.invert(cgan, image)
    with pytest.raises(LabError, match="classes 0 to 3"):
        inversion.invert(cgan, image, 4)
    for starts, steps in ((0, 5), (65, 5), (1, 0), (1, 2001)):
        with pytest.raises(LabError, match="starts"):
            inversion.invert(mlp, image, starts=starts, steps=steps)


def test_a_search_can_be_stopped_and_leaves_the_weights_alone(mlp: GAN) -> None:
    with torch.random.fork_rng():
        model = models.mlp(SHAPE).eval()  # its weights ask for gradients
    said: list[str] = []

    def check(stage: str) -> None:
        said.append(stage)
        if stage == "searching, step 3 of 50":
            raise Cancelled

    with pytest.raises(Cancelled):
        inversion.invert(model, generators.drawn(model, 1, 0).images, steps=50, check=check)
    assert len(said) == 4
    assert all(p.grad is None for p in model.parameters())


# ---- batch norm


@pytest.mark.parametrize("name", ["dcgan", "cgan", "face"])
def test_batch_norm_makes_pictures_depend_on_their_batch(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generators, "BATCH_SIZE", 8)
    model = request.getfixturevalue(name)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    latents = generators.prior(model, 2, 0)
    labels = torch.tensor([1, 3]) if model.classes else None
    views = generators.batch_norm_views(model, latents, 9, labels)
    assert not any(module.training for module in model.modules())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key
    kept = generators.draw(model, latents, labels)
    torch.testing.assert_close(views.kept, kept)
    torch.testing.assert_close(generators.draw(model, latents, labels), kept)
    assert (
        views.batches.shape == (generators.BATCHES, *kept.shape)
        and views.copies.shape == kept.shape
    )
    assert float((views.batches[0] - views.batches[1]).abs().max()) > 1e-4
    again = generators.batch_norm_views(model, latents, 9, labels)
    torch.testing.assert_close(again.batches, views.batches)
    alone = generators.batch_norm_views(
        model, latents[1:], 9, None if labels is None else labels[1:]
    )
    torch.testing.assert_close(alone.batches[:, 0], views.batches[:, 1])


def test_in_a_batch_of_copies_places_still_differ_where_norms_are_over_maps(face: GAN) -> None:
    views = generators.batch_norm_views(face, generators.prior(face, 2, 0), 0)
    assert generators.varies_by_position(face)
    assert float(views.copies.std((2, 3)).mean()) > 0.01  # a picture, not a grey plane
    assert float(F.l1_loss(views.copies[0], views.copies[1])) > 0.01  # of its own noise


def test_in_a_batch_of_copies_all_latents_look_the_same(dcgan: GAN, mlp: GAN) -> None:
    """What makes one differ from the others is the batch norm's mean, and is taken off."""
    assert not generators.varies_by_position(dcgan)
    views = generators.batch_norm_views(dcgan, generators.prior(dcgan, 2, 0), 0)
    torch.testing.assert_close(views.copies[0], views.copies[1], atol=0.05, rtol=0)
    assert float(F.l1_loss(views.kept[0], views.kept[1])) > 0.05
    with pytest.raises(LabError, match="no batch norm"):
        generators.batch_norm_views(mlp, generators.prior(mlp, 1, 0), 0)
    for count in (0, 17):
        with pytest.raises(LabError, match="from 1 to 16"):
            generators.batch_norm_views(dcgan, torch.zeros(count, 96), 0)
