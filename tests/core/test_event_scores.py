"""Scores of totals against values worked out by hand or by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from powderkeg.core.event_scores import (
    block_bootstrap_interval,
    crps,
    deviance_skill,
    inside_band,
    log_errors,
    share_below,
    total_floor,
    tweedie_deviance,
)
from powderkeg.errors import InputError

AMOUNTS = st.floats(1e-3, 1e6)


@given(AMOUNTS, AMOUNTS)
def test_deviance_is_zero_at_the_truth_and_positive_elsewhere(observed: float, predicted: float) -> None:
    y, m = np.array([observed]), np.array([predicted])
    assert tweedie_deviance(y, y, floor=1e-9)[0] == pytest.approx(0.0, abs=1e-6 * observed**0.5)
    assert tweedie_deviance(y, m, floor=1e-9)[0] >= 0.0


def test_deviance_of_power_three_halves_by_hand() -> None:
    # Four times the squared difference of the roots, over the root of the prediction.
    y, m = np.array([4.0, 0.0, 9.0]), np.array([1.0, 4.0, 16.0])
    np.testing.assert_allclose(tweedie_deviance(y, m, floor=1e-9), 4 * (y**0.5 - m**0.5) ** 2 / m**0.5)


@given(st.lists(AMOUNTS, min_size=2, max_size=20))
def test_the_mean_is_the_constant_of_least_deviance(observed: list[float]) -> None:
    y = np.array(observed)
    best = tweedie_deviance(y, np.full(len(y), y.mean()), floor=1e-9).mean()
    for factor in (0.9, 1.1):
        assert (
            tweedie_deviance(y, np.full(len(y), y.mean() * factor), floor=1e-9).mean() >= best - 1e-9 * best
        )


def test_skill_is_one_for_perfect_and_zero_for_equal() -> None:
    baseline = np.array([1.0, 2.0])
    assert deviance_skill(np.zeros(2), baseline) == 1.0
    assert deviance_skill(baseline, baseline) == 0.0


def test_a_factor_of_two_either_way_is_the_same_log_error() -> None:
    errors = log_errors(np.array([1.0, 1.0]), np.array([2.0, 0.5]), floor=1e-6)
    np.testing.assert_allclose(errors, np.log(2))


def test_nothing_observed_is_nothing_to_score() -> None:
    with pytest.raises(InputError, match="nothing was liquidated"):
        total_floor(np.zeros(5))


def test_crps_equals_its_definition() -> None:
    rng = np.random.default_rng(0)
    samples, observed = rng.gamma(2.0, size=(40, 6)), rng.gamma(2.0, size=6)
    brute = np.abs(samples - observed).mean(axis=0) - 0.5 * np.abs(samples[:, None] - samples[None, :]).mean(
        axis=(0, 1)
    )
    np.testing.assert_allclose(crps(samples, observed), brute)


def test_crps_of_a_single_member_is_the_absolute_error() -> None:
    np.testing.assert_allclose(crps(np.array([[3.0]]), np.array([1.0])), 2.0)


def test_bootstrap_interval_of_a_mean_has_the_right_width() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=400)
    low, high = block_bootstrap_interval(rows, lambda x: float(x.mean()), rng, block=5, level=0.90)
    assert low < rows.mean() < high
    assert high - low == pytest.approx(2 * 1.645 / 20, rel=0.25)


def test_blocks_widen_the_interval_of_dependent_rows() -> None:
    rng = np.random.default_rng(2)
    rows = np.repeat(rng.normal(size=40), 10)
    widths = []
    for block in (1, 20):
        low, high = block_bootstrap_interval(rows, lambda x: float(x.mean()), rng, block=block)
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def test_bands_and_quantiles_of_the_right_law_are_reliable() -> None:
    generator = np.random.default_rng(3)
    draws, observed = generator.normal(size=(400, 3_000)), generator.normal(size=3_000)
    assert inside_band(draws, observed, 0.9).mean() == pytest.approx(0.9, abs=0.02)
    assert share_below(draws, observed, 0.3).mean() == pytest.approx(0.3, abs=0.03)
    assert inside_band(draws / 10, observed, 0.9).mean() < 0.3
    # Zeros that are as common as they should be lie half below and half above.
    assert share_below(np.zeros((9, 4)), np.zeros(4), 0.5).tolist() == [0.5] * 4
