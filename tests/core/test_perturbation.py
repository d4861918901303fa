"""Adversarial steps on classifiers, beside random ones."""

import pytest
import torch
from torch.nn import functional as F

from core.data import Images
from core.errors import Cancelled, LabError
from core.inference.perturbation import accuracies, directions, moved, random_directions, steps
from core.models.convnets import Recogniser, lenet_relu
from core.tasks.classification import RECOGNITION
from tests.core.support import tiny

IMAGES = tiny(RECOGNITION, "test", 250, "cnn")


@pytest.fixture(scope="module")
def model() -> Recogniser:
    """A network that has learnt the digits a little."""
    train = tiny(RECOGNITION, "train", 600, "cnn")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = lenet_relu((1, 28, 28), 10)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        F.cross_entropy(net(train.pixels / 255), train.labels).backward()
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return net.eval()


def test_a_step_goes_up_the_loss_and_leaves_the_network_alone(model: Recogniser) -> None:
    pixels, labels = IMAGES.pixels[:20], IMAGES.labels[:20]
    signs = directions(model, pixels, labels)
    x = (pixels / 255).requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), labels), x)
    assert torch.equal(signs, gradient.sign())
    assert all(p.grad is None for p in model.parameters())
    after = moved(pixels, signs, 8)
    assert after.dtype == torch.uint8 and int((after.int() - pixels.int()).abs().max()) == 8
    with torch.inference_mode():
        before, later = (F.cross_entropy(model(p / 255), labels) for p in (pixels, after))
    assert later > before


def test_adversarial_steps_cost_more_than_random_ones_and_none_cost_nothing(
    model: Recogniser,
) -> None:
    measured = accuracies(model, IMAGES, (0, 16, 48))
    plain = int((model(IMAGES.pixels / 255).argmax(1) == IMAGES.labels).sum())
    assert measured[0].adversarial == measured[0].random == plain > 0.7 * 250
    assert measured[2].adversarial < measured[1].adversarial < measured[1].random
    assert all(m.n == 250 for m in measured)
    low, high = measured[1].interval(measured[1].adversarial)
    assert low < measured[1].adversarial / 250 < high
    assert accuracies(model, IMAGES, (0, 16, 48)) == measured, "seeded"


def test_one_picture_with_the_answers_to_it(model: Recogniser) -> None:
    known = steps(model, IMAGES.pixels[:1], 16, int(IMAGES.labels[0]))
    assert float(known.before.probabilities.sum()) == pytest.approx(1)
    label = int(IMAGES.labels[0])
    assert known.adversarial.probabilities[label] < known.before.probabilities[label]
    own = steps(model, IMAGES.pixels[:1], 16)
    answer = int(own.before.probabilities.argmax())
    assert own.adversarial.probabilities[answer] < own.before.probabilities[answer]
    none = steps(model, IMAGES.pixels[:1], 0)
    assert torch.equal(none.adversarial.pixels, IMAGES.pixels[:1])
    assert not torch.equal(random_directions((1, 9), 0), random_directions((1, 9), 1))


def test_what_cannot_be_done_is_refused(model: Recogniser) -> None:
    with pytest.raises(LabError, match="0 to 64"):
        steps(model, IMAGES.pixels[:1], 65)
    with pytest.raises(LabError, match="from 0 to 9"):
        steps(model, IMAGES.pixels[:1], 8, 10)
    with pytest.raises(LabError, match="no test images"):
        accuracies(model, Images(IMAGES.pixels[:0], IMAGES.labels[:0]), (8,))

    def cancel(stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        accuracies(model, IMAGES, (8,), check=cancel)
    broken = lenet_relu((1, 28, 28), 10).eval()
    with torch.no_grad():
        broken.head.bias[0] = float("inf")
    with pytest.raises(LabError, match=r"no numbers .* head.bias"):
        steps(broken, IMAGES.pixels[:1], 8)
