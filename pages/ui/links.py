"""Choices in the address of a page, by id: a link opens the same model whatever others train.

Streamlit's own binding writes what a box shows, and that changes: with a second model of a kind,
or when a set is renamed. So these boxes are not bound. When a page is opened, or the browser goes
back or forward, the address decides; after that the visitor does, and the address follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core import data
from core.tasks import AnyFamily
from pages.components import picks
from pages.server.streamlit_private import get_script_run_ctx
from pages.ui.names import dataset_title
from pages.ui.pictures import Choice, choices_html

PAGE, READ = "links_page", "links_read"
"""Session keys of the page that is open, and of what was read from its address: by parameter, what
it names and is not here."""
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


@dataclass(frozen=True)
class Choices:
    """What may be chosen in a box, and what a link may say of it."""

    options: Sequence[str]
    """Ids, one at least."""
    default: str
    """One of them, where the address names none, or one that is not here."""
    shared_default: bool = True
    """Whether everybody has the same default: then it is left out of the address."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Ids by what older links carry."""
    missing: str = UNKNOWN
    """The sentence where the address names what is not here."""


def follow(key: str, choices: Choices) -> bool:
    """Set the choice `key` to what the address names, before its box is drawn; returns whether
    that is here."""
    state, read = st.session_state, st.session_state.setdefault(READ, {})
    options, default = choices.options, choices.default
    if (back := _went_back()) or key not in read:
        linked = st.query_params.get(key)
        linked = choices.titles.get(linked, linked) if linked else None
        read[key] = None if linked in options else linked
        if linked in options:
            state[key] = linked
        elif linked or back:
            state[key] = default
    if state.get(key) not in options:
        state[key] = default
    if state[key] != default:  # the visitor has chosen since
        read[key] = None
    return read[key] is None


def box(label: str, choices: Choices, *, key: str, place: Any = st, **layout: Any) -> str:
    """A select box whose choice stands in the address by its id.

    Args:
        key: of the choice in the session, and its name in the address.
        place: what the box is drawn in.
        layout: goes to `st.selectbox`.
    """
    here = follow(key, choices)
    chosen: str = place.selectbox(
        label, choices.options, key=key, persist_state="session", **layout
    )
    _settle(label, choices, key, chosen, here, place)
    return chosen


def pictures_box(
    label: str, choices: Choices, shown: Mapping[str, Choice], *, key: str, **look: str
) -> str:
    """Pictures of which a click chooses one, which stands in the address by its id.

    Args:
        shown: a picture for each of the options.
        look: goes to `pictures.choices_html`.
    """
    clicks = f"{key}-picks"
    if (picked := picks.picked_name(clicks, choices.options)) is not None:
        st.session_state[key] = picked
        st.session_state.setdefault(READ, {})[key] = None
    here = follow(key, choices)
    chosen: str = st.session_state[key]
    picks.show(choices_html(label, shown, chosen, **look), key=clicks)
    _settle(label, choices, key, chosen, here, st)
    return chosen


def _settle(label: str, choices: Choices, key: str, chosen: str, here: bool, place: Any) -> None:
    """Say that what the address names is not here, or write into it what is chosen."""
    if not here:
        place.warning(choices.missing.format(label=label))
    else:
        leave_out = choices.shared_default and chosen == choices.default
        _write(key, None if leave_out else chosen)


def set_box(
    label: str, options: Sequence[str], *, key: str, default: str | None = None, **layout: Any
) -> str:
    """Choose a data set; one of somebody's own stands in a link by its id, which only they have."""
    default = options[0] if default is None else default
    titles = {known.title: name for name, known in (data.BUILT_IN | data.SEQUENCES).items()}
    choices = Choices(options, default, default in titles.values(), titles, NO_SET)
    return box(label, choices, key=key, format_func=dataset_title, **layout)


def variant_box(label: str, of: AnyFamily, options: Sequence[str], *, key: str, place: Any) -> str:
    """Choose a network or a method of a family."""
    titles = {of.variant(name).title: name for name in options}
    choices = Choices(options, options[0], titles=titles)
    return box(
        label, choices, key=key, place=place, format_func=lambda name: of.variant(name).title
    )


def several(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: Sequence[str],
    shared_default: bool,
    noun: str,
    **layout: Any,
) -> list[str]:
    """Choose several runs, which stand in the address by their ids; of a link that names some that
    are not here the others are chosen, and a sentence says so."""
    state, read = st.session_state, st.session_state.setdefault(READ, {})
    if (back := _went_back()) or key not in read:
        given = st.query_params.get_all(key)
        linked = list(dict.fromkeys(i for i in given if i))
        read[key] = None
        if given:
            state[key] = [i for i in linked if i in options]
            read[key] = list(state[key]) if len(state[key]) < len(linked) else None
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
        _write(key, None if shared_default and chosen == list(default) else chosen)
    return chosen


def _write(key: str, value: str | list[str] | None) -> None:
    """Write a choice into the address, where it is another: each change is a step for the browser's
    back."""
    if value is None:
        st.query_params.pop(key, None)
        return
    values = [value] if isinstance(value, str) else value or [""]
    if st.query_params.get_all(key) != values:
        st.query_params[key] = values


def _went_back() -> bool:
    """Whether the browser's back or forward has brought this address."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation
