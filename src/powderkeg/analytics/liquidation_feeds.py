"""Feeds: what one venue reported of one instrument, as events, as totals of its own, or as both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.core.feed_coverage import CLUSTERING
from powderkeg.core.liquidation_totals import (
    covered_between,
    throttle_weights,
    totals_between,
)
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import FloatArray, IntArray, read_only
from powderkeg.model.market_rows import StreamGap
from powderkeg.model.window import Window, missing, united
from powderkeg.venues.venue import Venue

_EVENT_COLUMNS = ("ts", "position_side", "price", "price_meaning", "quantity", "notional", "source")
# Columns of what is added up per event, by side: count, USD, and USD with what was hidden; and saturation.
_COUNT, _USD, _LOW, _ESTIMATE, _SATURATED = slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8), 8


@dataclass(frozen=True, slots=True)
class Events:
    """Single liquidations, ascending by time, shape (n,) each, and the times that were listened to.

    `values` holds what is added up of each; `meaning` says what a price is; `sources` are the ways on which
    rows came into the lake.
    """

    times: IntArray
    short: FloatArray
    price: FloatArray
    quantity: FloatArray
    notional: FloatArray
    meaning: pl.Series
    sources: tuple[str, ...]
    covered: tuple[Window, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True)
class VenueTotals:
    """What a venue added up, in intervals that ascend and do not overlap: bounds (n, 2) and USD (n, 2)."""

    spans: IntArray
    usd: FloatArray
    intervals: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """What one venue reported of one instrument.

    Attributes
    ----------
    venue, symbol
        The venue, and its spelling of the instrument.
    events, totals
        Both may be empty.
    gaps
        Times in which the recorder may have missed events, and why.
    """

    venue: Venue
    symbol: str
    events: Events
    totals: VenueTotals
    gaps: tuple[StreamGap, ...]

    @property
    def earliest(self) -> int | None:
        """The first time of which anything is known."""
        known = [window.start for window in self.events.covered[:1]]
        known += self.events.times[:1].tolist() + self.totals.spans[:1, 0].tolist()
        return min(known, default=None)

    def between(self, starts: IntArray, ends: IntArray) -> WindowTotals:
        """Return what was reported in each window [start, end), in any order.

        Totals of the venue count where one of their intervals lies whole in the window, and stand in the
        place of the events of that time; events count in the rest of it. The two are never added for the
        same time.
        """
        first = np.searchsorted(self.totals.spans[:, 0], starts, side="left")
        stop = np.maximum(np.searchsorted(self.totals.spans[:, 1], ends, side="right"), first)
        spans = self.totals.spans
        by_interval = totals_between(self.events.times, self.events.values, spans[:, 0], spans[:, 1])
        inside = totals_between(self.events.times, self.events.values, starts, ends)
        replaced = _of_rows(by_interval, first, stop)
        rest = np.maximum(inside - replaced, 0.0)
        # What is left of the sums where no event is left is a rounding error, and no liquidation.
        rest[:, :_SATURATED][np.tile(rest[:, _COUNT] == 0, (1, 4))] = 0.0
        told = _of_rows(self.totals.usd, first, stop)

        listened = _spans(self.events.covered)
        lengths = ends - starts
        by_totals = _of_rows((spans[:, 1] - spans[:, 0])[:, None], first, stop)[:, 0]
        twice = _of_rows(covered_between(listened, spans[:, 0], spans[:, 1])[:, None], first, stop)[:, 0]
        heard = covered_between(listened, starts, ends)
        share = (heard - twice + by_totals) / lengths
        counts = inside[:, _COUNT]
        recorded = ((share > 0) | (counts.sum(axis=1) > 0))[:, None]
        counted = ((heard > 0) | (counts.sum(axis=1) > 0))[:, None]
        saturated = rest[:, [_SATURATED]] > 0
        estimate = np.where(saturated, np.nan, rest[:, _ESTIMATE])
        high = estimate if throttled_slot(self.venue) is None else CLUSTERING * estimate
        return WindowTotals(
            usd=np.where(recorded, told + rest[:, _USD], np.nan),
            events=np.where(counted, counts, np.nan),
            share=share,
            from_totals=by_totals / lengths,
            low=np.where(recorded, told + rest[:, _LOW], np.nan),
            estimate=np.where(recorded, told + estimate, np.nan),
            high=np.where(recorded, told + high, np.nan),
        )


def read_feed(lake: Lake, venue: Venue, symbol: str, window: Window) -> Feed:
    """Return the feed of one instrument as far as the lake knows it in `window`.

    Raises
    ------
    LakeError
        A file is missing, damaged, or written by a newer powderkeg.
    """
    return Feed(
        venue=venue,
        symbol=symbol,
        events=_read_events(lake, venue, symbol, window),
        totals=_read_totals(lake, venue, symbol, window),
        gaps=tuple(_read_gaps(lake, venue, symbol, window)),
    )


def throttled_slot(venue: Venue) -> int | None:
    """Return the ms in which a venue shows at most one liquidation of an instrument; None without a limit."""
    semantics = venue.semantics
    return semantics.liquidation_slot if semantics.liquidation_completeness == "one per slot" else None


def _read_events(lake: Lake, venue: Venue, symbol: str, window: Window) -> Events:
    keys = [summary.key for summary in lake.datasets("liquidations", venue.name, symbol)]
    keys = keys or [DatasetKey("liquidations", venue.name, symbol)]
    covered: tuple[Window, ...] = ()
    frames: list[pl.DataFrame] = []
    # The stream comes first; a series that tells the same liquidations in other words fills what it lacks.
    for key in sorted(keys, key=lambda key: (key.variant != "all", key.variant)):
        own = [part for whole in lake.covered(key) if (part := whole.overlap(window))]
        frame = lake.read(key, window, _EVENT_COLUMNS)
        if frames:
            own = [hole for part in own for hole in missing(part, covered)]
            frames = [kept.filter(~_inside(kept, own)) for kept in frames]
            frame = frame.filter(_inside(frame, own))
        frames.append(frame)
        covered = united([*covered, *own])
    rows = pl.concat(frames).sort("ts", maintain_order=True)
    times = read_only(rows["ts"].to_numpy(), np.int64)
    notional = read_only(rows["notional"].to_numpy())
    short = read_only((rows["position_side"] == "short").to_numpy())
    return Events(
        times=times,
        short=short,
        price=read_only(rows["price"].to_numpy()),
        quantity=read_only(rows["quantity"].to_numpy()),
        notional=notional,
        meaning=rows["price_meaning"],
        sources=tuple(sorted(rows["source"].unique())),
        covered=covered,
        values=_values(times, short, notional, throttled_slot(venue)),
    )


def _values(times: IntArray, short: FloatArray, notional: FloatArray, slot: int | None) -> FloatArray:
    """Return what is added up of each event, shape (n, 9)."""
    sides = np.column_stack([1 - short, short])
    low = estimate = np.ones(len(times))
    saturated = np.zeros(len(times))
    if slot is not None:
        weights = throttle_weights(times, notional, slot)
        low, estimate, saturated = weights.low, weights.estimate, weights.saturated.astype(np.float64)
    amounts = [sides * (notional * weight)[:, None] for weight in (np.ones(len(times)), low, estimate)]
    return read_only(np.column_stack([sides, *amounts, saturated]))


def _read_totals(lake: Lake, venue: Venue, symbol: str, window: Window) -> VenueTotals:
    spans, usd = np.empty((0, 2), np.int64), np.empty((0, 2))
    found = []
    for summary in lake.datasets("liquidation_totals", venue.name, symbol):
        rows = lake.read(summary.key, window, ("ts", "interval_ms", "long_usd", "short_usd")).to_numpy()
        if len(rows):
            bounds = np.column_stack([rows[:, 0], rows[:, 0] + rows[:, 1]]).astype(np.int64)
            listened = _spans(summary.covered)
            whole = covered_between(listened, bounds[:, 0], bounds[:, 1]) == bounds[:, 1] - bounds[:, 0]
            found.append((int(rows[0, 1]), bounds[whole], rows[whole, 2:]))
    # A shorter interval says more; a longer one counts where no shorter one does.
    for _, bounds, amounts in sorted(found, key=lambda series: series[0]):
        free = covered_between(spans, bounds[:, 0], bounds[:, 1]) == 0
        spans, usd = np.concatenate([spans, bounds[free]]), np.concatenate([usd, amounts[free]])
        order = np.argsort(spans[:, 0], kind="stable")
        spans, usd = spans[order], usd[order]
    return VenueTotals(
        read_only(spans, np.int64), read_only(usd), tuple(sorted(interval for interval, _, _ in found))
    )


def _read_gaps(lake: Lake, venue: Venue, symbol: str, window: Window) -> Iterator[StreamGap]:
    rows = lake.read(DatasetKey("gaps", venue.name, symbol), window, StreamGap._fields)
    for row in rows.iter_rows():
        gap = StreamGap(*row)
        if gap.table == "liquidations":
            yield gap


def _spans(windows: Iterable[Window]) -> IntArray:
    return np.array(list(windows), np.int64).reshape(-1, 2)


def _inside(rows: pl.DataFrame, windows: Iterable[Window]) -> pl.Series:
    """Return which rows have their time in one of the windows."""
    times = rows["ts"].to_numpy()
    return pl.Series(covered_between(_spans(windows), times, times + 1) > 0)


def _of_rows(values: FloatArray | IntArray, first: IntArray, stop: IntArray) -> FloatArray:
    """Return sums of the rows first to stop, stop not included."""
    places = np.arange(len(values), dtype=np.int64)
    return totals_between(places, np.asarray(values, np.float64), first, stop)
