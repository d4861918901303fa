"""A cover that is kept shows what the shipped network draws."""

import base64
import io

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from core.images import contact_sheet, fit
from core.inference import explain
from core.runs import store
from core.tasks import load_model
from core.tasks.transfer import TRANSFER
from pages.parts.home import covers


def drawn():
    """Two photographs, each with where the best shipped classifier looks in it."""
    shipped = covers.some_shipped(TRANSFER)[0]
    side = shipped.spec().data.shape[-1]
    crops = [p[:, 100:527] for p in load_sample_images().images]
    pixels = torch.stack([torch.from_numpy(p.copy()).permute(2, 0, 1) for p in crops])
    pixels = fit(pixels, (3, side, side))
    model = load_model(store.open_run(shipped.id))
    labels = explain.predict(model, pixels).probabilities.argmax(1).tolist()
    warm = [explain.heat(model, p[None], k) for p, k in zip(pixels, labels, strict=True)]
    seen = explain.overlaid(pixels, torch.cat(warm))
    strip = torch.stack([pixels[0], seen[0], pixels[1], seen[1]])
    return contact_sheet(strip[:, :, ::2, ::2] / 255, columns=4)


def test_the_classifier_s_cover_is_what_it_draws(lab):
    address, alt = covers.transfer_classifier()
    kept = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB")
    again = drawn()
    assert kept.size == (again.shape[1], again.shape[0]) and "where a network looks" in alt
    apart = np.abs(np.asarray(kept, dtype=float) - again)
    assert apart.mean() < 6, "what a lossy picture loses"
    assert np.abs(np.asarray(kept, dtype=float)[:, ::-1] - again).mean() > 30, (
        "another would not do"
    )
