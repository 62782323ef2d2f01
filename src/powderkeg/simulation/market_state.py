"""Everything that a simulated market remembers between two minutes, as arrays that the kernel advances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.simulation.compiled import kernel_digest
from powderkeg.simulation.margin_rule import Tiers, tier_arrays
from powderkeg.simulation.parameters import MarketParameters
from powderkeg.simulation.randomness import SeedArray
from powderkeg.simulation.simulated_venue import SimulatedVenue

RETAIL, DIRECTIONAL, HEDGER, BASIS_TRADER, MARKET_MAKER = range(5)
TRADER_KINDS = ("retail", "directional", "hedger", "basis_trader", "market_maker")
ISOLATED, CROSS, PORTFOLIO = range(3)
MARGIN_MODES = ("isolated", "cross", "portfolio")
FREE, RESTING, OPEN = range(3)
VOLUNTARY, STOP, TAKE_PROFIT, LIQUIDATED, DELEVERAGED = range(5)
CLOSING_CAUSES = ("voluntary", "stop", "take_profit", "liquidated", "deleveraged")
SIDES = ("long", "short")

EXOGENOUS = 0
"""Random stream of the efficient price; venue v's traders draw from stream v + 1."""

_MARKET: list[tuple[str, type]] = [
    ("second", np.int64),
    *(
        (name, np.float64)
        for name in (
            *("efficient", "index", "slow", "fast", "excitation", "appetite", "activity", "cycle"),
            *("short_variance", "long_variance", "trend_hours", "trend_days"),
        )
    ),
]

_VENUE: list[tuple[str, type]] = [
    *(
        (name, np.int64)
        for name in (
            *("long_lots", "short_lots", "long_accounts", "short_accounts"),
            *("used", "free_count", "next_identity", "target", "fills", "dropped", "log_rows"),
            *("volume", "taker_buy", "churn", "partial_wait"),
        )
    ),
    *(
        (name, np.float64)
        for name in (
            *("gap", "displacement", "basis", "log_mid", "skew", "last", "mark", "depth", "refill", "weight"),
            *("open", "high", "low", "mark_open", "mark_high", "mark_low"),
            *("falling_trigger", "rising_trigger", "falling_liquidation", "rising_liquidation"),
            *("deposits", "fees", "fund", "premium_sum", "premium_count"),
            *("partial_first", "partial_share", "liquidation_fee", "maintenance_fee", "taker_fee"),
        )
    ),
]

BLOCK = 64
"""Slots that share one record of their outermost levels, so that few are scanned when one is reached."""

_LEVELS = np.dtype(
    [
        (name, np.float64)
        for name in ("falling_trigger", "rising_trigger", "falling_liquidation", "rising_liquidation")
    ],
    align=True,
)

_POSITION = np.dtype(
    [
        # What the scans read comes first and shares a cache line.
        *((name, np.float64) for name in ("liquidation_price", "stop_price", "target_price")),
        *((name, np.int8) for name in ("status", "side", "kind", "margin_mode", "closing", "reduced")),
        ("chain", np.int32),
        *((name, np.float64) for name in ("entry_price", "margin", "reserve", "leverage")),
        *((name, np.int64) for name in ("quantity", "wanted", "identity", "opened")),
        *((name, np.int64) for name in ("exit_at", "next_event", "held_until")),
    ],
    align=True,
)


class MarketState(NamedTuple):
    """The whole state: one record for the market, one per venue, positions, makers, random streams.

    `positions` has a record per venue and slot, and a slot is reused when its position is closed; `levels`
    has one per venue and block of slots; `free` is a stack of free slots per venue. Quantities are whole
    lots; sides are +1 and -1; times are seconds since the start, negative in the warm-up. NaN is no such
    price. Of a position,

    - `wanted` is what an entry in slices still lacks, `closing` the cause + 1 of a closing in slices;
    - `exit_at` is when the trader means to leave, `next_event` when the trader next looks, `reserve` what the
      trader can add, `chain` the next slot that acts in the same second;
    - `reduced` says that a part was liquidated, `held_until` how long the venue leaves the rest alone.

    `maker_inventory` (lots, signed) and `maker_cash` (quote) have shape (venues, accounts); `closings`, shape
    (venues, 2, 5, 2), counts closings and their lots by side and cause; `bucket`, shape (venues, 60), heads
    the chains of a minute's seconds.
    """

    parameters: Any
    market: Any
    venues: Any
    tiers: Tiers
    positions: Any
    levels: Any
    free: IntArray
    maker_inventory: IntArray
    maker_cash: FloatArray
    closings: IntArray
    bucket: IntArray
    seeds: SeedArray


def empty_market(
    venues: Sequence[SimulatedVenue], parameters: MarketParameters, seeds: SeedArray, slots: int
) -> MarketState:
    """Return a market in which nobody has traded yet.

    Parameters
    ----------
    venues
        The venues.
    parameters
        The numbers.
    seeds
        Random state, shape (venues + 1, 4); copied.
    slots
        Number of positions that each venue has room for.
    """
    count = len(venues)
    renewal = [(f"kernel_{kernel_digest()}", np.int8)]
    market = np.zeros(1, np.dtype(_MARKET + renewal, align=True))
    log_price = np.log(parameters.initial_price)
    variance = parameters.daily_volatility**2 / 86_400
    market["efficient"], market["index"], market["activity"] = log_price, log_price, 1.0
    market["short_variance"] = market["long_variance"] = variance
    records = np.zeros(count, np.dtype(_VENUE + renewal, align=True))
    total = sum(venue.open_interest for venue in venues)
    for record, venue in zip(records, venues, strict=True):
        record["target"] = round(venue.open_interest / parameters.lot)
        record["weight"] = venue.open_interest / total
        record["log_mid"], record["last"], record["mark"] = log_price, *(2 * [parameters.initial_price])
        record["depth"] = parameters.depth_share * record["target"]
        record["refill"] = 1 / parameters.refill_seconds
        record["fund"] = parameters.insurance_fund_share * venue.open_interest * parameters.initial_price
        record["deposits"] = record["fund"]
        record["partial_first"] = venue.partial_first_notional
        record["partial_share"] = venue.partial_share
        record["partial_wait"] = venue.partial_wait_seconds
        record["liquidation_fee"] = venue.liquidation_fee_rate
        record["maintenance_fee"] = venue.maintenance_fee_rate
        record["taker_fee"] = venue.taker_fee_rate
        record["falling_trigger"] = record["falling_liquidation"] = 0.0
        record["rising_trigger"] = record["rising_liquidation"] = np.inf
        record["free_count"] = slots
    levels = np.zeros((count, slots // BLOCK + 1), _LEVELS)
    levels["rising_trigger"] = levels["rising_liquidation"] = np.inf
    # The stack of free slots hands out low numbers first, so that scans stay short.
    stack = np.tile(np.arange(slots, dtype=np.int64)[::-1], (count, 1))
    return MarketState(
        parameters=np.array([parameters.as_record()]),
        market=market,
        venues=records,
        tiers=tier_arrays([venue.tiers for venue in venues]),
        positions=np.zeros((count, slots), _POSITION),
        levels=levels,
        free=stack,
        maker_inventory=np.zeros((count, parameters.maker_accounts), np.int64),
        maker_cash=np.zeros((count, parameters.maker_accounts)),
        closings=np.zeros((count, 2, len(CLOSING_CAUSES), 2), np.int64),
        bucket=np.full((count, 60), -1, np.int64),
        seeds=seeds.copy(),
    )
