"""Translation: pairs of sets, what is measured, and what goes wrong."""

import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core import data
from core.__main__ import main
from core.cli.output import FAILED
from core.data import Images, archives, set_pairs
from core.data.drawn_sets import blended, sketched
from core.data.set_pairs import REPEATED, Sides, one_side, side_by_side, sizes, two_sets
from core.errors import DataMissing, LabError, Refused, UnknownName
from core.jobs import queue
from core.metrics import translations
from core.models.translation_nets import Generator, Translator
from core.settings import settings
from core.tasks import translation_training
from core.tasks.adversarial import SQUARES
from core.tasks.translation import TRANSLATION, collapse_sentence
from core.tasks.translation_training import Pool
from core.training.request import make_request
from tests.core.support import built, said, tiny

SMALL = {"width": 8, "blocks": 1, "train_images": 8, "epochs": 1}


@pytest.fixture
def faces(lab: Path) -> Path:
    """Twelve pictures of six people, as the archive has them."""
    rng = np.random.default_rng(0)
    settings().data.mkdir(parents=True)
    with zipfile.ZipFile(settings().data / "lfw-faces-64.zip", "w") as archive:
        for person in range(6):
            for number in (1, 2):
                with archive.open(f"faces/P{person}_{number:04d}.png", "w") as file:
                    grey = rng.integers(0, 256, (64, 64), np.uint8)
                    grey[0, 0] = person  # who it is can be read from the picture
                    Image.fromarray(grey).save(file, "PNG")
    return settings().data


# ---- sets


def test_faces_and_sketches_share_no_person_in_training_and_are_pairs_in_testing(
    faces: Path,
) -> None:
    whole, people = data.load("faces", "train"), archives.people("faces", "train")
    assert people is not None
    painted = whole.pixels[:, 0, 0, 0].tolist()
    assert len({*zip(painted, people.tolist(), strict=True)}) == len({*painted})
    sides = Sides("faces", set_pairs.SKETCH)
    a, b = two_sets(sides, "train")
    assert sizes(sides, "train") == (len(a.labels), len(b.labels))
    here = {*a.pixels[:, 0, 0, 0].tolist()}
    others = Images(*(t[[p not in here for p in painted]] for t in whole))
    assert torch.equal(b.pixels, sketched(others.pixels)) and len(a.labels) + len(b.labels) == len(
        people
    )
    for images, sketches in (two_sets(sides, "test"), two_sets(sides, "train", paired=True)):
        assert torch.equal(sketched(images.pixels), sketches.pixels)


def test_a_sketch_keeps_lines_and_leaves_greys_behind() -> None:
    even = torch.full((1, 3, 64, 64), 90, dtype=torch.uint8)
    assert sketched(even).eq(255).all(), "an even picture is paper"
    darker = even.clone()
    darker[..., 32:] = 40
    drawn = sketched(darker)[0, 0].float()
    assert drawn[:, 32].max() < 200 < drawn[:, [2, 60]].min(), "the edge is a line"
    assert sketched(even[:0]).shape == (0, 3, 64, 64)


def test_pictures_are_blended_over_photographs_by_their_difference() -> None:
    photographs = torch.randint(0, 256, (3, 3, 32, 32)).byte()
    pixels = torch.zeros(5, 1, 28, 28, dtype=torch.uint8)
    pixels[..., 14:] = 255
    over = blended(pixels, photographs)
    assert over.shape == (5, 3, 28, 28) and torch.equal(over, blended(pixels, photographs))
    behind = blended(torch.zeros_like(pixels), photographs)
    assert torch.equal(over[..., :14], behind[..., :14])
    assert torch.equal(over[..., 14:], 255 - behind[..., 14:])
    assert behind.max() < 128 <= over[..., 14:].min()


@pytest.mark.parametrize(("count", "other"), [(5, 2), (1, 4), (1, 1)])
def test_sets_of_other_counts_sizes_and_channels_lie_side_by_side(count: int, other: int) -> None:
    generator = torch.Generator().manual_seed(0)
    a = Images(
        torch.randint(0, 256, (count, 1, 8, 8), generator=generator).byte(), torch.arange(count)
    )
    b = Images(
        torch.randint(0, 256, (other, 3, 40, 32), generator=generator).byte(), torch.arange(other)
    )
    pairs = side_by_side(a, b, (3, 28, 28))
    assert pairs.pixels.shape == (max(count, other), 2, 3, 28, 28)
    for side, images in enumerate((a, b)):
        own = one_side(pairs, side)
        assert sorted(own.labels.tolist()) == list(range(len(images.labels)))
        assert int((pairs.labels[:, side] == REPEATED).sum()) == len(pairs.labels) - len(own.labels)


