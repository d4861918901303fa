"""The scripts of the bench Optimisers: PyTorch's optimisers, and the numbers of the browser."""

import contextlib
import io
import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from core.foundations import loss_plane
from core.foundations.regressions import X15, Y15, standardised_classes

HERE = Path(__file__).resolve().parent


def printed(script: str) -> dict[str, list[str]]:
    """The last line of each optimiser, as words without its name."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(script, "race.py", "exec"), {})
    return {line[:12].strip(): line[12:].split() for line in out.getvalue().splitlines()}


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not here")
def test_two_hundred_steps_of_six_optimisers_are_those_of_the_script(tmp_path: Path) -> None:
    plane = loss_plane.shipped()[0]
    line, classes = {"x": X15, "y": Y15}, standardised_classes()
    said = {"points": line, "classes": classes, "grid": plane._asdict()}
    (tmp_path / "said.json").write_text(json.dumps(said))
    done = subprocess.run(
        ["node", HERE / "races.mjs", tmp_path / "said.json"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    for race in json.loads(done.stdout):
        last = printed(race["script"])
        assert len(last) == len(race["lanes"])
        for lane in race["lanes"]:
            words = last[lane["name"]]
            if lane["diverged"] is not None:
                assert words == f"diverged at step {lane['diverged']}".split(), race["name"]
                continue
            step, loss, *weights = map(float, words)
            off = [math.dist(weights, lane["weights"]), loss - lane["loss"]]
            assert step == 200 and max(map(abs, off)) < 1e-6, (race["name"], lane["name"], off)
