"""GANs: the reference variants are those of the texts, and so are their losses."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn import functional as F

from core.data import Images
from core.errors import LabError
from core.models.gans import CLASS_NUMBERS, SEED_NUMBERS, dcgan, seeded_noise
from core.tasks.adversarial import ADVERSARIAL, cyclic_labels, gradient_penalty, samples
from core.tasks.base import unit
from tests.core.games import digits, learner, network, seeded, settings
from tests.core.support import Layers

WEIGHED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


# ---- the reference variants, written out from the texts

MLP = [
    "Linear(96, 1024)", "ReLU", "Linear(1024, 1024)", "ReLU", "Linear(1024, 784)", "Tanh",
]  # fmt: skip
MLP_CRITIC = [
    "Linear(784, 256)", "LeakyReLU(0.2)", "Linear(256, 256)", "LeakyReLU(0.2)", "Linear(256, 1)",
]  # fmt: skip
DCGAN = [
    "Linear(96, 1024)", "ReLU", "BatchNorm(1024)", "Linear(1024, 6272)", "ReLU", "BatchNorm(6272)",
    "ConvTranspose2d(128, 64, 4, s2, p1)", "ReLU", "BatchNorm(64)",
    "ConvTranspose2d(64, 1, 4, s2, p1)", "Tanh",
]  # fmt: skip
DCGAN_CRITIC = [
    "Conv2d(1, 32, 5, p0)", "LeakyReLU(0.01)", "MaxPool2d(2) -> 12",
    "Conv2d(32, 64, 5, p0)", "LeakyReLU(0.01)", "MaxPool2d(2) -> 4",
    "Linear(1024, 1024)", "LeakyReLU(0.01)", "Linear(1024, 1)",
]  # fmt: skip
LAYERS = {
    "gan": (MLP, MLP_CRITIC),
    "lsgan": (MLP, MLP_CRITIC),
    "dcgan": (DCGAN, DCGAN_CRITIC),
    "wgan_gp": (DCGAN, DCGAN_CRITIC),
    "cgan": (
        ["Embedding(10, 32)", "Join -> 128", "Linear(128, 1024)", *DCGAN[1:]],
        [*DCGAN_CRITIC, "Embedding(10, 1024)"],
    ),
    "face_dcgan": (
        [
            "ConvTranspose2d(128, 512, 4, p0)", "BatchNorm(512)", "ReLU",
            "ConvTranspose2d(512, 256, 4, s2, p1)", "BatchNorm(256)", "ReLU",
            "ConvTranspose2d(256, 128, 4, s2, p1)", "BatchNorm(128)", "ReLU",
            "ConvTranspose2d(128, 64, 4, s2, p1)", "BatchNorm(64)", "ReLU",
            "ConvTranspose2d(64, 3, 4, s2, p1)", "Tanh",
        ],
        [
            "Conv2d(3, 64, 3, s2, p1)", "BatchNorm(64)", "ReLU",
            "Conv2d(64, 128, 4, s2, p1)", "BatchNorm(128)", "ReLU",
            "Conv2d(128, 256, 4, s2, p1)", "BatchNorm(256)", "ReLU",
            "Conv2d(256, 512, 4, s2, p1)", "BatchNorm(512)", "ReLU",
            "Conv2d(512, 1, 4, p0)",
        ],
    ),
}  # fmt: skip
TRAINED = {
    #              epochs, batch, rate, images, betas, critic steps, penalty, average
    "gan": (10, 128, 3e-4, 50_000, (0.5, 0.999), 1, 0.0, 0.0),
    "lsgan": (10, 128, 3e-4, 50_000, (0.5, 0.999), 1, 0.0, 0.0),
    "dcgan": (5, 128, 3e-4, 50_000, (0.5, 0.999), 1, 0.0, 0.0),
    "wgan_gp": (15, 64, 3e-4, 0, (0.5, 0.9), 5, 10.0, 0.995),
    "cgan": (10, 128, 3e-4, 0, (0.5, 0.999), 1, 0.0, 0.998),
    "face_dcgan": (10, 64, 2e-4, 0, (0.5, 0.999), 1, 0.0, 0.0),
}


@pytest.mark.parametrize("variant", ADVERSARIAL.variants)
def test_a_network_has_the_layers_of_the_text(variant: str) -> None:
    model, shape = network(variant).eval(), ADVERSARIAL.variant(variant).shape
    z, labels = torch.zeros(2, model.latent), torch.tensor([3, 4])
    with torch.no_grad():
        with Layers() as drawing:
            drawn = model.draw(z, labels)
        with Layers() as telling:
            scores = model.score(drawn, labels)
    assert (drawing.lines, telling.lines) == LAYERS[variant]
    assert drawn.shape == (2, *shape) and scores.shape == (2,)
    sides = drawing.lines + telling.lines
    made = [m for m in model.modules() if isinstance(m, WEIGHED)]
    assert len(made) == sum(line.startswith(("Linear", "Conv")) for line in sides)
    assert {m.bias is None for m in made} == {variant == "face_dcgan"}, "its batch norms have them"
    assert (model.latent, model.prior) == (
        (128, "normal") if variant == "face_dcgan" else (96, "uniform")
    )


@pytest.mark.parametrize("variant", TRAINED)
def test_a_variant_is_trained_as_in_the_text(variant: str) -> None:
    *expected, betas, steps, penalty, average = TRAINED[variant]
    config = settings(variant)
    assert expected == [
        config.epochs, config.batch_size, config.learning_rate, config.train_images
    ]  # fmt: skip
    assert (config.critic_steps, config.penalty, config.ema) == (steps, penalty, average)
    assert config.on_collapse == "continue"
    made = learner(variant)
    assert list(made.optimisers) == ["critic", "generator"]
    for optimiser in made.optimisers.values():
        (group,) = optimiser.param_groups
        assert type(optimiser).__name__ == "Adam"
        assert (group["lr"], group["betas"]) == (config.learning_rate, betas)
    sides = [o.param_groups[0]["params"] for o in made.optimisers.values()]
    every = sorted(id(p) for p in made.model.parameters())
    assert sorted(id(p) for side in sides for p in side) == every, "each weight has one teacher"


# ---- seeds and classes


def test_one_seed_serves_all_networks() -> None:
    u = seeded_noise(50, 3)
    assert u.shape == (50, SEED_NUMBERS) == (50, 128)
    uniform, normal = network("dcgan").latents(u), network("face_dcgan").latents(u)
    shares = Normal(0.0, 1.0).cdf(u[:, :96])  # type: ignore[no-untyped-call]
    torch.testing.assert_close(uniform, 2 * shares - 1)
    assert torch.equal(normal, u)
    assert -1 < float(uniform.min()) < -0.95 and 0.95 < float(uniform.max()) < 1
    assert float(uniform.square().mean()) == pytest.approx(1 / 3, abs=0.02)


def test_a_longer_draw_begins_with_a_shorter_one() -> None:
    long = seeded_noise(7, 3)
    assert torch.equal(long[:4], seeded_noise(4, 3)) and not torch.equal(long, seeded_noise(7, 4))
    assert float(long.std()) == pytest.approx(1, abs=0.1)
    model = network("gan").eval()
    torch.testing.assert_close(samples(model, 3, 9), samples(model, 5, 9)[:3])


def test_pictures_are_shown_from_nought_to_one() -> None:
    model = network("gan").eval().requires_grad_(False)
    z = model.latents(seeded_noise(3, 0))
    torch.testing.assert_close(model(z), (model.draw(z) + 1) / 2)
    assert 0 <= float(model(z).min()) < float(model(z).max()) <= 1


def test_a_class_is_told_to_both_sides() -> None:
    model, labels = network("cgan").eval(), torch.arange(4)
    z, other = model.latents(seeded_noise(4, 0)), (labels + 1) % 10
    assert model.classes_drawn.weight.shape == (10, CLASS_NUMBERS)
    drawn = model.draw(z, labels)
    assert not torch.equal(drawn, model.draw(z, other))
    features = model.critic["body"](drawn)
    projection = (model.critic["classes"](labels) * features).sum(1)
    expected = model.critic["head"](features)[:, 0] + projection
    torch.testing.assert_close(model.score(drawn, labels), expected)
    assert torch.equal(samples(model, 12, 0), samples(model, 12, 0, cyclic_labels(model, 12)))
    assert cyclic_labels(model, 12).tolist() == [*range(10), 0, 1]
    for wrong in (None, labels - 1, labels + 7):
        with pytest.raises(LabError, match="class"):
            model.draw(z, wrong)
        with pytest.raises(LabError, match="class"):
            model.score(drawn, wrong)


def test_a_class_needs_a_data_set_that_has_them() -> None:
    with pytest.raises(LabError, match="needs a data set with classes"):
        ADVERSARIAL.build("cgan", (1, 28, 28), settings("cgan"), 0)
    model, z = network("gan").eval(), seeded_noise(2, 0)[:, :96]
    assert not model.classes and torch.equal(model(z), model(z, torch.tensor([3, 4])))


def test_one_image_is_too_few_for_batch_norm_alone() -> None:
    for variant in ("dcgan", "face_dcgan"):
        with pytest.raises(LabError, match="two images at least"):
            learner(variant, batch_size=1)
    assert learner("gan", batch_size=1).step(digits("gan", 1), 0.0, seeded())["critic_loss"] > 0


# ---- losses


def scored(variant: str, images: Images) -> tuple[Tensor, Tensor]:
    """What a new critic gives real images, and those of a new generator."""
    model, noise = network(variant), torch.randn(len(images.labels), 128, generator=seeded())
    with torch.no_grad():
        fake = model.draw(model.latents(noise), images.labels)
        real = model.score(2 * unit(images.pixels) - 1, images.labels)
        return real, model.score(fake, images.labels)


def expected_loss(variant: str, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Of critic and generator, from torch's own functions."""
    one, nought = torch.ones(len(real)), torch.zeros(len(real))
    if variant == "lsgan":
        critic = F.mse_loss(real, one) / 2 + F.mse_loss(fake, nought) / 2
        return critic, F.mse_loss(fake, one) / 2
    if variant == "wgan_gp":
        return fake.mean() - real.mean(), -fake.mean()
    bce = nn.BCEWithLogitsLoss()
    return bce(real, one) + bce(fake, nought), bce(fake, one)


