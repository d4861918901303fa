"""DeepDream's presets: six pictures of what grows, each a click that sets the controls."""

import io

import numpy as np
import pytest
from PIL import Image

from core.dreaming import dream_runs, starting_pictures
from core.errors import LabError
from pages.parts.deepdream import presets
from pages.parts.deepdream.presets import PRESETS
from tests.pages.test_pages import opened
from tests.pages.test_picks import clicked

PAGE = "deepdream.py"


@pytest.fixture(autouse=True)
def no_guess(monkeypatch):
    """The time of a dream is not measured here, and none is previewed."""

    def unknown(*_):
        raise LabError("not measured")

    monkeypatch.setattr("pages.ui.cached.dreams.seconds", unknown)
    monkeypatch.setattr("pages.ui.cached.dreams.preview", lambda request: None)


def shown(app, with_="") -> list[str]:
    """The presets on the page whose button has this."""
    html = "".join(h.proto.body for h in app.get("html"))
    return [
        name
        for name in PRESETS
        if any(f'data-pick="{name}"' in b and with_ in b for b in html.split("<button"))
    ]


def test_a_click_sets_the_controls_and_marks_the_card(lab, monkeypatch):
    app = opened(PAGE, picture="A flower")
    assert shown(app) == list(PRESETS)
    for name, preset in PRESETS.items():
        clicked(monkeypatch, app, presets.PICKS, name)
        for key, value in presets.values(preset).items():
            assert app.session_state[key] == value
        assert shown(app, 'aria-pressed="true"') == [name]


def test_other_kinds_of_dream_have_none(lab):
    app = opened(PAGE, kind="Zoom", picture="A flower")
    assert not shown(app)


@pytest.mark.parametrize("name", PRESETS)
def test_each_can_be_asked_for_and_has_a_small_picture(name):
    dream_runs.make_request(
        presets.VARIANT, starting_pictures.sample(presets.SAMPLE), PRESETS[name].settings()
    )
    assert presets.file(name).stat().st_size < 9_000


def test_a_picture_is_what_its_settings_dream():
    kept = Image.open(io.BytesIO(presets.file("stripes").read_bytes())).convert("RGB")
    again, kept = presets.draw("stripes").astype(float), np.asarray(kept, dtype=float)
    assert kept.shape == again.shape
    assert np.abs(kept - again).mean() < 15, "what a lossy picture loses"
    assert np.abs(kept[:, ::-1] - again).mean() > 45, "another would not do"
