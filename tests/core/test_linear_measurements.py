"""Measurements: orthonormal rows, adjoints, projections, and what they are to measure."""

import pytest
import torch

from core.data.corruptions import corrupt_seeded
from core.errors import LabError
from core.inference.linear_measurements import KINDS, Measurement, holes, measure

SHAPE = (3, 28, 28)
EVERY = [(name, level) for name, kind in KINDS.items() for level in kind.levels]


def pictures(count: int = 2) -> torch.Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kind", "level"), EVERY)
def test_rows_are_orthonormal_and_a_projection_has_the_numbers(kind: str, level: float) -> None:
    made = measure(SHAPE, kind, level)
    torch.testing.assert_close(
        made.rows @ made.rows.T, torch.eye(len(made.rows)), rtol=0, atol=2e-5
    )
    assert 0 < made.share < 1
    x, other = pictures().split(1)
    numbers = made.of(x)
    projected = made.project(other, numbers)
    torch.testing.assert_close(made.of(projected), numbers, rtol=0, atol=1e-4)
    # the nearest there is: no farther than the picture itself, and what it is moved by is seen
    moved = projected - other
    assert moved.norm() <= (x - other).norm()
    torch.testing.assert_close(made.back(made.of(moved)), moved, rtol=0, atol=1e-4)
    # ⟨M a, b⟩ = ⟨a, Mᵀ b⟩
    torch.testing.assert_close((made.of(x) * numbers).sum(), (x * made.back(numbers)).sum())
    shown = made.shown(x)
    assert shown.shape == x.shape
    assert 0 <= float(shown.min()) <= float(shown.max()) <= 1


def test_each_kind_measures_what_it_says() -> None:
    x = pictures()
    boxes = measure(SHAPE, "boxes", 4)
    means = torch.nn.functional.avg_pool2d(x, 4)
    torch.testing.assert_close(boxes.of(x) / 4, means.flatten(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        boxes.shown(x), means.repeat_interleave(4, 2).repeat_interleave(4, 3), rtol=0, atol=1e-5
    )
    blurred = measure(SHAPE, "blur", 2)
    torch.testing.assert_close(blurred.shown(x), corrupt_seeded(x, "blur", 0.5, 0))
    half = measure(SHAPE, "bottom", 0.5).shown(x)
    assert torch.allclose(half[..., :14, :], x[..., :14, :], atol=1e-6)
    assert torch.equal(half[..., 14:, :], torch.full_like(half[..., 14:, :], 0.5))
    for kind in ("pixels", "patterns"):
        assert len(measure(SHAPE, kind, 0.1).rows) == 78
        assert torch.equal(measure(SHAPE, kind, 0.1, 3).rows, measure(SHAPE, kind, 0.1, 3).rows)
        assert not torch.equal(measure(SHAPE, kind, 0.1, 3).rows, measure(SHAPE, kind, 0.1).rows)


def test_what_blur_leaves_says_what_the_known_patterns_were() -> None:
    """The numbers of the known patterns follow from the blurred picture alone."""
    made = measure((1, 28, 20), "blur", 1.5)
    x = pictures()[:1, :1, :, :20]
    # Two pictures that differ only in patterns which are lost look the same but for a twentieth.
    other = made.project(
        torch.rand(x.shape, generator=torch.Generator().manual_seed(9)), made.of(x)
    )
    assert (made.shown(other.clamp(0, 1)) - made.shown(x)).abs().max() < 0.2
    unclamped = other - x
    assert unclamped.abs().max() > 0.3


def test_masks_that_leave_nothing_to_do_are_refused() -> None:
    with pytest.raises(LabError, match="covers the whole"):
        holes(torch.ones(4, 4))
    with pytest.raises(LabError, match="covers nothing"):
        holes(torch.zeros(4, 4))
    with pytest.raises(LabError, match="one number for each pixel"):
        holes(torch.ones(1, 4, 4))
    made = holes(torch.eye(4))
    assert isinstance(made, Measurement)
    with pytest.raises(LabError, match="4×4 pixels"):
        made.of(torch.zeros(1, 1, 4, 5))


@pytest.mark.parametrize(
    ("kind", "level", "sentence"),
    [
        ("nothing", 1, "no measurement called"),
        ("bottom", 1.0, "choose from 25% of the rows"),
        ("pixels", float("nan"), "choose from 2%"),
        ("boxes", 3, "no whole boxes of 3×3"),
        ("boxes", 2.5, "no whole boxes"),
        ("blur", 1000, "choose from σ of 1 pixels"),
    ],
)
def test_impossible_levels_are_refused(kind: str, level: float, sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        measure(SHAPE, kind, level)
