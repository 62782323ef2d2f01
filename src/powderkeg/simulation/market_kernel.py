"""The loop over minutes and seconds that advances a simulated market."""

from __future__ import annotations

import math
from typing import Any

from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.simulation.accounts import update_levels
from powderkeg.simulation.compiled import inside_kernel, into_kernel
from powderkeg.simulation.forced_closing import liquidate
from powderkeg.simulation.market_state import (
    BASIS_TRADER,
    HEDGER,
    OPEN,
    RETAIL,
    MarketState,
)
from powderkeg.simulation.order_book import trade
from powderkeg.simulation.price_process import move_prices, renew_conditions, renew_trends
from powderkeg.simulation.randomness import SeedArray, exponential, uniform
from powderkeg.simulation.trader_behaviour import (
    act,
    answer_triggers,
    rebalance_basis_traders,
    schedule_attention,
)
from powderkeg.simulation.trader_entries import (
    add_settled_position,
    enter_directional,
    enter_hedger,
    enter_retail,
)

_DAY = 86_400.0
BAR_FIELDS = (
    *("open", "high", "low", "close", "volume", "taker_buy"),
    *("mark_open", "mark_high", "mark_low", "mark_close", "funding_rate"),
)
COUNT_FIELDS = ("long_lots", "short_lots", "long_accounts", "short_accounts")


@into_kernel
def populate(state: MarketState, v: int, kind: int, notional: float, rate: float, past: FloatArray) -> None:
    """Fill venue `v` with positions of `kind` up to `notional`, opened along the hourly prices `past`.

    Ages are exponential with `rate` per second, which is a guess that the warm-up corrects.
    """
    parameters = state.parameters[0]
    price = state.venues[v].last
    reached, tries = 0.0, 0
    while reached < notional and tries < 200_000:
        tries += 1
        hours = exponential(state.seeds, v + 1) / rate / 3_600.0
        back = min(int(hours), len(past) - 1)
        entry = past[back] * math.exp(0.002 * (uniform(state.seeds, v + 1) - 0.5))
        bias = parameters.retail_long_bias if kind == RETAIL else parameters.directional_long_bias
        side = 1 if uniform(state.seeds, v + 1) < 1.0 / (1.0 + math.exp(-bias)) else -1
        if kind == HEDGER:
            side = -1
        if kind == BASIS_TRADER:
            side = 1 if state.maker_inventory[v].sum() > 0 else -1
        slot = add_settled_position(state, v, kind, side, entry, price, back * 3_600)
        if slot >= 0:
            reached += state.positions[v, slot].quantity * parameters.lot * price


@inside_kernel
def pay_funding(state: MarketState, v: int, rate: float) -> None:
    """Move `rate` of the notional at the mark from longs to shorts, out of and into their margins."""
    positions = state.positions
    venue = state.venues[v]
    value = state.parameters[0].lot * venue.mark * rate
    for i in range(venue.used):
        if positions[v, i].status == OPEN:
            positions[v, i].margin -= positions[v, i].side * positions[v, i].quantity * value
            update_levels(state, v, i)
    for account in range(state.maker_cash.shape[1]):
        state.maker_cash[v, account] -= state.maker_inventory[v, account] * value


@inside_kernel
def shuffle_makers(state: MarketState, v: int) -> None:
    """Let two market makers exchange inventory within what they traded with each other this minute."""
    inventory = state.maker_inventory
    accounts = inventory.shape[1]
    first = min(int(uniform(state.seeds, v + 1) * accounts), accounts - 1)
    second = (first + 1 + min(int(uniform(state.seeds, v + 1) * (accounts - 1)), accounts - 2)) % accounts
    venue = state.venues[v]
    # Half of the gap closes, and a random part of the churn blurs it.
    lots = (inventory[v, first] - inventory[v, second]) // 4
    lots += int((uniform(state.seeds, v + 1) - 0.5) * venue.churn)
    lots = min(max(lots, -venue.churn), venue.churn)
    inventory[v, first] -= lots
    inventory[v, second] += lots
    value = lots * state.parameters[0].lot * venue.mark
    state.maker_cash[v, first] += value
    state.maker_cash[v, second] -= value


@inside_kernel
def churn(seeds: SeedArray, venues: Any, v: int, mean: float, tilt: float, half_spread: float) -> None:
    """Count a second of trading among market makers; its last trade sets the last price at bid or ask.

    Parameters
    ----------
    seeds, venues, v
        Random streams, the records of all venues, and the one that trades.
    mean
        Mean lots of the second.
    tilt
        How far the share of taker buys lies above one half, in [-0.5, 0.5].
    half_spread
        Half the spread in log price.
    """
    venue = venues[v]
    lots = int(mean * exponential(seeds, v + 1))
    venue.volume += lots
    venue.churn += lots
    sign = -1.0
    if uniform(seeds, v + 1) < 0.5 + tilt:
        venue.taker_buy += lots
        sign = 1.0
    last = math.exp(venue.log_mid + sign * half_spread)
    venue.last = last
    venue.high = max(venue.high, last)
    venue.low = min(venue.low, last)


