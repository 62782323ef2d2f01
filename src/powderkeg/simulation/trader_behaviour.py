"""What traders do with positions they have: stops, targets, margin calls answered or not, panic, patience."""

from __future__ import annotations

import math

import numpy as np

from powderkeg.simulation.accounts import (
    add_margin,
    add_quantity,
    is_covered,
    release_slot,
    remove_quantity,
    update_levels,
    watch_levels,
)
from powderkeg.simulation.compiled import inside_kernel
from powderkeg.simulation.margin_rule import maintenance_margin
from powderkeg.simulation.market_state import (
    BASIS_TRADER,
    BLOCK,
    CROSS,
    DIRECTIONAL,
    FREE,
    OPEN,
    RESTING,
    RETAIL,
    STOP,
    TAKE_PROFIT,
    VOLUNTARY,
    MarketState,
)
from powderkeg.simulation.order_book import quoted_price, resting_trade, trade
from powderkeg.simulation.randomness import exponential, normal, uniform
from powderkeg.simulation.trader_entries import enter_basis_trader, send_slice, set_exits


@inside_kernel
def close_by_order(state: MarketState, v: int, i: int, lots: int, cause: int) -> bool:
    """Close `lots` of a position by a market order; return False if the fill would bankrupt the trader."""
    side = state.positions[v, i].side
    if not is_covered(state, v, i, lots, quoted_price(state, v, -side, lots, 1.0)):
        return False
    price = trade(state, v, -side, lots, 1.0)
    remove_quantity(state, v, i, lots, price, cause)
    return True


