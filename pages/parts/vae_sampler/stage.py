"""The stage: one code, its picture, and the image that it came from."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core.errors import LabError
from core.images import contact_sheet, data_url, to_png
from core.inference import latent, outliers
from core.metrics.image import percent
from core.models.autoencoders import Autoencoder
from core.runs.store import Run
from pages.components import live
from pages.components.live.fallback import server_sliders
from pages.server.streamlit_private import DeltaGenerator
from pages.ui import cached, inputs, network_strip, pictures, sending
from pages.ui.downloads import csv_button, png_button
from pages.ui.names import run_name
from pages.ui.widgets import segmented

SOURCES = ("Test image", "Draw", "Upload")
KEY = "latent"
DECIMALS = 3
COLOURS = {"inside": "green", "mean": "grey", "near": "orange", "outside": "orange"}
"""Badge colours by the state of a code."""
STRANGE_SHARE = 0.99


class Start(NamedTuple):
    """The image that the code starts from: uint8 (1, 1, 28, 28), or None; its class if known.

    `name` tells it from every other start.
    """

    pixels: Tensor | None
    label: int | None
    name: str


class Place(NamedTuple):
    """A place in the latent space: a code, and a class for a conditional model."""

    code: list[float]
    label: int | None


def choose_start(run: Run, row: DeltaGenerator) -> Start:
    """Ask for a test image, a drawing or an upload; what is short stands in `row`."""
    with row:
        source = segmented("Start from", sending.sources(SOURCES), "source", width="content")
        if source == SOURCES[0]:
            dataset = inputs.choose_dataset(run)
            first = inputs.choose_first(dataset, 1)
    if source != SOURCES[0]:
        pixels = inputs.own_pixels(source, 1)
        digest = "" if pixels is None else hashlib.sha256(pixels.numpy().tobytes()).hexdigest()
        return Start(pixels, None, f"{source} {digest}")
    images = cached.digits(dataset)
    # The label of another data set's image means another thing: its class is then guessed.
    label = int(images.labels[first]) if dataset == run.spec().dataset else None
    return Start(images.pixels[first : first + 1], label, f"{dataset} {first}")


def place(run: Run, model: Autoencoder, start: Start) -> Place:
    """The current place: the start's code, the one in the URL, or where it was moved since."""
    state = st.session_state
    origin = f"{run.id} {start.name}"
    if state.get("origin") != origin:
        opened = "origin" not in state
        state["origin"] = origin
        linked, own = _linked(model) if opened else None, _encoded(run, model, start)
        state["own_code"] = None if start.pixels is None else own.code
        move(linked or own, remember=linked is not None)
    run_id, clicked = state.pop("clicked", ("", None))
    if run_id == run.id:
        move(clicked)
    return here()


def go(run: Run, code: Tensor, label: int | None) -> None:
    """Run the page again with a code (d,) of a model, and its class, on the stage."""
    numbers = [round(v, DECIMALS) for v in code.tolist()]
    st.session_state["clicked"] = (run.id, Place(numbers, label))
    st.rerun()


def choose_clicked() -> None:
    """Choose the model of a picture that was clicked, before the box of models is drawn."""
    if "clicked" in st.session_state:
        st.session_state["model"] = st.session_state["clicked"][0]


def move(to: Place, remember: bool = True) -> None:
    """Go to another place; `remember` puts it into the URL."""
    st.session_state["place"] = to
    params = {}
    if remember:
        params["code"] = ",".join(f"{v:g}" for v in to.code)
        if to.label is not None:
            params["class"] = str(to.label)
    for name in {"code", "class"} - params.keys():
        st.query_params.pop(name, None)
    if params:
        st.query_params.update(params)


def _linked(model: Autoencoder) -> Place | None:
    """The place in the URL; a wrong one is reported and ignored."""
    text = st.query_params.get("code")
    if not text:
        return None
    try:
        code = latent.parse_code(text, model.latent)
        class_text = st.query_params.get("class", "0")
        label = int(class_text) if class_text.isdecimal() and len(class_text) < 4 else -1
        latent.checked_labels(model, label, 1)
    except LabError as error:
        st.warning(f"{error} The link's code was left out.")
        return None
    return Place(code[0].tolist(), label if model.classes else None)


def _encoded(run: Run, model: Autoencoder, start: Start) -> Place:
    """The code of the start; the middle of the space where there is none."""
    if start.pixels is None:
        ranked = sorted(latent.dimensions(run), key=lambda d: d.index)
        return Place([d.centre for d in ranked], 0 if model.classes else None)
    label = label_of(run, model, start)
    code = latent.encode(model, start.pixels, label)[0]
    return Place([round(v, DECIMALS) for v in code.tolist()], label)


def label_of(run: Run, model: Autoencoder, start: Start) -> int | None:
    """The class of the start for a conditional model; the likeliest where it is not known."""
    if not model.classes or start.pixels is None:
        return None
    if start.label is not None:
        return start.label
    guessed = latent.likeliest_class(run, model, start.pixels)
    return None if guessed is None else int(guessed[0])


def picture(model: Autoencoder, at: Place) -> Tensor:
    """What the decoder draws there, (1, 1, 28, 28)."""
    return latent.decode(model, torch.tensor([at.code]), at.label)


def _ordinary(run: Run, at: Place) -> None:
    """Say whether the code is a usual one for this decoder."""
    distance, spread = outliers.distance(run, torch.tensor([at.code])), outliers.spread(run)
    state = outliers.state(spread, distance, at.code == st.session_state["own_code"])
    badge, why = live.ordinary(spread)[state]
    st.badge(badge, color=COLOURS[state])  # type: ignore[arg-type]
    st.caption(why.format(share=live.share_text(distance.share)))


