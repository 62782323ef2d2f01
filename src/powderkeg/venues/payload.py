"""Reading payloads: whatever the bytes, a value or a `PayloadError` that names what was wrong."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Liquidation, PositionSide
from powderkeg.venues.asking import Instruments, Record

T = TypeVar("T")
_EXCERPT = 200
# Milliseconds of 2009 and 2100: a time outside is in another unit, or invented.
_EARLIEST, _LATEST = 1_230_768_000_000, 4_102_444_800_000


def decoder(of: type[T]) -> msgspec.json.Decoder[T]:
    """Return a decoder of JSON into `of` that takes numbers written as text, as venues write them."""
    return msgspec.json.Decoder(of, strict=False)


def decoded(payload: bytes | msgspec.Raw, by: msgspec.json.Decoder[T], what: str) -> T:
    """Return the payload as the decoder's type.

    Raises
    ------
    PayloadError
        It is not JSON, or not of that shape; the message has `what`, the path inside and the payload's
        beginning.
    """
    try:
        return by.decode(payload)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise PayloadError(f"{what}: {error}; payload begins {excerpt(payload)}") from None


def excerpt(payload: bytes | msgspec.Raw) -> str:
    """Return the beginning of a payload as printable text."""
    text = bytes(payload)[:_EXCERPT].decode("utf-8", "backslashreplace")
    return repr(text + ("..." if len(bytes(payload)) > _EXCERPT else ""))


def positive(value: float, field: str) -> float:
    """Return a finite number above 0.

    Raises
    ------
    PayloadError
        It is another number; the message has the field.
    """
    if 0 < value < math.inf:
        return value
    raise PayloadError(f"{field} is {value!r}; expected a number above 0")


def non_negative(value: float, field: str) -> float:
    """Return a finite number from 0; raises `PayloadError` as `positive`."""
    if 0 <= value < math.inf:
        return value
    raise PayloadError(f"{field} is {value!r}; expected a number from 0")


def finite(value: float, field: str) -> float:
    """Return a finite number; raises `PayloadError` as `positive`."""
    if math.isfinite(value):
        return value
    raise PayloadError(f"{field} is {value!r}; expected a finite number")


def number_or_none(text: str, field: str) -> float | None:
    """Return the finite number that `text` spells, None where it is empty; raises as `positive`."""
    if not text:
        return None
    try:
        return finite(float(text), field)
    except ValueError:
        raise PayloadError(f"{field} is {text!r}; expected a number") from None


def time_ms(value: int, field: str) -> int:
    """Return a time in UTC milliseconds between 2009 and 2100; raises `PayloadError` as `positive`."""
    if _EARLIEST <= value < _LATEST:
        return value
    raise PayloadError(f"{field} is {value!r}; expected UTC milliseconds between 2009 and 2100")


def candle(
    open_: float, high: float, low: float, close: float, field: str
) -> tuple[float, float, float, float]:
    """Return the four prices of a bar.

    Raises
    ------
    PayloadError
        One is not a positive number, or the bar is not low <= open, close <= high.
    """
    # Chained, so that NaN anywhere is refused.
    if 0 < low <= open_ <= high < math.inf and low <= close <= high:
        return open_, high, low, close
    found = f"open {open_!r}, high {high!r}, low {low!r}, close {close!r}"
    raise PayloadError(f"{field}: {found}; expected 0 < low <= open and close <= high")


def instrument_of(instruments: Instruments, symbol: str) -> Instrument:
    """Return the instrument with this symbol.

    Raises
    ------
    PayloadError
        It is not among those asked for, so its units are not known.
    """
    try:
        return instruments[symbol]
    except KeyError:
        raise PayloadError(f"symbol is {symbol!r}, which was not asked for: units unknown") from None


def base_quantity(instrument: Instrument, contracts: float, price: float) -> float:
    """Return a number of contracts in base: times their size, and for inverse ones over the price.

    Raises
    ------
    PayloadError
        The product is no finite number.
    """
    quantity = contracts * instrument.contract_size
    return finite(quantity if instrument.contract == "linear" else quantity / price, "size in base")


def reported_liquidation(
    ts: int,
    position_side: PositionSide,
    price: float,
    price_meaning: str,
    quantity: float,
    *,
    limit_price: float | None = None,
    event_id: str = "",
) -> Liquidation:
    """Return a liquidation of a checked price and quantity, its notional being their product.

    Raises
    ------
    PayloadError
        The product is no finite number above 0.
    """
    notional = positive(price * quantity, "price x quantity")
    return Liquidation(ts, position_side, price, price_meaning, quantity, notional, limit_price, event_id, 0)


def with_occurrences(rows: Iterable[Liquidation]) -> list[Liquidation]:
    """Return the liquidations of one message, each that repeats an earlier one exactly counted up from it."""
    seen: Counter[Liquidation] = Counter()
    counted: list[Liquidation] = []
    for row in rows:
        counted.append(row._replace(occurrence=seen[row]) if seen[row] else row)
        seen[row] += 1
    return counted


def liquidation_records(found: Iterable[tuple[str, Liquidation]]) -> list[Record]:
    """Return a message's liquidations, given with their symbols, as records with occurrences counted."""
    by_symbol: dict[str, list[Liquidation]] = {}
    for symbol, row in found:
        by_symbol.setdefault(symbol, []).append(row)
    return [Record(symbol, row) for symbol, rows in by_symbol.items() for row in with_occurrences(rows)]
