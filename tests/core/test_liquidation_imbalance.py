"""Imbalance of realised liquidations: the headline's ratio, ours, its interval and its percentile."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.liquidation_imbalance import (
    headline_ratio,
    imbalance,
    imbalance_interval,
    percentile_rank,
)
from powderkeg.errors import InputError


def test_headline_is_a_hundred_times_larger_over_smaller() -> None:
    assert headline_ratio(6.5e6, 2e6) == (325.0, "long", False)
    assert headline_ratio(2e6, 6.5e6) == (325.0, "short", False)
    assert headline_ratio(2e6, 2e6) == (100.0, None, False)


def test_headline_over_a_small_denominator_is_flagged_and_over_none_is_none() -> None:
    assert headline_ratio(5e6, 99_999.0).small
    assert not headline_ratio(5e6, 100_000.0).small
    assert headline_ratio(5e6, 0.0) == (None, "long", True)
    assert headline_ratio(0.0, 0.0) == (None, None, True)


def test_imbalance_is_bounded_and_silent_below_the_floor() -> None:
    assert imbalance(3e6, 1e6) == 0.5
    assert imbalance(0.0, 1e6) == -1.0
    assert imbalance(60_000.0, 39_999.0) is None
    assert imbalance(0.0, 0.0, least=0.0) is None
    with pytest.raises(InputError, match="short_usd is -1.0; expected USD, 0 or more"):
        imbalance(1e6, -1.0)


def bursts(share: float, generator: np.random.Generator) -> np.ndarray:
    """Return 24 blocks of a market in which bursts of one side are long with this probability."""
    blocks = np.zeros((24, 2))
    for _ in range(generator.poisson(60)):
        size = generator.lognormal(9, 1.5, generator.geometric(0.2)).sum()
        blocks[generator.integers(24), int(generator.random() > share)] += size
    return blocks


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_interval_holds_the_truth_about_as_often_as_it_says(share: float) -> None:
    generator = np.random.default_rng(7)
    found = [imbalance_interval(bursts(share, generator)) for _ in range(150)]
    intervals = [interval for interval in found if interval is not None]
    held = np.mean([one.low <= 2 * share - 1 <= one.high for one in intervals])
    assert len(intervals) > 140
    assert 0.72 < held < 0.97


def test_one_sided_hours_are_not_certain() -> None:
    interval = imbalance_interval(np.column_stack([np.full(24, 1e6), np.zeros(24)]))
    assert interval is not None
    assert interval.high == 1.0
    assert -1 < interval.low < 0.95
    assert interval.blocks == pytest.approx(24)


def test_a_total_that_rests_on_one_burst_has_no_interval() -> None:
    blocks = np.full((24, 2), 1e3)
    blocks[5] = 1e8, 2e7
    assert imbalance_interval(blocks) is None
    assert imbalance_interval(np.zeros((24, 2))) is None
    with pytest.raises(InputError, match="blocks: shape"):
        imbalance_interval(np.zeros(24))


def test_percentile_counts_ties_half_and_leaves_out_what_is_not_known() -> None:
    history = np.array([-0.5, 0.0, 0.2, 0.2, 0.9, np.nan])
    assert percentile_rank(history, 0.2) == (0.6, 5)
    assert percentile_rank(history, 1.0) == (1.0, 5)
    assert percentile_rank(history, -1.0) == (0.0, 5)
    assert percentile_rank(np.array([np.nan]), 0.0).windows == 0
