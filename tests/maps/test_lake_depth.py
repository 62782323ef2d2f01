"""Depth of a lake: the freshest that is there, nothing later, and never a guess that passes for a count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from powderkeg.core.impact_law import LAW_FACTOR
from powderkeg.errors import InputError, WindowError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_depth import (
    BANDS_AGE,
    BARS_AGE,
    BOOK_AGE,
    LakeDepth,
    lake_combined_depth,
    lake_depth,
)
from powderkeg.model.depth_curve import Direction
from powderkeg.model.market_rows import Bar, BookSide, DepthBand, DepthLevel, MarketRow
from powderkeg.model.times import DAY, HOUR, MINUTE, SECOND, duration_text

NOON = 1_770_724_800_000
VENUE, SYMBOL = "binance", "BTCUSDT"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def put(
    lake: Lake,
    table: str,
    rows: Sequence[MarketRow],
    *,
    variant: str = "all",
    received: int = 0,
    venue: str = VENUE,
) -> None:
    lake.append(DatasetKey(table, venue, SYMBOL, variant), rows, received_ts=received or NOON, source="live")


def put_book(lake: Lake, ts: int, quantity: float = 1.0, venue: str = VENUE, received: int = 0) -> None:
    """Write 20 levels a side, a cent apart around 100."""
    sides: tuple[tuple[BookSide, int], ...] = (("bid", -1), ("ask", 1))
    rows = [
        DepthLevel(ts, side, level, 100 + sign * (level + 1) / 100, quantity)
        for side, sign in sides
        for level in range(20)
    ]
    put(lake, "depth_levels", rows, venue=venue, received=received)


def put_bands(lake: Lake, ts: int, held: float = 1e4, price: float = 100.0) -> None:
    rows = [
        DepthBand(ts, sign * step / 100, held * step / price, held * step)
        for sign in (-1, 1)
        for step in (1, 2, 3, 4, 5)
    ]
    put(lake, "depth_bands", rows)


def put_bars(lake: Lake, end: int, *, step: int = 5 * MINUTE, count: int = 100, without: int = -1) -> None:
    generator = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.001, count)))
    close = close / close[-1] * 100
    rows = [
        Bar(end - (count - n) * step, step, price, price, price, price, 50.0, None, None, None)
        for n, price in enumerate(close.tolist())
        if n != without
    ]
    put(lake, "bars", rows, variant=duration_text(step))


def depth(lake: Lake, at: int = NOON, direction: Direction = -1, **changed: float | None) -> LakeDepth:
    return lake_depth(lake, VENUE, SYMBOL, direction, at, **changed)  # type: ignore[arg-type]


def test_a_short_book_is_used_as_far_as_it_reaches_and_bands_say_what_lies_beyond(lake: Lake) -> None:
    put_book(lake, NOON - 10 * SECOND)
    put_bands(lake, NOON - 30 * SECOND)
    put_bars(lake, NOON)
    for direction, side in ((-1, "bids"), (1, "asks")):
        found = depth(lake, direction=direction)  # type: ignore[arg-type]
        assert (found.curve.kind, found.factor, found.age) == ("bands", 1.0, 30 * SECOND)
        assert found.curve.source == (
            "book of 20 bids and 20 asks of binance BTCUSDT, 10s old; beyond 0.200%: depth bands of binance "
            "BTCUSDT, 30s old"
        ), side
        assert found.notes == ()
        # The nearest twenty levels are those of the book.
        assert found.curve.absorbed[found.curve.displacement < 0.00205].max() == pytest.approx(2000, rel=0.01)
        assert found.curve.absorbed[-1] == pytest.approx(2000 + 5e4 - 2e3 * 0.99, rel=0.05)


def test_without_bands_the_law_says_it_and_its_uncertainty_comes_along(lake: Lake) -> None:
    put_book(lake, NOON)
    put_bars(lake, NOON - 5 * MINUTE)
    found = depth(lake)
    assert (found.curve.kind, found.factor, found.age) == ("law", LAW_FACTOR, 5 * MINUTE)
    assert "impact law of 100 bars of 5m" in found.curve.source
    assert found.notes == ("depth_bands: none in the 10m before 2026-02-10T12:00:00Z",)


def test_bars_alone_are_a_law_and_never_a_book(lake: Lake) -> None:
    put_bars(lake, NOON, without=40)
    found = depth(lake)
    assert (found.curve.kind, found.factor) == ("law", LAW_FACTOR)
    assert len(found.notes) == 2
    # 50 a bar at about 100 make 1.44 million a day; in a minute 1,000, absorbed within a minute's volatility.
    knee = 0.001 * np.sqrt(1 / 5)
    at_knee = np.interp(knee, found.curve.displacement, found.curve.absorbed)
    assert at_knee == pytest.approx(1_000, rel=0.4)


def test_a_recording_that_has_just_begun_does_not_hide_the_bars_of_before(lake: Lake) -> None:
    put_bars(lake, NOON - 5 * MINUTE)
    put_bars(lake, NOON, step=MINUTE, count=12)
    assert "impact law of 100 bars of 5m" in depth(lake).curve.source


def test_a_book_alone_ends_where_it_ends(lake: Lake) -> None:
    put_book(lake, NOON)
    found = depth(lake)
    assert (found.curve.kind, found.curve.tail_exponent) == ("book", None)
    assert any(note.startswith("bars: none that ended in the 1h before") for note in found.notes)


def test_each_kind_has_a_limit_of_age(lake: Lake) -> None:
    put_book(lake, NOON)
    put_bands(lake, NOON)
    put_bars(lake, NOON)
    assert depth(lake, NOON + BOOK_AGE).curve.source.startswith("book")
    assert depth(lake, NOON + BOOK_AGE + 1).curve.source.startswith("depth bands")
    assert depth(lake, NOON + BANDS_AGE + 1).curve.kind == "law"
    with pytest.raises(WindowError, match=r"depth of binance BTCUSDT: none at .*depth_levels: none"):
        depth(lake, NOON + BARS_AGE + 1)
    assert depth(lake, NOON + DAY, bars_age=2 * DAY).age == DAY


def test_an_empty_lake_has_no_depth_and_says_how_to_get_some(lake: Lake) -> None:
    with pytest.raises(WindowError, match=r"`powderkeg record binance` brings books, `powderkeg backfill"):
        depth(lake)


def test_nothing_of_later_is_looked_at(lake: Lake) -> None:
    put_book(lake, NOON - 20 * SECOND)
    put_bars(lake, NOON)
    before = depth(lake)
    put_book(lake, NOON + 1, quantity=100.0)
    put_bands(lake, NOON + 1)
    put_bars(lake, NOON + 5 * MINUTE, count=1)
    after = depth(lake)
    np.testing.assert_array_equal(before.curve.absorbed, after.curve.absorbed)
    assert (before.curve.source, before.notes) == (after.curve.source, after.notes)


def test_a_bar_that_has_not_ended_says_nothing(lake: Lake) -> None:
    put_bars(lake, NOON + 1)
    assert "of 99 bars" in depth(lake).curve.source


def test_what_was_learned_later_counts_only_where_that_is_allowed(lake: Lake) -> None:
    put_book(lake, NOON - 1, received=NOON + HOUR)
    assert depth(lake).curve.kind == "book"
    with pytest.raises(WindowError, match="depth_levels: none"):
        depth(lake, learned_by=NOON)
    assert depth(lake, learned_by=NOON + HOUR).curve.kind == "book"


def test_a_one_sided_or_crossed_book_is_refused_by_name_and_the_next_kind_used(lake: Lake) -> None:
    put(lake, "depth_levels", [DepthLevel(NOON, "bid", 0, 100.0, 1.0)])
    put_bars(lake, NOON)
    found = depth(lake)
    assert found.curve.kind == "law"
    assert found.notes[0] == "asks: no levels; expected a book with both sides"
    sides: tuple[tuple[BookSide, float], ...] = (("bid", 100.0), ("ask", 99.0))
    put(lake, "depth_levels", [DepthLevel(NOON + 1, side, 0, price, 1.0) for side, price in sides])
    assert depth(lake, NOON + 1).notes[0].startswith("book: crossed, best bid 100 and best ask 99")


def test_bands_of_another_price_are_refused_by_the_last_close(lake: Lake) -> None:
    put_bands(lake, NOON, price=80.0)
    put_bars(lake, NOON)
    found = depth(lake)
    assert found.curve.kind == "law"
    assert "the bands are of another price than their time" in found.notes[1]


def test_only_one_snapshot_is_read_and_it_is_the_last(lake: Lake) -> None:
    put_book(lake, NOON - 30 * SECOND, quantity=50.0)
    put_book(lake, NOON - 20 * SECOND, quantity=2.0)
    curve = depth(lake).curve
    assert curve.as_of == NOON - 20 * SECOND
    assert curve.absorbed[-1] == pytest.approx(2 * sum(100 - n / 100 for n in range(1, 21)))


def test_venues_add_up_and_one_without_depth_is_named(lake: Lake) -> None:
    put_book(lake, NOON)
    put_book(lake, NOON - SECOND, quantity=3.0, venue="bybit")
    asked = [(VENUE, SYMBOL), ("bybit", SYMBOL), ("okx", SYMBOL)]
    found = lake_combined_depth(lake, asked, -1, NOON)
    alone = depth(lake).curve
    assert found.curve.absorbed[-1] == pytest.approx(4 * alone.absorbed[-1])
    assert (found.age, found.curve.kind) == (SECOND, "book")
    assert any(note.startswith("depth of okx BTCUSDT: none at") for note in found.notes)
    with pytest.raises(WindowError, match="okx"):
        lake_combined_depth(lake, asked[2:], -1, NOON)
    with pytest.raises(InputError, match="instruments: none"):
        lake_combined_depth(lake, [], -1, NOON)


def test_a_direction_that_is_none_is_refused(lake: Lake) -> None:
    with pytest.raises(InputError, match="direction is 0; expected -1 or 1"):
        depth(lake, direction=0)  # type: ignore[arg-type]
