"""A size beside its past: ranks that can be counted by hand, and what is missing is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.history_scale import DOLLARS, scale_against_history, wilson_interval
from powderkeg.errors import InputError


def test_a_size_that_is_large_in_dollars_may_be_small_for_its_market() -> None:
    history = np.arange(1.0, 101.0)
    dollars, interest, depth = scale_against_history(
        90.5, history, {"open interest": (9_050.0, 10 * history), "depth": (np.nan, history)}
    )
    assert (dollars.measure, dollars.percentile, dollars.windows, dollars.larger) == (DOLLARS, 0.9, 100, 10)
    assert dollars.low is not None
    assert dollars.high is not None
    assert 0.83 < dollars.low < 0.9 < dollars.high < 0.95
    assert interest.value == pytest.approx(0.01)
    assert interest.percentile == 0.0
    assert (depth.value, depth.percentile, depth.reason) == (None, None, "depth is not known at this time")


def test_windows_that_are_not_known_do_not_count_and_few_give_no_percentile() -> None:
    history = np.r_[np.arange(1.0, 20.0), np.full(30, np.nan)]
    (few,) = scale_against_history(5.0, history)
    assert (few.percentile, few.windows) == (None, 19)
    assert few.reason == "19 past windows are known; expected 20 or more for a percentile"
    _, volume = scale_against_history(1.0, np.ones(30), {"volume": (2.0, np.r_[np.zeros(5), np.ones(25)])})
    assert (volume.windows, volume.percentile) == (25, 0.0)
    assert volume.as_json()["band_90"]["low"] == 0.0


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 1e12), st.lists(st.floats(0, 1e12), min_size=20, max_size=60), st.floats(0.1, 10.0))
def test_the_unit_of_money_does_not_matter(usd: float, history: list[float], factor: float) -> None:
    past = np.array(history)
    one = scale_against_history(usd, past, {"m": (3.0, np.full(len(past), 3.0))})
    assert one[0].percentile == one[1].percentile
    assert one[0].percentile is not None
    assert 0 <= one[0].percentile <= 1


def test_wilsons_interval_holds_what_it_says() -> None:
    generator = np.random.default_rng(3)
    held = 0
    for seen in generator.binomial(60, 0.8, size=2_000) / 60:
        low, high = wilson_interval(float(seen), 60)
        held += low <= 0.8 <= high
    assert 0.87 < held / 2_000 < 0.93


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="usd is -1"):
        scale_against_history(-1.0, np.ones(30))
    with pytest.raises(InputError, match=r"history\[0\] is -1"):
        scale_against_history(1.0, -np.ones(30))
    with pytest.raises(InputError, match=r"volume: shape \(3,\) where the history has \(30,\)"):
        scale_against_history(1.0, np.ones(30), {"volume": (1.0, np.ones(3))})
