"""The simulated market keeps its books: contracts, positions, liquidations and feeds agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from powderkeg.core.margin_tiers import tiered_liquidation_price
from powderkeg.errors import InputError
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.simulation.market import DEFAULT_START, SimulatedMarket, simulated_market
from powderkeg.simulation.parameters import MarketParameters

DAYS = 4
INSTANTS = DEFAULT_START + HOUR * np.array([1, 30, 60, 96])


@pytest.fixture(scope="module", params=[("calm", 1), ("both", 2)], ids=["calm", "both"])
def market(request: pytest.FixtureRequest) -> SimulatedMarket:
    scenario, seed = request.param
    return simulated_market(np.random.default_rng(seed), scenario=scenario, days=DAYS, truth_at=INSTANTS)


def test_every_contract_has_a_long_and_a_short(market: SimulatedMarket) -> None:
    for positions in market.truth.positions:
        np.testing.assert_allclose(positions.open_interest(1), positions.open_interest(-1), rtol=1e-9)
        assert (positions.open_interest(1) > 0).all()


def test_open_interest_is_what_the_positions_sum_to(market: SimulatedMarket) -> None:
    for positions in market.truth.positions:
        bar = (positions.ts - market.start) // MINUTE - 1
        np.testing.assert_allclose(positions.open_interest(1), market.truth.open_interest[:, bar], rtol=1e-9)


def test_open_interest_changes_by_no_more_than_what_is_traded(market: SimulatedMarket) -> None:
    for row, emission in enumerate(market.venues):
        change = np.abs(np.diff(market.truth.open_interest[row]))
        assert (change <= emission.volume[1:] * (1 + 1e-9) + 1e-9).all()


def test_no_position_lives_beyond_its_liquidation_price(market: SimulatedMarket) -> None:
    for positions in market.truth.positions:
        mark = positions.mark_price[positions.venue]
        beyond = positions.position_side * (mark - positions.liquidation_price) < -1e-9 * mark
        assert not (beyond & ~positions.in_liquidation).any()


def test_liquidation_happens_only_when_the_mark_has_crossed_the_level(market: SimulatedMarket) -> None:
    fills = market.truth.liquidations
    known = np.isfinite(fills.bankruptcy_price) & np.isfinite(fills.liquidation_price)
    distance = fills.position_side * (fills.mark_price - fills.liquidation_price)
    # The rest of a position that is closed in parts waits for its turn; what triggers it is the first part.
    first = np.unique(np.column_stack([fills.venue, fills.identity])[known], axis=0, return_index=True)[1]
    assert (distance[known][first] <= 1e-6 * fills.mark_price[known][first]).all()


def test_isolated_levels_follow_the_margin_rule_of_the_core(market: SimulatedMarket) -> None:
    table = market.venues[0].venue.tiers
    for positions in market.truth.positions:
        isolated = (positions.venue == 0) & (positions.margin_mode == 0)
        rows = np.flatnonzero(isolated & np.isfinite(positions.liquidation_price))
        assert len(rows) > 100
        expected = tiered_liquidation_price(
            table,
            entry_price=positions.entry_price[rows],
            size=positions.quantity[rows],
            position_side=positions.position_side[rows],
            margin=positions.margin[rows],
        )
        np.testing.assert_allclose(positions.liquidation_price[rows], expected.liquidation_price, rtol=1e-9)


def test_feeds_never_show_more_than_happened(market: SimulatedMarket) -> None:
    fills = market.truth.liquidations
    for row, emission in enumerate(market.venues):
        happened = fills.notional[fills.venue == row].sum()
        # A bankruptcy price or a limit is not the fill: notionals differ by little.
        assert emission.liquidations.notional.sum() <= happened * 1.02 + 1.0
        assert len(emission.published_liquidations) == len(emission.liquidations)
        assert (np.diff(emission.liquidations.ts) >= 0).all()


def test_bars_are_consistent(market: SimulatedMarket) -> None:
    for emission in market.venues:
        assert (emission.low <= np.minimum(emission.open, emission.close)).all()
        assert (emission.high >= np.maximum(emission.open, emission.close)).all()
        assert (emission.low > 0).all()
        assert (emission.taker_buy <= emission.volume * (1 + 1e-9)).all()
        assert (np.diff(emission.ts) == MINUTE).all()


def test_nobody_was_turned_away_for_want_of_memory(market: SimulatedMarket) -> None:
    assert (market.truth.refused == 0).all()


def test_the_same_seed_is_the_same_market_and_looking_changes_nothing() -> None:
    first = simulated_market(np.random.default_rng(5), scenario="calm", days=1)
    again = simulated_market(np.random.default_rng(5), scenario="calm", days=1)
    looked = first.again(truth_at=[DEFAULT_START + HOUR])
    for other in (again, looked):
        for emission, repeated in zip(first.venues, other.venues, strict=True):
            np.testing.assert_array_equal(emission.close, repeated.close)
            np.testing.assert_array_equal(emission.open_interest, repeated.open_interest)
    different = simulated_market(np.random.default_rng(6), scenario="calm", days=1)
    assert not np.array_equal(first.venues[0].close, different.venues[0].close)


def test_without_impact_forced_orders_move_nothing_and_force_less() -> None:
    forced = {}
    for impact in (1.0, 0.0):
        made = simulated_market(
            np.random.default_rng(3),
            scenario="long_cascade",
            days=8,
            parameters=replace(MarketParameters(), forced_impact=impact),
        )
        forced[impact] = made.truth.liquidations.notional.sum()
    assert forced[1.0] > forced[0.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "days is 0"),
        ({"start": DEFAULT_START + 1}, "expected the start of a day"),
        ({"venues": ()}, "venues is empty"),
        ({"truth_at": [DEFAULT_START]}, "truth_at: expected ascending times"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulated_market(np.random.default_rng(0), **{"days": 1, **arguments})  # type: ignore[arg-type]
