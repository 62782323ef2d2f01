"""Realised liquidations from a lake written by hand: nothing twice, nothing lost, no zero that is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.analytics.coin_instruments import coin_of
from powderkeg.analytics.realised_liquidations import (
    RealisedLiquidations,
    VenueLiquidations,
    interval_bounds,
    realised_liquidations,
)
from powderkeg.errors import InputError
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import Liquidation
from powderkeg.model.times import HOUR, MINUTE, SECOND
from powderkeg.model.window import Window
from powderkeg.venues.registry import venues
from reported_liquidations import START, MadeLake, order, total


@pytest.fixture
def made(tmp_path: Path) -> MadeLake:
    return MadeLake(Lake(tmp_path / "lake", create=True))


def realised(
    made: MadeLake, end: int = 4 * HOUR, *, start: int = 0, coin: str = "BTC", interval: str = "1h"
) -> RealisedLiquidations:
    asked = venues(["binance", "bybit", "okx", "deribit", "gate", "hyperliquid"])
    return realised_liquidations(
        made.lake, asked, coin, Window(START + start, START + end), interval=interval, largest=3
    )


def of(result: RealisedLiquidations, venue: str) -> VenueLiquidations:
    return next(one for one in result.venues if one.venue.name == venue)


def amounts(values: np.ndarray) -> list[Sequence[float | None]]:
    """Return rows of numbers, None for NaN."""
    return [[None if np.isnan(value) else value for value in row] for row in values.tolist()]


def test_known_rows_are_added_up_by_interval_side_and_venue(made: MadeLake) -> None:
    made.events(
        "bybit", "BTCUSDT", [order(0, "long", 5e5), order(HOUR, "short", 2e5), order(HOUR - 1, "long", 1e5)]
    )
    made.events("okx", "BTC-USDT-SWAP", [order(90 * MINUTE, "short", 3e5)])
    result = realised(made, 2 * HOUR)
    assert amounts(of(result, "bybit").intervals.usd) == [[6e5, 0.0], [0.0, 2e5]]
    assert amounts(of(result, "bybit").intervals.events) == [[2, 0], [0, 1]]
    assert amounts(result.intervals.usd) == [[6e5, 0.0], [0.0, 5e5]]
    assert amounts(result.whole.usd) == [[6e5, 5e5]]
    assert [(one.venue, one.reason) for one in result.not_in_lake if one.venue == "binance"] == [
        ("binance", "nothing recorded")
    ]
    assert [(one.venue, one.notional) for one in result.largest] == [
        ("bybit", 5e5), ("okx", 3e5), ("bybit", 2e5)
    ]  # fmt: skip


def test_not_recorded_is_not_zero_and_a_part_says_how_much(made: MadeLake) -> None:
    made.events(
        "bybit", "BTCUSDT", [order(30 * MINUTE, "long", 5e5)], [(0, HOUR + 15 * MINUTE), (3 * HOUR, 4 * HOUR)]
    )
    made.gap("bybit", "BTCUSDT", 75 * MINUTE, 3 * HOUR, "no message for 30 s")
    made.gap("bybit", "BTCUSDT", 9 * HOUR, 10 * HOUR, "later")
    result = realised(made)
    assert amounts(result.intervals.usd) == [[5e5, 0.0], [0.0, 0.0], [None, None], [0.0, 0.0]]
    assert result.intervals.share.tolist() == [1.0, 0.25, 0.0, 1.0]
    assert [result.listened(number) for number in range(4)] == [1, 1, 0, 1]
    assert result.whole.share.tolist() == [2.25 / 4]
    assert [gap.reason for gap in of(result, "bybit").gaps] == ["no message for 30 s"]


def test_what_came_outside_the_time_listened_to_still_counts(made: MadeLake) -> None:
    made.events("bybit", "BTCUSDT", [order(90 * MINUTE, "long", 5e5)], [(0, HOUR)])
    result = realised(made, 2 * HOUR)
    assert amounts(result.intervals.usd) == [[0.0, 0.0], [5e5, 0.0]]
    assert result.intervals.share.tolist() == [1.0, 0.0]


def test_the_same_message_twice_counts_once_and_two_alike_count_twice(made: MadeLake) -> None:
    alike = [order(1_000, "long", 1e5), order(1_000, "long", 1e5, occurrence=1)]
    for _ in range(3):
        made.events("bybit", "BTCUSDT", alike)
    assert amounts(realised(made).whole.usd) == [[2e5, 0.0]]


def test_events_and_totals_of_one_time_are_never_added(made: MadeLake) -> None:
    step = 5 * MINUTE
    # Totals for the first half hour, events for all of the hour; in the sixth interval both differ.
    made.totals("gate", "BTC_USDT", [total(i * step, step, 1e5, 2e4) for i in range(6)], [(0, 30 * MINUTE)])
    made.events("gate", "BTC_USDT", [order(i * step, "long", 1e3) for i in range(12)], [(0, HOUR)])
    gate = of(realised(made, HOUR), "gate")
    assert gate.whole.usd.tolist() == [[6e5 + 6e3, pytest.approx(1.2e5)]]
    assert gate.whole.events.tolist() == [[12, 0]]
    assert gate.whole.share.tolist() == [1.0]
    assert gate.whole.from_totals.tolist() == [0.5]
    assert gate.source == "events and totals"


def test_totals_that_do_not_fit_an_interval_leave_it_to_the_events(made: MadeLake) -> None:
    made.totals("gate", "BTC_USDT", [total(0, HOUR, 9e5, 9e5)], [(0, HOUR)])
    made.events("gate", "BTC_USDT", [order(0, "long", 1e5)], [(0, 30 * MINUTE)])
    gate = of(realised(made, HOUR, interval="30m"), "gate")
    assert amounts(gate.intervals.usd) == [[1e5, 0.0], [None, None]]
    assert gate.source == "events"
    whole = of(realised(made, HOUR), "gate")
    assert (amounts(whole.whole.usd), whole.source) == ([[9e5, 9e5]], "totals")
    assert amounts(whole.whole.events) == [[1, 0]]


def test_totals_count_only_where_they_are_complete(made: MadeLake) -> None:
    step = 5 * MINUTE
    rows = [total(0, step, 1e5, 0.0), total(step, step, 7e5, 0.0)]  # the second was still running
    made.totals("gate", "BTC_USDT", rows, [(0, step + 1)])
    gate = of(realised(made, 2 * step, interval="5m"), "gate")
    assert amounts(gate.intervals.usd) == [[1e5, 0.0], [None, None]]
    assert amounts(gate.intervals.events) == [[None, None], [None, None]]


def test_shorter_totals_go_before_longer_ones_of_the_same_time(made: MadeLake) -> None:
    made.totals("gate", "BTC_USDT", [total(i * HOUR, HOUR, 1e6, 0.0) for i in range(2)], [(0, 2 * HOUR)])
    step = 5 * MINUTE
    made.totals("gate", "BTC_USDT", [total(i * step, step, 1e5, 0.0) for i in range(12)], [(0, HOUR)])
    assert amounts(of(realised(made, 2 * HOUR), "gate").intervals.usd) == [
        [pytest.approx(1.2e6), 0.0], [1e6, 0.0]
    ]  # fmt: skip


def test_one_liquidation_told_by_stream_and_history_counts_once(made: MadeLake) -> None:
    # Gate stamps the second where the stream stamps the millisecond, and gives another price.
    made.events("gate", "BTC_USDT", [order(10_417, "long", 1e5)], [(0, HOUR)])
    history = [
        order(10_000, "long", 1.01e5, price=101_000.0), order(HOUR + 5_000, "short", 3e5)
    ]  # fmt: skip
    made.events("gate", "BTC_USDT", history, [(0, 2 * HOUR)], "orders")
    gate = of(realised(made, 2 * HOUR), "gate")
    assert amounts(gate.intervals.usd) == [[1e5, 0.0], [0.0, 3e5]]
    assert gate.whole.share.tolist() == [1.0]


def test_a_coin_is_found_in_every_spelling_and_only_in_dollars(made: MadeLake) -> None:
    made.instrument("bybit", "1000PEPEUSDT", "1000PEPE")
    made.instrument("hyperliquid", "kPEPE", "kPEPE", "USD")
    made.instrument("okx", "PEPE-USDC-SWAP", "PEPE", "USDC")
    made.instrument("okx", "PEPE-BTC-SWAP", "PEPE", "BTC")
    made.instrument("bybit", "PEOPLEUSDT", "PEOPLE")
    for venue, symbol in (
        ("bybit", "1000PEPEUSDT"), ("bybit", "PEOPLEUSDT"), ("hyperliquid", "kPEPE"),
        ("okx", "PEPE-USDC-SWAP"), ("okx", "PEPE-BTC-SWAP"), ("gate", "PEPE_USDT"), ("gate", "ETH_USDT"),
    ):  # fmt: skip
        made.events(venue, symbol, [order(0, "long", 1e5)])
    result = realised(made, HOUR, coin="pepe")
    assert {feed.symbol for one in result.venues for feed in one.feeds} == {
        "1000PEPEUSDT", "kPEPE", "PEPE-USDC-SWAP", "PEPE_USDT"
    }  # fmt: skip
    assert result.coin == "PEPE"
    assert amounts(result.whole.usd) == [[4e5, 0.0]]
    assert result.notes == ("okx PEPE-BTC-SWAP is left out: it is quoted in BTC, not in dollars",)


@pytest.mark.parametrize(
    ("base", "coin"),
    [
        ("1000000MOG", "MOG"),
        ("1MBABYDOGE", "BABYDOGE"),
        ("1INCH", "1INCH"),
        ("KAVA", "KAVA"),
        ("kava", "KAVA"),
    ],
)
def test_only_a_multiple_is_taken_off_a_name(base: str, coin: str) -> None:
    assert coin_of(base) == coin


def test_a_throttled_feed_is_corrected_beside_its_floor_and_others_are_not(made: MadeLake) -> None:
    rows = [order(i * 2 * SECOND, "long", 1e4) for i in range(30)]  # every second slot of a minute
    made.events("binance", "BTCUSDT", rows)
    made.events("bybit", "BTCUSDT", rows)
    result = realised(made, HOUR)
    binance, bybit = of(result, "binance"), of(result, "bybit")
    factor = np.log(2) * 60 / 30
    assert binance.whole.usd[0, 0] == pytest.approx(3e5)
    assert binance.whole.estimate[0, 0] == pytest.approx(3e5 * factor)
    assert binance.whole.high[0, 0] == pytest.approx(6 * 3e5 * factor)
    assert 3e5 < binance.whole.low[0, 0] <= binance.whole.estimate[0, 0]
    assert (binance.corrected, bybit.corrected) == (True, False)
    assert bybit.whole.high[0, 0] == pytest.approx(3e5)
    assert result.whole.usd[0, 0] == pytest.approx(6e5)
    assert result.whole.estimate[0, 0] == pytest.approx(3e5 + 3e5 * factor)


def test_instruments_of_one_venue_do_not_share_slots(made: MadeLake) -> None:
    for symbol, quote in (("BTCUSDT", "USDT"), ("BTCUSDC", "USDC")):
        made.instrument("binance", symbol, "BTC", quote)
        made.events("binance", symbol, [order(i * SECOND, "long", 1e4) for i in range(0, 60, 2)])
    alone = 3e5 * np.log(2) * 2
    assert of(realised(made, HOUR), "binance").whole.estimate[0, 0] == pytest.approx(2 * alone)


def test_where_every_slot_was_taken_there_is_a_floor_and_no_estimate(made: MadeLake) -> None:
    made.events("binance", "BTCUSDT", [order(i * SECOND, "long", 1e4) for i in range(60)])
    result = realised(made, 2 * HOUR)
    assert result.intervals.saturated.tolist() == [True, False]
    assert result.intervals.low[0, 0] == pytest.approx(6e5)
    assert amounts(result.intervals.high) == [[None, None], [0.0, 0.0]]
    assert amounts(result.whole.estimate) == [[None, None]]


def test_edges_belong_to_one_interval_and_the_window_is_exact(made: MadeLake) -> None:
    rows = [order(ts, "long", 1.0) for ts in (29 * MINUTE, 30 * MINUTE, HOUR, 90 * MINUTE - 1, 90 * MINUTE)]
    made.events("bybit", "BTCUSDT", rows)
    result = realised(made, 90 * MINUTE, start=30 * MINUTE)
    assert (result.starts - START).tolist() == [30 * MINUTE, HOUR]
    assert (result.ends - START).tolist() == [HOUR, 90 * MINUTE]
    assert amounts(result.intervals.events) == [[1, 0], [2, 0]]


@settings(max_examples=25, deadline=None)
@given(
    times=st.lists(st.integers(0, 3 * HOUR - 1), max_size=20),
    start=st.integers(0, HOUR),
    step=st.sampled_from(["1m", "7m", "15m", "1h", "1d"]),
)
def test_any_intervals_add_up_to_the_window(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], start: int, step: str
) -> None:
    made = MadeLake(Lake(tmp_path_factory.mktemp("lake"), create=True))
    rows: list[Liquidation] = [
        order(ts, "short" if ts % 3 else "long", 1e3 + n, occurrence=n) for n, ts in enumerate(times)
    ]
    made.events("binance", "BTCUSDT", rows)
    result = realised(made, 3 * HOUR, start=start, interval=step)
    inside = [row for row in rows if row.ts >= START + start]
    for column, side in enumerate(("long", "short")):
        expected = sum(row.notional for row in inside if row.position_side == side)
        assert result.intervals.usd[:, column].sum() == pytest.approx(expected)
        assert result.whole.usd[0, column] == pytest.approx(expected)
    assert result.whole.events.sum() == len(inside)


def test_bounds_of_intervals_tile_the_window() -> None:
    starts, ends = interval_bounds(Window(START + 1, START + 3 * HOUR), HOUR)
    assert (starts[0], ends[-1]) == (START + 1, START + 3 * HOUR)
    np.testing.assert_array_equal(starts[1:], ends[:-1])
    assert (starts[1:] % HOUR == 0).all()
    assert len(starts) == 3


@pytest.mark.parametrize(
    ("interval", "end", "message"),
    [
        ("30s", HOUR, "interval: '30s'; expected a length from 1m to 1d"),
        ("2d", HOUR, "interval: '2d'; expected a length from 1m to 1d"),
        ("1m", 60_000 * MINUTE, "interval: '1m' makes more than 50,000 intervals"),
        ("1h", HOUR, "holds no liquidations of BTC at binance, bybit"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_remedy(
    made: MadeLake, interval: str, end: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        realised(made, end, interval=interval)
