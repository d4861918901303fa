"""Weights as they are kept: small, and near to what they were."""

import torch

from core.runs import weights
from core.runs.weights import packed, unpacked


def test_small_weights_are_kept_in_half_precision_and_counters_as_they_are():
    state = {"w": torch.randn(8, 8), "n": torch.tensor(3)}
    kept = packed(state)
    assert kept["w"].dtype == torch.float16 and kept["n"].dtype == torch.int64
    assert torch.equal(unpacked(kept)["w"], state["w"].half())


def test_numbers_beyond_half_precision_stay_as_they_are():
    variances = torch.tensor([1.0, 1e5])
    assert torch.equal(unpacked(packed({"running_var": variances}))["running_var"], variances)


def test_a_large_matrix_is_kept_in_eight_bits_with_a_scale_a_row(monkeypatch):
    monkeypatch.setattr(weights, "MIN_INT8_NUMBERS", 100)
    matrix = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    matrix[3] *= 50  # a row of another size spoils no other
    matrix[5] = 0
    kept = packed({"w": matrix, "b": torch.ones(20)})
    assert kept["w"].dtype == torch.int8 and set(kept) == {"w", "w.scale", "b"}
    back = unpacked(kept)
    assert set(back) == {"w", "b"}
    worst = (back["w"] - matrix).abs().amax(1)
    assert bool((worst <= matrix.abs().amax(1) / 254 * 1.01).all())
    again = unpacked(packed(back))["w"]
    assert torch.allclose(again, back["w"], atol=1e-7)  # kept a second time it stays as it is


def test_weights_that_were_never_packed_stay_as_they_are():
    state = {"a.weight": torch.randn(3, 3), "a.bias": torch.randn(3)}
    assert all(torch.equal(unpacked(state)[k], v) for k, v in state.items())
