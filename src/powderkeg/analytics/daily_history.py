"""A coin's days, 24 hours each that end where the last one does: liquidations, open interest, volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.analytics.coin_instruments import instruments_of_coin
from powderkeg.analytics.liquidation_feeds import Feed, read_feed
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.core.alignment import last_known
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.coin_frames import coin_frames
from powderkeg.maps.coin_series import CoinSeries, VenueSeries, coin_series
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

_KNOWN = 0.9
_LONG = 0.5


@dataclass(frozen=True, slots=True)
class DailyHistory:
    """Days that end at `ends`, the last at the time asked for, cut to the hour; arrays ascend, shape (n,).

    Attributes
    ----------
    ends
        UTC milliseconds, 24 hours apart.
    liquidations
        USD reported in each day by the feeds in `feeds`, both sides; NaN where one of them knows less than
        nine tenths of it. They are floors.
    feeds
        Venue and symbol of the feeds that know the last day and at least half of the days of the one that
        knows most: like is held against like.
    open_interest
        USD at the end of each day, one side, of `venues`; NaN where it is not known of all of them.
    open_interest_base
        The same in base.
    volume
        USD traded in each day on `venues`; NaN where an hour of it lacks.
    venues
        Those whose open interest is known at the last end, and at half of the others at least.
    notes
        Why something is missing throughout.
    """

    ends: IntArray
    liquidations: FloatArray
    feeds: tuple[str, ...]
    open_interest: FloatArray
    open_interest_base: FloatArray
    volume: FloatArray
    venues: tuple[str, ...]
    notes: tuple[str, ...]


def daily_history(lake: Lake, coin: str, at: int, venues: Sequence[Venue], days: int) -> DailyHistory:
    """Return the last `days` days of a coin as they could be known at a time.

    Raises
    ------
    InputError
        `days` is below 1.
    LakeError
        A file is missing or damaged.
    """
    if days < 1:
        raise InputError(f"days is {days}; expected 1 or more")
    end = at // HOUR * HOUR
    ends = end - DAY * np.arange(days - 1, -1, -1, dtype=np.int64)
    liquidations, feeds = _liquidations(lake, coin, venues, ends)
    nothing = np.full(days, np.nan)
    try:
        frames, _ = coin_frames(lake, venues, coin, Window(int(ends[0]) - 2 * DAY, end), bar_step="1h")
    except InputError as error:
        return DailyHistory(ends, liquidations, feeds, nothing, nothing, nothing, (), (str(error),))
    hours = np.arange(int(ends[0]) - DAY + HOUR, end + 1, HOUR, dtype=np.int64)
    series = coin_series(lake, frames, coin, hours, HOUR)
    chosen = _steady(series, days)
    if not chosen:
        why = "no venue's open interest is known at this time"
        return DailyHistory(ends, liquidations, feeds, nothing, nothing, nothing, (), (why,))
    return DailyHistory(
        ends=ends,
        liquidations=liquidations,
        feeds=feeds,
        open_interest=np.sum([one.open_interest_usd[23::24] for one in chosen], axis=0),
        open_interest_base=np.sum([one.open_interest[23::24] for one in chosen], axis=0),
        volume=np.sum([one.volume_usd.reshape(days, 24).sum(axis=1) for one in chosen], axis=0),
        venues=tuple(one.venue for one in chosen),
        notes=(),
    )


def at_ends(times: IntArray, values: FloatArray, ends: IntArray, oldest: int = DAY) -> FloatArray:
    """Return the last value known at each end, NaN where it is older than `oldest` ms or there is none.

    Raises
    ------
    InputError
        Times do not ascend, or there are not as many values.
    """
    if times.shape != values.shape or np.any(np.diff(times) <= 0):
        raise InputError(
            f"times: {times.shape} for {values.shape} values; expected ascending times, one each"
        )
    found, age = last_known(times, values, ends)
    return np.where((age >= 0) & (age <= oldest), found, np.nan)


def _liquidations(
    lake: Lake, coin: str, venues: Sequence[Venue], ends: IntArray
) -> tuple[FloatArray, tuple[str, ...]]:
    window = Window(int(ends[0]) - DAY, int(ends[-1]))
    told: list[tuple[Feed, WindowTotals]] = []
    for venue in venues:
        for symbol in instruments_of_coin(lake, venue, coin).symbols:
            feed = read_feed(lake, venue, symbol, window)
            told.append((feed, feed.between(ends - DAY, ends)))
    present = [(feed, totals) for feed, totals in told if totals.share[-1] >= _KNOWN]
    if not present:
        return np.full(len(ends), np.nan), ()
    longest = max(int((totals.share >= _KNOWN).sum()) for _, totals in present)
    used = [(feed, totals) for feed, totals in present if (totals.share >= _KNOWN).sum() >= _LONG * longest]
    known = np.all([totals.share >= _KNOWN for _, totals in used], axis=0)
    usd = WindowTotals.added([totals for _, totals in used]).usd.sum(axis=1)
    names = tuple(f"{feed.venue.name} {feed.symbol}" for feed, _ in used)
    return np.where(known, usd, np.nan), names


def _steady(series: CoinSeries, days: int) -> list[VenueSeries]:
    present = [one for one in series.venues if np.isfinite(one.open_interest_usd[-1])]
    known = [int(np.isfinite(one.open_interest_usd[23::24]).sum()) for one in present]
    longest = max(known, default=0)
    return [one for one, count in zip(present, known, strict=True) if count >= min(_LONG * longest, days)]
