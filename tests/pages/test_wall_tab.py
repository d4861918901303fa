"""The wall of pictures: what an address and a browser may say, and what the server draws."""

import base64

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from core.counter_random import noises, normal, stream
from core.inference import noise_walls
from core.inference.noise_walls import WallSettings
from core.models.denoising_nets import DiffusionNet
from core.models.sampling import Sampling
from core.tasks.diffusion import DIFFUSION
from pages.components import diffusion_wall
from pages.components.diffusion_wall import Controls, read
from pages.ui import cached
from tests.pages.test_pages import opened

NAMES = [*Controls._fields, "other thing"]


@given(
    some.dictionaries(some.sampled_from(NAMES), some.text(max_size=8)), some.sampled_from([0, 10])
)
def test_whatever_an_address_says_can_be_drawn(values, classes):
    at = read(values, classes)
    diffusion_wall.drawing(at, classes)
    assert 1 <= at.steps <= 100 and 0 <= at.eta <= 1 and 0 <= at.guidance <= 4
    assert 0 <= at.noise <= 9999 and 0 <= at.mix <= 1 and 0 <= at.picture < 20
    assert at.at is None or 0 <= at.at <= 1
    assert at.other is None or 0 <= at.other < 20


def test_an_address_is_read():
    said = {"asked": "7", "steps": "10000", "sampler": "heun", "guidance": "2.5", "noise": "-4"}
    at = read(said | {"at": "0.25", "show": "guess", "eta": "nan"}, 10)
    assert at[:7] == ("7", 100, "heun", 1.0, 2.5, 0, 0.25)
    assert at.show == "guess"
    assert read({"asked": "10"}, 10).asked == "each", "there is no such class"
    assert read({"asked": "3"}, 0).asked == "any", "it was told none"
    asked = diffusion_wall.drawing(at, 10)
    assert asked == WallSettings((7,) * 20, 0, Sampling(100, 2, 0.0, 2.5))
    each = diffusion_wall.drawing(read({"sampler": "ddim", "eta": "0.5"}, 10), 10)
    assert each.labels == (*range(10), *range(10)) and each.how.eta == 0.5


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"page": "deepdream", "pixels": 7},
        {"page": "deepdream", "pixels": "%%"},
        {"page": "deepdream", "pixels": base64.b64encode(b"few").decode()},
        {"page": "elsewhere", "pixels": base64.b64encode(bytes(12)).decode()},
    ],
)
def test_what_a_browser_sends_is_checked(said):
    assert diffusion_wall._checked(said, (3, 2, 2), {"deepdream": "DeepDream"}) is None


def test_a_picture_that_is_sent():
    pixels = base64.b64encode(bytes(range(12))).decode()
    said = {"page": "deepdream", "pixels": pixels}
    sent = diffusion_wall._checked(said, (3, 2, 2), {"deepdream": "DeepDream"})
    assert sent is not None and sent.page == "deepdream"
    assert sent.pixels[:, 0, 1].tolist() == [3, 4, 5]


def test_the_noise_of_pictures_is_by_counter():
    drawn = noises(3, (3, 4, 4), 5)
    own = normal(5, stream("noise", 2), 48).reshape(4, 4, 3)
    assert np.array_equal(drawn[2], own.transpose(2, 0, 1))


class OfFlow:
    """A run as far as drawing needs one."""

    def spec(self):
        return self

    variant = "flow"


def test_the_server_s_pictures_come_out_of_the_same_noise_however_many():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DiffusionNet((1, 8, 8), 8, 3, blind=False).eval()
    noise = torch.from_numpy(noises(3, (1, 8, 8), 1)).float()
    how = Sampling(steps=4)
    drawn = noise_walls.drawn(OfFlow(), model, noise, WallSettings((0, 1, -1), 1, how))
    first = noise_walls.drawn(OfFlow(), model, noise[:1], WallSettings((0,), 1, how))
    assert drawn.shape == (3, 1, 8, 8) and drawn.min() >= 0 and drawn.max() <= 1
    assert torch.allclose(drawn[:1], first, atol=1e-5)
    path = noise_walls.paths(OfFlow(), model, noise, WallSettings((0, 1, -1), 1, how), 3)
    path = path.view(3, 3, 1, 8, 8)
    assert torch.allclose(path[:, 0], (noise.clamp(-1, 1) + 1) / 2)
    assert torch.allclose(path[:, -1], drawn, atol=1e-5)


def test_without_a_network_the_page_says_so(lab, monkeypatch):
    monkeypatch.setattr(cached, "models", lambda task: [])
    app = opened("diffusion.py")
    assert not app.exception
    assert any("No diffusion" in str(info.value) for info in app.info)


def test_where_the_browser_cannot_the_server_draws(lab, monkeypatch):
    if not cached.models(DIFFUSION.name):
        pytest.skip("no diffusion ships")
    monkeypatch.setattr(diffusion_wall, "failure", lambda url: "It is too large.")
    app = opened("diffusion.py", steps="2", noise="3", asked="7")
    assert not app.exception and not app.error
    assert app.number_input[0].value == 2 and app.number_input[1].value == 3
    assert any("The server draws" in str(info.value) for info in app.info)
    assert any("data:image" in h.proto.body for h in app.get("html"))
