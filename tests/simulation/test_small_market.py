"""The small simulated market: reproducible, and consistent in itself."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.errors import InputError
from small_market import small_market

START = 1_767_225_600_000


def test_the_same_seed_is_the_same_market_and_another_is_not() -> None:
    first, second, other = (small_market(np.random.default_rng(seed), start=START) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.close, second.close)
    assert not np.array_equal(first.close, other.close)


@pytest.mark.parametrize("seed", range(5))
def test_bars_are_consistent_and_every_change_of_open_interest_is_traded(seed: int) -> None:
    market = small_market(np.random.default_rng(seed), start=START)
    assert (market.low <= np.minimum(market.open, market.close)).all()
    assert (market.high >= np.maximum(market.open, market.close)).all()
    assert (market.low > 0).all()
    per_hour = market.volume.reshape(-1, 12).sum(axis=1)
    assert (np.abs(np.diff(market.open_interest)) <= per_hour[:-1] + per_hour[1:]).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_planted_squeeze_and_crash_are_there(seed: int) -> None:
    market = small_market(np.random.default_rng(seed), start=START)
    bars = len(market.ts)
    squeeze, crash = int(bars * 0.4), int(bars * 0.8)
    assert market.close[squeeze + 48] / market.close[squeeze - 1] > 1.04
    assert market.close[crash + 24] / market.close[crash - 1] < 0.92
    hour = crash // 12
    assert market.open_interest[hour + 3] < 0.8 * market.open_interest[hour]


def test_arguments_out_of_range_are_refused() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match="days: 3 is too short"):
        small_market(generator, start=START, days=3)
    with pytest.raises(InputError, match="price: -1.0 is not positive"):
        small_market(generator, start=START, price=-1.0)
    with pytest.raises(InputError, match="start: .* is not on a multiple of eight hours"):
        small_market(generator, start=START + 1)
