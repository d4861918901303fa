"""The transfer classifier as a program sees it: bringing pictures, teaching, reading, faults."""

import io
import shutil
import zipfile
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from core import data, files, training
from core.dreaming import sample_pictures
from core.dreaming.sample_pictures import SAMPLES
from core.execution import carry_out
from core.inference import explain
from core.jobs import queue
from core.metrics.image import wilson_interval
from core.runs import store
from core.runs.query import finished
from core.runs.schema import DataSpec
from core.settings import settings
from core.tasks.transfer import TRANSFER
from pages.parts.transfer_classifier import (
    comparison,
    evaluation,
    image_set_editor,
    prediction,
    three_steps,
)
from pages.parts.transfer_classifier.photographs import missing
from pages.ui import cached, confusion
from pages.ui.proportions import interval
from tests.pages.test_pages import opened
from tests.pages.test_picks import clicked

PAGE = "transfer_classifier.py"
SHIPPED = [run for run in finished(TRANSFER) if run.shipped]
TABS = ["Use it", "How good is it?", "Compare", "Take it along", "What is happening"]


def picture(i):
    """A crop of one of two photographs, as a JPEG."""
    photograph = load_sample_images().images[i % 2]
    buffer = io.BytesIO()
    Image.fromarray(photograph[5 * i : 5 * i + 200, 9 * i : 9 * i + 220]).save(buffer, "JPEG")
    return buffer.getvalue()


def two_classes(each=6):
    return {
        "china": [(f"{i}.jpg", picture(2 * i)) for i in range(each)],
        "flower": [(f"{i}.jpg", picture(2 * i + 1)) for i in range(each)],
    }


@pytest.fixture(autouse=True)
def looked_up_anew():
    """Each test has classifiers of its own: the list of another one's is not to be seen."""
    cached.forget_models()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lab with a set of one's own and a head taught on it, made once: its folder, both names."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_DATA", str(folder / "data"))
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(folder / "checkpoints"))
        settings.cache_clear()
        dataset = data.import_classes(two_classes(), "Two kinds", size=64, grey=False)
        run = store.create(*_question(dataset.name))
        carry_out(run)
        assert run.status().state == "done", run.status().error
    settings.cache_clear()
    return folder, dataset.name, run.id


@pytest.fixture
def brought(made, lab):
    shutil.copytree(made[0], lab, dirs_exist_ok=True)
    return data.info(made[1])


@pytest.fixture
def taught(made, brought):
    """A head on the visitor's own pictures, owned by everybody who looks."""
    return store.open_run(made[2])


def _question(name):
    question = training.make_request("transfer", "new_head", name, {"epochs": 3, "batch_size": 4})
    return question.run_id, question.config


def page(monkeypatch, **query):
    monkeypatch.setattr(queue, "visible", lambda run, who: True)
    return opened(PAGE, **query)


def texts(app):
    return " ".join(m.value for m in [*app.markdown, *app.caption, *app.info, *app.warning])


def test_it_opens_without_any_classifier(lab, monkeypatch):
    monkeypatch.setattr(store, "SHIPPED", lab / "nothing")
    app = page(monkeypatch)
    assert not app.exception and not app.error and "no trained classifier" in texts(app)


@pytest.mark.parametrize("tab", TABS)
def test_a_shipped_classifier_opens_in_each_tab(lab, monkeypatch, tab):
    run = next(run for run in SHIPPED if run.spec().variant == "side_by_side")
    app = page(monkeypatch, tab=tab, classifier=run.id)
    assert not app.exception and not app.error
    if tab == "How good is it?":  # its photographs do not ship, its figures do
        assert [m.label for m in app.metric][:2] == ["Accuracy", "95 % interval"]


@pytest.mark.parametrize("tab", ["How good is it?", "Compare"])
def test_what_needs_photographs_is_not_offered_without_them(lab, monkeypatch, tab):
    asked = dict.fromkeys(("few", "rates", "seeds", "folds"), "true")  # even by a link
    app = page(monkeypatch, tab=tab, classifier=SHIPPED[0].id, **asked)
    assert not app.exception and not app.error and not app.toggle
    assert not [b.label for b in app.button if "Teach" in b.label]
    said = [c.value for c in app.caption if "not on this machine" in c.value]
    assert len(said) == 1
    assert "cats-vs-dogs.zip" in said[0] and "bring your own" in said[0]


