"""What a page holds beside uploads counts towards the limit of a session, and goes with it."""

import gc

import pytest
from streamlit.testing.v1 import AppTest

from core.settings import settings
from pages.ui import session_files


@pytest.fixture
def one_megabyte(lab, monkeypatch):
    monkeypatch.setenv("LATENT_LAB_MAX_SESSION_MB", "1")
    settings.cache_clear()


def shots():
    import streamlit as st

    from core.errors import Refused
    from pages.ui import session_files

    for name, kilobytes in (("a", 400), ("b", 400), ("c", 400), ("a", 500), ("b", 400)):
        try:
            session_files.add("shots", name, bytes(kilobytes * 1024))
        except Refused as error:
            st.error(str(error))
    if st.button("Let go"):
        session_files.remove("shots", "a")
    kilobytes = session_files.total(session_files._session()) // 1024
    st.text(f"{sorted(session_files.files_of('shots'))} {kilobytes}")


def test_what_is_held_is_counted_and_refused_when_it_is_too_much(one_megabyte):
    app = AppTest.from_function(shots).run()
    (said,) = app.error
    assert "may hold 1 MB in all" in said.value
    assert app.text[0].value == "['a', 'b'] 900"
    assert app.button[0].click().run().text[0].value == "['b'] 400"


def test_an_ended_session_holds_nothing(one_megabyte):
    AppTest.from_function(shots).run()
    gc.collect()
    assert not session_files.SESSIONS


def uploads_and_shots():
    import streamlit as st

    from core.errors import Refused
    from pages.ui import session_files

    session_files.uploaded_bytes = lambda session: 900 * 1024
    try:
        session_files.add("onnx", "run", bytes(200 * 1024))
    except Refused as error:
        st.error(str(error))


def test_uploads_and_what_is_held_are_bounded_together(one_megabyte, monkeypatch):
    monkeypatch.setattr(session_files, "uploaded_bytes", session_files.uploaded_bytes)
    assert len(AppTest.from_function(uploads_and_shots).run().error) == 1


def test_no_file_lies_in_a_session_uncounted():
    """Bytes are kept by `held` alone: nothing else puts content of files into a session's state."""
    import re
    from pathlib import Path

    pages = Path(session_files.__file__).parents[1]
    wrong = re.compile(r"session_state\[[^]]+\] = .*(read_bytes|getvalue|getbuffer)\(")
    result = [
        str(path) for path in pages.rglob("*.py") if wrong.search(path.read_text(encoding="utf-8"))
    ]
    assert result == []
