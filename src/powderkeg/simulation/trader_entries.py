"""How traders come into the market: who, which side, how much, with which leverage, stop and target."""

from __future__ import annotations

import math

from powderkeg.simulation.accounts import (
    add_quantity,
    counted,
    release_slot,
    taken_slot,
    update_levels,
    watch_levels,
)
from powderkeg.simulation.compiled import inside_kernel
from powderkeg.simulation.margin_rule import highest_leverage
from powderkeg.simulation.market_state import (
    BASIS_TRADER,
    CROSS,
    DIRECTIONAL,
    HEDGER,
    ISOLATED,
    PORTFOLIO,
    RESTING,
    RETAIL,
    MarketState,
)
from powderkeg.simulation.order_book import trade
from powderkeg.simulation.randomness import exponential, normal, uniform

_DAY = 86_400
_PRESETS = (2.0, 3.0, 5.0, 10.0, 20.0, 25.0, 50.0, 75.0, 100.0)


@inside_kernel
def preset(leverage: float) -> float:
    """Return the leverage that is nearest in proportion among those that interfaces offer at a click."""
    nearest = _PRESETS[0]
    for offered in _PRESETS:
        if abs(math.log(leverage / offered)) < abs(math.log(leverage / nearest)):
            nearest = offered
    return nearest


@inside_kernel
def drawn_trader(  # noqa: PLR0915 - the laws of one trader, side by side
    state: MarketState, v: int, kind: int, side: int, price: float, leverage_factor: float
) -> int:
    """Take a slot for a new trader of `kind` and draw size, leverage, margin mode and patience; -1 if full.

    The whole size stands in `wanted`; nothing is traded yet.
    """
    parameters = state.parameters[0]
    seeds, stream = state.seeds, v + 1
    slot = taken_slot(state, v)
    if slot < 0:
        return slot
    positions = state.positions
    second = state.market[0].second
    mode = CROSS
    reserve = 0.0
    if kind == RETAIL:
        notional = parameters.retail_median * math.exp(parameters.retail_sigma * normal(seeds, stream))
        notional = min(notional, parameters.retail_cap)
        leverage = parameters.retail_leverage * math.exp(
            parameters.retail_leverage_sigma * normal(seeds, stream)
        )
        leverage *= leverage_factor * (1.0 if side > 0 else parameters.retail_short_leverage)
        if uniform(seeds, stream) < 0.7:
            leverage = preset(leverage)
        if uniform(seeds, stream) < parameters.retail_isolated_share:
            mode = ISOLATED
        else:
            # What else lies in the wallet backs the position as well.
            leverage /= 1.0 + exponential(seeds, stream)
        hours = parameters.retail_holding_hours * math.exp(
            parameters.retail_holding_sigma * normal(seeds, stream)
        )
        holding = min(hours * 3_600, 120.0 * _DAY)
        review = holding
        reserve = 0.5
    elif kind == DIRECTIONAL:
        notional = parameters.directional_minimum * uniform(seeds, stream) ** (
            -1.0 / parameters.directional_tail
        )
        notional = min(notional, parameters.directional_cap)
        size_factor = (notional / (3.0 * parameters.directional_minimum)) ** (
            -parameters.directional_leverage_slope
        )
        leverage = parameters.directional_leverage * size_factor
        leverage *= math.exp(parameters.directional_leverage_sigma * normal(seeds, stream))
        leverage *= math.sqrt(leverage_factor)
        if uniform(seeds, stream) < parameters.directional_isolated_share:
            mode = ISOLATED
        days = parameters.directional_holding_days * math.exp(
            parameters.directional_holding_sigma * normal(seeds, stream)
        )
        holding = min(days, 200.0) * _DAY
        review = exponential(seeds, stream) * parameters.review_days * _DAY
        reserve = parameters.reserve_multiple * exponential(seeds, stream)
    else:
        notional = parameters.hedger_notional * exponential(seeds, stream) + 10_000.0
        leverage = 1.0 + uniform(seeds, stream)
        holding = exponential(seeds, stream) * parameters.hedger_holding_days * _DAY
        review = exponential(seeds, stream) * 5.0 * _DAY
        reserve = 3.0
        if kind == BASIS_TRADER:
            mode = PORTFOLIO
    leverage = min(max(leverage, 1.0), highest_leverage(state.tiers, v, notional))
    positions[v, slot].kind = kind
    positions[v, slot].side = side
    positions[v, slot].margin_mode = mode
    positions[v, slot].leverage = leverage
    positions[v, slot].reserve = reserve * notional / leverage
    positions[v, slot].wanted = max(round(notional / price / parameters.lot), 1)
    positions[v, slot].exit_at = second + int(holding) + 1
    positions[v, slot].next_event = second + int(min(holding, review)) + 1
    return slot


