"""Funding at one length, weighed, and the side that pays."""

from __future__ import annotations

import math

import numpy as np
import pytest

from powderkeg.core.concentration import concentration
from powderkeg.core.funding_rates import (
    annualised,
    crowded_side,
    per_common_interval,
    persistence,
    weighted_mean,
)
from powderkeg.errors import InputError
from powderkeg.model.times import HOUR


def test_a_rate_is_brought_to_eight_hours_and_to_a_year_without_compounding() -> None:
    assert per_common_interval(1.25e-5, HOUR) == pytest.approx(1e-4)
    assert annualised(1e-4) == pytest.approx(0.1095)  # 3 x 365 x 0.01 %
    assert annualised(1.25e-5, HOUR) == pytest.approx(0.1095)
    with pytest.raises(InputError, match="interval is 0"):
        annualised(1e-4, 0)


def test_the_mean_is_of_those_that_have_a_rate_and_a_weight() -> None:
    rates = np.array([[1.0, 1.0, np.nan], [3.0, np.nan, np.nan], [9.0, 9.0, 1.0]])
    weights = np.array([[3.0, 3.0, 1.0], [1.0, 1.0, 1.0], [np.nan, 1.0, 0.0]])
    found = weighted_mean(rates, weights)
    assert found[:2] == pytest.approx([1.5, 3.0])
    assert math.isnan(found[2])


def test_persistence_counts_the_side_of_the_last_rate() -> None:
    assert persistence(np.array([1.0, -1.0, 0.0, 2.0, np.nan])) == (0.5, 4)
    assert math.isnan(persistence(np.array([1.0, 0.0])).share)
    assert persistence(np.empty(0)).settlements == 0


@pytest.mark.parametrize(
    ("rate", "percentile", "persisted", "side"),
    [
        (3e-4, 0.95, 0.9, "long"),
        (3e-4, 0.95, 0.7, None),
        (3e-4, 0.80, 0.9, None),
        (1e-4, 0.95, 0.9, None),  # what longs are charged at the index is no crowding
        (-1e-5, 0.05, 0.9, "short"),
        (1e-5, 0.05, 0.9, None),
        (3e-4, math.nan, 0.9, None),
        (math.nan, 0.95, 0.9, None),
    ],
)
def test_the_rule_of_the_crowded_side(
    rate: float, percentile: float, persisted: float, side: str | None
) -> None:
    assert crowded_side(rate, percentile, persisted) == side


def test_a_share_outside_its_range_is_refused() -> None:
    with pytest.raises(InputError, match="percentile is 95"):
        crowded_side(1e-4, 95.0, 0.9)


def test_concentration_over_venues() -> None:
    assert concentration([1.0, 3.0]) == (1, 0.75, 0.625)
    assert concentration([2.0] * 4) == (0, 0.25, 0.25)
    assert concentration([0.0]) is None
    with pytest.raises(InputError, match=r"parts\[1\] is -1"):
        concentration([1.0, -1.0])
