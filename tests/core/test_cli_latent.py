"""The command line's `sample` and `encode`, on networks that have learnt a little or nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from core import data, images, training
from core.__main__ import main
from core.cli import latent_commands as commands
from core.inference import latent
from core.runs import store
from core.runs.store import Run
from core.settings import settings
from core.tasks.autoencoding import AUTOENCODING
from tests.core.support import built, said

Make = Callable[[str], Run]
Command = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def nothing_shipped(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")


@pytest.fixture
def make(lab: Path) -> Make:
    """Makes a finished run with random weights: neither command needs it to be good."""

    def made(variant: str) -> Run:
        question = training.make_request("autoencoding", variant, "digits")
        run = store.create(question.run_id, question.config)
        run.write_weights(built(AUTOENCODING, variant).state_dict(), half=True)
        run.update(state="done")
        return run

    return made


def pictures(path: Path, count: int) -> Tensor:
    """The pictures on a sheet, float (count, 1, 28, 28) in [0, 1]."""
    sheet = torch.from_numpy(np.array(Image.open(path))).float() / 255
    side = 28 * commands.SHEET_SCALE
    columns = (sheet.shape[1] + 1) // (side + 1)
    result = []
    for i in range(count):
        top, left = (side + 1) * (i // columns), (side + 1) * (i % columns)
        result.append(sheet[top : top + side : 2, left : left + side : 2])
    return torch.stack(result)[:, None]


def sample(run: Run, lab: Path, *flags: str) -> list[str]:
    return ["sample", run.id, "--output", str(lab / "sheet.png"), *flags]


def encode(run: Run, lab: Path, *flags: str) -> list[str]:
    return ["encode", run.id, *flags, "--output", str(lab / "codes.csv")]


# ---- sample


def test_a_sheet_shows_draws_from_the_prior(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("vae")
    assert main(sample(run, lab, "--count", "10", "--seed", "3", "--temperature", "0.5")) == 0
    assert "10 pictures, drawn from the prior, N(0, 0.25).\n" in capsys.readouterr().out
    codes = latent.prior_samples(20, 10, 3, 0.5)
    expected = latent.decode(latent.network(run), codes)
    torch.testing.assert_close(pictures(lab / "sheet.png", 10), expected, atol=0.003, rtol=0)
    first = (lab / "sheet.png").read_bytes()
    assert main(sample(run, lab, "--count", "10", "--seed", "3", "--temperature", "0.5")) == 0
    assert (lab / "sheet.png").read_bytes() == first
    assert main(sample(run, lab, "--count", "10", "--seed", "4")) == 0
    assert (lab / "sheet.png").read_bytes() != first


def test_the_report_and_the_codes(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("vae")
    codes = lab / "deep" / "codes.csv"
    assert main(sample(run, lab, "--codes", str(codes), "--json")) == 0
    assert said(capsys) == {
        "run": run.id, "count": 64, "seed": 0, "temperature": 1.0, "mixture": None, "class": None,
        "drawn_from": "the prior, N(0, 1)", "note": "", "output": str(lab / "sheet.png"),
        "codes": str(codes),
    }  # fmt: skip
    table = pd.read_csv(codes)
    assert list(table) == [f"Enc. Variable {i}" for i in range(20)]
    np.testing.assert_allclose(table, latent.prior_samples(20, 64, 0), atol=1e-4)
    with Image.open(lab / "sheet.png") as sheet:
        assert (sheet.format, sheet.mode, sheet.size) == ("PNG", "L", (8 * 57 - 1, 8 * 57 - 1))


def test_a_model_without_a_prior_says_so(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("ae_conv")
    assert main(sample(run, lab, "--count", "5")) == 0
    told = capsys.readouterr().out
    assert f"({run.id}) has no prior" in told and "--mixture" in told
    assert main(sample(run, lab, "--count", "5", "--json")) == 0
    assert "has no prior" in said(capsys)["note"]
    assert main(sample(run, lab, "--mixture", "2", "--json")) == 0
    report = said(capsys)
    assert report["note"] == "" and report["temperature"] is None
    assert report["drawn_from"] == "2 Gaussians fitted to 360 codes of test images"


@pytest.mark.parametrize("variant", ["ae_conv", "vae", "cvae"])
def test_a_mixture_draws_where_the_codes_of_the_test_images_lie(
    make: Make, lab: Path, variant: str
) -> None:
    run = make(variant)
    flags = ["--mixture", "3", "--count", "2000", "--codes", str(lab / "codes.csv")]
    flags += ["--class", "all"] if variant == "cvae" else []
    assert main(sample(run, lab, *flags)) == 0
    table = pd.read_csv(lab / "codes.csv")
    drawn = table.filter(like="Enc.").to_numpy()
    model, test = latent.network(run), latent.test_images("digits")
    codes = latent.encode(model, test.pixels, test.labels).numpy()
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.2 * codes.std() + 0.002)
    # scikit-learn adds 1e-4 to each variance, which random networks' small codes can feel
    np.testing.assert_allclose(drawn.std(0), codes.std(0), rtol=0.15, atol=0.01)


def test_a_class_is_asked_for_by_number_by_name_or_all_in_turn(
    make: Make, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, sheet, codes = make("cvae"), lab / "sheet.png", lab / "codes.csv"
    model, z = latent.network(run), latent.prior_samples(20, 25, 0)
    assert main(sample(run, lab, "--count", "25", "--class", "3", "--codes", str(codes))) == 0
    expected = latent.decode(model, z, 3)
    torch.testing.assert_close(pictures(sheet, 25), expected, atol=0.003, rtol=0)
    assert set(pd.read_csv(codes)["label"]) == {3}
    assert main(sample(run, lab, "--count", "25", "--class", "all", "--codes", str(codes))) == 0
    in_turn = torch.arange(25) % 10
    assert pd.read_csv(codes)["label"].tolist() == in_turn.tolist()
    with Image.open(sheet) as result:
        assert result.size == (10 * 57 - 1, 3 * 57 - 1), "a column a class"
    expected = latent.decode(model, z, in_turn)
    torch.testing.assert_close(pictures(sheet, 25), expected, atol=0.003, rtol=0)
    names = tuple(data.info("fashion-mnist").classes)
    monkeypatch.setattr(latent, "class_names", lambda run: names)
    for asked in ("Pullover", "2"):
        assert main(sample(run, lab, "--class", asked, "--codes", str(codes))) == 0
        assert set(pd.read_csv(codes)["label"]) == {2}


@pytest.mark.parametrize(
    ("variant", "flags", "sentence"),
    [
        ("cvae", [], "draws one class at a time: choose which with --class, or --class all."),
        ("cvae", ["--class", "ten"], "There is no class called 'ten'. Known: 0, 1, 2"),
        ("cvae", ["--class", "10"], "There is no class called '10'."),
        ("cvae", ["--class", "-1"], "There is no class called '-1'."),
        ("vae", ["--class", "3"], "takes no class: leave --class away."),
        ("vae", ["--class", "all"], "takes no class: leave --class away."),
        ("vae", ["--codes", "{lab}/sheet.png"], "need two files"),
        ("vae", ["--codes", "{lab}/sheet.png/codes.csv"], "cannot be used"),
    ],
)
def test_what_cannot_be_sampled_is_a_sentence(
    make: Make,
    lab: Path,
    variant: str,
    flags: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = sample(make(variant), lab, *(flag.format(lab=lab) for flag in flags))
    if "codes.csv" in argv[-1]:
        (lab / "sheet.png").touch()
    assert main([*argv, "--json"]) == 1
    told = capsys.readouterr()
    assert sentence in told.err and "Traceback" not in told.err and not told.out


def test_more_gaussians_than_codes_are_a_sentence(
    make: Make, lab: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = latent.test_images("digits", count=4)
    monkeypatch.setattr(latent, "test_images", lambda name: few)
    assert main(sample(make("vae"), lab, "--mixture", "5")) == 1
    assert "4 codes are too few for 5 Gaussians." in capsys.readouterr().err
    assert not (lab / "sheet.png").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ["--count", "0"], ["--count", "2501"], ["--count", "ten"], ["--count", "1.5"],
        ["--seed", "-1"], ["--seed", str(2**31)], ["--temperature", "nan"],
        ["--temperature", "-0.1"], ["--temperature", "inf"], ["--mixture", "0"],
        ["--mixture", "101"], ["--mixture", "3", "--temperature", "0.5"],
    ],
)  # fmt: skip
def test_flags_of_sample_have_bounds(
    flags: list[str], lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["sample", "any", "--output", str(lab / "sheet.png"), *flags])
    assert end.value.code == 2 and f"argument {flags[-2]}" in capsys.readouterr().err


@pytest.mark.parametrize("command", [sample, encode])
def test_only_a_finished_autoencoder_has_codes(
    make: Make, lab: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("vae")
    run.update(state="failed")
    assert main(command(run, lab)) == 1
    assert "is failed; only one that is done can be used." in capsys.readouterr().err
    question = training.make_request("denoising", "median", "digits")
    other = store.create(question.run_id, question.config)
    other.write_weights({})
    other.update(state="done")
    assert main(command(other, lab)) == 1
    assert "is no autoencoder: it has no codes." in capsys.readouterr().err
    assert not list(lab.glob("*.png")) + list(lab.glob("*.csv"))


# ---- encode


def test_the_codes_of_a_data_set(make: Make, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make("ae_conv")
    test = latent.test_images("digits")
    assert main(encode(run, lab)) == 0
    assert "360 codes of 4 numbers" in capsys.readouterr().out
    table = pd.read_csv(lab / "codes.csv")
    expected = latent.code_table(latent.encode(latent.network(run), test.pixels), test.labels)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-5)
    flags = ["--dataset", "fashion-mnist", "--split", "test", "--first", "7", "--json"]
    assert main(encode(run, lab, *flags)) == 0
    columns = [*(f"Enc. Variable {i}" for i in range(4)), "label"]
    assert said(capsys) == {
        "run": run.id, "codes": 7, "columns": columns, "output": str(lab / "codes.csv")
    }  # fmt: skip
    labels = data.load("fashion-mnist", "test").labels[:7]
    assert pd.read_csv(lab / "codes.csv")["label"].tolist() == labels.tolist()
    assert main(encode(run, lab, "--split", "train", "--first", "3")) == 0
    train = data.load("digits", "train").labels[:3]
    assert pd.read_csv(lab / "codes.csv")["label"].tolist() == train.tolist()


def test_the_codes_of_picture_files(make: Make, lab: Path) -> None:
    run, test = make("vae"), latent.test_images("digits", count=3)
    paths = [lab / f"{i}.png" for i in range(3)]
    for path, pixels in zip(paths, test.pixels, strict=True):
        path.write_bytes(images.to_png(pixels[0].numpy()))
    Image.new("RGB", (300, 200), (255, 90, 0)).save(lab / "wide.jpg")
    assert main(encode(run, lab, *map(str, [*paths, lab / "wide.jpg"]))) == 0
    table = pd.read_csv(lab / "codes.csv")
    assert list(table) == [f"Enc. Variable {i}" for i in range(20)] and len(table) == 4
    codes = latent.encode(latent.network(run), test.pixels)
    np.testing.assert_allclose(table[:3], codes, atol=1e-4)


def test_a_conditional_model_is_told_the_classes_of_its_own_data_set(make: Make, lab: Path) -> None:
    run, test = make("cvae"), latent.test_images("digits", count=20)
    model = latent.network(run)
    likeliest = latent.likeliest_class(run, model, test.pixels)
    assert likeliest is not None and likeliest.tolist() != test.labels.tolist()
    (lab / "0.png").write_bytes(images.to_png(test.pixels[0, 0].numpy()))
    for flags, told in (
        (["--first", "20"], test.labels),
        (["--first", "20", "--class", "3"], torch.full((20,), 3)),
        ([str(lab / "0.png")], likeliest[:1]),
        ([str(lab / "0.png"), "--class", "7"], torch.tensor([7])),
    ):
        assert main(encode(run, lab, *flags)) == 0
        table = pd.read_csv(lab / "codes.csv")
        assert table.pop("label").tolist() == told.tolist(), flags
        codes = latent.encode(model, test.pixels[: len(told)], told)
        np.testing.assert_allclose(table, codes, atol=1e-4)


def test_pictures_of_other_things_get_the_likeliest_class(make: Make, lab: Path) -> None:
    run = make("cvae")
    assert main(encode(run, lab, "--dataset", "fashion-mnist", "--first", "5")) == 0
    clothes = latent.test_images("fashion-mnist", count=5)
    likeliest = latent.likeliest_class(run, latent.network(run), clothes.pixels)
    assert likeliest is not None
    assert pd.read_csv(lab / "codes.csv")["label"].tolist() == likeliest.tolist()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "“odd.png” is empty."),
        (b"GIF89a nothing", "“odd.png” is"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "“odd.png” is not a picture"),
        (b"\0" * (2**20 + 5), "“odd.png” is larger than 1 MB."),
        (None, "No such file or directory"),
    ],
    ids=["empty", "cut", "zeros", "large", "absent"],
)
def test_a_file_that_is_no_picture_is_a_sentence(
    make: Make,
    lab: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LATENT_LAB_MAX_UPLOAD_MB", "1")
    settings.cache_clear()
    run = make("vae")
    if content is not None:
        (lab / "odd.png").write_bytes(content)
    (lab / "codes.csv").write_text("the old one")
    assert main(encode(run, lab, str(lab / "odd.png"))) == 1
    told = capsys.readouterr()
    assert sentence in told.err and "Traceback" not in told.err and not told.out
    assert (lab / "codes.csv").read_text() == "the old one"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["a.png", "--dataset", "digits"], "Choose pictures of your own or a data set"),
        (["a.png", "--split", "test"], "Choose pictures of your own or a data set"),
        (["a.png", "--first", "3"], "Choose pictures of your own or a data set"),
        (["--dataset", "moon"], "no data set called 'moon'"),
        (["--dataset", "faces"], "Faces are not on this machine"),
        (["--class", "3"], "takes no class: leave --class away."),
    ],
)
def test_what_cannot_be_encoded_is_a_sentence(
    make: Make, lab: Path, flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(encode(make("vae"), lab, *flags)) == 1
    assert sentence in capsys.readouterr().err
    assert not (lab / "codes.csv").exists()


@pytest.mark.parametrize("flags", [["--first", "0"], ["--first", "x"], ["--split", "both"]])
def test_flags_of_encode_have_bounds(
    flags: list[str], lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["encode", "any", "--output", str(lab / "codes.csv"), *flags])
    assert end.value.code == 2 and f"argument {flags[0]}" in capsys.readouterr().err


# ---- runs


def test_the_list_shows_the_bound(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("vae")
    run.write_metrics({"psnr": 17.0, "negative_elbo": 103.46, "negative_iwae": 98.2})
    assert main(["runs"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert "negative ELBO (nats)" in header and "negative IWAE bound (nats)" in header
    assert "active units" not in header, "nobody has it"
    assert "103.5" in row and "98.20" in row
