"""Recording from a fake venue inside a test: start, wait for what is safe, stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from ingest.threaded_run import ThreadedRun
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


class Recording(ThreadedRun[RecorderStatus]):
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
        super().__init__(VenueClient(venue, fake.urls(venue.urls), PATIENCE))
        self.recorder = Recorder(
            self._client, lake, symbols or list(instruments), instruments, tables, settings, clock=clock
        )

    @property
    def state(self) -> RecorderStatus:
        return self.status

    @property
    def status(self) -> RecorderStatus:
        return self.recorder.status

    async def work(self, stop: asyncio.Event) -> None:
        await self.recorder.run(stop)

    @contextmanager
    def failing(self, kind: type[Exception], words: str) -> Iterator[None]:
        """Record for the length of a block; it must end in an error of this kind, with these words."""
        with self:
            yield
            self.stopped()
            error, self.error = self.error, None
        assert isinstance(error, kind)
        assert words in str(error)

    def rows(self, table: str) -> int:
        return sum(counts.rows_of(table) for counts in self.status.connections)


def patient(settings: RecorderSettings = QUICK, **watchfulness: float) -> RecorderSettings:
    """Return settings with other watchfulness."""
    return replace(settings, watchfulness=replace(settings.watchfulness, **watchfulness))
