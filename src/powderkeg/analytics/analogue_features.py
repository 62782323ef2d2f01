"""The state of a coin at the end of each day, as numbers that can be compared, and what followed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from powderkeg.analytics.daily_history import DailyHistory
from powderkeg.core.alignment import RegularSeries, rows_on_clock
from powderkeg.core.indicators import relative_strength_index
from powderkeg.core.volatility import realised_volatility
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.window import Window

_HIGH_DAYS = 90
_WEEK = 7


def state_features(
    hourly: RegularSeries, history: DailyHistory, funding: FloatArray
) -> dict[str, FloatArray]:
    """Return the features at the end of each day; NaN where one is not known."""
    ends = history.ends
    close = hourly.values["close"]
    week = RegularSeries(
        hourly.ts, HOUR, hourly.valid, {"volatility": realised_volatility(close, HOUR, _WEEK * DAY)}
    )
    volatility = rows_on_clock(week, ends - HOUR)["volatility"]
    closes = _closes(hourly, ends)
    interest = history.open_interest_base
    change = np.full(len(ends), np.nan)
    change[_WEEK:] = np.log(interest[_WEEK:] / interest[:-_WEEK])
    with np.errstate(divide="ignore"):
        logs = np.log(volatility)
    return {
        "log_volatility_7d": np.where(np.isfinite(logs), logs, np.nan),
        "rsi_14d": _index(closes),
        "drawdown_90d": closes / _highs(hourly, ends) - 1,
        "funding_7d": funding,
        "open_interest_change_7d": change,
    }


def _closes(hourly: RegularSeries, ends: IntArray) -> FloatArray:
    return rows_on_clock(hourly, ends - HOUR)["close"]


def _index(closes: FloatArray) -> FloatArray:
    """Return the strength index of closes a day apart; days that lack are passed over."""
    known = np.isfinite(closes)
    out = np.full(len(closes), np.nan)
    out[known] = relative_strength_index(closes[known])
    return out


def _highs(hourly: RegularSeries, ends: IntArray) -> FloatArray:
    """Return the highest price of the 90 days before each end; NaN before there are that many."""
    high = np.where(hourly.valid, hourly.values["high"], -np.inf)
    width = _HIGH_DAYS * 24
    out = np.full(len(high), np.nan)
    if len(high) >= width:
        out[width - 1 :] = sliding_window_view(high, width).max(axis=1)
    row = (ends - HOUR - hourly.start) // HOUR
    inside = (row >= 0) & (row < len(out))
    return np.where(inside, out[np.clip(row, 0, len(out) - 1)], np.nan)


def weekly_funding(lake: Lake, venue: str, symbol: str, ends: IntArray) -> FloatArray:
    """Return what longs paid per eight hours over the week before each end; NaN where a day of it lacks.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    key = DatasetKey("funding", venue, symbol)
    window = Window(int(ends[0]) - _WEEK * DAY, int(ends[-1]) + 1)
    rows = lake.read(key, window, ("ts", "funding_rate")).sort("ts")
    times, rates = rows["ts"].to_numpy(), rows["funding_rate"].to_numpy()
    paid = np.concatenate([[0.0], np.cumsum(rates)])
    bounds = [ends - number * DAY for number in range(_WEEK, -1, -1)]
    # A payment at an end belongs to the day that ends there.
    places = [np.searchsorted(times, bound, side="right") for bound in bounds]
    daily = np.array([later - before for before, later in itertools.pairwise(places)])
    total = paid[places[-1]] - paid[places[0]]
    return np.where(daily.min(axis=0) > 0, total / (_WEEK * 3), np.nan)


def later_outcomes(
    hourly: RegularSeries, history: DailyHistory, horizons: Sequence[int]
) -> dict[str, FloatArray]:
    """Return what followed each day; NaN where it is not known, or not known yet.

    ``return.Nd`` is the change of the price in N days, as a fraction; ``liquidations.Nd`` what was reported
    as liquidated in them, each day over the open interest at its end.
    """
    closes = _closes(hourly, history.ends)
    relative = history.liquidations / history.open_interest
    outcomes = {}
    for days in horizons:
        returns = np.full(len(closes), np.nan)
        returns[:-days] = closes[days:] / closes[:-days] - 1
        outcomes[f"return.{days}d"] = returns
    for days in horizons:
        after = np.full(len(closes), np.nan)
        if len(closes) > days:
            after[:-days] = sliding_window_view(relative[1:], days).sum(axis=1)
        outcomes[f"liquidations.{days}d"] = after
    return outcomes
