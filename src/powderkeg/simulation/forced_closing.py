"""What a venue does with positions that its mark price has carried to their liquidation price.

The position, or a part of it first where the venue does that, becomes a market order that walks the book like
any other. What the order fetches beyond the bankruptcy price feeds the insurance fund, what it lacks is taken
from it, and where the fund would run dry the position is closed at its bankruptcy price against those traders
on the other side who have gained most with the highest leverage.
"""

from __future__ import annotations

import math

import numpy as np

from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.simulation.accounts import bankruptcy_price, remove_quantity
from powderkeg.simulation.compiled import inside_kernel
from powderkeg.simulation.margin_rule import maintenance_margin
from powderkeg.simulation.market_state import BLOCK, DELEVERAGED, LIQUIDATED, OPEN, PORTFOLIO, MarketState
from powderkeg.simulation.order_book import quoted_price, trade

BY_MARKET_ORDER, BY_DELEVERAGING, DELEVERAGED_COUNTERPART = range(3)
FORCED_METHODS = ("market_order", "deleveraging", "deleveraged_counterpart")

# One engine, one order after the other: milliseconds between two forced fills of a venue in one second.
_BETWEEN_FILLS = 20


@inside_kernel
def liquidate(state: MarketState, v: int, log_integers: IntArray, log_floats: FloatArray) -> None:
    """Close every position of venue `v` that its mark price has carried to its liquidation price.

    Parameters
    ----------
    state
        The market, advanced in place.
    v
        The venue.
    log_integers
        Rows (milliseconds, venue, identity, kind, margin mode, side, lots, method), filled from the venues'
        common count of rows on.
    log_floats
        Rows (fill, bankruptcy, liquidation and mark price).
    """
    venue = state.venues[v]
    positions = state.positions
    mark = venue.mark
    second = state.market[0].second
    # Levels that change during the scan register themselves here again.
    venue.falling_liquidation, venue.rising_liquidation = 0.0, np.inf
    for block in range((venue.used + BLOCK - 1) // BLOCK):
        levels = state.levels[v, block]
        if not levels.falling_liquidation < mark < levels.rising_liquidation:
            levels.falling_liquidation, levels.rising_liquidation = 0.0, np.inf
            for i in range(block * BLOCK, min((block + 1) * BLOCK, venue.used)):
                if positions[v, i].status != OPEN:
                    continue
                level = positions[v, i].liquidation_price
                side = positions[v, i].side
                if side * (mark - level) <= 0.0 and _due(state, v, i, second):
                    _force(state, v, i, log_integers, log_floats)
                elif side > 0 and level > levels.falling_liquidation:
                    levels.falling_liquidation = level
                elif side < 0 and level < levels.rising_liquidation:
                    levels.rising_liquidation = level
        venue.falling_liquidation = max(venue.falling_liquidation, levels.falling_liquidation)
        venue.rising_liquidation = min(venue.rising_liquidation, levels.rising_liquidation)


@inside_kernel
def _due(state: MarketState, v: int, i: int, second: int) -> bool:
    """Return whether the engine acts now: its wait is over, or two thirds of maintenance are gone."""
    positions = state.positions
    if positions[v, i].held_until <= second:
        return True
    mark = state.venues[v].mark
    quantity = positions[v, i].quantity * state.parameters[0].lot
    equity = positions[v, i].margin + positions[v, i].side * quantity * (mark - positions[v, i].entry_price)
    return bool(equity < 2.0 / 3.0 * maintenance_margin(state.tiers, v, quantity * mark))


@inside_kernel
def _force(state: MarketState, v: int, i: int, log_integers: IntArray, log_floats: FloatArray) -> None:
    positions = state.positions
    venue = state.venues[v]
    lot = state.parameters[0].lot
    impact = state.parameters[0].forced_impact
    held, side = positions[v, i].quantity, positions[v, i].side
    lots = held
    if held * lot * venue.mark > venue.partial_first and positions[v, i].reduced == 0:
        lots = max(int(held * venue.partial_share), 1)
        positions[v, i].held_until = state.market[0].second + venue.partial_wait
    # What is too large for one order is worked off second by second, as long as the mark stays beyond.
    lots = min(lots, max(int(state.parameters[0].engine_pace * venue.depth), 1))
    # An entry that was still under way ends here.
    positions[v, i].wanted = 0
    price = quoted_price(state, v, -side, lots, impact)
    left = positions[v, i].margin + side * held * lot * (price - positions[v, i].entry_price)
    bankruptcy = bankruptcy_price(state, v, i)
    if left < 0.0 and venue.fund + left < 0.0:
        _deleverage(state, v, i, bankruptcy, log_integers, log_floats)
        _log(state, v, i, held, BY_DELEVERAGING, bankruptcy, bankruptcy, log_integers, log_floats)
        remove_quantity(state, v, i, held, bankruptcy, LIQUIDATED)
        return
    positions[v, i].reduced = 1
    price = trade(state, v, -side, lots, impact)
    _log(state, v, i, lots, BY_MARKET_ORDER, price, bankruptcy, log_integers, log_floats)
    remove_quantity(state, v, i, lots, price, LIQUIDATED)


@inside_kernel
def _deleverage(
    state: MarketState, v: int, i: int, price: float, log_integers: IntArray, log_floats: FloatArray
) -> None:
    """Close positions on the other side of position `i` at `price`, the most profitable and levered first."""
    positions = state.positions
    venue = state.venues[v]
    lot = state.parameters[0].lot
    side = positions[v, i].side
    missing = positions[v, i].quantity
    venue.volume += missing
    while missing > 0:
        best, best_score = -1, 0.0
        for j in range(venue.used):
            if positions[v, j].status != OPEN or positions[v, j].side == side:
                continue
            if positions[v, j].margin_mode == PORTFOLIO:
                continue
            quantity = positions[v, j].quantity * lot
            gain = -side * (price - positions[v, j].entry_price) * quantity
            equity = positions[v, j].margin + gain
            if gain <= 0.0 or equity <= 0.0:
                continue
            score = gain / (quantity * positions[v, j].entry_price) * (quantity * price / equity)
            if score > best_score:
                best, best_score = j, score
        if best < 0:
            break
        lots = min(missing, positions[v, best].quantity)
        _log(state, v, best, lots, DELEVERAGED_COUNTERPART, price, math.nan, log_integers, log_floats)
        remove_quantity(state, v, best, lots, price, DELEVERAGED)
        missing -= lots
    if missing > 0:
        # Nobody with a profit is left: the market makers take the rest over at the same price.
        state.maker_inventory[v, 0] += side * missing
        state.maker_cash[v, 0] -= side * missing * lot * price


@inside_kernel
def _log(
    state: MarketState,
    v: int,
    i: int,
    lots: int,
    method: int,
    price: float,
    bankruptcy: float,
    log_integers: IntArray,
    log_floats: FloatArray,
) -> None:
    positions = state.positions
    venue = state.venues[v]
    if state.market[0].second < 0:
        return
    row = state.venues[0].log_rows
    state.venues[0].log_rows += 1
    offset = min(venue.fills * _BETWEEN_FILLS, 999)
    venue.fills += 1
    log_integers[row, 0] = state.market[0].second * 1000 + offset
    log_integers[row, 1] = v
    log_integers[row, 2] = positions[v, i].identity
    log_integers[row, 3] = positions[v, i].kind
    log_integers[row, 4] = positions[v, i].margin_mode
    log_integers[row, 5] = positions[v, i].side
    log_integers[row, 6] = lots
    log_integers[row, 7] = method
    log_floats[row, 0] = price
    log_floats[row, 1] = bankruptcy
    log_floats[row, 2] = positions[v, i].liquidation_price
    log_floats[row, 3] = venue.mark
