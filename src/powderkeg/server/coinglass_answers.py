"""Answers of powderkeg in the shapes of CoinGlass; what stands beside ``data`` says what they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.liquidation_feeds import read_feed
from powderkeg.analytics.realised_liquidations import interval_bounds
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.liquidation_map import LiquidationMap
from powderkeg.model.arrays import BoolArray, FloatArray, IntArray
from powderkeg.model.times import HOUR, iso
from powderkeg.model.window import Window
from powderkeg.server.liquidation_events import LiquidationEvent
from powderkeg.venues.registry import venue

MODELS = {"model1": "worlds", "model2": "fixed_tiers", "model3": "diffuse"}
"""Which of powderkeg's models answers for which of theirs, whose formulas are not published."""
_UNITS = {"usd": "USD as reported, or at the mark price as of the map", "time": "UTC milliseconds"}
_COIN_HOURS = (24, 12, 4, 1)


@dataclass(frozen=True, slots=True)
class LiquidationSums:
    """USD liquidated by interval.

    Attributes
    ----------
    starts
        UTC milliseconds, ascending.
    usd
        Of longs and shorts, shape (n, 2); 0 where nothing was recorded.
    recorded
        True where anything is known, shape (n,).
    """

    starts: IntArray
    usd: FloatArray
    recorded: BoolArray


def liquidation_sums(
    lake: Lake, feeds: Sequence[tuple[str, str]], starts: IntArray, ends: IntArray
) -> LiquidationSums:
    """Return what (venue, symbol) feeds reported in each window [start, end), added up."""
    usd = np.zeros((len(starts), 2))
    recorded = np.zeros(len(starts), np.bool_)
    window = Window(int(starts.min()), int(ends.max()))
    for name, symbol in feeds:
        found = read_feed(lake, venue(name), symbol, window).between(starts, ends)
        usd += np.nan_to_num(found.usd)
        recorded |= found.recorded
    return LiquidationSums(starts, usd, recorded)


def sums_by_interval(
    lake: Lake, feeds: Sequence[tuple[str, str]], window: Window, step: int
) -> LiquidationSums:
    """Return the sums of each whole interval of `step` ms in a window; the last may still be open."""
    return liquidation_sums(lake, feeds, *interval_bounds(window, step))


def history_rows(sums: LiquidationSums, long: str, short: str, shown: Callable[[float], Any]) -> list[Any]:
    """Return a row of each interval of which anything is known; what was not recorded has no row."""
    return [
        {"time": time, long: shown(usd[0]), short: shown(usd[1])}
        for time, usd, known in zip(
            sums.starts.tolist(), sums.usd.tolist(), sums.recorded.tolist(), strict=True
        )
        if known
    ]


def coin_row(lake: Lake, coin: str, feeds: Sequence[tuple[str, str]], end: int) -> dict[str, Any]:
    """Return a coin's liquidations of the last 24, 12, 4 and 1 hours."""
    starts = np.array([end - hours * HOUR for hours in _COIN_HOURS], np.int64)
    sums = liquidation_sums(lake, feeds, starts, np.full(len(starts), end))
    row: dict[str, Any] = {"symbol": coin}
    for hours, (long, short) in zip(_COIN_HOURS, sums.usd.tolist(), strict=True):
        row |= {
            f"liquidation_usd_{hours}h": long + short,
            f"long_liquidation_usd_{hours}h": long,
            f"short_liquidation_usd_{hours}h": short,
        }
    return row


def exchange_rows(lake: Lake, feeds: Sequence[tuple[str, str]], window: Window) -> list[dict[str, Any]]:
    """Return the liquidations of each exchange that recorded any of the window, first of all of them."""
    bounds = np.array([window.start]), np.array([window.end])
    rows: list[tuple[str, float, float]] = []
    for name in dict.fromkeys(name for name, _ in feeds):
        sums = liquidation_sums(lake, [feed for feed in feeds if feed[0] == name], *bounds)
        if sums.recorded[0]:
            rows.append((venue(name).title, *sums.usd[0].tolist()))
    rows.insert(0, ("All", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    return [
        {
            "exchange": name,
            "liquidation_usd": long + short,
            "long_liquidation_usd": long,
            "short_liquidation_usd": short,
        }
        for name, long, short in rows
    ]


def order_row(event: LiquidationEvent, coin: str) -> dict[str, Any]:
    """Return one liquidation; ``side`` is the order's, so that a long's is 2, a sale."""
    return {
        "exchange_name": event.venue.upper(),
        "symbol": event.symbol,
        "base_asset": coin,
        "price": event.price,
        "usd_value": event.notional,
        "side": 2 if event.position_side == "long" else 1,
        "time": event.ts,
    }


def heatmap_data(heatmap: Heatmap) -> dict[str, Any]:
    """Return centres of bins, [column, bin, USD of both sides] of occupied cells, and candles.

    Candles have the time of their start in seconds. Columns without a bar have none, and volume is "0":
    a heatmap does not hold it.
    """
    cells = heatmap.long_notional.astype(np.float64) + heatmap.short_notional
    column, place = np.nonzero(cells > 0)
    length = heatmap.column_length
    seconds = ((heatmap.times - length) // 1_000).tolist()
    prices = [values.tolist() for values in (heatmap.open, heatmap.high, heatmap.low, heatmap.close)]
    return {
        "y_axis": heatmap.grid.centres.tolist(),
        "liquidation_leverage_data": [
            list(cell)
            for cell in zip(column.tolist(), place.tolist(), cells[column, place].tolist(), strict=True)
        ],
        "price_candlesticks": [
            [second, *(repr(value) for value in candle), "0"]
            for second, *candle in zip(seconds, *prices, strict=True)
            if np.isfinite(candle).all()
        ],
    }


def map_data(found: LiquidationMap) -> dict[str, Any]:
    """Return price -> [[price, USD, null, null]] of occupied bins; leverage is not known, and null."""
    usd = found.long_notional + found.short_notional
    return {
        "data": {
            f"{price:.10g}": [[float(f"{price:.10g}"), level, None, None]]
            for price, level in zip(found.grid.centres.tolist(), usd.tolist(), strict=True)
            if level > 0
        }
    }


def about(kind: str, as_of: int, **told: Any) -> dict[str, Any]:
    """Return what stands beside ``data``: what kind of numbers these are, as of when, in what units."""
    return {"kind": kind, "as_of": as_of, "as_of_text": iso(as_of), "units": _UNITS, **told}
