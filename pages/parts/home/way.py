"""The way through the lab: pages in the order in which they are best met."""

from collections.abc import Callable
from typing import NamedTuple

from pages.parts.home import covers


class Card(NamedTuple):
    """A page with what one does there, and what draws its cover."""

    page: str
    line: str
    cover: Callable[[], tuple[str, str]]


WAY = {
    "Begin here": (
        Card(
            "foundations",
            "Watch a line or a small network learn, step by step; change the rate, go back, fork.",
            covers.foundations,
        ),
        Card(
            "denoiser",
            "Take the noise out of a digit, a drawing or a picture of yours, and compare networks "
            "with classical methods.",
            covers.denoiser,
        ),
    ),
    "Then look deeper": (
        Card(
            "vae_sampler",
            "Drag through a latent space: the picture follows the finger. Start from a digit of "
            "yours.",
            covers.vae_sampler,
        ),
        Card(
            "gan_gallery",
            "GANs on the same noise, from the first epoch to the last picture: sliders along what "
            "they learnt, and a health check.",
            covers.gan_gallery,
        ),
        Card(
            "translation",
            "Draw, and see it as if it were of another set, and back again; find out what a "
            "translation hides.",
            covers.translation,
        ),
    ),
    "One step after another": (
        Card(
            "diffusion",
            "Watch digits come out of noise, look at the path of each, and let the same network "
            "finish what you leave out.",
            covers.diffusion,
        ),
        Card(
            "sequences",
            "Bend a series and its forecast follows; guess the next word; tag a sentence as you "
            "type it.",
            covers.sequences,
        ),
    ),
    "What was learnt": (
        Card(
            "latent_explorer",
            "A map of ten thousand images: see what lies together, ask whether to trust it, find "
            "your own drawing on it.",
            covers.latent_explorer,
        ),
        Card(
            "network_explorer",
            "Draw, and every layer of a classifier redraws; take it apart, and see what each part "
            "costs and is worth.",
            covers.network_explorer,
        ),
    ),
    "With photographs of yours": (
        Card(
            "transfer_classifier",
            "Teach a network your own photographs in a minute; see where it looks, and when not "
            "to trust it.",
            covers.transfer_classifier,
        ),
        Card(
            "deepdream",
            "Let a network grow what it sees in a picture of yours, watch it happen, and keep the "
            "recipe.",
            covers.deepdream,
        ),
    ),
    "Every training": (
        Card(
            "runs",
            "Every training with its curves and figures; compare, resume, take them with you.",
            covers.runs,
        ),
    ),
}
"""Pages in the order in which they are best met, under headings."""
