"""Links that share a private run: how they are made and withdrawn, and how they are opened."""

from urllib.parse import urlencode

import streamlit as st

from core.jobs import queue, sharing
from core.runs.store import Run
from core.tasks import TASKS
from pages.server.visitor import who
from pages.ui.errors import errors_shown

PARAMETER = "share"
MADE = "shared_links"
"""Session key of the links that were made in this session, by run."""


def arrive() -> None:
    """Open the link in the address, if there is one; a wrong one opens nothing, and the page then
    says of its run what it says of one that does not exist."""
    run_id, _, token = st.query_params.get(PARAMETER, "").rpartition(".")
    if run_id:
        queue.open_link(run_id, token, who())


def panel(run: Run) -> None:
    """What a link to a private run shows, and the buttons that make and withdraw it."""
    st.markdown(_shows(run))
    with errors_shown():
        _buttons(run)


def _buttons(run: Run) -> None:
    made = st.session_state.setdefault(MADE, {})
    if not sharing.shared(run):
        made.pop(run.id, None)
        if st.button("Share a link", icon=":material/add_link:"):
            made[run.id] = _address(run, queue.share(run, who()))
            st.rerun()
        return
    if run.id in made:
        st.code(made[run.id], language=None, wrap_lines=True)
        st.caption("Copy it now: only whoever makes a link is shown it, and only here.")
    else:
        st.caption("There is a link to this run. It was shown to whoever made it, and only then.")
    with st.container(horizontal=True):
        if st.button("Withdraw the link", icon=":material/link_off:"):
            queue.unshare(run, who())
            made.pop(run.id, None)
            st.rerun()
        if st.button("Make another", help="The one before is dead then."):
            made[run.id] = _address(run, queue.share(run, who()))
            st.rerun()


def _shows(run: Run) -> str:
    """What whoever has the link sees, in words."""
    if run.spec().task in TASKS:
        pictures = (
            "its sample sheets, **on which there may be pictures of yours**, and the trained "
            "network, all of it also as a file"
        )
    else:
        pictures = (
            "what it has drawn and, **where it began with a picture of yours, that picture**, all "
            "of it also as files"
        )
    return (
        "**Whoever has the link sees** this run: its name and the names of its classes, its note, "
        f"settings, figures and curves; {pictures}. Your set of pictures itself is not shared, and "
        "only the pages that need none of it open the run. They can change nothing.\n\nThe link "
        f"works until you withdraw it. Who has opened it sees the run for {sharing.HOURS_OPEN} "
        "hours and can open it again; when you withdraw it, they see it no more."
    )


def _address(run: Run, token: str) -> str:
    query = urlencode({"compare": run.id, PARAMETER: f"{run.id}.{token}"})
    return f"{st.context.url or ''}?{query}"
