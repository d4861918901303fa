"""The tab “Paint”: what stands on its stage, and what a browser may say of it."""

import base64
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.runs.query import shipped
from core.tasks.diffusion import DIFFUSION
from pages.components import diffusion_paint
from pages.components.diffusion_paint import Painter, _checked
from pages.ui import cached, sending
from pages.ui.sending import ARRIVING, SENT, SentPicture

RUN = SimpleNamespace(
    id="diffuse-flow-mnist-00000000",
    shipped=True,
    version=lambda: 1,
    spec=lambda: SimpleNamespace(
        variant="flow", dataset="mnist", data=SimpleNamespace(shape=(1, 28, 28), classes=10)
    ),
)
PIXELS = np.arange(784, dtype=np.uint8).reshape(28, 28)


@pytest.fixture
def shown(monkeypatch):
    """What the component was given last."""
    given = {}

    def drawn(**data):
        given.update(data)

    # A canvas of another package can be imported within a run only.
    assert not AppTest.from_function(_imported, default_timeout=60).run().exception
    from pages.parts.diffusion import paint_tab

    monkeypatch.setattr(paint_tab, "network", lambda: RUN)
    monkeypatch.setattr(paint_tab, "paint", drawn)
    monkeypatch.setattr(paint_tab.cached, "browser_refusal", lambda run: given.get("refused"))
    monkeypatch.setattr(sending, "send_to", lambda pictures: None)
    return given


def _imported():
    from pages.parts.diffusion import paint_tab  # noqa: F401


def _tab():
    import streamlit as st

    from pages.parts.diffusion import paint_tab
    from pages.ui import links, sending

    st.session_state.setdefault("tab", "Paint")
    links.arrive("diffusion")
    sending.arrive("diffusion")
    paint_tab.panel()


def test_it_opens_with_a_test_image_and_takes_others(shown, lab):
    app = AppTest.from_function(_tab, default_timeout=60).run()
    assert not app.exception and shown["mode"] == "fill"
    assert shown["painter"].classes == list("0123456789") and shown["reader"].classes
    first = shown["picture"]
    assert first.shape == (28, 28) and first.dtype == np.uint8 and first.max() > 200
    app.number_input(key="fill_number").set_value(3).run()
    assert (shown["picture"] != first).any()
    app.session_state[SENT] = {"diffusion": SentPicture(torch.from_numpy(PIXELS)[None], "It", "X")}
    app.session_state[ARRIVING] = "diffusion"
    app.run()
    assert not app.exception and (shown["picture"] == PIXELS).all()
    app.session_state["fill_mode"] = "From a scribble"
    app.run()
    assert not app.exception and shown["mode"] == "scribble" and shown["picture"] is None


def test_a_network_whose_images_are_not_here_begins_with_what_it_draws(shown, lab, monkeypatch):
    from pages.parts.diffusion import paint_tab

    app = AppTest.from_function(_tab, default_timeout=60).run()
    assert not app.exception and shown["picture"].shape == (28, 28)
    (faces,) = shipped(DIFFUSION, "faces")
    monkeypatch.setattr(paint_tab, "network", lambda: faces)
    app.run()
    first = shown["picture"]
    assert not app.exception and first.shape == (32, 32) and first.std() > 20
    app.number_input(key="fill_noise").set_value(3).run()
    assert (shown["picture"] != first).any()


def test_the_server_finishes_where_a_network_is_too_large(shown, lab, monkeypatch):
    from pages.parts.diffusion import paint_by_server, paint_tab

    shown["refused"] = "This network is too large for the browser (9 million weights)."
    flow = next(run for run in shipped(DIFFUSION, "mnist") if run.spec().variant == "flow")
    holes, results = torch.zeros(308, 308, dtype=torch.uint8), []
    holes[154:] = 255  # the lower half
    monkeypatch.setattr(paint_tab, "network", lambda: flow)
    monkeypatch.setattr(paint_by_server, "mask_canvas", lambda picture, hint: holes)
    monkeypatch.setattr(paint_by_server, "_results", lambda run, drawn, _: results.append(drawn))
    app = AppTest.from_function(_tab, default_timeout=60)
    app.query_params["measured_steps"] = "5"
    app.run()
    assert not app.exception and app.info[0].value.startswith(shown["refused"])
    assert "picture" not in shown and not results
    next(b for b in app.button if b.label == "Finish it").click().run()
    assert not app.exception and not app.error
    original = cached.test_pictures("mnist", paint_tab.FIRST, 1).pixels
    result = (results[0] * 255).round().byte()
    assert torch.equal(result[:, :, :14], original[:, :, :14].expand(4, -1, -1, -1))
    assert not torch.equal(result[0, :, 14:], result[1, :, 14:])
    holes.zero_()
    app.run()
    assert len(results) == 1  # other holes have to be asked for
    app.session_state["fill_mode"] = "From a scribble"
    app.run()
    app.session_state["fill_sheet"] = "Test image"
    app.run()
    assert not app.toggle  # nothing is known of a scribble, by which guesses were corrected
    next(b for b in app.button if b.label == "Finish it").click().run()
    assert not app.exception and not app.error
    assert results[1].shape == results[0].shape and "The scribble" in app.html[0].value


def test_an_upload_that_is_no_picture_is_said(shown, lab):
    app = AppTest.from_function(_tab, default_timeout=60).run()
    app.session_state["fill_source"] = "Upload"
    app.run()
    app.file_uploader(key="upload").set_value(("evil.png", b"not a picture", "image/png")).run()
    assert not app.exception and "evil.png" in app.error[0].value
    assert "it appears here" in app.info[0].value


def test_what_a_browser_says_is_checked():
    good = base64.b64encode(PIXELS.tobytes()).decode()
    of = ("t", "fill")
    said = {"token": "t", "mode": "fill", "pixels": good}
    result = _checked(said, of, (28, 28))
    assert result is not None and (result == PIXELS).all()
    others = ({"token": "u"}, {"mode": "scribble"}, {"pixels": "é"}, {"pixels": 3},
              {"pixels": good[:-4]})  # fmt: skip
    for bad in (None, [], {}, *(said | other for other in others)):
        assert _checked(bad, of, (28, 28)) is None


def test_a_picture_of_another_shape_is_refused():
    painter = Painter("/api/x", (1, 28, 28), "MNIST")
    for picture in (None, PIXELS[:20], PIXELS.astype(float)):
        with pytest.raises(ValueError, match="picture"):
            diffusion_paint.paint(key="p", painter=painter, mode="fill", picture=picture)
