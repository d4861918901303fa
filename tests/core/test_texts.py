"""What is said to be as in the texts is so: their values, written out, beside ours."""

from typing import Any

import pytest
import torch
from torch import nn

from core.dreaming.variants import DREAMING
from core.registry import FAMILIES
from core.settings import ROOT
from core.tasks import TASKS, texts
from tests.core.support import built

# From the texts: epochs, batch size, learning rate, and what else differs from a task's own.
PUBLISHED: dict[tuple[str, str], tuple[int, int, float, dict[str, Any]]] = {
    ("denoising", "linear"): (10, 64, 1e-3, {"corruption": "gaussian", "strength": 0.5}),
    ("denoising", "conv"): (10, 64, 1e-3, {"corruption": "gaussian", "strength": 0.5}),
    ("denoising", "conv_pyramid"): (100, 200, 1e-3, {"corruption": "gaussian", "strength": 0.5}),
    ("denoising", "conv_plain"): (20, 200, 1e-3, {"corruption": "none"}),
    ("autoencoding", "ae_conv"): (
        30, 256, 1e-3, {"latent": 4, "weight_decay": 1e-5, "validation_share": 0.2}
    ),
    ("autoencoding", "ae_mlp3"): (100, 128, 1e-3, {"latent": 3}),
    ("autoencoding", "ae_conv_tiny"): (40, 128, 1e-3, {"latent": 32, "weight_decay": 1e-5}),
    ("autoencoding", "vae"): (100, 128, 1e-3, {"latent": 20, "likelihood": "bernoulli"}),
    ("autoencoding", "cvae"): (100, 128, 1e-3, {"latent": 20, "likelihood": "bernoulli"}),
    ("autoencoding", "vae_squared"): (100, 128, 1e-3, {"latent": 20, "beta": 1.0}),
    ("autoencoding", "cvae_squared"): (100, 128, 1e-3, {"latent": 20, "beta": 1.0}),
    ("adversarial", "gan"): (10, 128, 3e-4, {"train_images": 50_000, "critic_steps": 1}),
    ("adversarial", "lsgan"): (10, 128, 3e-4, {"train_images": 50_000, "critic_steps": 1}),
    ("adversarial", "dcgan"): (5, 128, 3e-4, {"train_images": 50_000, "critic_steps": 1}),
    # The text takes 16 real and 64 drawn images a step, ours 64 of both: its table says so.
    ("adversarial", "face_dcgan"): (10, 64, 2e-4, {"critic_steps": 1, "ema": 0.0}),
    ("recognition", "cnn"): (5, 64, 1e-2, {"shift": 0, "mirror": False, "weight_decay": 0.0}),
    ("recognition", "mlp"): (20, 64, 1e-2, {"mirror": False, "weight_decay": 0.0}),
    ("recognition", "resnet"): (10, 32, 1e-2, {"enlarge": 40, "mirror": True, "smoothing": 0.0}),
    ("forecasting", "lstm_forecast"): (1000, 1, 1e-2, {}),
    ("tagging", "tagger"): (300, 1, 1e-2, {"words": 8}),
    ("language", "ngram"): (100, 1, 1e-2, {}),
}  # fmt: skip

# From the texts: the weights of each layer in the order in which they are used, biases left out.
WEIGHTS: dict[tuple[str, str], list[tuple[int, ...]]] = {
    ("denoising", "linear"): [
        (128, 784), (64, 128), (32, 64), (64, 32), (128, 64), (784, 128)
    ],
    ("denoising", "conv"): [(64, 1, 3, 3), (128, 64, 3, 3), (64, 128, 3, 3), (1, 64, 3, 3)],
    ("denoising", "conv_pyramid"): [
        (32, 1, 3, 3), (32, 32, 3, 3), (16, 32, 3, 3), (16, 16, 3, 3), (32, 16, 3, 3),
        (32, 32, 3, 3), (1, 32, 3, 3),
    ],
    ("denoising", "conv_plain"): [
        (16, 1, 3, 3), (8, 16, 3, 3), (8, 8, 3, 3), (8, 8, 3, 3), (8, 8, 3, 3), (16, 8, 3, 3),
        (1, 16, 3, 3),
    ],
    ("autoencoding", "ae_conv"): [
        (8, 1, 3, 3), (16, 8, 3, 3), (32, 16, 3, 3), (128, 288), (4, 128),
        (128, 4), (288, 128), (32, 16, 3, 3), (16, 8, 3, 3), (8, 1, 3, 3),
    ],
    ("autoencoding", "ae_mlp3"): [
        (128, 784), (64, 128), (12, 64), (3, 12), (12, 3), (64, 12), (128, 64), (784, 128)
    ],
    ("autoencoding", "ae_conv_tiny"): [
        (16, 1, 3, 3), (8, 16, 3, 3), (8, 16, 3, 3), (16, 8, 5, 5), (8, 1, 2, 2)
    ],
    **{
        ("autoencoding", name): [(400, 784), (20, 400), (20, 400), (400, 20), (784, 400)]
        for name in ("vae", "vae_squared")
    },
    **{
        ("autoencoding", name): [(400, 794), (20, 400), (20, 400), (400, 30), (784, 400)]
        for name in ("cvae", "cvae_squared")
    },
    **{
        ("adversarial", name): [
            (1024, 96), (1024, 1024), (784, 1024), (256, 784), (256, 256), (1, 256)
        ]
        for name in ("gan", "lsgan")
    },
    ("adversarial", "dcgan"): [
        (1024, 96), (6272, 1024), (128, 64, 4, 4), (64, 1, 4, 4),
        (32, 1, 5, 5), (64, 32, 5, 5), (1024, 1024), (1, 1024),
    ],
    ("adversarial", "face_dcgan"): [
        (128, 512, 4, 4), (512, 256, 4, 4), (256, 128, 4, 4), (128, 64, 4, 4), (64, 3, 4, 4),
        (64, 3, 3, 3), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (1, 512, 4, 4),
    ],
    ("recognition", "cnn"): [
        (16, 1, 3, 3), (32, 16, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3),
        (1024, 2048), (128, 1024), (10, 128),
    ],
    ("recognition", "mlp"): [(300, 784), (100, 300), (10, 100)],
    ("recognition", "resnet"): [
        (64, 3, 7, 7),
        *[(64, 64, 3, 3)] * 4,
        (128, 64, 3, 3), (128, 128, 3, 3), (128, 64, 1, 1), *[(128, 128, 3, 3)] * 2,
        (256, 128, 3, 3), (256, 256, 3, 3), (256, 128, 1, 1), *[(256, 256, 3, 3)] * 2,
        (512, 256, 3, 3), (512, 512, 3, 3), (512, 256, 1, 1), *[(512, 512, 3, 3)] * 2,
        (10, 512),
    ],
}  # fmt: skip
LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


