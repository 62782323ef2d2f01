"""The simulated market: what it conserves, how it liquidates, what its venues publish."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest

from powderkeg.core.margin_tiers import tiered_liquidation_price
from powderkeg.errors import InputError
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.simulation.market import DEFAULT_START, SimulatedMarket, simulated_market
from powderkeg.simulation.market_state import (
    BASIS_TRADER,
    CROSS,
    DELEVERAGED,
    ISOLATED,
    LIQUIDATED,
    MARKET_MAKER,
    PORTFOLIO,
    RETAIL,
)
from powderkeg.simulation.parameters import MarketParameters
from powderkeg.simulation.scenarios import Episode
from powderkeg.simulation.simulated_venue import ALDER, BIRCH, CEDAR, SIMULATED_VENUES

DAYS = 3
INSTANTS = [DEFAULT_START + i * 3 * HOUR for i in range(1, DAYS * 8 + 1)]
SHORT = MarketParameters(warm_up_days=1)
# Something has to happen in three days: a crowd of longs, then a fall into a thin book.
FALL = (
    Episode(begin=0.0, days=1.5, leverage=2.0, long_bias=1.0, appetite=2.0),
    Episode(begin=0.5, days=0.05, drift=-0.06),
    Episode(begin=0.5, days=0.2, depth=0.2),
)


@cache
def fallen_market(seed: int = 1) -> SimulatedMarket:
    return simulated_market(
        np.random.default_rng(seed), days=DAYS, parameters=SHORT, truth_at=INSTANTS, episodes=FALL
    )


def arrays_of(value: Any) -> list[np.ndarray]:
    """Return every array inside nested frozen values, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    if dataclasses.is_dataclass(value):
        return [
            array for field in dataclasses.fields(value) for array in arrays_of(getattr(value, field.name))
        ]
    if isinstance(value, tuple):
        return [array for entry in value for array in arrays_of(entry)]
    return []


# Conservation


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_longs_equal_shorts_at_every_venue_and_instant(seed: int) -> None:
    for positions in fallen_market(seed).truth.positions:
        np.testing.assert_allclose(positions.open_interest(1), positions.open_interest(-1), rtol=1e-12)
        assert (positions.quantity > 0).all()


