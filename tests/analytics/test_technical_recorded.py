"""Technical state on recorded prices: what is found is what docs/technical.md reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import talib

from powderkeg.core.indicators import exponential_average, relative_strength_index, simple_average
from powderkeg.core.trend_channel import ChannelExit, channel_exit, fitted_channel
from powderkeg.model.arrays import FloatArray


@pytest.fixture(scope="module")
def daily(shared: Path) -> tuple[list[str], FloatArray]:
    table = pl.read_csv(
        shared / "data" / "macro" / "btc_daily_price_volume_2015_2026.csv", infer_schema_length=None
    )
    return table["date"].to_list(), table["price"].to_numpy()


def test_indicators_of_recorded_days_equal_ta_lib(daily: tuple[list[str], FloatArray]) -> None:
    _, price = daily
    assert len(price) == 4_062
    for ours, theirs in (
        (relative_strength_index(price), talib.RSI(price, 14)),
        (simple_average(price, 200), talib.SMA(price, 200)),
        (exponential_average(price, 50), talib.EMA(price, 50)),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def exit_on(daily: tuple[list[str], FloatArray], day: str, length: int = 300) -> ChannelExit | None:
    """Return whether the channel had been left with the close of a day."""
    dates, price = daily
    return channel_exit(price[: dates.index(day) + 1], length)


def test_the_ten_month_channel_was_left_in_november_2025_within_the_doubt_about_its_slope(
    daily: tuple[list[str], FloatArray],
) -> None:
    dates, price = daily
    for day in ("2025-10-09", "2025-10-11", "2025-10-31", "2025-11-10"):
        assert exit_on(daily, day) is None
    for day, bars in (("2025-11-21", 10), ("2025-11-30", 19), ("2026-02-04", 85)):
        left = exit_on(daily, day)
        assert left is not None
        assert (dates[left.first], left.bars, left.above) == ("2025-11-12", bars, False)
        assert left.beyond > 0.1
        assert left.beyond_extremes
        # The slope is so uncertain that another channel would hold these prices.
        assert left.beyond_low < 0 < left.beyond_high
    row = dates.index("2025-10-09") + 1
    channel = fitted_channel(price[row - 300 : row])
    assert channel.persistence == 1.0
    assert channel.slope_low < 0 < channel.slope_high
    assert channel.position(price[row - 1]) == pytest.approx(0.75, abs=0.01)


def test_channels_of_recorded_days_are_left_about_as_often_as_those_of_random_walks(
    daily: tuple[list[str], FloatArray],
) -> None:
    _, price = daily
    for length, expected in ((30, 0.18), (90, 0.26)):
        exits = [channel_exit(price[:row], length) for row in range(2 * length, len(price), 10)]
        assert np.mean([one is not None for one in exits]) == pytest.approx(expected, abs=0.06)
        assert np.mean([one is not None and one.beyond_low > 0 for one in exits]) < 0.12
