"""What a browser says to Streamlit and hears of it, without a browser and without a socket.

`Conversation` turns what a visitor does into messages and what comes back into elements; whoever
holds one carries the bytes. It sends the state of those widgets that were touched, where a browser
repeats the others' as well.
"""

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zlib import crc32

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

SOCKET = "/_stcore/stream"
PATIENCE = 60.0
UNFINISHED = ForwardMsg.FINISHED_EARLY_FOR_RERUN
KEPT_RUNS = 2
"""Large messages are remembered for so many runs (`global.maxCachedMessageAge`)."""
ERROR = 1
"""The format of `st.error` among the alerts."""
LOOKS = re.compile(r'data-slider="([^"]+)" [^>]*data-looks="([^"]+)"')
LISTS = ("button_group", "multiselect")
TEXTS = ("selectbox", "text_input", "text_area", "tab_container")


@dataclass(frozen=True)
class Element:
    """Something on the page: its kind, its message, and the fragment that it belongs to.

    Of HTML only the pictures are kept: a number for the bytes or the address of each, by `alt`.
    """

    kind: str
    body: Any
    fragment: str = ""
    pictures: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What is written beside it; the component's name; nothing for what has none."""
        if self.kind == "bidi_component":
            return str(self.body.component_name)
        return str(getattr(self.body, "label", ""))

    def data(self) -> dict[str, Any]:
        """What a component of ours was given."""
        result: dict[str, Any] = json.loads(self.body.json)
        return result


@dataclass(frozen=True)
class Answer:
    """What one run drew, the seconds from the request to its end, and the bytes it took."""

    drawn: list[Element]
    seconds: float
    size: int

    @property
    def pictures(self) -> dict[str, int]:
        """Of all that was drawn in HTML, by `alt`."""
        return {alt: n for element in self.drawn for alt, n in element.pictures.items()}

    @property
    def errors(self) -> list[str]:
        """The sentences in red on the page."""
        result = []
        for element in self.drawn:
            if element.kind == "alert" and element.body.format == ERROR:
                result.append(str(element.body.body))
            elif element.kind == "exception":
                result.append(f"{element.body.type}: {element.body.message}")
        return result

    @property
    def texts(self) -> list[str]:
        """What stands there in words: markdown, badges, progress, notes."""
        kinds = {"markdown": "body", "alert": "body", "progress": "text"}
        return [str(getattr(e.body, kinds[e.kind])) for e in self.drawn if e.kind in kinds]


