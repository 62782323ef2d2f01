"""Runs of forced orders: what belongs together, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.cascade_statistics import ForcedRuns, runs_of_forced_orders
from powderkeg.errors import InputError


def test_a_pause_longer_than_the_gap_ends_a_run() -> None:
    found = runs_of_forced_orders(
        [1_000, 11_000, 21_000, 31_001, 40_000],
        [10.0, 20.0, 30.0, 5.0, 5.0],
        [1, 1, -1, -1, -1],
        [100.0, 99.0, 98.0, 98.0, 101.0],
        gap=10_000,
        fewest_orders=2,
    )
    assert found.begin.tolist() == [1_000, 31_001]
    assert found.end.tolist() == [21_000, 40_000]
    assert found.orders.tolist() == [3, 2]
    assert found.notional.tolist() == [60.0, 10.0]
    assert found.duration().tolist() == [20.0, 8.999]
    assert found.long_share.tolist() == [0.5, 0.0]
    assert found.one_sidedness().tolist() == [0.5, 1.0]
    np.testing.assert_allclose(found.travel, np.log([100 / 98, 101 / 98]))
    np.testing.assert_allclose(found.drift, np.log([98 / 100, 101 / 98]))
    summary = found.summary()
    assert summary.runs == 2
    assert summary.one_sided == 0.5
    np.testing.assert_allclose(summary.duration, np.quantile([20.0, 8.999], [0.25, 0.5, 0.75]))


def _plain(time: list[int], gap: int) -> list[list[int]]:
    """Return the numbers of the orders of each run, one after the other."""
    runs: list[list[int]] = []
    for number in sorted(range(len(time)), key=lambda i: time[i]):
        if runs and time[number] - time[runs[-1][-1]] <= gap:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


@settings(max_examples=200, deadline=None)
@given(
    time=st.lists(st.integers(0, 60_000), max_size=60),
    gap=st.integers(1, 5_000),
    fewest=st.integers(1, 4),
    seed=st.integers(0, 1_000),
)
def test_every_order_is_in_one_run_in_whichever_order_they_come(
    time: list[int], gap: int, fewest: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    notional, price = generator.uniform(1, 9, len(time)), generator.uniform(90, 110, len(time))
    side = generator.choice([-1, 1], len(time))
    found = runs_of_forced_orders(time, notional, side, price, gap=gap, fewest_orders=fewest)
    plain = [run for run in _plain(time, gap) if len(run) >= fewest]
    assert found.orders.tolist() == [len(run) for run in plain]
    np.testing.assert_allclose(found.notional, [notional[run].sum() for run in plain])
    longs = [notional[run][side[run] > 0].sum() / notional[run].sum() for run in plain]
    np.testing.assert_allclose(found.long_share, longs, atol=1e-12)
    np.testing.assert_allclose(found.travel, [np.log(price[run].max() / price[run].min()) for run in plain])
    assert np.all(found.end - found.begin >= 0)
    everything = runs_of_forced_orders(time, notional, side, price, gap=gap, fewest_orders=1)
    assert everything.orders.sum() == len(time)
    assert everything.notional.sum() == pytest.approx(notional.sum())


def test_small_runs_are_left_out_and_no_run_says_nothing() -> None:
    empty = runs_of_forced_orders([], [], [], [])
    assert isinstance(empty, ForcedRuns)
    assert len(empty) == 0
    assert np.isnan(empty.summary().one_sided)
    one = ([5], [10.0], [1], [100.0])
    assert len(runs_of_forced_orders(*one)) == 0
    assert len(runs_of_forced_orders(*one, fewest_orders=1)) == 1
    assert len(runs_of_forced_orders(*one, fewest_orders=1, smallest_notional=11.0)) == 0


@pytest.mark.parametrize(
    ("time", "notional", "side", "price", "gap", "message"),
    [
        ([1, 2], [1.0, 0.0], [1, 1], [1.0, 1.0], 5, r"notional\[1\] is 0"),
        ([1, 2], [1.0, 1.0], [1, 0], [1.0, 1.0], 5, r"position_side\[1\] is 0"),
        ([1, 2], [1.0, 1.0], [1, 1], [1.0, np.nan], 5, r"price\[1\] is nan"),
        ([1], [1.0, 1.0], [1, 1], [1.0, 1.0], 5, "expected one length"),
        ([1, 2], [1.0, 1.0], [1, 1], [1.0, 1.0], 0, "expected milliseconds above 0"),
    ],
)
def test_what_cannot_be_is_refused(
    time: list[int], notional: list[float], side: list[int], price: list[float], gap: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        runs_of_forced_orders(time, notional, side, price, gap=gap)
