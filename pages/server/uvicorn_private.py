"""Every part of uvicorn that is not its public interface and is used here.

uvicorn has no time-out for a request's headers, and under `streamlit run` the size of a WebSocket's
messages from the browser cannot be set apart from that of those to it. As with Streamlit's,
`tests/pages/test_private_parts.py` names the version.
"""

import asyncio
from functools import wraps
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEADERS_WITHIN = 15.0
"""Seconds that a request's line and headers may take; as in tests/hosting/nginx.conf."""


def bound_headers(seconds: float = HEADERS_WITHIN) -> None:
    """From now on hang up on connections whose next request does not come within `seconds`; a slow
    body or answer is none of this."""
    protocol: Any = AutoHTTPProtocol
    made = getattr(protocol.connection_made, "__wrapped__", protocol.connection_made)

    @wraps(made)
    def connection_made(self: Any, transport: asyncio.Transport) -> None:
        made(self, transport)
        self.loop.call_later(seconds, look, self, None)

    def look(self: Any, before: object) -> None:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return  # gone, or a WebSocket by now
        waits = self.cycle is None or self.cycle.response_complete
        if waits and self.cycle is before:
            self.transport.close()
        else:
            self.loop.call_later(seconds, look, self, self.cycle if waits else self)

    protocol.connection_made = connection_made


def bound_frames(most: int) -> None:
    """From now on WebSockets end with 1009 as soon as a message is announced as larger than `most`
    bytes; nothing of it is read."""
    protocol: Any = WebSocketsSansIOProtocol
    begun = getattr(protocol.__init__, "__wrapped__", protocol.__init__)

    @wraps(begun)
    def begin(self: Any, *arguments: Any, **named: Any) -> None:
        begun(self, *arguments, **named)
        before = self.conn.max_message_size
        self.conn.max_message_size = most if before is None else min(most, before)

    protocol.__init__ = begin
