"""Pictures, archives and folders that are imported as data sets."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import data
from core.data import DatasetInfo, imported
from core.errors import BadUpload

Files = Mapping[str, bytes]


def picture(seed: int, size: tuple[int, int] = (16, 12)) -> bytes:
    """A small PNG that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def solid(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (10, 10), colour).save(file, "PNG")
    return file.getvalue()


PICTURES = [picture(seed) for seed in range(20)]
LOOSE = {f"{i:02d}.png": content for i, content in enumerate(PICTURES)}
CLASSES = {f"{'cat' if i < 10 else 'dog'}/{i:02d}.png": c for i, c in enumerate(PICTURES)}
SPLIT = {
    f"{'test' if i % 5 == 4 else 'train'}/{'cat' if i < 10 else 'dog'}/{i:02d}.png": c
    for i, c in enumerate(PICTURES)
}


def packed(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip with those entries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return path


def unpacked(folder: Path, files: Files) -> Path:
    """A folder with those files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def taken(source: Path, title: str = "Pets", size: int = 8, grey: bool = False) -> DatasetInfo:
    return data.import_set(source, title, size=size, grey=grey)


def refused(source: Path, match: str) -> None:
    """The source is refused with that sentence, and nothing was written anywhere."""
    around = source.parent.parent
    before = sorted(around.rglob("*"))
    with pytest.raises(BadUpload, match=match):
        taken(source)
    assert sorted(around.rglob("*")) == before
    assert imported.names() == []


def by_hand(
    pictures: Mapping[str, Sequence[tuple[str, bytes]]], title: str = "Pets"
) -> DatasetInfo:
    return data.import_classes(pictures, title, size=8, grey=False)


def grouped(*names: str) -> dict[str, list[tuple[str, bytes]]]:
    """Classes of those names, ten pictures each."""
    return {
        name: [(f"{i:02d}.png", picture(1000 * k + i)) for i in range(10)]
        for k, name in enumerate(names)
    }
