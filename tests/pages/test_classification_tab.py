"""A table of one's own on the bench Classification."""

from streamlit.testing.v1 import AppTest


def tab() -> None:
    from pages.parts.foundations import classification_tab

    classification_tab.panel()


def test_a_pasted_table_is_taken_or_refused_with_a_sentence() -> None:
    app = AppTest.from_function(tab, default_timeout=60).run()
    assert not app.exception
    app.text_area(key="classes_text").set_value("a,b,kind\n1,2,x\n3,4,x").run()
    assert "1 different value" in app.error[0].value
    app.text_area(key="classes_text").set_value("a,b,kind\n1,2,x\n3,4,y\n,4,y").run()
    assert not app.error and not app.exception
    assert any("2 rows of 2 classes. Rows with gaps" in one.value for one in app.caption)
