"""The pages as a program sees them: drawn from shipped runs, driven by widgets and by the URL."""

import math
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import data
from core.errors import LabError
from core.images import to_png
from core.runs import store
from core.runs.query import finished
from core.tasks.denoising import DENOISING
from pages.parts.denoiser import stage as parts
from pages.server import previews
from pages.ui.names import run_names
from pages.ui.settings_table import titles_and_values

ROUTER = Path(__file__).resolve().parents[2] / "pages" / "router.py"
TIMEOUT = 120
SHIPPED = [run for run in store.all_runs() if run.shipped]


def opened(page: str = "", **query: str) -> AppTest:
    app = AppTest.from_file(ROUTER, default_timeout=TIMEOUT)
    for name, value in query.items():
        app.query_params[name] = value
    if page:
        app.switch_page(page)
    return app.run()


def stage(app: AppTest) -> str:
    return next(h.proto.body for h in app.get("html") if "stage" in h.proto.body)


def captions(app: AppTest) -> str:
    return " ".join(str(c.value) for c in app.caption)


def test_home_shows_the_state_of_the_machine(lab):
    app = opened()
    assert not app.exception and not app.error and app.title
    app.session_state["machine"] = True
    text = " ".join(m.value for m in app.run().markdown)
    assert f"{len(SHIPPED)} shipped, 0 trained here" in text
    assert "Digits" in text
    assert "empty; the local cluster starts when needed" in text
    assert "what draws its cover" not in text, "a constant's docstring is no text of the page"


def test_the_denoiser_has_a_picture_that_a_slider_changes_and_changes_back(lab):
    app = opened("denoiser.py")
    before = stage(app)
    assert before.count('src="data:image/png;base64,') == 4 and "dB" in before
    app.slider(key="strength").set_value(0.8).run()
    assert stage(app) != before
    app.slider(key="strength").set_value(0.5).run()
    assert stage(app) == before


def test_what_a_look_ahead_shows_is_what_comes_when_the_slider_is_let_go(lab, monkeypatch):
    monkeypatch.setattr(previews, "PREVIEWS", previews.LRUCache(8))
    app = opened("denoiser.py")
    (look,) = previews.PREVIEWS.values()
    ahead = look(0.8)
    app.slider(key="strength").set_value(0.8).run()
    assert ahead in stage(app)
    for outside in (-0.05, 1.05, float("nan")):
        with pytest.raises(LabError, match="between 0 and 1"):
            look(outside)


def test_a_look_ahead_of_the_scrubber_is_by_its_place(lab, monkeypatch):
    monkeypatch.setattr(previews, "PREVIEWS", previews.LRUCache(8))
    app = opened("denoiser.py", tab="Over epochs")
    _, look = previews.PREVIEWS.values()
    (scrubber,) = app.select_slider
    first, last = scrubber.options[0], scrubber.options[-1]
    drawn = " ".join(h.proto.body for h in app.get("html"))
    assert f"after epoch {last}" in drawn and look(len(scrubber.options) - 1) in drawn
    ahead = look(0)
    scrubber.set_value(int(first)).run()
    assert ahead in " ".join(h.proto.body for h in app.get("html"))
    for outside in (-1, len(scrubber.options), float("nan")):
        with pytest.raises(LabError, match="no such sheet"):
            look(outside)


@pytest.mark.parametrize(
    ("model", "kept"),
    [("denoise-unet-mnist-dd3f87e3", False), ("denoise-unet-fashion-mnist-ddc1fb35", True)],
)
def test_a_curve_of_test_images_that_was_not_kept_is_missed_aloud(lab, model, kept):
    app = opened("denoiser.py", tab="Over epochs", model=model)
    assert not app.exception and not app.error
    assert any("no figures of test images" in c.value for c in app.caption) is not kept


def test_a_copied_link_draws_the_same_picture(lab):
    app = opened("denoiser.py")
    app.slider(key="strength").set_value(0.75).run()
    app.number_input(key="seed").set_value(7).run()
    again = opened("denoiser.py", strength="0.75", seed="7")
    assert stage(again) == stage(app)
    assert stage(again) != stage(opened("denoiser.py"))


def test_nonsense_in_the_url_falls_back_to_the_default(lab):
    nonsense = {
        "strength": "9", "model": "denoise-nothing-mnist-00000000", "seed": "-5",
        "corruption": "../../etc/passwd", "first": "99999999", "tab": "nowhere",
    }  # fmt: skip
    plain = stage(opened("denoiser.py"))
    for query in (nonsense, {"strength": "<script>"}):
        app = opened("denoiser.py", **query)
        assert not app.exception and not app.error
        assert stage(app) == plain


def test_each_shipped_model_can_be_chosen_and_restores(lab):
    app = opened("denoiser.py")
    for run in finished(DENOISING):
        app.selectbox(key="model").set_value(run.id).run()
        assert not app.exception
        assert app.selectbox(key="model").value == run.id
        assert "Restored" in stage(app)


def test_each_corruption_reaches_the_stage(lab):
    app = opened("denoiser.py")
    stages = [stage(app)]
    for corruption in ("salt_and_pepper", "mosaic", "mask", "blur", "none"):
        app.selectbox(key="corruption").set_value(corruption).run()
        assert not app.exception
        stages.append(stage(app))
    assert len(set(stages)) == 6


def test_all_models_stand_side_by_side(lab):
    app = opened("denoiser.py", view="All models")
    cards = next(h.proto.body for h in app.get("html") if "lab-cards" in h.proto.body)
    chosen = finished(DENOISING)[0].spec().dataset
    assert cards.count("<figure>") == 2 + len(finished(DENOISING, chosen))
    said = " ".join(c.value for c in app.caption)
    assert "Test image 0 of MNIST." in said and "All models" not in said
    app.number_input(key="one_of").set_value(3).run()
    assert "Test image 2 of MNIST." in " ".join(c.value for c in app.caption)
    other = next(h.proto.body for h in app.get("html") if "lab-cards" in h.proto.body)
    assert other != cards and {"PNG", "CSV"} <= {b.label for b in app.get("download_button")}


