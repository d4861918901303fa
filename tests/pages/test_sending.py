"""Pictures that are sent from page to page: what each page sends, and what each takes."""

from types import SimpleNamespace

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.errors import LabError, Refused
from pages.ui import sending
from pages.ui.sending import ARRIVING, HERE, SENT, TAKERS, SentPicture
from tests.pages.test_pages import ROUTER, TIMEOUT, captions, opened

GREY = torch.arange(784).view(1, 28, 28) % 256
PICTURES = {
    "grey": SentPicture(GREY.byte(), "A digit", "the Denoiser"),
    "colour": SentPicture(torch.rand(3, 40, 60).mul(255).byte(), "A photograph", "DeepDream"),
}
WHAT = {
    "denoiser": "Test image 0 of MNIST, restored",
    "vae_sampler": "A picture drawn by ",
    "gan_gallery": "A picture drawn by ",
    "latent_explorer": "Image 0: 7 (MNIST)",
    "network_explorer": "Test image 0 of MNIST",
    "transfer_classifier": "Palace",
    "deepdream": "A dream by ",
}
"""How what a page sends at its default address begins."""
SENDERS = [*WHAT]
"""Without the page Diffusion, whose pictures are drawn in the browser."""
NEXT = dict(zip(SENDERS, SENDERS[1:] + SENDERS[:1], strict=True))


@pytest.fixture(autouse=True)
def no_guess(monkeypatch):
    """The time of a dream is not measured here, and none is previewed."""

    def unknown(*_):
        raise LabError("not measured")

    monkeypatch.setattr("pages.ui.cached.dreams.seconds", unknown)
    monkeypatch.setattr("pages.ui.cached.dreams.preview", unknown)


def offered(app):
    return {b.key.removeprefix("send_") for b in app.button if (b.key or "").startswith("send_")}


def ready():
    return {name for name, taker in TAKERS.items() if taker.ready}


def page(name):
    return f"{name}.py"


@pytest.mark.parametrize("origin", SENDERS)
def test_a_page_sends_its_picture_to_every_other(lab, origin):
    app = opened(page(origin))
    assert offered(app) == ready() - {origin}
    target = NEXT[origin]
    app.button(key=f"send_{target}").click().run()
    assert not app.exception and not app.error and not app.warning
    sent = app.session_state[SENT][target]
    assert sent.what.startswith(WHAT[origin]) and sent.origin == sending.title(origin)
    assert sent.pixels.dtype == torch.uint8 and sent.pixels.float().std() > 5
    assert sent.caption in captions(app)


@pytest.mark.parametrize("target", TAKERS)
def test_a_page_takes_a_picture_of_any_size(lab, target):
    if target not in ready():
        pytest.skip("no network of this page ships")
    app = AppTest.from_file(ROUTER, default_timeout=TIMEOUT)
    app.switch_page(page(target))
    for picture in PICTURES.values():
        app.session_state[SENT], app.session_state[ARRIVING] = {target: picture}, target
        app.run()
        assert not app.exception and not app.error and not app.warning
        assert picture.caption in captions(app)
        for key, value in TAKERS[target].values.items():
            assert app.session_state[key] == value
        assert "A digit" not in str(app.query_params)


@pytest.mark.parametrize(
    ("target", "link"),
    [
        ("denoiser", {"source": HERE}),
        ("vae_sampler", {"source": HERE}),
        ("gan_gallery", {"tab": "Find a picture", "wanted": HERE}),
        ("latent_explorer", {"tab": "Your image", "own_source": HERE}),
        ("network_explorer", {"source": HERE}),
        ("deepdream", {"picture": HERE}),
    ],
)
def test_a_page_without_the_session_s_picture_begins_with_its_own(lab, target, link):
    app = opened(page(target), **link)
    assert not app.exception and not app.error
    key = next(k for k, value in link.items() if value == HERE)
    assert app.session_state[key] != HERE
    assert HERE not in str([c.options for c in [*app.segmented_control, *app.selectbox]])


def test_only_pages_that_could_show_it_are_offered(lab, monkeypatch):
    monkeypatch.setattr(sending, "cached", SimpleNamespace(models=lambda name: []))
    assert offered(opened("denoiser.py")) == {"network_explorer", "deepdream"}
    assert offered(opened("deepdream.py")) == {"network_explorer"}


def test_a_session_that_is_full_says_so_and_stays(lab, monkeypatch):
    def full(size):
        raise Refused("This page may hold 0 MB in all.")

    monkeypatch.setattr(sending, "check_room", full)
    app = opened("denoiser.py")
    app.button(key="send_vae_sampler").click().run()
    assert not app.exception and app.error[0].value == "This page may hold 0 MB in all."
    assert SENT not in app.session_state and offered(app)


def test_a_dream_on_what_was_sent_is_as_private_as_on_an_upload(lab, monkeypatch):
    requests = []
    monkeypatch.setattr("pages.ui.cached.dreams.preview", requests.append)
    app = opened("deepdream.py")
    app.session_state[SENT] = {"deepdream": PICTURES["grey"]}
    app.session_state[ARRIVING] = "deepdream"
    assert not app.run().exception
    assert requests[-1].config.private and requests[-1].run_id.startswith("dream-deep-own-")


def test_which_picture_of_the_stage_is_sent_can_be_chosen(lab):
    app = opened("denoiser.py", first="3")
    app.selectbox(key="send_what").set_value("Test image 5 of MNIST").run()
    app.button(key="send_latent_explorer").click().run()
    assert "Test image 5 of MNIST, sent from the Denoiser." in captions(app)
