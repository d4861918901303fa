"""The page DeepDream as a program sees it: dreams, links, uploads, recipes, refusals."""

import io
import shutil

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from sklearn.datasets import load_sample_images

from core.dreaming import dream_runs, dream_time, recipes, starting_pictures
from core.dreaming.starting_pictures import NOISE
from core.dreaming.variants import DREAMING
from core.errors import LabError
from core.execution import carry_out
from core.images import to_png
from core.jobs import queue
from core.models.backbones import BACKBONES
from core.runs import store
from core.settings import settings
from pages.parts.deepdream.controls import KINDS_OF_DREAM, SOURCES, STRENGTHS, usual_layers
from pages.parts.deepdream.recipe_panel import command
from pages.parts.home import covers
from pages.ui import cached
from tests.pages.test_pages import captions, opened
from tests.pages.test_picks import clicked

PAGE = "deepdream.py"
TABS = ["Layers", "Octaves", "What it answers", "Your dreams", "Recipe", "What is happening"]
SMALL = {"side": 64, "steps": 2}
LINK = {"picture": "A flower", "deep-side": "64", "deep-steps": "2"}
SHIPPED = store.SHIPPED
VISITOR, OTHER = "a" * 32, "b" * 32


@pytest.fixture(autouse=True)
def quick(lab, monkeypatch):
    """Each test has dreams of its own and one thread, guesses no times and draws no previews."""
    monkeypatch.setenv("LATENT_LAB_THREADS", "1")
    monkeypatch.setattr(dream_time, "estimate", lambda *_: dream_time.Span(2.0, 5.0))
    monkeypatch.setattr("pages.ui.cached.dreams.preview", lambda request: None)
    monkeypatch.setattr(store, "SHIPPED", lab / "shipped")
    settings.cache_clear()
    cached.forget_models()


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setenv("LATENT_LAB_DOWNLOADS", "off")
    settings.cache_clear()


def asked(variant="deep", picture="flower", values=SMALL, **given):
    return dream_runs.make_request(variant, starting_pictures.sample(picture), values, **given)


