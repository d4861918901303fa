"""Autoencoding: the reference variants are those of the texts, and the losses are what they say."""

import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F

from core.data import load
from core.errors import LabError
from core.models.autoencoders import Autoencoder
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.autoencoding_training import (
    AutoencodingConfig,
    bound,
    importance_bound,
    least_cross_entropy,
    left_out,
    reconstruction,
)
from core.tasks.base import unit
from tests.core.support import Layers, built, tiny

VARIATIONAL = [name for name, variant in AUTOENCODING.variants.items() if variant.loss is None]
LIKELIHOODS = [
    (name, likelihood)
    for name in VARIATIONAL
    for likelihood in ("bernoulli", "gaussian", "squared error")
    if "likelihood" not in AUTOENCODING.variant(name).fixed or likelihood == "squared error"
]


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(variant: str, **values: Any) -> Autoencoder:
    """A new one in training mode."""
    made = built(AUTOENCODING, variant, values=values)
    assert isinstance(made, Autoencoder)
    return made.train()


def settings(variant: str, **values: Any) -> AutoencodingConfig:
    made = AUTOENCODING.config(variant, values)
    assert isinstance(made, AutoencodingConfig)
    return made


def digits(n: int = 16) -> tuple[Tensor, Tensor]:
    """Pictures in [0, 1] and their classes."""
    images = tiny(AUTOENCODING, n=n)
    return unit(images.pixels), images.labels


def step(
    variant: str, progress: float = 0.5, **values: Any
) -> tuple[Autoencoder, dict[str, float]]:
    """A network after one step on sixteen digits, and what it told."""
    model = network(variant, **values)
    learner = AUTOENCODING.learner(
        AUTOENCODING.experiment(variant, settings(variant, **values), model)
    )
    return model, learner.step(tiny(AUTOENCODING), progress, seeded())


# ---- the reference variants, written out from the texts

LAYERS = {
    "ae_conv": [
        "Conv2d(1, 8, 3, s2, p1)", "ReLU",
        "Conv2d(8, 16, 3, s2, p1)", "BatchNorm(16)", "ReLU",
        "Conv2d(16, 32, 3, s2, p0)", "ReLU",
        "Linear(288, 128)", "ReLU", "Linear(128, 4)",
        "Linear(4, 128)", "ReLU", "Linear(128, 288)", "ReLU",
        "ConvTranspose2d(32, 16, 3, s2, p0)", "BatchNorm(16)", "ReLU",
        "ConvTranspose2d(16, 8, 3, s2, p1, o1)", "BatchNorm(8)", "ReLU",
        "ConvTranspose2d(8, 1, 3, s2, p1, o1)", "Sigmoid",
    ],
    "ae_mlp3": [
        "Linear(784, 128)", "ReLU", "Linear(128, 64)", "ReLU", "Linear(64, 12)", "ReLU",
        "Linear(12, 3)",
        "Linear(3, 12)", "ReLU", "Linear(12, 64)", "ReLU", "Linear(64, 128)", "ReLU",
        "Linear(128, 784)", "Tanh",
    ],
    "ae_conv_tiny": [
        "Conv2d(1, 16, 3, s3, p1)", "ReLU", "MaxPool2d(2) -> 5",
        "Conv2d(16, 8, 3, s2, p1)", "ReLU", "MaxPool2d(2) -> 2",
        "ConvTranspose2d(8, 16, 3, s2, p0)", "ReLU",
        "ConvTranspose2d(16, 8, 5, s3, p1)", "ReLU",
        "ConvTranspose2d(8, 1, 2, s2, p1)", "Tanh",
    ],
    "vae": [
        "Linear(784, 400)", "ReLU", "Linear(400, 20)", "Linear(400, 20)", "Join -> 40",
        "Linear(20, 400)", "ReLU", "Linear(400, 784)", "Sigmoid",
    ],
    "cvae": [
        "Join -> 794", "Linear(794, 400)", "ReLU", "Linear(400, 20)", "Linear(400, 20)",
        "Join -> 40",
        "Join -> 30", "Linear(30, 400)", "ReLU", "Linear(400, 784)", "Sigmoid",
    ],
    "vae_squared": [
        "Linear(784, 400)", "ReLU", "Linear(400, 20)", "Linear(400, 20)", "Join -> 40",
        "Linear(20, 400)", "ReLU", "Linear(400, 784)", "Tanh",
    ],
    "cvae_squared": [
        "Join -> 794", "Linear(794, 400)", "ReLU", "Linear(400, 20)", "Linear(400, 20)",
        "Join -> 40",
        "Join -> 30", "Linear(30, 400)", "ReLU", "Linear(400, 784)", "Tanh",
    ],
}  # fmt: skip
TRAINED = {
    #           epochs, batch, weight decay, numbers in a code, held back
    "ae_conv": (30, 256, 1e-5, 4, 0.2),
    "ae_mlp3": (100, 128, 0.0, 3, 0.0),
    "ae_conv_tiny": (40, 128, 1e-5, 32, 0.0),
    "vae": (100, 128, 0.0, 20, 0.0),
    "cvae": (100, 128, 0.0, 20, 0.0),
    "vae_squared": (100, 128, 0.0, 20, 0.0),
    "cvae_squared": (100, 128, 0.0, 20, 0.0),
}


