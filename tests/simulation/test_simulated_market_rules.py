"""The small rules inside the simulated market, each against a slow or independent statement of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.margin_tiers import maintenance_margin as core_maintenance_margin
from powderkeg.core.margin_tiers import tiered_liquidation_price
from powderkeg.simulation.emission import shown_by_feed
from powderkeg.simulation.margin_rule import highest_leverage, maintenance_margin, tier_arrays, tiered_price
from powderkeg.simulation.order_book import walked
from powderkeg.simulation.scenarios import Episode, conditions, scenario_episodes
from powderkeg.simulation.simulated_venue import ALDER, SIMULATED_VENUES

TIERS = tier_arrays([venue.tiers for venue in SIMULATED_VENUES])
EXPONENT = 0.67


@settings(max_examples=300, deadline=None)
@given(
    venue=st.integers(0, 2),
    side=st.sampled_from([1, -1]),
    quantity=st.floats(0.001, 3_000.0),
    entry=st.floats(20_000.0, 300_000.0),
    leverage=st.floats(0.5, 120.0),
    fee_rate=st.floats(0.0, 0.002),
)
def test_the_margin_rule_is_that_of_core(
    venue: int, side: int, quantity: float, entry: float, leverage: float, fee_rate: float
) -> None:
    margin = quantity * entry / leverage
    found = tiered_price(TIERS, venue, side, quantity, entry, margin, fee_rate)
    expected = tiered_liquidation_price(
        SIMULATED_VENUES[venue].tiers,
        entry_price=entry,
        size=quantity,
        position_side=side,
        margin=margin,
        fee_rate=fee_rate,
    ).liquidation_price
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("venue", range(3))
@pytest.mark.parametrize("notional", [1.0, 5e4, 5e4 + 1, 6e5, 3e6, 9e7, 2e8, 1e9])
def test_maintenance_and_leverage_are_those_of_the_table(venue: int, notional: float) -> None:
    table = SIMULATED_VENUES[venue].tiers
    expected = float(core_maintenance_margin(notional, table))
    assert maintenance_margin(TIERS, venue, notional) == pytest.approx(expected, rel=1e-12)
    holding = [tier for tier in table.tiers if tier.notional_floor < notional][-1]
    assert highest_leverage(TIERS, venue, notional) == holding.maximum_leverage


def depth_up_to(distance: float) -> float:
    """Return the share of the depth within 1 % that a fresh book holds within `distance`."""
    return float(np.where(distance < 0.01, (distance / 0.01) ** EXPONENT, distance / 0.01))


@settings(max_examples=200, deadline=None)
@given(
    displacement=st.floats(-0.05, 0.05),
    sign=st.sampled_from([1, -1]),
    lots=st.floats(1.0, 5e5),
    share=st.floats(0.01, 0.99),
)
def test_an_order_in_two_parts_ends_where_the_whole_one_does_and_pays_the_same(
    displacement: float, sign: int, lots: float, share: float
) -> None:
    depth = 1e5
    ahead = sign * displacement >= 0
    end, mean = walked(displacement, sign, lots, depth, EXPONENT)
    assert sign * (end - displacement) > 0
    assert min(displacement, end) <= mean <= max(displacement, end)
    if ahead:
        # Only in a book that is eaten already does a second part carry on where the first one stopped.
        middle, first = walked(displacement, sign, lots * share, depth, EXPONENT)
        last, second = walked(middle, sign, lots * (1 - share), depth, EXPONENT)
        assert last == pytest.approx(end, rel=1e-6, abs=1e-9)
        assert share * first + (1 - share) * second == pytest.approx(mean, rel=1e-5, abs=1e-8)
        eaten = depth_up_to(abs(end)) - depth_up_to(abs(displacement))
        assert eaten == pytest.approx(lots / depth, rel=1e-6)


def test_an_order_of_the_depth_within_one_percent_moves_the_price_by_one_percent() -> None:
    end, mean = walked(0.0, -1, 100.0, 100.0, EXPONENT)
    assert end == pytest.approx(-0.01)
    thin = np.linspace(0, 0.01, 200_001)
    weights = np.diff((thin / 0.01) ** EXPONENT)
    assert mean == pytest.approx(-(weights * (thin[1:] + thin[:-1]) / 2).sum(), rel=1e-4)


@settings(max_examples=100, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 3_000), min_size=1, max_size=60),
    data=st.data(),
    interval=st.sampled_from([1_000, 60_000]),
    per_side=st.booleans(),
)
def test_a_throttled_feed_shows_the_latest_of_each_interval_and_nothing_else(
    gaps: list[int], data: st.DataObject, interval: int, per_side: bool
) -> None:
    ts = np.cumsum(np.array(gaps, np.int64)) + 1_767_225_600_000
    signs = st.lists(st.sampled_from([1, -1]), min_size=len(ts), max_size=len(ts))
    sides = np.array(data.draw(signs), np.int8)
    venue = dataclasses.replace(ALDER, liquidation_interval=interval, liquidation_interval_per_side=per_side)
    shown = shown_by_feed(venue, ts, sides)
    latest: dict[tuple[int, int], int] = {}
    for row, (time, side) in enumerate(zip(ts.tolist(), sides.tolist(), strict=True)):
        latest[time // interval, side if per_side else 0] = row
    assert sorted(latest.values()) == np.flatnonzero(shown).tolist()
    assert shown_by_feed(dataclasses.replace(venue, liquidation_interval=0), ts, sides).all()


def test_episodes_add_their_drifts_and_multiply_their_factors() -> None:
    episodes = (
        Episode(begin=0.0, days=1.0, drift=0.02, depth=0.5, long_bias=0.5),
        Episode(begin=0.25, days=9.0, drift=-0.01, depth=0.5, leverage=2.0, long_bias=0.25, appetite=3.0),
    )
    made = conditions(episodes, days=2, warm_up_days=1)
    assert made.drift.shape == (3 * 1_440,)
    assert not made.drift[:1_440].any()
    assert made.drift[1_440:2_880].sum() == pytest.approx(0.02 - 0.01 / 18)
    assert set(made.depth) == {1.0, 0.5, 0.25}
    assert set(made.leverage) == {1.0, 2.0}
    assert set(made.long_bias) == {0.0, 0.25, 0.5, 0.75}
    assert made.appetite[-1] == 3.0


def test_a_calm_market_has_no_episodes_and_the_others_do() -> None:
    assert scenario_episodes("calm", 90) == ()
    assert len(scenario_episodes("trending", 90)) == 6
    both = scenario_episodes("both", 90)
    assert both[:3] != scenario_episodes("short_squeeze", 90)
    assert min(episode.drift for episode in both) < 0 < max(episode.drift for episode in both)
