"""The order book in reduced form: how far an order walks it, and what it leaves behind.

Within a distance u of the price at rest the book holds depth * (u / 1 %)^g, and beyond 1 % as much again for
every further 1 %. The displacement of a venue is how far it has been eaten; orders that push on walk on from
there, orders that push back meet a fresh book. It refills exponentially. A linear part of the impact of every
order stays longer, in `gap`.
"""

from __future__ import annotations

import math

from powderkeg.simulation.compiled import inside_kernel, into_kernel
from powderkeg.simulation.market_state import MarketState
from powderkeg.simulation.randomness import uniform

_ONE_PERCENT = 0.01


@into_kernel
def walked(displacement: float, sign: int, lots: float, depth: float, exponent: float) -> tuple[float, float]:
    """Return (displacement after, mean displacement of the fills) of a market order, in log price.

    Parameters
    ----------
    displacement
        Where the book stands now; its sign is the direction in which it was eaten.
    sign
        +1 for a buyer, -1 for a seller.
    lots
        Size of the order, >= 0.
    depth
        Lots within 1 % of a book at rest, > 0.
    exponent
        Cumulative depth grows with distance to this power, > 0.
    """
    if lots <= 1e-9 * depth:
        return displacement, displacement
    # In units of 1 %, and in the direction of the order.
    ahead = max(sign * displacement, 0.0) / _ONE_PERCENT
    start = sign * displacement / _ONE_PERCENT - ahead
    eaten = ahead**exponent if ahead < 1.0 else ahead
    reached = eaten + lots / depth
    end = reached ** (1.0 / exponent) if reached < 1.0 else reached
    spent = _paid_up_to(end, exponent) - _paid_up_to(ahead, exponent)
    mean = min(max(spent / (reached - eaten), ahead), end)
    return sign * (start + end) * _ONE_PERCENT, sign * (start + mean) * _ONE_PERCENT


@into_kernel
def _paid_up_to(end: float, exponent: float) -> float:
    """Return the integral of displacement over depth up to `end`, in units of 1 % and of the depth there."""
    near = min(end, 1.0)
    beyond = max(end, 1.0)
    return float(exponent / (exponent + 1.0) * near ** (exponent + 1.0) + 0.5 * (beyond * beyond - 1.0))


@inside_kernel
def quoted_price(state: MarketState, v: int, sign: int, lots: int, impact: float) -> float:
    """Return the mean price at which a market order of `lots` would fill now, in quote per base."""
    parameters = state.parameters[0]
    venue = state.venues[v]
    _, mean = walked(venue.displacement, sign, lots * impact, venue.depth, parameters.depth_exponent)
    return math.exp(venue.log_mid - venue.displacement + mean + sign * parameters.half_spread)


@inside_kernel
def trade(state: MarketState, v: int, sign: int, lots: int, impact: float) -> float:
    """Fill a market order against the market makers and return its mean price.

    It moves the venue's book and its lasting gap by `impact` times what its size commands, and counts towards
    volume, taker volume and the last price. One market-making account takes the other side.
    """
    parameters = state.parameters[0]
    venue = state.venues[v]
    end, mean = walked(venue.displacement, sign, lots * impact, venue.depth, parameters.depth_exponent)
    at_rest = venue.log_mid - venue.displacement
    price = math.exp(at_rest + mean + sign * parameters.half_spread)
    last = math.exp(at_rest + end + sign * parameters.half_spread)
    # Half way between a thin book and the usual one: that books are thin is no news about the price.
    depth = math.sqrt(venue.depth * parameters.depth_share * venue.target)
    lasting = sign * impact * parameters.lasting_impact * _ONE_PERCENT * lots / depth
    venue.displacement = end
    venue.gap += lasting
    venue.log_mid = at_rest + end + lasting
    venue.high = max(venue.high, last)
    venue.low = min(venue.low, last)
    venue.last = last
    venue.volume += lots
    if sign > 0:
        venue.taker_buy += lots
    _assign_to_maker(state, v, sign, lots, price)
    return price


@inside_kernel
def resting_trade(state: MarketState, v: int, sign: int, lots: int, price: float) -> None:
    """Fill a resting order of a trader at its own `price`, the taker being a market maker; moves nothing."""
    venue = state.venues[v]
    venue.volume += lots
    if sign < 0:
        venue.taker_buy += lots
    _assign_to_maker(state, v, sign, lots, price)


@inside_kernel
def _assign_to_maker(state: MarketState, v: int, sign: int, lots: int, price: float) -> None:
    accounts = state.maker_inventory.shape[1]
    account = min(int(uniform(state.seeds, v + 1) * accounts), accounts - 1)
    state.maker_inventory[v, account] -= sign * lots
    state.maker_cash[v, account] += sign * lots * state.parameters[0].lot * price
