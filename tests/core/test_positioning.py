"""Joint moves of price and open interest have names, and what is inside the noise has none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from powderkeg.core.positioning import build_up, opened_in_range
from powderkeg.core.usual_change import log_changes, usual_change
from powderkeg.errors import InputError
from powderkeg.model.times import DAY, HOUR

HOURS = np.arange(40 * 24, dtype=np.int64) * HOUR


@pytest.mark.parametrize(
    ("price", "interest", "name"),
    [
        (0.05, 0.08, "long_build_up"),
        (-0.05, 0.08, "short_build_up"),
        (0.05, -0.08, "short_covering"),
        (-0.05, -0.08, "long_unwinding"),
        (0.005, 0.08, None),
        (-0.05, -0.015, None),
        (math.nan, 0.08, None),
    ],
)
def test_quadrants_and_their_dead_zone(price: float, interest: float, name: str | None) -> None:
    assert build_up(price, interest, 0.01, 0.02) == name


def test_without_a_usual_size_nothing_is_a_move_and_without_a_dead_zone_all_is() -> None:
    assert build_up(0.5, 0.5, math.nan, 0.02) is None
    assert build_up(1e-6, 1e-6, 0.01, 0.02, dead_zone=0.0) == "long_build_up"
    with pytest.raises(InputError, match="dead_zone is -1"):
        build_up(0.5, 0.5, 0.1, 0.1, dead_zone=-1.0)


def test_half_of_the_changes_are_larger_than_the_usual_one_and_a_crash_does_not_raise_it() -> None:
    generator = np.random.default_rng(7)
    values = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, len(HOURS))))
    crashed = values.copy()
    crashed[-3:] *= 0.5
    end = int(HOURS[-1])
    usual = usual_change(HOURS, values, 4 * HOUR, end)
    assert usual == pytest.approx(0.6745 * 0.01 * 2, rel=0.15)  # four steps, median of a normal
    assert usual_change(HOURS, crashed, 4 * HOUR, end) == pytest.approx(usual, rel=0.02)
    # What comes later is not looked at, and too little of a past says nothing.
    assert usual_change(HOURS, crashed, 4 * HOUR, end - DAY) == usual_change(
        HOURS[:-24], values[:-24], 4 * HOUR, end - DAY
    )
    assert math.isnan(usual_change(HOURS[:40], values[:40], 4 * HOUR, int(HOURS[39])))


def test_a_change_is_not_taken_across_a_hole() -> None:
    times = np.array([0, 1, 2, 10, 11], np.int64) * HOUR
    changes = log_changes(times, np.array([1.0, 2.0, 4.0, 8.0, 16.0]), HOUR)
    assert changes[[1, 2, 4]] == pytest.approx(np.log(2))
    assert np.isnan(changes[[0, 3]]).all()


def test_what_was_opened_on_the_way_is_told_with_both_sides_and_who_was_in_a_hurry() -> None:
    price = np.array([100.0, 90.0, 80.0, 80.0, 120.0])
    interest = np.array([10.0, 14.0, 12.0, 15.0, 40.0])
    sold = np.array([np.nan, 0.75, 0.5, np.nan, 0.1])
    found = opened_in_range(price, interest, 80.0, 100.0, sold)
    # Steps at 95 (+4), 85 (-2) and 80 (+3) lie inside; at 100 (+25) too; so the range ends below it.
    assert found.steps == 4
    inside = opened_in_range(price, interest, 80.0, 99.0, sold)
    assert inside.opened == pytest.approx(4 * 95 + 3 * 80)
    assert inside.closed == pytest.approx(2 * 85)
    assert inside.net == pytest.approx(4 * 95 + 3 * 80 - 2 * 85)
    assert inside.short_led == pytest.approx(0.75 * 4 * 95)
    assert inside.long_led == pytest.approx(0.25 * 4 * 95)
    assert inside.flow_known == pytest.approx(4 * 95 / (4 * 95 + 3 * 80))
    assert inside.steps == 3


def test_without_taker_flow_only_what_was_opened_is_told() -> None:
    found = opened_in_range(np.array([100.0, 100.0, np.nan]), np.array([1.0, 2.0, 9.0]), 90.0, 110.0)
    assert (found.opened, found.closed, found.steps) == (100.0, 0.0, 1)
    assert math.isnan(found.short_led)
    assert math.isnan(found.long_led)
    assert found.flow_known == 0
    nothing = opened_in_range(np.array([100.0, 100.0]), np.array([2.0, 1.0]), 90.0, 110.0)
    assert math.isnan(nothing.flow_known)


@pytest.mark.parametrize(
    ("low", "high", "shape", "words"),
    [(0.0, 1.0, 2, "low is 0"), (2.0, 1.0, 2, "high is 1"), (1.0, 2.0, 3, "shape")],
)
def test_unfit_ranges_are_refused(low: float, high: float, shape: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        opened_in_range(np.ones(2), np.ones(shape), low, high)
