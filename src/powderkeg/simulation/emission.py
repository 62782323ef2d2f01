"""What each simulated venue publishes, in its own convention, and the same once more in plain terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from powderkeg.model.arrays import BoolArray, FloatArray, IntArray, read_only
from powderkeg.model.times import MINUTE
from powderkeg.simulation.simulated_venue import SimulatedVenue
from powderkeg.simulation.truth import RealisedLiquidations

TextArray = npt.NDArray[np.str_]
_RATIO_CADENCE = 5
# How far beyond the market the limit of a liquidation order lies; recorded Binance orders show 0.4 %.
_LIMIT_BEYOND = 0.004


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLiquidations:
    """The rows of a venue's liquidation feed, in its own words; arrays of shape (events,).

    Attributes
    ----------
    ts
        UTC milliseconds.
    side
        ``BUY`` or ``SELL`` of the closing order, or ``Buy`` (a long was liquidated) and ``Sell`` where the
        venue names the position.
    quantity
        Base units.
    price
        The order's limit, the position's bankruptcy price or the fill, whatever the venue means by it.
    average_price
        The fill, where the venue publishes it beside a limit; NaN elsewhere.
    """

    ts: IntArray
    side: TextArray
    quantity: FloatArray
    price: FloatArray
    average_price: FloatArray

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationEvents:
    """The same rows in plain terms: as a careful reader of the feed would store them; shape (events,).

    Attributes
    ----------
    ts
        UTC milliseconds.
    position_side
        ``long`` or ``short``: the side that was force-closed.
    price
        The fill where the feed has it, else what it publishes.
    quantity
        Base units.
    notional
        Price times quantity.
    """

    ts: IntArray
    position_side: TextArray
    price: FloatArray
    quantity: FloatArray
    notional: FloatArray

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueEmission:
    """All that one simulated venue publishes.

    Attributes
    ----------
    venue
        The venue and its conventions.
    ts
        Start of each one-minute bar, UTC milliseconds, shape (n,).
    open, high, low, close
        Last prices, quote per base.
    volume, taker_buy
        Base units traded, and those bought by takers.
    mark_open, mark_high, mark_low, mark_close
        Bars of the mark price.
    open_interest_ts, open_interest
        As the venue publishes it: its unit, its number of sides, its cadence, and, for a mean, labelled with
        the start of the interval that it is taken over.
    funding_ts, funding_rate
        When funding was paid and which fraction of notional, longs to shorts when positive.
    long_short_ratio_ts, long_short_ratio
        Accounts long over accounts short every five minutes, at that instant.
    published_liquidations
        The liquidation feed.
    liquidations
        The same rows normalised.
    """

    venue: SimulatedVenue
    ts: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    taker_buy: FloatArray
    mark_open: FloatArray
    mark_high: FloatArray
    mark_low: FloatArray
    mark_close: FloatArray
    open_interest_ts: IntArray
    open_interest: FloatArray
    funding_ts: IntArray
    funding_rate: FloatArray
    long_short_ratio_ts: IntArray
    long_short_ratio: FloatArray
    published_liquidations: PublishedLiquidations
    liquidations: LiquidationEvents


def published_open_interest(
    venue: SimulatedVenue, ts: IntArray, one_sided: FloatArray, mark_price: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Return times and values of the open interest as `venue` publishes it.

    Parameters
    ----------
    venue
        The venue and its convention.
    ts
        Start of each one-minute bar.
    one_sided
        One-sided open interest in base at the end of each bar.
    mark_price
        Mark price at the same instants.
    """
    value = one_sided * venue.open_interest_sides
    if venue.open_interest_unit == "quote":
        value = value * mark_price
    minutes = venue.open_interest_cadence // MINUTE
    whole = len(ts) // minutes
    if venue.open_interest_mean:
        return ts[: whole * minutes : minutes], value[: whole * minutes].reshape(whole, minutes).mean(axis=1)
    return ts[minutes - 1 :: minutes] + MINUTE, value[minutes - 1 :: minutes]


def shown_by_feed(venue: SimulatedVenue, ts: IntArray, position_side: npt.NDArray[np.int8]) -> BoolArray:
    """Return which liquidations the feed of `venue` shows: all, or the latest per interval (and side).

    Parameters
    ----------
    venue
        The venue and its rule.
    ts
        Times in milliseconds, ascending.
    position_side
        +1 or -1 each.
    """
    if venue.liquidation_interval == 0:
        return np.ones(len(ts), np.bool_)
    interval = ts // venue.liquidation_interval
    shown = np.zeros(len(ts), np.bool_)
    for side in (1, -1) if venue.liquidation_interval_per_side else (0,):
        rows = np.flatnonzero(position_side == side) if side else np.arange(len(ts))
        if len(rows):
            shown[rows[np.append(np.diff(interval[rows]) > 0, True)]] = True
    return shown


def liquidation_feed(
    venue: SimulatedVenue, complete: RealisedLiquidations
) -> tuple[PublishedLiquidations, LiquidationEvents]:
    """Return what the feed of `venue` shows of its `complete` liquidations, in its own words and in plain.

    Deleveraged counterparts are no liquidations, and no feed shows them.
    """
    shown = shown_by_feed(venue, complete.ts, complete.position_side)
    ts, quantity = read_only(complete.ts[shown], np.int64), read_only(complete.quantity[shown])
    fill, side = complete.price[shown], complete.position_side[shown]
    average = np.full(len(ts), np.nan)
    if venue.liquidation_price == "bankruptcy":
        price = complete.bankruptcy_price[shown]
    elif venue.liquidation_price == "limit":
        price, average = fill * (1.0 - side * _LIMIT_BEYOND), fill
    else:
        price = fill
    words = ("BUY", "SELL") if venue.liquidation_side == "order" else ("Sell", "Buy")
    known = np.where(np.isnan(average), price, average)
    published = PublishedLiquidations(
        ts=ts,
        side=read_only(np.where(side > 0, words[1], words[0]), np.str_),
        quantity=quantity,
        price=read_only(price),
        average_price=read_only(average),
    )
    events = LiquidationEvents(
        ts=ts,
        position_side=read_only(np.where(side > 0, "long", "short"), np.str_),
        price=read_only(known),
        quantity=quantity,
        notional=read_only(known * quantity),
    )
    return published, events


def long_short_ratio(ts: IntArray, counts: IntArray) -> tuple[IntArray, FloatArray]:
    """Return times and ratios of accounts long to accounts short every five minutes.

    Parameters
    ----------
    ts
        Start of each one-minute bar.
    counts
        Accounts (long, short) at the end of each bar, shape (n, 2).
    """
    rows = slice(_RATIO_CADENCE - 1, None, _RATIO_CADENCE)
    longs, shorts = counts[rows, 0], counts[rows, 1]
    return ts[rows] + MINUTE, longs / np.maximum(shorts, 1)
