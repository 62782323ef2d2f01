"""Which side was liquidated more over the last hours, and how unusual that is for the coin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from powderkeg.analytics.liquidation_feeds import Feed
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.core.liquidation_imbalance import (
    LEAST_USD,
    HeadlineRatio,
    ImbalanceInterval,
    PercentileRank,
    headline_ratio,
    imbalance,
    imbalance_interval,
    percentile_rank,
)
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.model.window import Window

LENGTHS = (HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR)
# Windows end on a multiple of this, the shortest interval in which a venue adds up.
_GRID = 5 * MINUTE
_BLOCKS = 24
# What the blocks must hold of the window's total: a venue's own totals may be longer than a block.
_BLOCKS_HOLD = 0.9
# Windows of the past begin this often in the length of one.
_PER_LENGTH = 4
_FEWEST_WINDOWS = 20
# Share that must be known of a window, now and in the past, to compare the two.
_KNOWN = 0.9
# How long a feed's history must be, as a share of the longest, for it to be compared.
_LONG = 0.5


@dataclass(frozen=True, slots=True)
class RealisedImbalance:
    """Longs against shorts in one window, from what was reported: floors.

    Attributes
    ----------
    window
        Ends on a multiple of five minutes.
    long_usd, short_usd
        Reported; None where nothing was recorded.
    shares
        Venue and symbol of the feeds that count -> share of the window that is known; others are left out.
    headline
        The ratio of headlines; None where nothing was recorded.
    imbalance
        (L - S) / (L + S); None below the floor of `powderkeg.core.liquidation_imbalance.LEAST_USD`.
    interval
        90 % of `imbalance`; None without one, or where the total rests on a burst or two.
    percentile
        Where the imbalance over the feeds `compared` stands among earlier windows of the same length, apart
        from this one; None with fewer than 20 of them, or below the floor.
    compared
        Venue and symbol of the feeds that know nine tenths of this window and whose history is at least half
        as long as the longest. Like is held against like: a venue that is new does not count in this.
    history_windows, history_below_floor
        Windows of the past of which each of these feeds knows nine tenths: above the floor, which are
        compared, and below. They begin every quarter of their length: a quarter of them do not overlap.
    """

    window: Window
    long_usd: float | None
    short_usd: float | None
    shares: dict[tuple[str, str], float]
    headline: HeadlineRatio | None
    imbalance: float | None
    interval: ImbalanceInterval | None
    percentile: PercentileRank | None
    compared: tuple[tuple[str, str], ...]
    history_windows: int
    history_below_floor: int


def realised_imbalances(feeds: Sequence[Feed], at: int) -> tuple[RealisedImbalance, ...]:
    """Return the imbalance of the hours before `at`, for each of `LENGTHS`, over these feeds."""
    end = at // _GRID * _GRID
    return tuple(_imbalance(feeds, Window(end - length, end)) for length in LENGTHS)


def _imbalance(feeds: Sequence[Feed], window: Window) -> RealisedImbalance:
    starts, ends = np.array([window.start]), np.array([window.end])
    told = [(feed, feed.between(starts, ends)) for feed in feeds]
    counted = [(feed, totals) for feed, totals in told if totals.recorded[0]]
    if not counted:
        return RealisedImbalance(window, None, None, {}, None, None, None, None, (), 0, 0)
    used = [feed for feed, _ in counted]
    shares = np.array([totals.share[0] for _, totals in counted])
    long_usd, short_usd = WindowTotals.added([totals for _, totals in counted]).usd[0].tolist()
    value = imbalance(long_usd, short_usd)
    compared = _with_history(used, shares, window)
    past, below = _past_imbalances(compared, window)
    return RealisedImbalance(
        window=window,
        long_usd=long_usd,
        short_usd=short_usd,
        shares={
            (feed.venue.name, feed.symbol): share for feed, share in zip(used, shares.tolist(), strict=True)
        },
        headline=headline_ratio(long_usd, short_usd),
        imbalance=value,
        interval=None if value is None else _interval(used, window, long_usd + short_usd),
        percentile=_rank(compared, window, past),
        compared=tuple((feed.venue.name, feed.symbol) for feed in compared),
        history_windows=len(past),
        history_below_floor=below,
    )


def _interval(feeds: Sequence[Feed], window: Window, total: float) -> ImbalanceInterval | None:
    step = max(window.length // _BLOCKS, _GRID)
    starts = np.arange(window.start, window.end, step, dtype=np.int64)
    blocks = np.nan_to_num(WindowTotals.added([feed.between(starts, starts + step) for feed in feeds]).usd)
    return imbalance_interval(blocks) if blocks.sum() >= _BLOCKS_HOLD * total else None


def _with_history(feeds: Sequence[Feed], shares: FloatArray, window: Window) -> list[Feed]:
    """Return the feeds that know this window well and have known the coin for long."""
    known = [
        (feed, feed.earliest)
        for feed, share in zip(feeds, shares.tolist(), strict=True)
        if share >= _KNOWN and feed.earliest is not None
    ]
    first = min((earliest for _, earliest in known), default=window.start)
    return [feed for feed, earliest in known if window.start - earliest >= _LONG * (window.start - first)]


def _past_imbalances(feeds: Sequence[Feed], window: Window) -> tuple[FloatArray, int]:
    """Return the imbalances of earlier windows, apart from this one, and how many lie below the floor."""
    if not feeds:
        return np.empty(0), 0
    first = max(feed.earliest or window.start for feed in feeds)
    ends = np.arange(window.start, first, -(window.length // _PER_LENGTH), dtype=np.int64)
    told = [feed.between(ends - window.length, ends) for feed in feeds]
    known = np.all([one.share >= _KNOWN for one in told], axis=0)
    usd = np.nan_to_num(WindowTotals.added(told).usd[known])
    total = usd.sum(axis=1)
    enough = total >= LEAST_USD
    values = (usd[enough, 0] - usd[enough, 1]) / total[enough]
    return values, int(np.count_nonzero(~enough))


def _rank(feeds: Sequence[Feed], window: Window, past: FloatArray) -> PercentileRank | None:
    """Return where this window stands among those of the past, by the same feeds."""
    if len(past) < _FEWEST_WINDOWS:
        return None
    bounds = np.array([window.start]), np.array([window.end])
    value = imbalance(*WindowTotals.added([feed.between(*bounds) for feed in feeds]).usd[0].tolist())
    return None if value is None else percentile_rank(past, value)
