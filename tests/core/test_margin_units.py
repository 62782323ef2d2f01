"""Whole accounts under a shock: the identity at the root, the twin, and what venues publish."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.cross_margin import cross_liquidation_price
from powderkeg.core.margin_tiers import tiered_liquidation_price
from powderkeg.core.margin_units import (
    MaintenanceTables,
    MarginUnits,
    frozen_units,
    implied_equity,
    liquidation_moves,
    maintenance_tables,
)
from powderkeg.core.venue_tiers import venue_tier_table
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

COINS = ("BTC", "ETH", "SOL", "HYPE")
TABLES = maintenance_tables([venue_tier_table("hyperliquid", coin) for coin in COINS])
ONLY_BTC = np.array([1.0, 0.0, 0.0, 0.0])


def made_units(seed: int, count: int, *, size: float = 4e7) -> MarginUnits:
    """Return accounts of one to six legs, some hedged, some far above a tier's edge, some nearly broke."""
    generator = np.random.default_rng(seed)
    legs = generator.integers(1, 7, count)
    first = np.concatenate([[0], np.cumsum(legs)])
    exposure = generator.choice([-1.0, 1.0], first[-1]) * size * generator.lognormal(-3.0, 2.0, first[-1])
    gross = np.add.reduceat(np.abs(exposure), first[:-1])
    return MarginUnits(
        first,
        gross * generator.uniform(-0.01, 0.6, count),
        generator.integers(0, len(COINS), first[-1]),
        exposure,
    )


def margin_left(
    units: MarginUnits, tables: MaintenanceTables, beta: FloatArray, move: FloatArray
) -> FloatArray:
    """Return equity less maintenance margin of each unit after its move, by a plain loop."""
    out = np.empty(len(units))
    for number in range(len(units)):
        left = units.equity[number]
        for leg in range(units.first_leg[number], units.first_leg[number + 1]):
            coin, held = units.coin[leg], units.exposure[leg]
            notional = abs(held) * (1 + beta[coin] * move[number])
            left += held * beta[coin] * move[number]
            left -= max(tables.rates[coin] * notional - tables.amounts[coin])
        out[number] = left
    return out


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), betas=st.lists(st.floats(-0.5, 2.5), min_size=3, max_size=3))
def test_at_a_level_equity_is_what_has_to_be_maintained_and_inside_it_is_more(
    seed: int, betas: list[float]
) -> None:
    units, beta = made_units(seed, 40), np.array([1.0, *betas])
    moves = liquidation_moves(units, TABLES, beta)
    gross = np.add.reduceat(np.abs(units.exposure), units.first_leg[:-1])
    for found in (moves.fall, moves.rise):
        known = np.isfinite(found) & ~moves.short_of_margin
        at, half = margin_left(units, TABLES, beta, found), margin_left(units, TABLES, beta, found / 2)
        scale = gross * (1 + np.abs(found) * np.abs(beta).max())
        assert np.all(np.abs(at[known]) <= 1e-10 * scale[known])
        assert np.all(half[known] > 0)
    assert np.array_equal(moves.short_of_margin, margin_left(units, TABLES, beta, np.zeros(40)) <= 0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), betas=st.lists(st.floats(-0.5, 2.5), min_size=3, max_size=3))
def test_where_there_is_no_level_no_move_on_the_way_liquidates(seed: int, betas: list[float]) -> None:
    units, beta = made_units(seed, 30), np.array([1.0, *betas])
    moves = liquidation_moves(units, TABLES, beta)
    follows = np.where(np.abs(beta) < 1e-9, 1e-9, beta)
    lowest = np.maximum.reduceat(np.where(follows > 0, -1 / follows, -1.0)[units.coin], units.first_leg[:-1])
    without = np.isnan(moves.fall)
    for share in (0.1, 0.5, 0.9, 0.999):
        left = margin_left(units, TABLES, beta, np.maximum(lowest, -1.0) * share)
        assert np.all(left[without] >= 0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), betas=st.lists(st.floats(-0.5, 2.5), min_size=3, max_size=3))