def test_photographs_that_were_brought_and_dropped_are_to_be_brought_again(taught, monkeypatch):
    assert missing(taught) == ""
    monkeypatch.setattr(data, "known", data.BUILT_IN.get)
    assert "Bring your own" in missing(taught) and ".zip" not in missing(taught)


@pytest.mark.parametrize("tab", TABS)
def test_ones_own_classifier_opens_in_each_tab(taught, monkeypatch, tab):
    monkeypatch.setattr(store, "SHIPPED", taught.path / "nothing")
    app = page(monkeypatch, tab=tab)
    assert not app.exception and not app.error
    if tab == "How good is it?":
        assert "worst mistakes" in texts(app)
        assert "Image" in texts(app) or len(app.get("html")) > 0
        figures = taught.metrics()  # of two test images
        told = {m.label: m.value for m in app.metric}
        low, high = wilson_interval(figures["accuracy"] * 2, 2)
        assert told["95 % interval"] == f"{low:.1%} to {high:.1%}" and high - low > 0.6
        if figures["accuracy"] == 1:
            assert "None. The least certain:" in texts(app)
        assert "not calibrated" in texts(app)
        [way] = [b for b in app.button if "five folds" in b.label]
        way.click().run()
        assert not app.exception and "Five folds: **" in texts(app)
        assert "each of 12 pictures tested once; 95 % interval" in texts(app)


def test_its_figure_can_be_measured_again(taught, monkeypatch):
    monkeypatch.setattr(store, "SHIPPED", taught.path / "nothing")
    app = page(monkeypatch, tab="Compare", seeds="true", folds="true")
    assert not app.exception and not app.error
    assert "Five seeds: **" in texts(app) and "Five folds: **" in texts(app)


def test_heads_are_taught_with_fewer_and_at_other_rates(taught, monkeypatch):
    monkeypatch.setattr(store, "SHIPPED", taught.path / "nothing")
    app = page(monkeypatch, tab="How good is it?", few="true", rates="true")
    assert not app.exception and not app.error
    assert "Mean of five draws" in texts(app) and "fell fastest at" in texts(app)


def test_runs_that_differ_only_in_their_seed_are_one_row(taught):
    table = comparison.rows([taught, taught])
    assert table["runs"].tolist() == [2] and table["±"].tolist() == [0.0]
    assert table["MB"][0] > 19  # the network that it stands on is part of it
    assert "±" not in comparison.rows([taught])
    assert table["changed"].tolist() == ["Epochs 3, Batch size 4"]


def test_the_table_of_classes_adds_up(taught):
    table = confusion.per_class(taught.metrics()["confusion"], ("china", "flower"))
    assert table["images"].sum() == taught.metrics()["n_test"]
    assert table.index.tolist() == ["china", "flower"]


def test_each_share_of_a_class_has_its_interval():
    table = confusion.per_class([[3, 0], [2, 5]], ("china", "flower"))
    assert table["recall, 95 %"].tolist() == [interval(1, 3), interval(5 / 7, 7)]
    assert table["precision, 95 %"].tolist() == [interval(0.6, 5), interval(1, 5)]
    assert interval(1, 3) == "43.9% to 100.0%"


def losses(read, labels):
    """Answers in the order of their loss, the image's number its place."""
    order = torch.arange(len(read))
    return explain.Losses(order, torch.linspace(3, 0, len(read)), torch.tensor(read)), labels


