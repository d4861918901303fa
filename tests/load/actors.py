"""What people do on the pages whose answers come at once.

Each knows its page and one move. A move that brings the same picture for another value is an
error, and so is one that brings none.
"""

import asyncio
import base64
import contextlib
import io
import random
from abc import ABC, abstractmethod
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from tests.benchmarks.protocol import Answer, Element, at
from tests.load.room import Room, Unchanged
from tests.load.session import Session

PLACES = 20
"""Steps of a slider that a hand can tell."""


class Actor(ABC):
    """Somebody on a page.

    Args:
        room: the plan.
        number: of the visitor.
    """

    page = ""
    tab = ""

    def __init__(self, room: Room, number: int) -> None:
        self.room, self.number = room, number
        self.rng = random.Random(f"{room.seed} {number}")
        self.name = type(self).__name__.lower()
        self.query = self.address()
        self.session: Session

    def address(self) -> dict[str, str]:
        """The parameters of the page's URL."""
        return {"tab": self.tab} if self.tab else {}

    async def prepare(self, session: Session) -> None:  # noqa: B027 - many have nothing to do
        """What the browser does for the page before anything is moved."""

    @abstractmethod
    async def visit(self, session: Session) -> None:
        """All that is done on the page once it is open and everybody is there."""

    async def told(self, name: str, event: str, said: dict[str, Any]) -> Answer:
        """Let a component of ours say something."""
        component = self.session.talk.find("bidi_component", name)
        return await self.session.do(component, {event: said})


class Mover(Actor):
    """Somebody who moves something again and again."""

    pace = 1.0
    """Moves for each of a slider's."""

    def __init__(self, room: Room, number: int) -> None:
        super().__init__(room, number)
        self.moves = 0
        self._last: float | None = None
        self._pictures: Any = None

    async def visit(self, session: Session) -> None:
        """Move at the room's rate until the end."""
        self.session = session
        rate = self.room.rate * self.pace
        await self.room.paced(session, self.name, self._made, self.rng, rate)

    async def _made(self) -> str | None:
        """A move; after one that was lost nobody knows which picture is shown."""
        try:
            return await self.move()
        except Exception:
            self._pictures = None
            raise

    @abstractmethod
    async def move(self) -> str | None:
        """One move. Raises Unchanged when it brings nothing new."""

    def slider(self, label: str) -> tuple[Element, float]:
        """A slider and a place on it where it was not before."""
        result = self.session.talk.find("slider", label)
        value = self._last
        while value is None or value == self._last:
            value = round(at(result, self.rng.randrange(PLACES + 1) / PLACES), 6)
        self._last = value
        return result, value

    def changed(self, pictures: Any) -> None:
        """Compare with the move before."""
        before, self._pictures = self._pictures, pictures
        if not pictures:
            raise Unchanged("no picture came")
        if pictures == before:
            raise Unchanged("the same picture came back")


class Smallest(Mover):
    """The slider of `smallest.py`."""

    async def move(self) -> None:
        answer = await self.session.do(*self.slider("Strength"))
        self.changed(answer.pictures)


class Follow(Mover):
    """The Denoiser's slider on the pictures with which the page opens, the same for all: what one
    has seen the server need not restore for another. The browser has looked at a place before it is
    let go there. Only what was restored counts as a picture.
    """

    page = "denoiser"

    async def move(self) -> str | None:
        slider, value = self.slider("Strength")
        looks = self.session.talk.looks["strength"]
        if b"Restored" not in await self.session.fetch(f"{looks}{value:g}"):
            raise Unchanged("no picture came ahead")
        answer = await self.session.do(slider, value)
        self.changed(answer.pictures.get("Restored"))
        return None


class Denoise(Follow):
    """The same on pictures and noise of one's own, and now and then on others."""

    often = 10

    def address(self) -> dict[str, str]:
        return {"first": str(self.rng.randrange(9000)), "seed": str(self.rng.randrange(10_000))}

    async def move(self) -> str | None:
        self.moves += 1
        if self.moves % self.often:
            return await super().move()
        answer = await self.session.do(self.session.talk.find("button", "Other images"), True)
        self.changed(answer.pictures.get("Restored"))
        return "denoise: other images"


