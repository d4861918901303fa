"""How each page opens: its title, its first line, and three things to try.

The pages draw it with `page_frame.opening`; the server puts the same into the HTML of a page's
address, and Home shows the line on the page's card.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from core.projection.methods import PROJECTING
from core.runs.query import shipped
from core.tasks import AnyFamily
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.transfer import TRANSFER

Values = Mapping[str, Any]
NOTHING: Values = MappingProxyType({})


@dataclass(frozen=True)
class Invitation:
    """Something to try: a short sentence, and what it sets in the session."""

    text: str
    values: Values | Callable[[], Values | None]
    """By key of a control; a function where it needs a run, which gives None without one."""

    def resolved(self) -> Values | None:
        """What it sets; None where it cannot be done here."""
        return self.values() if callable(self.values) else self.values


@dataclass(frozen=True)
class Opening:
    """The head of a page."""

    title: str
    line: str
    invitations: tuple[Invitation, ...] = ()


def _shipped(
    family: AnyFamily,
    variant: str,
    dataset: str,
    also: Values = MappingProxyType({}),
    *,
    key: str = "model",
) -> Callable[[], Values | None]:
    """Choose the first shipped run of a variant; `also` is set with it."""

    def values() -> Values | None:
        runs = [run for run in shipped(family, dataset) if run.spec().variant == variant]
        return {key: runs[0].id, **also} if runs else None

    return values


def _compared(family: AnyFamily, dataset: str) -> Callable[[], Values | None]:
    """Compare the shipped runs of a family on the page Runs."""

    def values() -> Values | None:
        runs = shipped(family, dataset)
        return {"compare": [run.id for run in runs]} if len(runs) > 1 else None

    return values


OPENINGS = {
    "": Opening(
        "Latent Lab",
        "Look inside image models with your own hands. All of it runs on the lab's own machine.",
    ),
    "foundations": Opening(
        "Foundations",
        "A line, a boundary, a small network: watch each step of their learning, and change it.",
        (
            Invitation(
                "Make the rate too large", {"tab": "Regression", "preset": "Rate just too large"}
            ),
            Invitation("Overfit a sine", {"tab": "Regression", "preset": "Overfitting"}),
            Invitation("Race six optimisers", {"tab": "Optimisers"}),
        ),
    ),
    "denoiser": Opening(
        "Denoiser",
        "Spoil a picture, let a network restore it, and see where it succeeds and fails.",
        (
            Invitation("Turn the noise up to 1", {"corruption": "gaussian", "strength": 1.0}),
            Invitation("Hide a part of each digit", {"corruption": "mask", "strength": 0.5}),
            Invitation(
                "Give it shoes and shirts",
                {"source": "Test images", "dataset": "fashion-mnist", "first": 0},
            ),
        ),
    ),
    "vae_sampler": Opening(
        "VAE sampler",
        "Drag through the space of codes that a network has learnt, and watch it draw.",
        (
            Invitation("Draw a digit of yours", {"source": "Draw"}),
            Invitation(
                "Start from another digit", {"source": "Test image", "dataset": "mnist", "first": 3}
            ),
            Invitation(
                "Look at clothes instead",
                _shipped(AUTOENCODING, "vae_conv", "fashion-mnist", {"dataset": "fashion-mnist"}),
            ),
        ),
    ),
    "gan_gallery": Opening(
        "GAN gallery",
        "The same noise through every network: watch them learn, then take one apart.",
        (
            Invitation("Draw from other noise", {"seed": 7}),
            Invitation("Draw clothes instead", _shipped(ADVERSARIAL, "cgan", "fashion-mnist")),
            Invitation("Stay near the middle", {"truncation": 0.4}),
        ),
    ),
    "diffusion": Opening(
        "Diffusion",
        "A network that only takes noise away, used over and over: it draws, and it finishes what "
        "is missing.",
        (
            Invitation("Ask for sevens alone", {"tab": "Draw", "asked": "7"}),
            Invitation("Take half of a digit away", {"tab": "Paint"}),
            Invitation("See it on points", {"tab": "Points"}),
        ),
    ),
    "translation": Opening(
        "Translation",
        "Pictures of one set as if they were of another, learnt from two heaps without a single "
        "pair.",
        (
            Invitation(
                "Draw a digit of yours", {"tab": "Translate", "translate_source": "Empty sheets"}
            ),
            Invitation("Look for a hidden message", {"tab": "Hidden message"}),
            Invitation("See which class is kept", {"tab": "Both sets"}),
        ),
    ),
    "latent_explorer": Opening(
        "Latent explorer",
        "Every image a point: see what lies together, and ask whether it should.",
        (
            Invitation("Colour it by what lies together", {"colour": "Cluster"}),
            Invitation(
                "See the same images by PCA", _shipped(PROJECTING, "pca", "mnist", key="map_of")
            ),
            Invitation("See what the map tears apart", {"colour": "Preserved"}),
        ),
    ),
    "network_explorer": Opening(
        "Network explorer",
        "Give a classifier a picture, and see what every layer of it makes of it, and costs.",
        (
            Invitation("Draw a digit of yours", {"source": "Draw"}),
            Invitation(
                "Give it a shoe: it must say a digit",
                {"source": "Test image", "dataset": "fashion-mnist", "first": 0},
            ),
            Invitation("Open one that knows 1,000 classes", {"model": "lite0", "source": "Sample"}),
        ),
    ),
    "sequences": Opening(
        "Sequences",
        "Networks that read in order: bend a forecast, guess the next word, tag as you type.",
        (
            Invitation("Guess the next word", {"tab": "Words"}),
            Invitation("Tag a sentence of yours", {"tab": "Tags"}),
            Invitation("Forecast carbon dioxide", {"tab": "Forecast", "series": "co2"}),
        ),
    ),
    "transfer_classifier": Opening(
        "Transfer classifier",
        "Teach a network that has seen a million photographs yours, and see when to trust it.",
        (
            Invitation(
                "Give it a flower: it must say cat or dog",
                {"tab": "Use it", "photo_source": "Samples", "sample": "flower"},
            ),
            Invitation(
                "Ask where it sees a cat",
                _shipped(
                    TRANSFER,
                    "new_head",
                    "cats-dogs",
                    {"tab": "Use it", "heat": True, "heat_for": "cat"},
                    key="classifier",
                ),
            ),
            Invitation("Show it two things of yours", {"tab": "In three steps"}),
        ),
    ),
    "deepdream": Opening(
        "DeepDream",
        "A network grows what it sees in a picture. Watch it happen, keep the recipe.",
        (
            Invitation("Dream on a flower", {"kind": "deep", "picture": "flower"}),
            Invitation("Grow a picture from noise", {"kind": "visualise"}),
            Invitation("Zoom into a dream for ever", {"kind": "zoom", "picture": "china"}),
        ),
    ),
    "runs": Opening(
        "Runs",
        "Every training, shipped or made here: its state, its figures, its curves.",
        (
            Invitation("Compare how the GANs learnt", _compared(ADVERSARIAL, "mnist")),
            Invitation("See the classifiers only", {"of_page": "Transfer classifier"}),
            Invitation("Find what has seen clothes", {"search": "fashion"}),
        ),
    ),
}
"""By the path of the page's address."""
