"""What the curves of a GAN's training say, in plain sentences with their numbers."""

import contextlib

import pandas as pd

from core.health import Health, verdict
from core.tasks.adversarial import ADVERSARIAL, of_row
from core.tasks.games import Game

LOST, WON = 0.1, 0.9


def reading(variant: str, history: pd.DataFrame) -> str:
    """Who is ahead at the end, what that means for the generator, and how the pictures went.

    Args:
        variant: of the adversarial task; its game decides what scores mean.
        history: a run's, an epoch a row.
    """
    if history.empty:
        return "Nothing has been learnt yet."
    last = history.iloc[-1]
    game: Game = ADVERSARIAL.variant(variant).options["game"]
    sentence = _probabilities(last) if game.probability else _numbers(variant, history)
    return f"{sentence} {_pictures(history)}".strip()


def healths(history: pd.DataFrame) -> dict[int, Health]:
    """The health after each epoch that has it."""
    found = {}
    for row in history.to_dict("records"):
        with contextlib.suppress(KeyError):  # a history without samples' figures
            found[int(row["epoch"])] = of_row({str(k): v for k, v in row.items()})
    return found


def collapses(history: pd.DataFrame) -> list[int]:
    """The epochs after which the generator was collapsed."""
    return [e for e, one in healths(history).items() if verdict(one).state == "collapsed"]


def _probabilities(last: "pd.Series[float]") -> str:
    real, fake = last["real_score"], last["fake_score"]
    seen = f"In the last epoch the critic gave real images {real:.0%} and drawn ones {fake:.0%}"
    if real >= WON and fake <= LOST:
        return f"{seen}: it tells them apart almost always, and leaves little to learn from."
    if abs(real - fake) <= LOST:
        return f"{seen}: it can hardly tell them apart."
    return f"{seen}: it is ahead, but not out of reach, which is where learning goes on."


def _numbers(variant: str, history: pd.DataFrame) -> str:
    first, last = history.iloc[0], history.iloc[-1]
    gaps = [float(row["real_score"] - row["fake_score"]) for row in (first, last)]
    if variant == "wgan_gp":
        way = "fell" if gaps[1] < gaps[0] else "rose"
        return (
            f"The critic's estimate of the distance between real and drawn images {way} from "
            f"{gaps[0]:.2f} to {gaps[1]:.2f}; unlike other GANs' losses it means something."
        )
    return (
        f"In the last epoch the critic scored real images {last['real_score']:.2f} and drawn ones "
        f"{last['fake_score']:.2f}, where 1 and 0 would be right."
    )


def _pictures(history: pd.DataFrame) -> str:
    if "fid" not in history or len(history) < 2:
        return ""
    fid = history["fid"]
    best = int(history["epoch"].iloc[int(fid.argmin())])
    said = (
        "The losses do not tell how good the pictures are; their FID went from "
        f"{fid.iloc[0]:,.0f} to {fid.iloc[-1]:,.0f}"
    )
    if best != int(history["epoch"].iloc[-1]):
        said += f", its best {fid.min():,.0f} after epoch {best}"
    lost = collapses(history)
    if lost:
        epochs = ", ".join(map(str, lost[:6])) + (" …" if len(lost) > 6 else "")
        said += f". The generator was collapsed after epoch {epochs}"
    return said + "."