class Sample(Mover):
    """The VAE sampler: what is let go on the pad, in turn with a slider of the samples.

    The browser decodes and judges while the hand drags, and sends where it let go; the server notes
    it in the address. Everybody has an image of their own on the stage; the samples, which the
    server decodes, are of the seed with which the page opens.
    """

    page = "vae_sampler"

    def address(self) -> dict[str, str]:
        return {"first": str(self.rng.randrange(9000))}

    async def prepare(self, session: Session) -> None:
        data = session.talk.find("bidi_component", "live").data()
        self.code, self.released = [round(v, 3) for v in data["code"]], data["seen"]
        await session.fetch(data["decoder"])

    async def move(self) -> str:
        self.moves += 1
        if self.moves % 2:
            return await self._pad()
        slider, value = self.slider("Sampling temperature")
        answer = await self.session.do(slider, value)
        self.changed(answer.pictures)
        return "sample: temperature"

    async def _pad(self) -> str:
        data = self.session.talk.find("bidi_component", "live").data()
        for axis in data["pad"]:
            self.code[axis] = round(self.rng.uniform(-2, 2), 3)
        self.released += 1
        released = {
            "move": self.released, "space": data["space"], "code": self.code,
            "label": data["label"], "pad": data["pad"], "temperature": data["temperature"],
        }  # fmt: skip
        await self.told("live", "released", released)
        heard = self.session.talk.query.get("code", "").split(",")
        if heard != [f"{v:g}" for v in self.code]:
            raise Unchanged("the server did not hear where the hand let go")
        return "sample: pad"


class Sketch(Mover):
    """The Network explorer: a digit is drawn, which the browser reads with every move of the pen;
    the server hears of it once the pen has rested.
    """

    page, pace = "network_explorer", 0.2

    def address(self) -> dict[str, str]:
        return {"source": "Draw"}

    async def prepare(self, session: Session) -> None:
        self.drawing = session.talk.find("bidi_component", "network").data()
        await session.fetch(self.drawing["weights"])

    async def move(self) -> str:
        _, height, width = self.drawing["shape"]
        picture = Image.new("L", (width, height))
        places = [(self.rng.randrange(4, 24), self.rng.randrange(4, 24)) for _ in range(5)]
        ImageDraw.Draw(picture).line(places, 255, 2)
        said = {
            "token": self.drawing["token"],
            "pixels": base64.b64encode(picture.tobytes()).decode(),
        }
        answer = await self.told("network", "drawn", said)
        if not any("Your drawing" in text for text in answer.texts):
            raise Unchanged("the server did not hear of the drawing")
        return "sketch"


class Play(Mover):
    """The benches of Foundations, which play in the browser: the server hears of nothing but the
    points that somebody brings once in a while.
    """

    page, pace = "foundations", 0.2

    async def move(self) -> None:
        points = [[self.rng.randrange(90), self.rng.randrange(90)] for _ in range(8)]
        table = "x,y\n" + "\n".join(f"{x},{y}" for x, y in points)
        await self.session.do(self.session.talk.find("text_area", "or paste one"), table)
        brought = self.session.talk.find("bidi_component", "bench").data()["own"]
        if brought is None or brought["points"] != points:
            raise Unchanged("the points did not come to the bench")


class Scrub(Mover):
    """The GAN gallery: every sheet of the wall once, as its scrubber fetches them; then the epochs
    of one network, which the server draws; now and then another network is taken off the wall.
    """

    page, tab = "gan_gallery", "Learning"
    often = 8

    async def visit(self, session: Session) -> None:
        self.session, self._decoders, self._staged, self._at = session, set[str](), "", ""
        sheets = asyncio.create_task(self._sheets())
        try:
            await super().visit(session)
        finally:
            sheets.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sheets

    async def _sheets(self) -> None:
        """Those of all networks; the browser keeps them."""
        for path in sorted({s["url"] for card in self._cards() for s in card["sheets"]}):
            if path.startswith("data:"):
                continue
            if not await self.room.timed("sheet", partial(self._sheet, path)):
                return

    async def _sheet(self, path: str) -> None:
        if not (await self.session.fetch(path)).startswith((b"\x89PNG", b"RIFF")):
            raise Unchanged("no picture came")

    def _cards(self) -> list[dict[str, Any]]:
        cards: list[dict[str, Any]] = self._wall()["cards"]
        return [card for card in cards if len(card["sheets"]) > 2]

    def _wall(self) -> dict[str, Any]:
        return self.session.talk.find("bidi_component", "wall").data()

    async def move(self) -> str:
        self.moves += 1
        if self.moves % self.often == 0:
            return await self._pick()
        slider = self.session.talk.find("slider", "Epoch")
        epoch = self.rng.choice([o for o in slider.body.options if o != self._at])
        self._at = epoch
        answer = await self.session.do(slider, epoch)
        self.changed(list(answer.pictures.values()))
        return "scrub: epoch"

    async def _pick(self) -> str:
        staged = self._staged or self._wall()["chosen"]
        others = [card["id"] for card in self._cards() if card["id"] != staged]
        before = self.session.talk.find("bidi_component", "live").data()["space"]
        self._staged = picked = self.rng.choice(others)
        await self.told("wall", "picked", {"id": picked, "move": self.moves})
        after = self.session.talk.find("bidi_component", "live").data()
        if after["space"] == before:
            raise Unchanged("the same network stayed on the stage")
        if after["decoder"] not in self._decoders:  # the browser keeps it
            self._decoders.add(after["decoder"])
            await self.session.fetch(after["decoder"])
        self._at = ""
        return "scrub: another network"


