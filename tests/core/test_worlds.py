"""The estimator: what must hold at every bar, whichever kernel runs and however the window is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_markets import flat_market, random_market
from powderkeg.core import worlds
from powderkeg.core.inventory_state import InventoryState
from powderkeg.core.named_models import NAMED_MODELS, model_parameters
from powderkeg.core.worlds import KernelName
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.market_frame import MarketFrame
from powderkeg.model.worlds_parameters import LONG, SHORT, WorldsParameters

KERNELS: tuple[KernelName, ...] = ("numba", "numpy")


def trimmed(state: InventoryState) -> tuple[int, np.ndarray]:
    """Return the standing quantities without empty bins at the ends, and the number of the first bin."""
    quantity = worlds.standing_quantity(state)
    occupied = np.flatnonzero(quantity.sum(axis=(0, 1, 2)) > 0)
    return state.grid.first + int(occupied[0]), quantity[..., occupied[0] : occupied[-1] + 1]


def assert_invariants(state: InventoryState, previous: InventoryState, bar: MarketFrame) -> None:
    """Assert what `model` promises after every bar, in every world."""
    quantity = worlds.standing_quantity(state)
    if state.open_interest == 0:
        return
    np.testing.assert_allclose(quantity.sum(axis=3), state.open_interest, rtol=1e-9)
    assert quantity.min() >= 0.0
    if bar.valid[0]:
        edges = state.grid.edges
        longs = quantity[LONG].sum(axis=(0, 1)) > 0
        shorts = quantity[SHORT].sum(axis=(0, 1)) > 0
        assert edges[1:][longs].max() <= bar.mark_low[0] * (1 + 1e-12)
        assert edges[:-1][shorts].min() >= bar.mark_high[0] * (1 - 1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", NAMED_MODELS)
def test_every_bar_keeps_the_open_interest_and_the_right_side_of_the_mark(
    name: str, kernel: KernelName
) -> None:
    frame = random_market(150, seed=1, volatility=0.004)
    state = worlds.init(model_parameters(name))
    for row in range(len(frame)):
        bar = frame.rows(row, row + 1)
        result = worlds.run(state, bar, kernel=kernel)
        assert_invariants(result.state, state, bar)
        # No world liquidates more than it held, valued at prices that the bar has touched.
        touched = bar.mark_high[0] if bar.valid[0] else 0.0
        assert result.interval_predicted.max() <= state.open_interest * touched * 1.002
        state = result.state


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    price=st.sampled_from([0.0001, 0.13, 1.0, 180.0, 100_000.0]),
    volatility=st.sampled_from([0.0, 1e-5, 0.001, 0.02]),
    extremes_first=st.booleans(),
)
def test_the_compiled_kernel_equals_its_readable_twin(
    seed: int, price: float, volatility: float, extremes_first: bool
) -> None:
    parameters = replace(model_parameters("worlds"), extremes_first=extremes_first)
    frame = random_market(120, seed=seed, price=price, volatility=volatility, holes=0.1)
    columns = np.array([20, 60, 119])
    fast, slow = (
        worlds.run(worlds.init(parameters), frame, columns=columns, kernel=kernel) for kernel in KERNELS
    )
    np.testing.assert_allclose(fast.predicted, slow.predicted, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(fast.interval_predicted, slow.interval_predicted, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(
        worlds.standing_quantity(fast.state), worlds.standing_quantity(slow.state), rtol=1e-7, atol=1e-6
    )
    np.testing.assert_allclose(fast.columns.notional, slow.columns.notional, rtol=1e-5, atol=1e-3 * price)
    np.testing.assert_allclose(
        fast.state.initial / fast.state.growth, slow.state.initial, rtol=1e-7, atol=1e-6
    )


@pytest.mark.parametrize("name", NAMED_MODELS)
@pytest.mark.parametrize("price", [0.9, 100_000.0])
def test_run_is_the_fold_of_step_bit_for_bit(name: str, price: float) -> None:
    frame = random_market(300, seed=3, price=price)
    whole = worlds.run(worlds.init(model_parameters(name)), frame)
    state = worlds.init(model_parameters(name))
    predicted = []
    for row in range(len(frame)):
        state, liquidated = worlds.step(state, frame.rows(row, row + 1))
        predicted.append(liquidated)
    np.testing.assert_array_equal(np.array(predicted), whole.predicted)
    (first_whole, mass_whole), (first_fold, mass_fold) = trimmed(whole.state), trimmed(state)
    assert first_whole == first_fold
    np.testing.assert_array_equal(mass_whole, mass_fold)
    assert (state.as_of, state.bars, state.funding) == (
        whole.state.as_of,
        whole.state.bars,
        whole.state.funding,
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(1, 399), max_size=4, unique=True))
def test_splitting_the_window_anywhere_changes_nothing(seed: int, cuts: list[int]) -> None:
    frame = random_market(400, seed=seed)
    whole = worlds.run(worlds.init(model_parameters("worlds")), frame)
    state, predicted = worlds.init(model_parameters("worlds")), []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 400], strict=True):
        part = worlds.run(state, frame.rows(start, stop))
        state = part.state
        predicted.append(part.predicted)
    np.testing.assert_array_equal(np.concatenate(predicted), whole.predicted)
    np.testing.assert_array_equal(trimmed(state)[1], trimmed(whole.state)[1])


def test_long_runs_neither_drift_nor_overflow() -> None:
    # Enough turnover that stored numbers are rescaled many times.
    frame = random_market(60_000, seed=5, volatility=0.0005)
    state = worlds.run(worlds.init(model_parameters("worlds")), frame).state
    np.testing.assert_allclose(worlds.standing_quantity(state).sum(axis=3), state.open_interest, rtol=1e-9)
    assert np.isfinite(state.growth).all()
    assert np.isfinite(state.increments).all()


def one_class(low: float, high: float, turnover: float = 0.1) -> WorldsParameters:
    """Return a dictionary with one distance class, in log price on both sides, and one turnover in use."""
    weights = np.zeros((2, 1, 4))
    weights[:, 0, 0] = 1.0
    bounds = np.array([[low], [low]]), np.array([[high], [high]])
    return WorldsParameters("one", *bounds, np.array([turnover, 0.5, 0.6, 0.7]), weights, 0.001, "test")


def with_prices(frame: MarketFrame, row: int, low: float, high: float, close: float) -> MarketFrame:
    """Return `frame` with other prices in one row."""

    def changed(values: FloatArray, value: float) -> FloatArray:
        values = values.copy()
        values[row] = value
        return values

    lows, highs = changed(frame.low, low), changed(frame.high, high)
    closes = changed(frame.close, close)
    return replace(
        frame,
        open=changed(frame.open, close),
        high=highs,
        low=lows,
        close=closes,
        mark_high=highs,
        mark_low=lows,
        mark_close=closes,
    )


def test_openings_stand_at_their_distance_from_the_price_they_were_opened_at() -> None:
    state = worlds.run(worlds.init(one_class(0.1, 0.1)), flat_market(3_000)).state
    quantity, centres = worlds.standing_quantity(state)[:, 0, 0], state.grid.centres
    for side, sign in ((LONG, -1), (SHORT, 1)):
        peak = centres[np.argmax(quantity[side])]
        assert np.log(peak / 100.0) == pytest.approx(sign * 0.1, abs=0.001)
        # 0.05 of the volume opens in every minute: after 3,000 of them nothing older is left.
        assert quantity[side].max() == pytest.approx(1_000.0, rel=1e-6)


def test_swept_levels_are_gone_and_do_not_come_back() -> None:
    frame = with_prices(flat_market(3_000), 2_990, low=85.0, high=100.0, close=100.0)
    run = worlds.run(worlds.init(one_class(0.1, 0.1)), frame)
    assert run.predicted[2_990, LONG] == pytest.approx(1_000 * 100 * np.exp(-0.1), rel=0.001)
    # Shorts entered in the bar's lower part may have been closed by its close; never more than were opened.
    assert 0.0 < run.predicted[2_990, SHORT] < 5.0 * 100.0
    assert np.delete(run.predicted, 2_990, axis=0).sum() == 0.0
    quantity, centres = worlds.standing_quantity(run.state)[LONG, 0, 0], run.state.grid.centres
    reopened = quantity[(centres > 85.0) & (centres < 95.0)].sum()
    # Only what was opened after the fall, at prices after the fall, may stand there again.
    assert reopened == pytest.approx(9 * 0.05 * 100.0, rel=0.05)


def test_openings_after_the_extremes_meet_only_the_close() -> None:
    # Longs of the last bar are opened between 85 and 100, liquidated 10 % lower: between 77 and 90.
    frame = with_prices(flat_market(3_000), 2_999, low=85.0, high=100.0, close=99.0)
    standing = {}
    for first in (False, True):
        parameters = replace(one_class(0.1, 0.1), extremes_first=first)
        state = worlds.run(worlds.init(parameters), frame).state
        centres = state.grid.centres
        standing[first] = worlds.standing_quantity(state)[LONG, 0, 0][centres > 85.0].sum()
    assert standing[False] == 0.0
    # The sweep took all 1,000; what replaced them is uniform in log price over the bar.
    over = np.log(100.0 * np.exp(-0.1) / 85.0) / np.log(100.0 / 85.0)
    assert standing[True] == pytest.approx(1_000.0 * over, rel=0.02)


def test_liquidated_volume_is_not_removed_twice() -> None:
    # Half of open interest is liquidated and open interest falls by that half: nothing else may close.
    frame = with_prices(flat_market(2_000, volume=0.0), 1_000, low=85.0, high=100.0, close=100.0)
    interest = frame.open_interest.copy()
    interest[1_000:] = 500.0
    parameters = one_class(0.1, 0.5)
    before = worlds.run(worlds.init(parameters), frame.rows(0, 1_000)).state
    after = worlds.run(before, replace(frame, open_interest=interest).rows(1_000, 2_000)).state
    standing = worlds.standing_quantity(before)[LONG, 0, 0]
    survived = standing * (before.grid.edges[1:] <= 85.0)
    np.testing.assert_allclose(worlds.standing_quantity(after)[LONG, 0, 0].sum(), 500.0, rtol=1e-12)
    if survived.sum() >= 500.0:
        ratio = 500.0 / survived.sum()
        grid = slice(before.grid.first - after.grid.first, None)
        np.testing.assert_allclose(
            worlds.standing_quantity(after)[LONG, 0, 0][grid][: len(survived)], survived * ratio, rtol=1e-9
        )


def test_the_map_does_not_depend_on_the_length_of_a_bar() -> None:
    # The same hour as sixty bars and as one: the same trades and the same extremes.
    fine = flat_market(600)
    coarse = replace(flat_market(10, volume=6_000.0), step=3_600_000, ts=fine.ts[::60])
    maps = [
        worlds.standing_quantity(worlds.run(worlds.init(one_class(0.1, 0.2)), f).state)
        for f in (fine, coarse)
    ]
    np.testing.assert_allclose(maps[0], maps[1], rtol=0.02, atol=1.0)


def test_funding_paid_moves_the_levels_of_both_sides_up() -> None:
    rates = np.zeros(200)
    rates[100] = 0.009
    still = worlds.run(worlds.init(one_class(0.1, 0.1)), flat_market(200, volume=0.0)).state
    paid = worlds.run(
        worlds.init(one_class(0.1, 0.1)), replace(flat_market(200, volume=0.0), funding_rate=rates)
    ).state
    assert paid.drift == 9
    (first_still, standing), (first_paid, moved) = trimmed(still), trimmed(paid)
    assert first_paid == first_still + 9
    np.testing.assert_array_equal(moved, standing)


def test_a_hole_in_the_bars_changes_nothing_and_predicts_nothing_known() -> None:
    frame = flat_market(20)
    valid = np.ones(20, np.bool_)
    valid[10:15] = False
    prices = np.where(valid, frame.close, np.nan)
    holed = replace(
        frame,
        valid=valid,
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        volume=np.where(valid, frame.volume, np.nan),
        mark_high=prices,
        mark_low=prices,
        mark_close=prices,
    )
    run = worlds.run(worlds.init(model_parameters("worlds")), holed, columns=np.array([9, 12, 14]))
    assert np.isnan(run.predicted[10:15]).all()
    np.testing.assert_array_equal(run.columns.notional[0], run.columns.notional[1])
    np.testing.assert_array_equal(run.columns.notional[0], run.columns.notional[2])


def test_columns_are_the_map_after_their_rows() -> None:
    frame = random_market(200, seed=8)
    parameters = model_parameters("worlds")
    rows = np.array([50, 51, 199])
    columns = worlds.run(worlds.init(parameters), frame, columns=rows).columns
    for index, row in enumerate(rows):
        state = worlds.run(worlds.init(parameters), frame.rows(0, row + 1)).state
        expected = np.einsum("sdtn,sdt->sn", worlds.standing_quantity(state), parameters.weights)
        shift = state.grid.first - columns.grid.first
        found = columns.notional[index][:, shift : shift + state.bins]
        np.testing.assert_allclose(found, expected * state.mark_price, rtol=1e-5, atol=1.0)
        assert columns.notional[index].sum(dtype=np.float64) == pytest.approx(
            expected.sum() * state.mark_price, rel=1e-5
        )


def test_intervals_add_up_to_the_bars() -> None:
    frame = random_market(200, seed=9)
    parameters = model_parameters("worlds")
    run = worlds.run(worlds.init(parameters), frame, intervals=np.arange(200) // 50)
    weighted = np.einsum("isdt,sdt->is", run.interval_predicted, parameters.weights)
    expected = np.nansum(run.predicted.reshape(4, 50, 2), axis=1)
    np.testing.assert_allclose(weighted, expected, rtol=1e-9, atol=1e-6)


def test_open_interest_that_falls_to_zero_and_returns_starts_afresh() -> None:
    frame = flat_market(30)
    interest = frame.open_interest.copy()
    interest[10:20] = 0.0
    for kernel in KERNELS:
        state = worlds.run(
            worlds.init(model_parameters("worlds")), replace(frame, open_interest=interest), kernel=kernel
        ).state
        np.testing.assert_allclose(worlds.standing_quantity(state).sum(axis=3), 1_000.0, rtol=1e-9)


def test_warm_up_share_falls_as_positions_turn_over() -> None:
    shares = [
        worlds.warm_up_share(worlds.run(worlds.init(model_parameters("worlds")), flat_market(bars)).state)
        for bars in (1, 100, 5_000)
    ]
    assert shares[0] == pytest.approx((1.0, 1.0))
    assert shares[0] > shares[1] > shares[2]
    assert shares[2][0] < 0.1


def test_step_refuses_more_than_one_bar_and_bars_of_the_past() -> None:
    frame = flat_market(10)
    state = worlds.run(worlds.init(model_parameters("worlds")), frame).state
    with pytest.raises(InputError, match="2 rows where one was expected"):
        worlds.step(worlds.init(model_parameters("worlds")), frame.rows(0, 2))
    with pytest.raises(InputError, match="begins before the time"):
        worlds.run(state, frame.rows(3, 5))


def test_an_unknown_model_lists_those_that_exist() -> None:
    with pytest.raises(InputError, match="'magic' does not exist; choose from worlds, fixed_tiers, diffuse"):
        model_parameters("magic")
