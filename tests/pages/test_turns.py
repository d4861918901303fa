"""What takes long has a few places; who waits is told; what is in the cache waits for nobody."""

import threading

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import Refused
from core.settings import settings
from pages.ui import concurrency


@pytest.fixture(autouse=True)
def one_place(lab, monkeypatch):
    monkeypatch.setenv("LATENT_LAB_HEAVY_AT_ONCE", "1")
    settings.cache_clear()
    concurrency._places.cache_clear()
    yield
    concurrency._places.cache_clear()


def page():
    """A page that counts letters, which is taken to be hard."""
    import streamlit as st

    from core.errors import Refused
    from pages.ui.concurrency import heavy

    @heavy(st.cache_data(max_entries=8, show_spinner=False))
    def letters(word):
        return len(word)

    @heavy(st.cache_data(max_entries=8, show_spinner=False))
    def squared(word):
        return letters(word) ** 2  # one place is enough for both

    try:
        st.write(f"{squared(st.session_state['word'])} squared")
    except Refused as error:
        st.error(str(error))


def shown(word):
    app = AppTest.from_function(page)
    app.session_state["word"] = word
    return app.run()


def test_what_was_looked_at_is_shown_though_all_places_are_taken(monkeypatch):
    monkeypatch.setattr(concurrency, "MAX_WAIT", 0.5)
    assert shown("known").markdown[0].value == "25 squared"
    with concurrency.turn():
        assert shown("known").markdown[0].value == "25 squared"
        assert "Too many people" in shown("another").error[0].value
    assert shown("another").markdown[0].value == "49 squared", "the refusal was not kept"


def test_who_waits_is_told_and_comes_in_when_the_place_is_free(monkeypatch):
    said, leave = [], threading.Event()

    class Line:
        def caption(self, text):
            said.append(text)
            leave.set()

        def empty(self):
            said.append("")

    monkeypatch.setattr(concurrency.st, "empty", Line)
    inside = threading.Event()

    def other():
        with concurrency.turn():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    with concurrency.turn(), concurrency.turn():
        assert not thread.is_alive() or leave.is_set()
    thread.join()
    assert "One moment" in said[0] and said[-1] == ""
    assert concurrency._places(concurrency.LOOK).acquire(blocking=False), "the place was given back"


def test_a_place_is_given_back_after_an_error():
    with pytest.raises(ValueError), concurrency.turn():
        raise ValueError
    with concurrency.turn():
        assert not concurrency._places(concurrency.LOOK).acquire(blocking=False)


def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr(concurrency, "MAX_WAIT", 0.3)
    concurrency._places(concurrency.LOOK).acquire()
    with pytest.raises(Refused, match="Try again"), concurrency.turn():
        pass


def abandoned():
    """A page that counts slowly, whose visitor leaves at once."""
    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    from pages.ui.concurrency import check_visitor, heavy

    st.session_state["done"] = done = []

    @heavy(st.cache_data(max_entries=8, show_spinner=False))
    def counted():
        for step in range(5):
            done.append(step)
            if step == 2:
                get_script_run_ctx().script_requests.request_stop()
            check_visitor("counting")
        return step

    st.write(f"{counted()} steps")


def test_what_nobody_waits_for_ends_and_gives_its_place_back():
    app = AppTest.from_function(abandoned).run()
    assert app.session_state["done"] == [0, 1, 2] and not app.markdown
    assert concurrency._places(concurrency.LOOK).acquire(blocking=False)


def test_an_import_waits_for_no_look():
    with concurrency.turn():
        done = threading.Event()

        def importing():
            with concurrency.turn(concurrency.IMPORT):
                done.set()

        threading.Thread(target=importing).start()
        assert done.wait(10)
