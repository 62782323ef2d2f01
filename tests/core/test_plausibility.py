"""Numbers in a wrong unit are refused in words that name them; what is merely odd becomes a note."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.alignment import RegularSeries, regular_series
from powderkeg.core.plausibility import (
    check_funding_unit,
    check_mark_unit,
    check_open_interest_rows,
    daily_volume,
    open_interest_notes,
    taker_buy_unit,
    turnover_notes,
    volume_notes,
)
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY, HOUR

START = 1_760_054_400_000  # 2025-10-10T00:00:00Z


def prices(count: int = 20, level: float = 105_000.0) -> dict[str, FloatArray]:
    """Return flat candles."""
    close = np.full(count, level)
    return {"open": close.copy(), "high": close * 1.001, "low": close * 0.999, "close": close}


def hourly(volume: list[float], close: float = 100.0) -> RegularSeries:
    """Return hourly bars of a flat price."""
    values = {"close": np.full(len(volume), close), "volume": np.array(volume)}
    return regular_series(START + HOUR * np.arange(len(volume)), values, np.arange(len(volume)), label="bars")


# Marks


@pytest.mark.parametrize("ratio", [0.01, 0.94, 1.06, 100.0])
def test_a_mark_of_another_unit_or_market_is_refused(ratio: float) -> None:
    close = prices()["close"]
    with pytest.raises(
        InputError, match=f"mark: the mark is {ratio:.4g} times the traded price in the median"
    ):
        check_mark_unit(close * ratio, close, label="mark")


def test_a_mark_may_be_missing_or_off_for_a_while() -> None:
    close = prices()["close"]
    mark = close.copy()
    mark[:5], mark[5:9] = np.nan, close[5:9] * 1.5
    check_mark_unit(mark, close, label="mark")


# Open interest and volume


def test_the_daily_volume_is_the_median_over_days() -> None:
    bars = hourly([1.0] * 24 + [3.0] * 24 + [50.0] * 24 + [2.0] * 6)
    assert daily_volume(bars) == pytest.approx((48.0 + 72.0) / 2)


@pytest.mark.parametrize("days", [2e4, 5e-5])
def test_open_interest_in_usd_taken_for_coins_is_refused(days: float) -> None:
    with pytest.raises(InputError) as caught:
        open_interest_notes(np.full(9, 1000.0 * days), 1000.0, label="open_interest")
    message = str(caught.value)
    assert f"open interest is {1000 * days:.10g} in the median where 1000 base units are traded" in message
    assert "expected 0.0001 to 10000 times" in message
    assert "open_interest_unit='usd' or 'base'" in message


def test_much_open_interest_for_its_volume_is_noted() -> None:
    (note,) = open_interest_notes(np.full(9, 20_000.0), 1000.0, label="open_interest")
    assert note.startswith("20 times the volume of a usual day")
    assert open_interest_notes(np.full(9, 1000.0), 1000.0, label="open_interest") == ()
    assert open_interest_notes(np.full(9, 1000.0), 0.0, label="open_interest") == ()


def test_much_volume_for_its_open_interest_is_noted() -> None:
    (note,) = volume_notes(np.full(9, 100.0), 1100.0)
    assert "11 times the open interest" in note
    assert "another venue's" in note
    assert volume_notes(np.full(9, 100.0), 999.0) == ()
    assert "nothing is traded on a usual day" in volume_notes(np.full(9, 100.0), 0.0)[0]


def test_open_interest_that_changes_by_more_than_was_traded_is_noted() -> None:
    bars = hourly([10.0] * 11)
    times = START + HOUR * np.arange(11)
    within = np.linspace(1000.0, 1100.0, 11)
    assert turnover_notes(times, times, within, bars) == ()
    beyond = within.copy()
    beyond[6:] += 1.0
    (note,) = turnover_notes(times, times, beyond, bars)
    assert note == "in 10.0% of its intervals open interest changes by more than the volume traded"
    # Means over hours may differ by what was traded over both.
    assert turnover_notes(times[:-1], times[1:], (2 * within)[:-1], bars) == ()


# Funding and taker volume


@pytest.mark.parametrize("rate", [0.01, 0.1095])
def test_funding_in_percent_or_per_year_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match=f"median size of funding_rate is {rate}; expected a fraction"):
        check_funding_unit(np.array([rate, -rate, rate]), label="funding")
    check_funding_unit(np.array([0.0001, -0.0003, 0.02]), label="funding")


@pytest.mark.parametrize(("factor", "unit"), [(0.45, "base"), (45.0, "usd")])
def test_the_unit_of_taker_volume_is_the_one_near_half_of_the_volume(factor: float, unit: str) -> None:
    bars = hourly([10.0, 30.0, 20.0], close=100.0)
    taker_buy = factor * bars.values["volume"]
    assert taker_buy_unit(bars.ts, HOUR, taker_buy, bars, label="taker") == unit


def test_taker_volume_that_is_half_of_the_volume_in_no_unit_is_refused() -> None:
    bars = hourly([10.0, 30.0, 20.0], close=100.0)
    with pytest.raises(
        InputError, match="taker_buy is 4 times the bars' volume if in base units and 0.04 times"
    ):
        taker_buy_unit(bars.ts, HOUR, 4 * bars.values["volume"], bars, label="taker")


# Rows of open interest


def interest_refusal(values: list[float]) -> str:
    times = START + HOUR * np.arange(len(values))
    with pytest.raises(InputError) as caught:
        check_open_interest_rows(np.array(values), times, np.arange(len(values)) + 100, label="open_interest")
    return str(caught.value)


@pytest.mark.parametrize("row", [0, 4, 9])
@pytest.mark.parametrize("bad", [1e9, 50.0])
def test_a_row_of_open_interest_far_from_its_neighbours_is_named(row: int, bad: float) -> None:
    values = [21_000.0] * 10
    values[row] = bad
    message = interest_refusal(values)
    assert f"open interest is {bad:.10g} in row {100 + row} (counted from 0)" in message
    assert "within a factor of 10 of row" in message
    assert "21000" in message


@pytest.mark.parametrize("row", [4, 9])
def test_a_row_of_zero_open_interest_among_others_is_named(row: int) -> None:
    values = [21_000.0] * 10
    values[row] = 0.0
    assert f"open interest is 0 in row {100 + row}" in interest_refusal(values)


def test_a_market_may_begin_at_nothing_and_lose_half_in_an_hour() -> None:
    values = np.array([0.0, 0.0, 5.0, 20.0, 90.0, 400.0, 200.0])
    times = START + HOUR * np.arange(7)
    check_open_interest_rows(values, times, np.arange(7), label="open_interest")
    check_open_interest_rows(np.zeros(7), times, np.arange(7), label="open_interest")
    # Across a hole of weeks nothing is known of the way between.
    apart = times + np.where(np.arange(7) > 3, 30 * DAY, 0)
    check_open_interest_rows(np.array([1.0] * 4 + [50.0] * 3), apart, np.arange(7), label="open_interest")
