"""The imbalance of the last hours, against the coin's own history in a lake written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from powderkeg.analytics.liquidation_feeds import Feed, read_feed
from powderkeg.analytics.realised_imbalance import RealisedImbalance, realised_imbalances
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import PositionSide
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue
from reported_liquidations import START, MadeLake, order, total

DAYS = 10
END = DAYS * DAY
SIDES: tuple[PositionSide, PositionSide] = ("long", "short")


@pytest.fixture
def made(tmp_path: Path) -> MadeLake:
    return MadeLake(Lake(tmp_path / "lake", create=True))


def imbalances(made: MadeLake, *feeds: tuple[str, str], at: int = END) -> tuple[RealisedImbalance, ...]:
    read: list[Feed] = [
        read_feed(made.lake, venue(name), symbol, Window(START - DAY, START + at)) for name, symbol in feeds
    ]
    return realised_imbalances(read, START + at)


def hours(made: MadeLake, shares: list[float], *, first: int = 0) -> None:
    """Write 1 million USD an hour, of which this share was long, evenly in twelve parts."""
    made.events(
        "bybit",
        "BTCUSDT",
        [
            order(hour * HOUR + part * 5 * MINUTE + side, SIDES[side], amount * 1e6 / 12)
            for hour, share in enumerate(shares, start=first)
            for part in range(12)
            for side, amount in enumerate((share, 1 - share))
            if amount
        ],
        [(first * HOUR, (first + len(shares)) * HOUR)],
    )


def test_last_hours_are_told_with_headline_imbalance_and_interval(made: MadeLake) -> None:
    hours(made, [0.5] * (24 * DAYS - 1) + [0.75])
    hour, four, twelve, day = imbalances(made, ("bybit", "BTCUSDT"))
    assert hour.long_usd == pytest.approx(7.5e5)
    assert hour.headline is not None
    assert hour.headline[0] == pytest.approx(300)
    assert hour.headline[1] == "long"
    assert hour.imbalance == pytest.approx(0.5)
    assert four.imbalance == pytest.approx(0.125)
    for one in (hour, four, twelve, day):
        assert one.interval is not None
        assert one.imbalance is not None
        assert one.interval.low <= one.imbalance <= one.interval.high
        assert one.shares == {("bybit", "BTCUSDT"): 1.0}


def test_percentile_is_the_share_of_earlier_windows_at_or_below(made: MadeLake) -> None:
    # Of the earlier hours a quarter was more long than this one, and windows between two hours lie between.
    generator = np.random.default_rng(0)
    past = generator.permutation(np.repeat([0.2, 0.9], [180, 59]))
    hours(made, [*past.tolist(), 0.6])
    hour, _, _, day = imbalances(made, ("bybit", "BTCUSDT"))
    starts = np.arange(24 * DAYS - 2, -0.01, -0.25)
    sums = np.concatenate([[0], past.cumsum()])
    long = np.interp(starts + 1, np.arange(len(sums)), sums) - np.interp(starts, np.arange(len(sums)), sums)
    expected = np.mean(long < 0.6) + 0.5 * np.mean(np.isclose(long, 0.6))
    assert hour.percentile is not None
    assert hour.percentile.windows == hour.history_windows == len(starts)
    assert hour.percentile.share == pytest.approx(expected, abs=0.01)
    assert day.history_windows == 4 * (DAYS - 2) + 1


def test_a_short_history_gives_no_percentile(made: MadeLake) -> None:
    hours(made, [0.5] * 6)
    hour, four, _, day = imbalances(made, ("bybit", "BTCUSDT"), at=6 * HOUR)
    assert hour.history_windows == 17
    assert hour.percentile is None
    assert four.percentile is None
    assert four.imbalance == pytest.approx(0.0)
    assert day.shares == {("bybit", "BTCUSDT"): pytest.approx(0.25)}
    assert day.compared == ()


def test_hours_that_were_not_listened_to_are_no_history(made: MadeLake) -> None:
    hours(made, [0.9] * 100)
    hours(made, [0.5] * 40, first=24 * DAYS - 40)
    hour = imbalances(made, ("bybit", "BTCUSDT"))[0]
    # Windows of nine tenths at least, on both sides of the hole.
    assert hour.history_windows == 4 * (99 + 38) + 2
    assert hour.history_below_floor == 0
    assert hour.percentile is not None
    assert hour.percentile.share == pytest.approx(0.5 * (4 * 38 + 1) / hour.history_windows)


def test_below_the_floor_there_is_no_number_and_no_history(made: MadeLake) -> None:
    made.events("bybit", "BTCUSDT", [order(END - MINUTE, "long", 9e4)], [(0, END)])
    hour = imbalances(made, ("bybit", "BTCUSDT"))[0]
    assert hour.headline == (None, "long", True)
    assert (hour.imbalance, hour.interval, hour.percentile) == (None, None, None)
    assert hour.history_windows == 0
    assert hour.history_below_floor == 4 * (24 * DAYS - 2) + 1


def test_not_recorded_is_no_balance(made: MadeLake) -> None:
    hours(made, [0.5] * 4)
    hour = imbalances(made, ("bybit", "BTCUSDT"))[0]
    assert (hour.long_usd, hour.headline, hour.imbalance, hour.shares) == (None, None, None, {})


def test_a_venue_that_is_new_counts_now_and_is_not_held_against_the_past(made: MadeLake) -> None:
    hours(made, [0.2] * (24 * DAYS - 1) + [0.6])
    made.events("okx", "BTC-USDT-SWAP", [order(END - MINUTE, "short", 5e6)], [(END - 2 * HOUR, END)])
    hour = imbalances(made, ("bybit", "BTCUSDT"), ("okx", "BTC-USDT-SWAP"))[0]
    assert hour.imbalance is not None
    assert hour.imbalance < -0.7
    assert hour.compared == (("bybit", "BTCUSDT"),)
    assert hour.percentile is not None
    assert hour.percentile.share == 1.0


def test_totals_longer_than_a_block_give_no_interval(made: MadeLake) -> None:
    made.totals("gate", "BTC_USDT", [total(i * HOUR, HOUR, 3e5, 1e5) for i in range(24 * DAYS)], [(0, END)])
    hour, _, _, day = imbalances(made, ("gate", "BTC_USDT"))
    assert hour.imbalance == pytest.approx(0.5)
    assert hour.interval is None
    assert day.interval is not None


def test_windows_end_on_five_minutes_so_that_totals_fit(made: MadeLake) -> None:
    step = 5 * MINUTE
    made.totals("gate", "BTC_USDT", [total(i * step, step, 1e5, 1e5) for i in range(288)], [(0, DAY)])
    hour = imbalances(made, ("gate", "BTC_USDT"), at=DAY + 4 * MINUTE)[0]
    assert hour.window == Window(START + DAY - HOUR, START + DAY)
    assert hour.shares == {("gate", "BTC_USDT"): 1.0}
    assert hour.long_usd == pytest.approx(1.2e6)
