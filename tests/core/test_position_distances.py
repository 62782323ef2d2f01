"""Distances to liquidation: what is counted, what a sample of accounts leaves open, and a censored law."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_positions import NOON, snapshot_of
from powderkeg.core.account_resampling import account_estimates, effective_accounts
from powderkeg.core.censored_lognormal import censored_lognormal
from powderkeg.core.position_distances import (
    QUANTILES,
    REACHES,
    DistanceDistribution,
    SizeClass,
    chosen_positions,
    distance_distribution,
    distance_to_level,
    log_reach,
    refuse_contradictions,
    sample_notes,
)
from powderkeg.errors import InputError
from powderkeg.model.account_positions import CROSS, PositionSnapshot
from powderkeg.model.arrays import FloatArray
from recorded_positions import recorded_snapshots

NONE = float("nan")


def distribution(snapshot: PositionSnapshot, side: int | None = None) -> DistanceDistribution:
    chosen = chosen_positions(snapshot, position_side=side)
    return distance_distribution(snapshot, chosen, np.random.default_rng(0))


def test_distance_is_the_log_that_the_mark_has_to_move() -> None:
    snapshot = snapshot_of(
        [
            ("a", "BTC", 1.0, 100.0, 90.0),
            ("b", "BTC", -1.0, 100.0, 125.0),
            ("c", "BTC", 1.0, 100.0, 101.0),
            ("d", "BTC", 1.0, 100.0, NONE),
        ]
    )
    expected = [np.log(100 / 90), np.log(1.25), -np.log(1.01), NONE]
    np.testing.assert_allclose(distance_to_level(snapshot), expected, rtol=1e-12)
    portfolio = replace(snapshot, portfolio_margin=np.array([True, False, False, False]))
    assert np.isnan(distance_to_level(portfolio)[0])
    unmarked = replace(snapshot, mark_price=np.array([NONE]))
    assert np.isnan(distance_to_level(unmarked)).all()


def test_reach_of_a_side_is_the_same_price() -> None:
    assert np.exp(-log_reach(0.1, 1)) == pytest.approx(0.9)
    assert np.exp(log_reach(0.1, -1)) == pytest.approx(1.1)
    for bad in (0.0, 1.0, -0.05, float("nan")):
        with pytest.raises(InputError, match="near: .* expected a fraction above 0 and below 1"):
            log_reach(bad, 1)


def test_shares_and_quantiles_are_weighted_by_notional() -> None:
    snapshot = snapshot_of(
        [
            ("a", "BTC", 4.0, 100.0, 99.5),
            ("b", "BTC", 3.0, 100.0, 96.0),
            ("c", "BTC", 2.0, 100.0, 40.0),
            ("d", "BTC", 1.0, 100.0, NONE),
        ]
    )
    found = distribution(snapshot, 1)
    assert (found.positions, found.accounts, found.notional) == (4, 4, 1000.0)
    assert found.without_level.value == pytest.approx(0.1)
    assert found.reached.value == 0
    shares = dict(zip(REACHES, (one.value for one in found.within), strict=True))
    assert shares == pytest.approx({0.01: 0.4, 0.03: 0.4, 0.05: 0.7, 0.10: 0.7})
    quantiles = dict(zip(QUANTILES, (one.value for one in found.quantiles), strict=True))
    assert quantiles[0.25] == pytest.approx(np.log(100 / 99.5))
    assert quantiles[0.5] == pytest.approx(np.log(100 / 96))
    assert quantiles[0.9] == pytest.approx(np.log(100 / 40))
    logs = np.log(np.log([100 / 99.5, 100 / 96, 100 / 40]))
    mean = np.average(logs, weights=[4, 3, 2])
    assert found.median.value == pytest.approx(np.exp(mean))
    assert found.sigma.value == pytest.approx(np.sqrt(np.average((logs - mean) ** 2, weights=[4, 3, 2])))
    assert found.effective_accounts == pytest.approx(100 / 30)


def test_a_level_that_the_mark_has_passed_is_told_apart() -> None:
    snapshot = snapshot_of([("a", "BTC", 1.0, 100.0, 101.0), ("b", "BTC", 3.0, 100.0, 98.0)])
    found = distribution(snapshot)
    assert found.reached.value == pytest.approx(0.25)
    assert found.within[1].value == pytest.approx(0.75)
    assert found.quantiles[0].value == pytest.approx(np.log(100 / 98))


def test_without_positions_nothing_is_told() -> None:
    found = distribution(snapshot_of([("a", "BTC", 1.0, 100.0, 90.0)]), -1)
    assert (found.positions, found.accounts, found.notional, found.effective_accounts) == (0, 0, 0.0, 0.0)
    numbers = [found.without_level, found.reached, *found.within, *found.quantiles, found.median, found.sigma]
    assert np.isnan(numbers).all()
    empty = distribution(snapshot_of([]))
    assert empty.positions == 0


def test_without_a_single_level_only_that_is_told() -> None:
    found = distribution(snapshot_of([("a", "BTC", 1.0, 100.0, NONE), ("b", "BTC", 2.0, 100.0, NONE)]))
    assert found.without_level.value == 1
    assert [one.value for one in found.within] == [0.0] * len(REACHES)
    assert np.isnan([one.value for one in (*found.quantiles, found.median, found.sigma)]).all()


def test_one_account_has_numbers_and_no_errors() -> None:
    found = distribution(snapshot_of([("a", "BTC", 1.0, 100.0, 90.0), ("a", "ETH", 9.0, 10.0, 8.0)]))
    assert found.effective_accounts == 1
    assert np.isfinite(found.median.value)
    assert np.isnan([found.median.error, found.median.low, found.median.high]).all()


def test_accounts_are_drawn_not_positions() -> None:
    generator = np.random.default_rng(5)
    few_accounts = np.repeat(np.arange(20), 50)
    # All positions of an account agree: 1,000 positions say as much as 20 accounts.
    values = np.repeat(generator.standard_normal(20), 50)

    def mean(times: FloatArray) -> FloatArray:
        return np.array([(times * values).sum() / times.sum()])

    (clustered,) = account_estimates(mean, few_accounts, np.random.default_rng(0), draws=2_000)
    (single,) = account_estimates(mean, np.arange(1_000), np.random.default_rng(0), draws=2_000)
    assert clustered.error == pytest.approx(values.std() / np.sqrt(20), rel=0.1)
    assert single.error == pytest.approx(values.std() / np.sqrt(1_000), rel=0.1)
    assert clustered.low < clustered.value < clustered.high


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    inside = 0
    for trial in range(120):
        generator = np.random.default_rng([9, trial])
        offset = 0.5 * generator.standard_normal(60)
        account = np.repeat(np.arange(60), 3)
        distance = np.exp(-2 + np.repeat(offset, 3) + 0.3 * generator.standard_normal(180))
        coins = ("X", "Y", "Z")
        rows = [
            (str(who), coins[number % 3], 1.0, 100.0, 100 * float(np.exp(-far)))
            for number, (who, far) in enumerate(zip(account, distance, strict=True))
        ]
        found = distribution(snapshot_of(rows))
        inside += found.median.low <= np.exp(-2) <= found.median.high
    assert 0.80 <= inside / 120 <= 0.97


def test_effective_accounts_count_equal_ones() -> None:
    assert effective_accounts(np.ones(10), np.arange(10)) == pytest.approx(10)
    assert effective_accounts(np.ones(10), np.zeros(10, np.int64)) == pytest.approx(1)
    assert effective_accounts(np.zeros(0), np.zeros(0, np.int64)) == 0


def test_size_classes_and_coins_choose() -> None:
    snapshot = snapshot_of([("a", "BTC", 1.0, 100.0, 90.0), ("b", "ETH", -3_000.0, 10.0, 12.0)])
    assert chosen_positions(snapshot, coin="ETH").tolist() == [False, True]
    assert chosen_positions(snapshot, size=SizeClass.SMALL).tolist() == [True, False]
    assert chosen_positions(snapshot, size=SizeClass.MEDIUM, position_side=-1).tolist() == [False, True]
    bounds = [size.value for size in SizeClass]
    assert [low for low, _ in bounds[1:]] == [high for _, high in bounds[:-1]]
    with pytest.raises(InputError, match="symbol: 'DOGE' is held by no account"):
        chosen_positions(snapshot, coin="DOGE")


def test_notes_say_who_is_in_the_sample() -> None:
    snapshot = snapshot_of(
        [("a", "BTC", 9.0, 100.0, 90.0), ("b", "BTC", 1.0, 100.0, 80.0)], margin_mode=CROSS
    )
    everyone = np.ones(2, np.bool_)
    notes = " / ".join(sample_notes(snapshot, everyone, 4_000.0))
    assert "2 accounts as they were found, not drawn at random" in notes
    assert "the ten largest hold 100% of the notional" in notes
    assert "25% of the venue's open interest" in notes
    assert "100% of the notional is cross" in notes
    assert "older" not in notes
    aged = replace(snapshot, state_ts=np.full(2, NOON - 600_000), portfolio_margin=np.array([True, False]))
    notes = " / ".join(sample_notes(aged, everyone))
    assert "open interest they hold is not known" in notes
    assert "90% is margined over a portfolio" in notes
    assert "half of the states are older than 10m" in notes
    assert sample_notes(snapshot, np.zeros(2, np.bool_)) == (
        "no positions: nothing can be said of those who hold some elsewhere",
    )


def test_contradictions_are_refused() -> None:
    twice = replace(
        snapshot_of([("a", "BTC", 1.0, 100.0, 90.0), ("b", "BTC", 1.0, 100.0, 90.0)]), accounts=("a", "a")
    )
    with pytest.raises(InputError, match=r"accounts: 'a' is 2 times in the snapshot of 2026-02-10T12:00:00Z"):
        refuse_contradictions(twice)
    both = snapshot_of([("a", "BTC", 1.0, 100.0, 90.0), ("a", "BTC", -1.0, 100.0, 120.0)])
    with pytest.raises(InputError, match="positions: 'a' holds BTC more than once"):
        distribution(both)


@pytest.mark.parametrize(("median", "sigma"), [(0.25, 0.9), (0.6, 1.1), (0.05, 0.5), (3.0, 1.0)])
def test_a_censored_law_is_found_from_what_is_near(median: float, sigma: float) -> None:
    values = median * np.exp(sigma * np.random.default_rng(1).standard_normal(100_000))
    found = censored_lognormal(values, values > 0.5, np.ones(len(values)), bound=0.5)
    # Of the widest law not four in a hundred are seen.
    assert found.median == pytest.approx(median, rel=0.05)
    assert found.sigma == pytest.approx(sigma, rel=0.03)


def test_a_censored_law_is_the_likeliest() -> None:
    values, weight = np.array([0.02, 0.1, 0.3, 0.4, 0.9]), np.array([1.0, 3.0, 2.0, 1.0, 2.5])
    beyond = values > 0.5
    best = censored_lognormal(values, beyond, weight, bound=0.5)

    def likelihood(median: float, sigma: float) -> float:
        from math import erfc, log, sqrt

        seen = -np.log(sigma) - (np.log(values[~beyond] / median) / sigma) ** 2 / 2
        tail = log(erfc(log(0.5 / median) / sigma / sqrt(2)) / 2)
        return float((weight[~beyond] * seen).sum() + weight[beyond].sum() * tail)

    top = likelihood(best.median, best.sigma)
    for factor in (0.98, 1.02):
        assert likelihood(best.median * factor, best.sigma) < top
        assert likelihood(best.median, best.sigma * factor) < top


def test_a_censored_law_needs_two_levels() -> None:
    one = np.array([0.1, 0.9])
    assert np.isnan(censored_lognormal(one, one > 0.5, np.ones(2), bound=0.5)).all()
    assert np.isnan(censored_lognormal(one, one > 0.0, np.ones(2), bound=0.5)).all()
    plain = censored_lognormal(np.array([0.1, 0.2]), np.zeros(2, np.bool_), np.ones(2), bound=0.5)
    assert plain == pytest.approx((np.sqrt(0.02), np.log(2) / 2))


def test_recorded_positions_stand_on_their_side_of_the_mark(shared: Path) -> None:
    for snapshot in recorded_snapshots(shared):
        distance = distance_to_level(snapshot)
        # The mark of a coin is the median over accounts that were asked seconds apart.
        assert np.nanmin(distance) > -0.005
        longs = distribution(snapshot, 1)
        assert longs.effective_accounts < longs.accounts / 3
        assert longs.within[3].low <= longs.within[3].value <= longs.within[3].high
