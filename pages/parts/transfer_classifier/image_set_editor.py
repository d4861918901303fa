"""The visitor's pictures: bring them, look at them, and put right what is wrong with them."""

import hashlib
from collections import Counter
from pathlib import PurePosixPath

import pandas as pd
import streamlit as st

from core import data
from core.data import DatasetInfo, Images, Split
from core.data.archives import PHOTOGRAPH
from core.data.imported import MAX_LISTED
from core.images import display_name
from core.jobs import queue
from core.projection.methods import MIN_PERPLEXITY, PROJECTING, max_perplexity
from core.tasks.transfer import TRANSFER
from pages.components.camera import recorder
from pages.parts.transfer_classifier.photographs import url
from pages.server import base_path
from pages.server.visitor import who
from pages.ui import cached, session_files
from pages.ui.concurrency import IMPORT, turn
from pages.ui.errors import errors_shown
from pages.ui.names import dataset_title
from pages.ui.training_panel import import_zip, own_sets, removal
from pages.ui.widgets import segmented

ByClass = dict[str, list[tuple[str, bytes]]]
"""Files by class: the name and the content of each."""
Place = tuple[Split, int]
"""A picture: its split and its row there."""
SPLITS: tuple[Split, ...] = ("train", "test")
PAGE_SIZE = 60
"""Pictures on one page of the table."""
THUMB = 72
MAX_CLASSES = 20
MAX_NAME = 40
"""Characters of a class's name."""
MAX_SHOTS = 100
"""Camera pictures that a class keeps in memory; the oldest are dropped."""
TSNE = PROJECTING.variant("tsne")
TSNE_DEFAULTS = PROJECTING.config(TSNE.name)
MAPPED_BY = "lite0"
"""The network whose features a map of photographs begins with: it is always here."""
ALL, NOTED = -1, -2
"""Filters besides a class, which is given by its number: a class may have any name."""
MAX_HEIGHT = 660
"""Maximum height of a table in pixels."""


def panel() -> None:
    """Bring pictures, then look through them."""
    method = segmented(
        "How to bring them",
        list(WAYS),
        "way",
        label_visibility="collapsed",
        bind=None,
    )
    WAYS[method]()
    sets = own_sets()
    if (chosen := st.session_state.pop("chosen_set", None)) in sets:
        st.session_state["curated"] = chosen  # before the widget: afterwards it is too late
    if not sets:
        st.info("No pictures yet. Only you can see the pictures that you bring.")
        return
    st.divider()
    name = st.selectbox(
        "Your sets", sets, index=len(sets) - 1, format_func=dataset_title, key="curated", width=460
    )
    _review(data.info(name))
    removal(name)


# ---- bringing them


def _zip() -> None:
    st.caption(
        "One folder for each class. Pictures are turned upright, their middle is cut out and made "
        f"{PHOTOGRAPH[1]} pixels wide; a fifth of each class is kept for testing, or what lies in "
        f"a folder called test or valid. They stay {base_path.here()}, and only you see them."
    )
    info = import_zip("photo_zip", size=PHOTOGRAPH[1], grey=False)
    if info is not None:
        _ready(info)


def class_boxes() -> ByClass | None:
    """A box a class: its name, its files, the camera. Gives the pictures by class; None where two
    classes have one name, which it says."""
    count = st.session_state.setdefault("typed_classes", 2)
    pictures: ByClass = {}
    twice = False
    with st.grid("auto", min_column_width=320, gap="medium"):
        for i in range(count):
            with st.container(border=True):
                name, files = _class(i)
                twice |= bool(name) and name in pictures
                pictures[name] = files
    if count < MAX_CLASSES:
        st.button("Another class", icon=":material/add:", on_click=_more)
    if twice:
        st.error("Two classes have the same name: give each its own.")
        return None
    return pictures


def _by_hand() -> None:
    title = st.text_input("Name of the set", "My pictures", max_chars=60, key="typed_title")
    pictures = class_boxes()
    pressed = st.button("Make the set", type="primary", icon=":material/check:")
    if pressed and pictures is not None:
        _make_set(pictures, title)


