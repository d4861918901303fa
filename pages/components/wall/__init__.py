"""The wall: networks side by side on the same seeds, and one scrubber that takes them all from
their first noise to their last picture. It is one row that scrolls sideways until it is unfolded.

Played from stored sample sheets, which the browser fetches itself: no network is run, and nothing
is sent while the scrubber moves. A click on a network is sent once.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pages.components.component import component, news, nothing


@dataclass(frozen=True)
class Sheet:
    """What one network drew after an epoch: its picture's address, a figure, a verdict in a word,
    and what the word means."""

    epoch: int
    url: str
    figure: str = ""
    state: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Card:
    """A network on the wall, with its sheets in the order of their epochs."""

    id: str
    title: str
    note: str
    alt: str
    sheets: Sequence[Sheet]


def wall(
    *, key: str, cards: Sequence[Card], chosen: str, note: str = "", epoch: int | None = None
) -> str | None:
    """Draw the wall; give the id of a network that was clicked since the last run, else None.

    Args:
        cards: one sheet each at least.
        chosen: the id of the network that stands large below.
        note: on the figures; it stands below them when all are shown.
        epoch: where the scrubber stands at first; None for the end. A network that was trained
            for fewer epochs stays at its last picture.
    """
    picked = _picked(key, cards)
    _component(
        key=key,
        data={
            "cards": [asdict(card) for card in cards],
            "chosen": picked or chosen,
            "note": note,
            "epoch": epoch,
        },
        on_picked_change=nothing,
    )
    return picked


def _picked(key: str, cards: Sequence[Card]) -> str | None:
    """What was clicked since the last run, read before the wall is drawn: it shows it at once."""
    picked = news(key, "picked").get("id")
    return next((card.id for card in cards if card.id == picked), None)


_component = component("wall")