@inside_kernel
def answer_triggers(state: MarketState, v: int) -> None:
    """Fill the resting orders, stops and targets of venue `v` that its last price has reached."""
    venue = state.venues[v]
    positions = state.positions
    last = venue.last
    # Levels that change during the scan register themselves here again.
    venue.falling_trigger, venue.rising_trigger = 0.0, np.inf
    for block in range((venue.used + BLOCK - 1) // BLOCK):
        levels = state.levels[v, block]
        if not levels.falling_trigger < last < levels.rising_trigger:
            levels.falling_trigger, levels.rising_trigger = 0.0, np.inf
            for i in range(block * BLOCK, min((block + 1) * BLOCK, venue.used)):
                if positions[v, i].status != FREE:
                    if _reached(state, v, i, last):
                        _answer(state, v, i, last)
                    if positions[v, i].status != FREE:
                        watch_levels(state, v, i)
        venue.falling_trigger = max(venue.falling_trigger, levels.falling_trigger)
        venue.rising_trigger = min(venue.rising_trigger, levels.rising_trigger)


@inside_kernel
def _reached(state: MarketState, v: int, i: int, last: float) -> bool:
    position = state.positions[v, i]
    gain_over_stop = position.side * (last - position.stop_price)
    gain_over_target = position.side * (last - position.target_price)
    return bool(gain_over_stop <= 0.0 or gain_over_target >= 0.0)


@inside_kernel
def _answer(state: MarketState, v: int, i: int, last: float) -> None:
    """Fill the resting entry, the stop or the target that the last price has reached."""
    positions = state.positions
    side = positions[v, i].side
    if positions[v, i].status == RESTING:
        _fill_resting_entry(state, v, i)
    elif side * (last - positions[v, i].stop_price) <= 0.0:
        positions[v, i].stop_price = math.nan
        positions[v, i].wanted = 0
        # A large stop is worked off minute by minute, as any other large order.
        positions[v, i].closing = STOP + 1
        _close_slice(state, v, i)
    else:
        target, lots = positions[v, i].target_price, positions[v, i].quantity
        positions[v, i].target_price = math.nan
        if is_covered(state, v, i, lots, target):
            resting_trade(state, v, -side, lots, target)
            remove_quantity(state, v, i, lots, target, TAKE_PROFIT)


@inside_kernel
def _fill_resting_entry(state: MarketState, v: int, i: int) -> None:
    positions = state.positions
    lots, level = positions[v, i].wanted, positions[v, i].stop_price
    positions[v, i].wanted = 0
    positions[v, i].stop_price = math.nan
    positions[v, i].opened = state.market[0].second
    positions[v, i].next_event = positions[v, i].exit_at
    resting_trade(state, v, positions[v, i].side, lots, level)
    add_quantity(state, v, i, lots, level)
    set_exits(state, v, i)


@inside_kernel
def schedule_attention(state: MarketState, v: int) -> None:
    """Put every trader who will act in the coming minute into the bucket of a second of it."""
    parameters = state.parameters[0]
    positions = state.positions
    bucket = state.bucket
    stream = v + 1
    lowest = state.venues[v].mark * math.exp(-parameters.threatened_distance)
    highest = state.venues[v].mark * math.exp(parameters.threatened_distance)
    until = state.market[0].second + 60
    bucket[v, :] = -1
    for i in range(state.venues[v].used):
        status = positions[v, i].status
        if status == FREE:
            continue
        acts = positions[v, i].next_event < until
        if status == OPEN and not acts:
            acts = positions[v, i].wanted > 0 or positions[v, i].closing > 0
            near = lowest < positions[v, i].liquidation_price < highest
            if near and not acts and positions[v, i].kind <= DIRECTIONAL:
                notices = parameters.attention_per_minute
                if positions[v, i].kind == RETAIL:
                    notices *= 0.25
                acts = uniform(state.seeds, stream) < notices
        if acts:
            second = min(int(60.0 * uniform(state.seeds, stream)), 59)
            positions[v, i].chain = bucket[v, second]
            bucket[v, second] = i


@inside_kernel
def act(state: MarketState, v: int, i: int) -> None:
    """Let the trader of slot `i` do what the moment asks for."""
    parameters = state.parameters[0]
    positions = state.positions
    second = state.market[0].second
    status = positions[v, i].status
    if status == RESTING:
        if positions[v, i].next_event <= second:
            release_slot(state, v, i)
        return
    if status != OPEN or positions[v, i].held_until > second:
        return
    if positions[v, i].closing > 0:
        _close_slice(state, v, i)
        return
    level = positions[v, i].liquidation_price
    threatened = abs(math.log(state.venues[v].mark / level)) < parameters.threatened_distance
    if threatened and positions[v, i].kind <= DIRECTIONAL and _answered(state, v, i):
        return
    if positions[v, i].next_event <= second:
        if positions[v, i].exit_at <= second:
            _consider_leaving(state, v, i)
        else:
            _review(state, v, i)
    elif positions[v, i].wanted > 0:
        send_slice(state, v, i)


@inside_kernel
def _close_slice(state: MarketState, v: int, i: int) -> None:
    largest = max(int(state.parameters[0].slice_share * state.venues[v].depth * 1.5), 1)
    cause = state.positions[v, i].closing - 1
    if not close_by_order(state, v, i, min(state.positions[v, i].quantity, largest), cause):
        state.positions[v, i].closing = 0


@inside_kernel
def _answered(state: MarketState, v: int, i: int) -> bool:
    """React to a liquidation price that has come near; return whether anything was done."""
    parameters = state.parameters[0]
    positions = state.positions
    stream = v + 1
    mark = state.venues[v].mark
    notional = positions[v, i].quantity * parameters.lot * mark
    side = positions[v, i].side
    gain = side * (mark / positions[v, i].entry_price - 1.0) * notional
    equity = positions[v, i].margin + gain
    if positions[v, i].kind == RETAIL:
        if equity < 0.25 * (positions[v, i].margin) and uniform(state.seeds, stream) < parameters.panic * 4.0:
            return bool(close_by_order(state, v, i, positions[v, i].quantity, VOLUNTARY))
        if uniform(state.seeds, stream) > parameters.retail_top_up * 0.2:
            return False
        amount = min(positions[v, i].reserve, 0.5 * positions[v, i].margin)
    else:
        if uniform(state.seeds, stream) > parameters.directional_top_up:
            if uniform(state.seeds, stream) < 0.5:
                return False
            # Less risk instead of more money, and a stop where there was none.
            positions[v, i].wanted = 0
            lots = max(positions[v, i].quantity // 3, 1)
            largest = max(int(parameters.slice_share * state.venues[v].depth * 3.0), 1)
            return bool(close_by_order(state, v, i, min(lots, largest), VOLUNTARY))
        amount = min(positions[v, i].reserve, 2.0 * parameters.threatened_distance * notional)
    if amount < 0.002 * notional:
        return False
    positions[v, i].reserve -= amount
    add_margin(state, v, i, amount)
    return True


@inside_kernel
def _consider_leaving(state: MarketState, v: int, i: int) -> None:
    """Leave as planned, in part, or, at a loss, not yet."""
    parameters = state.parameters[0]
    positions = state.positions
    stream = v + 1
    second = state.market[0].second
    gain = positions[v, i].side * (state.venues[v].last - positions[v, i].entry_price)
    if positions[v, i].kind == RETAIL:
        longer = int(1_800 + exponential(state.seeds, stream) * (second - positions[v, i].opened))
        if gain < 0.0 and uniform(state.seeds, stream) < parameters.loss_holding:
            positions[v, i].exit_at = second + longer
            positions[v, i].next_event = second + longer
            return
        if positions[v, i].quantity > 1 and uniform(state.seeds, stream) < 0.25:
            positions[v, i].exit_at = second + longer
            positions[v, i].next_event = second + longer
            close_by_order(state, v, i, positions[v, i].quantity // 2, VOLUNTARY)
            return
    positions[v, i].wanted = 0
    positions[v, i].closing = VOLUNTARY + 1
    _close_slice(state, v, i)


@inside_kernel
def _review(state: MarketState, v: int, i: int) -> None:
    """Let a cross account's other collateral change: other positions, deposits and withdrawals."""
    parameters = state.parameters[0]
    positions = state.positions
    stream = v + 1
    second = state.market[0].second
    wait = int(exponential(state.seeds, stream) * parameters.review_days * 86_400) + 60
    positions[v, i].next_event = min(positions[v, i].exit_at, second + wait)
    if positions[v, i].margin_mode != CROSS:
        return
    side = positions[v, i].side
    mark = state.venues[v].mark
    notional = positions[v, i].quantity * parameters.lot * mark
    equity = positions[v, i].margin + side * (mark / positions[v, i].entry_price - 1.0) * notional
    amount = equity * (math.exp(parameters.review_sigma * normal(state.seeds, stream)) - 1.0)
    # Nobody may withdraw, and no other position lose, what this one needs to stay out of danger.
    spare = equity - maintenance_margin(state.tiers, v, notional) - 0.08 * notional
    if amount > -spare:
        add_margin(state, v, i, amount)
    if positions[v, i].stop_price > 0.0 and side * (mark - positions[v, i].entry_price) > 0.05 * mark:
        # Profits are protected by moving the stop up behind the price.
        positions[v, i].stop_price = mark * math.exp(-side * 0.04)
        update_levels(state, v, i)


@inside_kernel
def rebalance_basis_traders(state: MarketState, v: int) -> None:
    """Let basis traders take over, against spot, a part of what the market makers hold.

    They undo positions of the other direction first, the longest held first.
    """
    parameters = state.parameters[0]
    positions = state.positions
    venue = state.venues[v]
    held = state.maker_inventory[v].sum()
    comfort = 0.1 * parameters.maker_comfort * venue.target
    if abs(held) < comfort:
        return
    stream = v + 1
    if uniform(state.seeds, stream) > 0.3:
        return
    side = 1 if held > 0 else -1
    lots = int(abs(held) / 60.0 / parameters.basis_hours / 0.3 * exponential(state.seeds, stream)) + 1
    lots = min(lots, abs(held))
    price = math.exp(venue.log_mid - side * parameters.half_spread)
    oldest, second = -1, state.market[0].second
    for i in range(venue.used):
        if positions[v, i].status != OPEN or positions[v, i].kind != BASIS_TRADER:
            continue
        if positions[v, i].side == -side and (oldest < 0 or positions[v, i].opened < second):
            oldest, second = i, positions[v, i].opened
    if oldest >= 0 and uniform(state.seeds, stream) < 0.7:
        lots = min(lots, positions[v, oldest].quantity)
        resting_trade(state, v, side, lots, price)
        remove_quantity(state, v, oldest, lots, price, VOLUNTARY)
    elif enter_basis_trader(state, v, side, lots, price):
        resting_trade(state, v, side, lots, price)