def test_a_request_says_what_it_cannot_do(lab: Path) -> None:
    request = partial(make_request, "translation", "cyclegan", "digits")
    with pytest.raises(UnknownName, match="paintings"):
        request({"target": "paintings"})
    with pytest.raises(DataMissing, match="CIFAR-10"):
        request({"target": "cifar10"})
    with pytest.raises(LabError, match=r"work on pictures; .* is none"):
        request({"target": "co2"})
    with pytest.raises(LabError, match=r"Digits has no class 'cat'\. Known: 0, 1"):
        request({"target": "digits", "target_class": "cat"})
    with pytest.raises(LabError, match="The pairs are known only where"):
        make_request("translation", "paired", "digits", {"target": "digits"})


def test_the_same_set_twice_and_one_class_of_it_can_be_a_pair(lab: Path) -> None:
    twice = make_request("translation", "cyclegan", "digits", {"target": "digits"})
    assert twice.config.data.others == {"digits": twice.config.data.fingerprint}
    some = {"target": "digits", "source_class": "3", "target_class": "8", "train_images": 0}
    spec = make_request("translation", "cyclegan", "digits", some).config.data
    assert spec.n_train == max((data.load("digits", "train").labels == k).sum() for k in (3, 8))


def test_nobody_translates_into_somebody_elses_pictures(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request("translation", "cyclegan", "digits", {"target": "digits"})
    foreign = request.model_copy(
        update={
            "config": request.config.model_copy(
                update={"data": request.config.data.model_copy(update={"others": {"theirs": "x"}})}
            )
        }
    )
    monkeypatch.setattr(queue.ownership, "visible", lambda name, who: name != "theirs")
    queue._check_origin(request, "me")
    with pytest.raises(Refused, match="somebody else's"):
        queue._check_origin(foreign, "me")


# ---- learning


def test_a_pool_shows_old_fakes_for_half_of_the_new_ones() -> None:
    pool, generator = Pool(), torch.Generator().manual_seed(0)
    for i in range(50):
        assert pool.mixed(torch.full((1, 1, 1, 1), float(i)), generator) == i
    shown = pool.mixed(torch.arange(100.0, 300).view(200, 1, 1, 1), generator).flatten()
    new = float((shown == torch.arange(100.0, 300)).float().mean())
    assert 0.4 < new < 0.6 and len(pool.kept) == 50


def test_a_translation_of_one_grey_is_said_to_have_collapsed() -> None:
    model = built(TRANSLATION, "cyclegan", values=SMALL).eval()
    assert isinstance(model, Translator)
    config = TRANSLATION.config("cyclegan", SMALL | {"on_collapse": "stop"})
    generator = model.generators["ab"]
    assert isinstance(generator, Generator) and generator.leave.bias is not None
    for weight in (generator.leave.weight, generator.leave.bias):
        torch.nn.init.zeros_(weight)
    images = tiny(TRANSLATION, "test", 60)
    row = TRANSLATION.validate(TRANSLATION.experiment("cyclegan", config, model), images, images)
    assert "from the first set to the second" in TRANSLATION.remark([row])
    assert TRANSLATION.ended(config, [row]) == "", "at first all translations are alike"
    assert "Training stopped after epoch 5" in TRANSLATION.ended(config, [row] * 5)
    assert TRANSLATION.ended(TRANSLATION.config("cyclegan"), [row] * 5) == ""
    assert collapse_sentence({"variety_ab": 0.9, "variety_ba": 1.1}) == ""
    assert collapse_sentence({"variety_ab": 0.9, "variety_ba": 0.1}) == (
        "The translation from the second set to the first has collapsed: its pictures are 10 % as "
        "varied as real ones of that set."
    )


def test_one_picture_is_enough_identical_ones_give_figures_and_undefined_losses_stop_a_training(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(translations, "FIT_STEPS", 2)
    monkeypatch.setattr(TRANSLATION, "most_test", 20)
    alike = Images(torch.full((12, 1, 28, 28), 7, dtype=torch.uint8), torch.arange(12) % 10)
    monkeypatch.setattr(set_pairs.sets, "load", lambda name, split: alike)
    monkeypatch.setattr(data, "load", lambda name, split: alike)
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    command = ["train", "translation", "cyclegan", "--dataset", "digits", "--target", "digits"]
    assert main([*command, *flags, "--train-images=1", "--json"]) == 0
    figures = said(capsys)["metrics"]
    assert figures["n_test"] == 12 and np.isfinite(figures["fid"])
    undefined = replace(SQUARES, generator=lambda fake: fake.mean() * np.nan)
    monkeypatch.setattr(translation_training, "SQUARES", undefined)
    assert main([*command, *flags, "--seed=1"]) == FAILED
    assert "undefined in epoch 1; the initial weights are kept" in capsys.readouterr().err


# ---- figures


def test_noise_breaks_the_way_back_only_where_a_message_is_hidden() -> None:
    pictures = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    real = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def hide(x: torch.Tensor) -> torch.Tensor:
        return 0.5 + (x - 0.5) / 50

    def find(x: torch.Tensor) -> torch.Tensor:
        return (0.5 + (x - 0.5) * 50).clamp(0, 1)

    hidden = translations.hidden_message(hide, find, pictures, real)
    open_ways = translations.hidden_message(lambda x: x, lambda x: x, pictures, real)
    assert [row["noise"] for row in hidden] == [0, 1, 2, 4, 8]
    assert hidden[0]["cycle_error"] < 1e-4 and hidden[0]["change"] == 0
    assert hidden[1]["cycle_error"] > 0.1 and hidden[1]["change"] > 5 * hidden[1]["change_real"]
    assert hidden[1]["change_low"] < hidden[1]["change"] < hidden[1]["change_high"]
    for row in open_ways:
        assert row["change"] == pytest.approx(row["change_real"], abs=2e-3)
        assert row["cycle_error"] < 8 / 255


def test_a_classifier_of_real_digits_counts_the_classes_that_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(translations, "FIT_STEPS", 80)
    train, test = data.load("digits", "train"), data.load("digits", "test")
    model = translations.fitted_classifier(train, 10)
    read = translations.classes_read(model, test.pixels / 255)
    figures = translations.class_kept(read, test.labels, 10)
    assert figures["kept"] > 0.7 and figures["n"] == 360
    assert figures["kept_low"] < figures["kept"] < figures["kept_high"]
    confusion = torch.tensor(figures["confusion"])
    assert confusion.sum() == 360 and torch.equal(confusion.sum(1), test.labels.bincount())
    swapped = translations.class_kept(read, (test.labels + 1) % 10, 10)
    assert swapped["kept"] < 0.1


def test_hidden_pairs_are_compared_beside_two_ways_that_take_no_network() -> None:
    truth = data.load("digits", "test").pixels[:20] / 255
    inputs = 1 - truth * 0.5
    figures = translations.against_truth(truth * 0.9, inputs, truth)
    assert figures["psnr"] > figures["psnr_matched"] > figures["psnr_copy"]
    assert figures["psnr_low"] < figures["psnr"] < figures["psnr_high"]
    rows, far = translations.nearest(truth[:3], truth, 2)
    assert rows[:, 0].tolist() == [0, 1, 2] and far[:, 0].max() < 1e-3 < far[:, 1].min()


# ---- the command line


def test_a_picture_is_translated_there_and_back(
    lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(translations, "FIT_STEPS", 2)
    monkeypatch.setattr(TRANSLATION, "most_test", 20)
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    command = ["train", "translation", "cyclegan", "--dataset", "digits", "--target", "sketch"]
    assert main([*command, *flags, "--json"]) == 0
    trained = said(capsys)
    assert {
        "psnr_ba",
        "psnr_copy_ba",
        "kept_ab",
        "ceiling_ab",
        "hidden_ab",
        "fid_ab",
        "floor_ab",
    } <= {*trained["metrics"]}
    picture, output = lab / "five.png", lab / "there.png"
    Image.fromarray(data.load("digits", "test").pixels[0, 0].numpy()).save(picture)
    ask = ["translate", str(picture), "--run", trained["run"], "--output", str(output)]
    assert main([*ask, "--direction", "ba", "--json"]) == 0
    report = said(capsys)
    assert (report["from"], report["to"]) == ("sketches of Digits", "Digits")
    with Image.open(output) as sheet:
        assert sheet.size == (3 * 28 + 2, 28)
    assert main(["translate", str(lab / "none.png"), "--run", trained["run"], *ask[4:]]) == 1
    assert main(["export", trained["run"], "--output", str(lab / "way.onnx")]) == 1
    assert main(["sample", trained["run"], "--output", str(lab / "way.png")]) == 1
    (lab / "bad.png").write_bytes(b"no picture")
    assert main(["translate", str(lab / "bad.png"), "--run", trained["run"], *ask[4:]]) == 1
