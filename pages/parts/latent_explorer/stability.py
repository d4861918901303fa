"""The same codes under other perplexities and seeds, side by side: what stays can be believed."""

from typing import Any

import streamlit as st

from core.images import scatter, to_png
from core.jobs import queue
from core.projection import map_runs, maps
from core.runs import store
from core.runs.schema import RunRequest
from core.runs.store import Run
from pages.parts.latent_explorer.scene import Scene
from pages.server.visitor import who
from pages.ui import cached, pictures
from pages.ui.errors import errors_shown
from pages.ui.widgets import segmented

PERPLEXITIES = (5, 10, 30, 50, 100)
SEEDS = 3


def panel(scene: Scene) -> None:
    """Choose the maps to compare; show the finished ones, and how stable neighbours are."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Perplexities",
            PERPLEXITIES,
            [5, 30, 100],
            key="perplexities",
            max_selections=4,
            bind="query-params",
            width=300,
        )
        points = st.select_slider(
            "Points", [500, 1000, 2000, 5000], 1000, key="few", bind="query-params"
        )
        start = segmented(
            "Start",
            ["random", "pca"],
            "begin",
            help="From principal components all seeds come out nearly alike.",
        )
        requests = {
            float(p): [
                _make_request(
                    scene, perplexity=float(p), seed=seed, points=int(points), start=start
                )
                for seed in range(SEEDS)
            ]
            for p in sorted(chosen)
        }
        missing = [q for row in requests.values() for q in row if _finished(q) is None]
        if missing and queue.may_start(who()):
            several = f"{len(missing)} maps" if len(missing) > 1 else "the map"
            if st.button(f"Make {several}", type="primary", icon=":material/play_arrow:"):
                _submit(missing)
    under_way = any((run := store.find(q.run_id)) and run.status().active for q in missing)
    st.fragment(_grid, run_every=1.0 if under_way else None)(scene, requests, under_way)


def _make_request(scene: Scene, **values: Any) -> RunRequest:
    config = scene.latent_map.config
    same = {"source": config.source, "split": config.split, "metric": config.metric}
    return map_runs.make_request("tsne", scene.dataset, {**same, **values})


def _finished(request: RunRequest) -> Run | None:
    run = store.find(request.run_id)
    return run if run is not None and run.status().state == "done" else None


def _submit(requests: list[RunRequest]) -> None:
    with errors_shown(), st.spinner("Handing them to a worker"):
        for request in requests:
            queue.submit(request, who())


def _grid(scene: Scene, requests: dict[float, list[RunRequest]], was_active: bool) -> None:
    runs = [store.find(q.run_id) for row in requests.values() for q in row]
    if was_active and not any(run is not None and run.status().active for run in runs):
        st.rerun()
    for perplexity, row in requests.items():
        done = [run for q in row if (run := _finished(q)) is not None]
        st.markdown(f"**Perplexity {perplexity:g}** {_stability(done)}")
        for place, request in zip(st.columns(SEEDS), row, strict=True):
            with place:
                _thumbnail(request)


def _thumbnail(request: RunRequest) -> None:
    run, seed = store.find(request.run_id), request.config.config["seed"]
    if run is None:
        st.caption(f"Seed {seed}: not made yet.")
        return
    status = run.status()
    if status.state == "done":
        latent_map = cached.latent_map(run)
        png = to_png(scatter(latent_map.points, cached.map_labels(latent_map), 240))
        pictures.sheet_image(png, f"The map from seed {seed}", f"Seed {seed}")
    elif status.active:
        st.progress(status.done, f"Seed {seed}: {status.stage or status.state}")
    else:
        st.caption(f"Seed {seed}: {status.error or status.state}.")


def _stability(done: list[Run]) -> str:
    """How many neighbours points keep from one seed to another, in words."""
    if len(done) < 2:
        return ""
    share = cached.stability(tuple(done))
    kept = f"a point keeps {share:.0%} of its {maps.NEIGHBOURS} neighbours"
    return f"  \nFrom one seed to another {kept}."
