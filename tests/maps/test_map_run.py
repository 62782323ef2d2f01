"""From a frame to maps, heatmaps and predicted liquidations."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from made_markets import STEP, flat_market, random_market
from powderkeg.core.named_models import NAMED_MODELS, model_parameters
from powderkeg.errors import InputError, WindowError
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.model.worlds_parameters import WorldsParameters


@pytest.fixture(scope="module")
def run() -> MapRun:
    return map_run(random_market(3_000, seed=4))


@pytest.mark.parametrize("name", NAMED_MODELS)
def test_no_map_ever_exceeds_open_interest_on_a_side(name: str) -> None:
    heatmap = map_run(random_market(3_000, seed=4), name).heatmap(step="1h")
    for notional in (heatmap.long_notional, heatmap.short_notional):
        share = notional.sum(axis=1, dtype=np.float64) / heatmap.open_interest
        assert share.max() <= 1 + 1e-5
        assert notional.min() >= 0


def test_each_side_with_its_inert_part_is_the_open_interest(run: MapRun) -> None:
    result = run.map()
    inert_long, inert_short = result.inert_notional
    assert result.long_notional.sum() + inert_long == pytest.approx(result.open_interest)
    assert result.short_notional.sum() + inert_short == pytest.approx(result.open_interest)
    assert inert_long / result.open_interest == pytest.approx(run.parameters.inert_share[0], rel=1e-6)


def test_longs_stand_below_the_mark_and_shorts_above(run: MapRun) -> None:
    result = run.map()
    edges = result.grid.edges
    assert edges[1:][result.long_notional > 0].max() <= result.mark_price
    assert edges[:-1][result.short_notional > 0].min() >= result.mark_price


def test_a_map_knows_nothing_that_comes_after_it(run: MapRun) -> None:
    frame = run.frame
    at = frame.start + 1_234 * STEP
    early = run.map(at)
    truncated = map_run(frame.rows(0, 1_234)).map()
    assert early.as_of == truncated.as_of == at
    np.testing.assert_array_equal(early.long_notional, truncated.long_notional)
    np.testing.assert_array_equal(early.short_notional, truncated.short_notional)


def test_a_time_inside_a_bar_uses_only_bars_that_have_ended(run: MapRun) -> None:
    at = run.frame.start + 1_234 * STEP
    assert run.map(at + STEP - 1).as_of == at


def test_history_does_not_repaint(run: MapRun) -> None:
    short = run.heatmap(end=run.frame.start + 5 * DAY, step="1h")
    long = run.heatmap(end=run.frame.start + 8 * DAY, step="1h")
    shift = short.grid.first - long.grid.first
    overlap = long.long_notional[: len(short), shift : shift + short.grid.count]
    np.testing.assert_array_equal(overlap, short.long_notional)


def test_a_column_of_the_heatmap_is_the_map_of_its_time(run: MapRun) -> None:
    heatmap = run.heatmap(step="6h")
    for column in (0, 7, -1):
        single, cell = run.map(int(heatmap.times[column])), heatmap.map_at(column)
        assert cell.as_of == single.as_of
        assert cell.mark_price == single.mark_price
        assert cell.long_notional.sum() == pytest.approx(single.long_notional.sum(), rel=1e-5)
        assert cell.liquidated_if(single.mark_price * 0.9).notional == pytest.approx(
            single.liquidated_if(single.mark_price * 0.9).notional, rel=1e-4
        )


def test_candles_of_a_heatmap_cover_the_bars_between_its_columns(run: MapRun) -> None:
    heatmap, frame = run.heatmap(step="1h"), run.frame
    column = 50
    stop = (int(heatmap.times[column]) - frame.start) // STEP
    bars = slice(stop - 12, stop)
    assert heatmap.high[column] == np.nanmax(frame.high[bars])
    assert heatmap.low[column] == np.nanmin(frame.low[bars])
    assert heatmap.open[column] == frame.open[bars][frame.valid[bars]][0]
    assert heatmap.close[column] == frame.close[bars][frame.valid[bars]][-1]


def test_a_column_without_any_bar_has_no_candle_and_keeps_the_map() -> None:
    frame = random_market(600, seed=1, holes=0.0)
    valid = frame.valid.copy()
    valid[300:324] = False
    hole = {
        name: np.where(valid, getattr(frame, name), np.nan)
        for name in ("open", "high", "low", "close", "volume", "mark_high", "mark_low", "mark_close")
    }
    heatmap = map_run(replace(frame, valid=valid, **hole)).heatmap(step="1h")  # type: ignore[arg-type]
    column = int(np.flatnonzero(heatmap.times == frame.start + 312 * STEP)[0])
    assert np.isnan(heatmap.high[column])
    np.testing.assert_array_equal(heatmap.long_notional[column], heatmap.long_notional[column - 1])
    assert heatmap.mark_price[column] == frame.close[299]


def test_predicted_liquidations_agree_however_they_are_asked_for(run: MapRun) -> None:
    heatmap = run.heatmap(step="1d")
    totals = run.predicted_liquidations(heatmap.times)
    np.testing.assert_allclose(totals.long_notional, heatmap.predicted_long[1:], rtol=1e-9)
    np.testing.assert_allclose(totals.short_notional, heatmap.predicted_short[1:], rtol=1e-9)


def test_an_interval_without_bars_predicts_nothing_known() -> None:
    frame = flat_market(30)
    valid = np.ones(30, np.bool_)
    valid[10:20] = False
    edges = frame.start + np.array([0, 10, 20, 30]) * frame.step
    totals = map_run(replace(frame, valid=valid)).predicted_liquidations(edges)
    np.testing.assert_array_equal(np.isnan(totals.long_notional), [False, True, False])


def test_weights_change_without_running_again(run: MapRun) -> None:
    again, fresh = run.reweighted("diffuse").map(), map_run(run.frame, "diffuse").map()
    np.testing.assert_array_equal(again.long_notional, fresh.long_notional)
    assert again.provenance.parameter_hash == fresh.provenance.parameter_hash
    with pytest.raises(InputError, match="'fixed_tiers' has other distance or turnover classes"):
        run.reweighted("fixed_tiers")


def test_layers_times_weights_are_the_map(run: MapRun) -> None:
    grid, layers = run.layers()
    result = run.map()
    combined = np.einsum("sdtn,sdt->sn", layers, run.parameters.weights)
    shift = result.grid.first - grid.first
    np.testing.assert_allclose(combined[0, shift : shift + result.grid.count], result.long_notional)


def test_the_parameter_hash_tells_models_apart() -> None:
    hashes = {model_parameters(name).parameter_hash for name in NAMED_MODELS}
    assert len(hashes) == len(NAMED_MODELS)
    parameters = model_parameters("worlds")
    changed = parameters.reweighted(parameters.weights * 0.999, name="worlds", source="test")
    assert changed.parameter_hash != parameters.parameter_hash


def test_the_json_object_has_what_scripts_rely_on(run: MapRun) -> None:
    found = json.loads(json.dumps(run.map().as_json()))
    assert found["instrument"] == "BTC"
    assert found["kind"] == "modelled"
    assert found["model"] == "worlds"
    assert found["as_of"] == iso(run.frame.end)
    assert set(found["bins"][0]) == {"price_low", "price_high", "long_notional", "short_notional"}
    assert {"side", "price_low", "price_high", "price_peak", "notional", "distance"} <= set(
        found["clusters"][0]
    )
    assert [balance["range"] for balance in found["imbalance"]] == [0.01, 0.02, 0.05, 0.1]
    assert found["provenance"]["parameter_hash"] == run.parameters.parameter_hash
    assert sum(b["long_notional"] for b in found["bins"]) <= found["open_interest"] * (1 + 1e-9)
    lows, highs = ([b[name] for b in found["bins"]] for name in ("price_low", "price_high"))
    np.testing.assert_allclose(lows[1:], highs[:-1])


def test_polars_and_xarray_hold_the_same_numbers(run: MapRun) -> None:
    result, heatmap = run.map(), run.heatmap(step="1d")
    table = result.to_polars()
    assert table["long_notional"].sum() == pytest.approx(result.long_notional.sum())
    assert table["cumulative_long_notional"].max() == pytest.approx(result.long_notional.sum())
    assert float(result.to_xarray()["short_notional"].sum()) == pytest.approx(result.short_notional.sum())
    cells = heatmap.to_polars()
    assert cells["long_notional"].cast(float).sum() == pytest.approx(
        heatmap.long_notional.sum(dtype=np.float64), rel=1e-6
    )
    assert heatmap.to_xarray().sizes == {"as_of": len(heatmap), "price": heatmap.grid.count}


def test_liquidated_if_reads_the_side_off_the_price(run: MapRun) -> None:
    result = run.map()
    below, above = (result.liquidated_if(result.mark_price * factor) for factor in (0.9, 1.1))
    assert (below.position_side, above.position_side) == ("long", "short")
    assert result.liquidated_if(result.mark_price).notional == 0.0
    assert below.share == pytest.approx(below.notional / result.open_interest)
    price = result.price_liquidating(below.notional, "long")
    assert price == pytest.approx(result.mark_price * 0.9, rel=1e-3)
    assert result.liquidated_if(1e-9).notional == pytest.approx(result.long_notional.sum())


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(run: MapRun, price: float) -> None:
    with pytest.raises(InputError, match="is not a positive price"):
        run.map().liquidated_if(price)


def test_times_outside_the_data_are_refused(run: MapRun) -> None:
    with pytest.raises(WindowError, match=r"at: 2030-01-01T00:00:00Z is after the data"):
        run.map("2030-01-01")
    with pytest.raises(WindowError, match="at: .* is before the first bar has ended"):
        run.map(run.frame.start)
    with pytest.raises(WindowError, match="there is no open interest yet; it is first known"):
        run.map(run.frame.start + 10 * STEP)
    with pytest.raises(WindowError, match="start: .* is before the first known open interest"):
        run.heatmap(start=run.frame.start)
    with pytest.raises(WindowError, match="end: .* is not after the start"):
        run.heatmap(start="2025-01-05", end="2025-01-04")
    with pytest.raises(WindowError, match="is after the data"):
        run.heatmap(end="2030-01-01")


def test_steps_that_do_not_fit_are_refused(run: MapRun) -> None:
    with pytest.raises(InputError, match="step: 7m is not a multiple of the bars' 5m"):
        run.heatmap(step="7m")
    with pytest.raises(WindowError, match="step: no multiple of 1w lies between"):
        run.heatmap(start="2025-01-03", end="2025-01-05", step="1w")


def test_stale_open_interest_is_refused_with_the_last_fresh_time() -> None:
    frame = random_market(3_000, seed=2)
    age = frame.open_interest_age.copy()
    age[1_000:] = (np.arange(2_000) + 1) * STEP
    with pytest.raises(WindowError, match=r"open interest is 6\.9 days old; the last fresh one is at"):
        map_run(replace(frame, open_interest_age=age)).map()


def test_weights_that_explain_more_than_everything_are_refused() -> None:
    parameters = model_parameters("worlds")
    with pytest.raises(InputError, match="more than all open interest"):
        WorldsParameters(
            "bad",
            parameters.nearest,
            parameters.farthest,
            parameters.turnover,
            parameters.weights * 2,
            parameters.bin_width,
            "test",
        )


def test_the_default_step_gives_a_readable_number_of_columns(run: MapRun) -> None:
    heatmap = run.heatmap()
    assert len(heatmap) <= 1_501
    assert heatmap.column_length == 15 * 60_000
    assert run.heatmap(step="1h").column_length == HOUR


def test_a_heatmap_says_that_its_last_column_is_not_the_end(run: MapRun) -> None:
    end = run.frame.end
    whole = run.heatmap(end - 6 * HOUR, end - HOUR, "1h")
    assert (whole.times[-1] == end - HOUR) == (end % HOUR == 0)
    notes = run.heatmap(end - 6 * HOUR, end // HOUR * HOUR - STEP, "1h").provenance.notes
    assert any("columns stand at whole multiples of 1h" in note for note in notes)
    aligned = run.heatmap(end - 6 * HOUR, end // HOUR * HOUR, "1h").provenance.notes
    assert not any("columns stand at whole multiples" in note for note in aligned)


def test_a_map_says_how_old_its_open_interest_is_and_when_it_is_stale() -> None:
    fresh = map_run(random_market(600, seed=1))
    assert any("the last open interest was known at" in note for note in fresh.map().provenance.notes)
    frame = fresh.frame
    aged = replace(frame, open_interest_age=np.where(frame.ts >= frame.ts[300], 20 * HOUR, 0))
    stale = [note for note in map_run(aged).map().provenance.notes if note.startswith("STALE: ")]
    assert len(stale) == 1
    assert "20h earlier" in stale[0]


def test_a_map_of_an_earlier_time_says_that_its_inputs_reach_further(run: MapRun) -> None:
    early = run.map(run.frame.start + 1_234 * STEP).provenance.notes
    assert any("inputs are described up to the end of the data" in note for note in early)
    assert not any("inputs are described" in note for note in run.map().provenance.notes)


def test_a_moment_inside_the_bar_after_the_data_is_no_future(run: MapRun) -> None:
    assert run.map(run.frame.end + STEP - 1).as_of == run.frame.end
    with pytest.raises(WindowError, match="is after the data"):
        run.map(run.frame.end + STEP)


def test_names_and_numbers_that_cannot_be_are_refused(run: MapRun) -> None:
    with pytest.raises(InputError, match="^limit: -1 clusters"):
        run.map().clusters(-1)
    with pytest.raises(InputError, match="^kernel: 'fortran'; expected one of numba, numpy"):
        map_run(run.frame, kernel="fortran")  # type: ignore[arg-type]
