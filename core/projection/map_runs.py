"""Maps as runs: their requests, computation and evaluation."""

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from core import data, images
from core.cancellation import Check, silent
from core.errors import DataMissing, LabError, RunBroken
from core.inference.codes import UNTRAINED, Codes, chosen_images, encode, shape_of, source_run
from core.metrics import neighbours
from core.models import backbones
from core.models.backbones import BACKBONES
from core.projection.maps import DECIMALS, NEIGHBOURS, STRANGENESS_K, open_map
from core.projection.methods import PROJECTING, Map, ProjectionConfig
from core.runs import store
from core.runs.schema import DataSpec, RunRequest, RunSpec
from core.runs.store import Run
from core.settings import settings
from core.training.run_context import Work, describe

SIDE = 480
"""Side in pixels of the picture that is saved of a map."""


def make_request(variant: str, dataset: str, values: Mapping[str, Any] | None = None) -> RunRequest:
    """Validate a request for a map and name its run. Nothing is written.

    Raises:
        UnknownName, LabError: an unknown name, a value out of bounds, a source without codes.
        DataMissing: the images are not here, or the weights of a backbone.
    """
    config = PROJECTING.config(variant, values)
    info = data.info(dataset)
    if config.split not in data.available(dataset):
        raise DataMissing(data.missing_sentence(dataset, config.split))
    inputs, private = [_fingerprint(dataset)], info.private
    if config.source in BACKBONES:
        inputs.append(backbones.fingerprint(config.source))
    elif config.source not in UNTRAINED:
        source = source_run(config.source)
        inputs.append(source.weights_fingerprint())
        private = private or source.spec().private
    # The source's weights are among the inputs, so the name of its run does not matter.
    changed = {k: v for k, v in PROJECTING.changed(variant, config).items() if k != "source"}
    used = DataSpec(
        fingerprint=inputs[0],
        n_train=0,
        n_test=min(info.splits[config.split], config.points),
        shape=shape_of(config.source, dataset),
        classes=len(info.classes),
    )
    return RunRequest(
        run_id=store.run_id(PROJECTING.kind, variant, dataset, changed, inputs),
        config=RunSpec(
            task=PROJECTING.name,
            variant=variant,
            dataset=dataset,
            config=config.model_dump(),
            data=used,
            private=private,
        ),
    )


def _fingerprint(dataset: str) -> str:
    """Return the published fingerprint if there is one: then a map needs only one split."""
    return data.info(dataset).fingerprint or data.data_fingerprint(dataset)


def project(run: Run, work: Work) -> None:
    """Compute the map of a run, keep it, and measure it."""
    torch.set_num_threads(settings().torch_threads)
    spec = run.spec()
    config = PROJECTING.config_of(run)
    began = time.monotonic()
    work.report("reading the images", state="running", error="")
    if _fingerprint(spec.dataset) != spec.data.fingerprint:
        raise RunBroken(
            f"The images of {spec.dataset} have changed since {run.id} was requested: "
            "request a new map."
        )
    ids = chosen_points(spec.dataset, config)
    codes = encode(config.source, chosen_images(spec.dataset, config.split, ids), work.check)
    values = neighbours.checked(codes.values)
    if not bool((values != values[0]).any()):
        raise LabError("All codes are the same: there is nothing to lay out.")
    if values.shape[1] < config.dimensions:
        other = "Choose 2." if values.shape[1] == 2 else "Choose the codes of another network."
        raise LabError(
            f"The codes have {values.shape[1]} numbers, fewer than the map's {config.dimensions} "
            f"dimensions. {other}"
        )
    projected: Map = PROJECTING.variant(spec.variant).build(values, config, work.check)
    if projected.history:
        run.write_history(projected.history)
    classes = codes.images.labels if spec.data.classes else None
    last = projected.iterations[-1] if projected.iterations else 0
    run.write_sample(last, images.to_png(images.scatter(projected.points, classes, SIDE)))
    work.report("measuring how far to trust it", done=1.0)
    measured, kept = _measured(projected.points, codes, config, work.check)
    near = min(STRANGENESS_K, len(ids) - 1)
    run.write_weights(
        {
            "points": projected.points,
            "ids": ids.int(),
            "preserved": kept.half(),
            "reach": neighbours.kth_distances(values, near, config.metric, work.check),
            "frames": projected.frames.half(),
            "iterations": torch.tensor(projected.iterations, dtype=torch.int32),
            **projected.extra,
        }
    )
    run.write_metrics(
        {
            **measured,
            "n_all": data.info(spec.dataset).splits[config.split],
            **_explained(projected),
            "seconds": round(time.monotonic() - began, 1),
            "device": describe(torch.device("cpu")),
        }
    )


def _measured(
    points: Tensor, codes: Codes, config: ProjectionConfig, check: Check
) -> tuple[dict[str, Any], Tensor]:
    """Return the figures of a map, and the share of its neighbours that each point kept (N,)."""
    k = min(NEIGHBOURS, neighbours.largest_k(len(points)))
    measures = neighbours.measure(
        codes.values, points, codes.images.labels, k, config.metric, check
    )
    figures = {
        "trustworthiness": round(measures.trustworthiness, DECIMALS),
        "preservation": round(measures.preservation, DECIMALS),
        "knn_accuracy_codes": _rounded(measures.codes_accuracy),
        "knn_accuracy_map": _rounded(measures.map_accuracy),
        "k": k,
        "n_test": len(points),
        "code_numbers": codes.values.shape[1],
    }
    return figures, measures.preserved


def evaluate(run: Run, check: Check = silent) -> dict[str, Any]:
    """Measure a finished map again; nothing is written.

    Raises:
        RunBroken: no usable files.
        DataMissing: the images are not here.
    """
    latent_map = open_map(run)
    chosen = chosen_images(run.spec().dataset, latent_map.config.split, latent_map.ids)
    return _measured(
        latent_map.points, encode(latent_map.config.source, chosen, check), latent_map.config, check
    )[0]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)


def _explained(projected: Map) -> dict[str, float]:
    shares = projected.extra.get("explained")
    return {} if shares is None else {"explained_variance": round(float(shares.sum()), DECIMALS)}


def chosen_points(dataset: str, config: ProjectionConfig) -> Tensor:
    """Return the indices of a map's images in the data set, ascending: all, or a choice that is
    always the same, so that maps with other seeds show the same points."""
    n = data.info(dataset).splits[config.split]
    if n <= config.points:
        return torch.arange(n)
    generator = torch.Generator().manual_seed(0)
    return torch.randperm(n, generator=generator)[: config.points].sort().values