@inside_kernel
def set_exits(state: MarketState, v: int, i: int) -> None:
    """Decide on a stop before the liquidation price and on a target, both drawn to round prices."""
    parameters = state.parameters[0]
    seeds, stream = state.seeds, v + 1
    positions = state.positions
    kind, side, entry = positions[v, i].kind, positions[v, i].side, positions[v, i].entry_price
    step = parameters.round_step
    room = abs(math.log(positions[v, i].liquidation_price / entry))
    if not room < 0.25:
        room = 0.25
    stop_share = parameters.retail_stop_share if kind == RETAIL else parameters.directional_stop_share
    if uniform(seeds, stream) < stop_share:
        distance = room * (0.2 + 0.6 * uniform(seeds, stream))
        level = entry * math.exp(-side * distance)
        if distance > 0.004:
            # Just beyond a round price, where everybody puts it.
            rounded = math.floor(level / step) * step if side > 0 else math.ceil(level / step) * step
            level = rounded * (1.0 - side * 0.0008 * uniform(seeds, stream))
        positions[v, i].stop_price = level
    if kind == RETAIL and uniform(seeds, stream) < parameters.retail_target_share:
        distance = min(max(room, 0.004), 0.08) * (0.3 + 1.2 * uniform(seeds, stream))
        level = entry * math.exp(side * distance)
        if distance > 0.004:
            level = math.floor(level / step) * step if side > 0 else math.ceil(level / step) * step
        if side * (level - entry) > 0.0:
            positions[v, i].target_price = level
    watch_levels(state, v, i)


@inside_kernel
def send_slice(state: MarketState, v: int, i: int) -> None:
    """Send the next part of an entry into the book."""
    parameters = state.parameters[0]
    positions = state.positions
    venue = state.venues[v]
    largest = max(int(parameters.slice_share * venue.depth * (0.5 + uniform(state.seeds, v + 1))), 1)
    lots = min(positions[v, i].wanted, largest)
    first = positions[v, i].quantity == 0
    price = trade(state, v, positions[v, i].side, lots, 1.0)
    add_quantity(state, v, i, lots, price)
    positions[v, i].wanted -= lots
    if first and positions[v, i].kind <= DIRECTIONAL:
        set_exits(state, v, i)


