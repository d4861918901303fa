"""The stage: one latent of one network, its picture, and sliders along directions."""

from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from core.errors import LabError
from core.images import contact_sheet, to_png
from core.inference import curves, generators, latent
from core.inference.directions import MIN_EXPLAINED, Direction
from core.inference.latent import class_names
from core.runs.store import Run
from pages.components import live
from pages.components.live.fallback import server_sliders
from pages.ui import cached, pictures, sending
from pages.ui.downloads import csv_button, png_button
from pages.ui.names import class_title, dataset_title, run_name
from pages.ui.run_choice import RunChoice
from pages.ui.widgets import number, segmented

KEY = "generator"
DECIMALS = 4
"""Decimal places of a latent in the URL."""
CLASS_BESIDE_PICTURE = (
    "<style>@media (max-width: 640px) { .st-key-class { display: none; } }</style>"
)
"""On a phone the buttons beside the picture choose the class, and the box would push them down."""
KINDS = {"Principal": "principal", "Attributes": "attribute"}


class Scene(NamedTuple):
    """What is drawn: a network, a seed, a class for a conditional network, and a truncation."""

    run: Run
    seed: int
    label: int | None
    truncation: float

    @property
    def title(self) -> str:
        """The alternative text of the picture."""
        spec = self.run.spec()
        name = dataset_title(spec.dataset)
        return name if self.label is None else f"{class_title(spec.dataset, self.label)}, {name}"


def controls(models: RunChoice) -> Scene:
    """Draw the controls: the network, its class, the seed and the truncation."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        run = models.box("Model", width=380)
        label = None
        if classes := class_names(run):
            if "clicked-class" in st.session_state:
                st.session_state["class"] = st.session_state.pop("clicked-class")
            label = classes.index(
                st.selectbox("Class", classes, key="class", bind="query-params", width=130)
            )
        seed = number(
            "Seed",
            0,
            generators.MAX_SEED,
            0,
            "seed",
            width=130,
            help="One seed is the same noise for every network.",
        )
        truncation = st.slider(
            "Truncation",
            0.1,
            1.0,
            1.0,
            0.05,
            key="truncation",
            bind="query-params",
            width=220,
            help="Less than 1 draws nearer to the middle of the noise: surer, and more alike.",
        )
    return Scene(run, seed, label, truncation)


def start(scene: Scene) -> Tensor:
    """The latent (latent,) of the scene's seed, or the one that inversion put on the stage."""
    if (inverted := _inverted(scene)) is not None:
        return inverted
    model = cached.generator(scene.run)
    return generators.drawn(model, 1, scene.seed, scene.label, scene.truncation).latents[0]


def put(scene: Scene, vector: Tensor) -> None:
    """Put a found or clicked latent (latent,) on the stage, until another seed or network is
    chosen."""
    numbers = [round(v, DECIMALS) for v in vector.tolist()]
    st.session_state["gan-latent"] = (_seeded(scene), numbers)
    st.query_params["latent"] = ",".join(f"{v:g}" for v in numbers)


def go(scene: Scene, vector: Tensor, label: int | None) -> None:
    """Run the page again with a latent (latent,), and its class, on the stage."""
    if label is not None:
        st.session_state["clicked-class"] = class_names(scene.run)[label]
    put(scene, vector)
    st.rerun()


def _inverted(scene: Scene) -> Tensor | None:
    """The latent that was put on the stage, or that the address names; None without."""
    state, model = st.session_state, cached.generator(scene.run)
    if "gan-latent" not in state:
        state["gan-latent"] = (_seeded(scene), None)
        if text := st.query_params.get("latent"):
            try:
                linked = latent.parse_code(text, model.latent)[0].tolist()
                state["gan-latent"] = (_seeded(scene), [round(v, DECIMALS) for v in linked])
            except LabError as error:
                st.warning(f"{error} The link's latent was left out.")
    seeded, numbers = state["gan-latent"]
    if numbers is None or seeded != _seeded(scene):
        state["gan-latent"] = (_seeded(scene), None)
        st.query_params.pop("latent", None)
        return None
    return torch.tensor(numbers)


def _seeded(scene: Scene) -> str:
    return f"{scene.run.id} {scene.seed} {scene.truncation}"


@st.fragment
def bench(scene: Scene) -> None:
    """Draw the picture with its sliders, and the critic's score below."""
    kind = KINDS[segmented("Sliders along", list(KINDS), "along", label_visibility="collapsed")]
    directions = cached.directions(scene.run, kind)
    if not directions:
        st.info("None of the measured attributes varies in this network's pictures.")
        directions = cached.directions(scene.run, "principal")
    base = start(scene)
    at = _place(scene, kind, len(directions))
    to = _instrument(scene, base, directions, at)
    if to != at:
        _move(to)
    drawn = latents(base, directions, to)
    with st.container(horizontal=True, vertical_alignment="center"):
        _critic_score(scene, drawn)
        if st.session_state["gan-latent"][1] is not None:
            st.caption("Found for a picture, or clicked below. Another seed replaces it.")
        st.space("stretch")
        if _browser_refusal(scene):
            _downloads(scene, drawn)
        sending.send_to(
            {
                f"A picture drawn by {run_name(scene.run)}": lambda: generators.draw(
                    cached.generator(scene.run), drawn, scene.label
                )[0]
            }
        )


