"""What a recorder has to ask for again and again, because the venue does not stream it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from powderkeg.errors import PayloadError, VenueError
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.segment_notes import Listening, Lost
from powderkeg.ingest.segment_rows import POLL
from powderkeg.ingest.segment_sink import SegmentSink
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.model.instrument import Instrument
from powderkeg.venues.asking import Record, Request, SnapshotSource
from powderkeg.venues.venue import Venue

_MILLISECOND = 1_000_000


def polled_sources(venue: Venue, tables: Iterable[str]) -> list[SnapshotSource]:
    """Return the states to ask for again and again: of these tables, those that the venue does not stream."""
    streamed = {table for feed in venue.stream.feeds for table in feed.tables}
    wanted = set(tables) - streamed
    return [source for source in venue.snapshots if source.table in wanted and source.poll]


def poll_stream(source: SnapshotSource, instrument: Instrument | None) -> str:
    """Return the name of the stream that the answers are written to."""
    return f"{POLL}{source.table}" + (f":{instrument.symbol}" if instrument else "")


class StatePolls:
    """Asks one venue for its states, each at its own pace, and hands the answers to a sink as they came.

    A state is listened to from one answer to the next: when one fails, nothing is known from the last good
    one until the next.
    """

    def __init__(
        self,
        client: VenueClient,
        sources: Sequence[SnapshotSource],
        wanted: Sequence[str],
        instruments: Mapping[str, Instrument],
        sink: SegmentSink,
        counts: ConnectionCounts,
        *,
        heard: Callable[[Sequence[Record]], None],
        clock: Callable[[], int],
    ) -> None:
        self._client = client
        self._sources = sources
        self._wanted = wanted
        self._instruments = instruments
        self._sink = sink
        self._counts = counts
        self._heard = heard
        self._clock = clock

    async def run(self) -> None:
        """Poll until cancelled."""
        self._counts.state = "listening"
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                if source.whole_venue:
                    group.create_task(self._poll(source, None))
                else:
                    for symbol in self._wanted:
                        group.create_task(self._poll(source, self._instruments[symbol]))

    async def _poll(self, source: SnapshotSource, instrument: Instrument | None) -> None:
        stream = poll_stream(source, instrument)
        number = self._sink.number(stream, stream)
        well = 0
        lost: tuple[int, str] | None = None
        while True:
            try:
                await self._ask(source, instrument, number)
            except VenueError as error:
                self._counts.trouble = str(error)
                if well:
                    now = self._clock() // _MILLISECOND
                    self._sink.note(Lost(now, {stream: well}, str(error)), self._clock())
                    lost, well = (well, str(error)), 0
            else:
                now = self._clock() // _MILLISECOND
                if not well:
                    after = {stream: lost} if lost else {}
                    self._counts.gaps += len(after)
                    self._sink.note(Listening(now, [stream], after), self._clock())
                well, lost = now, None
            await asyncio.sleep(source.poll / 1000)

    async def _ask(self, source: SnapshotSource, instrument: Instrument | None, number: int) -> None:
        request: Request | None = source.request(instrument)
        while request is not None:
            payload = await self._client.answer(request, bytes)
            now_ns = self._clock()
            now = now_ns // _MILLISECOND
            counts = self._counts
            counts.frames += 1
            counts.bytes += len(payload)
            counts.last_frame = now
            self._sink.buffer.offer(number, now_ns, payload)
            await self._sink.buffer.room()
            try:
                records = source.read(payload, self._instruments, now)
                request = source.following(payload, request) if source.following else None
            except PayloadError:
                counts.unreadable += 1
                raise
            for record in records:
                counts.rows[type(record.row)] += 1
            self._heard(records)
