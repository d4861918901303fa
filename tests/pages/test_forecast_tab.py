"""The bench of forecasts opens alive, and refuses bad series with a sentence."""

from streamlit.testing.v1 import AppTest

TIMEOUT = 60


def _tab() -> None:
    from pages.parts.sequences import forecast_tab

    forecast_tab.panel()


def _opened() -> AppTest:
    return AppTest.from_function(_tab, default_timeout=TIMEOUT).run()


def test_it_opens_with_a_series_a_network_and_all_methods_beside_it() -> None:
    app = _opened()
    assert not app.exception
    assert [box.label for box in app.selectbox] == ["Series", "Network"]
    methods = app.dataframe[0].value
    assert {"Holt-Winters", "Last year’s value again", "Seasonal LSTM"} <= set(methods["Method"])
    assert "LSTM, scale of the whole" in set(methods["Method"])
    errors = [float(text.split(" ")[0]) for text in methods["MASE, a year"]]
    assert errors == sorted(errors)
    assert "Holt-Winters" in app.markdown[-1].value


def test_another_series_and_a_network_of_another() -> None:
    app = _opened()
    app.selectbox[0].select("co2").run()
    assert not app.exception
    other = next(i for i in app.selectbox[1].options if "GRU" in i)
    app.selectbox[1].select_index(app.selectbox[1].options.index(other)).run()
    assert not app.exception
    assert "has learnt Airline passengers" in " ".join(c.value for c in app.caption)


def test_ones_own_series() -> None:
    app = _opened()
    app.selectbox[0].select("own").run()
    rows = "\n".join(f"{1950 + t // 12}-{t % 12 + 1:02d},{100 + t % 12}" for t in range(60))
    app.file_uploader[0].upload("mine.csv", rows.encode(), "text/csv").run()
    assert not app.exception and not app.error
    app.file_uploader[0].set_value(("bad.csv", b"1950-01,5", "text/csv")).run()
    assert "has one value" in app.error[0].value
