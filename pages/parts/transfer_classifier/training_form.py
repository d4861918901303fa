"""Teach a network: the method, what it stands on, how long it will take, and the run itself."""

import streamlit as st

from core.errors import LabError
from core.models.backbones import BACKBONES
from core.settings import settings
from core.tasks.transfer import TRANSFER, TransferConfig
from pages.ui import cached
from pages.ui.durations import estimate
from pages.ui.run_panel import Use
from pages.ui.training_panel import panel as training_panel


def panel(starts: dict[str, str], use: Use) -> None:
    """Everything from the choice of a method to the finished classifier."""
    training_panel(TRANSFER, starts, use, given=_backbones, before=_expectation)


def _backbones(variant: str) -> dict[str, object]:
    """Which pretrained network it stands on; where several stand side by side, which."""
    usual = str(TRANSFER.config(variant).model_dump()["backbones"])
    several = "+" in usual
    chosen = st.pills(
        "Pretrained networks" if several else "Pretrained network",
        list(BACKBONES),
        format_func=lambda name: BACKBONES[name].title,
        selection_mode="multi" if several else "single",
        default=usual.split("+") if several else usual,
        key=f"backbones-{variant}",
        bind="query-params",
        help=f"Trained by others on a million photographs (ImageNet).{_fetched()}",
    )
    names = [chosen] if isinstance(chosen, str) else list(chosen or [])
    return {"backbones": "+".join(names) or usual}


def _fetched() -> str:
    """Which are not here yet: that changes, and what the pills show stands in links."""
    away = [f"{b.title} ({b.megabytes} MB)" for b in BACKBONES.values() if not b.here()]
    return f" Downloaded once, at the first use: {', '.join(away)}." if away else ""


def _expectation(variant: str, dataset: str, given: dict[str, object]) -> None:
    """How long it will take, before it starts."""
    config = TRANSFER.config(variant, given)
    assert isinstance(config, TransferConfig)
    names = config.backbones.split("+")
    away = [BACKBONES[name] for name in names if not BACKBONES[name].here()]
    if away:
        if settings().downloads == "off":
            st.warning(
                f"{', '.join(b.title for b in away)}: not here, and downloads are switched off."
            )
        else:
            size = sum(b.megabytes for b in away)
            st.caption(f"{', '.join(b.title for b in away)}: {size} MB are fetched first.")
        return
    try:
        expected = cached.training_estimate(variant, dataset, config.backbones)
    except LabError as error:
        st.caption(str(error))
        return
    looking = ""
    if expected.looking:
        looking = f"{estimate(expected.looking)} to look at the pictures, once, and "
    st.caption(
        f"{expected.pictures:,} pictures, about {estimate(expected.seconds)} here: {looking}"
        f"{estimate(expected.learning)} at most to learn for {config.epochs} epochs."
    )
