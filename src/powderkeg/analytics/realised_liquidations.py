"""Realised liquidations: what venues reported of a coin, per venue and added up, and how much of it is known.

What was reported is a floor of what happened: feeds are throttled, and recorders are not always there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.analytics.coin_instruments import coin_of, instruments_of_coin
from powderkeg.analytics.liquidation_feeds import Feed, read_feed, throttled_slot
from powderkeg.analytics.realised_imbalance import RealisedImbalance, realised_imbalances
from powderkeg.analytics.window_totals import WindowTotals
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import IntArray, read_only
from powderkeg.model.market_rows import StreamGap
from powderkeg.model.times import DAY, MINUTE, duration, iso
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

HISTORY = 365 * DAY
"""How far back the imbalance is compared."""
_MOST_INTERVALS = 50_000


@dataclass(frozen=True, slots=True, order=True)
class ReportedOrder:
    """One reported liquidation; units and meanings as `powderkeg.model.market_rows.Liquidation`."""

    ts: int
    venue: str
    symbol: str
    position_side: str
    price: float
    price_meaning: str
    quantity: float
    notional: float

    def as_json(self) -> dict[str, Any]:
        """Return it with units in its names, for scripts."""
        return {
            "time": iso(self.ts),
            "venue": self.venue,
            "symbol": self.symbol,
            "position_side": self.position_side,
            "notional_usd": self.notional,
            "price": self.price,
            "price_meaning": self.price_meaning,
            "quantity": self.quantity,
        }


@dataclass(frozen=True, slots=True)
class VenueLiquidations:
    """What one venue reported.

    Attributes
    ----------
    venue
        With its semantics: completeness, slot, meaning of the price.
    feeds
        Its instruments of the coin.
    intervals, whole
        Per interval, and all of the window.
    gaps
        Times in the window in which the recorder may have missed events.
    """

    venue: Venue
    feeds: tuple[Feed, ...]
    intervals: WindowTotals
    whole: WindowTotals
    gaps: tuple[StreamGap, ...]

    @property
    def corrected(self) -> bool:
        """Whether its events are thinned by a throttle that can be corrected, and some were recorded."""
        return throttled_slot(self.venue) is not None and bool(np.nansum(self.whole.events))

    @property
    def source(self) -> str | None:
        """``events``, ``totals`` of the venue or ``events and totals``; None where nothing was recorded."""
        return source_of(self.whole)


@dataclass(frozen=True, slots=True)
class NotInLake:
    """A venue without a feed of the coin in the lake, and why."""

    venue: str
    reason: str


@dataclass(frozen=True, slots=True)
class RealisedLiquidations:
    """What was reported of a coin in a window.

    Attributes
    ----------
    coin, window, interval
        What was asked for; `interval` in ms.
    starts, ends
        Bounds of the intervals, UTC milliseconds, ascending: whole multiples of `interval`, cut at the
        window.
    venues
        Those with a feed in the lake.
    intervals, whole
        Added up over the venues, per interval and in all.
    largest
        The largest single liquidations, largest first.
    imbalances
        Over the last hours.
    not_in_lake, notes
        What is missing, and what was decided.
    """

    coin: str
    window: Window
    interval: int
    starts: IntArray
    ends: IntArray
    venues: tuple[VenueLiquidations, ...]
    intervals: WindowTotals
    whole: WindowTotals
    largest: tuple[ReportedOrder, ...]
    imbalances: tuple[RealisedImbalance, ...]
    not_in_lake: tuple[NotInLake, ...]
    notes: tuple[str, ...]

    def listened(self, number: int) -> int:
        """Return how many of the venues have anything recorded in an interval."""
        return sum(bool(one.intervals.recorded[number]) for one in self.venues)


def source_of(totals: WindowTotals, number: int = 0) -> str | None:
    """Return where the amounts of a window come from, as `VenueLiquidations.source`."""
    if not totals.recorded[number]:
        return None
    if not totals.from_totals[number]:
        return "events"
    return "totals" if totals.from_totals[number] >= totals.share[number] else "events and totals"


def realised_liquidations(
    lake: Lake,
    venues: Sequence[Venue],
    coin: str,
    window: Window,
    *,
    interval: str | int = "1h",
    largest: int = 10,
) -> RealisedLiquidations:
    """Return what venues reported of a coin.

    The instruments of a coin at a venue are those in the lake whose base it is, by the lake's description of
    them; where there is none, the venue's main one. A thousand of a coin, as 1000PEPE or kPEPE, is the coin.

    Parameters
    ----------
    lake, venues
        Where to read, and whom.
    coin
        ``BTC``, in any case.
    window
        [start, end), exact: the first and last interval are cut.
    interval
        From ``1m`` to ``1d``, at most 50,000 in the window.
    largest
        How many single liquidations to list.

    Raises
    ------
    InputError
        An argument is unfit, or the lake holds nothing of the coin at these venues.
    LakeError
        A file is missing or damaged.
    """
    step = duration(interval, "interval")
    if not MINUTE <= step <= DAY:
        raise InputError(f"interval: {interval!r}; expected a length from 1m to 1d")
    if window.length > _MOST_INTERVALS * step:
        raise InputError(
            f"interval: {interval!r} makes more than {_MOST_INTERVALS:,} intervals from {window}; expected a "
            "longer one, or a shorter window"
        )
    if largest < 0:
        raise InputError(f"largest is {largest}; expected 0 or more")
    starts, ends = interval_bounds(window, step)
    read = Window(min(window.start, window.end - HISTORY), window.end)
    notes: list[str] = []
    found: list[VenueLiquidations] = []
    missing: list[NotInLake] = []
    for venue in venues:
        instruments = instruments_of_coin(lake, venue, coin)
        notes += [
            f"{venue.name} {symbol} is left out: it is quoted in {quote}, not in dollars"
            for symbol, quote in instruments.not_in_dollars.items()
        ]
        feeds = [read_feed(lake, venue, symbol, read) for symbol in instruments.symbols]
        if feeds:
            found.append(_venue_liquidations(venue, feeds, starts, ends, window))
        else:
            missing.append(NotInLake(venue.name, _why_missing(venue)))
    if not found:
        raise InputError(
            f"the lake at {lake.root} holds no liquidations of {coin} at "
            f"{', '.join(venue.name for venue in venues)}; `powderkeg record --coins {coin}` records them, "
            f"and `powderkeg backfill gate {coin} --tables liquidation_totals` fetches what Gate added up"
        )
    feeds = [feed for one in found for feed in one.feeds]
    intervals = WindowTotals.added([one.intervals for one in found])
    return RealisedLiquidations(
        coin=coin_of(coin),
        window=window,
        interval=step,
        starts=starts,
        ends=ends,
        venues=tuple(found),
        intervals=intervals,
        whole=intervals.joined(ends - starts),
        largest=tuple(_largest(feeds, window, largest)),
        imbalances=realised_imbalances(feeds, window.end),
        not_in_lake=tuple(missing),
        notes=tuple(notes),
    )


def interval_bounds(window: Window, step: int) -> tuple[IntArray, IntArray]:
    """Return starts and ends of the multiples of `step` in a window, the first and last cut at its bounds."""
    inner = np.arange(window.start // step + 1, -(-window.end // step), dtype=np.int64) * step
    edges = np.concatenate([[window.start], inner, [window.end]])
    return read_only(edges[:-1], np.int64), read_only(edges[1:], np.int64)


def _venue_liquidations(
    venue: Venue, feeds: Sequence[Feed], starts: IntArray, ends: IntArray, window: Window
) -> VenueLiquidations:
    intervals = WindowTotals.added([feed.between(starts, ends) for feed in feeds])
    gaps = [gap for feed in feeds for gap in feed.gaps if window.overlap(Window(gap.ts, gap.end_ts))]
    return VenueLiquidations(
        venue=venue,
        feeds=tuple(feeds),
        intervals=intervals,
        whole=intervals.joined(ends - starts),
        gaps=tuple(sorted(set(gaps))),
    )


def _why_missing(venue: Venue) -> str:
    if "liquidations" in venue.unavailable:
        return venue.unavailable["liquidations"]
    return "nothing recorded"


def _largest(feeds: Sequence[Feed], window: Window, count: int) -> list[ReportedOrder]:
    orders = []
    for feed in feeds:
        events = feed.events
        first, stop = np.searchsorted(events.times, window)
        chosen = first + np.argsort(-events.notional[first:stop], kind="stable")[:count]
        orders += [
            ReportedOrder(
                ts=int(events.times[row]),
                venue=feed.venue.name,
                symbol=feed.symbol,
                position_side="short" if events.short[row] else "long",
                price=float(events.price[row]),
                price_meaning=events.meaning[row],
                quantity=float(events.quantity[row]),
                notional=float(events.notional[row]),
            )
            for row in chosen.tolist()
        ]
    return sorted(orders, key=lambda order: (-order.notional, order.ts, order.venue))[:count]
