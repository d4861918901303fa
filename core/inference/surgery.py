"""Surgery: a channel, a layer or a residual link of a classifier is taken away, and the test images
are judged again.

The network itself is not touched: a copy of its structure around the same weights is changed. What
the layers before the cut give is kept, so that only those behind it are computed again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.data import Images
from core.errors import LabError, UnknownName
from core.inference.activations import classifier_layers
from core.inference.network import FLOAT_BYTES, own_copy
from core.metrics.image import paired_interval
from core.models.convnets import Fast, Recogniser, Residual
from core.tasks.base import unit
from core.tasks.family import Shape

How = Literal["zero", "shuffle", "swap", "shortcut", "body"]
CHUNK = 100
"""Images at a time: what they need stays in the processor's cache. They are drawn at random where
they exchange what is shuffled."""
Tell = Callable[[str, float], None]
"""Called between chunks with what is being done and the share of it that is; may raise to stop."""
THREADS = 2
"""Chunks at once, each with the threads that torch has."""
MAX_CACHED_BYTES = 256 * 2**20
SAME_LOGITS = 1e-6
"""Logits that differ less over all images are the same: nothing of the image is left in them."""


def quiet(stage: str, done: float) -> None:
    """Tells nobody, and never stops."""


@dataclass(frozen=True)
class Cut:
    """What is done to a network."""

    path: str
    """A convolution or linear layer of `cuttable`, or a block of `links`."""
    how: How = "zero"
    """To a channel or a layer, behind its batch norm: `zero` it, `shuffle` it within a batch of
    images, so that each gets another's, or `swap` two channels. To a block: drop its `shortcut` or
    its `body`."""
    channel: int | None = None
    """None is the whole layer."""
    other: int | None = None
    """The channel that it is swapped with."""
    seed: int = 0
    """Of the shuffling."""


class Part(NamedTuple):
    """A layer that can be cut: its number of channels (or outputs), and the path of the module
    behind which it is: itself, or its batch norm."""

    channels: int
    end: str


def cuttable(model: nn.Module, shape: Shape) -> dict[str, Part]:
    """Return the convolutions and linear layers of a classifier, by path, in their order.

    Args:
        shape: (C, H, W) of a picture.
    """
    layers = classifier_layers(model, torch.zeros(1, *shape))
    parts: dict[str, Part] = {}
    for layer, behind in zip(layers, [*layers[1:], None], strict=True):
        if layer.path:
            pooled = behind.norm if behind and not behind.path and behind.skip is None else ""
            parts[layer.path] = Part(len(layer.values), layer.norm or pooled or layer.path)
    return parts


def links(model: nn.Module) -> list[str]:
    """Return the paths of the blocks that have a residual link."""
    return [
        path
        for path, module in model.named_modules()
        if isinstance(module, Fast) or (isinstance(module, Residual) and module.shortcut)
    ]


def operated(model: Recogniser, cut: Cut, shape: Shape) -> Recogniser:
    """Return a copy of the network, around the same weights, with the cut.

    Raises:
        UnknownName: no such layer or block.
        LabError: no such channel, or weights that are no numbers.
    """
    check_finite(model)
    net = own_copy(model)
    if cut.how in ("shortcut", "body"):
        if cut.path not in (known := links(model)):
            raise UnknownName("block with a residual link", cut.path, known or ["none"])
        _unlink(net, cut)
        return net
    parts = cuttable(model, shape)
    if cut.path not in parts:
        raise UnknownName("layer", cut.path, parts)
    part = parts[cut.path]
    channels = _chosen(cut, part.channels)
    edit: nn.Module
    if cut.how == "zero":
        edit = _Zero(channels)
    elif cut.how == "shuffle":
        edit = _Shuffle(channels, cut.seed)
    else:
        edit = _Swap(channels)
    net.set_submodule(part.end, nn.Sequential(net.get_submodule(part.end), edit))
    return net


def check_finite(model: nn.Module) -> None:
    """Raises LabError for weights that are no numbers."""
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise LabError(
                f"The weights of this network are no numbers (NaN or infinite) in {name}: it can "
                "answer nothing. Choose another, or train it with a smaller learning rate."
            )


def _chosen(cut: Cut, channels: int) -> list[int]:
    """The channels of a cut; all of them for a whole layer."""
    if cut.channel is None and cut.how != "swap":
        return list(range(channels))
    chosen = [cut.channel] if cut.how != "swap" else [cut.channel, cut.other]
    for channel in chosen:
        if channel is None:
            raise LabError("Two channels are swapped: name both.")
        if not 0 <= channel < channels:
            raise LabError(
                f"The channels of {cut.path} go from 0 to {channels - 1}; there is no {channel}."
            )
    return [channel for channel in chosen if channel is not None]


class _Zero(nn.Module):
    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = list(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[:, self.channels] = 0
        return x


class _Swap(_Zero):
    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[:, self.channels] = x[:, self.channels[::-1]]
        return x


class _Shuffle(_Zero):
    """Gives each image of a batch the channels of another one, in a round at random."""

    def __init__(self, channels: Sequence[int], seed: int) -> None:
        super().__init__(channels)
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(self.seed))
        source = torch.empty_like(order).index_copy_(0, order, order.roll(1))
        mixed = x.clone()
        mixed[:, self.channels] = x[source][:, self.channels]
        return mixed


def _unlink(net: Recogniser, cut: Cut) -> None:
    block = net.get_submodule(cut.path)
    if cut.how == "body":
        end = f"{cut.path}.second_norm"
        channels = range(net.get_submodule(end).num_features)  # type: ignore[arg-type]
        net.set_submodule(end, nn.Sequential(net.get_submodule(end), _Zero(channels)))
    elif isinstance(block, Residual):
        block.shortcut = None
    else:
        net.set_submodule(cut.path, _Plain(block))


class _Plain(nn.Module):
    """A block of the fast network without its shortcut."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        block = self.block
        out = F.relu(block.first_norm(F.max_pool2d(block.first(x), 2)))  # type: ignore[operator]
        return F.relu(block.second_norm(block.second(out)))  # type: ignore[operator]


