"""What stands before the first request: connections that keep a server busy and ask nothing are cut."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from powderkeg.server.answers import JSON, json_bytes
from powderkeg.server.problems import RequestError, problem_object
from powderkeg.server.request_guard import SAFE_HEADERS
from powderkeg.server.server_rules import ServerRules

_LEAVING = 64
"""WebSockets beyond the stream's clients: room for those who are being told that there is none."""


def connection_options(rules: ServerRules) -> dict[str, Any]:
    """Return the keyword arguments of ``uvicorn.run`` and ``uvicorn.Config`` by which `rules` hold."""

    class Http(GuardedHttp):
        limits = rules

    class WebSocket(GuardedWebSocket):
        limits = rules

    return {
        "http": Http,
        "ws": WebSocket,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "log_level": "warning",
        "timeout_keep_alive": rules.idle_seconds,
        "timeout_graceful_shutdown": 5,
        "ws_ping_interval": rules.ping_seconds,
        "ws_ping_timeout": rules.ping_seconds,
        # A message goes to every client: compressing it for each would keep all of them waiting.
        "ws_per_message_deflate": False,
        "ws_max_size": 2**16,
    }


class _SendsInTime(asyncio.Protocol):
    """Aborts a connection whose peer does not take what it is sent, also while it is being closed."""

    limits: ClassVar[ServerRules]
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, with every byte that the kernel does not take counting as not taken."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Begin to count, when the peer does not keep up."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.sending_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop counting, when it has taken everything."""
        super().resume_writing()
        self._stop(self._stalled)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop(self._stalled)
        super().connection_lost(exc)

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class GuardedWebSocket(_SendsInTime, WebSocketsSansIOProtocol):
    """A WebSocket; pings find out who is gone."""


class GuardedHttp(_SendsInTime, H11Protocol):
    """HTTP with a deadline for the headers of a request, and room for those who ask.

    A request whose headers are not complete in time is answered with 408; a connection that says nothing is
    closed. Where there are too many connections, the one that has been idle longest makes room: of the same
    address, or of any where all are too many. Who is being answered is never cut for another. WebSockets do
    not count among these connections, so that neither takes the other's room.
    """

    _deadline: asyncio.TimerHandle | None = None
    idle_since = 0.0
    """Seconds of the event loop at which it began to wait for a request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the time for headers, and make room."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        self._await_headers()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Read; the time for the headers of a later request begins with its first byte."""
        super().data_received(data)
        if not self.is_idle:
            self._stop(self._deadline)
            self._deadline = None
        elif self._deadline is None:
            self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop(self._deadline)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request; what is left of a body is not read."""
        super().on_response_complete()
        self.idle_since = self.loop.time()
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection to a WebSocket, or refuse it where there are too many."""
        streams = sum(not isinstance(one, H11Protocol) for one in self.connections)
        if streams >= self.limits.stream_clients + _LEAVING:
            self._refuse(RequestError(503, "busy", "too many WebSockets are open; try again later"))
            return
        self._stop(self._deadline)
        self._stop(self._stalled)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(RequestError(400, "bad_http", msg))

    @property
    def is_idle(self) -> bool:
        """Whether no request has come, or none since the last was answered."""
        return self.conn.their_state is h11.IDLE and not self.transport.is_closing()

    @property
    def is_gone(self) -> bool:
        """Whether it is being closed, with nothing left to send."""
        return self.transport.is_closing() and not self.transport.get_write_buffer_size()

    @property
    def address(self) -> str:
        """Where the client is; empty where that is not known."""
        return self.client[0] if self.client else ""

    def cut(self, reason: str) -> None:
        """Close while idle, with an answer for who has begun to ask."""
        if self.is_idle and self.conn.trailing_data[0]:
            self._refuse(RequestError(408, "too_slow", reason))
        elif self.is_idle:
            self.transport.close()

    def _await_headers(self) -> None:
        seconds = self.limits.header_seconds
        self._deadline = self.loop.call_later(
            seconds, self.cut, f"the headers of the request did not come within {seconds:g} s"
        )

    def _make_room(self) -> None:
        connected = [one for one in self.connections if isinstance(one, GuardedHttp) and not one.is_gone]
        near = [one for one in connected if one.address == self.address]
        for crowd, most in (
            (near, self.limits.connections_per_address),
            (connected, self.limits.connections),
        ):
            if len(crowd) <= most:
                continue
            idle = [one for one in crowd if one.is_idle and one is not self]
            if not idle:
                self._refuse(RequestError(503, "busy", "too many connections are open; try again later"))
                return
            min(idle, key=lambda one: one.idle_since).cut("others asked before the request was complete")

    def _refuse(self, problem: RequestError) -> None:
        """Answer, where no other answer has begun, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json_bytes(problem_object(problem))
            headers = [
                (b"content-type", JSON.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                *SAFE_HEADERS,
            ]
            for event in (
                h11.Response(status_code=problem.status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
