"""The tab Measure on diffusions that have learnt nothing: it draws, and says what cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import store
from core.runs.store import Run
from pages.ui import cached
from tests.core.support import untaught_diffusion

Make = Callable[[str], Run]


@pytest.fixture
def make(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a finished run with small random weights, as if it were shipped."""
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")

    def made(variant: str) -> Run:
        run = untaught_diffusion(variant)
        cached.forget_models()
        return run

    return made


def opened(**query: str) -> AppTest:
    def tab() -> None:
        from pages.parts.diffusion import measure_tab

        measure_tab.measure()

    app = AppTest.from_function(tab, default_timeout=120)
    app.session_state["send_takers"] = ("diffusion", [])
    app.session_state["links_page"] = "diffusion"
    for name, value in query.items():
        app.query_params[name] = value
    return app.run()


def shown(app: AppTest) -> str:
    return " ".join(h.proto.body for h in app.get("html"))


def captions(app: AppTest) -> str:
    return " ".join(str(c.value) for c in app.caption)


def test_without_a_network_there_is_a_sentence(lab, monkeypatch):
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    app = opened()
    assert not app.exception
    assert "No diffusion" in app.info[0].value


def test_samples_their_mean_and_a_pixels_filter_are_drawn(make):
    make("flow")
    app = opened(measured_steps="5")
    assert not app.exception and not app.error
    for text in ("What is known", "118 numbers of 784", "Mean of 6", "Sample 6", "Spread"):
        assert text in shown(app)
    assert "times the squared error of their mean" in captions(app)
    before = shown(app)
    app.slider(key="filter_noise").set_value(1.2).run()
    assert "σ = 1.20" in shown(app)
    app.selectbox(key="known").select("boxes").run()
    assert "49 numbers of 784" in shown(app) != before
    app.selectbox(key="known_class").select("3").run()
    app.slider(key="known_guidance").set_value(1.0).run()
    assert not app.exception and not app.error


def test_bits_are_measured_when_they_are_asked_for(make, monkeypatch):
    monkeypatch.setattr("core.inference.flow_likelihood.STEPS", 2)
    make("flow")
    app = opened(measured_steps="5")
    assert not app.metric
    next(b for b in app.button if b.label == "Measure").click().run()
    assert not app.exception and not app.error
    assert "over n = 10 test images" in captions(app) and "±" in captions(app)
    assert len(app.metric) == 2 or len(app.warning) == 1  # figures, or why there are none


def test_a_blind_network_has_its_own_steps_and_no_bits(make):
    make("denoiser_prior")
    app = opened(ascent_steps="5", known="Blur", row="99", column="-4", known_seed="x")
    assert not app.exception and not app.error
    assert "Pseudo-inverse" in shown(app)
    assert not [b for b in app.button if b.label == "Measure"]
    assert [(t.key, t.value) for t in app.toggle] == [("ascent_corrected", False)]
