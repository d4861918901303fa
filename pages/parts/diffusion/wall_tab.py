"""A wall of pictures that come out of noise."""

import streamlit as st

from core.errors import LabError
from core.images import contact_sheet, data_url, to_png
from core.inference.browser_denoiser import process_name
from core.runs.query import classes_of
from core.runs.store import Run
from core.tasks.diffusion import DIFFUSION
from pages.components import diffusion_wall
from pages.components.diffusion import denoiser_url
from pages.components.diffusion_wall import Controls, Network
from pages.parts.diffusion.choice import network
from pages.ui import cached, links, pictures, sending
from pages.ui.downloads import png_button
from pages.ui.names import run_name
from pages.ui.widgets import number

KEY = "diffusion-wall"
USUAL = Controls()
SAMPLERS = {"euler": "Euler (DDIM)", "heun": "Heun", "ddim": "DDIM with new noise"}


def panel() -> None:
    """Draw a wall, and look at the path of one picture."""
    if run := network():
        _stage(run)


@st.fragment
def _stage(run: Run) -> None:
    drawn_by = _network(run)
    controls = diffusion_wall.read(st.query_params.to_dict(), len(drawn_by.classes))
    if reason := diffusion_wall.failure(drawn_by.url):
        _by_server(run, drawn_by, controls, reason)
        return
    sent = diffusion_wall.wall(
        key=KEY,
        network=drawn_by,
        controls=controls,
        invited=st.session_state.get("asked"),
        takers={"diffusion": "Paint"} | sending.takers(),
    )
    if sent is not None:
        what = f"A picture drawn by {run_name(run)}"
        sending.send_pixels(sent.pixels, what, sent.page)


def _network(run: Run) -> Network:
    spec = run.spec()
    variant = DIFFUSION.variant(spec.variant)
    return Network(
        denoiser_url(run),
        run.id,
        spec.data.shape,
        process_name(variant.process),
        classes_of(run) if variant.conditional else (),
    )


def _by_server(run: Run, drawn_by: Network, at: Controls, reason: str) -> None:
    """A finished wall, where the browser cannot draw it."""
    st.info(f"{reason} The server draws the finished pictures instead.")
    with st.container(horizontal=True):
        asked = diffusion_wall.ANY
        if drawn_by.classes:
            names = {diffusion_wall.EACH: "Each in turn", diffusion_wall.ANY: "Any"}
            names |= {str(i): name for i, name in enumerate(drawn_by.classes)}
            asked = _box("Draw", names, "asked")
        sampler = _box("Sampler", SAMPLERS, "sampler")
        steps = number("Steps", 1, diffusion_wall.MAX_STEPS, USUAL.steps, "steps")
        noise = number("Noise", 0, diffusion_wall.MAX_SEED, USUAL.noise, "noise")
        most = diffusion_wall.MAX_GUIDANCE
        guidance = st.slider(
            "Guidance", 0.0, most, USUAL.guidance, 0.1, key="guidance", bind="query-params"
        )
    how = at._replace(asked=asked, sampler=sampler, steps=steps, noise=noise, guidance=guidance)
    try:
        drawn = cached.noise_wall(run, diffusion_wall.drawing(how, len(drawn_by.classes)))
    except LabError as error:
        st.error(str(error))
        return
    columns, rows = diffusion_wall.WIDE
    sheet = to_png(contact_sheet(drawn, columns, scale=4))
    pictures.show(
        f'<img src="{data_url(sheet)}" style="width: 100%; max-width: 40rem; '
        f'image-rendering: pixelated" alt="{columns * rows} pictures out of noise">'
    )
    png_button(sheet, run.id)


def _box(label: str, names: dict[str, str], key: str) -> str:
    choices = links.Choices([*names], next(iter(names)))
    return links.box(label, choices, key=key, format_func=names.__getitem__)