@inside_kernel
def close_minute(state: MarketState, v: int, row: int, bars: FloatArray, counts: IntArray) -> None:
    """Write the bar and the open interest of the minute that ends."""
    venue = state.venues[v]
    bars[v, row, 0] = venue.open
    bars[v, row, 1] = venue.high
    bars[v, row, 2] = venue.low
    bars[v, row, 3] = venue.last
    bars[v, row, 4] = venue.volume
    bars[v, row, 5] = venue.taker_buy
    bars[v, row, 6] = venue.mark_open
    bars[v, row, 7] = venue.mark_high
    bars[v, row, 8] = venue.mark_low
    bars[v, row, 9] = venue.mark
    longs, shorts = venue.long_lots, venue.short_lots
    for account in range(state.maker_inventory.shape[1]):
        held = state.maker_inventory[v, account]
        longs += max(held, 0)
        shorts += max(-held, 0)
    counts[v, row, 0] = longs
    counts[v, row, 1] = shorts
    counts[v, row, 2] = venue.long_accounts
    counts[v, row, 3] = venue.short_accounts
    venue.premium_sum += venue.basis
    venue.premium_count += 1.0


@into_kernel
def advance(  # noqa: PLR0912, PLR0915 - the clock: who acts when is one page
    state: MarketState,
    begin: int,
    end: int,
    warm_up: int,
    conditions: FloatArray,
    arrivals: FloatArray,
    means: FloatArray,
    funding_minutes: IntArray,
    bars: FloatArray,
    counts: IntArray,
    log_integers: IntArray,
    log_floats: FloatArray,
) -> int:
    """Advance the market from minute `begin` towards `end`, and return the minute it reached.

    It stops early, between two minutes, where the next minute might not find room in the log.

    Parameters
    ----------
    state
        The market, advanced in place.
    begin, end, warm_up
        Minutes since the start of the warm-up, and how many of them the warm-up takes.
    conditions
        Rows of drift, depth, leverage, long bias, appetite and an outsider's push, shape (6, minutes).
    arrivals
        New positions per second in ordinary times, shape (venues, 3): retail, directional, hedgers.
    means
        Exponential means of the log index over four hours and two days, shape (2,); advanced in place.
    funding_minutes
        Minutes between fundings, shape (venues,).
    bars, counts
        Receive a row per minute from `begin` on, shapes (venues, rows, 11) and (venues, rows, 4).
    log_integers, log_floats
        Receive the forced fills, see `forced_closing.liquidate`.
    """
    parameters = state.parameters[0]
    records, seeds, positions, bucket = state.venues, state.seeds, state.positions, state.bucket
    venues = len(records)
    churn_per_second = parameters.churn_turnover / _DAY
    for minute in range(begin, end):
        if state.venues[0].log_rows + 3 * state.positions.size > len(log_integers):
            return minute
        row = minute - begin
        market = state.market[0]
        market.second = (minute - warm_up) * 60
        renew_conditions(state, minute, conditions[1, minute])
        renew_trends(state, means[0], means[1])
        means[0] += (market.index - means[0]) / 240.0
        means[1] += (market.index - means[1]) / 2_880.0
        usual = math.sqrt(market.long_variance)
        drive = conditions[4, minute] * math.exp(market.appetite)
        for v in range(venues):
            venue = state.venues[v]
            bars[v, row, 10] = math.nan
            if minute > 0 and minute % funding_minutes[v] == 0:
                premium = venue.premium_sum / max(venue.premium_count, 1.0)
                venue.premium_sum, venue.premium_count = 0.0, 0.0
                rate = premium + min(max(0.0001 - premium, -0.0005), 0.0005)
                rate = min(max(rate, -0.003), 0.003) * funding_minutes[v] / 480.0
                pay_funding(state, v, rate)
                bars[v, row, 10] = rate
            schedule_attention(state, v)
            venue.open = venue.high = venue.low = venue.last
            venue.mark_open = venue.mark_high = venue.mark_low = venue.mark
            venue.volume = venue.taker_buy = venue.churn = 0
        busy = market.activity * drive
        for second in range(60):
            market.second = (minute - warm_up) * 60 + second
            moved = move_prices(state.parameters, state.market, records, seeds, conditions[0, minute] / 60.0)
            tilt = 0.4 * math.tanh(moved / usual)
            for v in range(venues):
                venue = records[v]
                venue.fills = 0
                mean = churn_per_second * venue.target * market.activity
                churn(seeds, records, v, mean, tilt, parameters.half_spread)
                if conditions[5, minute] != 0.0:
                    push = conditions[5, minute] / 60.0
                    sign = 1 if push > 0.0 else -1
                    trade(state, v, sign, int(abs(push) * venue.depth + 0.5), 1.0)
                # What hardly ever happens is asked here: a call that passes the whole market costs more.
                if not venue.falling_trigger < venue.last < venue.rising_trigger:
                    answer_triggers(state, v)
                chance = uniform(seeds, v + 1)
                if chance < arrivals[v, 0] * busy:
                    enter_retail(state, v, conditions[2, minute], conditions[3, minute])
                elif chance > 1.0 - arrivals[v, 1] * drive:
                    enter_directional(state, v, conditions[2, minute], conditions[3, minute])
                elif chance > 1.0 - arrivals[v, 1] * drive - arrivals[v, 2]:
                    enter_hedger(state, v)
                i = bucket[v, second]
                while i >= 0:
                    following = positions[v, i].chain
                    act(state, v, i)
                    i = following
                # Last, so that no second ends with a position beyond its liquidation price.
                if not venue.falling_liquidation < venue.mark < venue.rising_liquidation:
                    liquidate(state, v, log_integers, log_floats)
        for v in range(venues):
            rebalance_basis_traders(state, v)
            shuffle_makers(state, v)
            close_minute(state, v, row, bars, counts)
    return end
