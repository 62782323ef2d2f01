"""What the results of Gate's public channels say: liquidations, trades, books, tickers and bars.

https://www.gate.com/docs/developers/futures/ws/ as of 2026-08-20, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Bar, PositionSide, TakerSide, Trade
from powderkeg.venues.asking import Instruments, Record
from powderkeg.venues.gate.answers import INTERVAL_CODES, from_either, from_seconds, signed
from powderkeg.venues.gate.tickers import Ticker, interest_of, mark_of
from powderkeg.venues.listening import BookChange, Reading
from powderkeg.venues.payload import (
    base_quantity,
    candle,
    decoded,
    decoder,
    instrument_of,
    liquidation_records,
    non_negative,
    positive,
    reported_liquidation,
    time_ms,
)

_INTERVALS = {code: interval for interval, code in INTERVAL_CODES.items()}
T = TypeVar("T")


class Message(msgspec.Struct):
    """The envelope of everything Gate sends; `time_ms` came later, and `payload` repeats a subscription."""

    channel: str
    event: str = ""
    time: int = 0
    time_ms: int = 0
    error: msgspec.Raw = msgspec.Raw(b"null")
    payload: list[str] | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


class _Liquidation(msgspec.Struct):
    contract: str
    price: float
    size: float
    time: int
    time_ms: int = 0


class _Trade(msgspec.Struct):
    contract: str
    id: int
    price: float
    size: float
    create_time: int
    create_time_ms: int = 0
    is_internal: bool = False


class _Level(msgspec.Struct):
    price: float = msgspec.field(name="p")
    contracts: float = msgspec.field(name="s")


class _Book(msgspec.Struct):
    contract: str
    asks: list[_Level]
    bids: list[_Level]
    t: int = 0


class _Candle(msgspec.Struct):
    name: str = msgspec.field(name="n")
    start: int = msgspec.field(name="t")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    contracts: float = msgspec.field(name="v", default=0.0)
    closed: bool = msgspec.field(name="w", default=False)


_LIQUIDATION, _LIQUIDATIONS = decoder(_Liquidation), decoder(list[_Liquidation])
_TICKER, _TICKERS = decoder(Ticker), decoder(list[Ticker])
_TRADES = decoder(list[_Trade])
_BOOK = decoder(_Book)
_CANDLES = decoder(list[_Candle])


def _moment(message: Message) -> int:
    return time_ms(message.time_ms, "time_ms") if message.time_ms else from_seconds(message.time, "time")


def _items(
    result: msgspec.Raw, one: msgspec.json.Decoder[T], many: msgspec.json.Decoder[list[T]], what: str
) -> list[T]:
    """Return a result that has come as a list and, at other times, as its only item."""
    if bytes(result).startswith(b"{"):
        return [decoded(result, one, what)]
    return decoded(result, many, what)


def _liquidations(message: Message, instruments: Instruments) -> Reading:
    found = []
    for item in _items(message.result, _LIQUIDATION, _LIQUIDATIONS, "public_liquidates"):
        if item.contract not in instruments:
            continue  # the channel carries those of every contract
        price, size = positive(item.price, "price"), signed(item.size, "size")
        quantity = base_quantity(instruments[item.contract], abs(size), price)
        # The sign is that of the order: what is sold closes a long. REST has the position's, the opposite.
        side: PositionSide = "long" if size < 0 else "short"
        ts = time_ms(item.time_ms, "time_ms") if item.time_ms else from_either(item.time, "time")
        found.append((item.contract, reported_liquidation(ts, side, price, "limit", quantity)))
    records = liquidation_records(found)
    return Reading(records, ignored="" if records else "liquidations of contracts that were not asked for")


def _trades(message: Message, instruments: Instruments) -> Reading:
    records = []
    for item in decoded(message.result, _TRADES, "trades"):
        if item.is_internal:
            continue
        price, size = positive(item.price, "price"), signed(item.size, "size")
        instrument = instrument_of(instruments, item.contract)
        quantity = positive(base_quantity(instrument, abs(size), price), "size")
        precise = item.create_time_ms
        ts = time_ms(precise, "create_time_ms") if precise else from_seconds(item.create_time, "create_time")
        side: TakerSide = "buy" if size > 0 else "sell"
        records.append(Record(item.contract, Trade(ts, str(item.id), price, quantity, side)))
    return Reading(
        records,
        ignored="" if records else "trades off the book: the insurance fund or deleveraging took over",
    )


def _side(levels: list[_Level], instrument: Instrument) -> list[tuple[float, float]]:
    return [
        (level.price, positive(base_quantity(instrument, level.contracts, level.price), "s"))
        for level in levels
        # Less than one contract is rounded down to 0 for a client without the header X-Gate-Size-Decimal.
        if positive(level.price, "p") and non_negative(level.contracts, "s")
    ]


def _book(message: Message, instruments: Instruments) -> Reading:
    book = decoded(message.result, _BOOK, "order_book")
    instrument = instrument_of(instruments, book.contract)
    bids, asks = _side(book.bids, instrument), _side(book.asks, instrument)
    if not bids and not asks:
        return Reading(ignored="an empty book")
    ts = time_ms(book.t, "t") if book.t else _moment(message)
    # Each message is a whole book, and ids jump from one to the next: no number can be missed.
    return Reading(books=[BookChange(book.contract, ts, snapshot=True, bids=bids, asks=asks)])


def _tickers(message: Message, instruments: Instruments) -> Reading:
    records = []
    for ticker in _items(message.result, _TICKER, _TICKERS, "tickers"):
        instrument = instrument_of(instruments, ticker.contract)
        ts = time_ms(ticker.t, "t") if ticker.t else _moment(message)
        found = mark_of(ticker, ts), interest_of(ticker, ts, instrument)
        records += [Record(ticker.contract, row) for row in found if row is not None]
    return Reading(records, ignored="" if records else "a ticker with neither mark price nor open interest")


def _candles(message: Message, instruments: Instruments) -> Reading:
    records = []
    for item in decoded(message.result, _CANDLES, "candlesticks"):
        code, _, symbol = item.name.partition("_")
        if code not in _INTERVALS:
            raise PayloadError(
                f"n is {item.name!r}; expected one of {', '.join(_INTERVALS)}, _ and a contract"
            )
        instrument = instrument_of(instruments, symbol)
        prices = candle(item.open, item.high, item.low, item.close, "candlestick")
        volume = non_negative(item.contracts * instrument.contract_size, "v")
        start = from_seconds(item.start, "t")
        # Of the inverse contract v counts USD at prices that the message does not tell.
        if item.closed and instrument.contract == "linear":
            records.append(Record(symbol, Bar(start, _INTERVALS[code], *prices, volume, None, None, None)))
    return Reading(records, ignored="" if records else "a bar that is still open, or of an inverse contract")


READERS: dict[tuple[str, str], Callable[[Message, Instruments], Reading]] = {
    ("futures.public_liquidates", "update"): _liquidations,
    ("futures.trades", "update"): _trades,
    ("futures.order_book", "all"): _book,
    ("futures.tickers", "update"): _tickers,
    ("futures.candlesticks", "update"): _candles,
}
