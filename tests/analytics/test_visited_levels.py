"""Spatial scores count visited levels only: a planted map is found, and hugging the price wins nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_markets import random_market
from powderkeg.analytics.visited_levels import visited_level_shares
from powderkeg.errors import InputError
from powderkeg.maps.map_run import MapRun, map_run
from powderkeg.model.market_frame import LiquidationEvents
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.worlds_parameters import LONG


@pytest.fixture(scope="module")
def run() -> MapRun:
    return map_run(random_market(20 * 288, seed=8, volatility=0.002, holes=0.0))


def events_of(run: MapRun, power: float) -> LiquidationEvents:
    """Return longs liquidated on visited levels in proportion to a power of what the map has there."""
    frame = run.frame
    heatmap = run.heatmap(frame.start + 4 * DAY, frame.end, 4 * HOUR)
    ts, price, amount = [], [], []
    for i in range(len(heatmap) - 1):
        centres = heatmap.grid.centres
        low, mark = (np.log(p) / heatmap.grid.width for p in (heatmap.low[i + 1], heatmap.mark_price[i]))
        for place in np.arange(np.floor(low), np.floor(mark) + 1).astype(int) - heatmap.grid.first:
            ts.append(int(heatmap.times[i]) + HOUR)
            price.append(centres[place])
            amount.append(float(heatmap.long_notional[i, place]) ** power)
    return LiquidationEvents(np.array(ts), np.array(price), np.array(amount), np.zeros(len(amount)))


def share(run: MapRun, events: LiquidationEvents) -> tuple[float, float]:
    frame = run.frame
    data = visited_level_shares(run, events, frame.start + 4 * DAY, frame.end, side=LONG)
    return float(data[:, 0].sum() / data[:, 1].sum()), float(data[:, 2].sum() / data[:, 1].sum())


def test_a_map_that_is_true_captures_most_in_its_top_quarter(run: MapRun) -> None:
    found, chance = share(run, events_of(run, 1.0))
    assert 0.25 <= chance < 0.4
    assert found > chance + 0.15


def test_evenly_spread_liquidations_are_chance(run: MapRun) -> None:
    found, chance = share(run, events_of(run, 0.0))
    assert found == pytest.approx(chance, abs=1e-9)


def test_levels_that_the_price_did_not_visit_do_not_count(run: MapRun) -> None:
    events = events_of(run, 1.0)
    elsewhere = replace(events, price=events.price * 0.5)
    data = visited_level_shares(run, elsewhere, run.frame.start + 4 * DAY, run.frame.end, side=LONG)
    assert data.sum() == 0


def test_a_window_that_is_too_short_is_refused(run: MapRun) -> None:
    with pytest.raises(InputError, match="visited levels: the window is shorter"):
        visited_level_shares(run, events_of(run, 1.0), run.frame.end - HOUR, run.frame.end, side=LONG)
