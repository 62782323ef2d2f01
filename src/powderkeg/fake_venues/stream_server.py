"""The WebSocket half of a fake venue."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from powderkeg.fake_venues.dialect import Dialect
from powderkeg.fake_venues.faults import Fault, Faults, with_unknown_fields

_QUIET = frozenset({"unacknowledged", "silent"})


@dataclass(slots=True)
class _Client:
    connection: ServerConnection
    fault: Fault | None
    path: str
    channels: set[str] = field(default_factory=set)
    sent: int = 0
    held: bytes | None = None
    gone: bool = False


class FakeStreamServer:
    """Speaks a dialect's stream on a port of this machine's loopback; use it as a context manager.

    It runs in a thread of its own; methods are for other threads.

    Attributes
    ----------
    url
        Base url, known once entered.
    connections
        How many clients have connected so far.
    """

    def __init__(self, dialect: Dialect, faults: Faults, port: int = 0) -> None:
        self.url = ""
        self.connections = 0
        self._dialect = dialect
        self._faults = faults
        self._port = port
        self._clients: list[_Client] = []
        self._loop = asyncio.new_event_loop()
        self._subscribed = threading.Condition()
        self._stop = asyncio.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def wait_for(self, channels: Iterable[str], timeout: float = 30.0) -> bool:
        """Wait until every one of these channels has a subscriber; return whether that came in time."""
        wanted = set(channels)
        with self._subscribed:
            return self._subscribed.wait_for(lambda: wanted <= self._served(), timeout)

    def send(self, frames: Sequence[tuple[str, bytes]], path: str = "", timeout: float = 60.0) -> int:
        """Send frames to those who subscribed to their channels, in order; return how many went out.

        Only clients that connected to a path that begins with `path` are served.
        """
        return asyncio.run_coroutine_threadsafe(self._send(frames, path), self._loop).result(timeout)

    def disconnect(self) -> None:
        """Break every connection without a farewell."""
        asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result(30)

    def _served(self) -> set[str]:
        served: set[str] = set()
        for client in self._clients:
            if not client.gone and not (client.fault and client.fault.kind == "unacknowledged"):
                served |= client.channels
        return served

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve(ready))
        finally:
            self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        server: Server
        async with serve(
            self._handle,
            "127.0.0.1",
            self._port,
            compression=None,
            max_queue=None,
            ping_interval=None,
            close_timeout=0.2,
            process_request=self._admit,
        ) as server:
            self.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            ready.set()
            await self._stop.wait()
            for client in self._clients:
                client.connection.transport.abort()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        fault = self._faults.next_stream(request.path)
        if fault is not None and fault.kind == "refused":
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "try later\n")
        self._clients.append(_Client(connection, fault, request.path))
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        client = next(client for client in self._clients if client.connection is connection)
        self.connections += 1
        self._serve_channels(client, self._dialect.opened(client.path))
        try:
            async for message in connection:
                heard = self._dialect.heard(message if isinstance(message, bytes) else message.encode())
                if client.fault and client.fault.kind == "unacknowledged":
                    continue
                for reply in heard.replies:
                    await connection.send(reply, text=True)
                self._serve_channels(client, heard.channels)
        except ConnectionClosed:
            pass
        finally:
            client.gone = True
            self._clients.remove(client)

    def _serve_channels(self, client: _Client, channels: Iterable[str]) -> None:
        with self._subscribed:
            client.channels.update(channels)
            self._subscribed.notify_all()

    async def _send(self, frames: Sequence[tuple[str, bytes]], path: str) -> int:
        count = 0
        for channel, frame in frames:
            for client in list(self._clients):
                if channel in client.channels and client.path.startswith(path) and not client.gone:
                    # A client that breaks away takes nothing from the others.
                    with contextlib.suppress(ConnectionClosed):
                        await self._send_one(client, frame)
                        count += 1
        return count

    async def _send_one(self, client: _Client, frame: bytes) -> None:
        fault = client.fault
        kind = fault.kind if fault else ""
        if kind in _QUIET:
            return
        if fault and kind in {"disconnect", "black_hole", "malformed"} and client.sent == fault.after:
            client.sent += 1
            if kind == "disconnect":
                client.gone = True
                client.connection.transport.abort()
                return
            if kind == "black_hole":
                client.gone = True
                client.connection.transport.pause_reading()
                return
            await client.connection.send(frame[: len(frame) // 2], text=True)
            return
        client.sent += 1
        if kind == "unknown_fields":
            frame = with_unknown_fields(frame)
        if kind == "out_of_order":
            if client.held is None:
                client.held = frame
                return
            await client.connection.send(frame, text=True)
            frame, client.held = client.held, None
        await client.connection.send(frame, text=True)
        if kind == "duplicates":
            await client.connection.send(frame, text=True)

    async def _disconnect(self) -> None:
        for client in list(self._clients):
            client.gone = True
            client.connection.transport.abort()
