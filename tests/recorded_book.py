"""Six recorded minutes of a perpetual's order book, rebuilt with what the recorder uses, and its trades."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from powderkeg.ingest.order_books import OrderBooks
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import DepthLevel, Trade
from powderkeg.venues.binance.stream import STREAM
from powderkeg.venues.listening import BookChange, Reading

SYMBOL = "BTCUSDT"
_EVERY = 15_000
_ALL_LEVELS = 1_000_000
_INSTRUMENTS = {SYMBOL: Instrument("binance", SYMBOL, "BTC", "USDT")}


class RecordedBook(NamedTuple):
    """Books every 15 s, each of all levels known then, trades, and how many changes did not follow on.

    Of what lies beyond the first snapshot, 0.24 % below and 0.28 % above, only levels that changed since are
    known: depth there is a floor.
    """

    books: list[list[DepthLevel]]
    trades: list[Trade]
    breaks: int


class _Snapshot(msgspec.Struct):
    last: int = msgspec.field(name="lastUpdateId")
    T: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


_SNAPSHOT = msgspec.json.Decoder(_Snapshot, strict=False)


@lru_cache(maxsize=1)
def recorded_book(shared: Path) -> RecordedBook:
    """Return the recording; `shared` is the folder that POWDERKEG_SHARED names."""
    kept = OrderBooks(_EVERY, _ALL_LEVELS)
    waiting: list[Reading] = []
    books: list[list[DepthLevel]] = []
    trades: list[Trade] = []
    last, breaks, started = 0, 0, False
    with gzip.open(shared / "data" / "binance-book-2024-08" / "usdm-btcusdt_20240808.gz") as lines:
        for line in lines:
            _, frame = line.split(b" ", 1)
            if frame.startswith(b'{"lastUpdateId"'):
                snapshot = _SNAPSHOT.decode(frame)
                whole = BookChange(SYMBOL, snapshot.T, True, snapshot.bids, snapshot.asks)
                books.append(kept.applied(whole, snapshot.T))
                for reading in waiting:
                    if reading.steps[0].last >= snapshot.last:
                        kept.applied(reading.books[0], snapshot.T)
                started = True
                continue
            if b"@bookTicker" in frame[:40]:
                continue
            reading = STREAM.read(frame, _INSTRUMENTS)
            trades.extend(record.row for record in reading.records if isinstance(record.row, Trade))
            for change, step in zip(reading.books, reading.steps, strict=False):
                breaks += bool(last) and step.previous != last
                last = step.last
                if not started:
                    waiting.append(reading)
                elif levels := kept.applied(change, change.ts):
                    books.append(levels)
    return RecordedBook(books, trades, breaks)
