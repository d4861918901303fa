"""The command line's `sample` and `fill`, on diffusions that have learnt nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core import images
from core.__main__ import main
from core.cli import latent_commands
from core.models.noise_processes import VELOCITY
from core.models.sampling import Sampling, denoise, first_noise
from core.runs import store
from core.runs.store import Run
from core.tasks import load_model
from tests.core.support import said, untaught_diffusion

Make = Callable[[str], Run]
SIDE = 28


@pytest.fixture
def make(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a finished run with small random weights."""
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")

    def made(variant: str) -> Run:
        return untaught_diffusion(variant)

    return made


@pytest.fixture
def picture(lab: Path) -> Path:
    """A picture of the network's size, and beside it masks."""
    grey = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    Image.fromarray(grey).save(lab / "picture.png")
    mask = np.zeros((SIDE, SIDE), np.uint8)
    Image.fromarray(mask).save(lab / "nothing.png")
    mask[14:, 3:20] = 255
    Image.fromarray(mask).save(lab / "mask.png")
    Image.fromarray(np.full_like(mask, 255)).save(lab / "all.png")
    Image.fromarray(mask[:, :20]).save(lab / "narrow.png")
    return lab / "picture.png"


def sample(run: Run, lab: Path, *flags: str) -> list[str]:
    return ["sample", run.id, "--count", "4", "--output", str(lab / "sheet.png"), *flags]


def fill(run: Run, picture: Path, mask: str, *flags: str) -> list[str]:
    at = picture.parent
    files = ["--mask", str(at / mask), "--output", str(at / "filled.png")]
    return ["fill", run.id, str(picture), *files, "--steps", "3", *flags]


def read(path: Path) -> np.ndarray:
    with Image.open(path) as shown:
        return np.array(shown)


def test_a_sheet_shows_what_the_seed_draws(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("flow")
    flags = ["--steps", "3", "--order", "2", "--guidance", "1", "--class", "3", "--seed", "5"]
    assert main(sample(run, lab, *flags, "--json")) == 0
    assert said(capsys) == {
        "run": run.id, "count": 4, "seed": 5, "steps": 3, "order": 2, "eta": 0.0,
        "guidance": 1.0, "class": "3", "output": str(lab / "sheet.png"),
    }  # fmt: skip
    noise, labels = first_noise(4, (1, SIDE, SIDE), 5), torch.full((4,), 3)
    drawn = denoise(VELOCITY, load_model(run), noise, labels, Sampling(3, 2, guidance=1.0))  # type: ignore[arg-type]
    sheet = images.contact_sheet((drawn + 1) / 2, 2, scale=latent_commands.SHEET_SCALE)
    np.testing.assert_array_equal(read(lab / "sheet.png"), sheet)
    assert main(sample(run, lab, "--steps", "2", "--class", "all", "--eta", "0.5")) == 0
    assert "4 pictures, drawn from noise in 2 steps.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--class", "3"], "was told no classes"),
        (["--temperature", "0.5"], "is a diffusion"),
        (["--truncation", "0.5"], "is a diffusion"),
        (["--order", "2", "--eta", "0.5"], "or two where η is 0"),
        (["--guidance", "2"], "name one with --class"),
    ],
)
def test_flags_that_do_not_go_with_a_blind_network(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str], flags: list[str], sentence: str
) -> None:
    assert main(sample(make("denoiser_prior"), lab, *flags)) == 1
    assert sentence in capsys.readouterr().err
    assert not (lab / "sheet.png").exists()


@pytest.mark.parametrize("variant", ["flow", "denoiser_prior"])
def test_fillings_leave_the_known_pixels_as_they_are(
    make: Make, picture: Path, capsys: pytest.CaptureFixture[str], variant: str
) -> None:
    run = make(variant)
    assert main(fill(run, picture, "mask.png", "--count", "4", "--seed", "2", "--json")) == 0
    report = said(capsys)
    assert (report["pixels_filled"], report["pixels"], report["steps"]) == (14 * 17, SIDE**2, 3)
    sheet, original = read(picture.parent / "filled.png"), read(picture)
    assert sheet.shape == (2 * SIDE + 1, 2 * SIDE + 1)
    known = read(picture.parent / "mask.png") == 0
    fillings = [
        s[:, a : a + SIDE] for s in (sheet[:SIDE], sheet[SIDE + 1 :]) for a in (0, SIDE + 1)
    ]
    for filling in fillings:
        np.testing.assert_array_equal(filling[known], original[known])
    assert not np.array_equal(fillings[0], fillings[1])
    assert main(fill(run, picture, "mask.png", "--count", "1", "--seed", "2")) == 0
    assert "a filling of 238 of 784 pixels" in capsys.readouterr().out
    np.testing.assert_array_equal(read(picture.parent / "filled.png"), fillings[0])


@pytest.mark.parametrize(
    ("mask", "flags", "sentence"),
    [
        ("all.png", [], "covers the whole picture"),
        ("nothing.png", [], "covers nothing"),
        ("narrow.png", [], "28×28 and the mask 20×28"),
        ("mask.png", ["--class", "eleven"], "There is no class called 'eleven'"),
        ("mask.png", ["--guidance", "1"], "name one with --class"),
        ("missing.png", [], "missing.png cannot be used"),
    ],
)
def test_what_cannot_be_filled_is_said(
    make: Make,
    picture: Path,
    capsys: pytest.CaptureFixture[str],
    mask: str,
    flags: list[str],
    sentence: str,
) -> None:
    assert main(fill(make("flow"), picture, mask, *flags)) == 1
    assert sentence in capsys.readouterr().err
    assert not (picture.parent / "filled.png").exists()


def test_steps_out_of_bounds_are_wrong_usage(make: Make, picture: Path) -> None:
    run = make("flow")
    for steps in ("0", "10000"):
        with pytest.raises(SystemExit) as ended:
            main(fill(run, picture, "mask.png", "--steps", steps))
        assert ended.value.code == 2