def made(question, state=None, **status):
    """The run of a question: dreamt to its end, or left in a state."""
    run = store.create(question.run_id, question.config, question.given)
    if state is None:
        assert carry_out(run).state == "done", run.status().error
    else:
        run.update(state=state, **status)
    cached.forget_models()
    return run


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """The directory of a dream, dreamt once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENT_LAB_THREADS", "1")
        patch.setenv("LATENT_LAB_CHECKPOINTS", str(tmp_path_factory.mktemp("shelf")))
        settings.cache_clear()
        run = made(asked())
    settings.cache_clear()
    return run.path


@pytest.fixture
def dreamt(shelf):
    run = store.Run(shutil.copytree(shelf, settings().runs / shelf.name))
    cached.forget_models()
    return run


def sound(app):
    assert not app.exception
    assert not app.error, [e.value for e in app.error]
    return app


def plain(app):
    return any("lab-plain" in h.proto.body for h in app.get("html"))


def dreams_of(app):
    """What the button would ask for."""
    return [b for b in app.button if b.label == "Dream"]


def jpeg(corner=0):
    buffer = io.BytesIO()
    pixels = load_sample_images().images[0][corner : corner + 200, corner : corner + 240]
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def upload(app, name, content, key="dream_upload", kind="image/png"):
    return app.file_uploader(key=key).set_value((name, content, kind)).run()


# ---- what is on the stage


def test_it_opens_with_the_plain_picture():
    app = sound(opened(PAGE))
    assert plain(app) and len(dreams_of(app)) == 1
    assert "Press Dream" in captions(app) and "512×342 pixels" in captions(app)


def test_a_dream_and_the_channels_of_a_network_ship(monkeypatch):
    monkeypatch.setattr(store, "SHIPPED", SHIPPED)
    cached.forget_models()
    listed = []
    monkeypatch.setattr(
        "pages.parts.deepdream.channel_picker.channels",
        lambda layers, **_: listed.append({layer.name: layer.sheet for layer in layers}),
    )
    app = sound(opened(PAGE))
    assert store.open_run(app.session_state["dream_shown"]).shipped and not dreams_of(app)
    assert all(listed[-1][name] for name in ("stem", *(f"blocks.{i}" for i in range(7))))


def test_a_finished_dream_is_what_a_link_says(monkeypatch, dreamt):
    monkeypatch.setattr("pages.ui.cached.dreams.preview", lambda request: pytest.fail("drawn"))
    app = sound(opened(PAGE, **LINK))
    assert not plain(app) and not dreams_of(app)
    assert [b.label for b in app.get("download_button")] == ["PNG with its recipe"]
    assert app.session_state["dream_shown"] == dreamt.id
    assert f"{dreamt.metrics()['seconds']:.1f} s" in captions(app)


def test_another_picture_takes_the_dream_from_the_stage(dreamt):
    app = opened(PAGE, tab="Octaves", **LINK)
    assert any("/api/sheets/" in h.proto.body for h in app.get("html"))
    app.selectbox(key="picture").set_value("china").run()
    assert plain(sound(app)) and "dream_shown" not in app.session_state
    assert "Dream first" in app.info[0].value


def test_with_other_settings_the_dream_before_stays_until_there_is_another(dreamt):
    app = opened(PAGE, **LINK)
    app.number_input(key="deep-octaves").set_value(2).run()
    assert not plain(sound(app)) and "The dream before" in captions(app)
    assert len(dreams_of(app)) == 1
    app.text_input(key="layers").set_value("nothing").run()
    assert not plain(app) and "The dream before" in captions(app)


@pytest.mark.parametrize("kind", ["deep", "visualise"])
def test_settings_without_a_dream_have_a_preview(monkeypatch, kind):
    asked_for = []

    def drawn(request):
        asked_for.append(request.run_id)
        return torch.full((3, 20, 30), 0.5)

    monkeypatch.setattr("pages.ui.cached.dreams.preview", drawn)
    app = sound(opened(PAGE, kind=KINDS_OF_DREAM[kind], **LINK))
    assert "Preview: small" in captions(app) and not plain(app) and len(dreams_of(app)) == 1
    app.text_input(key="layers").set_value("blocks.2/3").run()
    assert len(set(asked_for)) == 2 and "Preview: small" in captions(sound(app))


def test_where_no_preview_can_be_drawn_the_picture_stays(monkeypatch):
    def refused(request):
        raise LabError("The gradient is zero.")

    monkeypatch.setattr("pages.ui.cached.dreams.preview", refused)
    assert plain(sound(opened(PAGE, **LINK)))


def test_the_tabs_about_a_dream_ask_for_one():
    for tab in ("What it answers", "Recipe"):
        sound(opened(PAGE, tab=tab))


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_opens_with_a_dream(dreamt, tab):
    app = sound(opened(PAGE, tab=tab, **LINK))
    said = " ".join(m.value for m in app.markdown)
    if tab == "Octaves":
        assert sum(h.proto.body.count("/api/sheets/") for h in app.get("html")) == len(
            dreamt.samples()
        )
    if tab == "What it answers":
        assert "**Before**" in said and "**After**" in said
        assert any("blocks.4, after" in h.proto.body for h in app.get("html"))
    if tab == "Recipe":
        assert app.code[0].value == command(dreamt)


# ---- what is asked


def test_the_kinds_of_dream_and_their_settings():
    app = opened(PAGE)
    for kind in (*KINDS_OF_DREAM, "deep"):
        app.segmented_control(key="kind").set_value(kind).run()
        sound(app)
        assert app.text_input(key="layers").value == usual_layers(kind, "lite0")
        keys = {w.key for w in [*app.number_input, *app.slider, *app.toggle, *app.selectbox]}
        fields = set(DREAMING.config_class.model_fields) - DREAMING.variant(kind).fixed
        wanted = {f"{kind}-{name}" for name in fields} - {f"{kind}-backbone", f"{kind}-layers"}
        assert wanted <= keys
        assert plain(app) and len(dreams_of(app)) == 1


@pytest.mark.parametrize(
    ("kind", "tab", "values"),
    [
        ("visualise", "What it answers", {"layers": "blocks.4/17", "side": 32, "steps": 2}),
        ("zoom", "Octaves", {"side": 48, "steps": 1, "frames": 2}),
        (
            "classic", "Recipe",
            {"backbone": "lite0", "layers": "blocks.4", "side": 48, "octaves": 1},
        ),
    ],
)  # fmt: skip
def test_each_kind_of_dream_comes_onto_the_stage(kind, tab, values):
    run = made(asked(kind, values=values))
    rest = {k: str(v) for k, v in values.items() if k not in ("backbone", "layers")}
    link = {f"{kind}-{name}": value for name, value in rest.items()}
    app = sound(opened(PAGE, tab=tab, kind=KINDS_OF_DREAM[kind], picture="A flower", **link))
    assert app.session_state["dream_shown"] == run.id
    labels = [b.label for b in app.get("download_button") if b.label != "CSV"]
    assert labels == [*(["Film", "GIF"] if kind == "zoom" else []), "PNG with its recipe"]


@pytest.mark.parametrize("source", [k for k in SOURCES if k not in ("upload", "camera")])
def test_each_picture_can_be_dreamt_on(source, monkeypatch):
    monkeypatch.setattr(store, "SHIPPED", SHIPPED)  # its GANs draw
    cached.forget_models()
    app = sound(opened(PAGE, picture=SOURCES[source], tab="Recipe", **{"deep-side": "80"}))
    assert plain(app) and len(dreams_of(app)) == 1


def test_without_a_picture_it_asks_for_one():
    app = sound(opened(PAGE, picture=SOURCES["upload"]))
    assert any("Choose a picture" in i.value for i in app.info) and not dreams_of(app)
    sound(opened(PAGE, picture=SOURCES["camera"]))


def test_a_layer_that_is_not_there_is_a_sentence():
    app = opened(PAGE)
    for layers, sentence in (
        ("blocks.9", "Known: stem, blocks.0, blocks.1"),
        ("blocks.4/112", "from 0 to 111"),
        ("blocks.4 &", "is no layer"),
        ("", "is no layer"),
        ("classes", "Say which class"),
        ("blocks.4*0", "Every weight is 0"),
        ("<script>alert(1)</script>", "is no layer"),
    ):
        app.text_input(key="layers").set_value(layers).run()
        assert not app.exception and not dreams_of(app)
        assert sentence in app.error[0].value
        assert plain(app)


def test_a_network_that_cannot_be_fetched_says_so(offline):
    if BACKBONES["vgg16"].here():
        pytest.skip("VGG-16 is here")
    app = opened(PAGE, backbone="VGG-16")
    assert not app.exception and not dreams_of(app)
    assert "VGG-16 is not here, and downloads are switched off" in app.error[0].value
    assert app.text_input(key="layers").value == usual_layers("deep", "vgg16")
    app.selectbox(key="backbone").set_value("lite1").run()
    assert len(dreams_of(sound(app))) == 1


def test_a_network_that_is_fetched_first_says_how_large_it_is():
    if BACKBONES["vgg16"].here():
        pytest.skip("VGG-16 is here")
    app = sound(opened(PAGE, backbone="VGG-16", kind="Classic"))
    assert "528 MB" in captions(app)


def test_nonsense_in_a_link_falls_back():
    nonsense = {
        "deep-side": "99999", "deep-rate": "nan", "deep-octaves": "-1", "kind": "Atlas",
        "picture": "../../etc/passwd", "backbone": "<script>", "tab": "nowhere",
    }  # fmt: skip
    for query in (nonsense, {"deep-rate": "x", "drawn_seed": "-7"}):
        app = sound(opened(PAGE, **query))
        assert plain(app) and "512×342" in captions(app)


def test_a_strength_beyond_the_slider_s_reach_is_kept():
    app = sound(opened(PAGE, **{"deep-rate": "0.25"}))
    slider = app.slider(key="deep-rate")
    assert (slider.value, slider.min, slider.max) == (0.25, STRENGTHS["deep"][0], 0.25)
    app = sound(slider.set_value(0.01).run())
    assert (app.slider(key="deep-rate").value, app.slider(key="deep-rate").max) == (0.01, 0.25)


def test_without_jobs_there_is_no_button(monkeypatch, dreamt):
    monkeypatch.setenv("LATENT_LAB_TRAINING", "off")
    settings.cache_clear()
    app = sound(opened(PAGE))
    assert not dreams_of(app) and any("switched off" in i.value for i in app.info)
    assert not [b for b in app.button if "Draw the channels" in b.label]
    assert not plain(opened(PAGE, **LINK))


# ---- asking and its ends


def test_the_button_asks_for_the_dream_of_the_link(monkeypatch):
    requested = []

    def request(question, visitor):
        requested.append((question.run_id, visitor))
        return made(question, "queued")

    monkeypatch.setattr(queue, "submit", request)
    app = opened(PAGE, **LINK)
    dreams_of(app)[0].click().run()
    sound(app)
    assert requested[0][0] == asked().run_id
    assert not dreams_of(app)


def test_a_full_queue_is_a_sentence(monkeypatch):
    def request(question, visitor):
        raise LabError("The queue is full (3 jobs). Try again when one has ended.")

    monkeypatch.setattr(queue, "submit", request)
    app = opened(PAGE, **LINK)
    dreams_of(app)[0].click().run()
    assert not app.exception and "queue is full" in app.error[0].value


def test_a_dream_under_way_shows_how_far_it_is(monkeypatch):
    run = made(asked(), "running", stage="octave 2 of 5", done=0.4, eta=75.0)
    monkeypatch.setattr(store.Run, "alive", lambda self: True)
    app = sound(opened(PAGE, **LINK))
    assert not dreams_of(app)
    assert not [b for b in app.button if b.label == "Cancel"]  # somebody else asked for it
    run.set_owners([VISITOR])
    monkeypatch.setattr("pages.parts.deepdream.stage.who", lambda: VISITOR)
    app = sound(opened(PAGE, **LINK))
    assert [b.label for b in app.button if b.label == "Cancel"] == ["Cancel"]
    app.button(key="cancel-dream").click().run()
    assert not app.exception and run.cancel_requested()


def test_a_failed_dream_says_why():
    made(asked(), "failed", error="Nothing in this picture moves what was asked for.")
    app = opened(PAGE, **LINK)
    assert not app.exception and "Nothing in this picture moves" in app.error[0].value
    assert plain(app) and len(dreams_of(app)) == 1


def test_a_cancelled_dream_can_begin_anew():
    made(asked(), "cancelled")
    app = sound(opened(PAGE, **LINK))
    assert any("Cancelled" in i.value for i in app.info) and len(dreams_of(app)) == 1


# ---- one's own dreams


@pytest.mark.parametrize("source", ["flower", "own"])
def test_one_s_own_dreams_are_put_on_the_stage_with_their_settings(monkeypatch, source, dreamt):
    for place in ("stage", "your_dreams"):
        monkeypatch.setattr(f"pages.parts.deepdream.{place}.who", lambda: VISITOR)
    monkeypatch.setattr("pages.ui.cached.networks.who", lambda: VISITOR)
    picture = starting_pictures.sample("flower")._replace(source=source, private=source == "own")
    values = {**SMALL, "layers": "blocks.2", "rate": 0.02}
    run = made(dream_runs.make_request("deep", picture, values))
    app = sound(opened(PAGE, tab="Your dreams"))
    assert "collected here" in app.info[0].value
    run.set_owners([VISITOR])
    dreamt.set_owners([OTHER])
    cached.forget_models()
    app = sound(opened(PAGE, tab="Your dreams"))
    html = "".join(h.proto.body for h in app.get("html"))
    assert f'data-pick="{run.id}"' in html and f'data-pick="{dreamt.id}"' not in html
    clicked(monkeypatch, app, "dream-picks", run.id)
    assert sound(app).session_state["dream_shown"] == run.id
    state = app.session_state
    assert (state["layers"], state["deep-rate"], state["deep-side"]) == ("blocks.2", 0.02, 64)
    assert not dreams_of(app)
    app.selectbox(key="picture").set_value("china").run()
    assert plain(sound(app)) and len(dreams_of(app)) == 1


# ---- somebody's own pictures


def test_an_upload_is_dreamt_on_in_private(monkeypatch):
    monkeypatch.setattr("pages.parts.deepdream.stage.who", lambda: VISITOR)
    link = {**LINK, "picture": SOURCES["upload"]}
    content = jpeg()
    app = upload(opened(PAGE, **link), "mine.jpg", content)
    assert plain(sound(app)) and len(dreams_of(app)) == 1
    run = made(
        dream_runs.make_request("deep", starting_pictures.uploaded(content, "mine.jpg"), SMALL)
    )
    assert run.spec().private
    run.set_owners([VISITOR])
    app = upload(opened(PAGE, **link), "mine.jpg", content)
    assert not dreams_of(sound(app)) and app.session_state["dream_shown"] == run.id

    monkeypatch.setattr("pages.parts.deepdream.stage.who", lambda: OTHER)
    app = upload(opened(PAGE, **link), "the same.jpg", content)
    assert plain(sound(app)) and len(dreams_of(app)) == 1
    app.session_state["dream_shown"] = run.id
    assert "Dream first" in sound(opened(PAGE, tab="Octaves")).info[0].value


def sixteen_bits():
    buffer = io.BytesIO()
    slope = np.linspace(0, 65535, 60 * 80).reshape(60, 80).astype(np.uint16)
    Image.fromarray(slope).save(buffer, "PNG")
    return buffer.getvalue()


def see_through():
    pixels = np.zeros((40, 50, 4), np.uint8)
    pixels[:20, :, 0] = pixels[:20, :, 3] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG")
    return buffer.getvalue()


def moving():
    frames = [Image.new("P", (30, 40), k) for k in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


ODD = {
    "broken.png": b"no picture",
    "dot.png": to_png(np.full((1, 1), 7, np.uint8)),
    "empty.png": b"",
    "cut.jpg": jpeg()[:600],
    "deep.png": sixteen_bits(),
    "glass.png": see_through(),
    "moving.gif": moving(),
    "slim.png": to_png(np.zeros((2, 900, 3), np.uint8)),
}


@pytest.mark.parametrize(("key", "count"), [("dream_upload", len(ODD)), ("dream_guide", 2)])
def test_odd_files_break_nothing(key, count):
    link = {**LINK, "picture": SOURCES["upload"]} if key == "dream_upload" else LINK
    app = opened(PAGE, **link)
    for name, content in list(ODD.items())[:count]:
        upload(app, name, content, key)
        assert not app.exception
        if app.error:
            assert name in app.error[0].value
        else:
            assert plain(app) and len(dreams_of(app)) == 1


def test_a_guide_is_another_dream(dreamt):
    app = opened(PAGE, **LINK)
    assert not dreams_of(app)
    upload(app, "guide.jpg", jpeg(), "dream_guide")
    assert len(dreams_of(sound(app))) == 1


# ---- recipes


def signed(question):
    """A PNG with the recipe of a question that nobody has dreamt."""
    config = question.config
    recipe = recipes.Recipe(
        variant=config.variant, source=config.dataset, config=config.config,
        picture=config.data.fingerprint,
    )  # fmt: skip
    return recipes.with_recipe(to_png(np.zeros((8, 8, 3), np.uint8)), recipe)


def used(content, name="dream.png", **query):
    """The page after a recipe was read and taken over."""
    app = upload(sound(opened(PAGE, tab="Recipe", **query)), name, content, "recipe")
    sound(app)
    next(b for b in app.button if b.label == "Use this recipe").click().run()
    return sound(app)


@pytest.mark.parametrize(
    ("kind", "picture", "values"),
    [
        (
            "deep", "flower",
            {
                "backbone": "lite1", "layers": "blocks.2 + blocks.4/17*0.5", "measure": "mean",
                "side": 96, "octaves": 3, "ratio": 1.65, "steps": 7, "rate": 0.1234, "shift": 9,
                "smooth": False, "bands": 4, "flatness": 0.125, "keep_colours": True,
                "tile": 200, "seed": 12345,
            },
        ),
        (
            "classic", "china",
            {
                "backbone": "lite0", "layers": "blocks.3", "measure": "mean square", "side": 80,
                "octaves": 2, "ratio": 1.5, "steps": 3, "rate": 1.3, "blur": 0.7, "blend": 0.33,
            },
        ),
        ("visualise", NOISE, {"layers": "classes/207", "side": 64, "rate": 0.3, "wobble": False}),
        ("zoom", NOISE, {"frames": 7, "zoom": 0.97, "turn": -3.3, "fps": 24, "rate": 0.001}),
    ],
)  # fmt: skip
def test_a_recipe_sets_every_control(kind, picture, values, monkeypatch):
    question = asked(kind, picture, values)
    requested = []
    monkeypatch.setattr(queue, "submit", lambda question, _: requested.append(question))
    app = used(signed(question))
    assert app.segmented_control(key="kind").value == kind
    assert app.selectbox(key="backbone").value == question.config.config["backbone"]
    assert app.text_input(key="layers").value == values["layers"] if "layers" in values else True
    for name, value in values.items():
        if name not in ("backbone", "layers"):
            assert app.session_state[f"{kind}-{name}"] == value
    dreams_of(app)[0].click().run()
    assert not app.exception and requested[0].run_id == question.run_id


def test_the_recipe_of_a_dream_brings_it_back(dreamt):
    app = used((dreamt.path / "dream.png").read_bytes())
    assert app.session_state["dream_shown"] == dreamt.id and not dreams_of(app)


def test_the_recipe_of_ones_own_picture_asks_for_it():
    content = jpeg()
    run = made(
        dream_runs.make_request("deep", starting_pictures.uploaded(content, "mine.jpg"), SMALL)
    )
    app = used((run.path / "dream.png").read_bytes())
    assert (
        app.selectbox(key="picture").value == "upload" and "Choose a picture" in app.info[0].value
    )
    assert "choose that picture above too" in captions(app)
    upload(app, "mine.jpg", content)
    assert app.number_input(key="deep-side").value == 64


def test_the_recipe_of_a_guided_dream_asks_for_the_guide():
    guide = starting_pictures.sample("china").pixels
    run = made(asked(guide=guide))
    app = used((run.path / "dream.png").read_bytes())
    assert "choose that one too" in captions(app)
    assert app.selectbox(key="deep-measure").value == "mean square"


def noted(note):
    """A PNG with any text where the recipe stands."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(recipes.PNG_KEY, note)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def test_a_recipe_that_cannot_be_used_is_a_sentence():
    app = opened(PAGE, tab="Recipe")
    for content, sentence in (
        (b"GIF89a", "odd.png"),
        (noted(""), "has no recipe in it"),
        (noted("{"), "is damaged"),
        (noted("[" * 100_000), "is damaged"),
        (noted('{"variant": "deep", "source": "flower", "config": {"side": 9999999}}'), "side"),
        (noted('{"variant": "no", "source": "flower", "config": {}}'), "Known: "),
        (noted('{"variant": "atlas", "source": "noise", "config": {}}'), "command line"),
        (
            noted('{"variant": "deep", "source": "flower", "config": {}, "mask": "é"}'),
            "is damaged",
        ),
    ):
        upload(app, "odd.png", content, "recipe")
        assert not app.exception
        assert sentence in app.error[0].value
        assert not [b for b in app.button if b.label == "Use this recipe"]


