"""A decoder as bytes: what is in the header, where the weights lie, and what is refused."""

import json

import numpy as np
import pytest
import torch
from support import built
from torch import nn

from core.errors import LabError
from core.inference.browser_decoder import pack_decoder
from core.models import autoencoders, gans
from core.models.autoencoders import Autoencoder
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING

SHAPE = (1, 28, 28)


def unpacked(content: bytes) -> tuple[dict, np.ndarray]:
    length = int.from_bytes(content[:4], "little")
    assert length % 4 == 0
    return json.loads(content[4 : 4 + length]), np.frombuffer(content[4 + length :], "<f2")


def of(*layers: nn.Module, latent: int = 4) -> Autoencoder:
    return Autoencoder(nn.Sequential(), nn.Sequential(*layers), latent).eval()


def picture(*layers: nn.Module) -> Autoencoder:
    """The layers between a code of four numbers and a picture of one pixel and three colours."""
    return of(*layers, nn.Linear(4, 3), nn.Unflatten(1, (3, 1, 1)))


@pytest.mark.parametrize("variant", AUTOENCODING.variants)
def test_every_autoencoder_can_be_packed(variant):
    model = built(AUTOENCODING, variant).eval()
    header, weights = unpacked(pack_decoder(model))
    assert (header["latent"], header["classes"]) == (model.latent, model.classes)
    assert header["output"] == model.output
    assert header["shape"] == list(SHAPE)
    assert header["layers"][-1]["out"][0] in (1, 28)
    for before, after in zip(header["layers"], header["layers"][1:], strict=False):
        assert np.prod(before["out"]) == np.prod(after["in"])
    assert np.isfinite(weights).all()


@pytest.mark.parametrize("variant", ADVERSARIAL.variants)
def test_every_generator_can_be_packed(variant):
    model = built(ADVERSARIAL, variant).eval()
    header, weights = unpacked(pack_decoder(model))
    assert (header["latent"], header["classes"]) == (model.latent, model.classes)
    assert header["output"] == "tanh"
    assert tuple(header["shape"]) == ADVERSARIAL.variants[variant].shape
    assert header["layers"][0]["in"][-1] == model.latent + model.classes
    assert np.isfinite(weights).all()


def test_a_class_is_embedded_by_the_first_layer():
    model = gans.dcgan(SHAPE, 3).eval()
    header, weights = unpacked(pack_decoder(model))
    rows = weights[: 99 * 1024].reshape(99, 1024)
    first, classes = model.generator[0].weight.double(), model.classes_drawn.weight.double()
    assert (rows[:96] == first[:, :96].T.detach().numpy().astype("<f2")).all()
    assert np.allclose(rows[96:], (classes @ first[:, 96:].T).detach(), rtol=1e-3, atol=1e-6)
    assert header["classes"] == 3


def test_a_class_that_no_linear_layer_takes_is_refused():
    generator = nn.Sequential(nn.Unflatten(1, (36, 1, 1)), nn.ConvTranspose2d(36, 1, 4))
    model = gans.GAN(generator, nn.Sequential(), nn.Linear(1, 1), 4, classes=2)
    with pytest.raises(LabError, match="linear layer only"):
        pack_decoder(model)


def test_weights_lie_where_the_header_says_with_outputs_last():
    model = autoencoders.vae(SHAPE, 5, 3).eval()
    header, weights = unpacked(pack_decoder(model))
    first, second = header["layers"]
    assert (first["kind"], first["activation"]) == ("linear", "relu")
    assert (first["in"], first["out"]) == ([1, 1, 8], [1, 1, 400])
    assert "activation" not in second
    wanted = model.decoder[2].weight.T.detach().numpy().astype("<f2").ravel()
    assert (weights[second["weight"] :][: wanted.size] == wanted).all()
    assert second["bias"] == second["weight"] + wanted.size
    assert len(weights) == second["bias"] + 784


def test_convolutions_are_laid_out_for_channels_that_lie_side_by_side():
    model = of(
        nn.Unflatten(1, (2, 2, 1)),
        nn.ConvTranspose2d(2, 3, (2, 3), stride=2, bias=False),
        nn.Conv2d(3, 1, (3, 2), stride=(2, 1), padding=(1, 0)),
    )
    header, weights = unpacked(pack_decoder(model))
    reorder, up, conv = header["layers"]
    assert reorder["kind"] == "to_hwc" and reorder["shape"] == [2, 2, 1]
    assert (up["kind"], up["in"], up["out"]) == ("conv_transpose", [2, 1, 2], [4, 3, 3])
    assert (conv["kernel"], conv["stride"], conv["padding"]) == ([3, 2], [2, 1], [1, 0])
    for facts, weight, order in (
        (up, model.decoder[1].weight, (0, 2, 3, 1)),
        (conv, model.decoder[2].weight, (2, 3, 1, 0)),
    ):
        wanted = weight.detach().permute(order).numpy().astype("<f2").ravel()
        assert (weights[facts["weight"] :][: wanted.size] == wanted).all()
    assert (weights[up["bias"] : up["bias"] + 3] == 0).all()


