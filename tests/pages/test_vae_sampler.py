"""The VAE sampler as a program sees it: places in the space, links, tabs, faults."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from core.inference import latent
from core.runs.query import finished
from core.tasks.autoencoding import AUTOENCODING
from pages.components import live
from pages.parts.vae_sampler import measures
from tests.pages.test_pages import opened

PAGE = "vae_sampler.py"
TABS = [
    "Samples",
    "Posterior",
    "Traversals",
    "Plane",
    "Between",
    "Codes",
    "Learning",
    "What is happening",
]
MODELS = [run for run in finished(AUTOENCODING) if run.shipped]
VARIANTS = {run.spec().variant for run in MODELS}
CONDITIONAL = next(run for run in MODELS if latent.class_names(run))


def place(app: AppTest) -> tuple[list[float], int | None]:
    result = app.session_state["place"]
    return result.code, result.label


def test_every_variant_ships():
    assert {"ae_conv", "ae_mlp3", "ae_conv_tiny", "vae", "cvae", "vae_conv"} <= VARIANTS
    assert {"vae_squared", "cvae_squared"} <= VARIANTS
    sizes = {(r.spec().variant, r.spec().config["latent"]) for r in MODELS}
    assert {("ae_conv", 2), ("ae_conv", 4), ("vae", 2)} <= sizes
    assert ("vae_conv", "fashion-mnist") in {(r.spec().variant, r.spec().dataset) for r in MODELS}


def test_it_opens_on_the_code_of_a_test_image_and_another_brings_its_own(lab):
    app = opened(PAGE)
    assert not app.exception
    assert not app.error
    run = finished(AUTOENCODING)[0]
    model = latent.network(run)
    code = latent.encode(model, latent.test_images(run.spec().dataset, 0, 1).pixels)[0]
    assert place(app)[0] == pytest.approx(code.tolist(), abs=1e-3)
    before = place(app)
    app.number_input(key="first").set_value(7).run()
    assert place(app) != before
    app.number_input(key="first").set_value(0).run()
    assert place(app) == before


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("variant", ["cvae", "ae_mlp3"])
def test_each_tab_opens_with_a_class_and_without_a_prior(lab, tab, variant):
    run = next(r for r in MODELS if r.spec().variant == variant)
    app = opened(PAGE, tab=tab, model=run.id)
    assert app.selectbox(key="model").value == run.id
    assert not app.exception
    assert not app.error


def test_a_link_with_a_code_opens_on_it(lab):
    latents = len(latent.dimensions(MODELS[0]))
    code = [0.5] * latents
    app = opened(PAGE, code=",".join(map(str, code)))
    assert place(app)[0] == pytest.approx(code)
    assert not app.warning


def test_a_wrong_code_in_a_link_is_said_and_left_out(lab):
    plain = place(opened(PAGE))
    for code in ("1,2", "nan", "<script>", "," * 5000):
        app = opened(PAGE, code=code)
        assert not app.exception
        assert any("code" in w.value for w in app.warning)
        assert place(app) == plain


def test_a_class_that_the_model_does_not_have_is_left_out(lab):
    latents = len(latent.dimensions(CONDITIONAL))
    again = opened(PAGE, model=CONDITIONAL.id, code=",".join(["0"] * latents), **{"class": "12"})
    assert any("classes 0 to 9" in w.value for w in again.warning)


def test_the_samples_follow_the_seed(lab):
    def sheets(app: AppTest) -> list[str]:
        body = next(h.proto.body for h in app.get("html") if "Pictures drawn by" in h.proto.body)
        return re.findall(r'src="([^"]+)"', body)

    app = opened(PAGE, tab="Samples")
    first = sheets(app)
    assert len(first) == 3  # a plain autoencoder, a VAE and a conditional one
    app.number_input(key="sample_seed").set_value(1).run()
    assert all(a != b for a, b in zip(first, sheets(app), strict=True))
    app.number_input(key="sample_seed").set_value(0).run()
    assert sheets(app) == first


def posterior_cards(app: AppTest) -> list[str]:
    body = next(
        h.proto.body for h in app.get("html") if 'data-picks="posterior-picks"' in h.proto.body
    )
    return re.findall(r'src="([^"]+)"', body)


def test_the_draws_of_a_posterior_follow_the_seed_and_the_image(lab):
    app = opened(PAGE, tab="Posterior")
    first = posterior_cards(app)
    app.number_input(key="posterior_seed").set_value(1).run()
    second = posterior_cards(app)
    assert not app.exception and len(first) == len(second) == 9
    assert first[:2] == second[:2], "the original and what µ gives"
    assert all(a != b for a, b in zip(first[2:], second[2:], strict=True))
    assert posterior_cards(opened(PAGE, tab="Posterior", posterior_seed="1")) == second
    app.number_input(key="first").set_value(7).run()
    assert not set(posterior_cards(app)) & set(second)


def test_a_posterior_says_what_it_costs_with_unit_and_n(lab):
    run = next(r for r in MODELS if r.spec().variant == "vae" and r.spec().config["latent"] > 2)
    app = opened(PAGE, tab="Posterior", model=run.id)
    said = " ".join(c.value for c in app.caption)
    cloud = latent.posterior(latent.network(run), latent.test_images("mnist", 0, 1).pixels)
    assert f"{float(cloud.kl.sum()):.1f} nats" in said and "1 nat is 1.44 bits" in said
    assert f"the mean of 10,000 test images is {run.metrics()['kl']:.1f}" in said
    conditional = opened(PAGE, tab="Posterior", model=CONDITIONAL.id)
    assert any("given the class 7" in c.value for c in conditional.caption)


def test_only_a_cloud_is_drawn_on_the_pad(lab, monkeypatch):
    shown = []
    monkeypatch.setattr(live, "latent", lambda **data: shown.append(data["original"].sigma))
    for variant in ("vae_conv", "ae_conv"):
        run = next(r for r in MODELS if r.spec().variant == variant)
        app = opened(PAGE, tab="Posterior", model=run.id)
        assert not app.exception
    assert len(shown[0]) == 16 and all(0 < s < 1.5 for s in shown[0]) and shown[1] is None
    assert any("no cloud around it" in i.value for i in app.info)


def test_without_an_image_there_is_no_posterior(lab):
    app = opened(PAGE, tab="Posterior", source="Draw")
    assert not app.exception
    assert any("its posterior appears here" in i.value for i in app.info)


def test_a_run_of_another_data_set_is_guessed_a_class(lab):
    app = opened(PAGE)
    app.selectbox(key="model").set_value(CONDITIONAL.id).run()
    app.selectbox(key="dataset").set_value("fashion-mnist").run()
    assert not app.exception
    assert not app.error
    assert place(app)[1] in range(10)


def test_an_image_of_another_kind_is_called_strange(lab):
    app = opened(PAGE, dataset="fashion-mnist")
    run = next(r for r in MODELS if r.spec().dataset == "mnist")
    app.selectbox(key="model").set_value(run.id).run()
    app.selectbox(key="dataset").set_value("fashion-mnist").run()
    app.number_input(key="first").set_value(1).run()  # a pullover
    assert any("strange" in m.value for m in app.markdown)


def test_a_decoder_that_no_browser_can_run_gets_sliders_of_the_server(lab, monkeypatch):
    from pages.ui import cached

    monkeypatch.setattr(cached, "browser_refusal", lambda run: "A layer is unknown.")
    app = opened(PAGE)
    assert not app.exception
    assert any("A layer is unknown." in i.value for i in app.info)
    before = next(h.proto.body for h in app.get("html") if "Decoded" in h.proto.body)
    slider = next(s for s in app.slider if s.label.startswith("Dimension "))
    slider.set_value(2.0).run()
    after = next(h.proto.body for h in app.get("html") if "Decoded" in h.proto.body)
    assert after != before
    assert 2.0 in place(app)[0]
    assert "code" in app.query_params


def test_every_class_is_among_the_samples(lab, monkeypatch):
    from pages.parts.vae_sampler import sampling
    from pages.ui import cached

    assert sampling.columns(CONDITIONAL) == 10 and sampling.columns(MODELS[0]) == 8
    result = cached.sampled(cached.Draws(CONDITIONAL, 80, 10, 0, 1.0, False))
    assert result.labels.tolist() == list(range(10)) * 8  # a column each
    result = cached.sampled(cached.Draws(CONDITIONAL, 16, 2, 0, 1.0, False))
    assert set(result.labels.tolist()) == set(range(10))  # more than there are columns
    monkeypatch.setattr(latent, "class_names", lambda run: ("a",) * 47)
    assert sampling.columns(CONDITIONAL) * sampling.ROWS >= 47


def test_the_table_of_bounds_says_what_they_bound(lab):
    app = opened(PAGE, tab="Learning")
    table = next(d.value for d in app.dataframe if "Bounds of" in d.value)
    rows = table.set_index("Model")["Bounds of"].to_dict()
    assert rows["Class-conditional VAE, 20 numbers"] == "p(x | class)"
    assert rows["VAE, 20 numbers"] == "p(x)"
    said = " ".join(c.value for c in app.caption)
    assert "at β = 1" in said and "500 draws for each of 1,000 test images" in said
    assert "costs 45.5 nats at least on MNIST" in said


def test_a_server_s_own_verdict_is_that_of_the_browser(lab, monkeypatch):
    from pages.ui import cached

    monkeypatch.setattr(cached, "browser_refusal", lambda run: "A layer is unknown.")
    vae = next(r for r in MODELS if r.spec().variant == "vae" and r.spec().config["latent"] > 2)

    def said(**query: str) -> str:
        app = opened(PAGE, model=vae.id, **query)
        return " ".join(m.value for m in [*app.markdown, *app.caption])

    assert "code of the image" in said()
    assert "too near to the middle" in said(code=",".join(["0"] * 20))
    assert "outside the prior" in said(code=",".join(["3"] * 20))


def test_bounds_of_another_likelihood_stand_in_columns_of_their_own(lab):
    run = next(r for r in MODELS if r.spec().variant == "vae_squared")
    app = opened(PAGE, tab="Learning")
    app.selectbox(key="model").set_value(run.id).run()
    assert not app.exception
    table = app.dataframe[0].value.set_index("Model")
    squared = table[table["Likelihood"] == "squared error"]
    assert len(squared) == 2 and squared[["Negative ELBO", "IWAE bound"]].isna().all(axis=None)
    gaussian = squared[["Negative ELBO (Gaussian)", "IWAE bound (Gaussian)"]]
    assert gaussian.notna().all(axis=None) and (gaussian < 0).all(axis=None)
    bernoulli = table[table["Likelihood"] == "Bernoulli"]
    assert bernoulli["Negative ELBO"].notna().all()
    assert bernoulli["Negative ELBO (Gaussian)"].isna().all()
    assert any("a Gaussian likelihood" in c.value for c in app.caption)
    older = measures._figures_by_column({"negative_elbo": -3.0, "negative_iwae": -4.0}, "gaussian")
    assert older["Negative ELBO"] is None and older["IWAE bound (Gaussian)"] == -4.0


@pytest.mark.parametrize(
    ("others", "curve", "said"),
    [
        (("vae", "vae_squared"), "loss", True),
        (("vae", "vae_squared"), "test_psnr", False),
        (("vae", "vae"), "loss", False),
    ],
)
def test_losses_of_other_kinds_are_not_compared_in_silence(lab, others, curve, said):
    ids = [f"autoencode-{name}-mnist-dd3f87e3" for name in others]
    ids = ids if len(set(ids)) > 1 else [ids[0], "autoencode-vae-mnist-a66e81fd"]
    app = opened("runs.py", compare=ids, curve=curve)
    assert not app.exception
    assert any("their heights do not compare" in c.value for c in app.caption) == said
