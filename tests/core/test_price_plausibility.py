"""Prices in a wrong unit, of another coin or in one bad row are refused in words that name them."""

from __future__ import annotations

import numpy as np
import pytest

from powderkeg.core.price_plausibility import check_price_jumps, check_price_unit, lone_price_notes
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY, HOUR, milliseconds

START = 1_760_054_400_000  # 2025-10-10T00:00:00Z
HOURS = START + HOUR * np.arange(20)


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


@pytest.mark.parametrize("level", [105.0, 10_500_000.0])
def test_a_bitcoin_price_in_the_wrong_unit_throughout_is_refused(level: float) -> None:
    with pytest.raises(InputError) as caught:
        check_price_unit("BTC", prices(level=level)["close"], HOURS, label="bars")
    message = str(caught.value)
    assert f"bars: the median close is {level:.10g}" in message
    assert "a price of BTC in USD in 2025, between 29,760 and 315,750" in message


@pytest.mark.parametrize(
    ("symbol", "day", "price"),
    [
        # Roughly the lowest and highest traded since each coin had a perpetual.
        ("BTC", "2016-06-01", 365.0),
        ("BTC", "2018-12-15", 3_122.0),
        ("BTC", "2025-10-06", 126_208.5),
        ("ETH", "2018-12-15", 80.0),
        ("ETH", "2025-08-24", 4_957.67),
        ("SOL", "2020-12-23", 1.0),
        ("SOL", "2025-01-19", 295.6),
        ("DOGE", "2020-07-01", 0.0023),
        ("DOGE", "2021-05-08", 0.74),
        ("XRP", "2020-03-13", 0.11),
        ("BNB", "2025-10-13", 1_375.0),
        ("HYPE", "2024-11-29", 3.2),
        # A year that nobody has seen yet may bring much.
        ("BTC", "2027-06-01", 350_000.0),
        ("BTC", "2027-06-01", 20_000.0),
    ],
)
def test_every_price_there_has_been_passes(symbol: str, day: str, price: float) -> None:
    check_price_unit(symbol, np.array([price]), np.array([milliseconds(day)]), label="bars")


@pytest.mark.parametrize("price", [10_500.0, 1_050_000.0, 4_300.0, 1.05])
def test_ten_times_too_much_or_another_coin_is_not_the_bitcoin_of_that_year(price: float) -> None:
    with pytest.raises(InputError, match="a price of BTC in USD in 2025"):
        check_price_unit("BTC", np.array([price]), HOURS[:1], label="bars")


def test_bars_of_several_years_may_have_the_prices_of_any_of_them() -> None:
    times = np.array([milliseconds("2022-11-21"), milliseconds("2025-10-06")])
    check_price_unit("BTC", np.array([16_000.0, 16_200.0]), times, label="bars")


def test_bitcoin_bars_are_not_taken_for_another_coin() -> None:
    for symbol in ("ETH", "SOL", "BNB", "XRP", "DOGE", "HYPE"):
        with pytest.raises(InputError, match=f"a price of {symbol} in USD"):
            check_price_unit(symbol, prices()["close"], HOURS, label="bars")


def test_an_unknown_coin_may_have_any_price() -> None:
    check_price_unit("NEWCOIN", np.array([1e-9]), HOURS[:1], label="bars")


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


@pytest.mark.parametrize(("field", "factor"), [("low", 0.6), ("high", 1.4), ("close", 1.4)])
def test_a_lone_price_far_from_agreeing_neighbours_is_noted(field: str, factor: float) -> None:
    values = prices()
    values[field][7] *= factor
    (note,) = lone_price_notes(values, HOURS, np.arange(20) + 100)
    assert f"1 bars hold a price more than 30% from neighbours that agree, the first {field}" in note
    assert f"{values[field][7]:.10g} in row 107 (counted from 0), 2025-10-10T07:00:00Z" in note


def test_a_crash_that_lasts_is_not_a_lone_price() -> None:
    values = prices()
    for field in values:
        values[field][7:] *= 0.6
    values["high"][7] = values["close"][6]
    assert lone_price_notes(values, HOURS, np.arange(20)) == ()
    assert lone_price_notes(prices(2), HOURS[:2], np.arange(2)) == ()