def mean_error(out: Tensor, x: Tensor) -> Tensor:
    return nn.MSELoss()(out, x)


def summed_error(out: Tensor, x: Tensor) -> Tensor:
    """As published, of images and answers in [-1, 1]."""
    return nn.MSELoss(reduction="sum")(2 * out - 1, 2 * x - 1) / len(x)


@pytest.mark.parametrize("variant", LAYERS)
def test_a_reference_network_has_the_layers_of_the_text(variant: str) -> None:
    model = network(variant).eval()
    x, labels = digits(1)
    with torch.no_grad(), Layers() as layers:
        out = model(x, labels)
    assert layers.lines == LAYERS[variant]
    assert out.shape == (1, 1, 28, 28)
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    made = [m for m in model.modules() if isinstance(m, kinds)]
    assert len(made) == sum(line.startswith(("Linear", "Conv")) for line in LAYERS[variant])
    assert all(m.bias is not None for m in made)


@pytest.mark.parametrize("variant", TRAINED)
def test_a_reference_variant_is_trained_as_in_the_text(variant: str) -> None:
    epochs, batch_size, decay, latent, held = TRAINED[variant]
    config, model = settings(variant), network(variant)
    assert (config.epochs, config.batch_size, config.learning_rate) == (epochs, batch_size, 1e-3)
    assert (config.weight_decay, config.latent, config.validation_share) == (decay, latent, held)
    assert (config.beta, config.warmup, config.free_bits, config.train_images) == (1, 0, 0, 0)
    likelihood = "squared error" if variant.endswith("_squared") else "bernoulli"
    assert config.likelihood == likelihood and model.latent == latent
    learner = AUTOENCODING.learner(AUTOENCODING.experiment(variant, config, model))
    (made,) = learner.optimisers.values()
    assert type(made).__name__ == "Adam"
    (group,) = made.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-3, (0.9, 0.999), decay)
    for progress in (0.0, 0.5, 0.99):
        learner.step(tiny(AUTOENCODING), progress, seeded())
        assert group["lr"] == 1e-3, "the texts keep the rate as it is"


@pytest.mark.parametrize(
    ("variant", "loss"),
    [("ae_conv", mean_error), ("ae_mlp3", summed_error), ("ae_conv_tiny", summed_error)],
)
def test_a_plain_reference_variant_has_the_loss_of_the_text(variant: str, loss: Any) -> None:
    x, _ = digits()
    with torch.no_grad():
        expected = float(loss(network(variant)(x), x))
    assert step(variant)[1] == {"loss": pytest.approx(expected, rel=1e-5)}