def test_worst_mistakes_are_mistakes():
    result, labels = losses([1, 0, 0, 1, 1], torch.tensor([0, 0, 1, 1, 0]))
    shown, wrong = evaluation.worst(result, labels, 2)
    assert wrong and shown.ids.tolist() == [0, 2]
    shown, wrong = evaluation.worst(result, labels, 9)
    assert wrong and shown.ids.tolist() == [0, 2, 4]  # fewer, rather than a right answer
    shown, wrong = evaluation.worst(*losses([1, 0, 1], torch.tensor([1, 0, 1])), 2)
    assert not wrong and shown.ids.tolist() == [0, 1]


def test_calibration_says_what_it_rests_on():
    used = DataSpec(fingerprint="", n_train=1281, n_test=321, shape=(3, 8, 8), classes=2)
    said = evaluation.calibration(2.0, 0.1, used)
    assert "about 128 pictures" in said and "cautious side" in said
    few = used.model_copy(update={"n_train": 50})
    assert "not calibrated: about 5 pictures" in evaluation.calibration(1.0, 0.1, few)


# ---- bringing and curating pictures


def look(monkeypatch, *names, **query):
    monkeypatch.setattr(image_set_editor, "own_sets", lambda: list(names))
    return page(monkeypatch, tab="Your pictures", **query)


def test_nothing_is_there_at_first(lab, monkeypatch):
    app = look(monkeypatch)
    assert not app.exception and "No pictures yet" in texts(app)


def test_a_set_is_shown_with_what_is_wrong_in_it(lab, monkeypatch):
    pictures = two_classes()
    pictures["flower"] += [pictures["china"][0], ("notes.txt.jpg", b"no picture")]
    info = data.import_classes(pictures, "Mixed", size=64, grey=False)
    app = look(monkeypatch, info.name)
    assert not app.exception and not app.error
    said = texts(app)
    assert "notes.txt.jpg" in said and "in two classes" in said
    assert "**china** 5 + 1 · **flower** 6 + 1" in said


def test_a_folder_s_folders_are_its_classes():
    files = [
        ("pets/cat/1.jpg", b"1"),
        ("pets/more/cat/2.jpg", b"2"),
        ("pets/dog/1.jpg", b"3"),
        ("pets/dog/.DS_Store", b""),
        ("pets/.trash/x/1.jpg", b""),
        ("4.jpg", b"4"),
        ("pets/*a*/5.jpg", b"5"),
    ]
    assert image_set_editor.by_folder(files) == {
        "cat": [("1.jpg", b"1"), ("2.jpg", b"2")],
        "dog": [("1.jpg", b"3")],
        "pictures": [("4.jpg", b"4")],
        "a": [("5.jpg", b"5")],
    }


def test_what_comes_after_bringing_pictures_is_one_click_away(brought, monkeypatch):
    app = look(monkeypatch, brought.name)
    monkeypatch.setattr("pages.ui.training_panel.own_sets", lambda: [brought.name])
    app.button(key="next_teach").click().run()
    assert not app.exception and not app.error
    assert app.session_state["tab"] == "Teach"
    assert app.selectbox(key="train_on").value == brought.name


def test_three_steps_lead_from_pictures_to_answers(lab, monkeypatch):
    app = page(monkeypatch, tab="In three steps")
    assert not app.exception and not app.error
    assert app.button(key="teach_now").disabled, "there is nothing to learn from"
    assert "waits for pictures of two kinds" in texts(app)
    assert "as soon as it has learnt" in texts(app)

    def at_once(request, visitor):
        few = request.config.model_copy(update={"config": request.config.config | {"epochs": 3}})
        run = store.create(request.run_id, few)
        carry_out(run)
        return run

    monkeypatch.setattr(image_set_editor, "class_boxes", two_classes)
    monkeypatch.setattr(queue, "submit", at_once)
    app.run()
    app.button(key="teach_now").click().run()
    assert not app.exception and not app.error
    assert "of 2 pictures that it did not learn from (95 % interval" in texts(app)
    given = [("new.jpg", data.load(own(lab), "test").pixels[0])]
    monkeypatch.setattr(three_steps, "choose_photographs", lambda source, run: given)
    app.run()
    assert {"china", "flower"} & {h.value for h in app.header}
    app.button(key="look_closer").click().run()
    assert not app.exception and not app.error
    assert app.session_state["tab"] == "Use it"
    assert app.session_state["classifier"].startswith("transfer-new_head-my_pictures")


