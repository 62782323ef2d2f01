"""Positions of a simulated venue as a census would publish them."""

from __future__ import annotations

import numpy as np

from powderkeg.analytics.simulated_frames import SYMBOL
from powderkeg.model.account_positions import CROSS, ISOLATED, PositionSnapshot
from powderkeg.model.arrays import BoolArray
from powderkeg.simulation import market_state
from powderkeg.simulation.truth import OpenPositions


def venue_snapshot(positions: OpenPositions, venue: int, chosen: BoolArray | None = None) -> PositionSnapshot:
    """Return what accounts hold at one simulated venue, each position an account of its own.

    Portfolio accounts, market makers among them, are flagged and have no level; makers have no entry price,
    and the mark stands for it.

    Parameters
    ----------
    positions, venue
        The truth at one instant, and the row of the venue.
    chosen
        Which positions are seen, shape (positions,); all of the venue where not given.
    """
    seen = positions.venue == venue
    if chosen is not None:
        seen &= chosen
    rows = np.flatnonzero(seen)
    rows = rows[np.argsort(positions.identity[rows], kind="stable")]
    count, mark = len(rows), float(positions.mark_price[venue])
    side = positions.position_side[rows].astype(np.int64)
    quantity = positions.quantity[rows]
    entry = np.where(np.isfinite(positions.entry_price[rows]), positions.entry_price[rows], mark)
    equity = positions.margin[rows] + side * quantity * (mark - entry)
    isolated = positions.margin_mode[rows] == market_state.ISOLATED
    return PositionSnapshot(
        venue=f"simulated-{venue}",
        as_of=positions.ts,
        coins=(SYMBOL,),
        mark_price=np.array([mark]),
        accounts=tuple(str(number) for number in positions.identity[rows]),
        state_ts=np.full(count, positions.ts),
        cross_account_value=np.where(isolated, np.nan, equity),
        portfolio_margin=positions.margin_mode[rows] == market_state.PORTFOLIO,
        account=np.arange(count),
        coin=np.zeros(count, np.int64),
        position_side=side,
        quantity=quantity,
        entry_price=entry,
        state_mark_price=np.full(count, mark),
        leverage=np.full(count, np.nan),
        margin_mode=np.where(isolated, ISOLATED, CROSS),
        isolated_margin=np.where(isolated, equity, np.nan),
        liquidation_price=positions.liquidation_price[rows],
    )
