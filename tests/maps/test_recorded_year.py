"""The recorded year of BTC: invariants at scale, and the two crashes in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from powderkeg.analytics.comparison import comparison
from powderkeg.core import worlds
from powderkeg.core.named_models import NAMED_MODELS, model_parameters
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.times import DAY, milliseconds
from powderkeg.model.worlds_parameters import LONG, SHORT
from recorded_market import recorded_market


@pytest.fixture(scope="module")
def frame(shared: Path) -> MarketFrame:
    return recorded_market(shared, "BTC")


@pytest.fixture(scope="module")
def run(frame: MarketFrame) -> MapRun:
    return map_run(frame)


@pytest.mark.parametrize("name", NAMED_MODELS)
def test_every_hour_of_the_year_keeps_its_open_interest(frame: MarketFrame, name: str) -> None:
    run = map_run(frame, name)
    heatmap = run.heatmap(step="1h")
    assert len(heatmap) > 8_000
    mapped = 1 - np.array(run.parameters.inert_share)
    for side, notional in ((LONG, heatmap.long_notional), (SHORT, heatmap.short_notional)):
        share = notional.sum(axis=1, dtype=np.float64) / heatmap.open_interest
        np.testing.assert_allclose(share, mapped[side], rtol=1e-4)
        assert notional.min() >= 0.0
    low, high = heatmap.grid.edges[:-1], heatmap.grid.edges[1:]
    highest_long = np.array([high[row > 0].max() for row in heatmap.long_notional])
    lowest_short = np.array([low[row > 0].min() for row in heatmap.short_notional])
    last_bar = (heatmap.times - frame.start) // frame.step - 1
    assert (highest_long <= frame.low[last_bar] * (1 + 1e-9)).all()
    assert (lowest_short >= frame.high[last_bar] * (1 - 1e-9)).all()


def test_kernels_agree_through_the_october_crash(run: MapRun, frame: MarketFrame) -> None:
    start = (milliseconds("2025-10-10T18:00Z") - frame.start) // frame.step
    at, state = run._checkpoint(int(start))
    before = worlds.run(state, frame.rows(at, int(start))).state
    crash = frame.rows(int(start), int(start) + 96)
    fast, slow = (worlds.run(before, crash, kernel=kernel) for kernel in ("numba", "numpy"))
    np.testing.assert_allclose(fast.predicted, slow.predicted, rtol=1e-6, atol=1.0)
    np.testing.assert_allclose(
        worlds.standing_quantity(fast.state), worlds.standing_quantity(slow.state), rtol=1e-6, atol=1e-6
    )


def test_a_year_cut_into_pieces_is_the_same_year(frame: MarketFrame) -> None:
    parameters = model_parameters("worlds")
    whole = worlds.run(worlds.init(parameters), frame)
    state, predicted = worlds.init(parameters), []
    for start, stop in ((0, 7), (7, 20_001), (20_001, 81_317), (81_317, len(frame))):
        part = worlds.run(state, frame.rows(start, stop))
        state = part.state
        predicted.append(part.predicted)
    np.testing.assert_array_equal(np.concatenate(predicted), whole.predicted)
    mass, mass_whole = worlds.standing_quantity(state), worlds.standing_quantity(whole.state)
    shift = state.grid.first - whole.state.grid.first
    np.testing.assert_array_equal(mass, mass_whole[..., shift : shift + state.bins])
    assert mass.sum() == pytest.approx(mass_whole.sum())


@pytest.mark.parametrize(
    ("before", "after", "low"),
    [
        ("2025-10-10T20:45Z", "2025-10-10T21:25Z", 101_516.5),
        ("2026-02-05T00:00Z", "2026-02-06T00:20Z", 59_800.0),
    ],
)
def test_levels_that_a_crash_swept_are_gone(run: MapRun, before: str, after: str, low: float) -> None:
    standing, left = run.map(before), run.map(after)
    swept = standing.liquidated_if(low * 1.001)
    assert swept.share > 0.05
    edges = left.grid.edges
    crossed = (edges[1:] > low * 1.001) & (edges[:-1] < standing.mark_price)
    assert left.long_notional[crossed].sum() == 0.0
    hours = run.predicted_liquidations(np.array([standing.as_of, left.as_of]))
    assert hours.long_notional[0] > 0.5 * swept.notional


def test_a_map_before_the_crash_does_not_know_of_it(shared: Path, run: MapRun, frame: MarketFrame) -> None:
    at = milliseconds("2025-10-10T20:45Z")
    known = map_run(frame.rows(0, frame.rows_known_at(at))).map()
    np.testing.assert_array_equal(run.map(at).long_notional, known.long_notional)


def test_the_two_crashes_are_the_largest_days_of_long_liquidations(run: MapRun, frame: MarketFrame) -> None:
    first = milliseconds("2025-03-10")
    days = np.arange(first, frame.end, DAY, dtype=np.int64)
    totals = run.predicted_liquidations(days)
    largest = {int(totals.start[i]) for i in np.argsort(totals.long_notional)[-3:]}
    assert {milliseconds("2025-10-10"), milliseconds("2026-02-05")} <= largest


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL"])
def test_fixed_tiers_and_worlds_beside_the_recorded_days(shared: Path, coin: str) -> None:
    result = comparison(recorded_market(shared, coin), ["worlds", "fixed_tiers", "diffuse"])
    rows = {(row.model, row.side): row for row in result.rows}
    assert len(result.start) >= 29
    for side in ("long", "short"):
        worlds_row, tiers_row = rows["worlds", side], rows["fixed_tiers", side]
        assert worlds_row.ratio is not None
        assert tiers_row.ratio is not None
        # The ladder of leverages over-predicts by more than an order of magnitude, on every coin and side.
        assert tiers_row.ratio > 10
        assert 0.1 < worlds_row.ratio < 10
        assert worlds_row.rank_correlation is not None
        assert worlds_row.rank_correlation > 0.5
