"""Heatmaps of several venues as one: a column is the map of that time, and who is missing is not zero."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_markets import START, STEP, random_market
from powderkeg.errors import InputError, WindowError
from powderkeg.maps.aggregated_heatmap import AggregatedHeatmap, aggregated_heatmap, known_heatmaps
from powderkeg.maps.aggregated_map import aggregated_map
from powderkeg.maps.heatmap import Heatmap
from powderkeg.maps.heatmap_missing import with_columns_left_out
from powderkeg.maps.heatmap_picture import draw_heatmap
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.maps.picture_cells import heatmap_cells
from powderkeg.model.arrays import BoolArray, FloatArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.provenance import SeriesCoverage
from powderkeg.model.times import HOUR, iso
from powderkeg.model.window import Window

BARS = 480
BASIS = {"large": 1.0, "middle": 1.0123, "small": 0.99}
SIZE = {"large": 1.0, "middle": 0.5, "small": 0.1}
PRICES = ("open", "high", "low", "close", "mark_high", "mark_low", "mark_close")


def frame_of(name: str) -> MarketFrame:
    """Return a market of forty hours at one venue, at its own level of prices and of its own size."""
    frame = random_market(BARS, seed=3)
    prices: dict[str, Any] = {field: getattr(frame, field) * BASIS[name] for field in PRICES}
    return replace(
        frame,
        venue=name,
        open_interest=frame.open_interest * SIZE[name],
        series=(SeriesCoverage("open_interest", "file", frame.start, frame.end, STEP, BARS, 1.0),),
        **prices,
    )


@cache
def run_of(name: str) -> MapRun:
    return map_run(frame_of(name))


@cache
def heatmap_of(name: str) -> Heatmap:
    return run_of(name).heatmap(step="1h")


def without(heatmap: Heatmap, *columns: int) -> Heatmap:
    kept = np.ones(len(heatmap), np.bool_)
    kept[list(columns)] = False
    return heatmap.at_columns(kept)


def summed_by_hand(heatmaps: list[Heatmap], column: int) -> FloatArray:
    """Return longs and shorts of a column added up, shape (2,)."""
    return np.array(
        [
            sum(getattr(one, f"{side}_notional")[column].sum(dtype=np.float64) for one in heatmaps)
            for side in ("long", "short")
        ]
    )


@pytest.fixture(scope="module")
def three() -> AggregatedHeatmap:
    return aggregated_heatmap([heatmap_of(name) for name in ("small", "large", "middle")], "BTC")


def test_a_column_is_the_sum_of_the_maps_of_that_time(three: AggregatedHeatmap) -> None:
    total = three.total
    assert [layer.heatmap.instrument for layer in three.layers] == ["large:BTC", "middle:BTC", "small:BTC"]
    np.testing.assert_array_equal(total.times, heatmap_of("large").times)
    for column in (0, 7, len(total) - 1):
        maps = [run_of(name).map(int(total.times[column])) for name in BASIS]
        expected, found = aggregated_map(maps, "BTC").total, total.map_at(column)
        assert (found.as_of, found.mark_price) == (expected.as_of, expected.mark_price)
        assert found.open_interest == pytest.approx(expected.open_interest, rel=1e-12)
        first = expected.grid.first - found.grid.first
        assert first >= 0
        for side in ("long_notional", "short_notional"):
            mass = getattr(found, side)
            inside = slice(first, first + expected.grid.count)
            np.testing.assert_allclose(
                mass[inside], getattr(expected, side), rtol=1e-5, atol=1e-6 * mass.max(), err_msg=side
            )
            assert mass.sum() == pytest.approx(mass[inside].sum())
    for name in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(total, name), getattr(heatmap_of("large"), name))
    for name in ("predicted_long", "predicted_short", "open_interest"):
        every = sum(getattr(heatmap_of(venue), name) for venue in BASIS)
        np.testing.assert_allclose(getattr(total, name), every, rtol=1e-12)


def test_one_venue_alone_is_its_own_heatmap() -> None:
    own = heatmap_of("middle")
    total = aggregated_heatmap([own], "BTC").total
    first = own.grid.first - total.grid.first
    inside = slice(first, first + own.grid.count)
    np.testing.assert_array_equal(total.long_notional[:, inside], own.long_notional)
    assert total.short_notional.sum(dtype=np.float64) == own.short_notional.sum(dtype=np.float64)
    assert (total.instrument, total.provenance.notes[0][:26]) == ("BTC", "the sum of 1 venues' maps ")


def test_a_venue_that_is_missing_is_left_out_of_the_sum_and_told(three: AggregatedHeatmap) -> None:
    large, middle = heatmap_of("large"), heatmap_of("middle")
    lost = [0, 9, 10]
    summed = aggregated_heatmap([without(large, *lost), middle], "BTC")
    total = summed.total
    assert len(total) == len(large)
    for column in range(len(total)):
        present = [middle] if column in lost else [large, middle]
        mass = [total.long_notional[column].sum(dtype=np.float64), total.short_notional[column].sum()]
        np.testing.assert_allclose(mass, summed_by_hand(present, column), rtol=1e-5)
        assert total.open_interest[column] == sum(one.open_interest[column] for one in present)
        # Prices are those of the largest that is there.
        assert total.mark_price[column] == present[0].mark_price[column]
        assert total.close[column] == present[0].close[column]
    (first, second) = summed.layers
    assert np.flatnonzero(~first.present).tolist() == lost
    assert first.coverage == 1 - 3 / len(total)
    times = large.times
    assert first.missing == (
        Window(int(times[0]) - HOUR, int(times[0])),
        Window(int(times[8]), int(times[10])),
    )
    assert (second.missing, second.coverage) == ((), 1.0)
    np.testing.assert_array_equal(second.basis[lost], 0.0)
    np.testing.assert_allclose(np.delete(second.basis, lost), BASIS["middle"] - 1, rtol=1e-9)

    told = summed.as_json()
    assert [index for index, column in enumerate(told["columns"]) if column["missing"]] == lost
    assert told["columns"][9]["missing"] == ["large:BTC"]
    assert told["layers"][0]["missing"][1] == {"start": iso(int(times[8])), "end": iso(int(times[10]))}
    assert len(told["layers"][0]["columns"]) == len(total) - 3
    assert told["layers"][0]["coverage"] == first.coverage
    assert told["layers"][1]["columns"][9]["basis"] == 0.0
    notes = total.provenance.notes
    assert any(note.startswith("large:BTC: 66.") and f"in {len(total) - 3} of" in note for note in notes)
    assert three.as_json()["columns"][9]["missing"] == []


def test_what_is_noted_of_one_venue_is_not_told_of_all(three: AggregatedHeatmap) -> None:
    own = heatmap_of("small")
    noted = replace(own, provenance=replace(own.provenance, notes=(*own.provenance.notes, "of its own")))
    notes = aggregated_heatmap([heatmap_of("large"), noted], "BTC").total.provenance.notes
    assert "small:BTC: of its own" in notes
    assert all(notes.count(note) == 1 for note in own.provenance.notes)


def test_a_time_at_which_nobody_is_known_has_no_column() -> None:
    summed = aggregated_heatmap([without(heatmap_of(name), 4, 5) for name in ("large", "small")], "BTC")
    times = heatmap_of("large").times
    np.testing.assert_array_equal(summed.total.times, np.delete(times, [4, 5]))
    assert summed.total.column_length == HOUR
    assert [layer.coverage for layer in summed.layers] == [1.0, 1.0]
    assert [layer.missing for layer in summed.layers] == [(Window(int(times[3]), int(times[5])),)] * 2
    assert "2 columns in between are left out: no venue is known there" in summed.total.provenance.notes


def test_kinds_and_widths_are_never_mixed_and_nothing_is_no_sum() -> None:
    large, small = heatmap_of("large"), heatmap_of("small")
    measured = replace(small, provenance=replace(small.provenance, kind="measured"))
    with pytest.raises(InputError, match="kind is measured, modelled; expected one kind"):
        aggregated_heatmap([large, measured], "BTC")
    coarse = replace(small, grid=replace(small.grid, width=0.002))
    with pytest.raises(InputError, match=r"bin width is 0\.001, 0\.002; expected one"):
        aggregated_heatmap([large, coarse], "BTC")
    for nothing in ([], [without(large, *range(len(large)))]):
        with pytest.raises(InputError, match="none given"):
            aggregated_heatmap(nothing, "BTC")


# Where a venue is known


def test_a_venue_is_known_where_its_bars_and_its_open_interest_are() -> None:
    whole = frame_of("large")
    # No bar from the 20th to the 23rd hour; open interest that stands still from the 30th on.
    valid = whole.valid & ~((whole.ts >= START + 20 * HOUR) & (whole.ts < START + 23 * HOUR))
    age = whole.open_interest_age.copy()
    still = whole.ts >= START + 30 * HOUR
    age[still] = STEP * np.arange(np.count_nonzero(still))
    interest = np.where(still, whole.open_interest[~still][-1], whole.open_interest)
    prices: dict[str, Any] = {name: np.where(valid, getattr(whole, name), np.nan) for name in PRICES}
    broken = replace(
        whole, venue="middle", valid=valid, open_interest_age=age, open_interest=interest, **prices
    )
    (one, other), without = known_heatmaps([map_run(whole), map_run(broken)], step="1h")
    assert without == {}
    np.testing.assert_array_equal(one.times, heatmap_of("large").times)
    hours = ((np.setdiff1d(one.times, other.times) - START) // HOUR).tolist()
    # The bar that ends at 31:00 has interest of 55 minutes before, the one that ends at 32:00 of 115.
    assert hours == [21, 22, 23, *range(32, 41)]


def test_interest_that_comes_seldom_is_known_for_two_of_its_cadences() -> None:
    frame = frame_of("large")
    age = np.where(frame.open_interest_age < 0, -1, (frame.ts - START) % (4 * HOUR))
    (often,) = frame.series
    seldom = replace(frame, open_interest_age=age, series=(replace(often, cadence=4 * HOUR),))
    ((known,), _) = known_heatmaps([map_run(seldom)], step="1h")
    np.testing.assert_array_equal(known.times, heatmap_of("large").times)
    ((known,), _) = known_heatmaps([map_run(replace(seldom, series=(often,)))], step="1h")
    assert set(((known.times - START) // HOUR % 4).tolist()) == {1}


def test_all_stand_on_one_axis_and_who_comes_late_begins_late() -> None:
    late = run_of("small").frame
    late = replace(late, open_interest=np.where(late.ts < START + 25 * HOUR, np.nan, late.open_interest))
    late = replace(late, open_interest_age=np.where(np.isfinite(late.open_interest), 0, -1))
    known, without = known_heatmaps([map_run(late), run_of("large")], START + 2 * HOUR)
    assert without == {}
    one, other = sorted(known, key=len, reverse=True)
    assert one.column_length == other.column_length == STEP
    assert int(one.times[0]) == START + 2 * HOUR
    assert int(other.times[0]) == START + 25 * HOUR + STEP
    assert set(other.times) <= set(one.times)
    (_, layer) = aggregated_heatmap(known, "BTC").layers
    assert layer.missing[0] == Window(START + 2 * HOUR - STEP, int(other.times[0]) - STEP)


def test_a_venue_without_a_column_is_named_with_the_reason() -> None:
    gone = run_of("small").frame.rows(0, 60)
    never = replace(run_of("middle").frame, open_interest=np.full(BARS, np.nan))
    runs = [map_run(gone), map_run(never), run_of("large")]
    known, without = known_heatmaps(runs, START + 20 * HOUR, "1h")
    assert [one.instrument for one in known] == ["large:BTC"]
    assert "is not after the start" in without["small:BTC"]
    assert "no bar has both a price and a known open interest" in without["middle:BTC"]
    with pytest.raises(WindowError, match=r"small:BTC: .*; middle:BTC: |middle:BTC: .*; small:BTC: "):
        known_heatmaps(runs[:2], START + 20 * HOUR, "1h")
    with pytest.raises(WindowError, match="before the first known open interest of any venue"):
        known_heatmaps(runs, START - HOUR)


# The picture


def cells(heatmap: Heatmap, hours: BoolArray | slice = slice(None)) -> FloatArray:
    """Return the cells of an hour each, of the times of the whole heatmap."""
    times = heatmap_of("large").times
    edges = np.append(times, times[-1] + HOUR).astype(np.float64)
    prices = np.geomspace(80_000, 120_000, 50)
    return np.asarray(heatmap_cells(heatmap, prices, edges, HOUR)[:, hours])


def test_columns_left_out_are_empty_and_leave_their_neighbours_as_they_are() -> None:
    whole = heatmap_of("large")
    filled, unknown = with_columns_left_out(without(whole, 4, 5))
    np.testing.assert_array_equal(filled.times, whole.times)
    np.testing.assert_array_equal(unknown, whole.times[[4, 5]])
    assert np.isnan(filled.mark_price[[4, 5]]).all()
    kept = ~np.isin(whole.times, unknown)
    np.testing.assert_allclose(cells(filled, kept), cells(whole, kept), rtol=1e-9)
    assert not cells(filled, ~kept).any()
    assert cells(whole, ~kept).any()
    same, none = with_columns_left_out(whole)
    assert same is whole
    assert not none.size


def test_the_picture_names_venues_shares_and_where_who_is_missing(tmp_path: Path) -> None:
    large, middle = without(heatmap_of("large"), 6, 7), without(heatmap_of("middle"), 7, *range(20, 30))
    summed = aggregated_heatmap([large, middle], "BTC")
    path = tmp_path / "sum.png"
    figure = summed.plot(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    said = "\n".join(text.get_text() for text in figure.texts)
    assert "BTC · liquidation heatmap, modelled" in said
    columns = len(summed.total)
    one, other = (int(1000 * (columns - lost) / columns) / 10 for lost in (1, 10))
    assert f"large 66% (in {one:.1f}%) · middle 34% (in {other:.1f}%)" in said
    main = figure.axes[0]
    assert [text.get_text() for text in main.texts if "without" in text.get_text()] == [
        "without large",
        "without middle",
    ]
    assert sum(patch.get_hatch() is not None for patch in main.patches) == 1
    plain = draw_heatmap(heatmap_of("large"))
    assert not any("share of open interest" in text.get_text() for text in plain.texts)
    assert not any("without" in text.get_text() for text in plain.axes[0].texts)
