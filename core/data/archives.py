"""CIFAR-10, faces, cats and dogs: many pictures in one archive, decoded once and kept decoded."""

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from core import files
from core.data.dataset import Images, Split
from core.errors import DataMissing
from core.images import fit, to_tensor
from core.settings import settings

Splits = dict[Split, Images]

FACE_CROP: dict[str, Any] = {"slice_": (slice(70, 195), slice(62, 187)), "resize": 64 / 125}
"""scikit-learn's rows of a face; as many columns around the same middle, so 64×64, undistorted."""
PHOTOGRAPH = (3, 256, 256)
"""What photographs are cut to: the backbones of transfer learning see the middle of it."""


def source(name: str) -> Path | None:
    """Return the path of the set in the data folder, or None."""
    return next((p for p in _places(name) if p.exists()), None)


def load(name: str) -> Splits:
    """Load both splits, from the decoded copy if there is one. Raises DataMissing."""
    path = source(name)
    if path is None:
        raise DataMissing(f"{name} is not in {settings().data}.")
    stamp = f"{path.stat().st_size:x}-{int(path.stat().st_mtime):x}"
    decoded = settings().data / "decoded" / f"{name}-{stamp}.safetensors"
    with contextlib.suppress(OSError, SafetensorError, KeyError):
        return read_splits(decoded)
    try:
        splits = _READERS[path.name](path)
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataMissing(f"{path} is damaged: delete it and fetch {name} again.") from error
    with contextlib.suppress(OSError):  # a read-only data folder: decode again next time
        _keep_decoded(decoded, name, splits)
    return splits


def _keep_decoded(path: Path, name: str, splits: Splits) -> None:
    """Write a decoded copy: in place of older ones of the same set, and as far as there is room
    beside those of others, of which the oldest go first."""
    room = settings().max_data_mb * 2**20 - sum(i.pixels.nbytes for i in splits.values())
    if room < 0:
        return
    decoded = sorted(path.parent.glob("*.safetensors"), key=lambda one: one.stat().st_mtime)
    for one in reversed(decoded):
        size = one.stat().st_size
        if one.name.rsplit("-", 2)[0] == name or size > room:
            one.unlink(missing_ok=True)
        else:
            room -= size
    write_splits(path, splits)


def write_splits(path: Path, splits: Splits) -> None:
    """Write both splits into one safetensors file, atomically."""
    tensors = {
        f"{split}_{kind}": tensor.contiguous()
        for split, images in splits.items()
        for kind, tensor in zip(("pixels", "labels"), images, strict=True)
    }
    with files.replacing(path) as temporary:
        save_file(tensors, temporary)


def read_splits(path: Path) -> Splits:
    """Read a file of `write_splits`. Raises OSError, SafetensorError or KeyError."""
    if not path.exists():
        raise FileNotFoundError(path)
    tensors = load_file(path)
    splits: tuple[Split, ...] = ("train", "test")
    return {s: Images(tensors[f"{s}_pixels"], tensors[f"{s}_labels"]) for s in splits}


def _places(name: str) -> list[Path]:
    folder = settings().data
    return {
        "cifar10": [folder / "cifar-10-batches-py", folder / "cifar10-jpeg.zip"],
        "cats-dogs": [folder / "cats-vs-dogs.zip"],
        "faces": [folder / "lfw-faces-64.zip", folder / "lfw_home"],
    }[name]


