"""GANs in training: who moves when, whose gradient is whose, and the generator's average."""

from copy import deepcopy
from typing import Any

import pytest
import torch

from core.models.gans import seeded_noise
from core.tasks import adversarial
from core.tasks.adversarial import ADVERSARIAL, BATCH_NORM_SEED, AdversarialLearner
from core.tasks.base import unit
from tests.core.games import copied, digits, equal, learner, network, seeded

SMALL = [name for name in ADVERSARIAL.variants if name != "face_dcgan"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statistics of an average's batch norms over few batches."""
    monkeypatch.setattr(adversarial, "BATCH_NORM_BATCHES", 3)


# ---- who moves when


def test_the_generator_moves_at_every_third_step_only() -> None:
    made, generator = learner("wgan_gp", critic_steps=3, ema=0), seeded()
    moved = []
    for _ in range(7):
        before = copied(made.sides["critic"]), copied(made.sides["generator"])
        told = made.step(digits("wgan_gp"), 0.0, generator)
        assert not equal(before[0], made.sides["critic"])
        moved.append(not equal(before[1], made.sides["generator"]))
        assert {"generator_loss", "generator_gradient"} < set(told), "a column has no holes"
    assert moved == [True, False, False, True, False, False, True]


@pytest.mark.parametrize("variant", ["gan", "cgan"])
def test_a_side_is_taught_by_its_own_loss_alone(variant: str) -> None:
    made, images = learner(variant), digits(variant)
    noise = made.gan.latents(torch.randn(8, 128, generator=seeded()))
    before = copied(made.sides["critic"])
    made.generator_step(made.gan.draw(noise, images.labels), images.labels)
    assert equal(before, made.sides["critic"])
    assert all(p.grad is None and p.requires_grad for p in made.sides["critic"])
    assert all(p.grad is not None for p in made.sides["generator"])
    before = copied(made.sides["generator"])
    for p in made.sides["generator"]:
        p.grad = None
    fake = made.gan.draw(noise, images.labels).detach()
    made.critic_step(2 * unit(images.pixels) - 1, fake, images.labels, seeded())
    assert equal(before, made.sides["generator"])
    assert all(p.grad is None for p in made.sides["generator"])


@pytest.mark.parametrize("variant", SMALL)
def test_a_generator_learns_to_please_a_critic_that_is_held(variant: str) -> None:
    made, generator = learner(variant, critic_steps=1, penalty=0, ema=0), seeded()
    made.optimisers["critic"].param_groups[0]["lr"] = 0.0
    told = [made.step(digits(variant), 0.0, generator) for _ in range(12)]
    assert told[-1]["generator_loss"] < told[0]["generator_loss"]
    assert told[-1]["fake_score"] > told[0]["fake_score"]


# ---- the average


def averaged(variant: str, steps: int, **values: Any) -> AdversarialLearner:
    made, generator = learner(variant, **values), seeded()
    for _ in range(steps):
        made.step(digits(variant), 0.0, generator)
    return made


def test_the_average_is_a_running_mean_that_forgets_the_first_weights() -> None:
    made, generator = learner("gan", critic_steps=2, ema=0.15), seeded()
    assert made.average is not None
    mean = copied(made.sides["generator"])
    for turn, past in enumerate((0.1, 0.15, 0.15)):  # (1 + turn) / (10 + turn) at most
        for _ in range(2):
            made.step(digits("gan"), 0.0, generator)
        now = made.sides["generator"]
        mean = [past * m + (1 - past) * w.detach() for m, w in zip(mean, now, strict=True)]
        for found, expected in zip(made.average.generator_parameters(), mean, strict=True):
            torch.testing.assert_close(found.detach(), expected, msg=f"turn {turn}")


def test_the_result_is_the_average_with_statistics_of_its_own() -> None:
    made = averaged("dcgan", 3, ema=0.9)
    before = deepcopy(made.gan.state_dict())
    result = made.eval_model()
    assert result is made.average and result is not made.gan
    assert not equal(result.generator_parameters(), made.gan.generator_parameters())
    assert equal(result.critic_parameters(), made.gan.critic_parameters())
    noise = result.latents(seeded_noise(3 * 128, BATCH_NORM_SEED))
    seen = result.generator[0](noise).relu().detach()
    norm: Any = result.generator[2]
    torch.testing.assert_close(norm.running_mean, seen.mean(0), rtol=1e-4, atol=1e-5)
    variances = torch.stack([part.var(0) for part in seen.split(128)]).mean(0)
    torch.testing.assert_close(norm.running_var, variances, rtol=1e-4, atol=1e-5)
    assert norm.momentum == 0.1
    after = made.gan.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before), "what is trained is left alone"
    first = deepcopy(result.state_dict())
    again = made.eval_model().state_dict()
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert averaged("dcgan", 1).eval_model().state_dict().keys() == first.keys()


def test_without_an_average_the_network_itself_is_the_result() -> None:
    made = averaged("gan", 1)
    assert made.average is None and made.eval_model() is made.gan


@pytest.mark.parametrize(("variant", "steps"), [("wgan_gp", 4), ("cgan", 2), ("gan", 1)])
def test_a_learner_goes_on_in_the_middle_of_its_turns(variant: str, steps: int) -> None:
    values: dict[str, Any] = {"critic_steps": 3, "ema": 0.9}
    first = averaged(variant, steps, **values)
    first.eval_model()  # as after every epoch
    other = learner(variant, network(variant, seed=1), **values)
    other.load_state_dict(deepcopy(first.state_dict()))
    for seed in (1, 2, 3):
        told = [m.step(digits(variant), 0.5, seeded(seed)) for m in (first, other)]
        assert told[0] == told[1]
    pairs = zip(
        first.eval_model().state_dict().items(),
        other.eval_model().state_dict().items(),
        strict=True,
    )
    assert all(torch.equal(a, b) for (_, a), (_, b) in pairs)
    assert equal(list(first.gan.parameters()), list(other.gan.parameters()))