def own(lab):
    """The only set that was brought."""
    return next(path.name for path in (lab / "data" / "imported").iterdir() if path.is_dir())


def test_two_classes_of_one_name_are_refused(lab, monkeypatch):
    app = page(monkeypatch, tab="In three steps")
    for i in range(2):
        app.text_input(key=f"class_{i}").set_value("cup")
    app.run()
    assert "Two classes have the same name" in app.error[0].value


def test_one_s_own_photographs_are_mapped_by_what_a_network_sees_in_them(brought, monkeypatch):
    app = look(monkeypatch, brought.name)
    link = next(one for one in app.get("page_link") if "Map these" in one.proto.label)
    assert link.proto.page == "latent_explorer"
    query = dict(parse_qsl(link.proto.query_string))
    monkeypatch.setattr("pages.parts.latent_explorer.map_form.own_sets", lambda: [brought.name])
    app = opened("latent_explorer.py", **query)
    assert not app.exception and not app.error and not app.warning
    assert app.selectbox(key="mapped").value == brought.name
    assert app.selectbox(key="tsne-source").value == "lite0"
    train = brought.splits["train"]
    assert app.number_input(key="tsne-perplexity").value == (train - 1) // 3


def test_the_names_in_the_table_of_classes_are_what_is_kept(brought, monkeypatch):
    table = pd.DataFrame({"name": ["china", None, "x"], "keep": [True, True, False]})
    assert image_set_editor.renamed(table) == ["china", "", None]
    app = look(monkeypatch, brought.name)
    assert not app.exception and not app.error
    assert "Two classes of the same name become one" in texts(app)


def test_changes_of_the_table_become_rows_of_the_splits(brought):
    labels = data.load(brought.name, "train").labels.tolist()
    shown = [("train", row) for row in range(len(labels))] + [("test", 0)]
    first = int(data.load(brought.name, "test").labels[0])
    names = list(brought.classes)
    table = image_set_editor.view(
        brought, {s: data.load(brought.name, s) for s in image_set_editor.SPLITS}, {}, shown
    )
    assert table["class"].tolist() == [names[n] for n in [*labels, first]]
    table.loc[0, "class"] = names[1 - labels[0]]
    table.loc[len(labels), "keep"] = False
    changes = image_set_editor.changed(shown, [*labels, first], table, names)
    assert changes == {"train": {0: 1 - labels[0]}, "test": {0: -1}}
    edited = data.edit(brought.name, changes)
    assert len(data.load(edited.name, "test").labels) == brought.splits["test"] - 1


def test_a_photograph_is_answered(taught, monkeypatch):
    monkeypatch.setattr(store, "SHIPPED", taught.path / "nothing")
    app = page(monkeypatch, tab="Use it")
    app.segmented_control(key="photo_source").set_value("Upload").run()
    assert "the answer comes at once" in texts(app)
    app.file_uploader(key="photo_upload").set_value(
        [("a.jpg", picture(20), "image/jpeg"), ("b.jpg", b"broken", "image/jpeg")]
    ).run()
    assert not app.exception
    assert "“b.jpg” is not a picture" in app.error[0].value
    assert {"china", "flower"} & {h.value for h in app.header}


@pytest.mark.parametrize("name", ["palace", "shoe"])
def test_the_page_opens_on_an_answer_to_a_sample(lab, monkeypatch, name):
    app = page(monkeypatch, **({} if name == "palace" else {"sample": name}))
    assert not app.exception and not app.error
    assert app.session_state["sample"] == name
    assert {"dog", "cat"} & {h.value for h in app.header}
    assert "None of these shows a cat or a dog" in texts(app)
    assert SAMPLES[name].source in texts(app)
    clicked(monkeypatch, app, "sample-picks", "flower")
    assert "Flower" in texts(app) and app.query_params["sample"] == "flower"


