"""Technical state on recorded prices: what is found is what docs/technical.md reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import talib

from made_bars import new_lake, put_bars, put_funding
from powderkeg.analytics.analogues import analogue_report
from powderkeg.analytics.technical_state import technical_state
from powderkeg.core.indicators import exponential_average, relative_strength_index, simple_average
from powderkeg.core.trend_channel import ChannelExit, channel_exit, fitted_channel
from powderkeg.lake.market_lake import Lake
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import HOUR, milliseconds
from powderkeg.venues.registry import venues


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


@pytest.fixture(scope="module")
def lake(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return a lake of recorded hours and funding of BTC at Binance; it has no open interest."""
    folder = shared / "data" / "binance-usdm-2025-2026"
    hour = pl.col("ts").dt.epoch("ms") // HOUR * HOUR
    bars = (
        pl.read_parquet(folder / "BTCUSDT-5m-futures.parquet")
        .group_by(hour, maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
            pl.len().alias("parts"),
        )
        .filter(pl.col("parts") == 12)
        .with_columns(taker_buy_volume=pl.lit(None, pl.Float64))
    )
    funding = pl.read_parquet(folder / "BTCUSDT-funding-8h.parquet")
    made = new_lake(tmp_path_factory.mktemp("recorded") / "lake")
    put_bars(made, bars)
    put_funding(made, funding["ts"].dt.epoch("ms").to_numpy(), funding["funding_rate"].to_numpy())
    return made


@pytest.mark.parametrize(
    ("day", "regime", "searched", "p_day", "p_week", "words"),
    [
        ("2025-10-09", "normal", 186, 0.118, 0.048, "Weak evidence"),
        ("2025-10-10T20:00Z", "normal", 187, 0.893, 0.963, "this shows nothing"),
        ("2026-02-04", "stressed", 304, 0.003, 0.589, "whether this one will is not known"),
    ],
)
def test_analogues_of_the_eves_of_two_cascades(
    lake: Lake, day: str, regime: str, searched: int, p_day: float, p_week: float, words: str
) -> None:
    at = milliseconds(day)
    binance = venues(("binance",))
    report = analogue_report(lake, "BTC", at, binance)
    assert len(report.found.searched) == searched
    assert set(report.found.dropped) == {"open_interest_change_7d"}
    assert report.followed["return.1d"].p_value == pytest.approx(p_day, abs=0.001)
    assert report.followed["return.7d"].p_value == pytest.approx(p_week, abs=0.001)
    assert words in report.sentence
    assert technical_state(lake, "BTC", at, binance).regime == regime


def test_the_day_after_the_best_evidence_fell_by_a_seventh(lake: Lake) -> None:
    report = analogue_report(lake, "BTC", milliseconds("2026-02-04"), venues(("binance",)))
    told = report.followed["return.1d"]
    assert (int((told.outcomes > 0).sum()), told.known) == (9, 10)
    later = technical_state(lake, "BTC", milliseconds("2026-02-06"), venues(("binance",)))
    fell = {fact.name: fact.value for fact in later.facts}["return.1d"]
    assert fell is not None
    assert fell == pytest.approx(-0.14, abs=0.01)
