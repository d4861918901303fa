"""A page that is loaded again finds its visitor's runs, also those that have ended meanwhile."""

import os
import time

import pytest
from streamlit.testing.v1 import AppTest

from core import training
from core.errors import LabError
from core.execution import carry_out
from core.projection import map_runs
from core.runs import store
from pages.ui import cached
from pages.ui.durations import estimate
from pages.ui.names import run_name
from pages.ui.training_panel import RECENT_SECONDS
from tests.pages.test_pages import ROUTER, TIMEOUT

ANN = "a" * 32


def page(name, visitor=ANN, **query):
    """A new tab of somebody's."""
    app = AppTest.from_file(ROUTER, default_timeout=TIMEOUT)
    app.session_state["visitor"] = visitor
    for key, value in query.items():
        app.query_params[key] = value
    cached.forget_models()
    return app.switch_page(name).run()


def asked(question, state, owner=ANN, **more):
    run = store.create(question.run_id, question.config)
    run.set_owners([owner])
    run.update(state=state, **more)
    return run


def linear(**values):
    return training.make_request("denoising", "linear", "digits", {"epochs": 3, **values})


def panel(app):
    """The captions and buttons; a button's key has the id of its run."""
    return " ".join([*(c.value for c in app.caption), *(f"{b.label} {b.key}" for b in app.button)])


@pytest.mark.parametrize(
    ("state", "button"),
    [("done", "Use this model"), ("cancelled", "Resume"), ("failed", "Resume"),
     ("queued", "Cancel")],
)  # fmt: skip
def test_a_training_is_still_there_after_a_reload_however_it_ended(lab, state, button):
    if state == "done":
        run = asked(linear(train_images=64), "queued")
        carry_out(run)
    else:
        run = asked(linear(), state, error="No." if state == "failed" else "")
    app = page("denoiser.py", tab="Train your own")
    assert not app.exception
    assert run.id in panel(app) and button in panel(app)
    captions = [caption.value for caption in app.caption]
    assert run_name(run) in captions and run.id not in " ".join(captions)


def test_what_is_under_way_comes_before_what_has_ended_and_that_not_for_ever(lab):
    old, new = asked(linear(seed=1), "cancelled"), asked(linear(seed=2), "cancelled")
    past = time.time() - RECENT_SECONDS - 1
    os.utime(old.path / "status.json", (past, past))
    assert new.id in panel(page("denoiser.py", tab="Train your own"))
    os.utime(new.path / "status.json", (past, past))
    shown = panel(page("denoiser.py", tab="Train your own"))
    assert old.id not in shown and new.id not in shown
    waiting = asked(linear(seed=3), "queued")
    os.utime(waiting.path / "status.json", (past, past))
    asked(linear(seed=4), "cancelled")
    assert waiting.id in panel(page("denoiser.py", tab="Train your own"))


def test_a_damaged_run_of_mine_hides_no_other(lab):
    run, bad = asked(linear(seed=1), "cancelled"), asked(linear(seed=2), "failed")
    (bad.path / "status.json").write_text("{")
    with pytest.raises(LabError):
        bad.status()
    app = page("denoiser.py", tab="Train your own")
    assert not app.exception and run.id in panel(app)


def test_a_map_is_found_again(lab):
    run = asked(map_runs.make_request("pca", "digits", {"points": 50}), "cancelled")
    app = page("latent_explorer.py", tab="Make a map")
    assert run.id in panel(app) and "Resume" in panel(app)


def test_a_run_is_not_shown_to_others_nor_on_another_familys_page(lab):
    run = asked(linear(), "cancelled")
    assert run.id not in panel(page("denoiser.py", "b" * 32, tab="Train your own"))
    app = page("denoiser.py", tab="Train your own")
    assert run.id in panel(app)
    app.query_params["tab"] = "Train your own"
    app.switch_page("gan_gallery.py").run()
    assert run.id not in panel(app)


def test_a_guess_is_told_as_a_range_and_no_more_exactly_than_it_is():
    spans = ((0.2, 0.9), (3.26, 7.81), (48, 151), (1143, 4440), (60, 60))
    estimates = ["1 s", "3 s to 8 s", "48 s to 2 min 30 s", "19 min to 74 min", "1 min"]
    assert [estimate(*span) for span in spans] == estimates