def test_every_sample_is_there_as_the_classifier_takes_it(lab):
    pictures = sample_pictures.squares((3, 32, 32))
    assert list(pictures) == list(SAMPLES) and len(pictures) == 8
    assert all(p.shape == (3, 32, 32) and p.float().std() > 1 for p in pictures.values())


def test_the_heat_is_as_strong_as_one_likes_or_off(lab, monkeypatch):
    picture = cached.samples((3, 256, 256))["flower"]
    [off, faint, strong] = [prediction.heat_map(SHIPPED[0], picture, 1, o) for o in (0, 0.1, 1)]
    apart = [(p.float() - picture.float()).abs().mean().item() for p in (off, faint, strong)]
    assert apart[0] == 0 and 0 < apart[1] < apart[2]
    app = page(monkeypatch, heat="false")
    assert not app.exception and not app.error
    assert not [s for s in app.slider if s.key == "heat_strength"]


def test_answers_are_taken_away_as_a_table(lab):
    picture = cached.samples((3, 256, 256))["flower"]
    answers = [("=1+1", picture, cached.answer(SHIPPED[0], picture))]
    table = prediction.table(answers, ("cat", "dog"))
    assert table.columns.tolist() == [
        "picture",
        "class",
        "probability of cat",
        "probability of dog",
        "unlike the training images",
    ]
    row = table.iloc[0]
    assert row["probability of cat"] + row["probability of dog"] == pytest.approx(1)
    assert row["unlike the training images"]
    assert "\n=1" not in files.to_csv(table).decode("utf-8-sig")


def test_a_file_s_name_is_text_beside_its_picture():
    html = prediction.picture_html("<b>me</b>.jpg", torch.zeros(3, 8, 8, dtype=torch.uint8))
    assert "<b>" not in html and "&lt;b&gt;me&lt;/b&gt;.jpg</figcaption>" in html


def test_the_command_line_says_the_same(taught, tmp_path, capsys):
    from core.__main__ import main
    from tests.core.support import said

    paths = [tmp_path / f"{i}.jpg" for i in range(2)]
    for i, path in enumerate(paths):
        path.write_bytes(picture(i))
    assert main(["predict", taught.id, *map(str, paths), "--json"]) == 0
    answer = said(capsys)
    result, classes = answer["predictions"], answer["classes"]
    assert classes == ["china", "flower"]
    assert all(f["class"] == classes[f["index"]] for f in result)
    assert all(f["probability"] == f["probabilities"][f["index"]] for f in result)
    assert all(np.isclose(sum(f["probabilities"]), 1, atol=1e-3) for f in result)
    assert main(["predict", taught.id, str(paths[0])]) == 0
    assert "unlike the training images" in capsys.readouterr().out
    archive = tmp_path / "no.jpg"
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("a", "b")
    assert main(["predict", taught.id, str(archive)]) == 1
    assert "an archive, which cannot be read" in capsys.readouterr().err


def test_methods_are_offered_with_an_estimate(brought, monkeypatch):
    from pages.ui import training_panel as panel

    monkeypatch.setattr(panel, "own_sets", lambda: [brought.name])
    app = page(monkeypatch, tab="Teach")
    assert not app.exception and not app.error
    assert app.selectbox(key="train_on").value == brought.name
    assert app.selectbox(key="network").value == next(iter(TRANSFER.variants)) == "new_head"
    assert "12 pictures, about" in texts(app)
    app.selectbox(key="network").set_value("fine_tune").run()
    assert not app.exception and "to learn for 6 epochs" in texts(app)


@pytest.mark.parametrize(
    ("tab", "key", "what"),
    [
        ("Use it", "similar-picks-0", "Training image"),
        ("How good is it?", "worst-picks", "Test image"),
    ],
)
def test_a_photograph_that_is_clicked_is_answered(taught, monkeypatch, tab, key, what):
    app = page(monkeypatch, tab=tab, classifier=taught.id)
    clicked(monkeypatch, app, key, 1)
    assert app.session_state["tab"] == "Use it" and f"{what} " in texts(app)
    assert "sent from" in texts(app) and {"china", "flower"} & {h.value for h in app.header}
