"""Damaged runs hide nothing on any page that lists runs or models."""

import shutil
from pathlib import Path

import pytest

from core.runs import store
from core.runs.store import Run
from core.settings import settings
from tests.core.damages import DAMAGES, damaged
from tests.pages.test_pages import opened

PAGES = ["", "denoiser.py", "latent_explorer.py"]


@pytest.fixture
def spoilt(lab: Path) -> dict[str, str]:
    """The name of each damage by its run, beside a sound one."""
    shipped = next(
        run for run in store.all_runs()
        if run.spec().variant == "linear" and run.spec().dataset == "mnist"
    )  # fmt: skip
    path = settings().runs / "denoise-linear-mnist-0123abcd"
    shutil.copytree(shipped.path, path)
    return {run.id: name for name, run in damaged(Run(path))}


def test_the_page_of_runs_names_each_damaged_one(spoilt: dict[str, str]) -> None:
    app = opened("runs.py")
    assert not app.exception and not app.error
    table = app.dataframe[0].value
    damaged_names = [f"Damaged run {i}" for i in range(1, len(spoilt) + 1)]
    assert set(table.loc[table["State"] == "damaged", "Run"]) == set(damaged_names)
    done = table.set_index("Run").loc["Linear · MNIST · 0123abcd"]
    assert done["State"] == "done"
    assert not {*app.multiselect[0].options} & {*damaged_names}


@pytest.mark.parametrize("page", PAGES)
def test_pages_with_models_open_as_ever(spoilt: dict[str, str], page: str) -> None:
    app = opened(page)
    assert not app.exception and not app.error
    if not page:
        app.session_state["machine"] = True  # what is on this machine is folded away
        app.run()
        assert f"{len(DAMAGES) + 1} trained here" in " ".join(m.value for m in app.markdown)


def test_who_asked_for_a_damaged_run_can_delete_it(
    spoilt: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = spoilt
    monkeypatch.setattr("pages.server.visitor._anonymous", lambda cookies: "ann")
    Run(settings().runs / first).set_owners(["ann"])
    Run(settings().runs / second).set_owners(["bob"])
    app = opened("runs.py")
    said = " ".join(c.value for c in app.caption)
    assert "is missing or damaged" in said
    assert not any(word in said for word in (*spoilt, first[-8:], ".json", ".csv"))
    keys = [button.key for button in app.button if str(button.key).startswith("delete-")]
    assert keys == [f"delete-{first}"]
