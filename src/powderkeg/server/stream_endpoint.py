"""``/v1/stream``: map changes and liquidations pushed over a WebSocket."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from contextlib import suppress

import anyio
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from powderkeg.server.live_events import LiveEvent, LiveEvents, Subscription, sentence

_COINS = re.compile(r"[A-Za-z0-9]{1,20}(,[A-Za-z0-9]{1,20}){0,19}")
_SINCE = re.compile(r"[0-9a-f]{12}:[0-9]{1,15}")
_LAST_WORDS = 2.0  # seconds that a client who lags behind has to hear why it is dropped
_BAD_REQUEST, _TRY_LATER = 1008, 1013


def stream_router(live: LiveEvents) -> APIRouter:
    """Return the endpoint over `live`."""
    router = APIRouter()

    @router.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        given = socket.query_params
        coins, since = given.get("coins", ""), given.get("since")
        await socket.accept()
        if not _COINS.fullmatch(coins) or set(given) - {"coins", "since"}:
            await _leave(
                socket, "error", "coins: expected up to 20, as coins=BTC,ETH, and since", _BAD_REQUEST
            )
        elif since is not None and not _SINCE.fullmatch(since):
            await _leave(socket, "error", "since: expected the id of an event", _BAD_REQUEST)
        elif live.is_full:
            await _leave(socket, "error", "too many clients; try again later", _TRY_LATER)
        else:
            await _serve(socket, live, coins.upper().split(","), since)

    return router


async def _serve(socket: WebSocket, live: LiveEvents, coins: list[str], since: str | None) -> None:
    mine, missed = live.subscribe(coins, since)
    try:
        async with anyio.create_task_group() as group:

            async def first(work: Awaitable[object]) -> None:
                with suppress(WebSocketDisconnect):
                    await work
                group.cancel_scope.cancel()

            group.start_soon(first, _send(socket, live, mine, missed))
            group.start_soon(first, _until_gone(socket))
            group.start_soon(first, mine.overflowed.wait())
    finally:
        live.unsubscribe(mine)
    if mine.overflowed.is_set():
        with anyio.move_on_after(_LAST_WORDS), suppress(WebSocketDisconnect):
            reason = "too slow: ask again with since, the id of the last event that arrived"
            await _leave(socket, "dropped", reason, _TRY_LATER)


async def _send(
    socket: WebSocket, live: LiveEvents, mine: Subscription, missed: list[LiveEvent] | None
) -> None:
    """Greet, send what was missed or that it is lost, then everything as it comes."""
    await socket.send_text(
        sentence("hello", stream=live.stream, sequence=live.sequence, coins=sorted(mine.coins))
    )
    if missed is None:
        reason = "events after since are not kept any more: ask for the map again"
        await socket.send_text(sentence("reset", reason=reason))
    for event in missed or ():
        await socket.send_text(event.text)
    while True:
        event = await mine.queue.get()
        await socket.send_text(event.text)


async def _until_gone(socket: WebSocket) -> None:
    """Read and forget what the client says, until it leaves."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _leave(socket: WebSocket, kind: str, reason: str, code: int) -> None:
    await socket.send_text(sentence(kind, reason=reason))
    await socket.close(code)
