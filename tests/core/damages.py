"""Ways in which a file of a run may be damaged, each as something done to the run's folder."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from core.runs.store import Run

Damage = Callable[[Path], object]


def _text(name: str, text: str) -> Damage:
    return lambda folder: (folder / name).write_text(text)


def _changed(name: str, **values: Any) -> Damage:
    def damage(folder: Path) -> None:
        result = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**result, **values}))

    return damage


def _data(**values: Any) -> Damage:
    def damage(folder: Path) -> None:
        result = json.loads((folder / "config.json").read_text())
        _changed("config.json", data={**result["data"], **values})(folder)

    return damage


def _weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


def _folder(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return damage


def _named(name: str) -> Damage:
    return lambda folder: (folder / "samples" / name).write_bytes(b"")


DEEP = "[" * 100_000 + "]" * 100_000
DAMAGES: dict[str, Damage] = {
    "config: empty": _text("config.json", ""),
    "config: a list": _text("config.json", "[1, 2]"),
    "config: deep": _text("config.json", '{"task": ' + DEEP + "}"),
    "config: a folder": _folder("config.json"),
    "config: another task": _changed("config.json", task="painting"),
    "config: another variant": _changed("config.json", variant="of tomorrow"),
    "config: half a letter": _changed("config.json", dataset="\ud800"),
    "config: a setting out of bounds": _changed("config.json", config={"epochs": -3}),
    "config: a setting of another type": _changed("config.json", config={"epochs": [1]}),
    "config: a large image": _data(shape=[1, 10**9, 10**9]),
    "config: another image": _data(shape=[3, 4000, 4000]),
    "config: a negative image": _data(shape=[1, -28, 28]),
    "config: more names than classes": _data(classes=2, class_names=list("abc")),
    "config: classes without end": _data(classes=10**12, class_names=[]),
    "status: deep": _text("status.json", DEEP),
    "status: another state": _changed("status.json", state="asleep"),
    "status: no number": _changed("status.json", done=float("nan")),
    "status: epochs without end": _changed("status.json", epochs=10**30),
    "metrics: deep": _text("metrics.json", '{"psnr": ' + DEEP + "}"),
    "metrics: nested": _text("metrics.json", '{"more": ' + "[" * 900 + "]" * 900 + "}"),
    "metrics: a list": _text("metrics.json", "[20.5]"),
    "metrics: null": _text("metrics.json", "null"),
    "metrics: text": _changed("metrics.json", psnr="high"),
    "metrics: a list for a number": _changed("metrics.json", ssim=[0.5]),
    "metrics: a number for a list": _changed("metrics.json", sweep=3),
    "metrics: nothing": _changed("metrics.json", psnr=None),
    "metrics: a share above one": _changed("metrics.json", accuracy=7.0),
    "metrics: a negative count": _changed("metrics.json", accuracy=0.5, n_test=-3),
    "metrics: infinite": _changed("metrics.json", psnr=float("inf")),
    "metrics: undefined, elsewhere": _changed("metrics.json", more={"a": [float("nan")]}),
    "metrics: too large a number": _text("metrics.json", '{"psnr": 1e999}'),
    "metrics: too large a count": _changed("metrics.json", images_per_second=10**400),
    "metrics: a folder": _folder("metrics.json"),
    "history: text": _text("history.csv", "epoch,loss\n1,0.5\n2,lower\n"),
    "history: infinite": _text("history.csv", "epoch,loss\n1,0.5\n2,inf\n"),
    "history: half an epoch": _text("history.csv", "epoch,loss\n1.5,0.5\n"),
    "history: no epoch": _text("history.csv", "loss\n0.5\n"),
    "history: a folder": _folder("history.csv"),
    "samples: no number": _named("epoch-abc.png"),
    "samples: a negative number": _named("epoch--01.png"),
    "weights: cut short": lambda folder: (folder / "model.safetensors").write_bytes(b"\x08"),
    "weights: scales of another shape": _weights(
        lambda tensors: tensors.update({f"{next(iter(tensors))}.scale": torch.ones(7, 3)})
    ),
    "weights: scales that would fill the memory": _weights(
        lambda tensors: tensors.update({f"{next(iter(tensors))}.scale": torch.ones(9999, 1, 1)})
    ),
}


def damaged(sound: Run) -> Iterator[tuple[str, Run]]:
    """Copies of a finished run beside it, each damaged in one way."""
    for number, (name, damage) in enumerate(DAMAGES.items()):
        path = sound.path.with_name(f"{sound.id[:-8]}{number:08x}")
        shutil.copytree(sound.path, path)
        damage(path)
        yield name, Run(path)
