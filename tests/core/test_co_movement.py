"""Planted betas, correlations and tail dependence come back within the error that is told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from powderkeg.core.co_movement import (
    Measured,
    beta_of,
    correlation_of,
    tail_dependence,
    volatility_regimes,
)
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import HOUR

BETA, CORRELATION = 1.6, 0.7
RUNS, LENGTH = 300, 2_000


def coupled(generator: np.random.Generator, degrees: float = 4.0) -> tuple[FloatArray, FloatArray]:
    """Return returns with fat tails whose second has this beta and correlation to the first."""
    common, own = generator.standard_t(degrees, (2, LENGTH)) * 0.01
    noise = BETA * math.sqrt(1 / CORRELATION**2 - 1)
    return common, BETA * common + noise * own


@pytest.mark.parametrize(
    ("statistic", "planted"), [(beta_of, BETA), (correlation_of, CORRELATION)], ids=["beta", "correlation"]
)
def test_ninety_percent_of_the_bands_hold_the_planted_value(statistic: object, planted: float) -> None:
    generator = np.random.default_rng(11)
    found: list[Measured] = [statistic(*coupled(generator, 6.0)) for _ in range(RUNS)]  # type: ignore[operator]
    held = np.mean([one.low <= planted <= one.high for one in found])
    # 300 bands: a binomial error of 1.7 points; sandwich errors are a little small in fat tails.
    assert 0.84 <= held <= 0.95
    spread = np.std([one.value for one in found])
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.15)
    assert found[0].observations == LENGTH


def test_tail_dependence_recovers_a_planted_share_within_its_error() -> None:
    """With probability w the other coin takes the rank of the pushed one: p = w + (1 - w) q.

    Tails of a sample begin at its own quantiles, which differ between coins: that costs some 1 / sqrt(n).
    """
    generator = np.random.default_rng(5)
    together, tail, length = 0.4, 0.05, 10_000
    planted = together + (1 - together) * tail
    found = []
    for _ in range(RUNS):
        pushed = generator.uniform(size=length)
        other = np.where(generator.uniform(size=length) < together, pushed, generator.uniform(size=length))
        found.append(tail_dependence(pushed, other, -1, tail))
    assert np.mean([one.value for one in found]) == pytest.approx(planted, abs=0.01)
    held = np.mean([one.low <= planted <= one.high for one in found])
    assert 0.83 <= held <= 0.96


def test_tails_that_always_and_never_go_together() -> None:
    generator = np.random.default_rng(2)
    pushed = generator.normal(size=LENGTH)
    assert tail_dependence(pushed, 3 * pushed, 1).value == 1
    assert tail_dependence(pushed, -pushed, -1).value == 0
    # Alike in falls alone.
    falls = np.where(pushed < 0, pushed, generator.normal(size=LENGTH) ** 2)
    assert tail_dependence(pushed, falls, -1).value == 1
    assert tail_dependence(pushed, falls, 1).value < 0.2


def test_stressed_returns_are_those_after_volatility_rose_and_never_the_jump_itself() -> None:
    generator = np.random.default_rng(3)
    scale = np.full(LENGTH, 0.002)
    scale[1_500:1_700] = 0.03
    returns = generator.normal(0, scale)
    close = 100 * np.exp(np.concatenate([[0.0], np.cumsum(returns)]))
    regimes = volatility_regimes(close, HOUR)
    stressed = np.flatnonzero(regimes.stressed)
    assert stressed.min() > 1_500
    assert stressed.max() < 1_800
    assert not regimes.stressed[1_500]
    assert not (regimes.calm & regimes.stressed).any()
    assert regimes.calm.sum() == pytest.approx(LENGTH / 2, abs=3)
    assert regimes.present != "stressed"
    # A beta that is planted by regime comes back by regime.
    other = np.where(scale > 0.01, 2.0, 1.0) * returns + generator.normal(0, 0.001, LENGTH)
    for chosen, planted in ((regimes.calm, 1.0), (regimes.stressed, 2.0)):
        beta = beta_of(returns[chosen], other[chosen])
        assert abs(beta.value - planted) < 4 * beta.error + 0.02
    assert volatility_regimes(close[:1_650], HOUR).present == "stressed"


def test_too_little_says_nothing() -> None:
    few = np.full(20, 0.01)
    for found in (beta_of(few, few), correlation_of(few, few), tail_dependence(few, few, -1)):
        assert math.isnan(found.value)
        assert math.isnan(found.error)
        assert found.observations == 20
    still = np.zeros(100)
    assert math.isnan(beta_of(still, still).value)
    assert math.isnan(correlation_of(still, still).value)
    assert volatility_regimes(np.full(5, 100.0), HOUR).present is None


def test_unfit_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        beta_of(np.ones(3), np.ones(2))
    with pytest.raises(InputError, match="side is 0"):
        tail_dependence(np.ones(3), np.ones(3), 0)
    with pytest.raises(InputError, match="tail is 0.9"):
        tail_dependence(np.ones(3), np.ones(3), 1, 0.9)
