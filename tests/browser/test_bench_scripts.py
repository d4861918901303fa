"""The PyTorch scripts that benches give away print the numbers of the bench."""

import ast
import contextlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch


def printed(script):
    """What a script prints: by name, numbers."""
    said, before = io.StringIO(), torch.get_default_dtype()
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(script, "script", "exec"), {"__name__": "__main__"})
    finally:
        torch.set_default_dtype(before)
    lines = re.findall(r"(.+?) (\[.*\]|[-\d.e]+)$", said.getvalue(), re.MULTILINE)
    return {name: ast.literal_eval(numbers) for name, numbers in lines}


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node")
def test_a_script_prints_the_numbers_of_the_bench():
    here = Path(__file__).with_name("bench_scripts.mjs")
    result = json.loads(subprocess.check_output(["node", here], text=True, timeout=60))
    for one in result:
        said = printed(one["script"])
        loss, closed = said.pop("loss", None), said.pop("closed form", None)
        assert loss == (pytest.approx(one["loss"], abs=1e-9) if "loss" in one else None)
        for name, number in one.get("measured", {}).items():
            assert said.pop(name) == pytest.approx(number, abs=1e-9)
        np.testing.assert_allclose(np.concatenate(list(said.values())), one["weights"], atol=1e-8)
        if closed:
            np.testing.assert_allclose(closed, one["closed"], atol=1e-9)
