"""The tabs of Diffusion that hold runs against each other and against their beginning."""

from tests.pages.test_pages import captions, opened


def test_generators_stand_on_one_table_over_one_floor() -> None:
    app = opened("diffusion.py", tab="Compare")
    table = app.dataframe[0].value
    assert list(table["Fréchet distance"]) == sorted(table["Fréchet distance"])
    families = ("Flow", "GAN", "VAE")
    assert all(table["network"].str.contains(family).any() for family in families)
    one = table.set_index("network")["in 1 step"].dropna()
    assert one.idxmin().startswith("Straightened flow")
    said = captions(app)
    assert "10,000 samples" in said and "The floor is 2.1" in said and "guidance" in said
    assert "ms a picture" not in table
    next(b for b in app.button if b.label.startswith("Time")).click().run()
    assert (app.dataframe[0].value["ms a picture"] > 0).all()


def test_a_run_shows_what_its_samples_are_and_how_they_were_drawn() -> None:
    app = opened("diffusion.py", tab="Over epochs")
    figures = {metric.label: metric.value for metric in app.metric}
    assert {"Fréchet distance", "Its floor", "Coverage"} <= figures.keys()
    said = captions(app)
    assert "drawn in 20 steps, with a guidance of 0.3" in said
    assert list(app.dataframe[0].value["steps"])[-1] == 20
