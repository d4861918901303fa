"""Built-in data sets load as their records say, and are fetched whole or not at all."""

import gzip
import hashlib
import io
import os
import socket
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from core import data
from core.data import Images, downloads, sequences, sets
from core.errors import DataMissing, UnknownName
from core.metrics.generative import frechet_distance
from core.settings import settings

ALWAYS_HERE = [
    ("digits", "train"),
    ("digits", "test"),
    ("mnist", "test"),
    ("fashion-mnist", "test"),
]
IDX_FILES = {
    "train-images-idx3-ubyte": (12, 28, 28),
    "train-labels-idx1-ubyte": (12,),
    "t10k-images-idx3-ubyte": (10, 28, 28),
    "t10k-labels-idx1-ubyte": (10,),
}


@pytest.fixture(autouse=True)
def bare(lab: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has what ships with the lab and nothing else; gives its data folder."""
    monkeypatch.setattr(sets, "DEBIAN", lab / "no-such-folder")
    monkeypatch.setenv("no_proxy", "*")
    return settings().data


def idx(shape: tuple[int, ...]) -> bytes:
    """A file in MNIST's own format with seeded content."""
    values = np.random.default_rng(len(shape)).integers(0, 10, shape, dtype=np.uint8)
    header = struct.pack(f">{1 + len(shape)}i", 0x0800 + len(shape), *shape)
    return header + values.tobytes()


def put_idx(folder: Path, *, packed: bool, stems: object = tuple(IDX_FILES)) -> None:
    """Write a small MNIST to `folder`, compressed or not."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem in stems:  # type: ignore[attr-defined]
        content = idx(IDX_FILES[stem])
        if packed:
            (folder / f"{stem}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (folder / stem).write_bytes(content)


def files_under(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# ---- records and what loads


@pytest.mark.parametrize(("name", "split"), ALWAYS_HERE)
def test_a_shipped_split_is_what_its_record_says(name: str, split: data.Split) -> None:
    record, images = data.info(name), data.load(name, split)
    assert images.pixels.shape == (record.splits[split], *record.shape)
    assert images.pixels.dtype == torch.uint8 and images.labels.dtype == torch.int64
    assert images.labels.shape == (record.splits[split],)
    assert images.labels.unique().tolist() == list(range(len(record.classes)))
    assert (int(images.pixels.min()), int(images.pixels.max())) == (0, 255)


def test_the_shipped_test_splits_are_the_real_ones() -> None:
    digits, clothes = data.load("mnist", "test"), data.load("fashion-mnist", "test")
    assert digits.labels[:5].tolist() == [7, 2, 1, 0, 4]
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert digits.labels.bincount().tolist() == counts
    assert clothes.labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert clothes.labels.bincount().tolist() == [1000] * 10
    # The means that every script on these sets normalises with are close by.
    assert float(digits.pixels.float().mean() / 255) == pytest.approx(0.1325, abs=1e-3)
    assert float(clothes.pixels.float().mean() / 255) == pytest.approx(0.2868, abs=1e-3)


def test_no_digit_is_in_both_splits_and_classes_are_spread_alike() -> None:
    train, test = data.load("digits", "train"), data.load("digits", "test")
    seen = {p.numpy().tobytes() for p in train.pixels}
    assert not any(p.numpy().tobytes() in seen for p in test.pixels)
    shares = [s.labels.bincount() / len(s.labels) for s in (train, test)]
    torch.testing.assert_close(*shares, rtol=0, atol=0.01)


@pytest.mark.parametrize("name", data.BUILT_IN)
def test_every_record_is_complete(name: str) -> None:
    record = data.info(name)
    assert record.name == name and record.title and record.licence and record.source
    assert record.shape[0] in (1, 3) and min(record.shape[1:]) >= 8
    assert set(record.splits) == {"train", "test"} and min(record.splits.values()) > 0
    assert len(set(record.classes)) == len(record.classes)
    assert not record.private


def test_what_is_available_without_a_network() -> None:
    assert {name: data.available(name) for name in data.BUILT_IN} == {
        "mnist": {"test"},
        "fashion-mnist": {"test"},
        "digits": {"train", "test"},
        "cifar10": {"test"},
        "faces": set(),
        "cats-dogs": set(),
    }


def test_what_is_available_loads_and_the_rest_says_how_to_get_it() -> None:
    for name in data.BUILT_IN:
        for split in ("train", "test"):
            if split in data.available(name):
                assert len(data.load(name, split).labels) > 0
                continue
            with pytest.raises(DataMissing) as caught:
                data.load(name, split)
            sentence = str(caught.value)
            assert data.info(name).title in sentence
            by_hand = data.info(name).by_hand
            assert (by_hand or f"python -m core data get {name}") in sentence
            assert str(settings().data) in sentence
            assert "Ready to use: digits." in sentence


@pytest.mark.parametrize("name", ["cats", "", "../mnist", "imported-00000000"])
def test_an_unknown_set_is_told_the_known_ones(name: str) -> None:
    for question in (data.info, data.available, data.get):
        with pytest.raises(UnknownName, match="Known: mnist, fashion-mnist, digits"):
            question(name)


def test_a_set_is_read_once_and_forgotten_on_request() -> None:
    first = data.load("digits", "train")
    assert data.load("digits", "train").pixels is first.pixels
    data.forget()
    again = data.load("digits", "train")
    assert again.pixels is not first.pixels and torch.equal(again.pixels, first.pixels)


def test_the_first_images_of_a_split() -> None:
    images = data.load("digits", "test")
    assert torch.equal(images.first(7).pixels, images.pixels[:7])
    assert len(images.first(7).labels) == 7
    assert images.first(0) is images


def test_a_choice_is_seeded_and_gives_each_class_its_share() -> None:
    images = data.load("mnist", "test")
    few = images.choice(2000)
    counts = images.labels.bincount() * 0.2
    assert len(few.labels) == 2000
    assert bool(((few.labels.bincount() - counts).abs() < 1).all())
    assert torch.equal(few.pixels, images.choice(2000).pixels)
    assert not torch.equal(few.pixels, images.choice(2000, seed=1).pixels)
    assert images.choice(0) is images and images.choice(10_000) is images


def test_a_choice_keeps_the_order_and_its_size_whatever_the_classes() -> None:
    labels = torch.tensor([2] * 50 + [0] * 30 + [1] * 19 + [7])
    images = Images(torch.arange(100).view(-1, 1, 1, 1).byte(), labels)
    for n in (1, 2, 3, 10, 77, 99):
        ids = images.choice(n).pixels.flatten().long()
        assert len(ids) == n and torch.equal(ids, ids.sort().values)
        assert torch.equal(images.choice(n).labels, labels[ids])
    assert images.choice(10).labels.bincount().tolist() == [3, 2, 5]
    unknown = Images(images.pixels, torch.full((100,), -1)).choice(7)
    assert len(unknown.labels) == len(unknown.pixels.unique()) == 7


def test_a_choice_of_sorted_digits_has_the_distribution_of_all_of_them() -> None:
    """MNIST's test images are in an order: those at its beginning are easier than the rest."""
    images = data.load("mnist", "test")

    def apart(some: Images) -> float:
        small = torch.nn.functional.avg_pool2d(some.pixels.float() / 255, 4).flatten(1)
        return frechet_distance(small, whole)

    whole = torch.nn.functional.avg_pool2d(images.pixels.float() / 255, 4).flatten(1)
    assert apart(images.choice(2000)) < 0.2 * apart(images.first(2000))


# ---- fingerprints


def test_the_same_images_from_two_places_have_one_fingerprint(
    bare: Path, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_idx(bare / "MNIST" / "raw", packed=False)
    raw = data.data_fingerprint("mnist")
    assert len(raw) == 64 and raw == data.data_fingerprint("mnist")

    monkeypatch.setenv("LATENT_LAB_DATA", str(lab / "elsewhere"))
    settings.cache_clear()
    put_idx(lab / "elsewhere" / "MNIST" / "raw", packed=True)
    assert data.data_fingerprint("mnist") == raw


def test_the_fingerprint_sees_every_pixel_label_and_shape() -> None:
    images = data.load("digits", "test").first(5)
    names = {data.fingerprint(images)}
    for change in range(3):
        pixels, labels = images.pixels.clone(), images.labels.clone()
        if change == 0:
            pixels[4, 0, 27, 27] += 1
        elif change == 1:
            labels[4] += 1
        else:
            pixels = pixels.view(5, 1, 14, 56)
        names.add(data.fingerprint(data.Images(pixels, labels)))
    assert len(names) == 4
    by_columns = images.pixels.clone(memory_format=torch.channels_last)
    assert data.fingerprint(data.Images(by_columns, images.labels)) in names


def test_the_two_splits_exchanged_are_other_data() -> None:
    train, test = data.load("digits", "train"), data.load("digits", "test")
    assert data.fingerprint(train, test) != data.fingerprint(test, train)


# ---- files that are damaged or incomplete


@pytest.mark.parametrize("damage", ["cut short", "not compressed", "flipped", "empty"])
def test_a_damaged_file_is_told_to_be_deleted(bare: Path, damage: str) -> None:
    put_idx(bare / "MNIST" / "raw", packed=True)
    path = bare / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes({
        "cut short": whole[:middle],
        "not compressed": b"<html>Not found</html>",
        "flipped": whole[:middle] + bytes(b ^ 0xFF for b in whole[middle:]),
        "empty": b"",
    }[damage])  # fmt: skip
    with pytest.raises(DataMissing, match=r"train-images-idx3-ubyte.gz is damaged: delete it"):
        data.load("mnist", "train")


def test_a_raw_file_that_is_cut_short_is_told_to_be_deleted(bare: Path) -> None:
    put_idx(bare / "MNIST" / "raw", packed=False)
    path = bare / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataMissing, match="is damaged: delete it"):
        data.load("mnist", "train")


def test_images_without_their_labels_are_not_available(bare: Path) -> None:
    put_idx(bare / "MNIST" / "raw", packed=True, stems=["train-images-idx3-ubyte"])
    assert data.available("mnist") == {"test"}


# ---- sets that come as one archive


def picture(seed: int, shape: tuple[int, ...], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def put_cifar(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "cifar10-jpeg.zip", "w") as archive:
        for split in ("train", "test"):
            for i, name in enumerate(reversed(data.info("cifar10").classes)):
                archive.writestr(f"{split}/{name}/0.png", picture(i, (32, 32, 3)))


def test_some_test_images_of_cifar_ship_until_the_set_is_here(bare: Path) -> None:
    sample = data.load("cifar10", "test")
    assert sample.labels.bincount().tolist() == [100] * 10
    assert data.info("cifar10").splits == {"train": 50_000, "test": 1000}
    alone = data.data_fingerprint("cifar10")
    with pytest.raises(DataMissing, match="The training images of CIFAR-10"):
        data.load("cifar10", "train")
    put_cifar(bare)
    data.forget()
    assert len(data.load("cifar10", "test").labels) == 10
    assert data.info("cifar10").splits["test"] == 10_000
    assert data.data_fingerprint("cifar10") != alone


def test_cifar_from_an_archive_has_its_classes_in_order(bare: Path) -> None:
    put_cifar(bare)
    assert data.available("cifar10") == {"train", "test"}
    images = data.load("cifar10", "test")
    assert images.pixels.shape == (10, 3, 32, 32) and images.pixels.is_contiguous()
    assert images.labels.tolist() == list(range(10))
    airplane = np.asarray(Image.open(io.BytesIO(picture(9, (32, 32, 3)))))
    assert np.array_equal(images.pixels[0].permute(1, 2, 0).numpy(), airplane)


def test_a_decoded_copy_gives_the_same_and_is_made_again_when_damaged(bare: Path) -> None:
    put_cifar(bare)
    first = data.load("cifar10", "train")
    (copy,) = (bare / "decoded").iterdir()
    for content in (copy.read_bytes(), b"damaged", b""):
        copy.write_bytes(content)
        data.forget()
        assert torch.equal(data.load("cifar10", "train").pixels, first.pixels)


def test_decoded_copies_are_bounded_and_a_set_has_one(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_LAB_MAX_DATA_MB", "1")
    settings.cache_clear()
    put_cifar(bare)
    folder = bare / "decoded"
    folder.mkdir()
    for age, (name, kilobytes) in enumerate(
        [("faces-1-1", 700), ("cats-dogs-2-2", 500), ("cifar10-3-3", 100), ("faces-4-4", 400)]
    ):
        path = folder / f"{name}.safetensors"
        path.write_bytes(bytes(kilobytes * 1024))
        os.utime(path, (1000 - age, 1000 - age))  # the oldest last
    data.forget()
    assert len(data.load("cifar10", "train").labels) == 10
    names = {path.name.rsplit("-", 2)[0]: path.stat().st_size for path in folder.iterdir()}
    assert set(names) == {"faces", "cifar10"} and names["faces"] == 700 * 1024
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2**20


def test_a_damaged_archive_is_told_to_be_deleted(bare: Path) -> None:
    put_cifar(bare)
    path = bare / "cifar10-jpeg.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataMissing, match=r"cifar10-jpeg.zip is damaged: delete it"):
        data.load("cifar10", "train")


def test_nobody_s_face_is_in_both_splits(bare: Path) -> None:
    people = {f"Person_{i}": picture(i, (64, 64)) for i in range(10)}
    bare.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(bare / "lfw-faces-64.zip", "w") as archive:
        for name, content in people.items():
            for number in (1, 2, 3):
                archive.writestr(f"faces/{name}_{number:04d}.png", content)
    train, test = data.load("faces", "train"), data.load("faces", "test")
    assert train.pixels.shape == (24, 1, 64, 64) and test.pixels.shape == (6, 1, 64, 64)
    assert set(train.labels.tolist()) == {-1}
    seen = {p.numpy().tobytes() for p in train.pixels}
    assert len(seen) == 8 and not any(p.numpy().tobytes() in seen for p in test.pixels)


# ---- downloads, from a server on this machine

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def whole(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def altered(request: BaseHTTPRequestHandler, content: bytes) -> None:
    whole(request, content[:-1] + bytes([content[-1] ^ 1]))


def cut_short(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content[: len(content) // 2])


def cut_short_in_a_chunk(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.protocol_version = "HTTP/1.1"
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(f"{len(content):x}\r\n".encode() + content[: len(content) // 2])
    request.close_connection = True


def a_login_page(request: BaseHTTPRequestHandler, content: bytes) -> None:
    whole(request, b"<html>Please sign in</html>")


def not_found(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.send_error(404)


def not_http(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.wfile.write(b"220 this is another service\r\n\r\n")


def nonsense_in_the_header(request: BaseHTTPRequestHandler, content: bytes) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "plenty")
    request.end_headers()
    request.wfile.write(b"something else")


class Mirror:
    """A server of a small MNIST. `answers` says how it treats a file; others are sent whole."""

    def __init__(self) -> None:
        mirror = self
        self.files = {f"{s}.gz": gzip.compress(idx(d), mtime=0) for s, d in IDX_FILES.items()}
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.asked.append(self.path)
                mirror.answers.get(name, whole)(self, mirror.files[name])

            def log_message(self, *args: object) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"

    @property
    def resources(self) -> list[tuple[str, str]]:
        return [(n, hashlib.md5(content).hexdigest()) for n, content in self.files.items()]


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A local mirror that MNIST is fetched from."""
    made = Mirror()
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [made.address])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", made.resources)
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_a_download_makes_the_set_available_and_tells_how_far_it_is(
    bare: Path, mirror: Mirror
) -> None:
    with pytest.raises(DataMissing):
        data.load("mnist", "train")
    told: list[tuple[str, float]] = []
    data.get("mnist", lambda text, share: told.append((text, share)))
    assert data.available("mnist") == {"train", "test"}
    assert data.load("mnist", "train").pixels.shape == (12, 1, 28, 28)
    assert files_under(bare) == sorted(f"MNIST/raw/{name}" for name in mirror.files)
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0 and min(shares) >= 0
    assert len(set(shares)) >= len(IDX_FILES)


def test_a_download_replaces_the_test_split_that_ships(bare: Path, mirror: Mirror) -> None:
    before = data.load("mnist", "test")
    data.get("mnist")
    assert len(before.labels) == 10_000 and len(data.load("mnist", "test").labels) == 10


def test_what_is_here_is_not_fetched_again(bare: Path, mirror: Mirror) -> None:
    data.get("mnist")
    asked = len(mirror.asked)
    told: list[float] = []
    data.get("mnist", lambda text, share: told.append(share))
    data.get("digits", lambda text, share: told.append(share))
    assert len(mirror.asked) == asked and told == [1.0, 1.0]


def test_half_a_set_is_made_whole(bare: Path, mirror: Mirror) -> None:
    put_idx(bare / "MNIST" / "raw", packed=False, stems=["train-images-idx3-ubyte"])
    data.get("mnist")
    assert len(data.load("mnist", "train").labels) == 12


@pytest.mark.parametrize(
    "answer",
    [
        altered,
        cut_short,
        cut_short_in_a_chunk,
        a_login_page,
        not_found,
        not_http,
        nonsense_in_the_header,
    ],
)
@pytest.mark.parametrize("which", [0, 3], ids=["first file", "last file"])
def test_a_bad_answer_leaves_nothing_behind(
    bare: Path, mirror: Mirror, answer: Answer, which: int
) -> None:
    mirror.answers[list(mirror.files)[which]] = answer
    with pytest.raises(DataMissing, match="The training images of MNIST are not on this machine"):
        data.get("mnist")
    assert list(bare.iterdir()) == []
    assert data.available("mnist") == {"test"}
    assert len(data.load("mnist", "test").labels) == 10_000


def test_a_wrong_checksum_is_called_that(bare: Path, mirror: Mirror) -> None:
    mirror.answers["train-images-idx3-ubyte.gz"] = altered
    with pytest.raises(DataMissing, match=r"not the data set.*published checksum"):
        data.get("mnist")


def test_a_file_that_is_too_large_is_given_up(
    bare: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_ARCHIVE_BYTES", 100)
    with pytest.raises(DataMissing, match="larger than"):
        data.get("mnist")
    assert list(bare.iterdir()) == []


def test_a_failed_download_leaves_what_was_there(bare: Path, mirror: Mirror) -> None:
    put_idx(bare / "MNIST" / "raw", packed=False, stems=["train-images-idx3-ubyte"])
    mirror.answers["t10k-labels-idx1-ubyte.gz"] = altered
    with pytest.raises(DataMissing):
        data.get("mnist")
    assert files_under(bare) == ["MNIST/raw/train-images-idx3-ubyte"]


def test_another_mirror_helps_when_the_first_fails(
    bare: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_first(request: BaseHTTPRequestHandler, content: bytes) -> None:
        (altered if request.path.startswith("/broken/") else whole)(request, content)

    mirror.answers = dict.fromkeys(mirror.files, broken_first)
    mirrors = [f"{mirror.address}broken/", mirror.address]
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", mirrors)
    data.get("mnist")
    assert len(data.load("mnist", "train").labels) == 12
    assert len(mirror.asked) == 2 * len(mirror.files)


def test_a_refused_connection_is_a_sentence(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: whoever connects is refused
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
        with pytest.raises(DataMissing, match=r"is there a network.*Ready to use: digits"):
            data.get("mnist")
    assert list(bare.iterdir()) == []


def test_with_downloads_off_nobody_is_asked(
    bare: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_LAB_DOWNLOADS", "off")
    settings.cache_clear()
    with pytest.raises(DataMissing, match="Downloads are switched off here"):
        data.get("mnist")
    assert not mirror.asked and not bare.exists()
    data.get("digits")  # needs no network


def test_a_data_folder_that_cannot_be_written_is_a_sentence(
    bare: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(downloads.tempfile, "TemporaryDirectory", read_only)
    with pytest.raises(DataMissing, match="cannot be written"):
        data.get("mnist")


# ---- series and texts


def corpus() -> dict[str, bytes]:
    """The files of a Brown corpus with as many texts and sentences as the real one, each of a word,
    among others that belong to its archive."""
    names = [f"c{letter}{i:02d}" for letter in "abcde" for i in range(100)]
    files = dict.fromkeys(names, b"\n\t one/cd\n")
    sentences = data.SEQUENCES["brown"].splits["train"]
    files["ca00"] = b"The/at  dog/nn ./.\n\n" * (sentences - len(names) + 1)
    return files | {"README": b"Francis and Kucera", "cats.txt": b"ca00 news"}


def zipped(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"brown/{name}", content)
    return written.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


def test_the_corpus_is_fetched_whole_or_not_at_all(
    bare: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.files["brown.zip"] = zipped(corpus())
    monkeypatch.setattr(downloads, "BROWN", f"{mirror.address}brown.zip")
    with pytest.raises(DataMissing, match=r"checksum\. The text of Brown corpus is not on this"):
        data.get("brown")
    assert files_under(bare) == []
    known = hashlib.md5(mirror.files["brown.zip"]).hexdigest()
    monkeypatch.setattr(downloads, "BROWN_MD5", known)
    data.get("brown")
    assert files_under(bare) == ["brown.zip"] and data.available("brown") == {"train"}
    lines = str(sequences.text("brown")).split("\n")
    assert lines[0] == "The/at dog/nn ./." and lines[-1] == "one/cd"
    assert lines.count("") == 499 and sum(map(bool, lines)) == 57_340
    (bare / "brown.zip").rename(bare / "elsewhere")
    (bare / "brown-corpus.tgz").write_bytes(tarred(corpus()))
    assert str(sequences.text("brown")) == "\n".join(lines), "the same from either archive"


@pytest.mark.parametrize("spoilt", ["no zip", "half", "one text less"])
def test_a_damaged_corpus_is_a_sentence(bare: Path, spoilt: str) -> None:
    files = corpus()
    content = {"no zip": b"PK nothing", "half": zipped(files)[:4000]}.get(spoilt)
    if content is None:
        del files["cb07"]
        content = zipped(files)
    bare.mkdir(parents=True)
    (bare / "brown.zip").write_bytes(content)
    with pytest.raises(DataMissing, match=r"brown\.zip is damaged: delete it and fetch"):
        sequences.text("brown")


def test_a_corpus_that_would_fill_the_memory_is_refused(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.mkdir(parents=True)
    (bare / "brown.zip").write_bytes(zipped(corpus()))
    monkeypatch.setattr(sequences, "MAX_TEXT_BYTES", 1000)
    with pytest.raises(DataMissing, match="damaged"):
        sequences.text("brown")


@pytest.mark.parametrize("name", data.SEQUENCES)
def test_a_sequence_loads_or_says_how_to_get_it(bare: Path, name: str) -> None:
    record = data.info(name)
    assert record.medium in ("series", "text") and record.title and record.licence
    if not data.available(name):
        with pytest.raises(DataMissing, match=record.title):
            sequences.load(name)
        assert (record.by_hand or f"data get {name}") in data.missing_sentence(name)
        assert "Ready to use: " in data.absence(name) and "mnist" not in data.absence(name)
        return
    loaded = sequences.load(name)
    if isinstance(loaded, sequences.Series):
        assert len(loaded.values) == record.splits["train"]
        assert bool((loaded.times.diff() > 0).all())
    else:
        assert str(loaded).count("\n") == record.splits["train"]
    assert len(data.data_fingerprint(name)) == 64
