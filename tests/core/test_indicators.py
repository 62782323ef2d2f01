"""Indicators equal TA-Lib, and say what they cannot know."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.indicators import (
    average_true_range,
    exponential_average,
    relative_strength_index,
    simple_average,
    strength_zone,
)
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray


def bars(count: int, seed: int, price: float = 90_000.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return high, low and close of a random walk with jumps."""
    generator = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(0.02 * generator.standard_t(3, count)))
    spread = 0.01 * generator.random((2, count))
    return close * (1 + spread[0]), close * (1 - spread[1]), close


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(0, 300), st.sampled_from([1e-5, 1.0, 9e4]))
def test_indicators_equal_ta_lib(seed: int, length: int, count: int, price: float) -> None:
    high, low, close = bars(count, seed, price)
    pairs = [
        (relative_strength_index(close, length), talib.RSI(close, length)),
        (simple_average(close, length), talib.SMA(close, length)),
        (exponential_average(close, length), talib.EMA(close, length)),
        (average_true_range(high, low, close, length), talib.ATR(high, low, close, length)),
    ]
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * price)


def test_the_index_of_wilders_extremes() -> None:
    rising = np.arange(1.0, 40.0)
    assert relative_strength_index(rising)[-1] == 100.0
    assert relative_strength_index(rising[::-1])[-1] == 0.0
    np.testing.assert_array_equal(relative_strength_index(np.full(40, 5.0)), talib.RSI(np.full(40, 5.0)))
    assert [strength_zone(one) for one in (70.0, 69.9, 30.1, 30.0)] == [
        "overbought",
        "neutral",
        "neutral",
        "oversold",
    ]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(20, 200))
def test_no_value_knows_a_later_bar(seed: int, cut: int) -> None:
    high, low, close = bars(220, seed)
    for whole, part in (
        (relative_strength_index(close), relative_strength_index(close[:cut])),
        (exponential_average(close, 20), exponential_average(close[:cut], 20)),
        (average_true_range(high, low, close), average_true_range(high[:cut], low[:cut], close[:cut])),
    ):
        np.testing.assert_array_equal(whole[:cut], part)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: relative_strength_index([1.0, np.nan]),
            r"close\[1\] is nan; expected a finite number above",
        ),
        (lambda: relative_strength_index([1.0, 2.0], 1), "length is 1; expected 2 or more"),
        (lambda: simple_average([np.inf], 1), r"values\[0\] is inf"),
        (lambda: average_true_range([1.0], [2.0], [1.5]), r"high\[0\] is 1; expected at least the low, 2"),
        (lambda: average_true_range([2.0], [1.0], [1.5, 1.5]), "expected one"),
    ],
)
def test_what_is_no_price_is_refused(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(InputError, match=words):
        call()
