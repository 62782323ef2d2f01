"""The clock: bars with holes, longer bars, and what was known when a bar ended."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from powderkeg.core.alignment import (
    RegularSeries,
    cadence_of,
    coarser_series,
    last_known,
    mean_close,
    observed_span,
    regular_series,
    rows_on_clock,
    sum_per_bar,
)
from powderkeg.errors import InputError
from powderkeg.model.times import DAY, HOUR, MINUTE

START = 1_760_130_000_000  # 2025-10-10T21:00:00Z, a whole hour


def clock_of(times: list[int], close: list[float] | None = None) -> RegularSeries:
    """Return bars that begin at `times`, with a close of 1, 2, 3, ... unless given."""
    close = [float(i + 1) for i in range(len(times))] if close is None else close
    return regular_series(
        np.array(times, np.int64), {"close": np.array(close)}, np.arange(len(times)), label="bars"
    )


def candles(count: int, *, start: int = START, without: tuple[int, ...] = ()) -> RegularSeries:
    """Return five-minute candles with distinct values, some of them left out."""
    kept = np.array([i for i in range(count) if i not in without])
    middle = 100.0 + kept
    values = {
        "open": middle,
        "high": middle + 10 + kept % 3,
        "low": middle - 10 - kept % 4,
        "close": middle + 1,
        "volume": 1.0 + kept,
    }
    return regular_series(start + 5 * MINUTE * kept, values, kept, label="bars")


# The regular clock


def test_a_hole_becomes_rows_that_are_not_valid() -> None:
    series = clock_of([START, START + MINUTE, START + 4 * MINUTE])
    assert series.step == MINUTE
    assert series.ts.tolist() == [START + i * MINUTE for i in range(5)]
    assert series.valid.tolist() == [True, True, False, False, True]
    np.testing.assert_array_equal(series.values["close"], [1.0, 2.0, np.nan, np.nan, 3.0])


def test_a_distance_that_is_no_multiple_is_refused_with_its_row() -> None:
    times = [START, START + MINUTE, START + 2 * MINUTE, START + 2 * MINUTE + 30_000, START + 3 * MINUTE]
    times += [START + i * MINUTE for i in range(4, 8)]
    with pytest.raises(
        InputError, match=r"row 3 \(counted from 0\), 2025-10-10T21:02:30Z, comes 30s after"
    ) as e:
        clock_of(times)
    assert "expected a multiple of 1m" in str(e.value)


def test_one_row_has_no_step() -> None:
    with pytest.raises(InputError, match="bars: 1 row; expected two or more"):
        clock_of([START])


def test_rows_too_few_for_their_clock_are_refused() -> None:
    with pytest.raises(
        InputError, match="3 rows from .* most often 1ms apart; expected a row for at least 2%"
    ):
        clock_of([START, START + 1, START + DAY])


@pytest.mark.parametrize(
    ("times", "cadence"),
    [
        ([START], 0),
        ([START, START + HOUR, START + 2 * HOUR, START + 21 * HOUR], HOUR),
        ([START + 1, START + 8 * HOUR, START + 16 * HOUR + 12, START + 24 * HOUR + 7], 8 * HOUR),
        ([START, START + 250, START + 500], 250),
    ],
)
def test_the_cadence_passes_over_holes_and_jitter(times: list[int], cadence: int) -> None:
    assert cadence_of(np.array(times)) == cadence


# Longer bars


def test_a_longer_bar_is_made_of_all_the_bars_inside_it() -> None:
    hours = coarser_series(candles(24), HOUR, label="bars")
    assert hours.ts.tolist() == [START, START + HOUR]
    assert hours.valid.all()
    for row in range(2):
        inside = slice(12 * row, 12 * row + 12)
        fine = candles(24).values
        assert hours.values["open"][row] == fine["open"][inside][0]
        assert hours.values["high"][row] == fine["high"][inside].max()
        assert hours.values["low"][row] == fine["low"][inside].min()
        assert hours.values["close"][row] == fine["close"][inside][-1]
        assert hours.values["volume"][row] == fine["volume"][inside].sum()


def test_incomplete_first_and_last_longer_bars_are_dropped() -> None:
    # Begins ten minutes into an hour and ends ten minutes before the end of another.
    hours = coarser_series(candles(12 * 4 - 4, start=START + 10 * MINUTE), HOUR, label="bars")
    assert hours.ts.tolist() == [START + HOUR, START + 2 * HOUR]


def test_a_longer_bar_with_a_hole_in_it_is_not_valid() -> None:
    hours = coarser_series(candles(36, without=(17,)), HOUR, label="bars")
    assert hours.ts.tolist() == [START, START + HOUR, START + 2 * HOUR]
    assert hours.valid.tolist() == [True, False, True]
    assert all(np.isnan(column[1]) for column in hours.values.values())


def test_a_hole_in_the_first_longer_bar_drops_it() -> None:
    hours = coarser_series(candles(36, without=(2,)), HOUR, label="bars")
    assert hours.ts.tolist() == [START + HOUR, START + 2 * HOUR]


def test_days_are_utc_days() -> None:
    days = coarser_series(candles(2 * 288 + 36), DAY, label="bars")
    assert days.ts.tolist() == [START + 3 * HOUR, START + 3 * HOUR + DAY]


def test_without_one_complete_longer_bar_there_is_nothing() -> None:
    with pytest.raises(InputError, match="bars: no 1h from .* has all of its 12 rows of 5m"):
        coarser_series(candles(11), HOUR, label="bars")


def test_bars_that_do_not_divide_longer_ones_are_refused() -> None:
    with pytest.raises(
        InputError, match="rows of 5m do not divide a bar of 7m; expected bars of a multiple of 5m"
    ):
        coarser_series(candles(24), 7 * MINUTE, label="bars")


def test_bars_that_straddle_longer_ones_are_refused() -> None:
    with pytest.raises(InputError, match="rows begin at 2025-10-10T21:02:00Z and every 5m .* straddle bars"):
        coarser_series(candles(24, start=START + 2 * MINUTE), HOUR, label="bars")


def test_longer_bars_may_begin_where_another_series_does() -> None:
    fine = candles(24, start=START + 2 * MINUTE)
    quarters = coarser_series(fine, 15 * MINUTE, anchor=START + 12 * MINUTE, label="mark")
    assert quarters.start == START + 12 * MINUTE
    on_clock = rows_on_clock(quarters, START + 12 * MINUTE + 15 * MINUTE * np.arange(-1, 9))
    assert np.isnan(on_clock["close"]).tolist() == [True, *[False] * 7, True, True]
    assert on_clock["open"][1] == fine.values["open"][2]


# What was known


@given(
    gaps=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    moments=st.lists(st.integers(-3, 70), min_size=1, max_size=20),
)
def test_the_last_known_value_is_the_latest_that_is_not_later(gaps: list[int], moments: list[int]) -> None:
    known_at = np.cumsum(gaps)
    values = np.linspace(10.0, 20.0, len(gaps))
    found, age = last_known(known_at, values, np.array(moments))
    for moment, value, old in zip(moments, found, age, strict=True):
        before = [i for i, time in enumerate(known_at) if time <= moment]
        if before:
            assert value == values[before[-1]]
            assert old == moment - known_at[before[-1]]
        else:
            assert np.isnan(value)
            assert old == -1


def test_the_mean_close_is_of_the_bars_wholly_inside() -> None:
    bars = clock_of([START + i * MINUTE for i in range(6)])
    start = np.array([START, START + MINUTE, START + 90_000, START - HOUR])
    end = start + np.array([2 * MINUTE, 5 * MINUTE, 3 * MINUTE, HOUR + MINUTE])
    # Closes are 1, 2, 3, 4, 5, 6.
    assert mean_close(bars, start, end).tolist() == [1.5, 4.0, 3.5, 1.0]


def test_without_a_bar_inside_the_last_known_close_stands_in() -> None:
    bars = clock_of([START, START + MINUTE, START + 5 * MINUTE])
    moments = np.array(
        [START, START + MINUTE, START + 4 * MINUTE, START + 5 * MINUTE + 1, START + 9 * MINUTE]
    )
    np.testing.assert_array_equal(mean_close(bars, moments, moments), [np.nan, 1.0, 2.0, 2.0, 3.0])


def test_amounts_are_summed_into_the_bar_that_contains_them() -> None:
    ts = START + MINUTE * np.arange(3)
    times = np.array([START - 1, START, START + MINUTE - 1, START + MINUTE, START + 3 * MINUTE])
    amounts = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    assert sum_per_bar(times, amounts, ts, MINUTE).tolist() == [6.0, 8.0, 0.0]


def test_payments_are_observed_for_one_cadence_after_each() -> None:
    ts = START + HOUR * np.arange(32)
    payments = START + 8 * HOUR * np.array([1, 3])
    observed = observed_span(payments, 8 * HOUR, ts, HOUR)
    assert np.flatnonzero(observed).tolist() == [*range(8, 16), *range(24, 32)]


def test_payments_some_milliseconds_late_leave_no_gap() -> None:
    ts = START + HOUR * np.arange(24)
    observed = observed_span(
        np.array([START, START + 8 * HOUR + 12, START + 16 * HOUR + 3]), 8 * HOUR, ts, HOUR
    )
    assert observed.all()


@given(holes=st.sets(st.integers(1, 58), max_size=30), step=st.sampled_from([2, 3, 5, 6]))
def test_longer_bars_keep_volume_and_extremes_of_what_they_are_made_of(holes: set[int], step: int) -> None:
    fine = candles(60, without=tuple(holes))
    try:
        longer = coarser_series(fine, step * 5 * MINUTE, label="bars")
    except InputError:
        complete = [i for i in range(0, 60, step) if not holes & set(range(i, i + step))]
        assert not complete
        return
    for row, start in enumerate(longer.ts):
        first = int(start - fine.start) // (5 * MINUTE)
        inside = slice(first, first + step)
        assert longer.valid[row] == fine.valid[inside].all()
        if longer.valid[row]:
            assert longer.values["volume"][row] == fine.values["volume"][inside].sum()
            assert longer.values["high"][row] == fine.values["high"][inside].max()
            assert longer.values["low"][row] == fine.values["low"][inside].min()
    assert all(after - before == longer.step for before, after in pairwise(longer.ts))
