"""What people ask for and wait for: a training, a dream, a classifier of their own photographs.

They look on as the page does, by its own timers, until it is over; what is not over when the time
is up is cancelled as a visitor cancels it.
"""

import io
import time
import zipfile

from core import data
from tests.benchmarks.protocol import Answer, Element
from tests.load.actors import Actor, drawn
from tests.load.room import Move, Unchanged
from tests.load.session import Disconnected, Said, Session

OVER = (" done]", " failed]", " cancelled]")
"""How the badge of a run that is over ends."""
WAITING = ("Next in line", "in the queue", "Starting a worker", "Waiting for a worker")
CANCELLING = 20.0
"""Seconds that a job has to stop after it is cancelled."""
TRIES = 3
EACH = 8
"""Pictures of each of two classes."""


class Job(Actor):
    """Somebody who asks for one thing and watches it."""

    button = "Train"

    async def visit(self, session: Session) -> None:
        self.session = session
        for name, step in (("prepare", self.bring), ("ask", self.ask)):
            if not await self._insist(f"{self.name}: {name}", step):
                return
        watched = await self.room.timed(f"{self.name}: until it is over", self.watch)
        if watched and not self.over():
            await self.room.timed(f"{self.name}: cancel", self.cancel)

    async def _insist(self, name: str, step: Move) -> bool:
        """Try again where it failed; whether it went well in the end."""
        for _ in range(TRIES):
            if await self.room.timed(name, step):
                return True
            await self.session.rest(time.perf_counter() + 1)
        return False

    async def bring(self) -> None:
        """What has to be there before it can be asked for."""

    async def ask(self) -> None:
        """Press the button, with settings that nobody has asked for before."""
        find = self.session.talk.find
        settings = [(find("number_input", name), value) for name, value in self.settings()]
        states = [self.session.talk.set(element, value) for element, value in settings]
        button = find("button", self.button)
        press = self.session.talk.set(button, True)
        answer = await self.session.run(*states, press, fragment=button.fragment)
        if not self.over() and not self.session.talk.timers:
            raise Unchanged(f"nothing began: {' | '.join(answer.texts)}")

    def settings(self) -> list[tuple[str, float]]:
        """Numbers that are typed in before."""
        return [("Seed", float(self.rng.randrange(10**6)))]

    async def watch(self) -> str:
        """Look on until it is over. Raises Said when it failed."""
        self.asked, self.begins = time.perf_counter(), False
        deadline = self.room.end
        while not self.over():
            if time.perf_counter() > deadline:
                return f"{self.name}: watched until the end"
            await self.look()
        if any(" failed]" in text for text in self.session.answer.texts):
            raise Said("failed")
        self.finish(self.session.answer)
        return f"{self.name}: until it is over"

    async def look(self) -> None:
        """Wait for the page's timer, and see what there is. Who is cut off comes back and goes on:
        a closed tab loses nothing.
        """
        if not self.session.connected:
            await self.session.rest(time.perf_counter() + 1)
            return
        timers = self.session.talk.timers
        if not timers:
            raise Unchanged("the page does not look any more, and nothing is over")
        fragment, pause = next(iter(timers.items()))
        await self.session.rest(time.perf_counter() + pause)
        if fragment not in timers:  # who came back meanwhile has seen the page anew
            return
        try:
            await self.session.run(fragment=fragment, timer=True)
        except Disconnected:
            self.room.record.fail(f"{self.name}: look", "disconnected")
            return
        await self.saw(self.session.answer)
        waits = any(word in text for text in self.session.answer.texts for word in WAITING)
        if not self.begins and not waits:
            self.begins = True
            self.room.record.add(f"{self.name}: until it begins", time.perf_counter() - self.asked)

    async def saw(self, answer: Answer) -> None:
        """What the browser fetches after a look."""

    def finish(self, answer: Answer) -> None:
        """What is done with what has come out."""

    def over(self) -> bool:
        """Whether the page says that it is over."""
        return any(text.endswith(OVER) for text in self.session.answer.texts)

    async def cancel(self) -> None:
        """Press Cancel, and look on until the page says so."""
        button = self.session.talk.seen("button", "Cancel")
        if button is None:
            raise Unchanged("it can neither be awaited nor cancelled")
        await self.session.do(button, True)
        until = time.perf_counter() + CANCELLING
        while not self.over() and self.session.talk.timers:
            if time.perf_counter() > until:
                raise Unchanged("it was cancelled and goes on")
            await self.look()


class Train(Job):
    """A short training of a denoiser on the digits that are always there."""

    page, tab = "denoiser", "Train your own"

    async def bring(self) -> None:
        chosen = self.session.talk.find("selectbox", "Train on")
        await self.session.do(chosen, data.info("digits").title)

    def settings(self) -> list[tuple[str, float]]:
        return [*super().settings(), ("Epochs", 5.0)]

    def finish(self, answer: Answer) -> None:
        if not any(name.startswith("Sample sheet") for name in answer.pictures):
            raise Unchanged("no sample sheet came")


class Dream(Job):
    """One dream on the picture that comes with the lab."""

    page, button = "deepdream", "Dream"

    async def bring(self) -> None:
        element = self.session.talk.find("number_input", "Seed")
        await self.session.do(element, float(self.rng.randrange(1, 10**6)))

    def settings(self) -> list[tuple[str, float]]:
        return []

    def over(self) -> bool:
        texts, drawn = self.session.answer.texts, self.session.answer.drawn
        kept = any(e.label == "PNG with its recipe" for e in drawn)
        return kept or any(text.startswith("Cancelled") for text in texts)

    async def saw(self, answer: Answer) -> None:
        for element in answer.drawn:
            if element.label == "compare":
                await self._preview(element)

    async def _preview(self, element: Element) -> None:
        after = element.data()["after"]
        if after != getattr(self, "_after", ""):
            self._after = after
            await self.room.timed("dream: preview", lambda: self._picture(after))

    async def _picture(self, path: str) -> str | None:
        try:
            content = await self.session.fetch(path)
        except Said as error:
            if "404" in str(error) and path.endswith("preview.png"):
                return "dream: preview that was gone"  # the dream ended in between
            raise
        if not content.startswith(b"\x89PNG"):
            raise Unchanged("no picture came")
        return None


class Teach(Job):
    """A zip with two classes of pictures, and a head that is taught them."""

    page, tab = "transfer_classifier", "Your pictures"

    async def bring(self) -> None:
        find = self.session.talk.find
        await self.session.upload(find("file_uploader", "Zip file"), "shapes.zip", self._zip())
        answer = await self.session.do(find("button", "Import"), True)
        if not any("is ready" in text for text in answer.texts):
            raise Unchanged("the pictures were not taken in")
        await self.session.do(find("tab_container", ""), "Teach")

    def _zip(self) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for kind, name in enumerate(("discs", "boxes")):
                for i in range(EACH):
                    archive.writestr(f"{name}/{i}.png", drawn(self.rng, 128, kind))
        return file.getvalue()
