"""Opening, growing, shrinking and closing positions, with every unit of money written down.

At a venue, what traders have paid in minus what they took out equals the equity of all open positions and of
the market makers, the fees taken and the insurance fund. Each function here keeps that sum.
"""

from __future__ import annotations

import math

from powderkeg.simulation.compiled import inside_kernel
from powderkeg.simulation.margin_rule import tiered_price
from powderkeg.simulation.market_state import (
    BLOCK,
    DELEVERAGED,
    FREE,
    ISOLATED,
    LIQUIDATED,
    OPEN,
    PORTFOLIO,
    MarketState,
)


@inside_kernel
def taken_slot(state: MarketState, v: int) -> int:
    """Take a free slot of venue `v` and return it; -1 where all are taken, which is counted."""
    venue = state.venues[v]
    if venue.free_count == 0:
        venue.dropped += 1
        return -1
    venue.free_count -= 1
    slot = state.free[v, venue.free_count]
    venue.used = max(venue.used, slot + 1)
    positions = state.positions
    positions[v, slot].identity = venue.next_identity
    venue.next_identity += 1
    positions[v, slot].quantity = 0
    positions[v, slot].wanted = 0
    positions[v, slot].closing = 0
    positions[v, slot].held_until = state.market[0].second
    positions[v, slot].reduced = 0
    positions[v, slot].opened = state.market[0].second
    positions[v, slot].entry_price = math.nan
    positions[v, slot].liquidation_price = math.nan
    positions[v, slot].stop_price = math.nan
    positions[v, slot].target_price = math.nan
    positions[v, slot].margin = 0.0
    positions[v, slot].reserve = 0.0
    return int(slot)


@inside_kernel
def release_slot(state: MarketState, v: int, i: int) -> None:
    """Give the slot of a closed position or a cancelled order back."""
    venue = state.venues[v]
    state.positions[v, i].status = FREE
    state.free[v, venue.free_count] = i
    venue.free_count += 1
    while venue.used > 0 and state.positions[v, venue.used - 1].status == FREE:
        venue.used -= 1


