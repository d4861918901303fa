"""Trainings of diffusions: what a straightened flow begins with, and what is kept of its pairs."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import LabError
from core.execution import carry_out
from core.runs import store
from core.runs.store import Run
from core.settings import settings
from core.tasks import diffusion, load_model
from core.training import make_request

TINY: dict[str, Any] = {"epochs": 1, "train_images": 16, "batch_size": 8, "width": 8}


@pytest.fixture(autouse=True)
def quick(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, few samples and pairs, nothing shipped."""
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")
    settings.cache_clear()
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    monkeypatch.setattr(type(diffusion.DIFFUSION), "most_test", 20)
    for name, value in {"SAMPLES": 10, "SAMPLES_AN_EPOCH": 10, "PAIRS": 8, "ROWS": 1}.items():
        monkeypatch.setattr(diffusion, name, value)
    monkeypatch.setattr(diffusion, "FEW_STEPS", (1,))
    monkeypatch.setattr(diffusion, "USUAL", diffusion.Sampling(steps=2))


def trained(variant: str, **values: Any) -> Run:
    question = make_request("diffusion", variant, "digits", {**TINY, **values})
    run = store.create(question.run_id, question.config)
    carry_out(run)
    assert run.status().state == "done", run.status().error
    return run


def test_a_straightened_flow_begins_with_a_flow_and_with_no_other() -> None:
    flow, ddpm = trained("flow"), trained("ddpm")
    kept = trained("reflow", epochs=0, start_from=flow.id)
    pairs = zip(
        load_model(flow).state_dict().values(), load_model(kept).state_dict().values(), strict=True
    )
    assert all(torch.equal(a, b) for a, b in pairs)
    straightened = trained("reflow", start_from=flow.id)
    assert straightened.metrics()["fid_by_steps"].keys() == {"1", "20"}
    with pytest.raises(LabError, match="is no finished reflow"):
        make_request("diffusion", "reflow", "digits", {**TINY, "start_from": ddpm.id})