def test_open_interest_is_the_sum_of_positions() -> None:
    market = fallen_market()
    for positions in market.truth.positions:
        bar = (positions.ts - market.start) // MINUTE - 1
        np.testing.assert_allclose(market.truth.open_interest[:, bar], positions.open_interest(1), rtol=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_money_is_neither_made_nor_lost(seed: int) -> None:
    """What was paid in is the equity of everybody, the fees and the insurance fund."""
    for positions in fallen_market(seed).truth.positions:
        mark = positions.mark_price[positions.venue]
        makers = positions.kind == MARKET_MAKER
        entry = np.where(makers, 0.0, positions.entry_price)
        equity = positions.margin + positions.position_side * positions.quantity * (mark - entry)
        held = np.bincount(positions.venue, equity) + positions.fees + positions.insurance_fund
        np.testing.assert_allclose(held, positions.deposits, rtol=1e-9)
        assert (positions.insurance_fund >= 0).all()


def test_a_change_of_open_interest_is_never_larger_than_the_volume() -> None:
    market = fallen_market()
    for emission, interest in zip(market.venues, market.truth.open_interest, strict=True):
        assert (np.abs(np.diff(interest)) <= emission.volume[1:] + 1e-9).all()


def test_nobody_was_refused() -> None:
    assert fallen_market().truth.refused.tolist() == [0, 0, 0]


# Margin rules


def test_liquidation_prices_are_those_of_the_margin_rules_in_core() -> None:
    for positions in fallen_market().truth.positions[::6]:
        for row, venue in enumerate(SIMULATED_VENUES):
            chosen = (positions.venue == row) & (positions.margin_mode != PORTFOLIO)
            assert chosen.sum() > 100
            expected = tiered_liquidation_price(
                venue.tiers,
                entry_price=positions.entry_price[chosen],
                size=positions.quantity[chosen],
                position_side=positions.position_side[chosen],
                margin=positions.margin[chosen],
                fee_rate=venue.maintenance_fee_rate,
            ).liquidation_price
            np.testing.assert_allclose(positions.liquidation_price[chosen], expected, rtol=1e-12)


def test_no_position_lives_beyond_its_liquidation_price() -> None:
    for positions in fallen_market().truth.positions:
        mark = positions.mark_price[positions.venue]
        beyond = positions.position_side * (mark - positions.liquidation_price) <= 0
        np.testing.assert_array_equal(beyond, positions.in_liquidation)


def test_every_liquidation_happened_at_a_mark_price_that_had_crossed_its_level() -> None:
    market = fallen_market()
    forced = market.truth.liquidations
    assert len(forced) > 500
    crossed = forced.position_side * (forced.mark_price - forced.liquidation_price) <= 0
    assert crossed[forced.method < 2].all()
    for row, emission in enumerate(market.venues):
        mine = forced.venue == row
        bar = (forced.ts[mine] - market.start) // MINUTE
        assert (forced.mark_price[mine] <= emission.mark_high[bar]).all()
        assert (forced.mark_price[mine] >= emission.mark_low[bar]).all()


def test_bankruptcy_lies_beyond_liquidation() -> None:
    forced = fallen_market().truth.liquidations
    whole = (forced.method == 0) & np.isfinite(forced.bankruptcy_price)
    gap = forced.position_side[whole] * (forced.liquidation_price - forced.bankruptcy_price)[whole]
    assert (gap > 0).all()


def test_large_positions_lose_a_fifth_first_where_the_venue_says_so() -> None:
    forced = fallen_market().truth.liquidations
    identities, count = np.unique(
        forced.identity[(forced.venue == 2) & (forced.method == 0)], return_counts=True
    )
    assert (count > 1).any()
    several = identities[count > 1][0]
    rows = np.flatnonzero((forced.identity == several) & (forced.venue == 2))
    assert np.diff(forced.ts[rows[:2]])[0] >= 1_000


def test_positions_are_of_every_kind_and_margin_mode() -> None:
    positions = fallen_market().truth.positions[-1]
    assert set(positions.kind) == {0, 1, 2, 3, 4}
    assert set(positions.margin_mode) == {ISOLATED, CROSS, PORTFOLIO}
    hedged = positions.margin_mode == PORTFOLIO
    assert np.isnan(positions.liquidation_price[hedged]).all()
    assert set(positions.kind[hedged]) == {BASIS_TRADER, MARKET_MAKER}


def test_the_ten_largest_accounts_hold_no_level_near_the_price() -> None:
    for positions in fallen_market().truth.positions[7::8]:
        traders = positions.kind < MARKET_MAKER
        largest = np.argsort(np.where(traders, positions.quantity, 0))[-10:]
        distance = np.abs(np.log(positions.liquidation_price / positions.mark_price[positions.venue]))
        assert (np.nan_to_num(distance[largest], nan=9.0) > 0.01).all()


def test_an_exhausted_fund_leads_to_deleveraging_and_money_is_still_conserved() -> None:
    parameters = dataclasses.replace(SHORT, insurance_fund_share=1e-9)
    market = simulated_market(
        np.random.default_rng(2), days=2, parameters=parameters, venues=[BIRCH], episodes=FALL,
        truth_at=[DEFAULT_START + DAY, DEFAULT_START + 2 * DAY],
    )  # fmt: skip
    assert market.truth.closings[0, :, DELEVERAGED].sum() > 0
    positions = market.truth.positions[-1]
    entry = np.where(positions.kind == MARKET_MAKER, 0.0, positions.entry_price)
    gain = positions.position_side * positions.quantity * (positions.mark_price[0] - entry)
    held = (positions.margin + gain).sum() + positions.fees[0] + positions.insurance_fund[0]
    assert held == pytest.approx(positions.deposits[0], rel=1e-9)
    assert positions.insurance_fund[0] >= 0
    np.testing.assert_allclose(positions.open_interest(1), positions.open_interest(-1), rtol=1e-12)


# What is published


def test_closings_are_counted_by_cause() -> None:
    truth = fallen_market().truth
    assert (truth.closings.sum(axis=(0, 1))[:4] > 100).all()
    forced = truth.liquidations
    for row in range(3):
        for side, sign in enumerate((1, -1)):
            mine = (forced.venue == row) & (forced.position_side == sign) & (forced.method < 2)
            assert truth.closings[row, side, LIQUIDATED] == mine.sum()
            assert truth.closed_quantity[row, side, LIQUIDATED] == pytest.approx(forced.quantity[mine].sum())


def test_bars_are_consistent() -> None:
    for emission in fallen_market().venues:
        for low, high, prices in (
            (emission.low, emission.high, (emission.open, emission.close)),
            (emission.mark_low, emission.mark_high, (emission.mark_open, emission.mark_close)),
        ):
            assert all((low <= price).all() and (price <= high).all() for price in prices)
        assert (emission.taker_buy >= 0).all()
        assert (emission.taker_buy <= emission.volume).all()
        assert (np.diff(emission.ts) == MINUTE).all()
        assert len(emission.ts) == DAYS * 1_440


def test_the_mark_price_stays_within_its_bound_of_the_index() -> None:
    parameters = MarketParameters()
    marks = np.array([emission.mark_close for emission in fallen_market().venues])
    assert np.log(marks.max(axis=0) / marks.min(axis=0)).max() <= 2 * parameters.mark_basis_bound


def test_open_interest_follows_each_venue_s_convention() -> None:
    market = fallen_market()
    alder, birch, cedar = market.venues
    truth = market.truth.open_interest
    assert alder.open_interest_ts[0] == market.start + 5 * MINUTE
    np.testing.assert_array_equal(alder.open_interest, truth[0, 4::5])
    np.testing.assert_array_equal(birch.open_interest, 2 * truth[1, 4::5])
    assert cedar.open_interest_ts[0] == market.start
    dollars = (2 * truth[2] * cedar.mark_close).reshape(-1, 60)
    np.testing.assert_allclose(cedar.open_interest, dollars.mean(axis=1))


def test_funding_is_paid_at_each_venue_s_times() -> None:
    market = fallen_market()
    for emission in market.venues:
        interval = emission.venue.funding_interval
        np.testing.assert_array_equal(
            emission.funding_ts, np.arange(market.start, market.start + DAYS * DAY, interval)
        )
        assert np.abs(emission.funding_rate).max() <= 0.003


def test_complete_feeds_show_every_liquidation_and_the_throttled_one_the_last_of_each_second() -> None:
    market = fallen_market()
    forced = market.truth.liquidations
    for row, emission in enumerate(market.venues):
        mine = (forced.venue == row) & (forced.method < 2)
        published = emission.published_liquidations
        if emission.venue.liquidation_interval == 0:
            np.testing.assert_array_equal(published.ts, forced.ts[mine])
            np.testing.assert_array_equal(published.quantity, forced.quantity[mine])
        else:
            seconds = forced.ts[mine] // 1_000
            assert len(published) == len(np.unique(seconds)) < mine.sum()
            for ts, quantity in list(zip(published.ts, published.quantity, strict=True))[:50]:
                last = np.flatnonzero(seconds == ts // 1_000)[-1]
                assert forced.ts[mine][last] == ts
                assert forced.quantity[mine][last] == quantity


def test_sides_and_prices_are_told_in_each_venue_s_words() -> None:
    market = fallen_market()
    forced = market.truth.liquidations
    alder, birch, cedar = (emission.published_liquidations for emission in market.venues)
    plain = [emission.liquidations for emission in market.venues]
    np.testing.assert_array_equal(alder.side == "SELL", plain[0].position_side == "long")
    np.testing.assert_array_equal(birch.side == "Buy", plain[1].position_side == "long")
    np.testing.assert_array_equal(cedar.side == "SELL", plain[2].position_side == "long")
    assert (plain[0].position_side == "long").mean() > 0.5
    sold = alder.side == "SELL"
    assert (alder.price[sold] < alder.average_price[sold]).all()
    np.testing.assert_array_equal(plain[0].price, alder.average_price)
    mine = (forced.venue == 1) & (forced.method < 2)
    np.testing.assert_array_equal(birch.price, forced.bankruptcy_price[mine])
    mine = (forced.venue == 2) & (forced.method < 2)
    np.testing.assert_array_equal(cedar.price, forced.price[mine])
    np.testing.assert_allclose(plain[2].notional, forced.notional[mine])


# The truth as a map


def test_the_true_map_holds_every_position_with_a_level_once() -> None:
    positions = fallen_market().truth.positions[-1]
    grid = PriceGrid(0.001, 0, 20_000)
    notional = positions.standing_notional(grid)
    for row, side in enumerate((1, -1)):
        mine = (positions.position_side == side) & np.isfinite(positions.liquidation_price)
        expected = (positions.quantity * positions.liquidation_price)[mine].sum()
        assert notional[row].sum() == pytest.approx(expected)
    by_venue = sum(positions.standing_notional(grid, venue) for venue in range(3))
    np.testing.assert_allclose(by_venue, notional)
    # Longs are liquidated below the price and shorts above it.
    at = grid.bin_of(float(positions.mark_price.mean()))
    assert notional[0, at + 20 :].sum() < 1e-3 * notional[0].sum()
    assert notional[1, : at - 20].sum() < 1e-3 * notional[1].sum()


# Reproducibility


def test_the_same_seed_is_the_same_market_and_another_is_not() -> None:
    first = fallen_market()
    again = simulated_market(
        np.random.default_rng(1), days=DAYS, parameters=SHORT, truth_at=INSTANTS, episodes=FALL
    )
    for one, other in zip(arrays_of(first), arrays_of(again), strict=True):
        np.testing.assert_array_equal(one, other)
    different = simulated_market(np.random.default_rng(2), days=1, parameters=SHORT)
    assert not np.array_equal(first.venues[0].close[:1_440], different.venues[0].close)


def test_looking_at_other_instants_changes_nothing() -> None:
    market = fallen_market()
    again = market.again(truth_at=[market.start + MINUTE, INSTANTS[5]])
    for one, other in zip(arrays_of(market.venues), arrays_of(again.venues), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(
        arrays_of(market.truth.positions[5]), arrays_of(again.truth.positions[1]), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_all_arrays_are_read_only() -> None:
    market = fallen_market()
    assert not any(array.flags.writeable for array in arrays_of(market) if array.size)


# Arguments


def test_one_venue_alone_is_a_market() -> None:
    market = simulated_market(
        np.random.default_rng(5), scenario="calm", days=1, venues=[CEDAR], parameters=SHORT
    )
    assert len(market.venues) == 1
    assert (market.truth.liquidations.kind >= RETAIL).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "days is 0"),
        ({"start": DEFAULT_START + 1}, "expected the start of a day"),
        ({"venues": []}, "venues is empty"),
        ({"venues": [ALDER, ALDER]}, "expected different names"),
        ({"truth_at": [DEFAULT_START]}, "truth_at"),
        ({"truth_at": [DEFAULT_START + 1]}, "truth_at"),
        ({"truth_at": [DEFAULT_START + 2 * DAY]}, "truth_at"),
        ({"scenario": "sideways"}, "expected one of calm, trending, short_squeeze, long_cascade, both"),
        ({"episodes": [Episode(begin=1.0, days=1.0)]}, "begin of an episode"),
        ({"episodes": [Episode(begin=0.5, days=0.0)]}, "days of an episode"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulated_market(np.random.default_rng(0), **{"days": 1, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"daily_volatility": float("nan")}, "daily_volatility is nan"),
        ({"retail_share": -0.1}, "retail_share is -0.1"),
        ({"depth_share": 0.0}, "depth_share is 0"),
        ({"forced_impact": 1.5}, "forced_impact is 1.5"),
        ({"retail_share": 0.6, "directional_share": 0.6}, "leave less than 0.05"),
        ({"maker_accounts": 1}, "maker_accounts is 1"),
    ],
)
def test_parameters_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        MarketParameters(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "name of a simulated venue"),
        ({"open_interest": 0.0}, "open_interest is 0.0"),
        ({"open_interest_sides": 3}, "open_interest_sides is 3"),
        ({"open_interest_cadence": 90_000}, "open_interest_cadence is 90000 ms"),
        ({"funding_interval": 5 * HOUR}, "funding_interval"),
        ({"liquidation_interval": -1}, "liquidation_interval is negative"),
        ({"taker_fee_rate": 2.0}, "taker_fee_rate is 2.0"),
    ],
)
def test_venues_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataclasses.replace(ALDER, **arguments)