@inside_kernel
def update_levels(state: MarketState, v: int, i: int) -> None:
    """Compute the liquidation price of a position, and make sure the venue watches all of its levels."""
    positions = state.positions
    venue = state.venues[v]
    side = positions[v, i].side
    if positions[v, i].margin_mode == PORTFOLIO:
        positions[v, i].liquidation_price = math.nan
    else:
        quantity = positions[v, i].quantity * state.parameters[0].lot
        level = tiered_price(
            state.tiers,
            v,
            side,
            quantity,
            positions[v, i].entry_price,
            positions[v, i].margin,
            venue.maintenance_fee,
        )
        positions[v, i].liquidation_price = level
        levels = state.levels[v, i // BLOCK]
        if side > 0 and level > levels.falling_liquidation:
            levels.falling_liquidation = level
            venue.falling_liquidation = max(venue.falling_liquidation, level)
        if side < 0 and level < levels.rising_liquidation:
            levels.rising_liquidation = level
            venue.rising_liquidation = min(venue.rising_liquidation, level)
    watch_levels(state, v, i)


@inside_kernel
def watch_levels(state: MarketState, v: int, i: int) -> None:
    """Make sure the venue watches the stop and the target of a position, or the level of a resting order."""
    positions = state.positions
    venue = state.venues[v]
    levels = state.levels[v, i // BLOCK]
    stop, target = positions[v, i].stop_price, positions[v, i].target_price
    falling, rising = (stop, target) if positions[v, i].side > 0 else (target, stop)
    if falling > levels.falling_trigger:
        levels.falling_trigger = falling
        venue.falling_trigger = max(venue.falling_trigger, falling)
    if rising < levels.rising_trigger:
        levels.rising_trigger = rising
        venue.rising_trigger = min(venue.rising_trigger, rising)


@inside_kernel
def counted(state: MarketState, v: int, i: int, lots: int, accounts: int) -> None:
    """Keep the venue's sums of traders' lots and accounts by side."""
    venue = state.venues[v]
    if state.positions[v, i].side > 0:
        venue.long_lots += lots
        venue.long_accounts += accounts
    else:
        venue.short_lots += lots
        venue.short_accounts += accounts


@inside_kernel
def add_quantity(state: MarketState, v: int, i: int, lots: int, price: float) -> None:
    """Book a fill that opens or grows a position, with margin of its notional over its leverage."""
    positions = state.positions
    lot = state.parameters[0].lot
    notional = lots * lot * price
    before = positions[v, i].quantity
    if before == 0:
        positions[v, i].entry_price = price
        positions[v, i].status = OPEN
    else:
        positions[v, i].entry_price = (before * positions[v, i].entry_price + lots * price) / (before + lots)
    positions[v, i].quantity = before + lots
    counted(state, v, i, lots, 1 if before == 0 else 0)
    margin = notional / positions[v, i].leverage
    fee = notional * state.venues[v].taker_fee
    positions[v, i].margin += margin
    state.venues[v].deposits += margin + fee
    state.venues[v].fees += fee
    update_levels(state, v, i)


@inside_kernel
def add_margin(state: MarketState, v: int, i: int, amount: float) -> None:
    """Pay `amount` into a position's margin; a negative amount is a withdrawal."""
    state.positions[v, i].margin += amount
    state.venues[v].deposits += amount
    update_levels(state, v, i)


@inside_kernel
def is_covered(state: MarketState, v: int, i: int, lots: int, price: float) -> bool:
    """Return whether the margin covers what closing `lots` at `price` costs; no trader may go below zero."""
    positions = state.positions
    if positions[v, i].margin_mode == PORTFOLIO:
        return True
    lot = state.parameters[0].lot
    profit = positions[v, i].side * (price - positions[v, i].entry_price) * lots * lot
    return bool(positions[v, i].margin + profit >= lots * lot * price * state.venues[v].taker_fee)


@inside_kernel
def remove_quantity(state: MarketState, v: int, i: int, lots: int, price: float, cause: int) -> None:
    """Book a fill that shrinks or closes a position.

    An isolated position gets the margin of the closed part back with its profit, a cross account keeps it. A
    forced closing pays what is left to the trader, save the insurance fund's share, which can be negative.
    """
    positions = state.positions
    venue = state.venues[v]
    lot = state.parameters[0].lot
    side, held = positions[v, i].side, positions[v, i].quantity
    profit = side * (price - positions[v, i].entry_price) * lots * lot
    notional = lots * lot * price
    margin = positions[v, i].margin
    if cause == LIQUIDATED:
        margin += profit
        if lots == held:
            kept = min(margin, venue.liquidation_fee * notional)
            venue.fund += kept
            venue.deposits -= margin - kept
            margin = 0.0
    else:
        fee = 0.0 if cause == DELEVERAGED else notional * venue.taker_fee
        venue.fees += fee
        released = 0.0
        if lots == held:
            released = margin + profit - fee
        elif positions[v, i].margin_mode == ISOLATED:
            released = max(margin * lots / held + profit - fee, 0.0)
        margin += profit - fee - released
        venue.deposits -= released
    positions[v, i].margin = margin
    positions[v, i].quantity = held - lots
    # The warm-up has negative seconds, and is not counted.
    if state.market[0].second >= 0:
        row = 0 if side > 0 else 1
        state.closings[v, row, cause, 0] += 1
        state.closings[v, row, cause, 1] += lots
    counted(state, v, i, -lots, -1 if lots == held else 0)
    if lots == held:
        release_slot(state, v, i)
    else:
        update_levels(state, v, i)


@inside_kernel
def bankruptcy_price(state: MarketState, v: int, i: int) -> float:
    """Return the price at which a position's equity is zero; zero or less where a long never gets there."""
    positions = state.positions
    quantity = positions[v, i].quantity * state.parameters[0].lot
    return float(positions[v, i].entry_price - positions[v, i].side * positions[v, i].margin / quantity)
