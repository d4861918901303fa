"""What every test of pages begins with."""

from collections.abc import Iterator

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.jobs.scheduler import Cluster
from pages.ui import cached

WHOLE_PROCESS = ("manual_seed", "seed", "set_rng_state", "set_num_threads")
"""What belongs to every thread of a server alike."""


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """Lists of models are kept for two seconds: those of another lab are not this one's."""
    cached.forget_models()
    yield
    cached.forget_models()


@pytest.fixture(autouse=True)
def no_cluster_is_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that could ask for a run start no workers for it, which would outlive the tests."""
    monkeypatch.setattr(Cluster, "prepare", lambda self: None)


@pytest.fixture(autouse=True)
def nothing_of_the_process_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contract over all that pages call: whatever is asked of them, torch's global generator and
    number of threads stay, for many pages run in one process at once."""
    run = AppTest.run

    def watched(app: AppTest, *args: object, **more: object) -> AppTest:
        before, threads = torch.get_rng_state(), torch.get_num_threads()
        with pytest.MonkeyPatch.context() as inside:
            for name in WHOLE_PROCESS:
                inside.setattr(torch, name, _refused(name))
            result = run(app, *args, **more)
        assert torch.equal(before, torch.get_rng_state()), "a page moved torch's generator"
        assert torch.get_num_threads() == threads
        return result

    monkeypatch.setattr(AppTest, "run", watched)


def _refused(name: str):  # type: ignore[no-untyped-def]
    def refused(*args: object, **more: object) -> None:
        raise AssertionError(f"a page called torch.{name}")

    return refused
