"""Maintenance margin by bracket, and liquidation prices that agree with the bracket they end in.

A venue takes the bracket of a position's notional *at the price in question*: not of its notional at the
entry, and certainly not of the whole market's open interest. Bracket and liquidation price therefore depend
on each other. The maintenance margin of a valid `TierTable` is continuous and grows more slowly than the
notional, so exactly one bracket contains the root that it produces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import non_negative, positive
from powderkeg.core.liquidation_price import Basis, bankruptcy_price, liquidation_price
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.instrument import TierTable


class TieredLiquidation(NamedTuple):
    """Liquidation prices with the brackets they lie in.

    Attributes
    ----------
    liquidation_price
        Quote per base, > 0; NaN where there is none.
    tier_index
        Position in `TierTable.tiers`, from 0; -1 where there is no price.
    """

    liquidation_price: FloatArray
    tier_index: IntArray


def tier_index(notional: npt.ArrayLike, tiers: TierTable) -> IntArray:
    """Return the positions, from 0, of the tiers that hold `notional`; an edge belongs to the tier below it.

    A notional beyond the last cap belongs to the last tier: the cap stops a position from being opened, not
    from growing with the price.

    Parameters
    ----------
    notional
        >= 0, of any shape, in `tiers.notional_unit`.
    tiers
        The table.

    Raises
    ------
    InputError
        A notional is negative or not a finite number.
    """
    inner_edges = tiers.notional_floors[1:]
    return np.asarray(np.searchsorted(inner_edges, non_negative("notional", notional), side="left"), np.int64)


def maintenance_margin(notional: npt.ArrayLike, tiers: TierTable) -> FloatArray:
    """Return the maintenance margins m_n N - c_n of `notional`, in its unit and shape.

    Arguments, edges and errors are those of `tier_index`.
    """
    index = tier_index(notional, tiers)
    return np.asarray(
        tiers.maintenance_margin_rates[index] * np.asarray(notional) - tiers.maintenance_amounts[index]
    )


def tiered_liquidation_price(
    tiers: TierTable,
    *,
    entry_price: npt.ArrayLike,
    size: npt.ArrayLike,
    position_side: npt.ArrayLike,
    margin: npt.ArrayLike,
    fee_rate: npt.ArrayLike = 0.0,
    other_unrealised_pnl: npt.ArrayLike = 0.0,
    other_maintenance_margin: npt.ArrayLike = 0.0,
    maintenance_basis: Basis = "mark",
    fee_basis: Basis = "mark",
) -> TieredLiquidation:
    """Return the liquidation prices whose bracket is the one that they were computed with.

    At a maintenance basis of ``mark`` every tier in turn gives a root of the identity in `liquidation_price`,
    and the one root inside its own bracket is kept. At ``entry`` or ``bankruptcy`` the bracket is that of the
    notional at that price, and known beforehand.

    Parameters
    ----------
    tiers
        The table; its contract says which identity holds.
    entry_price
        Quote per base, > 0. All numbers broadcast against each other.
    size
        The quantity in base of a linear position, the notional in quote of an inverse one; > 0.
    position_side, margin, fee_rate, other_unrealised_pnl, other_maintenance_margin
        As in `liquidation_price`, and so are the two bases.

    Returns
    -------
    TieredLiquidation
        Prices and brackets of the broadcast shape.

    Raises
    ------
    InputError
        An argument is outside its range, or the fee and the highest maintenance margin rate together reach 1.

    References
    ----------
    Hyperliquid, "Margin tiers" (hyperliquid.gitbook.io/hyperliquid-docs/trading/margin-tiers), and Binance,
    "Leverage and Margin of USDⓈ-M Futures" (support FAQ 360033162192); both read in November 2026.
    """
    position = partial(
        liquidation_price,
        contract=tiers.contract,
        entry_price=entry_price,
        size=size,
        position_side=position_side,
        margin=margin,
        fee_rate=fee_rate,
        other_unrealised_pnl=other_unrealised_pnl,
        other_maintenance_margin=other_maintenance_margin,
        maintenance_basis=maintenance_basis,
        fee_basis=fee_basis,
    )
    if maintenance_basis == "entry":
        return _in_known_bracket(
            tiers, _notional(tiers, size, positive("entry_price", entry_price)), position
        )
    if maintenance_basis == "bankruptcy":
        bankruptcy = bankruptcy_price(
            contract=tiers.contract,
            entry_price=entry_price,
            size=size,
            position_side=position_side,
            margin=margin,
            other_unrealised_pnl=other_unrealised_pnl,
        )
        # Without a bankruptcy price there is nothing to maintain at it, which is a notional of zero.
        return _in_known_bracket(tiers, np.nan_to_num(_notional(tiers, size, bankruptcy)), position)

    price, index = np.asarray(np.nan), np.asarray(-1)
    for number, tier in enumerate(tiers.tiers):
        root = position(
            maintenance_margin_rate=tier.maintenance_margin_rate, maintenance_amount=tier.maintenance_amount
        )
        # On either side the tiers whose own root lies above their floor are a run from the first tier on, and
        # the last of them has its root below its cap. Taking that one leaves no gap for rounding at an edge.
        reached = _notional(tiers, size, root) > tier.notional_floor
        price, index = np.where(reached, root, price), np.where(reached, number, index)
    return TieredLiquidation(price, index)


def _in_known_bracket(
    tiers: TierTable, notional: FloatArray, position: Callable[..., FloatArray]
) -> TieredLiquidation:
    index = tier_index(notional, tiers)
    price = position(
        maintenance_margin_rate=tiers.maintenance_margin_rates[index],
        maintenance_amount=tiers.maintenance_amounts[index],
    )
    return TieredLiquidation(price, np.where(np.isnan(price), -1, index))


def _notional(tiers: TierTable, size: npt.ArrayLike, price: FloatArray) -> FloatArray:
    size = positive("size", size)
    return size / price if tiers.contract == "inverse" else size * price