def test_a_recipe_with_a_strange_source_asks_for_a_picture():
    question = asked()
    recipe = recipes.Recipe(variant="deep", source="nowhere", config=question.config.config)
    content = recipes.with_recipe(to_png(np.zeros((8, 8, 3), np.uint8)), recipe)
    assert used(content).selectbox(key="picture").value == "upload"


def test_the_command_makes_the_same_dream(monkeypatch):
    from core.__main__ import main

    values = {**SMALL, "smooth": False, "layers": "blocks.2 + blocks.4/17*0.5"}
    question = asked(values=values)
    run = made(question, "queued")
    words = command(run).split(" ", 3)
    assert words[:3] == ["python", "-m", "core"]
    result = []
    monkeypatch.setattr("core.cli.dream_command._make", lambda _, q: result.append(q.run_id) or 0)
    import shlex

    assert main(shlex.split(words[3])) == 0
    assert result == [question.run_id]


# ---- channels


def picking(monkeypatch, *picks):
    """Says the next of some picks each time that the list of channels is drawn."""
    waiting = list(picks)
    monkeypatch.setattr(
        "pages.parts.deepdream.channel_picker.channels",
        lambda **_: waiting.pop(0) if waiting else None,
    )


@pytest.mark.parametrize(
    ("picks", "layers"),
    [
        ([("blocks.2", 3, True)], "blocks.4 + blocks.2/3"),
        ([("blocks.2", None, False), ("blocks.2", 3, False)], "blocks.2/3"),
        ([("blocks.4", None, True)], "blocks.4"),  # the last one stays
        ([("classes", 207, False)], "classes/207"),
    ],
)
def test_what_is_picked_comes_into_the_mixture(monkeypatch, picks, layers):
    from pages.components.channels import Pick

    picking(monkeypatch, *(Pick(*pick) for pick in picks))
    app = sound(opened(PAGE))
    assert app.text_input(key="layers").value == layers


