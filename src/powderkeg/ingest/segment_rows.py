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
    ON_ITS_WAY,
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
from powderkeg.model.market_rows import (
    InsuranceFund,
    Liquidation,
    MarketRow,
    MarkPrice,
    StreamGap,
    Trade,
    UnreadableFrame,
    table_of,
    variant_of,
)
from powderkeg.model.times import duration
from powderkeg.model.window import Window, missing, united
from powderkeg.venues.asking import Record
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

    Notes have the recorder's clock and rows have the venue's. Times are taken for complete only where both
    the delay of the messages and a clock that is fast or slow leave no doubt, so they begin and end
    `ON_ITS_WAY` inside of what was listened to.
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
        self._of_series: dict[tuple[type, str, str], DatasetRows] = {}
        self._since: dict[str, int] = {}
        self._windows: dict[str, list[Window]] = defaultdict(list)
        self._missed: dict[str, list[Window]] = defaultdict(list)
        self._last = 0
        # ms from an event at the venue to its receipt here: the last, and how far below zero it has been.
        self._delay = 0
        self._ahead = 0

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
                for found in self._read(stream, record.payload):
                    if self._wanted(stream, found):
                        self._add(*found)
            except PayloadError as error:
                excerpt = record.payload[:_EXCERPT].decode("utf-8", "backslashreplace")
                self._add("*", UnreadableFrame(self._last, stream, str(error), excerpt))

    def finished(self) -> dict[DatasetKey, DatasetRows]:
        for channel in list(self._since):
            self._end(channel, self._last)
        for channel, windows in self._windows.items():
            missed = self._missed[channel]
            parts = [part for window in united(windows) for part in missing(window, missed)]
            for key in list(self._keys(channel)):
                covered = self._found[key].covered
                for part in parts:
                    covered += _of_intervals(key, part)
        return self._found

    def _read(self, stream: str, payload: bytes) -> Sequence[Record]:
        if not stream.startswith(POLL):
            reading = self._venue.stream.read(payload, self._instruments)
            events = [
                row.ts for _, row in reading.records if isinstance(row, Trade | Liquidation | MarkPrice)
            ]
            events += [change.ts for change in reading.books]
            if events:
                self._delay = self._last - max(events)
                self._ahead = max(self._ahead, -self._delay)
            return reading.records
        table = stream.split(":")[1]
        return self._venue.snapshot(table).read(payload, self._instruments, self._last)

    def _wanted(self, stream: str, record: Record) -> bool:
        """Return whether a row goes into a table: one of an instrument that was asked for.

        What comes for all of a venue's instruments is for those; the archive has the rest. But liquidations
        are few and told once, and a fund is no instrument.
        """
        meaning = self._channels.get(stream)
        return (
            meaning is None
            or record.symbol in meaning.symbols
            or isinstance(record.row, Liquidation | InsuranceFund)
        )

    def _add(self, symbol: str, row: MarketRow) -> None:
        series = type(row), symbol, variant_of(row)
        dataset = self._of_series.get(series)
        if dataset is None:  # a key is made once, not for every row
            dataset = self._found[DatasetKey(table_of(row).name, self._venue.name, *series[1:])]
            self._of_series[series] = dataset
        dataset.rows.append(row)
        dataset.received.append(self._last)

    def _note(self, payload: bytes) -> None:
        note = note_of(payload)
        if isinstance(note, Listening):
            for channel in note.channels:
                self._since[channel] = note.ts
                if channel in note.after:
                    since, reason = note.after[channel]
                    self._gap(channel, self._doubtful(since, note.ts), reason)
        elif isinstance(note, Lost):
            for channel, well in note.channels.items():
                self._end(channel, well)
        elif isinstance(note, Missed):
            window = self._doubtful(note.ts, note.end_ts)
            self._missed[note.channel].append(window)
            self._gap(note.channel, window, note.reason)
        else:
            for channel in list(self._since):
                self._end(channel, note.ts)

    def _end(self, channel: str, at: int) -> None:
        start = self._since.pop(channel, at) + self._ahead + ON_ITS_WAY
        end = at - max(self._delay, 0) - ON_ITS_WAY
        if start < end:
            self._windows[channel].append(Window(start, end))

    def _doubtful(self, since: int, until: int) -> Window:
        """Return the venue's time of events that may be missing between two messages, or connections."""
        return Window(since - max(self._delay, 0) - ON_ITS_WAY, max(since, until) + self._ahead + ON_ITS_WAY)

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
                } or (set() if table_of(table).of_intervals else {"all"})
                for variant in variants:
                    yield DatasetKey(table, self._venue.name, symbol, variant)


def _of_intervals(key: DatasetKey, window: Window) -> tuple[Window, ...]:
    """Return what listening in `window` completes: a bar is told whole at its end, whenever it began."""
    if not key.market_table.of_intervals:
        return (window,)
    step = duration(key.variant.rsplit("-", 1)[-1])
    return united([Window(window.start // step * step, window.end // step * step)])
