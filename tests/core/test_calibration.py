"""Calibration recovers what was planted, and falls back to the prior where data say nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from powderkeg.core.calibration import (
    SideCalibration,
    calibrated_side,
    chosen_stage,
    expected_liquidations,
    fitted_scale,
)
from powderkeg.core.event_scores import tweedie_deviance
from powderkeg.core.laws import BUILT_IN, DistancePrior, Law, all_laws
from powderkeg.core.tweedie import tweedie_draws
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


def from_law(layers: FloatArray, law: Law, scale: float = 1.0) -> FloatArray:
    return np.asarray(scale * layers.reshape(len(layers), -1) @ law.releasing.ravel())


def noisy(totals: FloatArray, seed: int = 1) -> FloatArray:
    return np.asarray(totals * np.random.default_rng(seed).gamma(8.0, 1 / 8.0, size=len(totals)))


def fitted(
    layers: FloatArray, observed: FloatArray, stage: int | None = None, seed: int = 3
) -> SideCalibration:
    return calibrated_side(layers, observed, floor=1.0, generator=np.random.default_rng(seed), stage=stage)


def test_the_scale_is_the_one_of_least_deviance() -> None:
    predicted = np.array([1.0, 5.0, 20.0, 3.0])
    observed = np.array([0.4, 3.0, 5.0, 0.0])
    best = fitted_scale(observed, predicted, floor=1e-6)
    misfit = tweedie_deviance(observed, best * predicted, floor=1e-9).sum()
    for factor in (0.95, 1.05):
        assert tweedie_deviance(observed, factor * best * predicted, floor=1e-9).sum() > misfit
    # The closed form of the deviance at the best scale, as the head of the module states it.
    a, b = (observed / np.sqrt(predicted)).sum(), np.sqrt(predicted).sum()
    assert misfit == pytest.approx(8 * (np.sqrt(a * b) - np.sqrt(observed).sum()))


def test_a_planted_scale_is_found_and_its_ensemble_holds_it() -> None:
    layers = made_layers(200)
    side = fitted(layers, noisy(from_law(layers, Law(), 0.25)), stage=1)
    assert side.scales.mean() == pytest.approx(0.25, rel=0.1)
    assert side.scales.min() < 0.25 < side.scales.max()
    assert side.scales.std() < 0.05


def test_a_planted_law_predicts_better_than_a_scale() -> None:
    layers = made_layers(300)
    planted = Law(0.12, 0.7, (0.05, 0.15, 0.3, 0.5))
    observed = noisy(from_law(layers, planted, 0.5))
    unseen = made_layers(100, seed=9)
    truth = from_law(unseen, planted, 0.5)
    by_law, by_scale = (
        tweedie_deviance(
            truth, expected_liquidations(unseen, fitted(layers, observed, stage)).mean(axis=0), floor=1.0
        ).mean()
        for stage in (2, 1)
    )
    assert by_law < 0.5 * by_scale


def test_a_planted_diffuse_share_is_seen() -> None:
    layers = made_layers(300)
    shares = [
        np.mean([law.diffuse_share for law in fitted(layers, noisy(from_law(layers, law)), 2).laws])
        for law in (Law(), Law(diffuse_share=0.75))
    ]
    assert shares[0] < 0.2
    assert shares[1] > 0.5


def test_the_dictionary_is_used_where_no_law_fits() -> None:
    layers = made_layers(400)
    # No lognormal has its mass in two narrow places.
    odd = np.zeros((16, 4))
    odd[2], odd[13] = 0.002, 0.2
    observed = noisy(layers.reshape(400, -1) @ odd.ravel())
    stage, deviance = chosen_stage(layers, observed, floor=1.0, embargo=1)
    assert stage == 3
    assert deviance[3] < deviance[2]
    # Where a law made the data the dictionary has next to nothing to add.
    _, plain = chosen_stage(layers, noisy(from_law(layers, Law(0.25, 0.7), 0.3)), floor=1.0, embargo=1)
    assert plain[3] > 0.9 * plain[2]


def test_the_same_seed_gives_the_same_members_and_another_one_others() -> None:
    layers = made_layers(60)
    observed = noisy(from_law(layers, Law(), 0.3))
    first, again, other = (fitted(layers, observed, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.scales, again.scales)
    assert first.laws == again.laws
    assert not np.array_equal(first.scales, other.scales)


def test_more_days_make_the_ensemble_narrower() -> None:
    spread = []
    for count in (20, 320):
        layers = made_layers(count)
        expected = expected_liquidations(layers, fitted(layers, noisy(from_law(layers, Law(), 0.3)), 2))
        spread.append(np.std(np.log(expected.sum(axis=1))))
    assert spread[1] < spread[0]


def test_what_stands_never_exceeds_open_interest() -> None:
    layers = made_layers(100)
    for stage in range(4):
        side = fitted(layers, noisy(from_law(layers, Law(), 3.0)), stage)
        assert side.standing.sum(axis=(1, 2)).max() <= 1
        assert side.standing.min() >= 0


def test_too_little_data_stays_with_the_prior() -> None:
    layers = made_layers(8)
    assert chosen_stage(layers, from_law(layers, Law()), floor=1.0, embargo=1) == (0, {})
    assert chosen_stage(made_layers(40), np.zeros(40), floor=1.0, embargo=1) == (0, {})
    side = fitted(layers, np.zeros(8))
    assert side.stage == 0
    assert np.std(np.log(side.scales)) == pytest.approx(0.7, abs=0.2)
    assert len(set(side.laws)) > 10


def test_few_days_are_not_enough_to_leave_the_default_stage() -> None:
    layers = made_layers(14)
    stage, deviance = chosen_stage(layers, noisy(from_law(layers, Law(), 0.3)), floor=1.0, embargo=1)
    assert stage == 2
    assert set(deviance) == {0, 1, 2, 3}


def test_what_cannot_be_fitted_is_refused() -> None:
    layers = made_layers(20)
    with pytest.raises(InputError, match="stage: 7 is none of 0, 1, 2, 3"):
        fitted(layers, np.ones(20), 7)
    with pytest.raises(InputError, match="5 intervals to fit on; at least 10 are needed"):
        fitted(layers[:5], np.ones(5), 1)
    with pytest.raises(InputError, match="nothing was liquidated in the training window"):
        fitted(layers, np.zeros(20), 2)


def test_laws_are_shares_of_open_interest() -> None:
    table = all_laws()
    assert len(table) == 13 * 5 * 3 * 6
    assert table.standing.sum(axis=(1, 2)).max() <= 1
    assert 0.7 < Law().standing.sum() < 1.0
    assert table.penalty.min() == 0
    # The diffuse share changes what is expected, not what stands.
    np.testing.assert_array_equal(Law(diffuse_share=0.5).standing, Law().standing)


@pytest.mark.parametrize(("mean", "dispersion"), [(4.0, 0.5), (1e6, 900.0), (2.0, 6.0)])
def test_noise_has_the_mean_the_variance_and_the_zeros_of_its_law(mean: float, dispersion: float) -> None:
    draws = tweedie_draws(np.full(200_000, mean), dispersion, np.random.default_rng(0))
    assert draws.mean() == pytest.approx(mean, rel=0.05)
    assert draws.var() == pytest.approx(dispersion * mean**1.5, rel=0.05)
    assert np.mean(draws == 0) == pytest.approx(np.exp(-2 * np.sqrt(mean) / dispersion), abs=0.005)
    assert tweedie_draws(np.zeros(3), 1.0, np.random.default_rng(0)).tolist() == [0, 0, 0]


def test_the_number_of_threads_changes_no_digit() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np, test_calibration as t;"
        "layers = t.made_layers(365); side = t.fitted(layers, t.noisy(t.from_law(layers, t.Law(), 0.3)), 3);"
        "print(side.scales.tobytes().hex(), side.tilt.tobytes().hex(), side.dispersion.hex(),"
        "t.expected_liquidations(layers, side).tobytes().hex())"
    )
    outputs = {
        subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(outputs) == 1


def test_without_another_prior_nothing_changes() -> None:
    layers = made_layers(60)
    observed = noisy(from_law(layers, Law(), 0.3))
    given = calibrated_side(
        layers, observed, floor=1.0, generator=np.random.default_rng(3), distances=DistancePrior()
    )
    assert given.laws == fitted(layers, observed).laws
    assert given.prior == BUILT_IN
    table = all_laws()
    assert {round(law.median / 0.25, 9) for law in table.laws} == {round(1.2**k, 9) for k in range(-6, 7)}
    assert {law.sigma for law in table.laws} == {0.5, 0.7, 0.9, 1.1, 1.3}


def test_laws_to_choose_from_lie_around_their_prior() -> None:
    near = DistancePrior(0.04, 0.3, source="measured")
    table = all_laws((0.0,), near)
    assert {law.sigma for law in table.laws} == {0.1, 0.3, 0.5, 0.7}
    assert min(law.median for law in table.laws) < 0.04 / 2.9
    best = table.laws[int(np.argmin(table.penalty))]
    assert (best.median, best.sigma) == (0.04, 0.3)
    assert near.penalty(Law(0.04 * np.exp(near.median_error), 0.3)) == pytest.approx(1.0)
    assert near.penalty(Law(0.04, 0.3 - near.sigma_error)) == pytest.approx(1.0)


def test_a_right_prior_helps_most_where_there_is_least_to_see() -> None:
    planted = Law(0.06, 0.5)
    right = DistancePrior(0.06, 0.5, source="measured")
    unseen = made_layers(100, seed=9)
    truth = from_law(unseen, planted, 1.0)
    gains = []
    for count in (0, 12, 300):
        layers = made_layers(max(count, 1))[:count]
        observed = noisy(from_law(layers, planted)) if count else np.zeros(0)
        by_prior = [
            tweedie_deviance(
                truth,
                expected_liquidations(
                    unseen,
                    calibrated_side(
                        layers, observed, floor=1.0, generator=np.random.default_rng(3), distances=prior
                    ),
                ).mean(axis=0),
                floor=1.0,
            ).mean()
            for prior in (BUILT_IN, right)
        ]
        gains.append(by_prior[0] - by_prior[1])
    assert gains[0] > gains[1] > gains[2]
    assert gains[1] > 0


def test_a_prior_that_contradicts_the_data_gives_way() -> None:
    layers = made_layers(300)
    observed = noisy(from_law(layers, Law(0.25, 0.7), 0.5))
    wrong = DistancePrior(0.1, 0.7, source="measured")
    side = calibrated_side(
        layers, observed, floor=1.0, generator=np.random.default_rng(3), stage=2, distances=wrong
    )
    assert np.mean([law.median for law in side.laws]) > 0.18


@pytest.mark.parametrize("field", ["median", "sigma", "median_error", "sigma_error"])
@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_prior_is_made_of_positive_numbers(field: str, bad: float) -> None:
    with pytest.raises(InputError, match=f"prior: {field} is .* expected a finite number above 0"):
        DistancePrior(**{field: bad})  # type: ignore[arg-type]