@pytest.mark.parametrize("variant", ["vae", "cvae", "vae_squared", "cvae_squared"])
def test_a_variational_reference_variant_has_the_loss_of_the_text(variant: str) -> None:
    x, labels = digits()
    squared = variant.endswith("_squared")
    if squared:
        x = 2 * x - 1  # the text's images
    model = network(variant)
    told_class = [F.one_hot(labels, 10).float()] if variant.startswith("cvae") else []
    hidden = model.encoder[1](torch.cat([x.flatten(1), *told_class], 1)).relu()
    heads = model.encoder[3]
    mu, logvar = heads.mu(hidden).detach(), heads.logvar(hidden).detach()
    z = mu + torch.randn(16, 20, generator=seeded()) * (logvar / 2).exp()
    raw = model.decoder(torch.cat([z, *told_class], 1))
    if squared:
        error = nn.MSELoss(reduction="sum")(raw.tanh(), x).detach() / 16
    else:
        error = F.binary_cross_entropy(raw.sigmoid(), x, reduction="sum").detach() / 16
    posterior = Normal(mu, (logvar / 2).exp())
    kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum() / 16
    assert step(variant)[1] == {
        "loss": pytest.approx(float(error + kl), rel=1e-5),
        "reconstruction": pytest.approx(float(error), rel=1e-5),
        "kl": pytest.approx(float(kl), rel=1e-4),
    }


def test_a_network_that_ends_in_tanh_works_on_the_scale_of_minus_one_to_one() -> None:
    x, _ = digits(4)
    for variant in ("ae_mlp3", "ae_conv_tiny", "vae_squared"):
        model = network(variant)
        code = model.encoder(2 * x - 1)[:, : model.latent]
        assert torch.equal(model.encode(x).mu, code)
        torch.testing.assert_close(model.decode(code), (model.decoder(code).tanh() + 1) / 2)


# ---- the bound


@pytest.mark.parametrize(("variant", "likelihood"), LIKELIHOODS)
def test_the_terms_of_the_bound_are_those_of_the_distributions(
    variant: str, likelihood: str
) -> None:
    config = with_likelihood(variant, likelihood)
    (x, labels), model = digits(), network(variant).eval()
    mu, logvar = model.encode(x, labels)
    posterior = Normal(mu, (logvar / 2).exp())
    z = mu + posterior.stddev * torch.randn(mu.shape, generator=seeded())
    terms = bound(config, model, x, labels, seeded())
    torch.testing.assert_close(terms.kl, kl_divergence(posterior, Normal(0.0, 1.0)))
    likely = log_likelihood(config, model, z, x, labels)
    result = -terms.reconstruction - left_out(config, 784)
    torch.testing.assert_close(result, likely, rtol=1e-4, atol=1e-2)


def with_likelihood(variant: str, likelihood: str) -> AutoencodingConfig:
    if "likelihood" in AUTOENCODING.variant(variant).fixed:
        return settings(variant)
    return settings(variant, likelihood=likelihood, sigma=0.3)


def log_likelihood(
    config: AutoencodingConfig, model: Autoencoder, z: Tensor, x: Tensor, labels: Tensor
) -> Tensor:
    """log p(x | z) of each image from torch's own distributions."""
    raw = model.raw(z, labels)
    sigma = math.sqrt(1 / 8) if config.likelihood == "squared error" else config.sigma
    pixels: Any = Normal(model.finish(raw), sigma)
    if config.likelihood == "bernoulli":  # of grey values: not 0 or 1
        pixels = Bernoulli(logits=raw, validate_args=False)
    result: Tensor = pixels.log_prob(x).flatten(1).sum(1)
    return result


@pytest.mark.parametrize(("variant", "likelihood"), LIKELIHOODS)
def test_the_importance_weighted_bound_is_that_of_the_distributions(
    variant: str, likelihood: str
) -> None:
    config = with_likelihood(variant, likelihood)
    (x, labels), model = digits(), network(variant).eval()
    mu, logvar = model.encode(x, labels)
    posterior, prior, generator = Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0), seeded()
    weights = []
    for _ in range(4):
        z = mu + posterior.stddev * torch.randn(mu.shape, generator=generator)
        ratio = prior.log_prob(z).sum(1) - posterior.log_prob(z).sum(1)
        weights.append((log_likelihood(config, model, z, x, labels) + ratio).double())
    expected = -log_mean_exp(weights)
    result = importance_bound(config, model, x, labels, seeded(), range(4))
    torch.testing.assert_close(result.double(), expected, rtol=1e-4, atol=1e-2)