# ---- judging again


class Cache:
    """What layers give for whole splits, of which those unused for longest go first."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self.max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Of all that is kept."""
        return sum(tensor.nbytes for tensor in self._kept.values())

    def get(self, key: Hashable) -> Tensor | None:
        """What is kept under a key; None where there is nothing."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, tensor: Tensor) -> None:
        """Keep a tensor, if it alone is not too large."""
        with self._lock:
            self._kept[key] = tensor
            self._kept.move_to_end(key)
            while self._kept and self.bytes > self.max_bytes:
                self._kept.popitem(last=False)


class Judge:
    """A classifier with the test images that it is judged on.

    Args:
        key: names the network and the images in the cache: the run, its version and the split.
        cache: shared by many judges.
    """

    def __init__(
        self, model: Recogniser, images: Images, key: Hashable, cache: Cache | None = None
    ) -> None:
        self.model, self.images, self.key = model, images, key
        self.cache = Cache() if cache is None else cache
        height, width = images.pixels.shape[2:]
        self.shape: Shape = (images.pixels.shape[1], height, width)

    def logits(self, tell: Tell = quiet) -> Tensor:
        """The answers (N, classes) of the network as it is."""
        key = (self.key, "logits")
        known = self.cache.get(key)
        if known is None:
            check_finite(self.model)
            report = partial(tell, "Judging the network as it is")
            known = self._run(self.model, 0, self.images.pixels, report)
            self.cache.put(key, known)
        return known

    def logits_after(self, cut: Cut, tell: Tell = quiet) -> Tensor:
        """The answers (N, classes) of the network with a cut. Raises: as `operated`."""
        key = (self.key, cut)
        known = self.cache.get(key)
        if known is None:
            known = self._judged_again(cut, tell)
            self.cache.put(key, known)
        return known

    def _judged_again(self, cut: Cut, tell: Tell) -> Tensor:
        net = operated(self.model, cut, self.shape)
        begin, given = self._before(place_in_body(self.model, cut.path), tell)
        order = None
        if cut.how == "shuffle":  # chunks of images at random: each gets the channels of any other
            generator = torch.Generator().manual_seed(cut.seed)
            order = torch.randperm(len(given), generator=generator)
        return self._run(net, begin, given, partial(tell, "Judging it with the cut"), order)

    def verdict(self, cut: Cut, tell: Tell = quiet) -> "Verdict":
        """What a cut costs. Raises: as `operated`."""
        after = self.logits_after(cut, tell)
        return compare(self.images.labels, self.logits(tell), after)

    def _before(self, place: int, tell: Tell) -> tuple[int, Tensor]:
        """What the module at a place of the body is given, or one before it, if that is too much to
        keep: the place, and (N, …)."""
        sizes = _sizes(self.model, self.shape)
        most = self.cache.max_bytes / (FLOAT_BYTES * max(1, len(self.images.labels)))
        begin = max(i for i in range(place + 1) if i == 0 or sizes[i] <= most)
        if begin == 0:
            return 0, self.images.pixels
        key = (self.key, begin)
        given = self.cache.get(key)
        if given is None:
            report = partial(tell, "Computing the layers before the cut")
            given = self._run(self.model, 0, self.images.pixels, report, end=begin)
            self.cache.put(key, given)
        return begin, given

    def _run(
        self,
        net: Recogniser,
        begin: int,
        given: Tensor,
        tell: Callable[[float], None],
        order: Tensor | None = None,
        end: int | None = None,
    ) -> Tensor:
        """Go through the body from one place to another, or to the logits where `end` is None."""
        body = net.body[begin:end]

        def work(rows: Tensor) -> Tensor:
            with torch.inference_mode():
                x = given[rows]
                out: Tensor = body(x if begin else 2 * unit(x) - 1)
                return out if end is not None else net.head(out)

        rows = torch.arange(len(given)) if order is None else order
        parts = _in_threads(work, torch.split(rows, CHUNK), tell)
        out = torch.cat(parts)
        return out if order is None else torch.empty_like(out).index_copy_(0, order, out)


def _in_threads(
    work: Callable[[Tensor], Tensor], chunks: Sequence[Tensor], tell: Callable[[float], None]
) -> list[Tensor]:
    """Work on chunks side by side, and tell the share between them; what is not begun when that
    raises is not begun any more."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        futures = [pool.submit(work, chunk) for chunk in chunks]
        done: list[Tensor] = []
        for future in futures:
            tell(len(done) / len(chunks))
            done.append(future.result())
        return done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def place_in_body(model: Recogniser, path: str) -> int:
    """The place in the body of the module in which a layer is; behind the last for the head."""
    first, _, rest = path.partition(".")
    return int(rest.partition(".")[0]) if first == "body" else len(model.body)


