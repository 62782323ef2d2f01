"""One coin's open interest, funding, mark price and volume through time, at each venue and added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.core.alignment import cadence_of, last_known
from powderkeg.core.funding_rates import COMMON_INTERVAL, weighted_mean
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.coin_frames import skipped_json
from powderkeg.maps.input_coverage import is_fresh
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, HOUR, duration_text, iso
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

LEAD = DAY
"""How long before the first step a value may have become known that still holds there."""
_OLDEST_INTEREST = 6 * HOUR
_UNITS = {
    "open_interest": "USD at mark_price, one side of each contract; the last known at the end of the step",
    "open_interest_base": "base units, one side",
    "funding_rate": "fraction of notional per funding_interval_hours, longs pay shorts when positive; the "
    "last settled by the end of the step",
    "mark_price": "quote per base, the last of the step",
    "volume_usd": "USD traded in the step, base volume at each bar's close; null where a bar is missing",
    "time": "ISO 8601, UTC: the end of each step",
}


@dataclass(frozen=True, slots=True)
class VenueSeries:
    """One venue's series; arrays of shape (n,), NaN where a value is not known.

    Attributes
    ----------
    venue, symbol
        Whose, and as it spells it.
    open_interest
        Base units, one side, known at the end of the step and no older than six hours, or two of its cadences
        if that is longer.
    mark_price
        Quote per base: the last observed inside the step.
    volume_usd
        Base volume times close, added up over the bars of the step where all of them were observed.
    funding_rate
        Fraction of notional per `funding_interval`, the last settled and no older than two intervals.
    funding_interval
        Milliseconds: as the venue told it last, else the usual distance of its settlements; 0 if that is not
        known.
    notes
        Of the frame.
    """

    venue: str
    symbol: str
    open_interest: FloatArray
    mark_price: FloatArray
    volume_usd: FloatArray
    funding_rate: FloatArray
    funding_interval: int
    notes: tuple[str, ...]

    @property
    def open_interest_usd(self) -> FloatArray:
        """Open interest at the mark price; NaN where either is not known."""
        return self.open_interest * self.mark_price

    def as_json(self) -> dict[str, Any]:
        """Return it column by column, null where a value is not known."""
        return {
            "venue": self.venue,
            "symbol": self.symbol,
            "open_interest": _known(self.open_interest_usd),
            "open_interest_base": _known(self.open_interest),
            "funding_rate": _known(self.funding_rate),
            "funding_interval_hours": self.funding_interval / HOUR if self.funding_interval else None,
            "mark_price": _known(self.mark_price),
            "volume_usd": _known(self.volume_usd),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class CoinSeries:
    """The series of a coin.

    Attributes
    ----------
    coin
        In upper case.
    step, times
        Length of a step, and the end of each, whole multiples of it; UTC milliseconds, shape (n,).
    venues
        Those that have a frame.
    """

    coin: str
    step: int
    times: IntArray
    venues: tuple[VenueSeries, ...]

    def open_interest_usd(self) -> FloatArray:
        """Return open interest in USD of each venue and step, shape (venues, n), NaN where not known."""
        return np.array([one.open_interest_usd for one in self.venues])

    def common_rates(self) -> FloatArray:
        """Return funding per eight hours of each venue and step, shape (venues, n), NaN where not known."""
        return np.array(
            [
                one.funding_rate
                * (COMMON_INTERVAL / one.funding_interval if one.funding_interval else np.nan)
                for one in self.venues
            ]
        )

    def total_json(self) -> dict[str, Any]:
        """Return the sum over the venues of which it is known, and how many these are at each step.

        The funding rate is their mean, each per eight hours and weighed by its open interest in USD, over
        the venues of which both are known.
        """
        interest, rates = self.open_interest_usd(), self.common_rates()
        known = np.isfinite(interest)
        total = np.where(known.any(axis=0), np.where(known, interest, 0.0).sum(axis=0), np.nan)
        return {
            "open_interest": _known(total),
            "venues_known": known.sum(axis=0).tolist(),
            "funding_rate": _known(weighted_mean(rates, interest)),
            "funding_venues_known": (known & np.isfinite(rates) & (interest > 0)).sum(axis=0).tolist(),
            "funding_interval_hours": COMMON_INTERVAL / HOUR,
        }

    def as_json(self, skipped: Mapping[str, str]) -> dict[str, Any]:
        """Return the object of ``/v1/series``; `skipped` says who is left out, and why."""
        return {
            "coin": self.coin,
            "kind": "observed",
            "as_of": iso(int(self.times[-1])),
            "step": duration_text(self.step),
            "units": _UNITS,
            "times": [iso(time) for time in self.times.tolist()],
            "venues": [one.as_json() for one in self.venues],
            "total": self.total_json(),
            "skipped": skipped_json(skipped),
        }


def step_ends(window: Window, step: int) -> IntArray:
    """Return the whole multiples of `step` that end a step inside [start, end], UTC milliseconds."""
    return np.arange(-(-window.start // step) + 1, window.end // step + 1, dtype=np.int64) * step


def coin_series(
    lake: Lake, frames: Sequence[MarketFrame], coin: str, times: IntArray, step: int
) -> CoinSeries:
    """Return the series of a coin at the ends of steps; nothing known after a step's end is in it.

    Parameters
    ----------
    lake
        Where settled funding is read.
    frames
        Of the coin, one for each venue, with their venues' names.
    coin
        Its name.
    times, step
        Ends of the steps, whole multiples of `step`, itself a multiple of the frames' bars; milliseconds.

    Raises
    ------
    LakeError
        A file is missing or damaged.
    """
    return CoinSeries(
        coin=coin.upper(),
        step=step,
        times=times,
        venues=tuple(_venue_series(lake, frame, coin, times, step) for frame in frames),
    )


def _venue_series(lake: Lake, frame: MarketFrame, coin: str, times: IntArray, step: int) -> VenueSeries:
    name = str(frame.venue)
    symbol = venue(name).symbol(coin.upper())
    ends = frame.ts + frame.step
    place = (-(-ends // step) * step - times[0]) // step
    inside = (place >= 0) & (place < len(times))
    seen = np.flatnonzero(inside & frame.valid)
    last = np.full(len(times), -1)
    np.maximum.at(last, place[seen], seen)
    mark = np.where(last >= 0, frame.mark_close[last], np.nan)
    bars = np.bincount(place[seen], minlength=len(times))
    traded = np.bincount(place[seen], (frame.volume * frame.close)[seen], minlength=len(times))
    row = np.searchsorted(ends, times)
    there = (row < len(ends)) & (ends[np.minimum(row, len(ends) - 1)] == times)
    row = np.where(there, row, 0)
    cadence = next((one.cadence for one in frame.series if one.name == "open_interest"), 0)
    age = frame.open_interest_age[row]
    fresh = there & (age >= 0) & ((age <= _OLDEST_INTEREST) | is_fresh(age, cadence))
    rate, interval = _funding(lake, name, symbol, times)
    return VenueSeries(
        venue=name,
        symbol=symbol,
        open_interest=np.where(fresh, frame.open_interest[row], np.nan),
        mark_price=mark,
        volume_usd=np.where(bars == step // frame.step, traded, np.nan),
        funding_rate=rate,
        funding_interval=interval,
        notes=frame.notes,
    )


def _funding(lake: Lake, name: str, symbol: str, times: IntArray) -> tuple[FloatArray, int]:
    """Return the rate settled last by each time, and the interval that it is for; NaN and 0 without any."""
    window = Window(int(times[0]) - LEAD, int(times[-1]) + 1)
    rows = lake.read(DatasetKey("funding", name, symbol), window, ("ts", "funding_rate", "interval_ms")).sort(
        "ts"
    )
    if rows.is_empty():
        return np.full(len(times), np.nan), 0
    settled = rows["ts"].to_numpy()
    told = rows["interval_ms"].drop_nulls()
    interval = int(told[-1]) if len(told) else cadence_of(settled)
    rate, age = last_known(settled, rows["funding_rate"].to_numpy(), times)
    return np.where(is_fresh(age, interval), rate, np.nan), interval


def _known(values: FloatArray) -> list[float | None]:
    """Return numbers for JSON, null where they are not finite."""
    return [
        value if finite else None for value, finite in zip(values.tolist(), np.isfinite(values), strict=True)
    ]
