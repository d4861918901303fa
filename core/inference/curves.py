"""The training curves of a GAN in sentences with their figures."""

import contextlib

import pandas as pd

from core.metrics.generative import Health, verdict
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.generating import of_row

LOW_SCORE, HIGH_SCORE = 0.1, 0.9
"""Mean scores at which the critic tells drawn from real images almost always."""


def reading(variant: str, history: pd.DataFrame) -> str:
    """Describe the critic's scores at the end, what they mean, and how the pictures changed.

    Args:
        variant: of the adversarial task; its game decides what scores mean.
        history: a run's, an epoch a row.
    """
    if history.empty:
        return "Nothing has been learnt yet."
    last = history.iloc[-1]
    game = ADVERSARIAL.variant(variant).game
    sentence = _probabilities(last) if game.probability else _numbers(variant, history)
    return f"{sentence} {_pictures(history)}".strip()


def opinion(variant: str, history: pd.DataFrame, *, averaged: bool) -> str:
    """Explain what a critic's score of a picture means, with its mean scores at the end.

    Args:
        variant: of the adversarial task.
        history: a run's, an epoch a row.
        averaged: the generator that draws is a running average of many.
    """
    game = ADVERSARIAL.variant(variant).game
    form = "{:.0%}" if game.probability else "{:.2f}"
    text = (
        "Its own critic's opinion, learnt on a half-and-half mix of real and drawn images. It is "
        "no probability that the picture is real"
        if game.probability
        else "Its own critic's score, which is no measure of how good a picture is"
    )
    if {"real_score", "fake_score"} <= set(history.columns) and len(history):
        last = history.iloc[-1]
        real, fake = (form.format(last[name]) for name in ("real_score", "fake_score"))
        text += f". In the last epoch real images got {real} and drawn ones {fake} on average"
    note = " The critic never met this generator, which is an average of many." if averaged else ""
    return f"{text}.{note}"


def healths(history: pd.DataFrame) -> dict[int, Health]:
    """Return the health after each epoch for which it was measured."""
    by_epoch = {}
    for row in history.to_dict("records"):
        with contextlib.suppress(KeyError):  # a history without samples' figures
            by_epoch[int(row["epoch"])] = of_row({str(k): v for k, v in row.items()})
    return by_epoch


def collapses(history: pd.DataFrame) -> list[int]:
    """Return the epochs after which the generator was collapsed."""
    return [e for e, one in healths(history).items() if verdict(one).state == "collapsed"]


def _probabilities(last: "pd.Series[float]") -> str:
    real, fake = last["real_score"], last["fake_score"]
    scores = f"In the last epoch the critic gave real images {real:.0%} and drawn ones {fake:.0%}"
    if real >= HIGH_SCORE and fake <= LOW_SCORE:
        return (
            f"{scores}: it tells them apart almost always. The generator can learn all the same: "
            "its loss, -log D(G(z)), is steepest there."
        )
    if abs(real - fake) <= LOW_SCORE:
        return f"{scores}: it can hardly tell them apart."
    if fake > real:
        return f"{scores}: it takes drawn images for real more readily than real ones."
    return f"{scores}: it tells them apart in part."


def _numbers(variant: str, history: pd.DataFrame) -> str:
    first, last = history.iloc[0], history.iloc[-1]
    gaps = [float(row["real_score"] - row["fake_score"]) for row in (first, last)]
    if variant == "wgan_gp":
        verb = "fell" if gaps[1] < gaps[0] else "rose"
        return (
            "The critic's estimate of the Wasserstein distance between real and drawn images "
            f"{verb} from {gaps[0]:.2f} to {gaps[1]:.2f}. It is to scale only as far as the "
            "critic's slope is held to 1."
        )
    return (
        f"In the last epoch the critic scored real images {last['real_score']:.2f} and drawn ones "
        f"{last['fake_score']:.2f}, where 1 and 0 is what it aims at."
    )


def _pictures(history: pd.DataFrame) -> str:
    if "fid" not in history or len(history) < 2 or not any(history.get("classes", [])):
        return ""
    fid = history["fid"]
    best = int(history["epoch"].iloc[int(fid.argmin())])
    text = (
        "The losses do not tell how good the pictures are; their Fréchet "
        "distance, own features, went from "
        f"{fid.iloc[0]:,.0f} to {fid.iloc[-1]:,.0f}"
    )
    if best != int(history["epoch"].iloc[-1]):
        text += f", its best {fid.min():,.0f} after epoch {best}"
    collapsed = collapses(history)
    if collapsed:
        epochs = ", ".join(map(str, collapsed[:6])) + (" …" if len(collapsed) > 6 else "")
        text += f". The generator was collapsed after epoch {epochs}"
    return text + "."