class Conversation:
    """One session of one page: what a browser would know of it.

    Args:
        page: its name in the URL.
        query: the parameters in the URL.
    """

    def __init__(self, page: str, query: dict[str, str] | None = None) -> None:
        self.page, self.query = page, dict(query or {})
        self.session_id = self.script_hash = ""
        self.widgets: dict[str, Element] = {}
        self.timers: dict[str, float] = {}
        """Fragments that run by themselves, with their seconds."""
        self.looks: dict[str, str] = {}
        """Where what a slider would show is to be had, by its label."""
        self._places: list[FileURLs] = []
        self._values: dict[str, WidgetState] = {}
        self._cache: dict[str, tuple[Element, int]] = {}
        self._runs = 0
        self._begin()

    def _begin(self) -> None:
        self._drawn: list[Element] = []
        self._size, self._began = 0, time.perf_counter()

    # ---- saying

    def find(self, kind: str, label: str) -> Element:
        """The widget that was drawn last. Raises LookupError when there is none."""
        result = self.seen(kind, label)
        if result is None:
            raise LookupError(f"/{self.page} has no {kind} called {label}")
        return result

    def seen(self, kind: str, label: str) -> Element | None:
        """The same, or None."""
        every = reversed(self.widgets.values())
        return next((e for e in every if e.kind == kind and e.label == label), None)

    def ask(self, *done: WidgetState, fragment: str = "", timer: bool = False) -> bytes:
        """The message for a run: of everything, or of a fragment, after something was `done`."""
        states = {**self._values, **{state.id: state for state in done}}
        lasting = ("trigger_value", "json_trigger_value")
        self._values = {i: s for i, s in states.items() if s.WhichOneof("value") not in lasting}
        state = ClientState(
            query_string=urlencode(self.query),
            page_script_hash=self.script_hash,
            page_name="" if self.script_hash else self.page,
            fragment_id=fragment,
            is_auto_rerun=timer,
            cached_message_hashes=list(self._cache),
        )
        state.widget_states.widgets.extend(states.values())
        self._begin()
        return BackMsg(rerun_script=state).SerializeToString()

    def announce(self, name: str) -> bytes:
        """The message that asks where a file may go; for `hear_place`."""
        message = BackMsg()
        message.file_urls_request.request_id = name
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self.session_id
        return message.SerializeToString()

    def set(self, element: Element, value: Any) -> WidgetState:
        """A value of a widget as the browser says it, in the URL too; True presses a button."""
        state, body, kind = WidgetState(id=element.body.id), element.body, element.kind
        if kind == "button":
            state.trigger_value = True
        elif kind == "bidi_component":
            before = self._values.get(body.id)
            said = json.loads(before.json_value) if before else {}
            state.json_value = json.dumps(said | value)
        elif kind == "file_uploader":
            state.file_uploader_state_value.uploaded_file_info.extend(value)
        elif kind == "slider" and not body.options:
            state.double_array_value.data.append(value)
        elif kind in LISTS or kind == "slider":
            state.string_array_value.data.append(str(value))
        elif kind in TEXTS:
            state.string_value = str(value)
        elif kind == "number_input":
            state.double_value = value
        else:
            raise TypeError(f"a {kind} cannot be set")
        if key := getattr(body, "query_param_key", ""):
            self.query[key] = f"{value:g}" if isinstance(value, float) else str(value)
        return state

    def forget(self) -> None:
        """Another socket: the server has sent nothing over it yet."""
        self._cache.clear()
        self.timers.clear()

    # ---- hearing

    def hear(self, received: bytes) -> Answer | None:
        """Take a message in; give the answer when it says that a run has ended.

        Raises RuntimeError when the script cannot be run at all.
        """
        self._size += len(received)
        message = ForwardMsg.FromString(received)
        kind = message.WhichOneof("type")
        if kind == "delta":
            self._draw(message.delta, message)
        elif kind == "ref_hash":
            element, _ = self._cache[message.ref_hash]
            self._cache[message.ref_hash] = element, self._runs
            self._keep(element)
        elif kind == "new_session":
            self._new(message)
        elif kind == "navigation":
            self.script_hash = message.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = dict(parse_qsl(message.page_info_changed.query_string))
        elif kind == "auto_rerun":
            self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            for name in message.stop_auto_rerun.fragment_ids:
                self.timers.pop(name, None)
        elif kind == "file_urls_response":
            self._places.extend(message.file_urls_response.file_urls)
        elif kind == "script_finished":
            return self._finish(message.script_finished)
        return None

    def hear_place(self, received: bytes) -> FileURLs | None:
        """Take a message in; give where a file that was announced may go, once it is said."""
        self.hear(received)
        return self._places.pop() if self._places else None

    def _new(self, message: ForwardMsg) -> None:
        session = message.new_session
        self.script_hash = session.page_script_hash
        if session.initialize.session_id:
            self.session_id = session.initialize.session_id
        self._fragments = list(message.metadata.run.fragment_ids)
        if not self._fragments:
            self.timers.clear()

    def _draw(self, delta: Delta, message: ForwardMsg) -> None:
        if delta.WhichOneof("type") == "add_block":
            block = delta.add_block
            if block.WhichOneof("type") == "tab_container" and block.tab_container.id:
                self._keep(Element("tab_container", block.tab_container, delta.fragment_id))
            return
        kind = delta.new_element.WhichOneof("type")
        if kind is None:
            return
        body, pictures = getattr(delta.new_element, kind), {}
        if kind == "html":
            self.looks.update(LOOKS.findall(body.body))
            pictures, body = _pictures(body.body), None
        elif kind == "imgs":
            pictures = {f"image {i}": crc32(p.url.encode()) for i, p in enumerate(body.imgs)}
        element = Element(kind, body, delta.fragment_id, pictures)
        if message.metadata.cacheable:
            self._cache[message.hash] = element, self._runs
        self._keep(element)

    def _keep(self, element: Element) -> None:
        self._drawn.append(element)
        if name := getattr(element.body, "id", ""):
            self.widgets.pop(name, None)  # the last drawn stands last
            self.widgets[name] = element

    def _finish(self, how: int) -> Answer | None:
        if how == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            raise RuntimeError("the script has an error")
        if how == UNFINISHED:
            return None
        self._runs += 1
        self._cache = {
            name: (element, last)
            for name, (element, last) in self._cache.items()
            if self._runs - last <= KEPT_RUNS
            or (self._fragments and element.fragment not in self._fragments)
        }
        seconds = time.perf_counter() - self._began
        return Answer(self._drawn, seconds, self._size)


def _pictures(text: str) -> dict[str, int]:
    """A number for each picture in HTML, by what it is called; others of its name are counted."""
    result: dict[str, int] = {}
    for part in text.split("<img ")[1:]:
        source, _, rest = part.partition('src="')[2].partition('"')
        name = rest.partition('alt="')[2].partition('"')[0]
        count = 2
        while name in result and f"{name} ({count})" in result:
            count += 1
        result[f"{name} ({count})" if name in result else name] = crc32(source.encode())
    return result


# ---- what whoever carries the bytes needs


def at(slider: Element, place: float) -> float:
    """The value of a slider at a share of its range, on one of its steps."""
    low, high, step = slider.body.min, slider.body.max, slider.body.step
    return min(high, low + round((high - low) * place / step) * step)


def cookies(given: Iterable[str]) -> dict[str, str]:
    """Names and values that were set."""
    parts = (cookie.split(";")[0].partition("=") for cookie in given)
    return {name: value for name, _, value in parts}


def cookie_header(known: dict[str, str]) -> dict[str, str]:
    """The header that gives cookies back."""
    result = "; ".join(f"{name}={value}" for name, value in known.items())
    return {"Cookie": result} if result else {}
