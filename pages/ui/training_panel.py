"""The training panel: choose what to train on, set it up, and watch it."""

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from core import data
from core.errors import LabError
from core.images import display_name
from core.jobs import queue
from core.runs import store
from core.runs.store import Run
from core.settings import settings
from core.tasks import AnyFamily, AnyTask
from core.training import make_request
from pages.server import base_path
from pages.server.visitor import admitted, who
from pages.ui import links
from pages.ui.concurrency import IMPORT, turn
from pages.ui.errors import errors_shown
from pages.ui.form import config_form
from pages.ui.run_panel import Use, watch

RECENT_SECONDS = 24 * 3600
"""Seconds for which a panel shows how a run has ended."""
Given = Callable[[str], dict[str, Any]]
MAX_LISTED = 40
"""Classes of a zip that are listed before it is imported."""
Before = Callable[[str, str, dict[str, Any]], None]


def panel(
    task: AnyTask,
    starts: dict[str, str],
    use: Use,
    given: Given | None = None,
    before: Before | None = None,
) -> None:
    """Everything from the choice of a network to the finished run.

    Args:
        starts: readable names, by id, of finished runs, whose weights a training may begin with.
        use: puts a finished run on the stage.
        given: asks for settings outside of the form, by the network.
        before: says what is to be known before it starts, of a network, a data set and what was
            `given`. Pages that have it bring pictures in their own way.
    """
    if not admitted():
        return
    queue.prepare(who())
    left, right = st.columns(2)
    learning = [v.name for v in task.variants.values() if v.learns]
    variant = links.variant_box("Network", task, learning, key="network", place=left)
    pictures = task.medium == "pictures"
    every = [*data.BUILT_IN, *own_sets()] if pictures else list(data.SEQUENCES)
    every = [n for n in every if data.info(n).medium == task.medium]
    options = [n for n in every if len(data.info(n).classes) >= task.least_classes]
    natural = getattr(task.variant(variant), "dataset", "") or _natural(
        options, task.variant(variant).shape is None
    )
    dataset = links.set_box("Train on", options, key="train_on", place=right, default=natural)
    st.caption(task.variant(variant).summary)
    if _have(dataset):
        values_given = given(variant) if given else {}
        if before:
            before(variant, dataset, values_given)
        fitting = (variant, *task.variant(variant).starts)
        same = {i: n for i, n in starts.items() if any(f"-{v}-" in i for v in fitting)}
        choices = {"start_from": {"": "New weights", **same}}
        values = config_form(task, variant, choices, given=values_given)
        if values is not None:
            _request(task, variant, dataset, values)
    if before is None and pictures:
        with st.expander("Your own pictures", icon=":material/folder_zip:"):
            _import()
    if (under_way := watched(task)) is not None:
        st.divider()
        watch(under_way, use)


def _natural(options: list[str], photographs: bool) -> str:
    """What one would train on: of photographs, one's own or the largest; else the first here."""
    here = [n for n in options if "train" in data.available(n)]
    if not here:
        return options[0]
    own = [n for n in here if n not in data.BUILT_IN]
    if not photographs:
        return here[0]
    return own[-1] if own else max(here, key=lambda n: data.info(n).shape[1])


def _request(task: AnyTask, variant: str, dataset: str, values: dict[str, Any]) -> None:
    with errors_shown(), st.spinner("Handing it to a worker"):
        run = queue.submit(make_request(task.name, variant, dataset, values), who())
        keep_watching(task, run.id)


def _have(name: str) -> bool:
    """Whether the training images are here; offers to fetch them where not."""
    if "train" in data.available(name):
        return True
    info = data.info(name)
    st.info(data.absence(name))
    fetchable = settings().downloads == "on" and not info.by_hand
    if fetchable and st.button(f"Download {info.title}", icon=":material/download:"):
        bar = st.progress(0.0, "Connecting")

        def advance(text: str, share: float) -> None:
            bar.progress(share, text)

        try:
            data.get(name, advance)
        except LabError as error:
            bar.empty()
            st.error(str(error))
        else:
            st.rerun()
    return False


def own_sets() -> list[str]:
    """What this visitor has brought, the last at the end."""
    return data.owned(who())


def _import() -> None:
    st.caption(
        "A zip with one folder a class, or with pictures only. They are made grey and 28×28, "
        f"stay {base_path.here()}, and only you see them and what is trained on them."
    )
    info = import_zip("own_zip", size=28, grey=True)
    if info is not None:
        counts = ", ".join(f"{n} for {split}ing" for split, n in info.splits.items())
        st.success(f"{info.title} is ready: {counts}. Choose it under “Train on”.")
        st.button("Show it in the list")
    for name in own_sets():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(data.info(name).title)
            removal(name)


