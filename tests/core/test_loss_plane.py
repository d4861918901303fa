"""The loss on planes through trained networks."""

import pytest
import torch

from core.foundations import loss_plane
from core.foundations.loss_plane import Plane, directions, losses
from core.runs import store
from core.tasks import load_model
from core.tasks.base import unit
from core.training import request


@pytest.mark.parametrize("shipped", loss_plane.shipped(), ids=lambda plane: plane.variant)
def test_what_ships_is_the_loss_of_the_network(shipped: Plane) -> None:
    run = store.open_run(shipped.run)
    model, images = (
        load_model(run),
        request.test_images(run).choice(shipped.images, loss_plane.SEED),
    )
    result = losses(model, images, torch.tensor([0.0, shipped.reach]))
    kept = torch.tensor(shipped.losses)
    middle = len(kept) // 2
    expected = kept[[middle, -1]][:, [middle, -1]].double()
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        logits = model(unit(images.pixels))
    own = torch.nn.functional.cross_entropy(logits, images.labels)
    assert result[0, 0].item() == pytest.approx(own.item(), rel=1e-5)
    assert kept.min() > 0.95 * kept[middle, middle]  # trained: hardly anything around it is lower


def test_each_filter_of_a_direction_is_as_long_as_the_networks() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    first, second = directions(model)
    own = model[0].weight.flatten(1).norm(dim=1)
    for direction in (first, second):
        torch.testing.assert_close(direction["0.weight"].flatten(1).norm(dim=1), own)
        assert not direction["0.bias"].any() and not direction["1.weight"].any()
    assert not torch.equal(first["0.weight"], second["0.weight"])
