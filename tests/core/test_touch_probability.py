"""Touch probabilities and volatility: closed forms, simulation, and the limits of both."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest

from powderkeg.core.touch_probability import expected_liquidation, touch_probability
from powderkeg.core.volatility import ewma_volatility, parkinson_volatility
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.times import DAY, HOUR, MINUTE

STEPS, PATHS = 1_440, 20_000
FIFTH = 1.2815515655446004  # z of a normal touch probability of 0.20
# Paths seen only at their steps miss what lies between: Broadie, Glasserman and Kou (1997) put the level
# zeta(1/2) / sqrt(2 pi) standard deviations of a step farther away.
UNSEEN = 0.5826 / math.sqrt(STEPS)


@lru_cache
def highest(degrees: int | None, seed: int) -> FloatArray:
    """Return the maxima of paths of normal or Student-t steps, shape (PATHS,).

    Steps are as numpy draws them, divided by the root of their number and by nothing else.
    """
    generator = np.random.default_rng(seed)
    shape = (PATHS, STEPS)
    steps = generator.standard_normal(shape) if degrees is None else generator.standard_t(degrees, shape)
    return np.asarray(np.cumsum(steps, axis=1, out=steps).max(axis=1) / math.sqrt(STEPS))


def touched(extremes: FloatArray, level: float) -> float:
    return float((extremes >= level).mean())


@pytest.mark.parametrize("z", [0.25, 0.5, 1.0, FIFTH, 2.0, 2.5])
def test_simulated_brownian_paths_touch_as_often_as_the_reflection_principle_says(z: float) -> None:
    expected = float(touch_probability(z + UNSEEN, 1.0, DAY, None))
    assert touched(highest(None, 1), z) == pytest.approx(expected, abs=4 * math.sqrt(expected / PATHS))


@pytest.mark.parametrize("z", [0.5, 1.0, FIFTH, 2.0, 3.0])
@pytest.mark.parametrize("degrees", [3, 4, 5])
def test_simulated_paths_of_unknown_variance_touch_as_often_as_the_fat_tailed_form_says(
    z: float, degrees: int
) -> None:
    # Each path is Brownian with a variance of its own for the whole of it, its mean 1.
    variance = (degrees - 2) / np.random.default_rng([2, degrees]).chisquare(degrees, PATHS)
    found = touched((highest(None, 1) + UNSEEN) * np.sqrt(variance), z)
    expected = float(touch_probability(z, 1.0, DAY, degrees))
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected / PATHS))


def test_student_t_steps_not_rescaled_to_unit_variance_give_031_instead_of_020() -> None:
    extremes = highest(5, 3)
    right = touched(extremes / math.sqrt(5 / 3), FIFTH)
    wrong = touched(extremes, FIFTH)
    assert float(touch_probability(FIFTH, 1.0, DAY, None)) == pytest.approx(0.20, abs=1e-6)
    assert right == pytest.approx(0.20, abs=0.012)
    assert wrong == pytest.approx(0.31, abs=0.012)
    # The same mistake in the closed form: forgetting that a t of five degrees has a variance of 5 / 3.
    rescaled = float(touch_probability(FIFTH, 1.0, DAY, 5))
    forgotten = float(touch_probability(FIFTH / math.sqrt(5 / 3), 1.0, DAY, 5))
    assert rescaled < 0.20 < forgotten


def test_fat_steps_alone_leave_no_fat_tail_over_a_day() -> None:
    normal = float(touch_probability(3.0 + UNSEEN, 1.0, DAY, None))
    fat = float(touch_probability(3.0, 1.0, DAY, 5))
    assert fat > 4 * normal
    assert touched(highest(5, 3) / math.sqrt(5 / 3), 3.0) == pytest.approx(
        normal, abs=4 * math.sqrt(normal / PATHS)
    )


@pytest.mark.parametrize("degrees", [3, 4, 5, 6, 7, 30])
def test_the_fat_tailed_form_is_twice_the_tail_of_a_student_t(degrees: int) -> None:
    # Integrated from the density, whose normalisation is that of any textbook.
    z = np.array([0.3, 1.0, 2.0, 4.0])
    scale = math.sqrt(degrees / (degrees - 2))
    # A substitution t = tan(u) makes the infinite range finite.
    u = np.linspace(0, math.pi / 2, 400_001)[:-1]
    t = np.tan(u)
    constant = math.gamma((degrees + 1) / 2) / math.gamma(degrees / 2) / math.sqrt(degrees * math.pi)
    density = constant * (1 + t**2 / degrees) ** (-(degrees + 1) / 2) / np.cos(u) ** 2
    for one in z:
        beyond = t >= one * scale
        area = float(np.trapezoid(density[beyond], u[beyond]))
        assert float(touch_probability(one, 1.0, DAY, degrees)) == pytest.approx(2 * area, rel=2e-4)


def test_with_many_degrees_it_is_the_normal_form() -> None:
    z = np.linspace(0, 4, 50)
    many = touch_probability(z, 1.0, DAY, 1_000)
    np.testing.assert_allclose(many, touch_probability(z, 1.0, DAY, None), atol=1e-3)


def test_a_level_at_the_price_is_touched_and_one_far_away_is_not() -> None:
    for degrees in (None, 3, 4, 5):
        assert float(touch_probability(0.0, 0.03, HOUR, degrees)) == 1.0
        values = touch_probability(np.linspace(0, 1, 200), 0.03, DAY, degrees)
        assert np.all(np.diff(values) <= 0)
        assert 0 <= values[-1] < 1e-3
        longer = touch_probability(0.05, 0.03, 4 * DAY, degrees)
        assert longer == pytest.approx(touch_probability(0.05, 0.06, DAY, degrees))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"distance": -0.1}, "distance is -0.1; expected a finite number, 0 or more"),
        ({"distance": float("nan")}, "distance is nan"),
        ({"volatility": 0.0}, "volatility is 0"),
        ({"volatility": float("nan")}, "volatility is nan"),
        ({"horizon": 0}, "horizon is 0"),
        ({"degrees": 2}, "degrees: 2; expected a whole number from 3"),
        ({"degrees": 4.5}, "degrees: 4.5; expected a whole number"),
        ({"degrees": 5_000}, "degrees: 5000; expected a whole number from 3 to 1,000"),
    ],
)
def test_numbers_without_a_probability_are_refused(given: dict[str, float], message: str) -> None:
    whole = {"distance": 0.1, "volatility": 0.03, "horizon": DAY} | given
    with pytest.raises(InputError, match=message):
        touch_probability(**whole)  # type: ignore[arg-type]


def test_expected_liquidation_is_touch_probability_times_size_and_only_of_what_lies_ahead() -> None:
    grid = PriceGrid(0.01, 460, 3)  # around 100: 99.98 lies in bin 460
    mass = np.array([10.0, 20.0, 40.0])
    mark = float(grid.edges[1])
    up = expected_liquidation(grid, mass, mark, 1, volatility=0.03, horizon=DAY)
    distance = np.array([0.005, 0.015])
    np.testing.assert_allclose(up[1:], mass[1:] * touch_probability(distance, 0.03, DAY), rtol=1e-9)
    assert up[0] == 10.0
    down = expected_liquidation(grid, mass, mark, -1, volatility=0.03, horizon=DAY)
    assert down[0] == pytest.approx(10.0 * float(touch_probability(0.005, 0.03, DAY)))
    assert np.all(up <= mass)
    with pytest.raises(InputError, match=r"notional: shape \(2,\); expected \(3,\)"):
        expected_liquidation(grid, mass[:2], mark, 1, volatility=0.03, horizon=DAY)
    with pytest.raises(InputError, match="direction is 0"):
        expected_liquidation(grid, mass, mark, 0, volatility=0.03, horizon=DAY)


def test_expected_liquidation_is_the_mean_of_what_simulated_paths_sweep() -> None:
    grid = PriceGrid(0.002, 2_303, 60)
    generator = np.random.default_rng(8)
    mass = generator.exponential(1.0, grid.count)
    mark = float(grid.edges[0])
    extreme = 0.03 * (highest(None, 1) + UNSEEN)
    middle = (np.arange(grid.count) + 0.5) * grid.width
    swept = np.array([mass[middle <= reach].sum() for reach in extreme])
    found = expected_liquidation(grid, mass, mark, 1, volatility=0.03, horizon=DAY, degrees=None).sum()
    assert found == pytest.approx(swept.mean(), abs=4 * swept.std() / math.sqrt(PATHS))


def test_volatility_is_found_again_and_both_estimates_agree() -> None:
    generator = np.random.default_rng(9)
    inside = generator.normal(0, 0.03 * math.sqrt(5 * MINUTE / DAY / 300), (8_000, 300))
    path = 100 * np.exp(np.cumsum(inside).reshape(inside.shape))
    volatility = ewma_volatility(path[:, -1], 5 * MINUTE, 20 * DAY)[-1]
    ranged = parkinson_volatility(path.max(axis=1), path.min(axis=1), 5 * MINUTE, 20 * DAY)[-1]
    assert volatility == pytest.approx(0.03, rel=0.03)
    assert ranged == pytest.approx(0.03, rel=0.06)


def test_volatility_uses_nothing_later_and_nothing_across_a_hole() -> None:
    close = np.array([100.0, 101.0, np.nan, 300.0, 303.0])
    found = ewma_volatility(close, HOUR, DAY)
    np.testing.assert_array_equal(found[:2], ewma_volatility(close[:2], HOUR, DAY))
    assert np.isnan(found[0])
    # Both returns are of 1 %, so their weights do not matter; that from 101 to 300 does not count.
    np.testing.assert_allclose(found[1:], math.log(1.01) * math.sqrt(24), rtol=1e-12)


def test_prices_that_cannot_be_have_no_volatility() -> None:
    with pytest.raises(InputError, match=r"close\[1\] is 0"):
        ewma_volatility([100.0, 0.0], HOUR)
    with pytest.raises(InputError, match=r"high\[0\] is 99; expected at least the low, 100"):
        parkinson_volatility([99.0], [100.0], HOUR)
    with pytest.raises(InputError, match="half_life is 0"):
        ewma_volatility([100.0, 101.0], HOUR, 0)