def test_the_compiled_kernel_equals_its_readable_twin(seed: int, betas: list[float]) -> None:
    units, beta = made_units(seed, 200), np.array([1.0, *betas])
    fast, slow = (liquidation_moves(units, TABLES, beta, kernel=kernel) for kernel in ("numba", "numpy"))
    np.testing.assert_allclose(fast.fall, slow.fall, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fast.rise, slow.rise, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(fast.short_of_margin, slow.short_of_margin)


def test_a_lone_position_has_the_level_of_the_single_position_formula() -> None:
    table = venue_tier_table("hyperliquid", "BTC")
    quantity = np.array([0.5, 3_000.0, 0.5, 3_000.0])  # either side of the tier's edge at 150 million
    side, entry, mark, leverage = np.array([1, 1, -1, -1]), 65_000.0, 66_000.0, 8.0
    margin = quantity * entry / leverage
    expected = tiered_liquidation_price(
        table, entry_price=entry, size=quantity, position_side=side, margin=margin
    ).liquidation_price
    units = MarginUnits(
        np.arange(5), margin + side * quantity * (mark - entry), np.zeros(4, np.int64), side * quantity * mark
    )
    moves = liquidation_moves(units, TABLES, ONLY_BTC)
    np.testing.assert_allclose(mark * (1 + np.where(side > 0, moves.fall, moves.rise)), expected, rtol=1e-12)


def test_a_hedged_account_agrees_with_the_cross_margin_formula_at_its_brackets() -> None:
    mark = np.array([60_000.0, 2_000.0, 80.0])
    quantity, side = np.array([10.0, 400.0, 1_000.0]), np.array([1, -1, -1])
    entry, beta = mark * 1.01, np.array([1.0, 1.3, 1.7])
    wallet = 60_000.0
    rates = np.array([TABLES.rates[coin, 0] for coin in range(3)])
    expected = cross_liquidation_price(
        wallet_balance=wallet,
        mark_price=mark,
        entry_price=entry,
        quantity=quantity,
        position_side=side,
        maintenance_margin_rate=rates,
        beta=beta,
    )
    equity = wallet + float((side * quantity * (mark - entry)).sum())
    units = MarginUnits(np.array([0, 3]), np.array([equity]), np.arange(3), side * quantity * mark)
    moves = liquidation_moves(units, TABLES, np.array([*beta, 0.0]))
    found = moves.fall if expected.side_of_mark < 0 else moves.rise
    np.testing.assert_allclose(mark[0] * (1 + found[0]), expected.liquidation_price, rtol=1e-12)


def test_frozen_legs_and_their_levels_lead_back_to_the_equity() -> None:
    units = made_units(7, 300, size=1e5)
    alone = frozen_units(units, TABLES)
    moves = liquidation_moves(alone, TABLES, np.ones(4))
    level = 1 + np.where(units.exposure > 0, moves.fall, moves.rise)
    level[moves.short_of_margin] = np.nan
    equity = implied_equity(units, TABLES, level)
    known = np.isfinite(level)
    assert known.sum() > 200
    np.testing.assert_allclose(equity[known], units.equity[units.unit][known], rtol=1e-9, atol=1e-3)


def test_the_published_account_of_the_documentation_has_its_published_level() -> None:
    # Hyperliquid's API page, clearinghouseState: ETH, 0.0335 long; amounts are rounded to a millionth of a
    # dollar, which is 3e-5 in the price.
    table = MaintenanceTables(np.array([[0.01]]), np.array([[0.0]]))
    units = MarginUnits(np.array([0, 1]), np.array([4.967826]), np.array([0]), np.array([100.02765]))
    mark = 100.02765 / 0.0335
    level = mark * (1 + liquidation_moves(units, table, np.ones(1)).fall[0])
    assert level == pytest.approx(2866.26936529, abs=3e-5)


def test_betas_and_shapes_that_cannot_be_are_refused() -> None:
    units = made_units(1, 3)
    with pytest.raises(InputError, match="beta: nan"):
        liquidation_moves(units, TABLES, np.array([1.0, np.nan, 0.0, 0.0]))
    with pytest.raises(InputError, match="no beta or no tiers"):
        liquidation_moves(units, TABLES, np.array([1.0]))
    with pytest.raises(InputError, match="first legs do not rise"):
        MarginUnits(np.array([0, 1, 1]), np.zeros(2), np.zeros(1, np.int64), np.ones(1))
    with pytest.raises(InputError, match="no tables"):
        maintenance_tables([])
    with pytest.raises(InputError, match="inverse"):
        maintenance_tables([venue_tier_table("binance", "BTCUSD_PERP")])


def test_an_unknown_equity_has_no_level() -> None:
    units = MarginUnits(np.array([0, 1]), np.array([np.nan]), np.array([0]), np.array([1e6]))
    for kernel in ("numba", "numpy"):
        moves = liquidation_moves(units, TABLES, ONLY_BTC, kernel=kernel)
        assert np.isnan([moves.fall[0], moves.rise[0]]).all()
        assert not moves.short_of_margin[0]