def test_the_weights_of_the_others_stay_when_one_is_picked(monkeypatch):
    from pages.components.channels import Pick

    picking(monkeypatch, Pick("stem", 1, True))
    app = sound(opened(PAGE, layers="blocks.2*0.5 + blocks.4/17"))
    assert app.text_input(key="layers").value == "blocks.2*0.5 + blocks.4/17 + stem/1"


def test_the_list_is_of_the_chosen_network(monkeypatch):
    listed = []
    monkeypatch.setattr(
        "pages.parts.deepdream.channel_picker.channels",
        lambda layers, **_: listed.append([layer.name for layer in layers]),
    )
    app = opened(PAGE)
    assert listed[-1][:2] == ["stem", "blocks.0"] and listed[-1][-1] == "classes"
    app.selectbox(key="backbone").set_value("resnet18").run()
    sound(app)
    assert "layer3.1" in listed[-1] and app.text_input(key="layers").value == "layer3.1"


def test_an_atlas_is_drawn_once_for_everybody(monkeypatch):
    values = {"layers": "stem", "side": 32, "steps": 1}
    run = made(dream_runs.make_request("atlas", None, values))
    listed = []
    monkeypatch.setattr(
        "pages.parts.deepdream.channel_picker.channels",
        lambda layers, **_: listed.append({layer.name: layer.sheet for layer in layers}),
    )
    app = sound(opened(PAGE))
    assert f"/api/dreams/{run.id}/" in listed[-1]["stem"] and listed[-1]["blocks.0"] is None
    offered = next(b for b in app.button if b.label.startswith("Draw the channels"))
    assert offered.label == "Draw the channels of stage 4"
    requested = []

    def request(question, visitor):
        requested.append(question)
        return made(question, "queued")

    monkeypatch.setattr(queue, "submit", request)
    offered.click().run()
    sound(app)
    assert requested[0].config.variant == "atlas"
    assert requested[0].config.config["layers"] == "blocks.4"
    assert "Channel atlas, stage 4 · Noise" in captions(app)


# ---- home


def test_home_has_a_card_with_the_shipped_dream(monkeypatch, dreamt):
    with pytest.raises(LabError):
        covers.deepdream()
    monkeypatch.setattr(store, "SHIPPED", dreamt.path.parent)
    cached.forget_models()
    picture, alt = covers.deepdream()
    assert picture.startswith("data:image/") and alt
    app = sound(opened())
    assert any("DeepDream" in link.proto.label for link in app.get("page_link"))
