"""Runs made by the code as it was in November 2026, in `runs_before`: finished, and half trained.

They were made with `train` for two epochs on 100 of scikit-learn's digits; the second one was
killed in its second epoch, and `resumed.safetensors` is what that code then made of it.
"""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.execution import carry_out
from core.jobs import queue
from core.registry import checked, kind
from core.runs import store
from core.runs.query import finished
from core.settings import settings
from core.tasks.denoising import DENOISING
from core.training import make_request

BEFORE = Path(__file__).parent / "runs_before"
DONE, HALF = "denoise-conv_plain-digits-26baa600", "denoise-conv_plain-digits-1b59fbe6"


@pytest.fixture(autouse=True)
def shelf(lab: Path) -> None:
    for run_id in (DONE, HALF):
        shutil.copytree(BEFORE / run_id, settings().runs / run_id)


def test_a_finished_run_of_before_is_found_and_measured_again() -> None:
    (run,) = finished(DENOISING, "digits")
    assert run.id == DONE and checked(run).variant == "conv_plain"
    assert queue.mine(run, "ann") and not queue.mine(run, "bob")
    values = {"epochs": 2, "train_images": 100}
    assert make_request("denoising", "conv_plain", "digits", values).run_id == DONE
    figures, stored = kind("denoising").evaluate(run, lambda stage: None), run.metrics()
    assert figures["psnr"] == pytest.approx(stored["psnr"], abs=0.01)


def test_a_half_trained_run_of_before_goes_on_where_it_stopped() -> None:
    run = store.open_run(HALF)
    assert run.status().state == "running" and len(run.history()) == 1
    assert [waiting.id for waiting in queue.active()] == [HALF]
    assert carry_out(run).state == "done"
    assert len(run.history()) == 2
    for name, tensor in load_file(BEFORE / "resumed.safetensors").items():
        torch.testing.assert_close(
            run.weights()[name].float(), tensor.float(), atol=1e-3, rtol=1e-2
        )