def _strange(run: Run, model: Autoencoder, start: Start) -> None:
    """Warn where the start is unlike what the model learnt."""
    assert start.pixels is not None
    strangeness = cached.strangeness(run, start.pixels, label_of(run, model, start))
    if strangeness.share < STRANGE_SHARE:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("strange image", color="orange", icon=":material/question_mark:")
        st.caption(
            f"Its anomaly score is {strangeness.score:,.0f}, higher than that of "
            f"{percent(strangeness.share, 0)} of test images: probably not of the kind that this "
            "model learnt."
        )


def here() -> Place:
    """The current place, as the session has it."""
    at: Place = st.session_state["place"]
    return at


def bench(run: Run, start: Start) -> None:
    """Draw the picture with its sliders, and a warning where the start is unusual."""
    model = cached.autoencoder(run)
    place(run, model, start)
    _instrument(run, model, start)
    if start.pixels is not None:
        _strange(run, model, start)


def _instrument(run: Run, model: Autoencoder, start: Start) -> None:
    """Draw the picture and its sliders in the browser, which also makes the files."""
    refused, own_picture, sigma = cached.browser_refusal(run), None, None
    if start.pixels is not None:
        own_picture = data_url(to_png(contact_sheet(start.pixels, 1)))
        posterior = cached.posterior(run, start.pixels, label_of(run, model, start))
        sigma = None if posterior is None else posterior.sigma.tolist()
    decoder = live.Decoder(
        live.decoder_url(run),
        latent.class_names(run),
        spread=outliers.spread(run),
    )
    draw = partial(
        live.latent,
        key=KEY,
        decoder=decoder,
        dimensions=[_slider(d) for d in latent.dimensions(run)],
        original=live.Original(own_picture, st.session_state["own_code"], sigma),
        name=run.id,
    )

    @st.fragment
    def moved() -> None:
        """Rerun only this fragment each time that a slider is released."""
        if reason := live.failure(decoder.url) or refused:
            to = _by_server(run, model, reason)
        else:
            to = _by_browser(draw)
            with st.container(horizontal=True, horizontal_alignment="right"):
                _send_to(run, model, to)
        if to != here():
            move(to)
            if st.session_state.get("tab") == "Traversals":
                st.rerun()  # they stand below, outside of this fragment, and start from there
        network_strip.folded(partial(_network, run, start, to))

    moved()


def _network(run: Run, start: Start, at: Place) -> None:
    """What each layer makes of the image and of the code on the stage."""
    if start.pixels is None:
        shown = "The decoder draws the code on the stage; there is no image to encode."
    else:
        shown = "The encoder is given the chosen image, the decoder the code on the stage."
    st.caption(f"{shown} {network_strip.CLICK}")
    code, label = torch.tensor([at.code]), label_of(run, cached.autoencoder(run), start)
    layers = cached.autoencoder_activations(run, start.pixels, code, at.label, label)
    network_strip.strip(layers, run.id)


def _by_browser(draw: Callable[..., live.Position | None]) -> Place:
    at = here()
    pad = (0, 1) if len(at.code) == 2 else None  # as the tab with the plane has them
    released = draw(position=live.Position(at.code, at.label, _temperature(), pad))
    if released is None:
        return at
    if released.temperature != _temperature():
        st.query_params["temperature"] = f"{released.temperature:g}"
    return Place(released.code, released.label)


def _by_server(run: Run, model: Autoencoder, reason: str) -> Place:
    """The same where the browser cannot run the decoder."""

    def draw(code: list[float], label: int | None) -> None:
        pictures.cards([("Decoded", picture(model, Place(code, label))[0], "")])

    at = here()
    reached = server_sliders(
        reason,
        key=f"z-{st.session_state['origin']}",
        dimensions=[_slider(d) for d in latent.dimensions(run) if not d.dead],
        position=live.Position(at.code, at.label),
        draw=draw,
        class_names=latent.class_names(run),
    )
    to = Place(reached.code, reached.label)
    with st.container(horizontal=True, vertical_alignment="center"):
        _ordinary(run, to)
        st.space("stretch")
        _downloads(run, model, to)
        _send_to(run, model, to)
    return to


def _send_to(run: Run, model: Autoencoder, at: Place) -> None:
    sending.send_to({f"A picture drawn by {run_name(run)}": lambda: picture(model, at)[0]})


def _slider(dimension: latent.Dimension) -> live.Dimension:
    return live.Dimension(
        dimension.index,
        f"Dimension {dimension.index}",
        dimension.low,
        dimension.high,
        "" if dimension.kl is None else f"{dimension.kl:.2f} nats",
        dimension.dead,
        dimension.centre,
        dimension.spread,
    )


def _temperature() -> float:
    """The temperature in the URL, between 0 and 1.5."""
    try:
        value = float(st.query_params.get("temperature", "1"))
    except ValueError:
        return 1.0
    return min(max(value, live.HEAT[0]), live.HEAT[1]) if value == value else 1.0


def _downloads(run: Run, model: Autoencoder, at: Place) -> None:
    png_button(lambda: to_png(contact_sheet(picture(model, at), 1, scale=10)), run.id)
    labels = None if at.label is None else torch.tensor([at.label])
    csv_button(lambda: latent.code_table(torch.tensor([at.code]), labels), run.id)
