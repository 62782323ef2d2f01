"""Hearing who trades: a venue's live trades, for the accounts that they name and for nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from powderkeg.ingest.census_progress import CensusProgress
from powderkeg.ingest.watchfulness import Watchfulness
from powderkeg.venues.venue import Venue

_AS_USUAL = Watchfulness()


class AccountStream:
    """Listens to the trades of some instruments and hands every frame on; nothing is kept of what is missed.

    An account whose trade was missed is found by its next one, or by being asked again.

    Parameters
    ----------
    venue, url
        Whose trades, and the base url of the stream.
    symbols
        Of which instruments.
    heard
        Called with each frame.
    progress
        Counts connections made again, and says what went wrong.
    watchfulness
        When a connection is dead, and how soon another is made.
    """

    def __init__(
        self,
        venue: Venue,
        url: str,
        symbols: Sequence[str],
        heard: Callable[[bytes], None],
        progress: CensusProgress,
        watchfulness: Watchfulness = _AS_USUAL,
    ) -> None:
        feed = next(one for one in venue.stream.feeds if "trades" in one.tables)
        self._channels = [feed.channel(symbol) for symbol in symbols]
        self._venue = venue
        self._url = url
        self._heard = heard
        self._progress = progress
        self._watchfulness = watchfulness

    async def run(self) -> None:
        """Listen until cancelled."""
        most = self._venue.stream.channels_per_connection
        async with asyncio.TaskGroup() as group:
            for first in range(0, len(self._channels), most):
                group.create_task(self._keep_up(self._channels[first : first + most]))

    async def _keep_up(self, channels: Sequence[str]) -> None:
        wait = self._watchfulness.first_wait
        while True:
            began = time.monotonic()
            try:
                await self._listen(channels)
            except (OSError, TimeoutError, WebSocketException) as error:
                self._progress.trouble = f"trades: {str(error) or type(error).__name__}"
            self._progress.reconnects += 1
            if time.monotonic() - began >= self._watchfulness.healthy:
                wait = self._watchfulness.first_wait
            await asyncio.sleep(wait)
            wait = min(2 * wait, self._watchfulness.longest_wait)

    async def _listen(self, channels: Sequence[str]) -> None:
        stream, patience = self._venue.stream, self._watchfulness
        async with connect(
            stream.url(self._url, channels),
            open_timeout=patience.opening,
            close_timeout=1,
            ping_interval=patience.protocol_ping,
            ping_timeout=patience.protocol_ping,
            compression=None,
            additional_headers=self._venue.headers,
        ) as socket:
            for message in stream.subscribe(channels):
                await socket.send(message, text=True)
            pinging = asyncio.create_task(self._ping(socket))
            try:
                while True:
                    # The venue's own pings, where it has them, make it say something.
                    # Not wait_for: before Python 3.12 it forgets a cancellation when a frame comes just then.
                    async with asyncio.timeout(patience.quiet):
                        frame = await socket.recv(decode=False)
                    self._heard(frame)
            finally:
                pinging.cancel()

    async def _ping(self, socket: ClientConnection) -> None:
        stream = self._venue.stream
        with contextlib.suppress(OSError, WebSocketException):  # whoever receives is told, too
            while stream.ping is not None:
                await asyncio.sleep(stream.ping_interval / 1000)
                await socket.send(stream.ping, text=True)