def _folder() -> None:
    st.caption(
        "A folder with one folder of pictures for each class. A fifth of each class is kept for "
        f"testing. They stay {base_path.here()}, and only you see them."
    )
    files = st.file_uploader(
        "Folder",
        accept_multiple_files="directory",
        key="class_folder",
        label_visibility="collapsed",
    )
    pictures = by_folder([(file.name, file.getvalue()) for file in files])
    if not pictures:
        return
    counts = [f"{name} {len(inside)}" for name, inside in list(pictures.items())[:MAX_LISTED]]
    more = f" and {len(pictures) - MAX_LISTED} more" if len(pictures) > MAX_LISTED else ""
    st.text(f"{len(pictures)} classes: {' · '.join(counts)}{more}")
    if st.button("Make the set", type="primary", icon=":material/check:", key="make_of_folder"):
        _make_set(pictures, display_name(PurePosixPath(files[0].name).parts[0]))


def by_folder(files: list[tuple[str, bytes]]) -> ByClass:
    """Files of a folder by the folder that they lie in, which names their class; hidden ones left
    out.

    Args:
        files: the path within the chosen folder, and the content.
    """
    classes: ByClass = {}
    for path, content in files:
        parts = PurePosixPath(path).parts
        if any(part.startswith(".") for part in parts):
            continue
        name = display_name(parts[-2] if len(parts) > 1 else "pictures")[:MAX_NAME]
        classes.setdefault(name, []).append((parts[-1], content))
    return classes


def _make_set(pictures: ByClass, title: str) -> None:
    if (info := made_of(pictures, title)) is not None:
        _ready(info)


def made_of(pictures: ByClass, title: str) -> DatasetInfo | None:
    """The set that is made of pictures by class; None, with a sentence, where it cannot be."""
    with errors_shown(), turn(IMPORT), st.spinner("Reading the pictures"):
        queue.check_disk(who())
        return data.import_classes(pictures, title, size=PHOTOGRAPH[1], grey=False, owner=who())
    return None


WAYS = {"A zip file": _zip, "A folder": _folder, "Class by class": _by_hand}
"""How pictures are brought."""


def _more() -> None:
    st.session_state["typed_classes"] += 1


def _class(i: int) -> tuple[str, list[tuple[str, bytes]]]:
    name = st.text_input("Class", key=f"class_{i}", max_chars=MAX_NAME, placeholder="cup, plate, …")
    files = st.file_uploader(
        "Pictures",
        accept_multiple_files=True,
        key=f"class_files_{i}",
        label_visibility="collapsed",
    )
    group = f"shots_{i}"
    with st.popover("Camera", icon=":material/photo_camera:"):
        for frame in recorder(key=f"class_camera_{i}", side=PHOTOGRAPH[1]):
            with errors_shown():
                digest = hashlib.sha256(frame).hexdigest()[:12]
                session_files.add(group, f"camera {digest}.jpg", frame)
        shots = session_files.files_of(group)
        if oldest := list(shots)[:-MAX_SHOTS]:
            session_files.remove(group, *oldest)
        st.caption(f"{len(shots)} taken. A tap takes one picture, a held button several a second.")
        if shots and st.button("Remove them", key=f"class_forget_{i}", icon=":material/delete:"):
            session_files.remove(group)
            st.rerun()
    named = [(f.name, f.getvalue()) for f in files] + list(shots.items())
    st.caption(f"{len(named)} pictures")
    return name.strip(), named


def _ready(info: DatasetInfo) -> None:
    st.session_state["chosen_set"] = info.name
    st.success(f"{info.title} is ready: look through it below, then teach a network.")


# ---- looking through them