@pytest.mark.parametrize(("gain", "said"), [
    (0.0, "100% of the squared error is left, 100% of its root"),
    (10 * math.log10(4), "25% of the squared error is left, 50% of its root"),  # 6 dB
    (12.5, "6% of the squared error is left, 24% of its root"),
    (-3.0103, "2 times the squared error, 1.4 times its root"),
])  # fmt: skip
def test_decibels_are_said_in_plain_numbers(gain, said):
    assert parts.error_left(gain) == said


def test_curves_say_what_they_were_measured_on():
    counts = {"U-Net": 10_000, "Median filter": 1000, "Linear": 10_000}
    said = parts.measured_on("Mosaic", counts, shaded=False)
    assert said.startswith("Under mosaic.") and "noise" not in said and "Shaded" not in said
    assert "10,000 test images; over 1,000: Median filter." in said and "Linear" not in said


def test_each_denoiser_says_its_own_loss(lab):
    said = {run.spec().variant: parts.learnt(run) for run in finished(DENOISING, "mnist")}
    assert "mean squared error" in said["conv"] and "Gaussian noise" in said["conv"]
    assert "root of its mean squared error" in said["unet"]
    assert "cross-entropy" in said["conv_pyramid"] and "clean pictures" in said["conv_plain"]
    assert "learns nothing" in said["median"]


@pytest.mark.parametrize("tab", ["Against strength", "Over epochs", "What is happening"])
def test_each_tab_opens_by_its_address(lab, tab):
    app = opened("denoiser.py", tab=tab)
    assert not app.exception
    assert not app.error


def test_a_broken_file_hides_none_of_the_others(lab):
    app = opened("denoiser.py", source="Upload")
    good = to_png(np.full((28, 28), 90, np.uint8))
    files = [("evil.png", b"not a picture", "image/png"), ("no name", good, "")]
    app.file_uploader(key="upload").set_value(files).run()
    assert not app.exception
    assert [e.value.split("”")[0] for e in app.error] == ["“evil.png"]
    assert "lab-rows" in stage(app)


def badges(app: AppTest) -> list[str]:
    return [m.value for m in app.markdown if "-badge[" in m.value]


def test_a_strange_image_is_told_and_not_praised(lab):
    app = opened("denoiser.py", source="Upload")
    for kind, pixels in {
        "one pixel": np.full((1, 1), 90, np.uint8),
        "black": np.zeros((28, 28), np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8),
        "digit": data.load("mnist", "test").pixels[3, 0].numpy(),
    }.items():
        app.file_uploader(key="upload").set_value((kind, to_png(pixels), "image/png")).run()
        assert not app.exception
        result = " ".join(badges(app))
        assert ("strange image" in result) == (kind != "digit")
        assert ("green" in result) == (kind == "digit")
        assert ("It is a handwritten digit" in captions(app)) == (kind != "digit")


def test_the_part_of_an_upload_that_is_taken_can_be_moved(lab):
    pixels = np.hstack([np.zeros((28, 28), np.uint8), np.full((28, 28), 255, np.uint8)])
    app = opened("denoiser.py", source="Upload", strength="0")
    app.file_uploader(key="upload").set_value(("a.png", to_png(pixels), "image/png")).run()
    middle = stage(app)
    left = stage(app.slider(key="cut_across").set_value(0.0).run())
    app.slider(key="cut_size").set_value(0.5)
    black = stage(app.slider(key="cut_down").set_value(1.0).run())
    assert not app.exception and middle != left and left == black, "both are black all over"


def test_training_can_be_switched_off(lab, monkeypatch):
    from core.settings import settings

    monkeypatch.setenv("LATENT_LAB_TRAINING", "off")
    settings.cache_clear()
    app = opened("denoiser.py", tab="Train your own")
    assert any("switched off" in i.value for i in app.info)


def test_the_form_has_every_setting_with_its_bounds(lab):
    from core.tasks.denoising import DENOISING, DenoisingConfig

    app = opened("denoiser.py", tab="Train your own", network="linear", train_on="digits")
    assert not app.exception
    keys = {w.key for w in [*app.number_input, *app.selectbox, *app.toggle, *app.slider]}
    assert {f"linear-{name}" for name in DenoisingConfig.model_fields} <= keys
    assert app.number_input(key="linear-batch_size").max == 4096
    assert app.number_input(key="linear-epochs").value == DENOISING.config("linear").epochs


def test_runs_lists_all_shows_one_and_compares_settings(lab):
    app = opened("runs.py")
    names = run_names(SHIPPED)
    assert list(app.dataframe[0].value["Run"]) == list(names.values())
    assert names[SHIPPED[0].id] in captions(app)
    assert SHIPPED[0].id not in captions(app)
    app.multiselect(key="compare").set_value([SHIPPED[0].id, SHIPPED[-1].id]).run()
    assert not app.exception
    table = app.dataframe[1].value
    assert "Network" in table.index
    first, last = (set(titles_and_values(run)) for run in (SHIPPED[0], SHIPPED[-1]))
    assert first ^ last
    assert first ^ last <= set(table.index)  # what only one of them has is a difference too


def test_a_damaged_run_is_listed_and_breaks_nothing(lab):
    from core.settings import settings

    folder = settings().runs / "denoise-linear-digits-0badc0de"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    app = opened("runs.py")
    assert not app.exception
    assert "damaged" in list(app.dataframe[0].value["State"])
    assert not opened("denoiser.py").exception