@pytest.mark.parametrize(("task", "variant"), PUBLISHED, ids="-".join)
def test_a_published_variant_has_the_values_of_the_text(task: str, variant: str) -> None:
    config = TASKS[task].config(variant).model_dump()
    epochs, batch_size, rate, more = PUBLISHED[task, variant]
    assert (config["epochs"], config["batch_size"], config["learning_rate"]) == (
        epochs, batch_size, rate,
    )  # fmt: skip
    assert {name: config[name] for name in more} == more


@pytest.mark.parametrize(("task", "variant"), WEIGHTS, ids="-".join)
def test_a_published_variant_has_the_layers_of_the_text(task: str, variant: str) -> None:
    model = built(TASKS[task], variant)
    assert isinstance(model, torch.nn.Module)
    shapes = [tuple(m.weight.shape) for m in model.modules() if isinstance(m, LAYERS)]
    assert shapes == WEIGHTS[task, variant]


def test_every_network_of_the_texts_is_compared() -> None:
    told = {(t.name, v.name) for t in TASKS.values() for v in t.variants.values() if v.text}
    in_words = {
        ("adversarial", "wgan_gp"), ("adversarial", "cgan"), ("translation", "cyclegan"),
    }  # fmt: skip
    elsewhere = {("transfer", v) for v in TASKS["transfer"].variants}  # heads: in their own tests
    untrained = ("lenet", "lenet_relu", "simple_cnn", "alexnet_small", "vgg_small", "inception")
    ours = {("recognition", name) for name in ("cnn_strong", *untrained)}  # in test_recognition
    assert told - in_words - elsewhere - ours == set(PUBLISHED)
    sequences = {(t.name, v) for t in TASKS.values() if t.medium != "pictures" for v in t.variants}
    assert set(PUBLISHED) - sequences == set(WEIGHTS)  # of sequences: in their own tests


def test_the_classic_dream_has_the_values_of_the_text() -> None:
    config = DREAMING.config("classic")
    assert (config.backbone, config.layers, config.measure) == ("vgg16", "27", "norm")
    assert (config.steps, config.rate, config.octaves) == (5, 0.2, 20)
    assert (config.blur, config.ratio, config.blend) == (2.0, 2.0, 0.6)
    assert config.squeeze and config.add_up


def test_every_variant_has_its_line_in_the_readme() -> None:
    readme = (ROOT / "core" / "README.md").read_text(encoding="utf-8")
    assert texts.table(FAMILIES.values(), named=True) in readme
    assert " ".join(texts.GENERAL.split()) in " ".join(readme.split())
    assert "exactly as published" not in readme
    for family in FAMILIES.values():
        for variant in family.variants.values():
            assert variant.differs, f"{variant.name} does not say where it differs"
            assert "|" not in variant.text + variant.differs, "it would end a cell"


def test_on_pages_variants_and_settings_are_called_by_their_titles() -> None:
    for family in FAMILIES.values():
        shown = texts.table([family])
        for name in [*family.variants, *family.config_class.model_fields]:
            assert f"`{name}`" not in shown
    assert "“Squeeze to 224” and “Gradients add up” can be changed" in texts.table([DREAMING])
    assert "| VAE, squared error | Lin 784-400" in texts.table([TASKS["autoencoding"]])
