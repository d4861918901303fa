"""Fetching a data set over the network: with progress, whole or not at all, and only if allowed."""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import files
from core.data import archives, sets
from core.data.dataset import Progress
from core.errors import DataMissing
from core.settings import settings

MAX_ARCHIVE_BYTES = 400 * 2**20
"""Bytes that one file of a download may have at most."""


def get(name: str, progress: Progress = lambda text, share: None) -> None:
    """Make a data set available here; at once when it is already.

    Raises:
        UnknownName: no such set.
        DataMissing: downloads are off, there is no network, or what came is not the set.
    """
    if sets.available(name) == set(sets.info(name).splits):
        progress(f"{sets.info(name).title} is here", 1.0)
        return
    if name not in _FETCHERS:
        raise DataMissing(sets.missing_sentence(name))
    if settings().downloads == "off":
        raise DataMissing(f"Downloads are switched off here. {sets.missing_sentence(name)}")
    try:
        settings().data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=settings().data, prefix=".download-") as folder:
            _FETCHERS[name](Path(folder), progress)
    except (OSError, tarfile.TarError) as error:
        raise DataMissing(f"{_reason(error)} {sets.missing_sentence(name)}") from error
    sets.forget()
    progress(f"{sets.info(name).title} is here", 1.0)


def _reason(error: Exception) -> str:
    if isinstance(error, files.WrongContent):
        return f"What the network gave is not the data set: {error}"
    if isinstance(error, PermissionError):
        return f"The data folder {settings().data} cannot be written."
    return f"The download failed ({error}); is there a network?"


def _move(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():  # half a set that somebody put there: ours is whole
        shutil.rmtree(target)
    os.replace(folder, target)


def _idx_set(class_name: str) -> Callable[[Path, Progress], None]:
    def fetch(folder: Path, progress: Progress) -> None:
        source = _torchvision(class_name)
        raw = folder / "raw"
        for i, (filename, md5) in enumerate(source.resources):

            def report(share: float, i: int = i, filename: str = filename) -> None:
                progress(filename, (i + share) / len(source.resources))

            _from_mirrors([m + filename for m in source.mirrors], raw / filename, md5, report)
        _move(raw, settings().data / class_name / "raw")

    return fetch


def _torchvision(class_name: str) -> Any:
    """Its addresses and checksums; imported here, since it takes two seconds and few need it."""
    import torchvision.datasets

    return getattr(torchvision.datasets, class_name)


def _from_mirrors(
    urls: list[str], target: Path, md5: str, progress: Callable[[float], None]
) -> None:
    for i, url in enumerate(urls):
        try:
            files.download(
                url, target, checksum=f"md5:{md5}", max_bytes=MAX_ARCHIVE_BYTES, progress=progress
            )
            return
        except OSError:
            if i == len(urls) - 1:
                raise


def _cifar(folder: Path, progress: Progress) -> None:
    source = _torchvision("CIFAR10")
    archive = folder / "cifar.tar.gz"

    def report(share: float) -> None:
        progress(archive.name, 0.9 * share)

    checksum = f"md5:{source.tgz_md5}"
    files.download(
        source.url, archive, checksum=checksum, max_bytes=MAX_ARCHIVE_BYTES, progress=report
    )
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    _move(folder / source.base_folder, settings().data / source.base_folder)


def _faces(folder: Path, progress: Progress) -> None:
    from sklearn.datasets import fetch_lfw_people  # here: see core.data.sets

    progress("scikit-learn fetches the faces (200 MB); it tells no progress", 0.0)
    fetch_lfw_people(data_home=str(folder), **archives.FACE_CROP)
    _move(folder / "lfw_home", settings().data / "lfw_home")


BROWN = "https://raw.githubusercontent.com/nltk/nltk_data/gh-pages/packages/corpora/brown.zip"
BROWN_MD5 = "a0a8630959d3d937873b1265b0a05497"
"""As NLTK's index of its corpora has it."""


def _brown(folder: Path, progress: Progress) -> None:
    archive = folder / "brown.zip"

    def report(share: float) -> None:
        progress(archive.name, share)

    _from_mirrors([BROWN], archive, BROWN_MD5, report)
    os.replace(archive, settings().data / archive.name)


_FETCHERS: dict[str, Callable[[Path, Progress], None]] = {
    "mnist": _idx_set("MNIST"),
    "fashion-mnist": _idx_set("FashionMNIST"),
    "cifar10": _cifar,
    "faces": _faces,
    "brown": _brown,
}
