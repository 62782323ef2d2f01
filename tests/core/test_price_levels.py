"""Swings wait for their confirmation, profiles keep their volume, and levels say what they rest on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.price_levels import (
    LIQUIDATIONS,
    SWING,
    VOLUME,
    Evidence,
    merged_levels,
    swings,
    volume_peaks,
    volume_profile,
)
from powderkeg.core.volatility import ewma_volatility, realised_volatility
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY, HOUR


def made(count: int, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(0.01 * generator.standard_normal(count)))
    return close * 1.002, close * 0.998, generator.gamma(2.0, 10.0, count)


def test_a_planted_peak_is_a_swing_once_its_wing_has_passed() -> None:
    price = np.r_[np.arange(100.0, 110), np.arange(110.0, 99, -1)]
    (peak,) = [one for one in swings(price + 1, price - 1, 3) if one.detail == "swing high"]
    assert (peak.price, peak.number) == (111.0, 13)
    assert peak.weight == pytest.approx(np.log(111 / 106))
    assert swings(price[:13] + 1, price[:13] - 1, 3) == ()
    assert len(swings(price[:14] + 1, price[:14] - 1, 3)) == 1


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 500), st.integers(1, 8), st.integers(20, 100))
def test_a_swing_is_the_same_when_it_is_known_and_ever_after(seed: int, wing: int, cut: int) -> None:
    high, low, _ = made(100, seed)
    whole = swings(high, low, wing)
    assert tuple(one for one in whole if one.number < cut) == swings(high[:cut], low[:cut], wing)
    for one in whole:
        row = one.number - wing
        around = slice(row - wing, row + wing + 1)
        assert one.price == (high[around].max() if one.detail == "swing high" else low[around].min())


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 500), st.integers(1, 80), st.floats(0.0005, 0.05))
def test_volume_by_price_keeps_all_volume_between_the_extremes(seed: int, count: int, width: float) -> None:
    high, low, volume = made(count, seed)
    grid, traded = volume_profile(high, low, volume, width)
    assert traded.sum() == pytest.approx(volume.sum())
    assert np.all(traded >= -1e-9)
    assert grid.edges[0] <= low.min()
    assert grid.edges[-1] >= high.max()


def test_a_bar_without_a_range_trades_at_its_price_and_a_planted_shelf_is_the_peak() -> None:
    grid, traded = volume_profile(np.array([100.0]), np.array([100.0]), np.array([7.0]), 0.001)
    assert grid.bin_of(100.0) == grid.first + int(np.argmax(traded))
    close = np.r_[np.linspace(90, 110, 60), np.full(40, 104.0), np.linspace(104, 95, 20)]
    grid, traded = volume_profile(close * 1.001, close * 0.999, np.ones(120), 0.002)
    best = max(volume_peaks(grid, traded), key=lambda one: one.weight)
    assert best.price == pytest.approx(104.0, rel=0.004)
    assert volume_peaks(grid, np.zeros(grid.count)) == ()


def test_evidence_of_three_kinds_in_one_place_is_the_strongest_level() -> None:
    evidence = [
        Evidence(SWING, 100.0, 100.0, 100.0, 0.1),
        Evidence(VOLUME, 100.2, 100.1, 100.3, 50.0),
        Evidence(LIQUIDATIONS, 100.4, 100.0, 100.8, 1e9),
        Evidence(SWING, 120.0, 120.0, 120.0, 0.05),
        Evidence(VOLUME, 90.0, 89.9, 90.1, 25.0),
    ]
    first, *others = merged_levels(evidence, 105.0, 0.005, (SWING, VOLUME, LIQUIDATIONS))
    assert first.strength == pytest.approx(1.0)
    assert (first.low, first.high) == (100.0, 100.8)
    assert set(first.kinds) == {SWING, VOLUME, LIQUIDATIONS}
    assert first.distance == pytest.approx(100.2 / 105 - 1, abs=1e-4)
    assert [one.strength for one in others] == [pytest.approx(1 / 6)] * 2
    assert first.as_json()["evidence"][0]["kind"] in {SWING, VOLUME, LIQUIDATIONS}
    assert merged_levels([], 105.0, 0.005, (SWING,)) == ()


def test_a_chain_of_neighbours_does_not_grow_without_end() -> None:
    chain = [Evidence(SWING, 100 * 1.004**row, 1.0, 1e9, 1.0) for row in range(12)]
    assert len(merged_levels(chain, 100.0, 0.005, (SWING,))) == 3


def test_realised_volatility_of_planted_returns_and_of_holes() -> None:
    returns = 0.01 * np.where(np.arange(400) % 2, 1.0, -1.0)
    close = 100 * np.exp(np.cumsum(returns))
    found = realised_volatility(close, HOUR, DAY)
    assert np.isnan(found[:24]).all()
    np.testing.assert_allclose(found[24:], 0.01 * np.sqrt(24), rtol=1e-12)
    np.testing.assert_allclose(found[-1], ewma_volatility(close, HOUR)[-1], rtol=1e-9)
    close[300] = np.nan
    np.testing.assert_allclose(realised_volatility(close, HOUR, DAY)[310], 0.01 * np.sqrt(24), rtol=1e-12)
    close[300:303] = np.nan
    assert np.isnan(realised_volatility(close, HOUR, DAY)[310])
    assert np.isnan(realised_volatility(close[:20], HOUR, DAY)).all()
    with pytest.raises(InputError, match="length is 5 ms; expected a multiple of the bars' 2 ms"):
        realised_volatility([1.0, 2.0], 2, 5)


def test_what_cannot_be_is_refused() -> None:
    one = np.ones(5)
    with pytest.raises(InputError, match="wing is 0"):
        swings(one, one, 0)
    with pytest.raises(InputError, match="expected highs not below lows"):
        volume_profile(one, 2 * one, one, 0.001)
    with pytest.raises(InputError, match="expected 'swing' among them"):
        merged_levels([Evidence(SWING, 1.0, 1.0, 1.0, 1.0)], 1.0, 0.01, (VOLUME,))
    with pytest.raises(InputError, match="tolerance is 0"):
        merged_levels([], 1.0, 0.0, ())
