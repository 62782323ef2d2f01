"""Calibration recovers what was planted, and falls back to the prior where data say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.calibration import (
    PRIOR,
    SideFit,
    chosen_stage,
    expected_liquidations,
    fitted_scale,
    fitted_side,
)
from powderkeg.core.event_scores import tweedie_deviance
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray


def made_layers(intervals: int, seed: int = 0) -> FloatArray:
    """Return layers as days make them: near classes on small moves already, far ones on rare large moves."""
    generator = np.random.default_rng(seed)
    move = 0.02 * generator.standard_t(3, size=intervals) ** 2 / 3 + 0.004
    nearest = np.geomspace(0.004, 0.37, 16)
    reached = np.clip(move[:, None] / nearest - 1, 0, 3)
    turnover = np.array([0.5, 0.8, 1.2, 2.0])
    return np.asarray(1e9 * reached[:, :, None] * turnover)


def noisy(totals: FloatArray, seed: int = 1) -> FloatArray:
    return np.asarray(totals * np.random.default_rng(seed).gamma(8.0, 1 / 8.0, size=len(totals)))


def test_the_scale_is_the_one_of_least_deviance() -> None:
    predicted = np.array([1.0, 5.0, 20.0, 3.0])
    observed = np.array([0.4, 3.0, 5.0, 0.0])
    best = fitted_scale(observed, predicted, floor=1e-6)
    misfit = tweedie_deviance(observed, best * predicted, floor=1e-9).sum()
    for factor in (0.95, 1.05):
        assert tweedie_deviance(observed, factor * best * predicted, floor=1e-9).sum() > misfit


def test_a_planted_scale_is_found() -> None:
    layers = made_layers(200)
    observed = noisy(0.25 * expected_liquidations(layers, PRIOR))
    assert fitted_side(layers, observed, stage=1, floor=1.0).scale == pytest.approx(0.25, rel=0.1)


def test_a_planted_law_is_found_better_than_the_prior() -> None:
    layers = made_layers(300)
    planted = SideFit(2, 0.5, 0.12, 0.7, (0.05, 0.15, 0.3, 0.5))
    observed = noisy(expected_liquidations(layers, planted))
    fit = fitted_side(layers, observed, stage=2, floor=1.0)
    assert fit.median < PRIOR.median
    unseen = made_layers(100, seed=9)
    truth = expected_liquidations(unseen, planted)
    by_law, by_scale = (
        tweedie_deviance(truth, expected_liquidations(unseen, found), floor=1.0).mean()
        for found in (fit, fitted_side(layers, observed, stage=1, floor=1.0))
    )
    assert by_law < 0.5 * by_scale


def test_the_law_is_chosen_where_it_is_needed_and_the_scale_where_it_is_not() -> None:
    layers = made_layers(200)
    scaled = noisy(0.3 * expected_liquidations(layers, PRIOR))
    bent = noisy(expected_liquidations(layers, SideFit(2, 0.5, 0.1, 0.5, PRIOR.turnover)))
    assert chosen_stage(layers, scaled, floor=1.0, embargo=1) >= 1
    assert chosen_stage(layers, bent, floor=1.0, embargo=1) == 2


def test_too_little_data_stays_with_the_prior() -> None:
    layers = made_layers(8)
    assert chosen_stage(layers, expected_liquidations(layers, PRIOR), floor=1.0, embargo=1) == 0
    many = made_layers(40)
    assert chosen_stage(many, np.zeros(40), floor=1.0, embargo=1) == 0
    assert fitted_side(layers, np.zeros(8), stage=0, floor=1.0) == PRIOR


def test_what_cannot_be_fitted_is_refused() -> None:
    layers = made_layers(20)
    with pytest.raises(InputError, match="stage: 7 is none of 0, 1, 2"):
        fitted_side(layers, np.ones(20), stage=7, floor=1.0)
    with pytest.raises(InputError, match="5 intervals to fit on; at least 10 are needed"):
        fitted_side(layers[:5], np.ones(5), stage=1, floor=1.0)
    with pytest.raises(InputError, match="nothing was liquidated in the training window"):
        fitted_side(layers, np.zeros(20), stage=1, floor=1.0)


def test_the_law_without_scale_is_a_share_of_open_interest() -> None:
    assert PRIOR.weights.shape == (16, 4)
    assert 0.7 < PRIOR.weights.sum() < 1.0
