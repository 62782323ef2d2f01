"""What a finished segment says: rows by dataset, times listened to, gaps, and what could not be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from powderkeg.errors import PayloadError
from powderkeg.ingest.segment_notes import (
    BOOKS,
    NOTES,
    Listening,
    Lost,
    Missed,
    book_of,
    note_of,
)
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.segments import Record as SegmentRecord
from powderkeg.lake.segments import SegmentHeader
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarketRow, StreamGap, UnreadableFrame, table_of, variant_of
from powderkeg.model.times import duration
from powderkeg.model.window import Window, united
from powderkeg.venues.venue import Venue

_MILLISECOND = 1_000_000
_EXCERPT = 200
POLL = "#poll:"
"""Begins the names of streams of polled answers; the table follows, and the symbol where it is of one."""


@dataclass(frozen=True, slots=True)
class ChannelMeaning:
    """Tables and symbols whose rows a channel carries, as the recorder asked for them."""

    tables: tuple[str, ...]
    symbols: tuple[str, ...]


@dataclass(slots=True)
class DatasetRows:
    """Rows for one dataset, when each was received, and the times that they complete."""

    rows: list[MarketRow] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    covered: list[Window] = field(default_factory=list)


def segment_metadata(
    instruments: Mapping[str, Instrument], channels: Mapping[str, ChannelMeaning]
) -> dict[str, Any]:
    """Return what a segment's header carries so that the segment can be read without asking anybody."""
    return {
        "instruments": {
            symbol: [one.base, one.quote, one.contract, one.contract_size]
            for symbol, one in instruments.items()
        },
        "channels": {
            name: [list(meaning.tables), list(meaning.symbols)] for name, meaning in channels.items()
        },
    }


def segment_rows(
    venue: Venue, header: SegmentHeader, records: Iterable[SegmentRecord]
) -> dict[DatasetKey, DatasetRows]:
    """Return everything that a segment says, by dataset.

    Frames are read once more, by the parser of this version: what an older one could not read may be
    readable now. Times listened to are those between the recorder's notes, less what it noted as missed;
    without a last note, as after a crash, they end with the last record.
    """
    reader = _SegmentReading(venue, header)
    for record in records:
        reader.take(record)
    return reader.finished()


class _SegmentReading:
    def __init__(self, venue: Venue, header: SegmentHeader) -> None:
        self._venue = venue
        self._header = header
        self._instruments = {
            symbol: Instrument(venue.name, symbol, *values)
            for symbol, values in header.metadata["instruments"].items()
        }
        self._channels = {
            name: ChannelMeaning(tuple(tables), tuple(symbols))
            for name, (tables, symbols) in header.metadata["channels"].items()
        }
        self._found: dict[DatasetKey, DatasetRows] = defaultdict(DatasetRows)
        self._since: dict[str, int] = {}
        self._windows: dict[str, list[Window]] = defaultdict(list)
        self._missed: dict[str, list[Window]] = defaultdict(list)
        self._last = 0

    def take(self, record: SegmentRecord) -> None:
        self._last = record.received_ns // _MILLISECOND
        stream = self._header.stream_name(record.stream)
        if stream == NOTES:
            self._note(record.payload)
        elif stream == BOOKS:
            book = book_of(record.payload)
            for level in book.levels:
                self._add(book.symbol, level)
        else:
            try:
                for symbol, row in self._read(stream, record.payload):
                    self._add(symbol, row)
            except PayloadError as error:
                excerpt = record.payload[:_EXCERPT].decode("utf-8", "backslashreplace")
                self._add("*", UnreadableFrame(self._last, stream, str(error), excerpt))

    def finished(self) -> dict[DatasetKey, DatasetRows]:
        for channel in list(self._since):
            self._end(channel, self._last)
        for channel, windows in self._windows.items():
            for part in _without(united(windows), united(self._missed[channel])):
                for key in self._keys(channel):
                    self._found[key].covered += _of_intervals(key, part)
        return self._found

    def _read(self, stream: str, payload: bytes) -> Iterator[tuple[str, MarketRow]]:
        if not stream.startswith(POLL):
            yield from self._venue.stream.read(payload, self._instruments).records
            return
        table = stream.split(":")[1]
        for record in self._venue.snapshot(table).read(payload, self._instruments, self._last):
            # A whole venue's answer is for those that were asked for; what is no instrument is kept whole.
            if record.symbol in self._polled(stream) or record.symbol not in self._instruments:
                yield record.symbol, record.row

    def _polled(self, stream: str) -> Sequence[str]:
        return self._channels[stream].symbols if stream in self._channels else ()

    def _add(self, symbol: str, row: MarketRow) -> None:
        key = DatasetKey(table_of(row).name, self._venue.name, symbol, variant_of(row))
        dataset = self._found[key]
        dataset.rows.append(row)
        dataset.received.append(self._last)

    def _note(self, payload: bytes) -> None:
        note = note_of(payload)
        if isinstance(note, Listening):
            for channel in note.channels:
                self._since[channel] = note.ts
                if channel in note.after:
                    since, reason = note.after[channel]
                    self._gap(channel, Window(since, max(note.ts, since + 1)), reason)
        elif isinstance(note, Lost):
            for channel, well in note.channels.items():
                self._end(channel, well)
        elif isinstance(note, Missed):
            window = Window(note.ts, max(note.end_ts, note.ts + 1))
            self._missed[note.channel].append(window)
            self._gap(note.channel, window, note.reason)
        else:
            for channel in list(self._since):
                self._end(channel, note.ts)

    def _end(self, channel: str, at: int) -> None:
        since = self._since.pop(channel, at)
        if since < at:
            self._windows[channel].append(Window(since, at))

    def _gap(self, channel: str, window: Window, reason: str) -> None:
        meaning = self._channels.get(channel)
        for table in meaning.tables if meaning else ():
            for symbol in meaning.symbols if meaning else ():
                self._add(symbol, StreamGap(window.start, window.end, table, reason))

    def _keys(self, channel: str) -> Iterator[DatasetKey]:
        meaning = self._channels.get(channel)
        if meaning is None:
            return
        for table in meaning.tables:
            for symbol in meaning.symbols:
                variants = {
                    key.variant for key in self._found if (key.table, key.symbol) == (table, symbol)
                } or ({"all"} if "interval_ms" not in table_of(table).columns else set())
                for variant in variants:
                    yield DatasetKey(table, self._venue.name, symbol, variant)


def _without(windows: Sequence[Window], holes: Sequence[Window]) -> Iterator[Window]:
    for window in windows:
        start = window.start
        for hole in holes:
            if hole.start < window.end and hole.end > start:
                if hole.start > start:
                    yield Window(start, hole.start)
                start = max(start, hole.end)
        if start < window.end:
            yield Window(start, window.end)


def _of_intervals(key: DatasetKey, window: Window) -> tuple[Window, ...]:
    """Return what listening in `window` completes: a bar is told whole at its end, whenever it began."""
    if "interval_ms" not in table_of(key.table).columns:
        return (window,)
    step = duration(key.variant.rsplit("-", 1)[-1])
    return united([Window(window.start // step * step, window.end // step * step)])