def latents(base: Tensor, directions: list[Direction], coordinates: list[float]) -> Tensor:
    """The latent (1, latent) at coordinates along directions, computed as in the browser."""
    basis = torch.stack([d.vector for d in directions])
    return (base + torch.tensor(coordinates) @ basis)[None]


def _place(scene: Scene, kind: str, count: int) -> list[float]:
    """The sliders' coordinates: from the URL at first, then as moved; zero for a new scene."""
    state = st.session_state
    origin = f"{_seeded(scene)} {kind} {st.session_state['gan-latent'][1]}"
    if state.get("gan-origin") != origin:
        opened = "gan-origin" not in state
        state["gan-origin"] = origin
        _move((_linked(count) if opened else None) or [0.0] * count)
    coordinates: list[float] = state["gan-place"]
    return coordinates


def _move(to: list[float]) -> None:
    st.session_state["gan-place"] = to
    if any(to):
        st.query_params["moved"] = ",".join(f"{v:g}" for v in to)
    else:
        st.query_params.pop("moved", None)


def _linked(count: int) -> list[float] | None:
    text = st.query_params.get("moved")
    if not text:
        return None
    try:
        coordinates: list[float] = latent.parse_code(text, count)[0].tolist()
    except LabError as error:
        st.warning(f"{error} The link's sliders were left out.")
        return None
    return [round(v, 3) for v in coordinates]


def _browser_refusal(scene: Scene) -> str | None:
    """Why the browser does not draw, as a sentence; then the server draws and makes the files."""
    return live.failure(live.decoder_url(scene.run)) or cached.browser_refusal(scene.run)


def _instrument(
    scene: Scene, base: Tensor, directions: list[Direction], at: list[float]
) -> list[float]:
    dimensions = [_dimension(i, d) for i, d in enumerate(directions)]
    position = live.Position(at, scene.label)
    if reason := _browser_refusal(scene):

        def draw(code: list[float], label: int | None) -> None:
            model = cached.generator(scene.run)
            picture = generators.draw(model, latents(base, directions, code), label)[0]
            pictures.cards([(scene.title, picture, "")])

        key = f"along-{st.session_state['gan-origin']}"
        return server_sliders(
            reason, key=key, dimensions=dimensions, position=position, draw=draw
        ).code
    st.html(CLASS_BESIDE_PICTURE)
    names = class_names(scene.run)
    decoder = live.Decoder(
        live.decoder_url(scene.run),
        names,
        base.tolist(),
        [d.vector.tolist() for d in directions],
    )
    released = live.latent(
        key=KEY,
        decoder=decoder,
        dimensions=dimensions,
        position=position,
        name=scene.run.id,
    )
    if released is None:
        return at
    if released.label is not None and released.label != scene.label:
        st.session_state["class"] = names[released.label]
        st.session_state["gan-place"] = released.code
        st.rerun()
    return released.code


def _dimension(index: int, direction: Direction) -> live.Dimension:
    principal = direction.name.startswith("principal")
    return live.Dimension(
        index,
        direction.title,
        -direction.reach,
        direction.reach,
        f"{direction.explained:.0%}",
        dead=not principal and direction.explained < MIN_EXPLAINED,
        spread=direction.spread,
    )


def _critic_score(scene: Scene, drawn: Tensor) -> None:
    """Show the critic's score of the picture on the stage."""
    model, probable = cached.generator(scene.run), generators.tells_probability(scene.run)
    picture = generators.draw(model, drawn, scene.label)
    score = float(generators.scores(model, picture, scene.label, probable)[0])
    score_text = f"{score:.0%}" if probable else f"{score:.2f}"
    st.badge(f"critic: {score_text}", icon=":material/gavel:", color="grey")
    st.caption(opinion(scene))


def opinion(scene: Scene) -> str:
    """What the critic's scores of this network's pictures are."""
    spec = scene.run.spec()
    averaged = bool(spec.config.get("ema"))
    return curves.opinion(spec.variant, scene.run.history(), averaged=averaged)


def _downloads(scene: Scene, drawn: Tensor) -> None:
    model = cached.generator(scene.run)
    png_button(
        lambda: to_png(contact_sheet(generators.draw(model, drawn, scene.label), 1, scale=10)),
        scene.run.id,
    )
    csv_button(lambda: latent.code_table(drawn), scene.run.id)
