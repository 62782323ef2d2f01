"""Numbers in a wrong unit are refused in words that name them; what is merely odd becomes a note."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.alignment import RegularSeries, regular_series
from powderkeg.core.plausibility import (
    check_funding_unit,
    check_mark_unit,
    check_price_jumps,
    check_price_unit,
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


def jumps_refusal(values: dict[str, FloatArray], hours: FloatArray | None = None) -> str:
    """Return the message with which candles are refused, one an hour unless given."""
    count = len(values["close"])
    times = START + HOUR * np.asarray(np.arange(count) if hours is None else hours, dtype=np.int64)
    with pytest.raises(InputError) as caught:
        check_price_jumps(values, times, np.arange(count) + 100, label="bars")
    return str(caught.value)


def hourly(volume: list[float], close: float = 100.0) -> RegularSeries:
    """Return hourly bars of a flat price."""
    values = {"close": np.full(len(volume), close), "volume": np.array(volume)}
    return regular_series(START + HOUR * np.arange(len(volume)), values, np.arange(len(volume)), label="bars")


# Prices


@pytest.mark.parametrize("level", [105.0, 10_500_000.0])
def test_a_bitcoin_price_in_the_wrong_unit_throughout_is_refused(level: float) -> None:
    with pytest.raises(InputError) as caught:
        check_price_unit("BTC", prices(level=level)["close"], label="bars")
    message = str(caught.value)
    assert f"bars: the median close is {level:.10g}" in message
    assert "a price of BTC in USD, between 200 and 2,000,000" in message


@pytest.mark.parametrize(
    ("symbol", "lowest", "highest"),
    [
        # Roughly the lowest and highest traded since each coin had a perpetual.
        ("BTC", 365.0, 126_208.5),
        ("ETH", 80.0, 4_957.67),
        ("SOL", 1.0, 295.6),
        ("DOGE", 0.0023, 0.74),
        ("XRP", 0.11, 3.66),
        ("BNB", 6.0, 1_375.0),
        ("HYPE", 3.2, 59.63),
    ],
)
def test_every_price_there_has_been_passes(symbol: str, lowest: float, highest: float) -> None:
    for price in (lowest, highest):
        check_price_unit(symbol, np.array([price]), label="bars")


def test_bitcoin_bars_are_not_taken_for_another_coin() -> None:
    for symbol in ("ETH", "SOL", "BNB", "XRP", "DOGE", "HYPE"):
        with pytest.raises(InputError, match=f"a price of {symbol} in USD"):
            check_price_unit(symbol, prices()["close"], label="bars")


def test_an_unknown_coin_may_have_any_price() -> None:
    check_price_unit("NEWCOIN", np.array([1e-9]), label="bars")


@pytest.mark.parametrize("row", [0, 7, 19])
@pytest.mark.parametrize("bad", [105.0, 10_500_000.0])
def test_a_price_in_another_unit_among_good_ones_is_refused_with_its_row(row: int, bad: float) -> None:
    values = prices()
    for field in values:
        values[field][row] = bad
    message = jumps_refusal(values)
    assert f"close is {bad:.10g} in row {100 + row} (counted from 0), 2025-10-10T{row:02d}:00:00Z" in message
    assert "within a factor of 5" in message
    assert "105000" in message


@pytest.mark.parametrize(("field", "bad"), [("low", 105.0), ("high", 10_500_000.0), ("open", 105.0)])
def test_one_price_of_a_candle_in_another_unit_is_named(field: str, bad: float) -> None:
    values = prices()
    values[field][7] = bad
    message = jumps_refusal(values)
    assert f"{field} is {bad:.10g} in row 107 (counted from 0), 2025-10-10T07:00:00Z" in message
    assert "within a factor of 5 of the bar's close, 105000" in message


def test_a_price_may_move_far_across_a_long_hole() -> None:
    values = prices(2)
    for field in values:
        values[field][1] *= 6
    times = START + np.array([0, 40 * DAY])
    check_price_jumps(
        {name: np.append(v[:1], v) for name, v in values.items()},
        np.append(times[0] - HOUR, times),
        np.arange(3),
        label="bars",
    )


def test_the_worst_hour_on_record_passes() -> None:
    # DOGE on 10 October 2025 fell to less than half within ten minutes.
    values = prices()
    values["low"][7] *= 0.4
    values["close"][8:] *= 0.6
    values["low"][8:] *= 0.6
    check_price_jumps(values, START + HOUR * np.arange(20), np.arange(20), label="bars")


@pytest.mark.parametrize("ratio", [0.01, 0.79, 1.21, 100.0])
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
