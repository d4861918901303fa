"""Pretrained networks for dreams, and how they respond to them."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import streamlit as st
import torch
from torch import Tensor, nn

from core.dreaming import dream_runs, dream_time, responses, starting_pictures
from core.dreaming.config import ATLAS, CLASSES, Target, targets
from core.dreaming.dream_time import Span
from core.dreaming.preview import preview as small_dream
from core.dreaming.starting_pictures import Picture
from core.dreaming.variants import DREAMING
from core.models import backbones
from core.models.pretrained import FeatureNet, folded
from core.runs.schema import RunRequest
from core.runs.store import Run
from pages.ui import cached
from pages.ui.cached.by_run import by_run
from pages.ui.concurrency import check_visitor, heavy


@st.cache_resource(max_entries=8, show_spinner="Reading the picture")
def sample(name: str) -> Picture:
    """A photograph that is always there."""
    return starting_pictures.sample(name)


@st.cache_resource(max_entries=4, show_spinner="Loading the network")
def network(name: str) -> FeatureNet:
    """A backbone whose weights are here."""
    return backbones.load(name)


@st.cache_resource(max_entries=4, show_spinner=False)
def _folded(name: str) -> FeatureNet:
    """A backbone for many forward passes."""
    return folded(network(name))


@st.cache_resource(max_entries=4, show_spinner="Loading the network")
def head(name: str) -> nn.Module:
    """What reads a backbone's classes."""
    return backbones.load_head(name)


@heavy(by_run(st.cache_data, max_entries=64, show_spinner="Running the network"))
def read(run: Run, name: str) -> list[tuple[str, float]]:
    """The classes that a dream's own network reads in one of its pictures."""
    backbone = DREAMING.config_of(run).backbone
    pixels = dream_runs.pixels_of(run, name)
    return responses.read(network(backbone), head(backbone), pixels)


@heavy(by_run(st.cache_data, max_entries=32, show_spinner="Running the network"))
def activity(run: Run, target: Target) -> tuple[Tensor, Tensor] | None:
    """Where a layer answers in a dream's picture and in the dream, (H, W) in [0, 1] on one scale;
    None where it has no places."""
    net = network(DREAMING.config_of(run).backbone)
    before = responses.activity(net, dream_runs.pixels_of(run, "picture.png"), target)
    after = responses.activity(net, dream_runs.pixels_of(run, "dream.png"), target)
    if before is None or after is None:
        return None
    least, most = torch.minimum(before.min(), after.min()), torch.maximum(before.max(), after.max())
    span = (most - least).clamp_min(1e-9)
    return (before - least) / span, (after - least) / span


@heavy(st.cache_data(ttl=600, max_entries=64, show_spinner=False))
def _probe(backbone: str, layers: str) -> float:
    return dream_time.seconds_a_pixel(backbone, layers)


def seconds(variant: str, values: Mapping[str, object], size: tuple[int, int]) -> Span:
    """How long a dream will take here. Raises DataMissing without the network's weights."""
    start = f"{DREAMING.kind}-{variant}-"
    done = [run for run in cached.models(DREAMING.name) if run.id.startswith(start)]
    config = DREAMING.config(variant, values)
    return dream_time.estimate(variant, config, size, done, _probe)


def preview(request: RunRequest) -> Tensor | None:
    """A quick small dream (3, H, W) of a request; None while its network's weights are not here.

    Raises:
        LabError: the gradient is zero; too many others wait for their turn.
    """
    backbone = DREAMING.config(request.config.variant, request.config.config).backbone
    return _preview(request.run_id, request) if backbones.BACKBONES[backbone].here() else None


@heavy(st.cache_data(max_entries=64, show_spinner=False))
def _preview(run_id: str, _request: RunRequest) -> Tensor:
    """The id stands for all that decides what is drawn."""
    config = DREAMING.config(_request.config.variant, _request.config.config)
    of_classes = any(target.layer == CLASSES for target in targets(config.layers))
    return small_dream(
        _request,
        _folded(config.backbone),
        head(config.backbone) if of_classes else None,
        tick=partial(check_visitor, "dreaming"),
    )


def channel_sheets(backbone: str) -> dict[str, tuple[Run, Path]]:
    """The sheets of a backbone's channels that were drawn: by layer, the atlas and its sheet."""
    sheets: dict[str, tuple[Run, Path]] = {}
    for run in cached.models(DREAMING.name):
        if run.spec().variant != ATLAS or run.spec().config["backbone"] != backbone:
            continue
        for target in targets(str(run.spec().config["layers"])):
            path = run.path / f"channels-{target.layer}.webp"
            if target.layer not in sheets and path.exists():
                sheets[target.layer] = (run, path)
    return sheets
