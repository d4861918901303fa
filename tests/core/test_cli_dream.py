"""The command line's `dream`: a picture, the same again from its recipe, a film, refused."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.dreaming import recipes
from core.runs import store
from core.settings import settings
from tests.core.support import said

SMALL = ["--side", "48", "--steps", "2"]
FLOWER = ["dream", "deep", "flower", *SMALL]


@pytest.fixture(autouse=True)
def one_thread(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")
    settings.cache_clear()


def another_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known there of what was dreamt before."""
    monkeypatch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path / "another"))
    settings.cache_clear()
    assert not [r for r in store.all_runs() if not r.shipped]


def picture(path: Path, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).resize((120, 80)).save(path)
    return path


def test_a_dream_is_made_once_with_its_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.png"
    assert main([*FLOWER, "--output", str(file), "--json"]) == 0
    first = said(capsys)
    assert first["state"] == "done" and not first["cached"]
    assert first["metrics"]["objective"] > first["metrics"]["objective_before"]
    assert Image.open(file).size == (48, 32)
    recipe = recipes.read(file.read_bytes())
    assert (recipe.variant, recipe.source) == ("deep", "flower")
    assert (recipe.config["side"], recipe.config["steps"]) == (48, 2)
    assert main([*FLOWER, "--json"]) == 0
    assert said(capsys) == {**first, "cached": True}
    assert main(FLOWER) == 0
    assert "was dreamt before" in capsys.readouterr().out


def test_the_same_comes_again_from_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, again = tmp_path / "x.png", tmp_path / "y.png"
    assert main([*FLOWER, "--keep-colours", "--seed", "3", "--output", str(file), "--json"]) == 0
    first = said(capsys)["run"]
    another_lab(tmp_path, monkeypatch)
    assert main(["dream", "again", str(file), "--output", str(again), "--json"]) == 0
    result = said(capsys)
    assert result["run"] == first and not result["cached"]
    assert again.read_bytes() == file.read_bytes()


def test_ones_own_picture_guide_and_mask_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, guide = picture(tmp_path / "mine.png"), picture(tmp_path / "guide.png", 1)
    half = np.zeros((80, 120), np.uint8)
    half[:, 60:] = 255
    mask = tmp_path / "mask.png"
    Image.fromarray(half).save(mask)
    file, again = tmp_path / "x.png", tmp_path / "y.png"
    given = ["--guide", str(guide), "--mask", str(mask)]
    assert main(["dream", "deep", str(mine), *SMALL, *given, "--output", str(file)]) == 0
    capsys.readouterr()

    def pixels(content: bytes) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(content)).convert("RGB").resize((48, 32)), int)

    changed = np.abs(pixels(file.read_bytes()) - pixels(mine.read_bytes())).mean((0, 2))
    assert changed[30:].mean() > 2 * changed[:18].mean()

    another_lab(tmp_path, monkeypatch)
    command = ["dream", "again", str(file), "--output", str(again)]
    for flags, sentence in (
        ([], "There is no picture 'own'"),
        (["--picture", str(mine)], "had a guide picture"),
        (["--picture", str(guide), "--guide", str(guide)], "made with another picture"),
        (["--picture", str(mine), "--guide", str(mine)], "made with another guide"),
    ):
        assert main([*command, *flags]) == 1
        assert sentence in capsys.readouterr().err
    assert main([*command, "--picture", str(mine), "--guide", str(guide)]) == 0
    assert again.read_bytes() == file.read_bytes()


def test_a_channel_grows_out_of_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.png"
    flags = ["--layers", "blocks.2/3", "--side", "32", "--steps", "4", "--output", str(file)]
    assert main(["dream", "visualise", *flags, "--json"]) == 0
    result = said(capsys)
    assert "objective" in result["metrics"] and "objective_before" not in result["metrics"]
    assert Image.open(file).size == (32, 32)


def test_a_zoom_is_a_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av

    film = tmp_path / "x.mp4"
    flags = ["--side", "48", "--steps", "1", "--frames", "3", "--fps", "5", "--film", str(film)]
    assert main(["dream", "zoom", "flower", *flags]) == 0
    with av.open(film) as container:
        frames = list(container.decode(video=0))
    assert (len(frames), frames[0].width, frames[0].height) == (3, 48, 32)


def test_a_dream_is_measured_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FLOWER, "--json"]) == 0
    run = said(capsys)["run"]
    assert main(["evaluate", run, "--json"]) == 0
    result = said(capsys)
    assert result["metrics"]["objective"] == result["stored"]["objective"]
    assert result["metrics"] == {k: result["stored"][k] for k in result["metrics"]}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["deep", "nothing.jpg"], "There is no picture 'nothing.jpg'. Name a file, or one of: "),
        (["deep", "flower", "--layers", "blocks.9"], "Known: stem, blocks.0"),
        (["deep", "flower", "--layers", "blocks.4/112"], "go from 0 to 111"),
        (["deep", "flower", "--layers", "&"], "is no layer"),
        (["deep", "flower", "--side", "9"], "side: "),
        (["deep", "flower", "--measure", "guide"], "Bring a guide picture"),
        (["deep", "flower", "--output", "/nowhere/at/all.png"], "There is no folder /nowhere/at"),
        (["deep", "flower", "--film", "x.mp4"], "Only a zoom is a film"),
        (["visualise", "--film", "/nowhere/x.mp4"], "There is no folder /nowhere"),
        (["atlas", "--output", "x.png"], "An atlas is a sheet a layer"),
        (["again", "{plain}"], "has no recipe in it"),
        (["again", "{text}"], "is no PNG"),
        (["again", "/nowhere/at/all.png"], "/nowhere/at/all.png"),
        (["deep", "{text}"], "is not a picture"),
        (["deep", "flower", "--mask", "/nowhere/m.png"], "/nowhere/m.png"),
        (["deep", "flower", "--guide", "{text}"], "is not a picture"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_sentence(
    command: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.png"
    text.write_bytes(b"no picture")
    files = {"{plain}": str(picture(tmp_path / "plain.png")), "{text}": str(text)}
    assert main(["dream", *(files.get(word, word) for word in command)]) == 1
    said_so = capsys.readouterr().err
    assert sentence in said_so and "Traceback" not in said_so
    assert not [r for r in store.all_runs() if not r.shipped]


def test_a_network_that_cannot_be_fetched_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LATENT_LAB_DOWNLOADS", "off")
    settings.cache_clear()
    assert main(["dream", "classic", "flower", "--side", "48"]) == 1
    assert "VGG-16 is not here, and downloads are switched off" in capsys.readouterr().err
