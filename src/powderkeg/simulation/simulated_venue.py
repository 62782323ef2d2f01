"""Simulated venues: the margin rules, the engine and the conventions in which each of them publishes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from powderkeg.errors import InputError
from powderkeg.model.instrument import TierTable
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND

OpenInterestUnit = Literal["base", "quote"]
LiquidationSide = Literal["order", "position"]
LiquidationPrice = Literal["limit", "bankruptcy", "fill"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedVenue:
    """One venue of the simulated market.

    Attributes
    ----------
    name
        Short name in lower case, unique among the venues of a market.
    tiers
        Its margin tiers, linear.
    open_interest
        One-sided open interest in base units that the venue's traders aim at in ordinary times.
    open_interest_sides
        2 where the venue publishes longs plus shorts, 1 where it counts each contract once.
    open_interest_unit
        ``base``, or ``quote`` at the mark price.
    open_interest_cadence
        Milliseconds between publications, a multiple of a minute.
    open_interest_mean
        False: the value at the instant of its time. True: the mean over the cadence, labelled with its
        *start*, which looks ahead by up to the cadence (venues.md).
    funding_interval
        Milliseconds, a divisor of a day that is a multiple of an hour.
    liquidation_interval
        0: every liquidation fill is published. Otherwise at most the latest one per this many milliseconds.
    liquidation_interval_per_side
        Whether the limit holds for long and short liquidations separately.
    liquidation_side
        ``order``: SELL means a long was liquidated. ``position``: Buy means a long was.
    liquidation_price
        What the published price means: the order's ``limit`` (beyond the market, the fill stands beside it),
        the ``bankruptcy`` price of the position, or the ``fill``.
    partial_first_notional
        Positions above this notional are reduced by `partial_share` first; infinite for a full takeover.
    partial_share, partial_wait_seconds
        The part closed first, and how long the rest is left alone.
    liquidation_fee_rate
        Share of the notional that the insurance fund may keep of what is left of a liquidated account; the
        rest is returned. 1 keeps everything.
    maintenance_fee_rate
        Closing fee that enters the liquidation price.
    taker_fee_rate
        Fee of a market order.

    Raises
    ------
    InputError
        A value is out of range.
    """

    name: str
    tiers: TierTable
    open_interest: float
    open_interest_sides: int = 1
    open_interest_unit: OpenInterestUnit = "base"
    open_interest_cadence: int = 5 * MINUTE
    open_interest_mean: bool = False
    funding_interval: int = 8 * HOUR
    liquidation_interval: int = 0
    liquidation_interval_per_side: bool = False
    liquidation_side: LiquidationSide = "order"
    liquidation_price: LiquidationPrice = "fill"
    partial_first_notional: float = math.inf
    partial_share: float = 0.2
    partial_wait_seconds: int = 30
    liquidation_fee_rate: float = 1.0
    maintenance_fee_rate: float = 0.0
    taker_fee_rate: float = 0.0005

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("name of a simulated venue is empty; expected a name")
        if self.tiers.contract != "linear":
            raise InputError(f"{self.name}: tiers are {self.tiers.contract}; expected a linear contract")
        if not (math.isfinite(self.open_interest) and self.open_interest > 0):
            raise InputError(
                f"{self.name}: open_interest is {self.open_interest}; expected a positive number"
            )
        if self.open_interest_sides not in {1, 2}:
            raise InputError(
                f"{self.name}: open_interest_sides is {self.open_interest_sides}; expected 1 or 2"
            )
        cadence = self.open_interest_cadence
        if cadence <= 0 or cadence % MINUTE or DAY % cadence:
            raise InputError(
                f"{self.name}: open_interest_cadence is {cadence} ms; expected whole minutes dividing a day"
            )
        interval = self.funding_interval
        if interval <= 0 or interval % HOUR or DAY % interval:
            raise InputError(
                f"{self.name}: funding_interval is {interval} ms; expected whole hours that divide a day"
            )
        if self.liquidation_interval < 0:
            raise InputError(f"{self.name}: liquidation_interval is negative; expected milliseconds")
        for field in ("liquidation_fee_rate", "maintenance_fee_rate", "taker_fee_rate", "partial_share"):
            if not 0 <= getattr(self, field) <= 1:
                raise InputError(
                    f"{self.name}: {field} is {getattr(self, field)}; expected a fraction in [0, 1]"
                )


def _tiers(
    venue: str, floors: tuple[float, ...], rates: tuple[float, ...], leverages: tuple[float, ...]
) -> TierTable:
    return TierTable.from_floors(
        venue=venue,
        symbol="SIM",
        base="SIM",
        quote="USD",
        as_of="2026-01-01",
        source="invented for the simulated market",
        notional_floors=floors,
        maintenance_margin_rates=rates,
        maximum_leverages=leverages,
    )


_MILLION = 1e6

ALDER = SimulatedVenue(
    name="alder",
    tiers=_tiers(
        "alder",
        (0, 0.05 * _MILLION, 0.6 * _MILLION, 3 * _MILLION, 12 * _MILLION, 70 * _MILLION, 100 * _MILLION),
        (0.004, 0.005, 0.0065, 0.01, 0.02, 0.025, 0.05),
        (125, 100, 75, 50, 25, 20, 10),
    ),
    open_interest=9_000.0,
    liquidation_interval=SECOND,
    liquidation_side="order",
    liquidation_price="limit",
    liquidation_fee_rate=0.0125,
)
"""The largest: one-sided open interest in base every five minutes, at most one liquidation a second."""

BIRCH = SimulatedVenue(
    name="birch",
    tiers=_tiers(
        "birch",
        (0, 2 * _MILLION, 10 * _MILLION, 20 * _MILLION, 40 * _MILLION, 80 * _MILLION),
        (0.005, 0.0056, 0.01, 0.0125, 0.02, 0.04),
        (100, 90, 50, 40, 25, 12),
    ),
    open_interest=5_000.0,
    open_interest_sides=2,
    liquidation_side="position",
    liquidation_price="bankruptcy",
    maintenance_fee_rate=0.00055,
    taker_fee_rate=0.00055,
)
"""Two-sided open interest every five minutes; every liquidation, by position side and bankruptcy price."""

CEDAR = SimulatedVenue(
    name="cedar",
    tiers=_tiers("cedar", (0, 150 * _MILLION), (0.0125, 0.025), (40, 20)),
    open_interest=3_000.0,
    open_interest_sides=2,
    open_interest_unit="quote",
    open_interest_cadence=HOUR,
    open_interest_mean=True,
    funding_interval=HOUR,
    partial_first_notional=100_000.0,
    liquidation_side="order",
    liquidation_price="fill",
    liquidation_fee_rate=0.0,
    taker_fee_rate=0.00045,
)
"""Hourly means of two-sided open interest in quote, hourly funding; every fill, a fifth of it first."""

SIMULATED_VENUES = (ALDER, BIRCH, CEDAR)
"""The default market; each venue is a caricature of the conventions that ``venues.md`` found on real ones."""
