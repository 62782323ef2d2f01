"""Crowding: who loses at a price is told from entries alone, and what the model cannot know stays open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_markets import flat_market, random_market
from made_positions import snapshot_of
from powderkeg.core import worlds
from powderkeg.core.crowding import MeasuredCrowding, measured_crowding, modelled_crowding
from powderkeg.core.inventory_state import InventoryState
from powderkeg.core.named_models import model_parameters
from powderkeg.errors import InputError
from powderkeg.model.account_positions import PositionSnapshot

NONE = float("nan")


def entered(
    *rows: tuple[float, float, float], mark: float = 100.0, accounts: list[str] | None = None
) -> PositionSnapshot:
    """Return BTC positions of (signed quantity, entry price, liquidation price), an account each."""
    names = accounts or [f"account {number}" for number in range(len(rows))]
    made = snapshot_of(
        [(name, "BTC", quantity, mark, level) for name, (quantity, _, level) in zip(names, rows, strict=True)]
    )
    return replace(made, entry_price=np.array([entry for _, entry, _ in rows]))


def crowding(snapshot: PositionSnapshot, side: int = 1, **changed: float) -> MeasuredCrowding:
    return measured_crowding(
        snapshot, "BTC", side, np.random.default_rng(0), **changed  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_long_is_offside_below_its_entry_and_a_short_above() -> None:
    snapshot = entered((2.0, 105.0, 80.0), (3.0, 95.0, 70.0), (-4.0, 99.0, 130.0), (-1.0, 110.0, 125.0))
    longs, shorts = crowding(snapshot), crowding(snapshot, -1)
    assert (longs.offside_notional, longs.notional) == (200.0, 500.0)
    assert longs.offside.value == pytest.approx(0.4)
    assert longs.unrealised_loss == pytest.approx(2.0 * 5.0)
    assert shorts.offside_notional == 400.0
    assert shorts.unrealised_loss == pytest.approx(4.0 * 1.0)
    assert longs.position_side == 1
    assert shorts.offside.value == pytest.approx(0.8)


def test_at_another_price_others_are_offside_and_those_swept_on_the_way_are_gone() -> None:
    snapshot = entered((2.0, 105.0, 92.0), (3.0, 95.0, 70.0))
    lower = crowding(snapshot, price=90.0)
    assert (lower.passed, lower.positions, lower.notional) == (180.0, 1, 270.0)
    assert lower.offside.value == 1.0
    assert lower.unrealised_loss == pytest.approx(3.0 * 5.0)
    higher = crowding(snapshot, price=106.0)
    assert (higher.passed, higher.offside.value) == (0.0, 0.0)


def test_what_the_mark_has_already_passed_does_not_come_back_at_a_higher_price() -> None:
    snapshot = entered((2.0, 105.0, 101.0), (3.0, 95.0, 70.0))
    assert crowding(snapshot).passed == 200.0
    assert crowding(snapshot, price=104.0).passed == pytest.approx(208.0)


def test_near_counts_levels_within_reach_ahead_of_the_price_and_none_without_a_level() -> None:
    snapshot = entered((1.0, 100.0, 96.0), (2.0, 100.0, 94.0), (4.0, 100.0, NONE))
    found = crowding(snapshot, near=0.05)
    assert (found.near, found.without_level, found.notional) == (100.0, 400.0, 700.0)
    assert crowding(snapshot, near=0.07).near == 300.0
    portfolio = replace(snapshot, portfolio_margin=np.array([True, False, False]))
    assert (crowding(portfolio).near, crowding(portfolio).without_level) == (0.0, 500.0)


def test_of_open_interest_that_was_not_counted_nothing_is_assumed() -> None:
    snapshot = entered((2.0, 105.0, 80.0), (3.0, 95.0, 70.0))
    assert crowding(snapshot).offside_of_open_interest is None
    assert crowding(snapshot, open_interest=20.0).offside_of_open_interest == pytest.approx((0.1, 0.85))
    # More counted than the venue says there is: the count is all there can be.
    assert crowding(snapshot, open_interest=2.0).offside_of_open_interest == pytest.approx((0.4, 0.4))


def test_the_error_of_a_share_comes_from_accounts_and_one_account_has_none() -> None:
    one = crowding(entered((2.0, 105.0, 80.0)))
    assert (one.offside.value, np.isnan(one.offside.error)) == (1.0, True)
    many = crowding(entered(*[(1.0, 105.0 if n % 2 else 95.0, 80.0) for n in range(100)]))
    assert many.offside.error == pytest.approx(0.05, rel=0.3)
    assert many.offside.low < 0.5 < many.offside.high


def test_nobody_on_a_side_is_no_share_and_no_crowd() -> None:
    found = crowding(entered((2.0, 105.0, 80.0)), -1)
    assert (found.positions, found.notional, found.near) == (0, 0.0, 0.0)
    assert np.isnan(found.offside.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"price": 0.0}, "price is 0; expected a finite number above 0"),
        ({"near": 1.0}, "near: 1; expected a fraction above 0 and below 1"),
        ({"near": 0.0}, "near: 0; expected"),
        ({"open_interest": -1.0}, "open_interest is -1"),
    ],
)
def test_numbers_outside_their_range_are_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        crowding(entered((2.0, 105.0, 80.0)), 1, **changed)


def test_coins_that_nobody_holds_or_that_have_no_mark_are_refused() -> None:
    snapshot = entered((2.0, 105.0, 80.0))
    with pytest.raises(InputError, match="'ETH' is held by no account"):
        measured_crowding(snapshot, "ETH", 1, np.random.default_rng(0))
    with pytest.raises(InputError, match="mark_price of BTC is not known"):
        crowding(replace(snapshot, mark_price=np.array([NONE])))
    with pytest.raises(InputError, match=r"position_side is 0; expected \+1 or -1"):
        crowding(snapshot, 0)


def state_after(bars: int = 600, seed: int = 3) -> InventoryState:
    frame = random_market(bars, seed=seed, volatility=0.004)
    return worlds.run(worlds.init(model_parameters("worlds")), frame).state


def test_a_market_that_fell_has_its_longs_offside_and_one_that_rose_its_shorts() -> None:
    state = state_after()
    for side in (1, -1):
        against, favour = (
            modelled_crowding(state, side, price=state.mark_price * float(np.exp(-side * move)))
            for move in (0.01, -0.05)
        )
        assert against.offside > favour.offside
        assert against.highest >= favour.highest
        assert against.lowest >= favour.lowest - 1e-12


def test_the_estimate_lies_within_what_is_certain_and_what_is_possible() -> None:
    state = state_after()
    for side in (1, -1):
        found = modelled_crowding(state, side)
        assert 0 <= found.lowest <= found.highest <= 1
        assert found.lowest <= found.offside * (1 - found.inert) + found.warm_up
        assert found.offside * (1 - found.inert) <= found.highest
        # The inert part may be all offside, or none.
        assert found.highest - found.lowest >= found.inert


def test_the_model_keeps_its_open_interest_between_standing_and_passed() -> None:
    state = state_after()
    modelled = float(state.parameters.weights[0].sum())
    for price in (state.mark_price, state.mark_price * 0.97):
        found = modelled_crowding(state, 1, price=price)
        total = modelled * state.open_interest * price
        assert found.notional + found.passed == pytest.approx(total, rel=1e-9)
        assert 0 <= found.near <= found.notional
        assert found.passed == 0 or price < state.mark_price


def test_entries_from_before_the_data_are_not_told() -> None:
    with pytest.raises(InputError, match=r"state: up to .* from before its first bar, .* begin with earlier"):
        modelled_crowding(state_after(bars=3), 1)
    with pytest.raises(InputError, match="state: holds no open interest"):
        modelled_crowding(worlds.init(model_parameters("worlds")), 1)


def test_a_price_beyond_every_level_and_weights_of_nothing_are_refused() -> None:
    state = state_after()
    with pytest.raises(InputError, match="lies beyond every level of this side"):
        modelled_crowding(state, 1, price=state.mark_price / 1000)
    with pytest.raises(InputError, match="weights: no open interest of this side is modelled"):
        modelled_crowding(state, 1, weights=np.zeros_like(state.parameters.weights))
    with pytest.raises(InputError, match=r"weights: shape \(2,\)"):
        modelled_crowding(state, 1, weights=np.zeros(2))


def test_in_a_market_that_never_moved_entries_are_at_the_price_and_nobody_is_far_offside() -> None:
    frame = flat_market(600)
    state = worlds.run(worlds.init(model_parameters("worlds")), frame).state
    for side in (1, -1):
        # A percent in favour of the side clears every entry that the bars have seen.
        found = modelled_crowding(state, side, price=state.mark_price * float(np.exp(side * 0.01)))
        assert found.lowest == pytest.approx(0.0, abs=1e-12)
