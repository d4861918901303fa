"""Choices in the address of a page, by id: a link opens the same model whatever others train.

Streamlit's own binding writes what a box shows, and that changes: with a second model of a kind,
or when a set is renamed. So these boxes are not bound. When a page is opened, or the browser goes
back or forward, the address decides; after that the visitor does, and the address follows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core import data
from core.runs.store import Run
from core.tasks import AnyFamily
from pages.server.streamlit_private import get_script_run_ctx
from pages.ui.names import dataset_title

PAGE, READ = "links_page", "links_read"
"""Where a session keeps which page it is on, and what it has read from its address: by parameter,
what was asked for and is not here."""
NO_RUN = (
    "The {noun} in this link was deleted, is not finished yet, or belongs to somebody else. "
    "{instead}"
)
NO_SET = "The data set in this link is not here, or belongs to somebody else. Another is chosen."
UNKNOWN = "What this link chooses under “{label}” is not known here. Another is chosen."


def arrive(page: str) -> None:
    """Read the address again when another page is opened; the router says which."""
    if st.session_state.get(PAGE) != page:
        st.session_state[PAGE], st.session_state[READ] = page, {}


def follow(
    key: str, options: Sequence[str], default: str, titles: Mapping[str, str] | None = None
) -> bool:
    """Set the choice `key` to what the address asks for, before its box is drawn.

    Args:
        options: ids that this visitor may choose from.
        default: one of them, where the address asks for nothing, or for what is not here.
        titles: ids by what older links carry.

    Returns:
        Whether what the address asks for is here.
    """
    state, read = st.session_state, st.session_state.setdefault(READ, {})
    if (back := _went_back()) or key not in read:
        asked = st.query_params.get(key)
        wanted = (titles or {}).get(asked, asked) if asked else None
        read[key] = None if wanted in options else wanted
        if wanted in options:
            state[key] = wanted
        elif wanted or back:
            state[key] = default
    if state.get(key) not in options:
        state[key] = default
    if state[key] != default:  # the visitor has chosen since
        read[key] = None
    return read[key] is None


def box(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    place: Any = st,
    default: str | None = None,
    usual: bool = True,
    titles: Mapping[str, str] | None = None,
    missing: str = UNKNOWN,
    **layout: Any,
) -> str:
    """A select box whose choice stands in the address by its id.

    Args:
        options: ids, one at least.
        key: of the choice in the session, and its name in the address.
        place: what the box is drawn in.
        default: what is chosen at first; else the first.
        usual: whether everybody has the same default: then it is left out of the address.
        titles: ids by what older links carry.
        missing: the sentence where the address asks for what is not here.
        layout: goes to `st.selectbox`.
    """
    default = options[0] if default is None else default
    here = follow(key, options, default, titles)
    chosen: str = place.selectbox(label, options, key=key, persist_state="session", **layout)
    if not here:
        place.warning(missing.format(label=label))
    else:
        _tell(key, None if usual and chosen == default else chosen)
    return chosen


def run_box(
    label: str,
    found: Mapping[str, Run],
    names: Mapping[str, str],
    *,
    key: str,
    noun: str = "model",
    default: str | None = None,
    **layout: Any,
) -> Run:
    """Choose a run; say so where the link's run is private, gone or unfinished."""
    options = list(found)
    default = options[0] if default is None else default
    chosen = box(
        label,
        options,
        key=key,
        default=default,
        usual=found[default].shipped,
        titles=titles_of(found, names),
        format_func=names.__getitem__,
        missing=NO_RUN.format(noun=noun, instead="Another is shown."),
        **layout,
    )
    return found[chosen]


def set_box(
    label: str, options: Sequence[str], *, key: str, default: str | None = None, **layout: Any
) -> str:
    """Choose a data set; one of somebody's own stands in a link by its id, which only they have."""
    usual = (options[0] if default is None else default) in data.BUILT_IN
    titles = {known.title: name for name, known in data.BUILT_IN.items()}
    return box(
        label,
        options,
        key=key,
        default=default,
        usual=usual,
        titles=titles,
        format_func=dataset_title,
        missing=NO_SET,
        **layout,
    )


def variant_box(label: str, of: AnyFamily, options: Sequence[str], *, key: str, place: Any) -> str:
    """Choose a network or a method of a family."""
    titles = {of.variant(name).title: name for name in options}
    return box(
        label,
        options,
        key=key,
        place=place,
        titles=titles,
        format_func=lambda name: of.variant(name).title,
    )


def several(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: Sequence[str],
    usual: bool,
    noun: str,
    **layout: Any,
) -> list[str]:
    """Choose several runs, which stand in the address by their ids; of a link that names some that
    are not here the others are chosen, and a sentence says so."""
    state, read = st.session_state, st.session_state.setdefault(READ, {})
    if (back := _went_back()) or key not in read:
        given = st.query_params.get_all(key)
        asked = list(dict.fromkeys(i for i in given if i))
        read[key] = None
        if given:
            state[key] = [i for i in asked if i in options]
            read[key] = list(state[key]) if len(state[key]) < len(asked) else None
        elif back:
            state[key] = list(default)
    if key not in state:
        state[key] = list(default)
    state[key] = [i for i in state[key] if i in options]
    chosen: list[str] = st.multiselect(label, options, key=key, persist_state="session", **layout)
    if read[key] is not None and chosen == read[key]:
        instead = "Only the others are shown." if chosen else "Choose another."
        st.warning(NO_RUN.format(noun=noun, instead=instead))
    else:
        read[key] = None
        _tell(key, None if usual and chosen == list(default) else chosen)
    return chosen


def titles_of(found: Mapping[str, Run], names: Mapping[str, str]) -> dict[str, str]:
    """Shipped runs by their names, which older links carry, also with the end of their id."""
    shipped = {i: names[i] for i, run in found.items() if run.shipped}
    return {shown: i for i, name in shipped.items() for shown in (name, f"{name} · {i[-8:]}")}


def _tell(key: str, value: str | list[str] | None) -> None:
    """Put it into the address, if it is not there: each change is a step for the browser's back."""
    if value is None:
        st.query_params.pop(key, None)
        return
    wanted = [value] if isinstance(value, str) else value or [""]
    if st.query_params.get_all(key) != wanted:
        st.query_params[key] = wanted


def _went_back() -> bool:
    """Whether the browser's back or forward has brought this address."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation
