"""Denoising: what it restores, and that the reference variants are those of the texts."""

import pytest
import torch
from torch import Tensor, nn

from core.data.corruptions import MIXED
from core.models.fused import fused
from core.tasks import denoising as denoising_module
from core.tasks import task
from core.tasks.base import unit
from core.tasks.denoising import DENOISING, DenoisingConfig
from tests.core.support import built, tiny

DENOISERS = list(DENOISING.variants)


@pytest.mark.parametrize("variant", DENOISERS)
def test_a_restored_image_has_the_shape_and_range_of_the_input(variant: str) -> None:
    model = built(DENOISING, variant).eval()
    noisy = unit(tiny(DENOISING, "test", 3).pixels)
    rms = torch.full((3,), 0.4)
    restored = DENOISING.restore(variant, model, noisy, rms)
    assert restored.shape == noisy.shape and restored.dtype == torch.float32
    assert float(restored.min()) >= 0 and float(restored.max()) <= 1
    assert torch.equal(restored, DENOISING.restore(variant, model, noisy, rms))


@pytest.mark.parametrize("variant", DENOISERS)
def test_restoring_answers_image_by_image(variant: str) -> None:
    model = built(DENOISING, variant).eval()
    noisy, rms = unit(tiny(DENOISING, "test", 4).pixels), torch.tensor([0.1, 0.2, 0.4, 0.6])
    together = DENOISING.restore(variant, model, noisy, rms)
    alone = [DENOISING.restore(variant, model, noisy[i : i + 1], rms[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_more_images_than_a_chunk_are_all_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    model, noisy = built(DENOISING, "conv").eval(), unit(tiny(DENOISING, "test", 7).pixels)
    whole = DENOISING.restore("conv", model, noisy, torch.zeros(7))
    monkeypatch.setattr(denoising_module, "CHUNK", 3)
    parts = DENOISING.restore("conv", model, noisy, torch.zeros(7))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["median", "nl_means", "tv"])
def test_a_classical_method_makes_noise_less(variant: str) -> None:
    figures = DENOISING.evaluate(
        DENOISING.experiment(variant, DENOISING.config(variant), built(DENOISING, variant)),
        tiny(DENOISING, "test", 8),
    )
    assert figures["psnr"] > figures["psnr_noisy"] + 1


def test_the_headline_is_the_row_at_half_strength() -> None:
    config = DENOISING.config("unet")
    figures = DENOISING.evaluate(
        DENOISING.experiment("unet", config, built(DENOISING, "unet").eval(), check=lambda s: None),
        tiny(DENOISING, "test", 8),
    )
    rows = {row["strength"]: row for row in figures["sweep"]}
    assert list(rows) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert figures["corruption"] == "gaussian"
    assert {k: figures[k] for k in ("psnr", "psnr_noisy", "ssim", "ssim_noisy")} == {
        k: v for k, v in rows[0.5].items() if k != "strength"
    }
    noisy = [row["psnr_noisy"] for row in figures["sweep"]]
    assert noisy == sorted(noisy, reverse=True)
    # An untrained U-Net gives its input back: what it restores is as good as what it got.
    assert all(row["psnr"] == row["psnr_noisy"] for row in figures["sweep"])


@pytest.mark.parametrize(
    ("corruption", "measured"),
    [("none", ["gaussian"]), ("mosaic", ["mosaic"]), ("mixed", list(MIXED))],
)
def test_a_run_is_measured_under_what_it_learnt(corruption: str, measured: list[str]) -> None:
    config = DENOISING.config("unet", {"corruption": corruption})
    assert list(denoising_module.learnt_corruptions(config)) == measured


def test_a_network_of_several_corruptions_is_measured_under_each() -> None:
    config = DENOISING.config("unet", {"corruption": "mixed"})
    figures = DENOISING.evaluate(
        DENOISING.experiment("unet", config, built(DENOISING, "unet").eval()),
        tiny(DENOISING, "test", 8),
    )
    assert list(figures["sweeps"]) == list(MIXED) and figures["corruption"] == "gaussian"
    assert figures["sweep"] == figures["sweeps"]["gaussian"]
    spoilt = {name: rows[5]["psnr_noisy"] for name, rows in figures["sweeps"].items()}
    assert figures["psnr_noisy"] == spoilt["gaussian"] and len(set(spoilt.values())) == len(MIXED)


def test_an_untrained_unet_gives_back_its_input() -> None:
    noisy = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert torch.equal(built(DENOISING, "unet")(noisy), noisy)


def test_the_unet_is_taught_every_strength_up_to_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def noting(x: Tensor, name: str, strength: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(strength)
        return x

    monkeypatch.setattr(denoising_module, "corrupt", noting)
    learner = DENOISING.learner(
        DENOISING.experiment("unet", DENOISING.config("unet"), built(DENOISING, "unet"))
    )
    learner.step(tiny(DENOISING, n=64), 0.5, torch.Generator().manual_seed(0))
    (strengths,) = seen
    assert strengths.shape == (64,), "one an image"
    assert float(strengths.min()) >= 0 and float(strengths.max()) <= 1
    assert float(strengths.min()) < 0.1 and float(strengths.max()) > 0.9
    assert float(strengths.mean()) == pytest.approx(0.5, abs=0.1)


def test_the_rate_of_the_unet_rises_then_falls_to_nothing() -> None:
    rate = [denoising_module.warm_cosine(p) for p in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert rate == pytest.approx([0.04, 0.52, 1, 0.5, 0], abs=1e-9)


@pytest.mark.parametrize(("family", "variant"), [("denoising", "unet"), ("recognition", "cnn")])
def test_the_first_step_of_a_training_moves_the_weights(family: str, variant: str) -> None:
    chosen = task(family)
    config = chosen.config(variant)
    model = chosen.build(variant, (1, 28, 28), config, 10)
    before = [p.clone() for p in model.parameters()]
    images = tiny(chosen, "train", 8)
    chosen.learner(chosen.experiment(variant, config, model)).step(
        images, 0.0, torch.Generator().manual_seed(0)
    )
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


# ---- the reference variants, written out from the texts


def pyramid(*channels: int) -> nn.Sequential:
    a, b, c, d, e, f = channels
    return nn.Sequential(
        nn.Conv2d(1, a, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(b, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True),
        nn.Upsample(7), nn.Conv2d(c, d, 3, padding=1), nn.ReLU(),
        nn.Upsample(14), nn.Conv2d(d, e, 3, padding=1), nn.ReLU(),
        nn.Upsample(28), nn.Conv2d(e, f, 3, padding=1), nn.ReLU(),
        nn.Conv2d(f, 1, 3, padding=1),
    )  # fmt: skip


TEXTS = {
    "linear": nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64), nn.ReLU(),
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 784),
        nn.Unflatten(1, (1, 28, 28)),
    ),
    "conv": nn.Sequential(
        nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Upsample(scale_factor=2), nn.Conv2d(128, 64, 3, padding=1), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(64, 1, 3, padding=1),
    ),
    "conv_pyramid": pyramid(32, 32, 16, 16, 32, 32),
    "conv_plain": pyramid(16, 8, 8, 8, 8, 16),
}  # fmt: skip
MSE, BCE = nn.MSELoss(), nn.BCEWithLogitsLoss()
TRAINED = {
    #               epochs, batch, rate, optimiser, loss, corruption, strength
    "linear": (10, 64, 1e-3, "Adam", MSE, "gaussian", 0.5),
    "conv": (10, 64, 1e-3, "Adam", MSE, "gaussian", 0.5),
    "conv_pyramid": (100, 200, 1e-3, "Adam", BCE, "gaussian", 0.5),
    "conv_plain": (20, 200, 1e-3, "Adam", BCE, "none", None),
}


@pytest.mark.parametrize("variant", TEXTS)
def test_a_reference_network_computes_what_that_of_the_text_does(variant: str) -> None:
    """With its numbers; ours may take the steps in another order, or two of them as one."""
    ours, text = built(DENOISING, variant).double(), TEXTS[variant].double()
    numbers = [p.detach() for p in ours.parameters()]
    torch.nn.utils.vector_to_parameters(
        torch.nn.utils.parameters_to_vector(numbers), text.parameters()
    )
    assert [p.shape for p in text.parameters()] == [p.shape for p in numbers]
    x = torch.rand(3, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mine, theirs = ours(x), text(x)
    torch.testing.assert_close(mine, theirs)
    mine.square().sum().backward()
    theirs.square().sum().backward()
    for a, b in zip(ours.parameters(), text.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("variant", TRAINED)
def test_a_reference_variant_is_trained_as_in_the_text(variant: str) -> None:
    epochs, batch_size, rate, optimiser, _, corruption, strength = TRAINED[variant]
    config = DENOISING.config(variant)
    assert isinstance(config, DenoisingConfig)
    assert (config.epochs, config.batch_size, config.learning_rate) == (epochs, batch_size, rate)
    assert config.corruption == corruption and not config.blind and config.train_images == 0
    assert strength is None or config.strength == strength
    learner = DENOISING.learner(DENOISING.experiment(variant, config, built(DENOISING, variant)))
    (made,) = learner.optimisers.values()
    assert type(made).__name__ == optimiser
    (group,) = made.param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (rate, (0.9, 0.999), 0)
    for progress in (0.0, 0.5, 0.99):
        learner.step(tiny(DENOISING), progress, torch.Generator().manual_seed(0))
        assert group["lr"] == rate, "the texts keep the rate as it is"


@pytest.mark.parametrize("variant", TRAINED)
def test_a_reference_variant_has_the_loss_and_the_noise_of_the_text(variant: str) -> None:
    loss, corruption = TRAINED[variant][4:6]
    model, clean = built(DENOISING, variant), unit(tiny(DENOISING).pixels)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
    noisy = clean if corruption == "none" else (clean + 0.5 * noise).clamp(0, 1)
    with torch.no_grad():
        expected = float(loss(model(noisy), clean))
    learner = DENOISING.learner(DENOISING.experiment(variant, DENOISING.config(variant), model))
    told = learner.step(tiny(DENOISING), 0.0, torch.Generator().manual_seed(5))
    assert told == {"loss": pytest.approx(expected, rel=1e-5)}


@pytest.mark.parametrize(("variant", "squash"), [("conv", "clamp"), ("conv_pyramid", "sigmoid")])
def test_logits_are_shown_through_their_sigmoid(variant: str, squash: str) -> None:
    model, noisy = built(DENOISING, variant).eval(), unit(tiny(DENOISING, "test", 3).pixels)
    with torch.no_grad():
        out = model(noisy)
    expected = out.sigmoid() if squash == "sigmoid" else out.clamp(0, 1)
    restored = DENOISING.restore(variant, model, noisy, torch.zeros(3))
    torch.testing.assert_close(restored, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["conv", "conv_pyramid", "conv_plain"])
def test_a_fused_form_has_the_outputs_and_the_gradients_of_the_layers(variant: str) -> None:
    model = built(DENOISING, variant).double()
    images = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)).double()
    results = []
    for forward in (model, fused(model)):
        model.zero_grad()
        out = forward(images)
        out.square().sum().backward()
        results.append([out.detach(), *(p.grad.clone() for p in model.parameters())])
    for plain, quick in zip(*results, strict=True):
        torch.testing.assert_close(plain, quick)
