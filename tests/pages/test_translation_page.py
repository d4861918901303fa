"""The page Translation: what it shows of a run, and what a browser may say."""

import base64

import numpy as np
import pytest
import torch

from core.errors import LabError
from core.images import contact_sheet, to_png
from core.models.translation_nets import Translator
from core.runs import store
from core.tasks.translation import TRANSLATION
from core.training import make_request
from pages.components import translation
from pages.components.translation import Engine, Side, _checked
from pages.parts.translation import server_answers
from pages.server.packed_networks import _packed_translator
from tests.pages.test_pages import captions, opened

PIXELS = np.arange(784, dtype=np.uint8).reshape(28, 28)
WIDTH = 8


@pytest.fixture
def run(lab):
    """A run of digits and their sketches that has learnt nothing."""
    request = make_request("translation", "cyclegan", "digits", {"width": WIDTH, "blocks": 1})
    made = store.create(request.run_id, request.config, request.given)
    torch.manual_seed(0)
    with torch.random.fork_rng():
        model = TRANSLATION.build_for(made.spec(), TRANSLATION.config_of(made))
    made.write_weights(model.state_dict(), half=True)
    rows = [
        {"noise": n, "cycle_error": 0.1 + n / 100, "change": n / 100, "change_real": n / 400}
        for n in (0.0, 1.0, 4.0)
    ]
    made.write_metrics({
        "fid": 3.0, "n_ab": 360, "fid_ab": 3.0, "cycle_error_ab": 0.1, "psnr_ab": 14.0,
        "psnr_low_ab": 13.5, "psnr_high_ab": 14.5, "ssim_ab": 0.5, "psnr_copy_ab": 9.0,
        "ssim_copy_ab": 0.2, "psnr_ba": 12.0, "psnr_low_ba": 11.5, "psnr_high_ba": 12.5,
        "ssim_ba": 0.5, "psnr_copy_ba": 9.0, "hidden_ab": rows,
    })  # fmt: skip
    made.write_history([{"epoch": 1, "adversarial_ab": 0.3, "adversarial_ba": 0.4, "cycle": 0.2}])
    for epoch in (0, 1):
        made.write_sample(epoch, to_png(contact_sheet(torch.rand(6, 1, 28, 28), 1)))
    made.update(state="done")
    return made


def test_it_opens_alive_with_pictures_of_both_sets(run):
    app = opened("translation.py", translate_b="5")
    assert not app.exception and not app.error and not app.info
    numbers = [app.number_input(key=f"translate_{side}").value for side in "ab"]
    assert numbers == [0, 5]


def test_without_a_run_it_says_what_to_do(lab, monkeypatch):
    monkeypatch.setattr("pages.ui.run_choice.cached.models", lambda name: [])
    app = opened("translation.py")
    assert not app.exception and "Train one" in app.info[0].value


def test_hidden_messages_are_measured_beside_real_pictures(run):
    app = opened("translation.py", model=run.id, tab="Hidden message")
    assert not app.exception
    said = " ".join(m.value for m in app.markdown)
    assert "**10.2/255**" in said and "**4.0 times**" in said
    assert "Pencil sketches" in said
    from pages.parts.translation import hidden_tab  # within a run only can its canvas be imported

    for row in ({"noise": 2.0}, {"noise": 4.0, "change": 0.0, "change_real": 0.0}):
        assert not hidden_tab.reading([row], "B")


def test_what_has_no_truth_is_silent_and_hidden_pairs_stand_beside_copying(run):
    app = opened("translation.py", model=run.id, tab="Both sets")
    assert not app.exception
    assert [s.value for s in app.subheader] == ["As a set", "Against hidden pairs"]
    table = app.dataframe[-1].value
    assert list(table["by"]) == ["this network", "copying the picture"] * 2
    assert list(table["PSNR"]) == [14.0, 9.0, 12.0, 9.0]
    assert table["95 %"][0] == "13.5 to 14.5 dB"


@pytest.mark.parametrize("tab", ["Compare", "Over epochs", "Train your own", "What is happening"])
def test_every_tab_opens(run, tab):
    app = opened("translation.py", model=run.id, tab=tab)
    assert not app.exception and not app.error
    if tab == "Compare":
        assert "There is one translator" in app.info[0].value
    if tab == "Over epochs":
        assert "as Pencil sketches, and back" in captions(app)


def test_an_upload_that_is_no_picture_is_said(run):
    app = opened("translation.py", model=run.id, translate_source="Upload")
    app.file_uploader(key="upload").set_value(("evil.png", b"not a picture", "image/png")).run()
    assert not app.exception and "evil.png" in app.error[0].value


def test_the_route_packs_both_generators(run):
    assert _packed_translator(run.id, run.version())[4:].startswith(b'{"shape": [1, 28, 28]')


# ---- what a browser says


def test_a_picture_that_was_pressed_is_checked():
    good = base64.b64encode(PIXELS.tobytes()).decode()
    said = {"token": "u", "direction": 1, "which": "back", "pixels": good}
    result = _checked(said, ["t", "u"], (28, 28))
    assert result is not None and result.direction == 1 and (result.pixels == PIXELS).all()
    others = ({"token": "t"}, {"direction": 0}, {"direction": 2}, {"direction": None},
              {"direction": [1]}, {"which": "other"}, {"which": {}}, {"pixels": "é"}, {"pixels": 3},
              {"pixels": good[:-4]})  # fmt: skip
    for bad in (None, [], {}, *(said | other for other in others)):
        assert _checked(bad, ["t", "u"], (28, 28)) is None


def test_a_picture_of_another_shape_is_refused():
    for picture in (PIXELS[:20], PIXELS.astype(float)):
        with pytest.raises(ValueError, match="uint8 pictures"):
            translation.translation(
                key="t", engine=Engine("/x", None, (1, 28, 28)), sides=(Side("A", picture),) * 2
            )


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Translator((3, 8, 4), WIDTH, 1, discriminators=False).eval()


def test_the_server_answers_as_the_browser_would(model):
    picture = np.random.default_rng(0).integers(0, 256, (8, 4, 3), dtype=np.uint8)
    said = server_answers.answered(model, bytes([1, 4, 7, 0, 0, 0]) + picture.tobytes())
    x = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    there = np.frombuffer(base64.b64decode(said["there"]), np.uint8).reshape(8, 4, 3)
    expected = 255 * model.translate(x, "ba")[0].permute(1, 2, 0).numpy()
    assert np.abs(there - expected).max() < 1
    assert said["lost"] != said["back"] and said["psnr"] < 99
    plain = server_answers.answered(model, bytes(6) + picture.tobytes())
    assert "lost" not in plain and plain["back"] != said["back"]


@pytest.mark.parametrize(
    "message", [b"", bytes(5), bytes(6 + 95), bytes(6 + 97), b"\2" + bytes(5 + 96),
                b"\0\x11" + bytes(4 + 96), b"\0\1\xff\xff\xff\xff" + bytes(96)],
)  # fmt: skip
def test_a_message_that_is_no_picture_is_refused(model, message):
    with pytest.raises(LabError):
        server_answers.answered(model, message)
