"""What Gate adds up per interval: liquidations, open interest, long/short ratios and taker volume.

Endpoint contract_stats of https://www.gate.com/docs/developers/apiv4/ (v4.106.88), read 2026-11-25; one row
has them all. There is a `from` and a `limit` and no `to`. The documentation does not say what `time` is of:
recorded answers of 2026 show the start of the interval, with the last row still running and settled about two
and a half minutes after its end, and the open interest and mark price those at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import LiquidationTotal, LongShortRatio, MarketRow, OpenInterest, TakerVolume
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.venues.asking import HistorySource, Request
from powderkeg.venues.gate.answers import INTERVAL_CODES, from_seconds, futures_path
from powderkeg.venues.gate.tickers import one_side
from powderkeg.venues.payload import decoded, decoder, non_negative

_INTERVALS = (MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 4 * HOUR, DAY)
# Up to 2,000 rows were seen to be allowed, and pages one or two rows longer than their limit.
_ROWS, _MARGIN = 998, 2
# Older requests are refused with "exceeds 180-day limit" (seen).
_DEPTH = 178 * DAY
_LAG = 5 * MINUTE


class _Statistic(msgspec.Struct):
    time: int


class _Totals(_Statistic, kw_only=True):
    long_liq_usd: float
    short_liq_usd: float
    long_liq_usd_new: float | None = None
    short_liq_usd_new: float | None = None


class _Interest(_Statistic, kw_only=True):
    open_interest: float
    mark_price: float


class _Ratios(_Statistic, kw_only=True):
    lsr_account: float
    top_lsr_account: float
    top_lsr_size: float


class _Takers(_Statistic, kw_only=True):
    long_taker_size: float
    short_taker_size: float


_Row = TypeVar("_Row", bound=_Statistic)

_TOTALS = decoder(list[_Totals])
_INTERESTS = decoder(list[_Interest])
_RATIOS = decoder(list[_Ratios])
_TAKERS = decoder(list[_Takers])
# population -> field that has its ratio of longs to shorts
_POPULATIONS = {"accounts": "lsr_account", "top_accounts": "top_lsr_account", "top_positions": "top_lsr_size"}


def _asking(shift: int) -> Callable[[Instrument, Window, int], Request]:
    """Return a request for the intervals whose rows, stamped `shift` intervals later, are in a window."""

    def request(instrument: Instrument, window: Window, interval: int) -> Request:
        count = -(-(window.end - window.start) // interval)
        return Request(
            "rest",
            futures_path(instrument, "contract_stats"),
            (
                ("contract", instrument.symbol),
                ("from", str(-(-(window.start - shift * interval) // SECOND))),
                ("interval", INTERVAL_CODES[interval]),
                ("limit", str(count + _MARGIN)),
            ),
        )

    return request


def _inside(
    payload: bytes, by: msgspec.json.Decoder[list[_Row]], window: Window, delay: int = 0
) -> Iterable[tuple[int, _Row]]:
    """Yield the rows of a window with their times, `delay` ms after those that Gate stamps."""
    for row in decoded(payload, by, "contract_stats"):
        ts = from_seconds(row.time, "time") + delay
        if window.start <= ts < window.end:
            yield ts, row


def _totals(payload: bytes, _: Instrument, window: Window, interval: int) -> list[LiquidationTotal]:
    rows = []
    for ts, row in _inside(payload, _TOTALS, window):
        # The newer fields are contracts x multiplier x mark price; what the older ones multiply is not said.
        long = row.long_liq_usd if row.long_liq_usd_new is None else row.long_liq_usd_new
        short = row.short_liq_usd if row.short_liq_usd_new is None else row.short_liq_usd_new
        total = non_negative(long, "long_liq_usd"), non_negative(short, "short_liq_usd")
        rows.append(LiquidationTotal(ts, interval, *total))
    return rows


def _interests(payload: bytes, instrument: Instrument, window: Window, interval: int) -> list[OpenInterest]:
    # Known at the end of its interval: stamped with the start it would tell the future.
    return [
        one_side(ts, row.open_interest, row.mark_price, instrument, "open_interest")
        for ts, row in _inside(payload, _INTERESTS, window, delay=interval)
        if row.open_interest  # 0 stands for an interval in which nothing was counted, as with the ratios
    ]


def _reading_ratios(
    population: str, field: str
) -> Callable[[bytes, Instrument, Window, int], list[LongShortRatio]]:
    def read(payload: bytes, _: Instrument, window: Window, interval: int) -> list[LongShortRatio]:
        rows = []
        for ts, row in _inside(payload, _RATIOS, window):
            ratio = non_negative(getattr(row, field), field)
            # 0 stands for an interval in which nobody was counted.
            if ratio:
                short = 1 / (1 + ratio)
                rows.append(LongShortRatio(ts, interval, population, ratio * short, short))
        return rows

    return read


def _taker_volume(payload: bytes, instrument: Instrument, window: Window, interval: int) -> list[TakerVolume]:
    # A contract holds base, or quote where it is inverse.
    size, unit = instrument.contract_size, "base" if instrument.contract == "linear" else "quote"
    return [
        TakerVolume(
            ts,
            interval,
            non_negative(row.long_taker_size * size, "long_taker_size"),
            non_negative(row.short_taker_size * size, "short_taker_size"),
            unit,
        )
        for ts, row in _inside(payload, _TAKERS, window)
    ]


def _source(
    table: str,
    read: Callable[[bytes, Instrument, Window, int], Iterable[MarketRow]],
    *,
    population: str = "",
    shift: int = 0,
    contracts: tuple[str, ...] = ("linear", "inverse"),
) -> HistorySource:
    return HistorySource(
        table=table,
        population=population,
        intervals=_INTERVALS,
        span=lambda interval: _ROWS * interval,
        request=_asking(shift),
        read=read,
        depth=_DEPTH,
        lag=_LAG,
        contracts=contracts,
    )


STATISTICS = (
    # The formula of the totals is documented for contracts that settle in USDT.
    _source("liquidation_totals", _totals, contracts=("linear",)),
    _source("open_interest", _interests, shift=1),
    *(
        _source("long_short_ratios", _reading_ratios(population, field), population=population)
        for population, field in _POPULATIONS.items()
    ),
    _source("taker_volume", _taker_volume),
)