def log_mean_exp(weights: list[Tensor]) -> Tensor:
    """log of the mean of exp, (N,), with the largest taken out of the sum."""
    stacked = torch.stack(weights)
    top = stacked.amax(0)
    return top + (stacked - top).exp().mean(0).log()


@pytest.mark.parametrize("variant", ["vae", "cvae_squared"])
def test_more_importance_samples_are_nearer_to_the_likelihood(variant: str) -> None:
    model, _ = taught(variant, 30)
    (x, labels), config = digits(32), settings(variant)
    with torch.no_grad():
        terms = [bound(config, model, x, labels, seeded(i)) for i in range(20)]
        elbo = torch.stack([t.reconstruction + t.kl.sum(1) for t in terms]).mean()
        elbo = elbo + left_out(config, 784)
        few, many = (
            importance_bound(config, model, x, labels, seeded(), range(s)) for s in (5, 200)
        )
    assert float(many.mean()) < float(few.mean()) < float(elbo)


def taught(variant: str, steps: int, **values: Any) -> tuple[Autoencoder, list[dict[str, float]]]:
    model = network(variant, **values)
    learner = AUTOENCODING.learner(
        AUTOENCODING.experiment(variant, settings(variant, **values), model)
    )
    batch, generator = tiny(AUTOENCODING, n=32), seeded()
    told = [learner.step(batch, i / steps, generator) for i in range(steps)]
    return model.eval(), told


# ---- beta, warm-up, free bits


@pytest.mark.parametrize(
    ("values", "progress", "weight"),
    [
        ({"beta": 4}, 0.0, 4),
        ({"beta": 0}, 0.5, 0),
        ({"beta": 4, "warmup": 0.5}, 0.0, 0),
        ({"beta": 4, "warmup": 0.5}, 0.125, 1),
        ({"beta": 4, "warmup": 0.5}, 0.5, 4),
        ({"beta": 4, "warmup": 0.5}, 0.9, 4),
        ({"warmup": 1}, 0.75, 0.75),
    ],
)
def test_beta_weighs_the_kl_and_rises_over_the_warm_up(
    values: dict[str, float], progress: float, weight: float
) -> None:
    _, told = step("vae", progress, **values)
    assert told["kl"] > 0
    assert told["loss"] == pytest.approx(told["reconstruction"] + weight * told["kl"], rel=1e-6)


def test_ours_warms_up_over_a_tenth_and_its_rate_falls_to_nothing() -> None:
    for progress, weight in ((0.0, 0), (0.05, 0.5), (0.1, 1), (0.9, 1)):
        _, told = step("vae_conv", progress)
        loss = told["reconstruction"] + weight * told["kl"]
        assert told["loss"] == pytest.approx(loss, rel=1e-6)
    learner = AUTOENCODING.learner(
        AUTOENCODING.experiment("vae_conv", settings("vae_conv"), network("vae_conv"))
    )
    (group,) = learner.optimisers["model"].param_groups
    for progress, rate in ((0.0, 2e-3 / 25), (0.1, 2e-3), (0.55, 1e-3), (1.0, 0)):
        learner.step(tiny(AUTOENCODING), progress, seeded())
        assert group["lr"] == pytest.approx(rate, abs=1e-9)


