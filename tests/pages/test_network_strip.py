"""The network as a strip of layers, on the pages Denoiser and VAE sampler."""

import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.inference import latent
from core.inference.activations import Layer
from core.runs.query import finished
from core.runs.store import Run
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.denoising import DENOISING
from pages.ui import network_strip
from tests.pages.test_pages import captions, opened
from tests.pages.test_picks import clicked

DENOISERS = [run for run in finished(DENOISING) if run.shipped]
AUTOENCODERS = [run for run in finished(AUTOENCODING) if run.shipped]
LEARNT = [run for run in DENOISERS if DENOISING.learns(run.spec().variant)]


def one_each(runs: list[Run]) -> list[Run]:
    """The first run of each variant."""
    return list({run.spec().variant: run for run in reversed(runs)}.values())


def strips(app: AppTest) -> list[str]:
    return [h.proto.body for h in app.get("html") if 'class="lab-strip"' in h.proto.body]


def heading(app: AppTest) -> str:
    return next(m.value for m in app.markdown if m.value.startswith("**"))


@pytest.mark.parametrize("page", ["denoiser.py", "vae_sampler.py"])
def test_nothing_is_computed_until_it_is_opened(lab, monkeypatch, page):
    def fail(*_: object) -> None:
        raise AssertionError("nobody has opened it")

    monkeypatch.setattr("pages.ui.cached.denoiser_activations", fail)
    monkeypatch.setattr("pages.ui.cached.autoencoder_activations", fail)
    app = opened(page)
    assert not app.exception and not strips(app)


@pytest.mark.parametrize("run", one_each(LEARNT), ids=lambda run: run.id)
def test_every_denoiser_can_be_looked_into(lab, run):
    app = opened("denoiser.py", model=run.id, inside="true")
    assert not app.exception and not app.error
    names = re.findall(r'aria-label="([^"]+)"', strips(app)[0])
    assert names[0] == "Input, 1 × 28 × 28" and names[-1] == "Output, 1 × 28 × 28"
    assert "Test image 0 of" in captions(app) and "numbers, from" in captions(app)


@pytest.mark.parametrize("run", one_each(AUTOENCODERS), ids=lambda run: run.id)
def test_every_autoencoder_can_be_looked_into(lab, run):
    app = opened("vae_sampler.py", model=run.id, inside="true")
    assert not app.exception and not app.error
    assert len(app.session_state["place"].code) == len(latent.dimensions(run))
    assert ". Mean µ<br>" in strips(app)[0] or "code_covariance" in run.metrics()
    assert re.match(r"\*\*\d+\. Code, \d+ numbers\*\*", heading(app)), "the code is open at first"


def test_a_classical_method_says_that_it_has_no_layers(lab):
    run = next(r for r in DENOISERS if r not in LEARNT)
    app = opened("denoiser.py", model=run.id, inside="true")
    assert not app.exception and not strips(app)
    assert any("no layers" in i.value for i in app.info)


def test_a_click_opens_a_layer_which_stands_in_the_address(lab, monkeypatch):
    run = next(r for r in LEARNT if r.spec().variant == "conv")
    app = opened("denoiser.py", model=run.id, inside="true")
    assert heading(app) == "**1. Convolution 3 × 3, 64 channels**"
    before = strips(app)
    clicked(monkeypatch, app, "layer-picks", 3)
    assert heading(app) == "**3. Convolution 3 × 3, 128 channels**"
    assert app.query_params["layer"] in ("3", ["3"])
    assert strips(app) == before, "the strip stays, and with it focus and scroll"
    assert "The strongest 64 of 128 channels" in captions(app)
    again = opened("denoiser.py", model=run.id, inside="true", layer="3")
    assert heading(again) == heading(app)


@pytest.mark.parametrize("layer", ["99", "x"])
def test_a_layer_that_the_network_does_not_have_is_left_out(lab, layer):
    run = next(r for r in LEARNT if r.spec().variant == "linear")
    app = opened("denoiser.py", model=run.id, inside="true", layer=layer)
    assert not app.exception
    assert heading(app) == "**3. Fully connected, 32 outputs (code)**"


def test_the_strip_follows_picture_and_strength(lab):
    app = opened("denoiser.py", inside="true")
    first = strips(app)
    app.number_input(key="one_of").set_value(2).run()
    second = strips(app)
    assert second != first and "Test image 1 of" in captions(app)
    app.slider(key="strength").set_value(0.1).run()
    assert not app.exception and strips(app) not in (first, second)


def test_the_strip_follows_the_code_and_without_an_image_has_a_decoder_only(lab):
    app = opened("vae_sampler.py", inside="true")
    moved = opened("vae_sampler.py", inside="true", code=",".join(["0.5"] * 16))
    assert not moved.exception and strips(moved) != strips(app)
    drawing = opened("vae_sampler.py", inside="true", source="Draw")
    assert not drawing.exception
    assert "Mean µ" not in strips(drawing)[0] and "no image to encode" in captions(drawing)


def test_the_strongest_channels_come_first_and_colours_follow_the_sign():
    maps = torch.zeros(3, 2, 2)
    maps[1], maps[2] = -4.0, 1.0
    assert network_strip.strongest(maps) == [1, 2, 0]
    coloured = network_strip._coloured(maps, maps)
    assert coloured[1, :, 0, 0].tolist() == [51, 140, 255]
    assert coloured[2, :, 0, 0].tolist() == [128, 76, 13]
    assert not coloured[0].any()


def test_each_skip_connection_is_an_arc():
    layers = [Layer("Input", "Input", "", torch.zeros(1, 4, 4), "input")]
    layers += [Layer(f"L{i}", "L", "", torch.ones(2, 4, 4)) for i in (1, 2)]
    assert "lab-arcs" not in network_strip.strip_html(layers).partition("</style>")[2]
    layers.append(Layer("Sum", "+", "", torch.ones(2, 4, 4), skip=1))
    html = network_strip.strip_html(layers)
    assert html.count("<span style") == 1 and html.count("data-pick=") == len(layers)
