"""The programs that benchmarks hold ours against are those of the texts."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from core.tasks.autoencoding import AUTOENCODING
from core.tasks.base import unit
from tests.benchmarks import text_dcgan, text_vae
from tests.core.support import built, tiny


class Numbered(Dataset[Any]):
    """Images that say which they are, and which were asked for."""

    def __init__(self, count: int) -> None:
        self.count, self.asked = count, list[int]()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        self.asked.append(index)
        return torch.full((1, 28, 28), index / self.count), 0


def test_the_text_s_vae_has_the_loss_of_ours() -> None:
    model, text, images = built(AUTOENCODING, "vae_squared"), text_vae.VAE(), tiny(AUTOENCODING)
    ours = [model.encoder[1], model.encoder[3].mu, model.encoder[3].logvar,
            model.decoder[0], model.decoder[2]]  # fmt: skip
    theirs = [text.fc1, text.fc21, text.fc22, text.fc3, text.fc4]
    for a, b in zip(theirs, ours, strict=True):
        a.load_state_dict(b.state_dict())
    x = ((unit(images.pixels) - 0.5) / 0.5).flatten(1)
    assert float(x.min()) == -1 and float(x.max()) == 1
    torch.manual_seed(5)
    with torch.no_grad():
        wanted = float(text_vae.loss_function(*_reordered(text(x), x)))
    learner = AUTOENCODING.learner(
        AUTOENCODING.experiment("vae_squared", AUTOENCODING.config("vae_squared"), model)
    )
    told = learner.step(images, 0.5, torch.Generator().manual_seed(5))
    assert told["loss"] == pytest.approx(wanted, rel=1e-5)


def _reordered(answer: tuple[Tensor, Tensor, Tensor], x: Tensor) -> tuple[Tensor, ...]:
    drawn, mu, logvar = answer
    return drawn, x, mu, logvar


def test_the_text_s_dcgan_takes_the_first_images_in_order_and_draws_noise_once_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Tensor] = []
    sample_noise = text_dcgan.sample_noise

    def noted(count: int) -> Tensor:
        drawn.append(sample_noise(count))
        return drawn[-1]

    monkeypatch.setattr(text_dcgan, "sample_noise", noted)
    monkeypatch.setattr(text_dcgan, "BATCH", 4)
    monkeypatch.setattr(text_dcgan, "NUM_TRAIN", 10)
    images = Numbered(13)
    batches = text_dcgan.text_loop(images)
    assert [next(batches) for _ in range(4)] == [4, 4, 2, 4], "the last batch is kept"
    assert images.asked == [*range(10), *range(4)], "ten images of thirteen, in their order"
    assert [len(noise) for noise in drawn] == [4, 4, 2, 4], "both steps on the same noise"
    assert all(noise.abs().max() <= 1 for noise in drawn)
