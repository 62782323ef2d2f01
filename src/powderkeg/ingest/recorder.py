"""Recording one venue: its streams and polls, written ahead, watched, and moved into the lake's tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from powderkeg.errors import InputError, LakeError, PowderkegError
from powderkeg.ingest.compaction_process import CompactionProcess
from powderkeg.ingest.connection_plan import ConnectionPlan, connection_plans
from powderkeg.ingest.live_compaction import finished_segments
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.recorder_settings import RecorderSettings, RecorderStatus
from powderkeg.ingest.segment_notes import BOOKS, NOTES, OTHER
from powderkeg.ingest.segment_rows import ChannelMeaning, segment_metadata
from powderkeg.ingest.segment_sink import SegmentSink
from powderkeg.ingest.state_polls import StatePolls, poll_stream, polled_sources
from powderkeg.ingest.stream_connection import StreamConnection
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.lake.segments import SegmentHeader
from powderkeg.model.instrument import Instrument
from powderkeg.venues.asking import Record

_SECOND_NS = 1_000_000_000
_AS_USUAL = RecorderSettings()
POLLS = "polls"


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
        settings: RecorderSettings = _AS_USUAL,
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
        self._plans = connection_plans(client.venue, [instruments[one] for one in symbols], tables)
        self._polled = polled_sources(client.venue, tables)
        self._finished: asyncio.Queue[Path | None] = asyncio.Queue()
        self._unmoved: dict[Path, str] = {}
        self._unmerged: dict[DatasetKey, str] = {}
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
            The lake cannot be written, and what was acknowledged before is safe; or, once stopped, segments
            could not be moved into tables: the next run tries again.
        """
        self._loop = asyncio.get_running_loop()
        for path in finished_segments(self._lake.root, self._client.venue.name):
            self._finished.put_nowait(path)
        with CompactionProcess(self._lake.root) as process:
            compacting = asyncio.create_task(self._compact(process))
            try:
                try:
                    await self._until(stop, compacting)
                finally:
                    await self._close()
                await asyncio.sleep(0)  # let the last segments be announced
                self._finished.put_nowait(None)
                await compacting
            finally:
                compacting.cancel()
                await asyncio.gather(compacting, return_exceptions=True)
        if self._unmoved:
            raise LakeError(self.status.trouble)

    async def _until(self, stop: asyncio.Event, compacting: asyncio.Task[None]) -> None:
        tasks = [asyncio.create_task(worker.run()) for worker in self._workers]
        tasks.append(asyncio.create_task(self._flush()))
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, compacting, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # only an error ends one of them
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _close(self) -> None:
        """Make everything safe, of each connection though another's fails, and then say what failed."""
        closed = await asyncio.gather(*(sink.close() for sink in self._sinks), return_exceptions=True)
        self._acknowledge()
        for counts in self.status.connections:
            if counts.state == "connecting" and not counts.trouble:
                counts.trouble = "it had not answered when the recording ended"
            counts.state = "stopped"
        for error in closed:
            if error is not None:
                raise error

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(self._settings.flush)
            await asyncio.gather(*(sink.flush() for sink in self._sinks))
            self._acknowledge()

    def _acknowledge(self) -> None:
        for counts, sink in zip(self.status.connections, self._sinks, strict=True):
            counts.acknowledged = sink.safe

    async def _compact(self, process: CompactionProcess) -> None:
        """Move segments into tables as they are finished, up to a None."""
        while (path := await self._finished.get()) is not None:
            if self._settings.compact and await self._moved(process, path):
                # What could not be moved before, as on a full disk, may be now.
                for one in list(self._unmoved):
                    await self._moved(process, one)

    async def _moved(self, process: CompactionProcess, path: Path) -> bool:
        """Move a segment and return True; if it cannot be, say why and go on: recording is worth more."""
        try:
            compacted = await process.compact(path)
        except PowderkegError as error:
            self._unmoved[path] = str(error)
            self.status.trouble = self._trouble()
            return False
        self._unmoved.pop(path, None)
        self._unmerged |= compacted.unmerged
        self.status.trouble = self._trouble()
        self.status.segments += 1
        self.status.unreadable_bytes += compacted.unreadable_bytes
        for table, rows in compacted.rows.items():
            self.status.compacted_rows[table] = self.status.compacted_rows.get(table, 0) + rows
        return True

    def _trouble(self) -> str:
        """Return what is wrong with the tables now, the worst of it; empty if nothing is."""
        for reason in self._unmoved.values():
            return f"what is recorded is safe, but not in the tables: {reason}"
        for reason in filter(None, self._unmerged.values()):
            return f"what is recorded is in the tables, but not merged: {reason}"
        return ""

    def _connection(self, plan: ConnectionPlan) -> StreamConnection:
        meanings = {
            channel.name: ChannelMeaning(channel.feed.tables, channel.symbols) for channel in plan.channels
        }
        everything = any(channel.feed.every_symbol for channel in plan.channels)
        sink = self._sink(plan.name, [BOOKS, *meanings], meanings, everything=everything)
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
        everything = any(source.whole_venue for source in self._polled)
        sink = self._sink(POLLS, list(meanings), meanings, everything=everything)
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
        self,
        connection: str,
        streams: Sequence[str],
        meanings: Mapping[str, ChannelMeaning],
        *,
        everything: bool,
    ) -> SegmentSink:
        # Ten thousand instruments in the header of every segment only where any of them may come.
        symbols = self._instruments if everything else self._symbols
        metadata = segment_metadata({one: self._instruments[one] for one in symbols}, meanings)
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
