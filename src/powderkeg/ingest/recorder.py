"""Recording one venue: its streams and polls, written ahead, watched, and moved into the lake's tables."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from powderkeg.errors import InputError
from powderkeg.ingest.connection_plan import ConnectionPlan, connection_plans
from powderkeg.ingest.live_compaction import CompactedSegment, compact_segment, finished_segments
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.segment_notes import BOOKS, NOTES, OTHER
from powderkeg.ingest.segment_rows import ChannelMeaning, segment_metadata
from powderkeg.ingest.segment_sink import SegmentSink
from powderkeg.ingest.state_polls import StatePolls, poll_stream, polled_sources
from powderkeg.ingest.stream_connection import StreamConnection, Watchfulness
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import SegmentHeader
from powderkeg.model.instrument import Instrument
from powderkeg.venues.asking import Record

_MEBIBYTE = 2**20
_SECOND_NS = 1_000_000_000
POLLS = "polls"


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """How a recorder weighs memory, disk and delay.

    Attributes
    ----------
    flush
        Seconds between two groups made safe on disk: what a crash can cost.
    memory
        Bytes of frames that each connection may hold in memory.
    segment_bytes, segment_seconds
        When a segment is finished and moved into tables.
    books_every
        ms between two snapshots of one order book in the tables; every message is in the archive.
    watchfulness
        When connections are taken for dead.
    compact
        Whether finished segments are moved into tables while recording; otherwise the next run does it.
    """

    flush: float = 0.1
    memory: int = 64 * _MEBIBYTE
    segment_bytes: int = 64 * _MEBIBYTE
    segment_seconds: float = 300.0
    books_every: int = 10_000
    watchfulness: Watchfulness = field(default_factory=Watchfulness)
    compact: bool = True


@dataclass(slots=True)
class RecorderStatus:
    """What a recorder is doing; the same object for as long as it runs.

    Attributes
    ----------
    venue, symbols, tables
        What it records.
    connections
        Its connections, the polls last.
    segments, compacted_rows
        Segments moved into tables, and rows written, by table.
    unreadable_bytes
        What crashes left at the ends of segments.
    """

    venue: str
    symbols: tuple[str, ...]
    tables: tuple[str, ...]
    connections: list[ConnectionCounts] = field(default_factory=list)
    segments: int = 0
    compacted_rows: dict[str, int] = field(default_factory=dict)
    unreadable_bytes: int = 0


class Recorder:
    """Records these tables of these instruments of one venue until it is told to stop.

    Parameters
    ----------
    client
        The venue, opened; its urls are those of the streams, too.
    lake
        Where everything goes.
    symbols
        As the venue spells them.
    instruments
        Everything that the venue lists: channels for all instruments carry all of them.
    tables
        Names.
    settings
        See there.
    heard
        Called with the records of each frame at once, before they are safe.
    clock
        UTC ns.

    Raises
    ------
    InputError
        Nothing of this is streamed or told by the venue.
    """

    def __init__(
        self,
        client: VenueClient,
        lake: Lake,
        symbols: Sequence[str],
        instruments: Mapping[str, Instrument],
        tables: Sequence[str],
        settings: RecorderSettings = RecorderSettings(),
        *,
        heard: Callable[[Sequence[Record]], None] = lambda _: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._lake = lake
        self._symbols = tuple(symbols)
        self._instruments = instruments
        self._settings = settings
        self._heard = heard
        self._clock = clock
        self._plans = connection_plans(client.venue, symbols, tables)
        self._polled = polled_sources(client.venue, tables)
        self._finished: asyncio.Queue[Path] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        if not self._plans and not self._polled:
            raise InputError(
                f"tables: {client.venue.title} neither streams nor tells any of {', '.join(tables)}"
            )
        self.status = RecorderStatus(client.venue.name, self._symbols, tuple(tables))
        self._sinks: list[SegmentSink] = []
        self._workers: list[StreamConnection | StatePolls] = [self._connection(plan) for plan in self._plans]
        if self._polled:
            self._workers.append(self._polls())

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set; what was received is then safe and in the tables.

        Raises
        ------
        LakeError
            The lake cannot be written; what was acknowledged before is safe.
        """
        self._loop = asyncio.get_running_loop()
        with _compactor(self._settings.compact) as executor:
            for path in finished_segments(self._lake.root, self._client.venue.name):
                self._finished.put_nowait(path)
            try:
                await self._until(stop, executor)
            finally:
                for sink in self._sinks:
                    await sink.close()
                self._acknowledge()
            await asyncio.sleep(0)  # let the last segments be announced
            while executor is not None and not self._finished.empty():
                await self._compact_next(executor)

    async def _until(self, stop: asyncio.Event, executor: Executor | None) -> None:
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        tasks.append(asyncio.create_task(self._flush()))
        if executor is not None:
            tasks.append(asyncio.create_task(self._compact(executor)))
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # only an error ends one of them
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(self._settings.flush)
            await asyncio.gather(*(sink.flush() for sink in self._sinks))
            self._acknowledge()

    def _acknowledge(self) -> None:
        for counts, sink in zip(self.status.connections, self._sinks, strict=True):
            counts.acknowledged = sink.safe

    async def _compact(self, executor: Executor) -> None:
        while True:
            await self._compact_next(executor)

    async def _compact_next(self, executor: Executor) -> None:
        path = await self._finished.get()
        work = asyncio.get_running_loop().run_in_executor(executor, compact_segment, self._lake.root, path)
        compacted: CompactedSegment = await asyncio.shield(work)
        self.status.segments += 1
        self.status.unreadable_bytes += compacted.unreadable_bytes
        for table, rows in compacted.rows.items():
            self.status.compacted_rows[table] = self.status.compacted_rows.get(table, 0) + rows

    def _connection(self, plan: ConnectionPlan) -> StreamConnection:
        meanings = {
            channel.name: ChannelMeaning(channel.feed.tables, channel.symbols) for channel in plan.channels
        }
        sink = self._sink(plan.name, [BOOKS, *meanings], meanings)
        self._sinks.append(sink)
        counts = self._counts(plan.name)
        venue = self._client.venue
        return StreamConnection(
            venue,
            plan,
            self._client.urls.get(plan.host) or venue.urls[plan.host],
            self._instruments,
            sink,
            counts,
            watchfulness=self._settings.watchfulness,
            books_every=self._settings.books_every,
            heard=self._heard,
            clock=self._clock,
        )

    def _polls(self) -> StatePolls:
        meanings = {}
        for source in self._polled:
            if source.whole_venue:
                meanings[poll_stream(source, None)] = ChannelMeaning((source.table,), self._symbols)
            else:
                for symbol in self._symbols:
                    stream = poll_stream(source, self._instruments[symbol])
                    meanings[stream] = ChannelMeaning((source.table,), (symbol,))
        sink = self._sink(POLLS, list(meanings), meanings)
        self._sinks.append(sink)
        return StatePolls(
            self._client,
            self._polled,
            self._symbols,
            self._instruments,
            sink,
            self._counts(POLLS),
            heard=self._heard,
            clock=self._clock,
        )

    def _sink(
        self, connection: str, streams: Sequence[str], meanings: Mapping[str, ChannelMeaning]
    ) -> SegmentSink:
        metadata = segment_metadata(self._instruments, meanings)
        names = (NOTES, OTHER, *streams)

        def header(started: int) -> SegmentHeader:
            return SegmentHeader(self._client.venue.name, connection, started, names, metadata)

        return SegmentSink(
            self._lake.root,
            header,
            limit=self._settings.memory,
            largest=self._settings.segment_bytes,
            oldest=int(self._settings.segment_seconds * _SECOND_NS),
            finished=self._announce,
            clock=self._clock,
        )

    def _announce(self, path: Path) -> None:
        """Queue a finished segment; sinks call from their threads."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._finished.put_nowait, path)

    def _counts(self, name: str) -> ConnectionCounts:
        counts = ConnectionCounts(self._client.venue.name, name)
        self.status.connections.append(counts)
        return counts


@contextmanager
def _compactor(wanted: bool) -> Iterator[Executor | None]:
    """Yield a process of its own for compaction, so that no frame waits for it; None if it is not wanted."""
    if not wanted:
        yield None
        return
    # Polars and fork do not go together.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor
