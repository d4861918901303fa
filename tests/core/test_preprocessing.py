"""Preprocessing: as scikit-learn has it, found on some points and done to others."""

import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from core.foundations.preprocessing import METHODS, fitted

X = torch.tensor(load_wine().data[:, :5])
OTHERS = {
    "centre": StandardScaler(with_std=False),
    "scale": StandardScaler(),
    "pca": PCA(),
    "whiten": PCA(whiten=True),
}


@pytest.mark.parametrize("method", METHODS)
def test_as_scikit_learn(method: str) -> None:
    ours = fitted(method, X[:100])(X[100:])
    theirs = torch.tensor(OTHERS[method].fit(X[:100].numpy()).transform(X[100:].numpy()))
    if method == "whiten":
        theirs *= (100 / 99) ** 0.5  # it divides by n - 1
    signs = (ours * theirs).sum(0).sign()
    assert torch.allclose(ours, theirs * signs, rtol=1e-6, atol=1e-6)


def test_equal_numbers_stay() -> None:
    x = torch.tensor([[1.0, 2.0], [1.0, 4.0], [1.0, 9.0]], dtype=torch.float64)
    for method in METHODS:
        done = fitted(method, x)(x)
        assert done.isfinite().all() and done.mean(0).abs().max() < 1e-9
    assert fitted("whiten", x)(x).square().mean(0).tolist() == pytest.approx([1, 0])