def _review(info: DatasetInfo) -> None:
    """What is in a set, what is wrong with it, and a table to put it right."""
    splits = {s: data.load(info.name, s) for s in SPLITS}
    _counts(info, splits)
    if info.classes:
        with st.expander("Rename, merge or drop classes", key=f"classes-{info.name}"):
            _classes(info, splits)
    _next_steps(info)
    problems = _problems(info, splits)
    places = [(s, row) for s in SPLITS for row in range(len(splits[s].labels))]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    only = left.segmented_control(
        "Show",
        [ALL, *range(len(info.classes)), NOTED],
        default=ALL,
        required=True,
        format_func=lambda k: {ALL: "All", NOTED: "With a note"}.get(k) or info.classes[k],
        key=f"only-{info.name}",
    )
    if only == NOTED:
        places = [place for place in places if place in problems]
    elif only != ALL:
        places = [(s, row) for s, row in places if int(splits[s].labels[row]) == only]
    if not places:
        st.info("There is none.")
        return
    pages, page = -(-len(places) // PAGE_SIZE), 1
    if pages > 1:
        page = int(right.number_input("Page", 1, pages, 1, key=f"page-{info.name}-{only}"))
    _table(info, splits, problems, places[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])


def _next_steps(info: DatasetInfo) -> None:
    """What can be done with a set: teach a network on it, or map it."""
    if len(info.classes) >= TRANSFER.least_classes:
        st.button(
            "Next: teach a network on them",
            key="next_teach",
            type="primary",
            icon=":material/arrow_forward:",
            on_click=st.session_state.update,
            args=({"tab": "Teach", "train_on": info.name},),
        )
    _map_link(info)


def _map_link(info: DatasetInfo) -> None:
    """A link to the form that maps the set by what a pretrained network sees in it."""
    if (most := max_perplexity(info.splits["train"])) < MIN_PERPLEXITY:
        return
    query = {"tab": "Make a map", "mapped": info.name, "projection": TSNE.title}
    query |= {f"{TSNE.name}-source": MAPPED_BY, f"{TSNE.name}-split": "train"}
    if most < TSNE_DEFAULTS.perplexity:
        query[f"{TSNE.name}-perplexity"] = str(most)
    st.page_link(
        "latent_explorer.py",
        label="Map these photographs by what a pretrained network sees in them",
        icon=":material/bubble_chart:",
        query_params=query,
    )


def _counts(info: DatasetInfo, splits: dict[Split, Images]) -> None:
    counts = {s: Counter(splits[s].labels.tolist()) for s in SPLITS}
    counts_text = [
        f"**{name}** {counts['train'][k]} + {counts['test'][k]}"
        for k, name in enumerate(info.classes)
    ]
    st.markdown(" · ".join(counts_text) or "No classes")
    st.caption(f"For training + for testing. {info.source}.")
    if len(info.classes) < TRANSFER.least_classes:
        st.warning("A classifier needs two classes at least: bring pictures of another kind too.")
    if info.left_out:
        first = f", the first {MAX_LISTED}" if len(info.left_out) == MAX_LISTED else ""
        st.warning(f"Left out{first}:" + "".join(f"\n- {one}" for one in info.left_out))


def _classes(info: DatasetInfo, splits: dict[Split, Images]) -> None:
    """The classes as a table: names to be changed, ticks to be taken away."""
    counts = Counter(k for images in splits.values() for k in images.labels.tolist())
    rows = {
        "name": list(info.classes),
        "pictures": [counts[k] for k in range(len(info.classes))],
        "keep": True,
    }
    edited = st.data_editor(
        pd.DataFrame(rows),
        key=f"names-{info.name}",
        hide_index=True,
        width="stretch",
        disabled=["pictures"],
        column_config={
            "name": st.column_config.TextColumn(max_chars=MAX_NAME, required=True),
            "keep": st.column_config.CheckboxColumn(help="Without the tick it is dropped."),
        },
    )
    names = renamed(edited)
    if names == list(info.classes):
        st.caption("Two classes of the same name become one. Without its tick a class is dropped.")
    elif st.button("Change the classes", type="primary", icon=":material/save:"):
        with errors_shown():
            _take_over(info, data.edit_classes(info.name, names, owner=who()))


def renamed(edited: pd.DataFrame) -> list[str | None]:
    """The names in a table of classes, None where one is dropped."""
    rows = zip(edited["name"].tolist(), edited["keep"].tolist(), strict=True)
    return [(name if isinstance(name, str) else "") if kept else None for name, kept in rows]


def _problems(info: DatasetInfo, splits: dict[Split, Images]) -> dict[Place, str]:
    """A note for each picture that is there more than once."""
    groups = cached.copies(info.name)
    crossed = [g for g in groups if data.in_two_classes(g, splits)]
    if crossed:
        subject = f"{len(crossed)} pictures are" if len(crossed) > 1 else "A picture is"
        st.warning(f"{subject} in two classes: drop the wrong one, or nonsense is learnt.")
    elif groups:
        subject = f"{len(groups)} pictures are" if len(groups) > 1 else "A picture is"
        st.caption(f"{subject} there more than once: see those with a note.")
    return {
        place: "in two classes" if group in crossed else "copy"
        for group in groups
        for place in group
    }


def _table(
    info: DatasetInfo, splits: dict[Split, Images], notes: dict[Place, str], shown: list[Place]
) -> None:
    """Pictures with their classes; what is changed becomes a set of its own."""
    names = list(info.classes)
    labels = [int(splits[s].labels[row]) for s, row in shown]
    edited = st.data_editor(
        view(info, splits, notes, shown),
        key=f"table-{info.name}-{shown[0]}-{len(shown)}",
        hide_index=True,
        width="stretch",
        row_height=THUMB,
        height=min(MAX_HEIGHT, THUMB * len(shown) + 40),
        disabled=["picture", "used for", "note"],
        column_config={
            "picture": st.column_config.ImageColumn(width="small"),
            "class": st.column_config.SelectboxColumn(options=names, required=bool(names)),
            "keep": st.column_config.CheckboxColumn(help="Without the tick it is dropped."),
        },
    )
    changes = changed(shown, labels, edited, names)
    count = sum(len(part) for part in changes.values())
    if not count:
        st.caption(
            "Change a class in the table, or take the tick away to drop a picture. Keys work as in "
            "a spreadsheet: arrows, Ctrl+C and Ctrl+V, and Space for a tick."
        )
        return
    if st.button(f"Keep {count} changes", type="primary", icon=":material/save:"):
        with errors_shown():
            _take_over(info, data.edit(info.name, changes, owner=who()))


def _take_over(info: DatasetInfo, made: DatasetInfo) -> None:
    """Let an edited set stand in the place of the one that it was made from."""
    data.own(made.name, who(), instead_of=info.name)
    st.session_state["chosen_set"] = made.name
    st.rerun()


def view(
    info: DatasetInfo, splits: dict[Split, Images], notes: dict[Place, str], shown: list[Place]
) -> pd.DataFrame:
    """The table as it is before anything is changed in it."""
    labels = [int(splits[s].labels[row]) for s, row in shown]
    return pd.DataFrame(
        {
            "picture": [url(splits[s].pixels[row], THUMB) for s, row in shown],
            "class": [info.classes[n] if n >= 0 else None for n in labels],
            "keep": True,
            "used for": ["training" if s == "train" else "testing" for s, _ in shown],
            "note": [notes.get(place, "") for place in shown],
        }
    )


def changed(
    shown: list[Place], labels: list[int], edited: pd.DataFrame, names: list[str]
) -> dict[Split, dict[int, int]]:
    """What is different in the table: row of a split → its new class, -1 where it is dropped."""
    changes: dict[Split, dict[int, int]] = {split: {} for split in SPLITS}
    rows = zip(shown, labels, edited["class"].tolist(), edited["keep"].tolist(), strict=True)
    for (split, row), label, name, kept in rows:
        if not kept:
            changes[split][row] = -1
        elif name in names and names.index(name) != label:
            changes[split][row] = names.index(name)
    return changes
