"""Recording from a fake venue inside a test: start, wait for what is safe, stop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from powderkeg.fake_venues.fake_venue import FakeVenue
from powderkeg.ingest.recorder import Recorder
from powderkeg.ingest.recorder_settings import RecorderSettings, RecorderStatus
from powderkeg.ingest.venue_client import Patience, VenueClient
from powderkeg.ingest.watchfulness import Watchfulness
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Instrument
from powderkeg.venues.venue import Venue

QUICK = RecorderSettings(
    flush=0.02,
    books_every=1,
    compact=False,
    watchfulness=Watchfulness(
        opening=10,
        acknowledging=10,
        quiet=30,
        silence=1.0,
        protocol_ping=10,
        look=0.05,
        first_wait=0.02,
        longest_wait=0.1,
        healthy=60,
    ),
)
PATIENCE = Patience(attempts=2, first_wait=0.01, longest_wait=0.02, connect=2, read=2, whole=5)


class Recording:
    """A recorder in a thread of its own; leaving the context stops it."""

    def __init__(
        self,
        venue: Venue,
        fake: FakeVenue,
        lake: Lake,
        instruments: Mapping[str, Instrument],
        tables: Sequence[str],
        settings: RecorderSettings = QUICK,
        *,
        symbols: Sequence[str] = (),
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = VenueClient(venue, fake.urls(venue.urls), PATIENCE)
        self.recorder = Recorder(
            self._client, lake, symbols or list(instruments), instruments, tables, settings, clock=clock
        )
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    @property
    def status(self) -> RecorderStatus:
        return self.recorder.status

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped()
        self._loop.close()
        if self.error is not None and error is None:
            raise self.error

    @contextmanager
    def failing(self, kind: type[Exception], words: str) -> Iterator[None]:
        """Record for the length of a block; it must end in an error of this kind, with these words."""
        with self:
            yield
            self._stopped()
            error, self.error = self.error, None
        assert isinstance(error, kind)
        assert words in str(error)

    def until(self, condition: Callable[[RecorderStatus], bool], timeout: float = 20.0) -> RecorderStatus:
        """Wait until the recorder's own status says so."""
        deadline = time.monotonic() + timeout
        while not condition(self.status):
            assert time.monotonic() < deadline, self.status
            assert self._thread.is_alive(), (self.error, self.status)
            time.sleep(0.005)
        return self.status

    def rows(self, table: str) -> int:
        return sum(counts.rows_of(table) for counts in self.status.connections)

    def _stopped(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)

    def _run(self) -> None:
        async def run() -> None:
            async with self._client:
                await self.recorder.run(self._stop)

        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(run())
        except BaseException as error:
            self.error = error


def patient(settings: RecorderSettings = QUICK, **watchfulness: float) -> RecorderSettings:
    """Return settings with other watchfulness."""
    return replace(settings, watchfulness=replace(settings.watchfulness, **watchfulness))