@pytest.mark.parametrize("variant", ADVERSARIAL.variants)
def test_the_losses_are_those_of_the_text(variant: str) -> None:
    images = digits(variant)
    real, fake = scored(variant, images)
    critic, drawn = expected_loss(variant, real, fake)
    made = learner(variant, penalty=0)
    game = made.game
    assert float(game.critic(real, fake)) == pytest.approx(float(critic), rel=1e-5)
    assert float(game.generator(fake)) == pytest.approx(float(drawn), rel=1e-5)
    told = made.step(images, 0.0, seeded())
    assert told["critic_loss"] == pytest.approx(float(critic), rel=1e-4, abs=1e-5)
    shown = torch.sigmoid if variant not in ("lsgan", "wgan_gp") else torch.clone
    assert told["real_score"] == pytest.approx(float(shown(real).mean()), rel=1e-4, abs=1e-5)
    assert told["fake_score"] == pytest.approx(float(shown(fake).mean()), rel=1e-4, abs=1e-5)


def test_the_penalty_is_that_of_each_image_alone() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = dcgan((3, 28, 28))
    real, fake = (torch.rand(5, 3, 28, 28, generator=seeded(i)) for i in range(2))
    shares = torch.rand(5, 1, 1, 1, generator=seeded(9))
    lengths = []
    for r, f, share in zip(real, fake, shares, strict=True):
        between = (share * r + (1 - share) * f)[None].requires_grad_(True)
        (slope,) = torch.autograd.grad(model.score(between)[0], between)
        lengths.append(slope.square().sum().sqrt())
    expected = torch.stack([(length - 1) ** 2 for length in lengths]).mean()
    result = gradient_penalty(model, real, fake, torch.zeros(5), seeded(9))
    assert float(result.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    result.backward()  # type: ignore[no-untyped-call]
    for weight in (p for p in model.critic_parameters() if p.ndim > 1):
        assert weight.grad is not None and float(weight.grad.abs().sum()) > 0
    assert all(p.grad is None for p in model.generator_parameters())


def test_the_penalty_has_its_weight_in_the_critic_s_loss() -> None:
    images = digits("wgan_gp")
    losses = [
        learner("wgan_gp", penalty=p).step(images, 0.0, seeded())["critic_loss"] for p in (0, 1, 10)
    ]
    assert losses[2] - losses[0] == pytest.approx(10 * (losses[1] - losses[0]), rel=1e-4)
    assert losses[1] - losses[0] > 0.1
