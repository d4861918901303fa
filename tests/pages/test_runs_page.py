"""The page of runs: what stands in its list and in which order, its filters, and what a run is
called."""

import json
import shutil

import pandas as pd
import pytest

from core.runs import store
from core.runs.store import Run
from core.settings import settings
from pages.parts.runs import table
from pages.ui import cached
from pages.ui.names import run_name
from tests.pages.test_pages import captions, opened

ANN, BOB = "ann", "bob"


@pytest.fixture
def ann(lab, monkeypatch):
    """Who opens the page."""
    return seen_by(monkeypatch, ANN)


def seen_by(monkeypatch, name):
    # Not `who` itself: a module that is imported meanwhile would keep what stands in its place.
    monkeypatch.setattr("pages.server.visitor._anonymous", lambda cookies: name)
    return name


def made(like, end, owners, state="done", private=False, **changed):
    """A run as somebody's training leaves it."""
    source = store.open_run(like)
    path = settings().runs / f"{like[:-8]}{end}"
    shutil.copytree(source.path, path)
    spec = source.spec().model_dump()
    spec |= {"config": spec["config"] | changed, "private": private}
    (path / "config.json").write_text(json.dumps(spec))
    run = Run(path)
    run.set_owners(owners)
    run.update(state=state)
    cached.forget_models()
    return run


UNET, VAE = "denoise-unet-mnist-dd3f87e3", "autoencode-vae_squared-mnist-dd3f87e3"


def listed(app):
    return list(app.dataframe[0].value["Run"])


def test_a_name_says_in_words_what_differs_from_the_defaults(lab):
    assert run_name(store.open_run(UNET)) == "U-Net · MNIST"
    run = made(UNET, "aaaaaaa1", [ANN], strength=0.3)
    assert run_name(run) == "U-Net · MNIST · strength 0.3"
    many = made(UNET, "aaaaaaa2", [ANN], strength=0.3, blind=False, epochs=3, batch_size=7, seed=1)
    assert run_name(many).startswith("U-Net · MNIST · epochs 3, batch size 7, ")
    assert run_name(many).endswith(", 2 more")
    assert run_name(made(VAE, "aaaaaaa3", [ANN], latent=10)) == (
        "VAE, squared error, 10 numbers · MNIST"
    )


def test_ones_own_runs_come_first_then_those_of_others_and_names_are_not_repeated(ann):
    theirs = made(UNET, "aaaaaaa1", [BOB], strength=0.3)
    own = made(VAE, "aaaaaaa2", [ann], latent=10)
    app = opened("runs.py")
    assert listed(app)[:2] == [run_name(own), run_name(theirs)]
    assert not {"Network", "Data"} & set(app.dataframe[0].value.columns)
    assert app.multiselect(key="compare").value == [own.id]
    assert not any(end in " ".join(listed(app)) for end in ("aaaaaaa1", "aaaaaaa2"))


def test_filters_and_search_stand_in_the_address(ann):
    run = made(UNET, "aaaaaaa1", [ann], "failed", strength=0.3)
    app = opened("runs.py", of_page="Denoiser", state="failed")
    assert listed(app) == [run_name(run)] and not app.exception
    app.selectbox(key="state").set_value("shipped").run()
    assert len(listed(app)) > 1 and run_name(run) not in listed(app)
    app = opened("runs.py", search="STRENGTH u-net")
    assert listed(app) == [run_name(run)]
    app = opened("runs.py", search="no such words")
    assert "No run matches" in app.info[0].value and not app.exception
    assert app.multiselect(key="compare").options, "what is open does not hang on the filters"


def test_a_run_opens_with_its_figures_and_a_link_to_its_page(ann):
    made(UNET, "aaaaaaa1", [ann], strength=0.3)
    app = opened("runs.py", compare=UNET)
    assert not app.exception
    metrics = {m.label: m.value for m in app.metric}
    assert metrics["PSNR"].endswith(" dB")
    (link,) = app.get("page_link")
    assert link.proto.label == "Open in Denoiser"
    assert f"model={UNET}" in link.proto.query_string
    assert "Smoothing" not in [s.label for s in app.slider], "ten epochs need none"


def test_long_histories_can_be_smoothed_and_the_link_keeps_it(lab):
    app = opened("runs.py", compare=VAE, smoothing="0.8")
    assert app.slider(key="smoothing").value == 0.8 and not app.exception
    labels = [link.proto.label for link in app.get("page_link")]
    assert labels == ["Open in VAE sampler", "Map its codes"]


ONE_OF_EACH = {
    (run.spec().task, (run.path / "history.csv").exists()): run
    for run in store.all_runs()
    if run.shipped
}
"""A shipped run of each task, and one that learnt nothing where there are such."""


@pytest.mark.parametrize("run", ONE_OF_EACH.values(), ids=lambda r: r.id)
def test_a_shipped_run_of_each_task_opens(lab, run):
    app = opened("runs.py", compare=run.id)
    assert not app.exception and not app.error
    assert run.id not in captions(app)


HOSTILE = "<img src=x onerror=alert(1)> [here](javascript:alert(1)) **bold** $x^2$ :material/star:"


def test_a_note_is_shown_as_it_was_typed_and_written_by_owners_only(ann, monkeypatch):
    run = made(UNET, "aaaaaaa1", [ann], strength=0.3)
    app = opened("runs.py", compare=run.id)
    app.text_area(key=f"note-text-{run.id}").set_value(HOSTILE)
    next(b for b in app.button if b.label == "Save").click().run()
    assert run.note() == HOSTILE and not app.exception
    assert [t.value for t in app.text] == [HOSTILE]
    assert app.dataframe[0].value["Note"][0] == HOSTILE
    others = [*app.markdown, *app.caption, *app.info]
    assert not any("onerror" in str(element.value) for element in others)
    assert not any("onerror" in html.proto.body for html in app.get("html"))

    seen_by(monkeypatch, BOB)
    app = opened("runs.py", compare=run.id, search="onerror")
    assert [t.value for t in app.text] == [HOSTILE] and len(listed(app)) == 1
    assert not app.text_area and not any(b.label == "Save" for b in app.button)


def test_a_note_on_a_private_run_is_for_its_owners_alone(ann, monkeypatch):
    run = made(UNET, "aaaaaaa1", [BOB], private=True)
    run.set_note("a secret")
    monkeypatch.setattr("core.identity.administrator", lambda who: who == ANN)
    app = opened("runs.py", compare=run.id)
    assert "only they can see the rest" in app.info[0].value
    assert not app.text and "secret" not in str(app.dataframe[0].value.to_dict())
    assert not listed(app) or "No run matches" in opened("runs.py", search="secret").info[0].value


def test_the_file_of_the_list_has_no_notes_and_no_ids_of_damaged_runs(ann):
    run = made(UNET, "aaaaaaa1", [ann], strength=0.3)
    run.set_note("a note")
    broken = made(UNET, "aaaaaaa2", [BOB])
    (broken.path / "metrics.json").write_text("{")
    rows = pd.DataFrame([table.row(one) for one in (run, broken)])
    file = table.exported(rows).to_csv()
    assert run.id in file and broken.id not in file and "a note" not in file


def test_a_run_s_sheets_are_leafed_through(lab):
    app = opened("runs.py", compare=VAE)
    (leaf,) = app.select_slider
    leaf.set_value(int(leaf.options[0])).run()
    assert not app.exception
    drawn = " ".join(h.proto.body for h in app.get("html"))
    assert f"after epoch {leaf.options[0]}" in drawn
