"""What recorders hear now, read from the live segments of a lake before it is moved into tables."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from powderkeg.errors import LakeError, PayloadError
from powderkeg.ingest.segment_rows import POLL
from powderkeg.lake.segment_format import Record, SegmentHeader
from powderkeg.lake.segment_tail import SegmentTail
from powderkeg.lake.segments import live_segments
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Liquidation, MarkPrice, Trade
from powderkeg.venues.venue import Venue

_MILLISECOND = 1_000_000
_NEWEST = 16
"""Frames of one channel that may hold its newest price: some of them tell something else."""
_MOST = 100_000


class HeardLiquidation(NamedTuple):
    """A liquidation that is in a live segment, and what the segment says of its instrument.

    `described` is (base, quote) where the recorder was asked for the instrument; None where it came along.
    """

    venue: str
    symbol: str
    described: tuple[str, str] | None
    row: Liquidation


class HeardPrice(NamedTuple):
    """The newest price of an instrument: its mark where one is streamed, else its last trade.

    `received` is when it came, UTC milliseconds.
    """

    row: MarkPrice | Trade
    received: int


class TailNews(NamedTuple):
    """Liquidations in the order of their reading, the number of the last, and prices by (venue, symbol)."""

    liquidations: list[HeardLiquidation]
    last: int
    prices: Mapping[tuple[str, str], HeardPrice]


@dataclass(slots=True)
class _Followed:
    """A segment with streams that are of use: their numbers, those of marks and trades by symbol."""

    tail: SegmentTail
    venue: Venue
    instruments: dict[str, Instrument]
    asked: frozenset[str]
    liquidations: frozenset[int]
    marks: Mapping[str, int]
    trades: Mapping[str, int]


class LiveTail:
    """Follows the live segments of a lake; any thread may ask, one is answered at a time.

    Of a segment only the streams of liquidations, and of prices that somebody wants, are read: connections of
    order books are not opened. A frame that cannot be understood is passed over here; it is told when it is
    moved into the tables. Segments that vanish meanwhile are in the tables, and so is what was in them. The
    newest hundred thousand liquidations are kept, and no frames.

    Parameters
    ----------
    root
        The lake.
    venues
        Whose segments.
    """

    def __init__(self, root: Path, venues: Sequence[Venue]) -> None:
        self._root = root
        self._venues = tuple(venues)
        self._lock = threading.Lock()
        self._followed: dict[Path, _Followed | None] = {}
        self._unmoved: deque[tuple[int, Path, HeardLiquidation]] = deque(maxlen=_MOST)
        self._number = 0
        self._wanted: Mapping[str, Collection[str]] = {}
        self._prices: dict[tuple[str, str], HeardPrice] = {}
        self._marked: dict[str, set[str]] = {}

    def look(self, after: int = 0, wanted: Mapping[str, Collection[str]] | None = None) -> TailNews:
        """Read on, and return what is in the live segments.

        Parameters
        ----------
        after
            Liquidations behind this number, the `last` of an earlier answer; all that there are without one.
        wanted
            Venue -> symbols whose prices to follow from now on; those of others are passed over.

        Raises
        ------
        LakeError
            Segments cannot be listed or read.
        """
        with self._lock:
            if wanted is not None:
                self._wanted = wanted
                kept = {(name, symbol) for name, symbols in wanted.items() for symbol in symbols}
                self._prices = {key: price for key, price in self._prices.items() if key in kept}
            self._read_on()
            behind = takewhile(lambda one: one[0] > after, reversed(self._unmoved))
            liquidations = [heard for _, _, heard in behind][::-1]
            return TailNews(liquidations, self._number, dict(self._prices))

    def _read_on(self) -> None:
        there: set[Path] = set()
        for venue in self._venues:
            paths = live_segments(self._root, venue.name)
            there.update(paths)
            segments = [one for path in paths if (one := self._of(path, venue)) is not None]
            # Kept: between two segments there may be none of marks, and a trade is no mark.
            marked = self._marked.setdefault(venue.name, set())
            marked.update(*(one.marks for one in segments))
            for one in segments:
                priced = {
                    number: symbol
                    for symbol in self._wanted.get(venue.name, ())
                    if (number := (one.marks if symbol in marked else one.trades).get(symbol)) is not None
                }
                self._follow(one, priced)
        if gone := self._followed.keys() - there:
            self._followed = {path: one for path, one in self._followed.items() if path not in gone}
            still = (one for one in self._unmoved if one[1] not in gone)
            self._unmoved = deque(still, maxlen=_MOST)

    def _of(self, path: Path, venue: Venue) -> _Followed | None:
        """Return a segment that is followed; None where nothing in it is of use, or its header is torn."""
        if path not in self._followed:
            try:
                tail = SegmentTail(path)
            except LakeError:
                if path.exists():
                    raise
                return None  # it was moved into the tables between two lines
            self._followed[path] = None if tail.header is None else _followed(tail, tail.header, venue)
        return self._followed[path]

    def _follow(self, one: _Followed, priced: Mapping[int, str]) -> None:
        streams = one.liquidations | priced.keys()
        newest: dict[int, deque[Record]] = {}
        for record in one.tail.added(streams) if streams else ():
            if record.stream in priced:
                newest.setdefault(record.stream, deque(maxlen=_NEWEST)).append(record)
            if record.stream in one.liquidations:
                for heard in _liquidations(one, record):
                    self._number += 1
                    self._unmoved.append((self._number, one.tail.path, heard))
        for stream, records in newest.items():
            self._price(one, priced[stream], records)

    def _price(self, one: _Followed, symbol: str, records: deque[Record]) -> None:
        key = one.venue.name, symbol
        for record in reversed(records):
            received = record.received_ns // _MILLISECOND
            rows = [row for at, row in _rows(one, record) if at == symbol]
            priced = [row for row in rows if isinstance(row, MarkPrice | Trade)]
            if priced:
                before = self._prices.get(key)
                if before is None or received >= before.received:
                    self._prices[key] = HeardPrice(priced[-1], received)
                return


def _followed(tail: SegmentTail, header: SegmentHeader, venue: Venue) -> _Followed | None:
    instruments = {
        symbol: Instrument(venue.name, symbol, *values)
        for symbol, values in header.metadata["instruments"].items()
    }
    asked: set[str] = set()
    liquidations: set[int] = set()
    marks: dict[str, int] = {}
    trades: dict[str, int] = {}
    for number, name in enumerate(header.streams):
        tables, symbols = header.metadata["channels"].get(name, ((), ()))
        if name.startswith(POLL):
            continue
        if "liquidations" in tables:
            liquidations.add(number)
            asked.update(symbols)
        for table, numbers in (("mark_prices", marks), ("trades", trades)):
            if table in tables:
                numbers.update(dict.fromkeys(symbols, number))
    if not (liquidations or marks or trades):
        return None
    return _Followed(tail, venue, instruments, frozenset(asked), frozenset(liquidations), marks, trades)


def _rows(one: _Followed, record: Record) -> Sequence[tuple[str, object]]:
    try:
        return one.venue.stream.read(record.payload, one.instruments).records
    except PayloadError:
        return ()


def _liquidations(one: _Followed, record: Record) -> Iterator[HeardLiquidation]:
    for symbol, row in _rows(one, record):
        if isinstance(row, Liquidation):
            instrument = one.instruments.get(symbol)
            known = symbol in one.asked and instrument is not None
            described = (instrument.base, instrument.quote) if known and instrument else None
            yield HeardLiquidation(one.venue.name, symbol, described, row)
