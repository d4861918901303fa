"""Classifiers of photographs, their training pictures and their measures."""

from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core import data
from core.data import Images
from core.dreaming import sample_pictures
from core.images import Shape
from core.inference import explain
from core.inference.explain import Losses, Prediction, top_losses
from core.models.feature_classifiers import Transfer
from core.runs.store import Run
from core.tasks.transfer import TRANSFER
from core.training import cross_validation, lr_finder, training_time
from core.training.cross_validation import Scores
from core.training.lr_finder import Sweep
from core.training.request import test_images, train_images
from core.training.training_time import Estimate
from pages.ui.cached.by_run import by_run
from pages.ui.cached.networks import model_of
from pages.ui.concurrency import check_visitor, heavy


class TestAnswers(NamedTuple):
    """Test pictures, and what a classifier makes of them."""

    images: Images
    losses: Losses


@heavy(st.cache_data(max_entries=16, show_spinner="Looking for copies"))
def copies(dataset: str) -> data.Copies:
    """Pictures of a set that are there more than once."""
    splits: tuple[data.Split, ...] = ("train", "test")
    return data.copies({s: data.load(dataset, s) for s in splits})


def classifier(run: Run) -> Transfer:
    """A finished classifier of photographs."""
    return model_of(run, Transfer)


@st.cache_resource(max_entries=8, show_spinner=False)
def samples(shape: Shape) -> dict[str, Tensor]:
    """Sample pictures, uint8, by name."""
    return sample_pictures.squares(shape)


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def answer(run: Run, picture: Tensor) -> Prediction:
    """What a classifier says of one picture, uint8 (3, H, W)."""
    return explain.predict(classifier(run), picture[None])


@by_run(st.cache_resource, max_entries=256, show_spinner=False)
def heat(run: Run, picture: Tensor, label: int) -> Tensor:
    """Where in a picture, uint8 (3, H, W), a classifier sees a class: (H, W) in [0, 1]."""
    return explain.heat(classifier(run), picture[None], label)[0]


@heavy(by_run(st.cache_resource, max_entries=4, show_spinner="Looking at the training pictures"))
def training_pictures(run: Run) -> Images:
    """The pictures that a classifier learnt from and whose features it keeps, in their order: the
    first of its training part. Raises DataMissing."""
    known = len(classifier(run).known)
    config = TRANSFER.config_of(run)
    return TRANSFER.split(config, train_images(run))[0].first(known)


@heavy(by_run(st.cache_resource, max_entries=4, show_spinner="Classifying the test pictures"))
def test_answers(run: Run) -> TestAnswers:
    """A classifier's answers to its test pictures. Raises DataMissing."""
    images = test_images(run)
    return TestAnswers(images, top_losses(classifier(run), images, check_visitor))


@heavy(by_run(st.cache_data, max_entries=16, show_spinner="Training heads anew, with other seeds"))
def scores_by_seed(run: Run) -> Scores:
    """The same head with five seeds."""
    p = cross_validation.prepared(run, check_visitor)
    return cross_validation.with_few(*p, None)


@heavy(by_run(st.cache_data, max_entries=16, show_spinner="Training heads on four fifths"))
def scores_by_fold(run: Run) -> Scores:
    """The same head, tested on each fifth of all pictures in turn."""
    p = cross_validation.prepared(run, check_visitor)
    both = Images(*(torch.cat(pair) for pair in zip(p.train, p.test, strict=True)))
    return cross_validation.cross_validated(p.experiment, both)


@heavy(by_run(st.cache_data, max_entries=16, show_spinner="Training heads with fewer pictures"))
def scores_by_count(run: Run) -> dict[int, Scores]:
    """The same head, taught with fewer pictures of each class."""
    return cross_validation.curve(cross_validation.prepared(run, check_visitor))


@heavy(st.cache_data(ttl=60, max_entries=64, show_spinner="Estimating how long it will take"))
def training_estimate(variant: str, dataset: str, backbones: str) -> Estimate:
    """How long a classifier's training will take. Raises LabError where it cannot be estimated."""
    config = TRANSFER.config(variant, {"backbones": backbones})
    return training_time.estimate(variant, config, dataset)


@heavy(by_run(st.cache_data, max_entries=16, show_spinner="Trying learning rates"))
def rate_sweep(run: Run) -> Sweep:
    """Learning rates tried on the run's pictures."""
    p = cross_validation.prepared(run, check_visitor)
    return lr_finder.sweep(p.experiment, p.train)
