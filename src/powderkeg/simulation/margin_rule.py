"""The margin rule of a simulated venue: liquidation and bankruptcy prices of linear positions with tiers.

This is the simulator's own statement of the rule. It shares nothing with the estimator's room, so that a
mistake in one of them shows as a difference in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from powderkeg.model.arrays import FloatArray
from powderkeg.model.instrument import TierTable
from powderkeg.simulation.compiled import into_kernel

# A price this small a share of the entry is what rounding leaves of zero.
_NO_PRICE = 1e-12


class Tiers(NamedTuple):
    """Tier tables of several venues as arrays of shape (venues, tiers); a missing tier starts at infinity."""

    floor: FloatArray
    rate: FloatArray
    amount: FloatArray
    leverage: FloatArray


def tier_arrays(tables: Sequence[TierTable]) -> Tiers:
    """Return the tables as `Tiers`, padded to the longest."""
    shape = (len(tables), max(len(table.tiers) for table in tables))
    tiers = Tiers(np.full(shape, np.inf), np.zeros(shape), np.zeros(shape), np.ones(shape))
    for venue, table in enumerate(tables):
        for number, tier in enumerate(table.tiers):
            tiers.floor[venue, number] = tier.notional_floor
            tiers.rate[venue, number] = tier.maintenance_margin_rate
            tiers.amount[venue, number] = tier.maintenance_amount
            tiers.leverage[venue, number] = tier.maximum_leverage
    return tiers


@into_kernel
def tiered_price(
    tiers: Tiers, venue: int, side: int, quantity: float, entry: float, margin: float, fee_rate: float
) -> float:
    """Return the mark price at which equity meets maintenance margin plus closing fee; NaN where none does.

    Solves margin + s q (P - E) = q P (m_n + f) - c_n for the tier n that holds q P. With continuous
    maintenance the tiers whose own root lies above their floor are the first ones up to the right one.

    Parameters
    ----------
    tiers, venue
        The tables, and the row of them that applies.
    side
        +1 for a long, -1 for a short.
    quantity
        Base units, > 0.
    entry
        Quote per base.
    margin
        Isolated margin or cross wallet in quote, of either sign.
    fee_rate
        Closing fee reserved at the mark.
    """
    price = np.nan
    for n in range(tiers.floor.shape[1]):
        root = ((margin + tiers.amount[venue, n]) / quantity - side * entry) / (
            tiers.rate[venue, n] + fee_rate - side
        )
        if root > _NO_PRICE * entry and quantity * root > tiers.floor[venue, n]:
            price = root
    return price


@into_kernel
def maintenance_margin(tiers: Tiers, venue: int, notional: float) -> float:
    """Return the maintenance margin m_n N - c_n of `notional` in quote."""
    n = 0
    while n + 1 < tiers.floor.shape[1] and notional > tiers.floor[venue, n + 1]:
        n += 1
    return float(tiers.rate[venue, n] * notional - tiers.amount[venue, n])


@into_kernel
def highest_leverage(tiers: Tiers, venue: int, notional: float) -> float:
    """Return the highest leverage at which `notional` in quote can be opened."""
    n = 0
    while n + 1 < tiers.floor.shape[1] and notional > tiers.floor[venue, n + 1]:
        n += 1
    return float(tiers.leverage[venue, n])