def _cifar_batches(path: Path) -> Splits:
    """torchvision's copy: it unpickles its batches only when their checksums are right."""
    from torchvision.datasets import CIFAR10  # here: it takes two seconds, and few come this way

    sets = {s: CIFAR10(path.parent, train=s == "train") for s in ("train", "test")}
    return {
        s: Images(  # type: ignore[misc]
            torch.from_numpy(d.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(d.targets)
        )
        for s, d in sets.items()
    }


def folders(path: Path, *splits: Split) -> Splits:
    """Splits of a zip with `train/<class>/*.jpg` and `test/<class>/*.jpg`."""
    with zipfile.ZipFile(path) as archive:
        members = sorted(n for n in archive.namelist() if n.endswith((".jpg", ".png")))
        classes = sorted({n.split("/")[-2] for n in members})
        return {
            split: _decode(
                archive,
                [n for n in members if n.startswith(f"{split}/")],
                lambda n: classes.index(n.split("/")[-2]),
            )
            for split in splits
        }


def _faces_zip(path: Path) -> Splits:
    """`faces/<Person_Name>_<number>.png`; nobody is in both splits."""
    with zipfile.ZipFile(path) as archive:
        members = sorted(n for n in archive.namelist() if n.endswith(".png"))
        everything = _decode(archive, members, lambda n: -1)
    return _split_people(everything, _names(members))


def _faces_sklearn(path: Path) -> Splits:
    """scikit-learn's copy of the faces, grey, at our size."""
    from sklearn.datasets import fetch_lfw_people  # here: see core.data.sets

    faces = fetch_lfw_people(data_home=str(path.parent), download_if_missing=False, **FACE_CROP)
    pixels = torch.from_numpy((faces.images * 255).round().astype(np.uint8))[:, None]
    everything = Images(fit(pixels, (1, 64, 64)), torch.full((len(pixels),), -1))
    return _split_people(everything, [str(t) for t in faces.target])


def _sklearn_people(path: Path) -> list[str]:
    from sklearn.datasets import fetch_lfw_people  # here: see core.data.sets

    faces = fetch_lfw_people(data_home=str(path.parent), download_if_missing=False, **FACE_CROP)
    return [str(t) for t in faces.target]


def people(name: str, split: Split) -> torch.Tensor | None:
    """Return who is on each picture of a split, numbers int64 (N,) from 0; None where the set does
    not say. Nobody is in both splits."""
    path = source(name) if name == "faces" else None
    if path is None:
        return None
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            everybody = _names(sorted(n for n in archive.namelist() if n.endswith(".png")))
    else:
        everybody = _sklearn_people(path)
    here = _people_splits(everybody)[split]
    return torch.from_numpy(np.unique([everybody[i] for i in here], return_inverse=True)[1])


def _names(members: list[str]) -> list[str]:
    return [re.sub(r"_\d+\.png$", "", n) for n in members]


def _cats_zip(path: Path) -> Splits:
    """`cat/*.jpg` and `dog/*.jpg`; a fifth of each for testing."""
    from sklearn.model_selection import train_test_split  # here: see core.data.sets

    with zipfile.ZipFile(path) as archive:
        members = sorted(n for n in archive.namelist() if n.endswith((".jpg", ".png")))
        pictures = [to_tensor(Image.open(io.BytesIO(archive.read(n))), PHOTOGRAPH) for n in members]
    labels = [int("dog" in n.split("/")[-2].lower()) for n in members]
    everything = Images(torch.stack(pictures), torch.tensor(labels))
    parts = train_test_split(range(len(labels)), test_size=0.2, random_state=0, stratify=labels)
    splits: tuple[Split, ...] = ("train", "test")
    return {
        s: Images(*(t[part] for t in everything)) for s, part in zip(splits, parts, strict=True)
    }


def _split_people(images: Images, people: list[str]) -> Splits:
    rows = _people_splits(people)
    return {s: Images(images.pixels[r], images.labels[r]) for s, r in rows.items()}


def _people_splits(people: list[str]) -> dict[Split, np.ndarray]:
    """Return the rows of each split."""
    from sklearn.model_selection import GroupShuffleSplit  # here: see core.data.sets

    chooser = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=0)
    train, test = next(chooser.split(people, groups=people))
    return {"train": train, "test": test}


def _decode(archive: zipfile.ZipFile, members: list[str], label: Callable[[str], int]) -> Images:
    pixels = [np.asarray(Image.open(io.BytesIO(archive.read(n)))) for n in members]
    stacked = torch.from_numpy(np.stack(pixels))
    stacked = stacked[:, None] if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2).contiguous()
    return Images(stacked, torch.tensor([label(n) for n in members]))


_READERS: dict[str, Callable[[Path], Splits]] = {
    "cifar-10-batches-py": _cifar_batches,
    "cifar10-jpeg.zip": lambda path: folders(path, "train", "test"),
    "cats-vs-dogs.zip": _cats_zip,
    "lfw-faces-64.zip": _faces_zip,
    "lfw_home": _faces_sklearn,
}
