"""The command line's `sample` on GANs that have learnt nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core import images, training
from core.__main__ import main
from core.cli import latent_commands as commands
from core.inference import generators
from core.runs import store
from core.runs.store import Run
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from tests.core.support import built, said

Make = Callable[[str], Run]


@pytest.fixture
def make(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a finished run with random weights."""
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")

    def made(variant: str) -> Run:
        chosen = ADVERSARIAL if variant in ADVERSARIAL.variants else AUTOENCODING
        question = training.make_request(chosen.name, variant, "digits")
        run = store.create(question.run_id, question.config)
        run.write_weights(built(chosen, variant).state_dict(), half=True)
        run.update(state="done")
        return run

    return made


def sample(run: Run, lab: Path, *flags: str) -> list[str]:
    return ["sample", run.id, "--output", str(lab / "sheet.png"), *flags]


def shown(path: Path) -> np.ndarray:
    with Image.open(path) as sheet:
        return np.array(sheet)


def expected(drawn: generators.Drawn, columns: int) -> np.ndarray:
    return images.contact_sheet(drawn.images, columns, scale=commands.SHEET_SCALE)


def test_a_sheet_shows_draws_of_the_seed(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("gan")
    assert main(sample(run, lab, "--count", "10", "--seed", "3")) == 0
    assert "10 pictures, drawn from uniform latents.\n" in capsys.readouterr().out
    drawn = generators.drawn(generators.network(run), 10, 3)
    np.testing.assert_array_equal(shown(lab / "sheet.png"), expected(drawn, 4))


def test_the_report_and_the_latents_of_a_contracted_draw(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, table = make("gan"), lab / "latents.csv"
    flags = ["--count", "5", "--truncation", "0.5", "--codes", str(table), "--json"]
    assert main(sample(run, lab, *flags)) == 0
    assert said(capsys) == {
        "run": run.id, "count": 5, "seed": 0, "truncation": 0.5, "class": None,
        "drawn_from": "uniform latents, contracted to 0.5", "note": "",
        "output": str(lab / "sheet.png"), "codes": str(table),
    }  # fmt: skip
    drawn = generators.drawn(generators.network(run), 5, 0, truncation=0.5)
    np.testing.assert_array_equal(shown(lab / "sheet.png"), expected(drawn, 3))
    result = pd.read_csv(table)
    assert list(result) == [f"Latent {i}" for i in range(96)]
    np.testing.assert_allclose(result, drawn.latents, atol=1e-4)


def test_a_class_is_asked_for_alone_or_all_in_turn(make: Make, lab: Path) -> None:
    run, table = make("cgan"), lab / "latents.csv"
    model = generators.network(run)
    for asked, label, columns in (("3", 3, 5), ("all", None, 10)):
        flags = ["--count", "25", "--class", asked, "--codes", str(table)]
        assert main(sample(run, lab, *flags)) == 0
        drawn = generators.drawn(model, 25, 0, label)
        assert drawn.labels is not None
        assert pd.read_csv(table)["label"].tolist() == drawn.labels.tolist()
        np.testing.assert_array_equal(shown(lab / "sheet.png"), expected(drawn, columns))
    one, turn = (generators.drawn(model, 4, 0, label).images for label in (3, None))
    assert torch.equal(one[3], turn[3])


@pytest.mark.parametrize(
    ("variant", "flags", "sentence"),
    [
        ("cgan", [], "draws one class at a time: choose which with --class, or --class all."),
        ("cgan", ["--class", "10"], "There is no class called '10'. Known: 0, 1, 2"),
        ("gan", ["--class", "3"], "takes no class: leave --class away."),
        ("gan", ["--temperature", "0.5"], "neither a temperature nor a mixture"),
        ("gan", ["--mixture", "3"], "neither a temperature nor a mixture"),
        ("ae_mlp3", ["--truncation", "0.5"], "is no GAN: --temperature narrows"),
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
    assert main([*sample(make(variant), lab, *flags), "--json"]) == 1
    told = capsys.readouterr()
    assert sentence in told.err and "Traceback" not in told.err and not told.out
    assert not (lab / "sheet.png").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ["--truncation", "0"], ["--truncation", "1.1"], ["--truncation", "nan"],
        ["--truncation", "-1"], ["--temperature", "2", "--truncation", "0.5"],
    ],
)  # fmt: skip
def test_the_truncation_has_bounds(
    flags: list[str], lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["sample", "any", "--output", str(lab / "sheet.png"), *flags])
    assert end.value.code == 2 and "argument --truncation" in capsys.readouterr().err


def test_a_gan_encodes_nothing(make: Make, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", make("gan").id, "--output", str(lab / "codes.csv")]) == 1
    assert "is no autoencoder: it has no codes." in capsys.readouterr().err


def test_runs_and_their_figures_are_listed(
    make: Make, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make("gan")
    run.write_metrics({"fid": 12.5, "histogram": [1, 2], "n_test": 360})
    assert main(["runs", "--json"]) == 0
    assert [row["run"] for row in said(capsys)] == [run.id]
    assert main(["runs"]) == 0
    assert run.id in capsys.readouterr().out