@torch.inference_mode()
def _sizes(model: Recogniser, shape: Shape) -> list[int]:
    """How many numbers each module of the body is given for one image, and last the head."""
    x = torch.zeros(1, *shape)
    sizes = [x.numel()]
    for module in model.body:
        x = module(x)
        sizes.append(x.numel())
    return sizes


# ---- the verdict


class ClassChange(NamedTuple):
    """Of a class: `n` test images, the share of right ones before and after, and the interval of
    the difference, 95 % for all classes together."""

    label: int
    n: int
    before: float
    after: float
    low: float
    high: float

    @property
    def distinct(self) -> bool:
        """Whether the change is more than what the choice of the images leaves open."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Verdict:
    """What a cut costs, on `n` test images."""

    n: int
    before: float
    """Accuracy of the network as it is."""
    after: float
    low: float
    """The 95 % interval of the paired difference `after - before` (Agresti and Min 2005)."""
    high: float
    gained: int
    """Images that are right only after the cut."""
    lost: int
    """Images that are right only before it."""
    baseline: float
    """The accuracy of always answering the most frequent class."""
    classes: tuple[ClassChange, ...]
    answers: Tensor
    """(N,) after the cut."""
    before_answers: Tensor
    constant: int | None = None
    """The one class that is answered to every image, where nothing of the images is left."""

    @property
    def distinct(self) -> bool:
        """Whether the change is more than what the choice of the images leaves open."""
        return self.low > 0 or self.high < 0


def compare(labels: Tensor, before: Tensor, after: Tensor) -> Verdict:
    """Compare the answers to the same images.

    Args:
        labels: (N,).
        before, after: logits (N, classes).

    Raises:
        LabError: no images, or answers that are no numbers.
    """
    n = len(labels)
    if not n:
        raise LabError("There are no test images to judge on.")
    if not bool(before.isfinite().all() and after.isfinite().all()):
        raise LabError("The network answers with what is no number (NaN): nothing can be judged.")
    first, second = before.argmax(1), after.argmax(1)
    right, still = first == labels, second == labels
    gained, lost = int((~right & still).sum()), int((right & ~still).sum())
    low, high = paired_interval(gained, lost, n)
    spread = float((after - after[:1]).abs().max())
    counts = labels.bincount()
    return Verdict(
        n,
        float(right.float().mean()),
        float(still.float().mean()),
        low,
        high,
        gained,
        lost,
        float(counts.max()) / n,
        tuple(_changes(labels, right, still)),
        second,
        first,
        int(second[0]) if spread < SAME_LOGITS else None,
    )


def _changes(labels: Tensor, right: Tensor, still: Tensor) -> list[ClassChange]:
    classes = labels.bincount().nonzero()[:, 0].tolist()
    changes = []
    for label in classes:
        own = labels == label
        n, was, now = int(own.sum()), right[own], still[own]
        gained, lost = int((~was & now).sum()), int((was & ~now).sum())
        low, high = paired_interval(gained, lost, n, len(classes))
        shares = float(was.float().mean()), float(now.float().mean())
        changes.append(ClassChange(label, n, *shares, low, high))
    return changes
