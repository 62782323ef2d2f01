"""Frames of the lake: bars of the mark are told, or made of what was recorded whole, and never of less."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_market import lake_market_frame
from powderkeg.maps.map_run import map_run
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.market_rows import Bar, MarkBar, MarketRow, MarkPrice, OpenInterest
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND, duration_text
from powderkeg.model.window import Window
from powderkeg.venues.registry import venue

START = 1_767_225_600_000
STEP = 5 * MINUTE
BARS = 24
TRADED = 100_000.0
WINDOW = Window(START, START + BARS * STEP)
LATER = START + 20 * DAY


class Market:
    """Two hours of bars at one price and open interest at Deribit, and what else is put beside them."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root, create=True)
        self.symbol = venue("deribit").symbol("BTC")
        bars = [
            Bar(START + n * STEP, STEP, TRADED, TRADED, TRADED, TRADED, 50.0, None, None, None)
            for n in range(BARS)
        ]
        self.put("bars", bars, "5m")
        self.put("open_interest", [OpenInterest(bar.ts, 1e3, 1e3, "base", 1, None) for bar in bars])

    def put(
        self, table: str, rows: Sequence[MarketRow], variant: str = "all", covered: Iterable[Window] = ()
    ) -> None:
        key = DatasetKey(table, "deribit", self.symbol, variant)
        self.lake.append(key, rows, received_ts=START, source="live", covered=covered)

    def record(self, *heard: Window, every: int = 10 * SECOND) -> None:
        """Record mark prices in these windows: `price_at` every ten seconds."""
        rows = [
            MarkPrice(ts, price_at(ts), None, None, None)
            for window in heard
            for ts in range(window.start, window.end, every)
        ]
        self.put("mark_prices", rows, covered=heard)

    def frame(self, window: Window = WINDOW) -> MarketFrame:
        return lake_market_frame(self.lake, venue("deribit"), self.symbol, window)


@pytest.fixture
def market(tmp_path: Path) -> Market:
    return Market(tmp_path / "lake")


def price_at(ts: int) -> float:
    """Return a mark that swings by a thousandth within each bar and rises from bar to bar."""
    bar, within = divmod(ts - START, STEP)
    return TRADED * (1 + 1e-4 * bar + 1e-3 * math.sin(2 * math.pi * within / STEP))


def recorded_bar(number: int) -> tuple[float, float, float]:
    """Return high, low and last of a bar's recorded mark prices, by hand."""
    begin = START + number * STEP
    prices = [price_at(ts) for ts in range(begin, begin + STEP, 10 * SECOND)]
    return max(prices), min(prices), prices[-1]


def bars_of(market: Market, numbers: Iterable[int], price: float, length: int = STEP) -> None:
    rows = [MarkBar(START + n * length, length, price, price, price, price) for n in numbers]
    market.put("mark_bars", rows, duration_text(length))


def mark_series(frame: MarketFrame) -> tuple[str, float, int]:
    (series,) = [one for one in frame.series if one.name == "mark_price"]
    return series.source, series.coverage, series.rows


def test_bars_of_the_mark_are_made_of_recorded_mark_prices(market: Market) -> None:
    market.record(WINDOW)
    frame = market.frame()
    expected = np.array([recorded_bar(number) for number in range(BARS)])
    for column, name in enumerate(("mark_high", "mark_low", "mark_close")):
        np.testing.assert_array_equal(getattr(frame, name), expected[:, column], err_msg=name)
    assert not frame.mark_is_last
    assert mark_series(frame) == (f"lake: mark_prices of deribit {market.symbol}", 1.0, BARS)
    told = "24 of 24 bars of the mark are made of recorded mark prices, about 10s apart"
    notes = map_run(frame).map().provenance.notes
    assert any(note.startswith(told) for note in notes)
    assert not any("traded price stands in" in note for note in notes)


def test_a_bar_of_which_a_part_was_recorded_counts_as_missing_and_is_counted(market: Market) -> None:
    # Begun within the third bar, broken off for ten seconds in the eleventh, ended within the twentieth.
    begin, broken, end = START + 2 * STEP + MINUTE, START + 10 * STEP + MINUTE, START + 19 * STEP + MINUTE
    market.record(Window(begin, broken), Window(broken + 10 * SECOND, end))
    frame = market.frame()
    whole = [*range(3, 10), *range(11, 19)]
    expected = np.full(BARS, TRADED)
    expected[whole] = [recorded_bar(number)[2] for number in whole]
    np.testing.assert_array_equal(frame.mark_close, expected)
    assert mark_series(frame)[1] == len(whole) / BARS
    told = "of 3 of 18 bars of the mark only a part was recorded, as mark prices, and they count as missing"
    assert told in frame.notes


def test_what_the_venue_tells_itself_comes_first(market: Market) -> None:
    told = TRADED * 1.01
    bars_of(market, range(12), told)
    bars_of(market, range(5 * 12, 5 * 15), told * 1.001, MINUTE)
    bars_of(market, range(5 * 15 + 1, 5 * 16), told, MINUTE)  # its first minute lacks
    market.record(WINDOW)
    frame = market.frame()
    expected = [told] * 12 + [told * 1.001] * 3 + [recorded_bar(number)[2] for number in range(15, BARS)]
    np.testing.assert_array_equal(frame.mark_close, expected)
    assert mark_series(frame)[0] == f"lake: mark_bars and mark_prices of deribit {market.symbol}"
    assert any(note.startswith("9 of 24 bars of the mark are made of") for note in frame.notes)


def test_told_bars_of_the_whole_window_leave_nothing_to_make_or_to_note(market: Market) -> None:
    bars_of(market, range(BARS), TRADED)
    quiet = market.frame()
    market.record(WINDOW)
    frame = market.frame()
    np.testing.assert_array_equal(frame.mark_close, TRADED)
    assert frame.notes == quiet.notes
    assert mark_series(frame) == mark_series(quiet)
    assert mark_series(frame) == (f"lake: mark_bars of deribit {market.symbol}", 1.0, BARS)


def test_a_window_that_cuts_a_bar_says_nothing_of_what_was_not_asked_for(market: Market) -> None:
    market.record(WINDOW)
    frame = market.frame(Window(START + MINUTE, WINDOW.end - MINUTE))
    assert not any("only a part was recorded" in note for note in frame.notes)
    assert frame.mark_close[-2] == recorded_bar(BARS - 2)[2]


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        ([Window(START, START + STEP)], "1 row; expected two or more"),
        (
            [Window(START, START + STEP), Window(LATER, LATER + 2 * STEP)],
            "of that clock",
        ),
    ],
)
def test_too_little_for_a_clock_leaves_the_traded_prices_and_says_why(
    market: Market, heard: list[Window], reason: str
) -> None:
    market.record(*heard)
    frame = market.frame(Window(START, START + 21 * DAY))
    np.testing.assert_array_equal(frame.mark_close, TRADED)
    assert frame.mark_is_last
    (note,) = [note for note in frame.notes if "recorded mark prices are left out" in note]
    assert reason in note


def test_mark_prices_of_a_time_that_is_not_complete_are_no_bar(market: Market) -> None:
    rows = [MarkPrice(START + n * SECOND, TRADED * 1.01, None, None, None) for n in range(HOUR // SECOND)]
    market.put("mark_prices", rows)
    frame = market.frame()
    np.testing.assert_array_equal(frame.mark_close, TRADED)
    assert any(note.startswith("of 12 of 12 bars of the mark only a part was") for note in frame.notes)