@inside_kernel
def enter_retail(state: MarketState, v: int, leverage_factor: float, bias: float) -> None:
    """Let one retail trader in, at once or by an order that waits at a round price."""
    parameters = state.parameters[0]
    seeds, stream = state.seeds, v + 1
    market = state.market[0]
    venue = state.venues[v]
    lean = parameters.retail_chase * (market.trend_hours + 0.5 * market.trend_days)
    if uniform(seeds, stream) < parameters.retail_contrarians:
        lean = -lean
    odds = parameters.retail_long_bias + bias + min(max(lean, -2.0), 2.0)
    side = 1 if uniform(seeds, stream) < 1.0 / (1.0 + math.exp(-odds)) else -1
    slot = drawn_trader(state, v, RETAIL, side, venue.last, leverage_factor)
    if slot < 0:
        return
    if uniform(seeds, stream) < parameters.limit_entry_share:
        step = parameters.round_step * (4.0 if uniform(seeds, stream) < 0.3 else 1.0)
        level = venue.last * math.exp(-side * 0.006 * exponential(seeds, stream))
        level = math.floor(level / step) * step if side > 0 else math.ceil(level / step) * step
        if level <= 0.0:
            release_slot(state, v, slot)
            return
        positions = state.positions
        positions[v, slot].status = RESTING
        positions[v, slot].stop_price = level
        positions[v, slot].next_event = market.second + int(exponential(seeds, stream) * 6.0 * 3_600)
        watch_levels(state, v, slot)
    else:
        send_slice(state, v, slot)


@inside_kernel
def enter_directional(state: MarketState, v: int, leverage_factor: float, bias: float) -> None:
    """Let one large trader begin to build a position; half of them follow the trend, half fade it."""
    seeds, stream = state.seeds, v + 1
    lean = min(max(0.8 * state.market[0].trend_days, -1.5), 1.5)
    if uniform(seeds, stream) < 0.5:
        lean = -lean
    odds = state.parameters[0].directional_long_bias + bias + lean
    side = 1 if uniform(seeds, stream) < 1.0 / (1.0 + math.exp(-odds)) else -1
    slot = drawn_trader(state, v, DIRECTIONAL, side, state.venues[v].last, leverage_factor)
    if slot >= 0:
        send_slice(state, v, slot)


@inside_kernel
def enter_hedger(state: MarketState, v: int) -> None:
    """Let one holder of the coin begin to sell it forward."""
    slot = drawn_trader(state, v, HEDGER, -1, state.venues[v].last, 1.0)
    if slot >= 0:
        send_slice(state, v, slot)


@inside_kernel
def enter_basis_trader(state: MarketState, v: int, side: int, lots: int, price: float) -> bool:
    """Let one basis trader take `lots` over from the market makers at `price`; False if there is no room."""
    slot = drawn_trader(state, v, BASIS_TRADER, side, price, 1.0)
    if slot < 0:
        return False
    state.positions[v, slot].wanted = 0
    add_quantity(state, v, slot, lots, price)
    return True


@inside_kernel
def add_settled_position(
    state: MarketState, v: int, kind: int, side: int, entry: float, price: float, age: int
) -> int:
    """Place a position that was opened `age` seconds ago at `entry`; return its slot, -1 if it cannot be.

    It is refused, as a liquidated one would be, where `price` has passed its liquidation price.
    """
    slot = drawn_trader(state, v, kind, side, entry, 1.0)
    if slot < 0:
        return -1
    positions = state.positions
    lots = positions[v, slot].wanted
    positions[v, slot].wanted = 0
    positions[v, slot].opened -= age
    add_quantity(state, v, slot, lots, entry)
    level = positions[v, slot].liquidation_price
    if side * (price - level) < 0.004 * price:
        # The books are set back as if the trader had never come.
        margin = positions[v, slot].margin
        fee = lots * state.parameters[0].lot * entry * state.venues[v].taker_fee
        state.venues[v].deposits -= margin + fee
        state.venues[v].fees -= fee
        counted(state, v, slot, -lots, -1)
        release_slot(state, v, slot)
        return -1
    state.maker_inventory[v, 0] -= side * lots
    state.maker_cash[v, 0] += side * lots * state.parameters[0].lot * entry
    if kind <= DIRECTIONAL:
        set_exits(state, v, slot)
        if side * (price - positions[v, slot].stop_price) <= 0.0:
            positions[v, slot].stop_price = math.nan
        if side * (price - positions[v, slot].target_price) >= 0.0:
            positions[v, slot].target_price = math.nan
    update_levels(state, v, slot)
    return slot
