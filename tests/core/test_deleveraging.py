"""Falls of open interest are found when they are known, with their planted size, and never before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.deleveraging import deleveraging_events
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray, IntArray
from powderkeg.model.times import HOUR

LENGTH = 40 * 24
TIMES = 1_770_000_000_000 + np.arange(LENGTH, dtype=np.int64) * HOUR


def quiet(seed: int = 1, scale: float = 0.002) -> FloatArray:
    generator = np.random.default_rng(seed)
    return np.asarray(30_000 * np.exp(np.cumsum(generator.normal(0, scale, LENGTH))))


def planted(at: int, depth: float, back: float = 0.5) -> FloatArray:
    """Return a series that falls by `depth` within two hours from row `at` on; a day later `back` is back."""
    path = np.zeros(LENGTH)
    path[at + 1] = 0.6
    path[at + 2 :] = 1.0
    path[at + 2 : at + 26] = 1 - back * np.arange(24) / 24
    path[at + 26 :] = 1 - back
    return np.asarray(30_000 * (1 - depth * path))


def test_a_planted_fall_has_its_times_depth_and_recovery() -> None:
    (event,) = deleveraging_events(TIMES, planted(700, 0.49))
    assert event.start == TIMES[700]
    assert (event.trough, event.most_by) == (TIMES[702], TIMES[702])
    assert event.known_at == TIMES[701]
    assert event.depth == pytest.approx(0.49)
    assert (event.before, event.at_trough) == pytest.approx((30_000, 30_000 * 0.51))
    assert event.duration == 2 * HOUR
    assert event.recovery_1d == pytest.approx(0.5)
    assert event.recovery_7d == pytest.approx(0.5)
    assert event.ended is not None
    assert event.threshold == pytest.approx(0.10)


def test_a_calm_series_has_none_and_one_that_is_always_wild_needs_more() -> None:
    assert deleveraging_events(TIMES, quiet()) == ()
    # White noise of 3 % moves by 2.9 % in four hours, half of the time: the threshold is some 20 %.
    noise = np.exp(np.random.default_rng(4).normal(0, 0.03, LENGTH))
    assert 1 - (noise[680:704].min() / noise[680:704].max()) > 0.105
    assert deleveraging_events(TIMES, planted(700, 0.105)) != ()
    alone, deepened = (deleveraging_events(TIMES, noise * planted(700, depth)) for depth in (0.0, 0.6))
    assert [one for one in alone if one.known_at > TIMES[100]] == []  # before, little of a past is known
    (deep,) = (one for one in deepened if one.known_at > TIMES[100])
    assert deep.known_at == TIMES[701]
    assert 0.17 < deep.threshold < 0.24


def test_a_slow_decline_of_the_price_s_own_is_no_event() -> None:
    slow = 30_000 * np.exp(-0.002 * np.arange(LENGTH))  # 4.7 % a day
    assert deleveraging_events(TIMES, slow) == ()


def test_a_fall_under_way_is_told_as_such() -> None:
    (event,) = deleveraging_events(TIMES[:703], planted(700, 0.49)[:703])
    assert event.ended is None
    assert (event.recovery_1d, event.recovery_7d) == (None, None)
    assert event.depth == pytest.approx(0.49)


def shape(times: IntArray, values: FloatArray) -> list[tuple[int, float]]:
    return [(one.known_at, one.threshold) for one in deleveraging_events(times, values)]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1_000), end=st.integers(50, LENGTH), falls=st.lists(st.integers(60, 900), max_size=3)
)
def test_nothing_later_is_needed_to_know_an_event(seed: int, end: int, falls: list[int]) -> None:
    values = quiet(seed, 0.006)
    for at in falls:
        values *= planted(at, 0.3) / 30_000
    whole = deleveraging_events(TIMES, values)
    known = deleveraging_events(TIMES[:end], values[:end])
    last = int(TIMES[end - 1])
    assert [one.known_at for one in known] == [one.known_at for one in whole if one.known_at <= last]
    for now, later in zip(known, whole, strict=False):
        if now.ended is not None:
            told = ("start", "trough", "most_by", "ended", "before", "at_trough", "threshold")
            assert [getattr(now, name) for name in told] == [getattr(later, name) for name in told]
        assert now.recovery_1d in (None, later.recovery_1d)
        assert now.trough <= last
    for one in whole:
        assert one.start <= one.known_at
        assert one.start < one.most_by <= one.trough
        assert 0 < one.depth < 1
    assert all(one.ended is not None for one in whole[:-1])


def test_holes_are_left_out_and_one_fall_is_counted_once() -> None:
    values = planted(700, 0.49)
    values[300:340] = np.nan
    assert len(deleveraging_events(TIMES, values)) == 1
    twice = planted(700, 0.3, 0.0) * planted(704, 0.3, 0.0) / 30_000
    (event,) = deleveraging_events(TIMES, twice)
    assert event.depth == pytest.approx(1 - 0.7**2)
    apart = planted(500, 0.3, 0.0) * planted(704, 0.3, 0.0) / 30_000
    assert [one.depth for one in deleveraging_events(TIMES, apart)] == pytest.approx([0.3, 0.3])
    assert deleveraging_events(TIMES[:0], values[:0]) == ()


@pytest.mark.parametrize(
    ("times", "values", "options", "words"),
    [
        (TIMES[:2], np.array([1.0, 0.0]), {}, "open_interest is 0"),
        (TIMES[:2][::-1], np.ones(2), {}, "do not ascend"),
        (TIMES[:2], np.ones(3), {}, "shape"),
        (TIMES[:2], np.ones(2), {"least_fall": 1.0}, "least_fall"),
    ],
)
def test_bad_input_is_refused(
    times: IntArray, values: FloatArray, options: dict[str, float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        deleveraging_events(times, values, **options)  # type: ignore[arg-type]
