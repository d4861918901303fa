"""The unit files and the environment file say what the lab and its parts understand."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit import config

from core.jobs import scheduler
from core.settings import Settings
from tests.hosting.parts import HERE, INSTALLED, environment_file, unit_command, unit_lines

UNITS = sorted(path.name for path in HERE.glob("latent-lab*.service"))
SERVICES = [
    "latent-lab@8501",
    "latent-lab-scheduler",
    "latent-lab-worker@long",
    "latent-lab-worker@quick",
    "latent-lab-worker-gpu@long",
]


def test_the_variables_are_known() -> None:
    known = {f"LATENT_LAB_{name.upper()}" for name in Settings.model_fields}
    known |= {option.env_var for option in config._config_options_template.values()}
    known |= {"FORWARDED_ALLOW_IPS", "LAB_LISTEN", "LAB_WORKER"}
    assert set(environment_file()) - known == set()


def test_the_limits_of_uploads_agree() -> None:
    size = str(Settings.model_fields["max_upload_mb"].default)
    variables = environment_file()
    assert variables["LATENT_LAB_MAX_UPLOAD_MB"] == size
    assert variables["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] == size
    assert f"client_max_body_size {size}m;" in (HERE / "nginx.conf").read_text()


@pytest.mark.parametrize("unit", ["latent-lab-worker@long", "latent-lab-worker-gpu@long"])
def test_the_threads_of_workers_wait_as_those_of_the_local_ones_do(unit: str) -> None:
    _, environment = unit_command(unit, environment_file())
    assert environment["OMP_WAIT_POLICY"] == "passive"


@pytest.mark.parametrize("lane", scheduler.LANES)
def test_each_lane_has_its_worker(lane: str) -> None:
    for unit in ("latent-lab-worker", "latent-lab-worker-gpu"):
        command, _ = unit_command(f"{unit}@{lane}", environment_file())
        assert command[command.index("--resources") + 1] == f"{lane}=1"


@pytest.mark.parametrize("unit", SERVICES)
def test_units_start_again_and_may_little(unit: str) -> None:
    said = dict(unit_lines(unit))
    assert said["User"] == "latent-lab" and said["NoNewPrivileges"] == "yes"
    assert said["ProtectSystem"] == "strict" and said["MemoryMax"]
    assert said["Restart"] == "always" and said["LimitNOFILE"]


def test_the_tests_know_every_unit() -> None:
    assert {f"{re.sub('@.*', '@', unit)}.service" for unit in SERVICES} == set(UNITS)


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_can_read_them(tmp_path: Path, unit: str) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd on this machine")
    for path in HERE.glob("latent-lab*.service"):
        text = path.read_text().replace(INSTALLED, sys.executable)
        (tmp_path / path.name.replace("@", "@1")).write_text(text)
    result = subprocess.run(
        [program, "verify", str(tmp_path / unit.replace("@", "@1"))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in result.stderr.splitlines() if "latent-lab" in line]
    if result.returncode and not ours:
        pytest.skip(f"systemd-analyze does not work on this machine: {result.stderr[-300:]}")
    assert ours == []