def test_a_dimension_below_its_free_nats_costs_nothing_and_is_not_pressed() -> None:
    x, labels = digits()
    kl = bound(settings("vae"), network("vae"), x, labels, seeded()).kl.mean(0).detach()
    between = float(kl.median())
    _, told = step("vae", free_bits=between)
    price = sum(max(k, between) for k in kl.tolist())
    assert told["kl"] == pytest.approx(float(kl.sum()), rel=1e-5), "what it has, not what it pays"
    assert told["loss"] == pytest.approx(told["reconstruction"] + price, rel=1e-6)
    free, unpriced = (step("vae", **v)[0] for v in ({"free_bits": 5}, {"beta": 0}))
    assert float(kl.max()) < 5
    same_weights(free, unpriced)


def same_weights(first: nn.Module, second: nn.Module) -> None:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


# ---- classes


def test_a_class_needs_a_data_set_that_has_them() -> None:
    with pytest.raises(LabError, match="needs a data set with classes; this one has none"):
        AUTOENCODING.build("cvae", (1, 28, 28), settings("cvae"), 0)
    for variant in set(AUTOENCODING.variants) - {"cvae", "cvae_squared"}:
        model = AUTOENCODING.build(variant, (1, 28, 28), settings(variant), 0)
        assert isinstance(model, Autoencoder) and not model.classes


def test_the_class_is_told_to_both_halves() -> None:
    model, (x, labels) = network("cvae").eval(), digits(4)
    code = model.encode(x, labels).mu
    assert not torch.equal(code, model.encode(x, (labels + 1) % 10).mu)
    assert not torch.equal(model.decode(code, labels), model.decode(code, (labels + 1) % 10))
    for wrong in (None, labels - 10, labels + 10):
        with pytest.raises(ValueError, match="class"):
            model(x, wrong)


def test_a_class_that_does_not_matter_changes_nothing_elsewhere() -> None:
    model, (x, labels) = network("vae").eval(), digits(4)
    assert torch.equal(model(x), model(x, labels))


def test_the_size_of_the_code_is_a_setting() -> None:
    for variant in ("ae_conv", "vae", "cvae", "vae_conv"):
        model, (x, labels) = network(variant, latent=2).eval(), digits(3)
        assert model.encode(x, labels).mu.shape == (3, 2)
        assert model(x, labels).shape == (3, 1, 28, 28)


def test_a_perfect_copy_of_grey_values_is_not_free_under_a_bernoulli_likelihood() -> None:
    images = unit(load("mnist", "test").pixels)
    least = least_cross_entropy(images)
    assert float(least.mean()) == pytest.approx(45.5, abs=0.05)  # of black and white ones 0
    assert least_cross_entropy((images > 0.5).float()).abs().max() < 1e-4
    few, config = images[:20], AUTOENCODING.config("vae")
    copies = few.clamp(1e-4, 1 - 1e-4).logit()
    model = cast(Autoencoder, built(AUTOENCODING, "vae"))
    cost = reconstruction(config, model, copies, few)
    torch.testing.assert_close(cost, least[:20], rtol=1e-3, atol=0.1)
    assert bool((reconstruction(config, model, copies * 0.9, few) > cost).all())


def test_bounds_are_those_of_beta_one() -> None:
    images = tiny(AUTOENCODING)
    model, config = built(AUTOENCODING, "vae"), AUTOENCODING.config("vae", {"beta": 4.0})
    result = AUTOENCODING.evaluate(AUTOENCODING.experiment("vae", config, model), images)
    assert result["negative_elbo"] == pytest.approx(
        result["reconstruction"] + result["kl"], abs=1e-3
    )
    assert result["loss"] == pytest.approx(result["reconstruction"] + 4 * result["kl"], abs=1e-3)


@pytest.mark.parametrize(("classes", "rows"), [(3, 3), (10, 3), (12, 4)])
def test_every_class_is_drawn_on_the_sample_sheet(classes: int, rows: int) -> None:
    config = AUTOENCODING.config("cvae")
    model = AUTOENCODING.build("cvae", (1, 28, 28), config, classes)
    few = tiny(AUTOENCODING)
    images = type(few)(few.pixels, few.labels % classes)
    sheet = AUTOENCODING.render(AUTOENCODING.experiment("cvae", config, model), images)
    assert sheet.shape[0] == rows * 29 - 1
