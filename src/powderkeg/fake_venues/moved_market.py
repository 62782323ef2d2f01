"""A simulated venue's publications in another size, and on a clock that they were not made for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from powderkeg.model.times import HOUR, MINUTE
from powderkeg.simulation.emission import VenueEmission

_BY_MINUTE = (
    "ts", "open", "high", "low", "close", "volume", "taker_buy",
    "mark_open", "mark_high", "mark_low", "mark_close",
)  # fmt: skip


def on_a_clock(emission: VenueEmission, start: int, end: int) -> VenueEmission:
    """Return the same publications, told as venues do whatever the minute that they were moved to.

    Minutes of [start, end), from a whole hour on, so that longer bars are on theirs; open interest at every
    minute, on a line between the simulation's; ratios as of the five minutes that they fall in. Both ends are
    whole hours; what the simulation has before its first whole one is left out.
    """
    start = max(start, -(-int(emission.ts[0]) // HOUR) * HOUR)
    inside = (emission.ts >= start) & (emission.ts < end)
    interest_ts = emission.ts[inside] + MINUTE
    feed, funding = emission.liquidations, (emission.funding_ts >= start) & (emission.funding_ts < end)
    kept, ratios = (feed.ts >= start) & (feed.ts < end), emission.long_short_ratio_ts >= start
    return replace(
        emission,
        **{name: getattr(emission, name)[inside] for name in _BY_MINUTE},
        open_interest_ts=interest_ts,
        open_interest=np.interp(interest_ts, emission.open_interest_ts, emission.open_interest),
        funding_ts=emission.funding_ts[funding],
        funding_rate=emission.funding_rate[funding],
        long_short_ratio_ts=emission.long_short_ratio_ts[ratios] // (5 * MINUTE) * (5 * MINUTE),
        long_short_ratio=emission.long_short_ratio[ratios],
        liquidations=replace(
            feed,
            **{
                name: getattr(feed, name)[kept]
                for name in ("ts", "position_side", "price", "quantity", "notional")
            },
        ),
    )


def scaled(emission: VenueEmission, factor: float) -> VenueEmission:
    """Return the publications of a venue that is so much larger: the same prices, other quantities."""
    feed = emission.liquidations
    return replace(
        emission,
        volume=emission.volume * factor,
        taker_buy=emission.taker_buy * factor,
        open_interest=emission.open_interest * factor,
        liquidations=replace(feed, quantity=feed.quantity * factor, notional=feed.notional * factor),
    )