def test_batch_norm_is_folded_before_anything_is_rounded():
    model = picture(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.SiLU())
    linear, norm = model.decoder[0], model.decoder[1]
    with torch.no_grad():
        linear.weight.copy_(1e-6 * torch.randn(4, 4))  # in half precision hardly anything is left
        linear.bias.copy_(100 + 1e-4 * torch.arange(4))
        norm.running_mean.fill_(100)
        norm.running_var.fill_(1e-12)
        norm.eps = 1e-12
        norm.weight.copy_(torch.tensor([1.0, 2, -1, 0.5]))
        norm.bias.copy_(torch.arange(4.0))
    header, weights = unpacked(pack_decoder(model))
    first = header["layers"][0]
    assert first["activation"] == "silu"
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    wanted = (linear.weight.double().T * scale).detach().numpy()
    assert np.allclose(weights[:16].reshape(4, 4), wanted, rtol=1e-3)
    shifted = (linear.bias.double() - 100) * scale + norm.bias
    assert np.allclose(weights[first["bias"] :][:4], shifted.detach(), rtol=1e-3)


def test_batch_norm_after_an_activation_is_a_scale_and_goes_on_to_the_next_biases():
    norm, up = nn.BatchNorm2d(2).double(), nn.ConvTranspose2d(2, 1, 4, stride=2, padding=1).double()
    with torch.no_grad():
        norm.running_mean.copy_(torch.tensor([0.5, -1]))
        norm.running_var.copy_(torch.tensor([4, 0.25]))
        norm.weight.copy_(torch.tensor([-3, 2]))
        norm.bias.copy_(torch.tensor([0.1, -0.2]))
    model = of(nn.Linear(4, 8), nn.Unflatten(1, (2, 2, 2)), nn.ReLU(), norm, up)
    header, weights = unpacked(pack_decoder(model))
    _, reorder, scale, last = header["layers"]
    assert (reorder["activation"], scale["kind"], last["map"]) == ("relu", "affine", True)
    result = weights[scale["weight"] :][:8].reshape(2, 2, 2)  # (H, W, C): of a channel all the same
    assert np.allclose(result, [-1.5, 4], rtol=1e-3)
    assert (weights[scale["bias"] :][:2] == 0).all()  # zeros stay zeros, and are skipped
    with torch.inference_mode():
        wanted = up(norm(torch.zeros(1, 2, 2, 2).double())).numpy().ravel()
    assert np.allclose(weights[last["bias"] :], wanted, rtol=1e-3)
    assert len(set(wanted)) > 1  # less of the shift reaches the border


def test_a_shift_before_an_activation_is_added_there():
    header, weights = unpacked(pack_decoder(picture(nn.ReLU(), nn.BatchNorm1d(4), nn.Tanh())))
    assert [layer["kind"] for layer in header["layers"]] == ["copy", "affine", "linear"]
    model = picture(nn.ReLU(), nn.BatchNorm1d(4), nn.Tanh())
    with torch.no_grad():
        model.decoder[1].bias.copy_(torch.arange(4.0))
    header, weights = unpacked(pack_decoder(model))
    _, scale, added, last = header["layers"]
    assert (added["kind"], added["activation"], last["kind"]) == ("affine", "tanh", "linear")
    assert (weights[scale["bias"] :][:4] == 0).all()
    assert (weights[added["bias"] :][:4] == np.arange(4)).all()


def test_an_activation_without_a_layer_before_it_stands_alone():
    header, _ = unpacked(pack_decoder(picture(nn.LeakyReLU(0.3), nn.Tanh())))
    first, second, *_ = header["layers"]
    assert (first["kind"], first["activation"], first["slope"]) == ("copy", "leaky_relu", 0.3)
    assert (second["kind"], second["activation"]) == ("copy", "tanh")


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([nn.GELU()], "layer 0 of this network, a GELU"),
        (
            [
                nn.Unflatten(1, (4, 1, 1)),
                nn.BatchNorm2d(4, track_running_stats=False),
                nn.Flatten(),
            ],
            "layer 1 of this network, a BatchNorm2d: it keeps no running",
        ),
        (
            [nn.Unflatten(1, (4, 1, 1)), nn.Conv2d(4, 4, 1, groups=2), nn.Flatten()],
            "a Conv2d: groups",
        ),
        (
            [nn.Unflatten(1, (4, 1, 1)), nn.Conv2d(4, 4, 1, padding="same"), nn.Flatten()],
            "named padding",
        ),
        (
            [
                nn.Unflatten(1, (1, 2, 2)),
                nn.Upsample(scale_factor=2, mode="bilinear"),
                nn.Flatten(),
                nn.Linear(16, 4),
            ],
            "an? Upsample: it repeats pixels",
        ),
    ],
)
def test_what_the_browser_cannot_run_is_refused_with_its_name(layers, told):
    with pytest.raises(LabError, match=told):
        pack_decoder(picture(*layers))


def test_what_ends_in_no_picture_is_refused():
    with pytest.raises(LabError, match="does not end in one picture"):
        pack_decoder(of(nn.Linear(4, 3)))


@pytest.mark.parametrize("value", [7e4, float("nan"), float("inf")])
def test_weights_beyond_half_precision_are_refused(value):
    model = picture()
    with torch.no_grad():
        model.decoder[0].weight[0, 0] = value
    with pytest.raises(LabError, match="too large"):
        pack_decoder(model)


def test_the_model_stays_as_it_was():
    model = autoencoders.ae_conv(SHAPE, 4).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    pack_decoder(model)
    assert all(m.training for m in model.modules())
    assert all((v == before[k]).all() for k, v in model.state_dict().items())