def removal(name: str) -> None:
    """A button that takes a set of this visitor's away, once they have said so twice."""
    if st.button("Remove these pictures", icon=":material/delete:", key=f"remove-{name}"):
        _confirm(name)


@st.dialog("Remove these pictures?")
def _confirm(name: str) -> None:
    st.write(
        f"“{data.info(name).title}” goes from this machine. What was trained on it stays, and "
        "shows no pictures of it any more."
    )
    if st.button("Remove", type="primary", icon=":material/delete:"):
        try:
            data.disown(name, who())
        except OSError as error:
            st.error(f"They could not be removed ({error.strerror}).")
            return
        st.rerun()


def import_zip(key: str, *, size: int, grey: bool) -> data.DatasetInfo | None:
    """Ask for a zip of pictures, show what is in it, and make a set of it that this visitor owns;
    None before that."""
    upload = st.file_uploader("Zip file", type=["zip"], key=key)
    if upload is None:
        return None
    title = display_name(upload.name).removesuffix(".zip")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / display_name(upload.name)
        path.write_bytes(upload.getbuffer())
        with errors_shown():
            encoding = _looked_through(path, upload.file_id)
            if not st.button("Import", icon=":material/upload:", key=f"import-{key}"):
                return None
            queue.check_disk(who())
            with turn(IMPORT), st.spinner("Reading the pictures"):
                return data.import_set(
                    path, title, size=size, grey=grey, owner=who(), encoding=encoding
                )
    return None


def _looked_through(path: Path, upload: str) -> str:
    """Show what an import of a zip would make of it; gives the encoding in which its names are
    to be read. Raises BadUpload."""
    seen, encoding = _preview(path, upload, ""), ""
    if seen.readings:
        shown = {one.encoding: f"{one.sample} ({one.language})" for one in seen.readings}
        encoding = st.selectbox(
            "The names in it read",
            list(shown),
            format_func=lambda one: shown[one],
            key=f"names-{upload}",
            help="The zip does not say it; the likeliest comes first.",
        )
        seen = _preview(path, upload, encoding)
    total = sum(seen.classes.values())
    counts = [f"**{name}** {n}" for name, n in list(seen.classes.items())[:MAX_LISTED] if name]
    more = len(seen.classes) - MAX_LISTED
    st.markdown(
        f"{len(counts) + max(0, more)} classes: {' · '.join(counts)}"
        + (f" and {more} more" if more > 0 else "")
        if counts
        else f"{total:,} pictures, no classes"
    )
    for remark in seen.remarks:
        st.caption(remark)
    return encoding


def _preview(path: Path, upload: str, encoding: str) -> data.Preview:
    """`data.preview`, kept until another zip is brought."""
    kept: dict[tuple[str, str], data.Preview] = st.session_state.get("previews", {})
    if (upload, encoding) not in kept:
        kept = {of: seen for of, seen in kept.items() if of[0] == upload}
        kept[upload, encoding] = data.preview(path, encoding)
        st.session_state["previews"] = kept
    return kept[upload, encoding]


def watched(family: AnyFamily, variant: str = "") -> str | None:
    """The run that a visitor's panel shows: the one started in this session, else the latest of
    theirs. A tab that was closed or loaded again loses nothing, not even how a run has ended.

    Args:
        variant: of this one only.
    """
    started: str | None = st.session_state.get(_watched_key(family, variant))
    if started is not None and store.find(started) is not None:
        return started
    return next((run.id for run in recent_of_mine(family, variant)), None)


def keep_watching(family: AnyFamily, run_id: str, variant: str = "") -> None:
    """Show a run that was just started in its panel."""
    st.session_state[_watched_key(family, variant)] = run_id


def recent_of_mine(family: AnyFamily, variant: str = "") -> list[Run]:
    """Runs that this visitor has started: those under way, then those that ended within a day;
    the latest first. Of others no more than the names of their folders are read."""
    start = f"{family.kind}-{variant}-" if variant else f"{family.kind}-"
    recent = []
    for run in store.all_runs():
        if run.shipped or not run.id.startswith(start):
            continue
        changed = run.version() / 1e9  # nanoseconds
        with contextlib.suppress(LabError):  # damaged
            active = queue.mine(run, who()) and run.status().active
            if active or (time.time() - changed < RECENT_SECONDS and queue.mine(run, who())):
                recent.append((active, changed, run))
    return [run for *_, run in sorted(recent, key=lambda entry: entry[:2], reverse=True)]


def _watched_key(family: AnyFamily, variant: str) -> str:
    return f"watched-{family.name}-{variant}"