class Map(Mover):
    """The latent explorer: points that are clicked, and now and then a lasso."""

    page = "latent_explorer"
    often = 6

    async def prepare(self, session: Session) -> None:
        data = session.talk.find("bidi_component", "map").data()
        for path in (data["plotly"], data["thumbnails"].replace("{part}", "0")):
            await session.fetch(path)
        self.ids = await _unpacked(session, data["ids"])
        self.points = (await _unpacked(session, data["points"])).reshape(len(self.ids), -1)
        self.map, self.seen, self.clicked, self.lasso = data["map"], data["seen"], None, None

    async def move(self) -> str:
        self.moves += 1
        if self.moves % self.often == 0 and self.points.shape[1] == 2:
            return await self._draw()
        self.clicked = int(self.rng.choice([i for i in self._some() if i != self.clicked]))
        answer = await self._say()
        result = {n: p for n, p in answer.pictures.items() if "selected" not in n}
        self.changed(result.get("Image"))
        if len(result) < 3:
            raise Unchanged("no neighbours came")
        return "map: click"

    def _some(self) -> list[int]:
        return [int(self.ids[self.rng.randrange(len(self.ids))]) for _ in range(2)] + [
            int(self.ids[0]), int(self.ids[1]),
        ]  # fmt: skip

    async def _draw(self) -> str:
        """A square around a point, as wide as a sixth of the map."""
        x, y = self.points[self.rng.randrange(len(self.points))].tolist()
        reach = float(np.ptp(self.points, axis=0).max()) / 12
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        self.lasso = [[x + reach * a, y + reach * b] for a, b in corners]
        answer = await self._say()
        if not any("selected images" in name for name in answer.pictures):
            raise Unchanged("no gallery of the selection came")
        return "map: lasso"

    async def _say(self) -> Answer:
        self.seen += 1
        said = {
            "move": self.seen, "map": self.map, "clicked": self.clicked, "lasso": self.lasso,
            "view": None, "shown": None, "place": None,
        }  # fmt: skip
        return await self.told("map", "said", said)


class Upload(Mover):
    """Pictures of one's own to the Denoiser, each in place of the one before."""

    page, pace = "denoiser", 0.2

    def address(self) -> dict[str, str]:
        return {"source": "Upload"}

    async def move(self) -> None:
        self.moves += 1
        uploader = self.session.talk.find("file_uploader", "Pictures")
        picture = drawn(self.rng, 96)
        answer = await self.session.upload(uploader, f"picture-{self.moves}.png", picture)
        self.changed(answer.pictures.get("Restored"))


def drawn(rng: random.Random, side: int, kind: int = 0) -> bytes:
    """A picture of some discs or boxes on noise, as PNG."""
    noise = np.random.default_rng(rng.randrange(2**32)).integers(0, 60, (side, side, 3), np.uint8)
    image = Image.fromarray(noise)
    canvas = ImageDraw.Draw(image)
    for _ in range(3):
        x, y = rng.randrange(side // 2), rng.randrange(side // 2)
        colour = tuple(rng.randrange(120, 256) for _ in range(3))
        shape = canvas.rectangle if kind else canvas.ellipse
        shape((x, y, x + side // 3, y + side // 3), fill=colour)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


async def _unpacked(session: Session, packed: dict[str, str]) -> np.ndarray:
    """Numbers that a map is told the address of."""
    return np.frombuffer(await session.fetch(packed["url"]), f"<{packed['kind']}")
