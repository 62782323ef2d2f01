"""What fake venues tell by the second adds up to the minutes that it is made from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from powderkeg.errors import InputError
from powderkeg.fake_venues.live_detail import FEWEST, live_detail, minute_paths, shares
from powderkeg.fake_venues.live_venues import LiveMarket, ToldMarket
from powderkeg.fake_venues.moved_market import on_a_clock, scaled
from powderkeg.fake_venues.scripted_market import ScriptedMarket
from powderkeg.fake_venues.simulated_source import shifted, simulated_series
from powderkeg.model.market_rows import Bar, DepthLevel, MarkBar, MarkPrice, OpenInterest, Trade
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.model.window import Window
from powderkeg.simulation.emission import VenueEmission
from powderkeg.simulation.market import simulated_market
from powderkeg.simulation.simulated_venue import ALDER

PRICES = st.floats(1e-6, 1e6)


@given(
    bars=st.lists(st.tuples(PRICES, PRICES, PRICES, PRICES), max_size=6),
    steps=st.integers(FEWEST, 30),
    seed=st.integers(0, 99),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_a_path_has_its_bars_open_high_low_and_close_exactly(
    bars: list[tuple[float, float, float, float]], steps: int, seed: int, share: float
) -> None:
    prices = np.sort(np.array(bars).reshape(-1, 4), axis=1)
    low, opened, closed, high = prices.T
    if seed % 2:
        opened, closed = closed, opened
    generator = np.random.default_rng(seed)
    # Some prices of within are known, of which some lie outside of the bar.
    known = generator.uniform(0.5, 1.5, (len(bars), steps)) * opened[:, None]
    known[generator.random(known.shape) >= share] = np.nan
    paths = minute_paths(opened, high, low, closed, steps, generator, known)
    assert paths.shape == (len(bars), steps)
    for found, wanted in (
        (paths[:, 0], opened),
        (paths[:, -1], closed),
        (paths.max(axis=1), high),
        (paths.min(axis=1), low),
    ):
        np.testing.assert_array_equal(found, wanted)


def test_a_path_goes_through_what_is_known() -> None:
    known = np.full((1, 60), np.nan)
    known[0, [50, 51, 52]] = 104.0, 109.0, 106.0
    one = np.ones(1)
    (path,) = minute_paths(100 * one, 110 * one, 100 * one, 105 * one, 60, np.random.default_rng(0), known)
    assert path[[0, 50, 51, 52, 59]].tolist() == [100.0, 104.0, 110.0, 106.0, 105.0]


def test_fewer_steps_than_a_bar_has_prices_are_refused() -> None:
    one = np.ones(1)
    with pytest.raises(InputError, match="steps is 3; expected at least 4"):
        minute_paths(one, one, one, one, 3, np.random.default_rng(0))


@given(st.lists(st.floats(1e-6, 1e9), max_size=5), st.integers(1, 50))
def test_shares_are_positive_and_add_up(totals: list[float], parts: int) -> None:
    found = shares(np.array(totals), parts, np.random.default_rng(0))
    assert np.all(found > 0)
    np.testing.assert_allclose(found.sum(axis=1), totals, rtol=1e-12)


@pytest.fixture(scope="module")
def emission() -> VenueEmission:
    own = (replace(ALDER, name="simulated", liquidation_interval=0),)
    market = simulated_market(np.random.default_rng(8), scenario="calm", days=2, venues=own)
    # Seven minutes off the hour, as a market is that is moved to a clock of now.
    return shifted(market.venues[0], 7 * MINUTE)


def test_what_is_told_by_the_second_is_the_minute_that_it_is_of(emission: VenueEmission) -> None:
    start = int(emission.ts[0]) // HOUR * HOUR + HOUR
    told = on_a_clock(emission, start, start + DAY)
    window = Window(start + 20 * HOUR, start + 21 * HOUR)
    series = simulated_series(told, "BTC")
    market = ScriptedMarket({}, series, window.start)
    for key, rows in live_detail(told, "BTC", window, np.random.default_rng(1)).items():
        market.replace_rows(key, window, rows)
    detail = market.series
    minutes = {row.ts: row for row in series["bars", "BTC", "1m"] if isinstance(row, Bar)}
    mark_bars = {row.ts: row for row in series["mark_bars", "BTC", "1m"] if isinstance(row, MarkBar)}
    trades: dict[int, list[Trade]] = defaultdict(list)
    marks: dict[int, list[float]] = defaultdict(list)
    for row in detail["trades", "BTC", "all"]:
        assert isinstance(row, Trade)
        trades[row.ts // MINUTE * MINUTE].append(row)
    for row in detail["mark_prices", "BTC", "all"]:
        assert isinstance(row, MarkPrice)
        marks[row.ts // MINUTE * MINUTE].append(row.mark_price)
    for ts in range(window.start, window.end, MINUTE):
        bar, mark, inside = minutes[ts], mark_bars[ts], trades[ts]
        prices = [trade.price for trade in inside]
        assert (prices[0], max(prices), min(prices), prices[-1]) == (bar.open, bar.high, bar.low, bar.close)
        assert sum(one.quantity for one in inside) == pytest.approx(bar.volume, abs=3e-6)
        bought = sum(one.quantity for one in inside if one.side == "buy")
        assert bought == pytest.approx(bar.taker_buy_volume, abs=2e-6)
        found = marks[ts]
        # The close of the minute before the window stands at its end.
        found = found[1:] if ts == window.start and len(found) > 60 else found
        assert (len(found), found[0], found[-1]) == (60, mark.open, mark.close)
        assert (max(found), min(found)) == (mark.high, mark.low)
    # Before the window everything is as it was.
    assert trades[window.start - MINUTE] == [
        row for row in series["trades", "BTC", "all"] if row.ts // MINUTE * MINUTE == window.start - MINUTE
    ]
    books = [row for row in detail["depth_levels", "BTC", "all"] if isinstance(row, DepthLevel)]
    assert sorted({row.ts for row in books}) == list(range(window.start, window.end, 5_000))
    interest = [row for row in detail["open_interest", "BTC", "all"] if isinstance(row, OpenInterest)]
    assert [row.ts for row in interest if window.start <= row.ts < window.start + 30_000] == [
        window.start, window.start + 10_000, window.start + 20_000,
    ]  # fmt: skip


def test_a_market_moved_by_minutes_still_has_bars_on_the_clock(emission: VenueEmission) -> None:
    start = int(emission.ts[0]) // HOUR * HOUR + HOUR
    told = on_a_clock(emission, start - 3 * HOUR, start + DAY)
    series = simulated_series(told, "BTC")
    assert {row.ts % HOUR for row in series["bars", "BTC", "1h"]} == {0}
    assert len(series["bars", "BTC", "1h"]) == 24
    assert {row.ts % MINUTE for row in series["open_interest", "BTC", "all"]} == {0}
    known = np.interp(told.open_interest_ts, emission.open_interest_ts, emission.open_interest)
    np.testing.assert_array_equal(told.open_interest, known)


def test_venues_tell_the_same_prices_in_their_own_sizes(emission: VenueEmission) -> None:
    now = int(emission.ts[0]) + 30 * HOUR + 12_345
    market = LiveMarket(emission, "BTC", {"binance": 1.0, "hyperliquid": 0.25}, past=2 * DAY, accounts=20)
    told = {name: ToldMarket(market, name, now).market for name in market.sizes}
    window = Window(now - 5 * MINUTE, now)
    large = told["binance"].rows("bars", "BTCUSDT", window, "1m")
    small = told["hyperliquid"].rows("bars", "BTC", window, "1m")
    assert len(large) == 4
    for one, other in zip(large, small, strict=True):
        assert isinstance(one, Bar)
        assert isinstance(other, Bar)
        assert (one.close, one.volume / 4) == (other.close, other.volume)
    past = told["binance"].rows("bars", "BTCUSDT", Window(now - DAY - 3 * HOUR, now - DAY - 2 * HOUR), "5m")
    assert len(past) == 12
    whole = scaled(emission, 4.0)
    np.testing.assert_array_equal(whole.liquidations.notional, 4.0 * emission.liquidations.notional)


def test_the_seconds_go_on_as_the_clock_does_and_whoever_comes_sees_a_price_and_a_book(
    emission: VenueEmission,
) -> None:
    now = int(emission.ts[0]) + 30 * HOUR + 12_345
    told = ToldMarket(LiveMarket(emission, "BTC", {"bybit": 1.0}, past=2 * DAY), "bybit", now)
    for step in range(0, 20 * MINUTE, 7_000):
        told.detail(now + step)
        told.market.now = now + step
        for table, apart in (("mark_prices", 1_000), ("depth_levels", 5_000), ("trades", 250)):
            rows = told.market.rows(table, "BTCUSDT", Window(now - 30_000, now + step + 1))
            times = sorted({row.ts for row in rows})
            assert now + step - times[-1] <= apart
            assert set(np.diff(times).tolist()) <= {apart}
