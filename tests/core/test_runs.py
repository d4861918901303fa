"""The run store finds, reads and keeps runs, and never trusts what lies in them."""

import io
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import filelock
import pandas as pd
import pytest
import torch

from core import data
from core.errors import LabError, Refused, RunBroken
from core.runs import store
from core.runs.schema import RunRequest, State, Status
from core.runs.store import Run
from core.settings import settings
from core.tasks import load_model, task
from core.training import make_request

PARTS = ("config.json", "model.safetensors", "history.csv", "metrics.json", "status.json")


@pytest.fixture(autouse=True)
def shipped(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped runs that is empty, and not the repository's."""
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    (lab / "shipped").mkdir()
    return lab / "shipped"


@cache
def asked() -> RunRequest:
    """A question about data that are the same wherever the lab lies."""
    return make_request("denoising", "linear", "digits", {"epochs": 2, "train_images": 64})


@pytest.fixture
def run(lab: Path) -> Run:
    """A finished run, as training leaves it, without the training."""
    made = store.create(asked().run_id, asked().config)
    made.write_weights(task("denoising").build("linear", (1, 28, 28)).state_dict())
    made.write_history([{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 1e-17}])
    made.write_metrics({"psnr": 20.5, "n_test": 360})
    made.write_sample(0, b"first")
    made.write_sample(10, b"tenth")
    made.write_sample(2, b"second")
    made.write_resume({"epoch": 2})
    made.set_owners(["ann", "bob"])
    made.update(state="done", done=1.0)
    return made


class Evil:
    """A pickle that touches a file when it is loaded."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return (_touch, (str(self.touched),))


def _touch(path: str) -> None:
    Path(path).touch()


def identifier(values: dict[str, object], dataset: str = "digits") -> str:
    return make_request("denoising", "conv", dataset, values).run_id


# ---- names


def test_a_name_is_made_of_what_was_asked(lab: Path) -> None:
    name = identifier({"epochs": 3})
    assert store.RUN_ID.fullmatch(name) and name.startswith("denoise-conv-digits-")
    assert name == identifier({"epochs": 3})


def test_a_name_is_the_same_on_every_machine() -> None:
    name = store.run_id("denoise", "conv", "mnist", {"epochs": 3, "strength": 0.25}, ["ab", "cd"])
    assert name == "denoise-conv-mnist-8a62534f"
    swapped = store.run_id(
        "denoise", "conv", "mnist", {"strength": 0.25, "epochs": 3}, ["cd", "ab"]
    )
    assert swapped == name


def test_a_default_spelled_out_changes_no_name(lab: Path) -> None:
    plain = identifier({})
    assert identifier({"epochs": 10}) == plain
    assert identifier({"strength": 0.5, "seed": 0, "corruption": "gaussian"}) == plain
    assert identifier({"epochs": "10"}) == plain, "a form sends text"
    assert identifier({"strength": 1}) == identifier({"strength": 1.0})


@pytest.mark.parametrize(
    "values", [{"epochs": 11}, {"seed": 1}, {"strength": 0.4}, {"corruption": "blur"}]
)
def test_another_setting_makes_another_name(lab: Path, values: dict[str, object]) -> None:
    assert identifier(values) != identifier({})


def test_other_images_make_another_name(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identifier({})
    monkeypatch.setattr(data, "data_fingerprint", lambda name: "0" * 64)
    assert identifier({}) != before
    assert identifier({}).startswith("denoise-conv-digits-")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../denoise-conv-digits-00000000",
        "denoise-conv-digits-00000000/..",
        "/etc/denoise-conv-digits-00000000",
        "denoise-conv-..-00000000",
        "denoise-conv-digits-0000000",
        "denoise-conv-digits-0000000g",
        "denoise-conv-digits-00000000\n",
        "denoise-conv-digits-00000000\0",
        "Denoise-conv-digits-00000000",
        "denoise\\conv-digits-00000000",
        ".deleted-denoise-conv-digits-00000000",
        "x" * 5000,
    ],
)
def test_a_name_that_is_no_run_s_is_never_looked_up(lab: Path, name: str) -> None:
    for place in (lab / "denoise-conv-digits-00000000", settings().runs):
        place.mkdir(parents=True, exist_ok=True)
        (place / "config.json").write_text("{}")
    assert store.find(name) is None
    with pytest.raises(LabError, match="There is no run called"):
        store.open_run(name)


# ---- reading


def test_a_run_is_found_and_read(run: Run) -> None:
    assert store.find(run.id) == run == store.open_run(run.id)
    assert store.all_runs() == [run]
    config = run.spec()
    assert (config.task, config.variant, config.dataset) == ("denoising", "linear", "digits")
    assert config.config["epochs"] == 2 and config.data.n_train == 64
    assert config.data.shape == (1, 28, 28) and len(config.data.fingerprint) == 64
    assert run.status().state == "done" and not run.shipped
    assert run.metrics() == {"psnr": 20.5, "n_test": 360}
    assert list(run.samples()) == [0, 2, 10]
    assert run.samples()[10].read_bytes() == b"tenth"


def test_numbers_of_the_history_come_back_exactly(run: Run) -> None:
    history = run.history()
    assert history["epoch"].tolist() == [1, 2]
    assert history["loss"].tolist() == [0.1 + 0.2, 1e-17]


def test_weights_come_back_exactly_and_fit_their_network(run: Run) -> None:
    model = load_model(run)
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    assert all(torch.equal(v, run.weights()[k]) for k, v in model.state_dict().items())


def test_a_run_that_has_not_begun_is_readable(lab: Path) -> None:
    run = store.create(asked().run_id, asked().config)
    assert run.status().state == "queued" and run.status().active
    assert run.metrics() == {} and run.samples() == {} and run.owners() == []
    assert len(run.history()) == 0 and "epoch" in run.history()
    assert run.read_resume() is None and not run.alive()
    assert zipfile.ZipFile(io.BytesIO(run.archive())).testzip() is None


def test_folders_that_are_no_runs_are_not_listed(run: Run) -> None:
    for name in (".cluster", "notes", ".deleted-denoise-linear-digits-00000000-1"):
        (settings().runs / name).mkdir()
    assert store.all_runs() == [run]


def test_nobody_sees_a_run_that_is_half_made(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, seen = store.files.write_json, []

    def looked_at(path: Path, value: object, **how: bool) -> None:
        write(path, value, **how)
        seen.append([r.id for r in store.all_runs() if not r.shipped])

    monkeypatch.setattr(store.files, "write_json", looked_at)
    made = store.create(asked().run_id, asked().config, {"picture.png": b"given"})
    assert seen == [[], []]
    assert [r.id for r in store.all_runs() if not r.shipped] == [made.id]
    assert (made.path / "picture.png").read_bytes() == b"given"
    assert sorted(p.name for p in made.path.parent.iterdir()) == [".queue", made.id]


def test_every_change_of_the_status_is_another_version(run: Run) -> None:
    before = run.version()
    os.utime(run.path / "status.json", ns=(1, 1))
    assert run.version() == 1 != before
    run.update(stage="again")
    assert run.version() != 1


def test_fields_that_a_later_version_adds_to_a_status_are_no_harm(run: Run) -> None:
    path = run.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "good"}))
    assert run.status().state == "done"


def damage(content: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "cut short": content[: len(content) // 2],
        "binary": bytes(random.Random(0).randbytes(200)),
        "foreign": b"<html>404</html>",
        "another kind of JSON": b'[1, "two"]',
        "null": b"null",
    }


@pytest.mark.parametrize("kind", damage(b"x"))
@pytest.mark.parametrize("name", ["config.json", "status.json"])
def test_a_damaged_record_says_so(run: Run, name: str, kind: str) -> None:
    path = run.path / name
    path.write_bytes(damage(path.read_bytes())[kind])
    read = run.spec if name == "config.json" else run.status
    with pytest.raises(RunBroken, match=f"{run.id}.*{name} is missing or damaged. Delete it"):
        read()


@pytest.mark.parametrize("name", ["config.json", "status.json", "model.safetensors"])
def test_a_missing_file_says_so(run: Run, name: str) -> None:
    (run.path / name).unlink()
    read = {"config.json": run.spec, "status.json": run.status, "model.safetensors": run.weights}
    with pytest.raises(RunBroken, match=f"{name} is missing or damaged"):
        read[name]()


@pytest.mark.parametrize("kind", ["empty", "binary", "foreign"])
def test_a_damaged_history_says_so(run: Run, kind: str) -> None:
    path = run.path / "history.csv"
    path.write_bytes(damage(path.read_bytes())[kind])
    with pytest.raises(RunBroken, match=r"history\.csv is missing or damaged"):
        run.history()


def test_a_history_that_is_no_table_says_so(run: Run) -> None:
    (run.path / "history.csv").write_text('epoch,loss\n1,0.5\n2,0.4,"and more\n')
    with pytest.raises(RunBroken, match=r"history\.csv is missing or damaged"):
        run.history()


@pytest.mark.parametrize("kind", ["empty", "cut short", "binary", "foreign"])
def test_damaged_figures_say_so(run: Run, kind: str) -> None:
    path = run.path / "metrics.json"
    path.write_bytes(damage(path.read_bytes())[kind])
    with pytest.raises(RunBroken, match=r"metrics\.json is missing or damaged"):
        run.metrics()


@pytest.mark.parametrize("kind", ["empty", "cut short", "binary", "foreign", "header", "pickle"])
def test_damaged_weights_say_so_and_nothing_in_them_is_executed(
    run: Run, lab: Path, kind: str
) -> None:
    path, touched = run.path / "model.safetensors", lab / "touched"
    contents = damage(path.read_bytes())
    contents["header"] = (2**62).to_bytes(8, "little") + b"{}"
    contents["pickle"] = pickle.dumps(Evil(touched))
    pickle.loads(contents["pickle"])
    assert touched.exists(), "the pickle would do harm"
    touched.unlink()
    path.write_bytes(contents[kind])
    for read in (run.weights, lambda: load_model(run)):
        with pytest.raises(RunBroken, match=r"model\.safetensors is missing or damaged"):
            read()
    assert not touched.exists()


def test_a_torch_file_in_the_place_of_the_weights_is_not_executed(run: Run, lab: Path) -> None:
    torch.save({"weights": Evil(lab / "touched")}, run.path / "model.safetensors")
    with pytest.raises(RunBroken):
        run.weights()
    assert not (lab / "touched").exists()


def test_weights_of_another_network_are_called_that(run: Run) -> None:
    for state in ({}, {"other": torch.zeros(3)}, {"layers.1.weight": torch.zeros(2, 2)}):
        run.write_weights(state)
        with pytest.raises(RunBroken, match="do not fit the network linear"):
            load_model(run)


def test_owners_that_cannot_be_read_are_nobody(run: Run) -> None:
    for content in (b"", b"{}", b"\xff\xfe", b'"ann"'):
        (run.path / "owners.json").write_bytes(content)
        assert run.owners() == []


# ---- where training stopped


def test_a_place_comes_back_as_it_was_kept(run: Run) -> None:
    generator = torch.Generator().manual_seed(3)
    run.write_resume({"epoch": 5, "generator": generator.get_state(), "w": torch.arange(4)})
    state = run.read_resume()
    assert state is not None and state["epoch"] == 5
    assert torch.equal(state["generator"], generator.get_state())
    run.forget_resume()
    assert run.read_resume() is None
    run.forget_resume()  # twice is no harm


def test_a_place_that_would_run_code_is_not_loaded(run: Run, lab: Path) -> None:
    for write in (
        lambda: torch.save({"epoch": Evil(lab / "touched")}, run.path / "resume.pt"),
        lambda: (run.path / "resume.pt").write_bytes(
            pickle.dumps(Evil(lab / "touched"), protocol=2)
        ),
    ):
        write()
        assert run.read_resume() is None
        assert not (lab / "touched").exists()


def test_a_damaged_place_is_as_none(run: Run) -> None:
    path = run.path / "resume.pt"
    run.write_resume({"epoch": 5, "weights": torch.arange(100.0)})
    whole, chance = path.read_bytes(), random.Random(0)
    damaged = [b"", b".", b"null", b"PK\x03\x04", whole[:-30], whole[: len(whole) // 2], whole[1:]]
    damaged += [chance.randbytes(n) for n in range(1, 120)]
    for content in damaged:
        path.write_bytes(content)
        assert run.read_resume() is None, content


# ---- taking away


def test_an_archive_has_the_run_without_owners_and_half_done_work(run: Run) -> None:
    (run.path / "cancel").touch()
    with run.lock(), zipfile.ZipFile(io.BytesIO(run.archive())) as archive:
        names = set(archive.namelist())
        assert archive.read(f"{run.id}/samples/epoch-010.png") == b"tenth"
        content = b"".join(archive.read(name) for name in names)
    samples = {f"{run.id}/samples/epoch-{epoch:03d}.png" for epoch in (0, 2, 10)}
    assert names == {f"{run.id}/{part}" for part in PARTS} | samples
    assert b"ann" not in content and b"bob" not in content


def test_a_note_is_plain_bounded_and_stays_here(run: Run) -> None:
    run.set_note("<img src=x onerror=alert(1)>\r\n[a](javascript:b) \u202e\x00\ud800 é ")
    assert run.note() == "<img src=x onerror=alert(1)>\n[a](javascript:b)  é"
    with zipfile.ZipFile(io.BytesIO(run.archive())) as archive:
        assert not any("note" in name for name in archive.namelist())
    with pytest.raises(LabError, match="1,000 characters at most"):
        run.set_note("a" * 1001)
    assert run.note().startswith("<img")
    for content in (b"{", b"[1]", b"null", b'"\\ud800"', b"\xff"):
        (run.path / "note.json").write_bytes(content)
        assert run.note() == ""
    (run.path / "note.json").write_text(json.dumps("b" * 5000))
    assert run.note() == "b" * 1000


def test_a_deleted_run_is_gone_with_its_folder(run: Run) -> None:
    run.delete()
    assert store.find(run.id) is None and store.all_runs() == []
    left = [p.name for p in settings().runs.rglob("*") if not p.name.startswith(".store")]
    assert left == [".queue"]


def test_a_run_that_somebody_works_on_is_not_deleted(run: Run) -> None:
    with run.lock(), pytest.raises(Refused):
        run.delete()
    assert run.status().state == "done"


def test_a_shipped_run_is_read_but_never_deleted(run: Run, shipped: Path) -> None:
    moved = Run(run.path.rename(shipped / run.id))
    assert moved.shipped and store.find(moved.id) == moved
    with pytest.raises(Refused, match="cannot be deleted"):
        moved.delete()
    assert moved.metrics()["psnr"] == 20.5
    (moved.path / "model.safetensors").unlink()
    with pytest.raises(RunBroken, match="Restore it from the repository"):
        moved.weights()


def test_a_shipped_run_comes_before_one_made_here(run: Run, shipped: Path) -> None:
    twin = shipped / run.id
    twin.mkdir()
    (twin / "config.json").write_bytes((run.path / "config.json").read_bytes())
    result = store.find(run.id)
    assert result is not None and result.shipped
    assert [r.shipped for r in store.all_runs()] == [True, False]


# ---- one writer

HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(run: Run) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the run's lock; a lean one, which starts in no time."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, run.path / ".lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_lock_lets_one_process_in_and_falls_when_it_is_killed(
    run: Run, holder: subprocess.Popen[str]
) -> None:
    assert run.alive()
    with pytest.raises(Refused, match="is being trained already"), run.lock():
        raise AssertionError("two hold the lock")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not run.alive()
    with run.lock():
        assert run.alive()
    assert not run.alive()


def test_to_look_whether_a_run_is_alive_leaves_nothing_behind(run: Run) -> None:
    before = sorted(p.name for p in run.path.iterdir())
    assert not run.alive()
    assert sorted(p.name for p in run.path.iterdir()) == before


def test_a_wish_to_cancel_is_kept_until_it_is_forgotten(run: Run) -> None:
    assert not run.cancel_requested()
    run.request_cancel()
    run.request_cancel()
    assert run.cancel_requested() and Run(run.path).cancel_requested()
    run.forget_cancel()
    run.forget_cancel()
    assert not run.cancel_requested()


# ---- writing


def test_a_folder_of_runs_that_cannot_be_written_is_a_sentence(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    for place in (Path, "mkdir"), (filelock.FileLock, "acquire"):
        with monkeypatch.context() as patch:
            patch.setattr(*place, read_only)
            with (
                pytest.raises(LabError, match=r"cannot be written \(Permission denied\).*LATENT_"),
                store.store_lock(),
            ):
                raise AssertionError("nothing may be done without the lock")


def test_a_folder_of_runs_that_is_a_file_is_a_sentence(lab: Path) -> None:
    settings().checkpoints.mkdir(parents=True)
    settings().runs.write_text("in the way")
    with pytest.raises(LabError, match="the folder of runs cannot be written"), store.store_lock():
        raise AssertionError("nothing may be done without the lock")


def test_a_failed_write_leaves_the_old_files(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p.name: p.read_bytes() for p in run.path.iterdir() if p.is_file()}

    def failing(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("core.files.os.fsync", failing)
    for write in (
        lambda: run.write_weights({"w": torch.zeros(3)}),
        lambda: run.write_history([{"epoch": 9.0}]),
        lambda: run.write_metrics({"psnr": 0.0}),
        lambda: run.write_resume({"epoch": 9}),
        lambda: run.set_owners([]),
        lambda: run.update(state="failed"),
    ):
        with pytest.raises(OSError, match="Input/output"):
            write()
    assert {p.name: p.read_bytes() for p in run.path.iterdir() if p.is_file()} == before


def test_figures_that_are_no_numbers_are_not_written(run: Run) -> None:
    with pytest.raises(ValueError, match="JSON"):
        run.write_metrics({"psnr": float("nan")})
    assert run.metrics() == {"psnr": 20.5, "n_test": 360}


def test_a_status_is_changed_field_by_field(run: Run) -> None:
    before = run.status()
    after = run.update(stage="measuring", done=0.5)
    assert after == run.status()
    assert (after.stage, after.done, after.state) == ("measuring", 0.5, "done")
    unchanged = {"stage": before.stage, "done": before.done, "heartbeat": before.heartbeat}
    assert after.model_copy(update=unchanged) == before


@pytest.mark.parametrize(
    ("state", "active"),
    [("queued", True), ("running", True), ("done", False), ("failed", False), ("cancelled", False)],
)
def test_which_states_are_active(state: State, active: bool) -> None:
    assert Status(state=state).active is active


def test_the_history_is_a_table_that_others_can_read(run: Run) -> None:
    assert (run.path / "history.csv").read_bytes().startswith(b"epoch,loss\n1,")
    pd.testing.assert_frame_equal(pd.read_csv(run.path / "history.csv"), run.history())
