"""Pictures that are sent from one page to another.

They stay in the session, so that a visitor has only their own, and a page that is loaded anew has
none and begins with its own picture.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import streamlit as st
import torch
from PIL import Image
from torch import Tensor

from core.images import contact_sheet
from core.projection.methods import PROJECTING
from core.tasks import AnyFamily
from core.tasks.adversarial import ADVERSARIAL
from core.tasks.autoencoding import AUTOENCODING
from core.tasks.denoising import DENOISING
from core.tasks.diffusion import DIFFUSION
from core.tasks.transfer import TRANSFER
from core.tasks.translation import TRANSLATION
from pages.ui import cached, links
from pages.ui.errors import errors_shown
from pages.ui.opening import OPENINGS
from pages.ui.session_files import check_room

HERE = "Sent here"
"""The source of pictures that were sent to a page, in the list of its others."""
SENT, ARRIVING, OTHERS = "sent", "sent_to", "send_takers"
"""Session keys of the pictures by the page that they were sent to, of the page to open with one,
and of the pages that the open one can send to."""


@dataclass(frozen=True)
class SentPicture:
    """A picture, uint8 (1 or 3, H, W): what it is, and the page that it came from."""

    pixels: Tensor
    what: str
    origin: str

    @property
    def caption(self) -> str:
        """What a page says of it."""
        return f"{self.what}, sent from {self.origin}."

    @property
    def image(self) -> Image.Image:
        """As an upload is, once it has been read."""
        return Image.fromarray(contact_sheet(self.pixels[None], 1))


@dataclass(frozen=True)
class Taker:
    """A page that takes pictures: what it sets in its session to show one, and the family of which
    it needs a trained model, if any."""

    values: Mapping[str, Any]
    family: AnyFamily | None = None

    @property
    def ready(self) -> bool:
        """Whether it could show a picture."""
        return self.family is None or bool(cached.models(self.family.name))


TAKERS = {
    "denoiser": Taker({"source": HERE}, DENOISING),
    "diffusion": Taker({"tab": "Paint", "fill_mode": "Fill holes", "fill_source": HERE}, DIFFUSION),
    "vae_sampler": Taker({"source": HERE}, AUTOENCODING),
    "gan_gallery": Taker({"tab": "Find a picture", "wanted": HERE}, ADVERSARIAL),
    "translation": Taker({"tab": "Translate", "translate_source": HERE}, TRANSLATION),
    "latent_explorer": Taker({"tab": "Your image", "own_source": HERE}, PROJECTING),
    "network_explorer": Taker({"source": HERE}),
    "transfer_classifier": Taker({"tab": "Use it", "photo_source": HERE}, TRANSFER),
    "deepdream": Taker({"kind": "deep", "picture": HERE}),
}
"""By the path of the page's address. Each brings a picture to the size that it needs, as it does
with uploads."""
ACTIVITIES = {"deepdream", "diffusion", "translation", "sequences", "foundations"}
"""Pages named after what is done there, not after a thing: no article stands before them."""


def sources(others: Sequence[str]) -> list[str]:
    """The sources of pictures on the open page, with one more where a picture was sent to it."""
    return [*others, HERE] if sent_here() is not None else list(others)


def sent_here() -> SentPicture | None:
    """The picture that was sent to the open page last."""
    sent: dict[str, SentPicture] = st.session_state.get(SENT, {})
    return sent.get(st.session_state.get(links.PAGE, ""))


def arrive(page: str) -> None:
    """Show the picture that has just been sent to this page; before its controls are drawn."""
    if st.session_state.get(ARRIVING) == page:
        del st.session_state[ARRIVING]
        st.session_state.update(TAKERS[page].values)


def send(picture: SentPicture, page: str) -> NoReturn:
    """Open a page with a picture. Raises Refused where the session may hold no more."""
    check_room(picture.pixels.numel())
    st.session_state.setdefault(SENT, {})[page] = picture
    st.session_state[ARRIVING] = page
    if page == st.session_state.get(links.PAGE):
        st.rerun()
    st.switch_page(f"{page}.py", query_params={})  # its default refuses where any is bound


def send_to(pictures: Mapping[str, Tensor | Callable[[], Tensor]]) -> None:
    """Draw a button from which one of a page's pictures can be sent to another page.

    Args:
        pictures: (C, H, W), uint8 or float in [0, 1], by what they are, the likeliest first; a
            function is called when its picture is sent.
    """
    takers = _takers(st.session_state[links.PAGE])
    if not takers:
        return
    with st.popover("Send to", icon=":material/send:"):
        what = next(iter(pictures))
        if len(pictures) > 1:
            what = st.selectbox("Picture", list(pictures), key="send_what")
        for page in takers:
            if st.button(OPENINGS[page].title, key=f"send_{page}", type="tertiary"):
                send_pixels(pictures[what], what, page)


def takers() -> dict[str, str]:
    """The titles of the pages that the open one can send to, by their addresses."""
    return {page: OPENINGS[page].title for page in _takers(st.session_state[links.PAGE])}


def send_pixels(picture: Tensor | Callable[[], Tensor], what: str, page: str) -> None:
    """Open a page with one of the open page's pictures, as `send_to` has them; say so where the
    session may hold no more."""
    origin = title(st.session_state[links.PAGE])
    with errors_shown():
        send(SentPicture(_pixels(picture), what, origin), page)


def _takers(origin: str) -> list[str]:
    """The other pages that could show a picture, looked up once for each visit to a page."""
    visited, takers = st.session_state.get(OTHERS, ("", []))
    if visited != origin:
        takers = [page for page, taker in TAKERS.items() if page != origin and taker.ready]
        st.session_state[OTHERS] = (origin, takers)
    return list(takers)


def title(page: str) -> str:
    """A page's title within a sentence."""
    name = OPENINGS[page].title
    return name if page in ACTIVITIES else f"the {name}"


def _pixels(picture: Tensor | Callable[[], Tensor]) -> Tensor:
    pixels = picture() if callable(picture) else picture
    pixels = pixels.detach().cpu()
    if pixels.is_floating_point():
        pixels = (pixels.clamp(0, 1) * 255).round().to(torch.uint8)
    return pixels
