"""Binance's past in files by the day: bars, mark bars, metrics, depth bands and trades.

https://github.com/binance/binance-public-data, read 2026-11-25. It documents bars and trades only; of metrics
and depth files it says nothing, and what stands here was measured by others: binance-public-data issues 211,
287, 431 and 484, and comparisons of metrics with the API of August to October 2026. Liquidations are only in
files of COIN-margined contracts, until 2024-10-14, and out of scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import (
    Bar,
    DepthBand,
    LongShortRatio,
    MarkBar,
    MarketRow,
    OpenInterest,
    Trade,
)
from powderkeg.model.times import DAY, HOUR, MINUTE, iso
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.binance.csv_files import cells_of, number, value_or_none, whole_number, written_time
from powderkeg.venues.binance.history import BAR_CODES
from powderkeg.venues.payload import candle, non_negative, positive, time_ms

# Files come out in the course of the next day.
_LAG = 36 * HOUR
# A file holds a day: of longer bars one request holds more.
_BAR_INTERVALS = (MINUTE, 3 * MINUTE, 5 * MINUTE)
_METRICS_INTERVAL = 5 * MINUTE
_BAR_COLUMNS = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_METRICS_COLUMNS = (
    "create_time", "symbol", "sum_open_interest", "sum_open_interest_value",
    "count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio", "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)  # fmt: skip
_DEPTH_COLUMNS = ("timestamp", "percentage", "depth", "notional")
_TRADE_COLUMNS = (
    "agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker",
)  # fmt: skip
_RATIO_COLUMNS = {
    "accounts": "count_long_short_ratio",
    "top_accounts": "count_toptrader_long_short_ratio",
    "top_positions": "sum_toptrader_long_short_ratio",
}
_BUYER_IS_MAKER = {"true": True, "false": False}


def _file_request(kind: str) -> Callable[[Instrument, Window, int], Request]:
    def request(instrument: Instrument, window: Window, interval: int) -> Request:
        symbol, day = instrument.symbol, iso(window.start)[: len("2025-05-19")]
        folder, name = f"{kind}/{symbol}", f"{symbol}-{kind}-{day}"
        if kind in {"klines", "markPriceKlines"}:
            code = BAR_CODES[interval]
            folder, name = f"{folder}/{code}", f"{symbol}-{code}-{day}"
        path = f"/data/futures/um/daily/{folder}/{name}.zip"
        return Request("bulk", path, checksum_path=f"{path}.CHECKSUM")

    return request


def _bars(payload: bytes, _: Instrument, window: Window, interval: int) -> Iterator[Bar]:
    for cells in cells_of(payload, _BAR_COLUMNS, "klines"):
        ts = time_ms(whole_number(cells[0], "open_time"), "open_time")
        if window.start <= ts < window.end:
            prices = [number(cell, name) for cell, name in zip(cells[1:5], _BAR_COLUMNS[1:5], strict=True)]
            open_, high, low, close = prices
            yield Bar(
                ts,
                interval,
                *candle(open_, high, low, close, "klines"),
                non_negative(number(cells[5], "volume"), "volume"),
                non_negative(number(cells[7], "quote_volume"), "quote_volume"),
                non_negative(number(cells[9], "taker_buy_volume"), "taker_buy_volume"),
                whole_number(cells[8], "count"),
            )


def _mark_bars(payload: bytes, _: Instrument, window: Window, interval: int) -> Iterator[MarkBar]:
    for cells in cells_of(payload, _BAR_COLUMNS, "markPriceKlines"):
        ts = time_ms(whole_number(cells[0], "open_time"), "open_time")
        if window.start <= ts < window.end:
            prices = [number(cell, name) for cell, name in zip(cells[1:5], _BAR_COLUMNS[1:5], strict=True)]
            open_, high, low, close = prices
            yield MarkBar(ts, interval, *candle(open_, high, low, close, "markPriceKlines"))


def _metrics(
    payload: bytes, instrument: Instrument, window: Window, column: str
) -> Iterator[tuple[int, float]]:
    """Yield (ts, value) of one column: rows out of order and rows twice are usual, 0 stands for no value.

    The API states the same open interest and the same ratio of all accounts 5 minutes later than the file;
    that it is so for top traders too is assumed, as they stand in one row.
    """
    at = _METRICS_COLUMNS.index(column)
    seen: set[tuple[int, float]] = set()
    for cells in cells_of(payload, _METRICS_COLUMNS, "metrics"):
        if cells[1] != instrument.symbol:
            raise PayloadError(f"metrics: symbol is {cells[1]!r}; expected {instrument.symbol!r}")
        ts = written_time(cells[0], "create_time") + _METRICS_INTERVAL
        value = value_or_none(cells[at], column)
        if value is not None and window.start <= ts < window.end and (ts, value) not in seen:
            seen.add((ts, value))
            yield ts, value


def _interests(payload: bytes, instrument: Instrument, window: Window, _: int) -> Iterator[OpenInterest]:
    for ts, value in _metrics(payload, instrument, window, "sum_open_interest"):
        yield OpenInterest(ts, value, value, "base", 1, None)


def _ratios(population: str) -> Callable[[bytes, Instrument, Window, int], Iterator[LongShortRatio]]:
    def read(
        payload: bytes, instrument: Instrument, window: Window, interval: int
    ) -> Iterator[LongShortRatio]:
        for ts, ratio in _metrics(payload, instrument, window, _RATIO_COLUMNS[population]):
            yield LongShortRatio(ts, interval, population, ratio / (1 + ratio), 1 / (1 + ratio))

    return read


def _depth_bands(payload: bytes, _: Instrument, window: Window, __: int) -> Iterator[DepthBand]:
    for stamp, percentage, depth, notional in cells_of(payload, _DEPTH_COLUMNS, "bookDepth"):
        ts = written_time(stamp, "timestamp")
        if window.start <= ts < window.end:
            distance = number(percentage, "percentage") / 100
            if not 0 < abs(distance) < 1:
                raise PayloadError(f"bookDepth: percentage is {percentage!r}; expected one of -5 to 5, not 0")
            yield DepthBand(
                ts,
                distance,
                non_negative(number(depth, "depth"), "depth"),
                non_negative(number(notional, "notional"), "notional"),
            )


def _trades(payload: bytes, _: Instrument, window: Window, __: int) -> Iterator[Trade]:
    for trade_id, price, quantity, _first, _last, time, maker in cells_of(
        payload, _TRADE_COLUMNS, "aggTrades"
    ):
        ts = time_ms(whole_number(time, "transact_time"), "transact_time")
        if window.start <= ts < window.end:
            try:
                sold = _BUYER_IS_MAKER[maker.lower()]
            except KeyError:
                raise PayloadError(f"is_buyer_maker is {maker!r}; expected true or false") from None
            yield Trade(
                ts,
                str(whole_number(trade_id, "agg_trade_id")),
                positive(number(price, "price"), "price"),
                positive(number(quantity, "quantity"), "quantity"),
                "sell" if sold else "buy",
            )


def _by_day(
    table: str,
    kind: str,
    intervals: tuple[int, ...],
    read: Callable[[bytes, Instrument, Window, int], Iterator[MarketRow]],
    population: str = "",
    offset: int = 0,
) -> HistorySource:
    return HistorySource(
        table=table,
        population=population,
        intervals=intervals,
        span=lambda _: DAY,
        request=_file_request(kind),
        read=read,
        lag=_LAG,
        aligned=True,
        offset=offset,
        contracts=("linear",),
        checksummed=True,
    )


BULK_BARS = (
    _by_day("bars", "klines", _BAR_INTERVALS, _bars),
    _by_day("mark_bars", "markPriceKlines", _BAR_INTERVALS, _mark_bars),
)
# Stamped an interval early, so that a day's file holds what is known from 00:05 to 00:00 of the next day.
# The taker column is a ratio without volumes, and makes no row.
BULK_METRICS = (
    _by_day("open_interest", "metrics", (_METRICS_INTERVAL,), _interests, offset=_METRICS_INTERVAL),
    *(
        _by_day(
            "long_short_ratios",
            "metrics",
            (_METRICS_INTERVAL,),
            _ratios(population),
            population,
            offset=_METRICS_INTERVAL,
        )
        for population in _RATIO_COLUMNS
    ),
)
BULK_AGGREGATES = (
    _by_day("depth_bands", "bookDepth", (0,), _depth_bands),
    _by_day("trades", "aggTrades", (0,), _trades),
)
