"""Several legs on one wallet: hedges, frozen legs, and legs that move along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from powderkeg.core.cross_margin import cross_liquidation_price
from powderkeg.core.liquidation_price import liquidation_price
from powderkeg.errors import InputError

LONG, SHORT = 1, -1

unhurried = settings(deadline=None)


def numbers(legs: int, low: float, high: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(low, high).map(lambda value: round(value, 4)), min_size=legs, max_size=legs)


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, Any]:
    legs = draw(st.integers(1, 4))
    return {
        "wallet_balance": draw(st.floats(-50.0, 500.0)),
        "mark_price": np.array(draw(numbers(legs, 1.0, 200.0))),
        "entry_price": np.array(draw(numbers(legs, 1.0, 200.0))),
        "quantity": np.array(draw(numbers(legs, 0.0, 10.0))),
        "position_side": np.array(
            draw(st.lists(st.sampled_from([LONG, SHORT]), min_size=legs, max_size=legs))
        ),
        "maintenance_margin_rate": np.array(draw(numbers(legs, 0.0, 0.1))),
        "maintenance_amount": np.array(draw(numbers(legs, 0.0, 1.0))),
        "fee_rate": np.array(draw(numbers(legs, 0.0, 0.001))),
        "beta": np.array(draw(numbers(legs, -1.0, 2.0))),
    }


def surplus(account: dict[str, Any], move: float) -> float:
    """Return equity less maintenance margin and fees after a move of the first leg's coin, leg by leg."""
    total = float(account["wallet_balance"])
    for leg in range(len(account["quantity"])):
        beta = 1.0 if leg == 0 else account["beta"][leg]
        price = account["mark_price"][leg] * (1 + beta * move)
        quantity = account["quantity"][leg]
        total += account["position_side"][leg] * quantity * (price - account["entry_price"][leg])
        total -= (account["maintenance_margin_rate"][leg] + account["fee_rate"][leg]) * quantity * price
        total += account["maintenance_amount"][leg] if quantity > 0 else 0.0
    return float(total)


@unhurried
@given(accounts())
def test_equity_equals_the_maintenance_of_all_legs_at_the_level(account: dict[str, Any]) -> None:
    level = cross_liquidation_price(**account)
    assume(not np.isnan(level.liquidation_price))

    move = float(level.liquidation_price) / account["mark_price"][0] - 1
    moved = account["quantity"] * account["mark_price"] * (2 + abs(move) * (1 + np.abs(account["beta"])))
    assert abs(surplus(account, move)) <= 1e-9 * (abs(account["wallet_balance"]) + moved.sum() + 1)
    assert int(level.side_of_mark) == np.sign(move)


@unhurried
@given(accounts())
def test_the_side_of_the_mark_tells_which_move_does_the_harm(account: dict[str, Any]) -> None:
    level = cross_liquidation_price(**account)
    now = surplus(account, 0.0)
    assume(abs(now) > 1e-6)
    assert bool(level.liquidated_at_mark) == (now < 0)
    assume(not np.isnan(level.liquidation_price))

    move = float(level.liquidation_price) / account["mark_price"][0] - 1
    assume(1e-6 < abs(move) < 1e9)
    # Towards the level and beyond it the account changes from sound to short of margin, or back.
    assert surplus(account, 2 * move) * now < 0
    assert surplus(account, -move) * now > 0


@unhurried
@given(accounts())
def test_frozen_legs_are_the_other_positions_of_the_single_position(account: dict[str, Any]) -> None:
    account = account | {"beta": 0.0}
    assume(account["quantity"][0] > 0.01)
    others = slice(1, None)
    held = account["quantity"][others]
    notional = held * account["mark_price"][others]
    charge = account["maintenance_margin_rate"][others] + account["fee_rate"][others]
    amounts = np.where(held > 0, account["maintenance_amount"][others], 0.0)
    profit = account["position_side"][others] * (notional - held * account["entry_price"][others])

    single = liquidation_price(
        entry_price=account["entry_price"][0],
        size=account["quantity"][0],
        position_side=account["position_side"][0],
        margin=account["wallet_balance"],
        maintenance_margin_rate=account["maintenance_margin_rate"][0],
        maintenance_amount=account["maintenance_amount"][0],
        fee_rate=account["fee_rate"][0],
        other_unrealised_pnl=profit.sum(),
        other_maintenance_margin=(notional * charge - amounts).sum(),
    )

    assume(np.isnan(single) or single > 1e-6)
    np.testing.assert_allclose(
        cross_liquidation_price(**account).liquidation_price, single, rtol=1e-6, atol=1e-9
    )


HEDGE: dict[str, Any] = {
    "wallet_balance": 1_000.0,
    "mark_price": 100.0,
    "entry_price": np.array([95.0, 105.0]),
    "position_side": np.array([LONG, SHORT]),
    "maintenance_margin_rate": np.array([0.01, 0.02]),
    "maintenance_amount": np.array([3.0, 4.0]),
    "beta": 1.0,
}


def test_a_hedge_follows_the_formula_that_binance_publishes() -> None:
    long, short = 30.0, 10.0
    level = cross_liquidation_price(**HEDGE, quantity=np.array([long, short]))

    # (WB + cum_L + cum_S - L E_L + S E_S) / (L m_L + S m_S - L + S)
    expected = (1_000 + 3 + 4 - long * 95 + short * 105) / (long * 0.01 + short * 0.02 - long + short)
    assert float(level.liquidation_price) == pytest.approx(expected, rel=1e-12)
    assert int(level.side_of_mark) == -1


def test_a_hedge_liquidates_on_the_side_of_its_net_position() -> None:
    quantity = np.array([[30.0, 10.0], [10.0, 30.0]])
    level = cross_liquidation_price(**HEDGE, quantity=quantity)

    np.testing.assert_array_equal(level.side_of_mark, [-1, 1])
    assert level.liquidation_price[0] < 100 < level.liquidation_price[1]
    assert not level.liquidated_at_mark.any()


def test_a_nearly_balanced_hedge_is_liquidated_by_a_rise_although_it_is_net_long() -> None:
    level = cross_liquidation_price(**HEDGE, quantity=np.array([100.0, 99.0]))

    assert int(level.side_of_mark) == 1
    assert level.liquidation_price > 100


def test_a_balanced_hedge_without_maintenance_is_never_liquidated() -> None:
    free = HEDGE | {"maintenance_margin_rate": 0.0, "maintenance_amount": 0.0}
    level = cross_liquidation_price(**free, quantity=np.array([7.0, 7.0]))

    assert np.isnan(level.liquidation_price)
    assert int(level.side_of_mark) == 0


TWO_LONGS: dict[str, Any] = {
    "wallet_balance": 400.0,
    "mark_price": np.array([100.0, 10.0]),
    "entry_price": np.array([100.0, 10.0]),
    "quantity": np.array([10.0, 100.0]),
    "position_side": LONG,
    "maintenance_margin_rate": 0.01,
}


def test_a_joint_shock_brings_the_level_nearer_for_two_longs_and_further_for_a_long_and_a_short() -> None:
    alone = cross_liquidation_price(**TWO_LONGS)
    together = cross_liquidation_price(**TWO_LONGS, beta=1.0)
    harder = cross_liquidation_price(**TWO_LONGS, beta=np.array([1.0, 1.5]))
    hedged = cross_liquidation_price(**(TWO_LONGS | {"position_side": [LONG, SHORT]}), beta=0.5)

    assert alone.liquidation_price < together.liquidation_price < harder.liquidation_price < 100
    assert hedged.liquidation_price < alone.liquidation_price
    # 400 of margin against 20 demanded, and 2,000 (less their maintenance) moving at once.
    assert float(together.liquidation_price) == pytest.approx(100 * (1 - 380 / (2_000 * 0.99)))


def test_a_move_that_takes_another_coin_below_zero_is_no_answer() -> None:
    wild = TWO_LONGS | {"quantity": np.array([10.0, 1.0]), "wallet_balance": 600.0}

    assert not np.isnan(cross_liquidation_price(**wild, beta=np.array([1.0, 1.0])).liquidation_price)
    assert np.isnan(cross_liquidation_price(**wild, beta=np.array([1.0, 3.0])).liquidation_price)
    empty = wild | {"quantity": np.array([10.0, 0.0]), "maintenance_amount": np.array([0.0, 50.0])}
    single = cross_liquidation_price(**empty, beta=np.array([1.0, 3.0])).liquidation_price
    assert float(single) == pytest.approx((600 - 1_000) / (10 * (0.01 - 1)))


def test_an_account_that_is_already_short_of_margin_says_so() -> None:
    level = cross_liquidation_price(**(TWO_LONGS | {"wallet_balance": 5.0}))

    assert bool(level.liquidated_at_mark)
    assert int(level.side_of_mark) == 1


def test_1x_has_no_level_and_accounts_keep_their_shape() -> None:
    level = cross_liquidation_price(**(TWO_LONGS | {"wallet_balance": np.array([400.0, 3_000.0])}))

    assert level.liquidation_price.shape == level.side_of_mark.shape == level.liquidated_at_mark.shape == (2,)
    np.testing.assert_array_equal(np.isnan(level.liquidation_price), [False, True])
    np.testing.assert_array_equal(level.side_of_mark, [-1, 0])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("quantity", np.array([1.0, -1.0]), r"quantity\[1\] is -1; expected a finite number, 0 or more"),
        ("mark_price", np.array([0.0, 1.0]), r"mark_price\[0\] is 0; expected a finite number above 0"),
        ("wallet_balance", float("nan"), "wallet_balance is nan; expected a finite number"),
        ("beta", float("nan"), "beta is nan; expected a finite number"),
        ("position_side", 2, "position_side is 2; expected"),
        ("fee_rate", 0.995, "maintenance_margin_rate plus fee_rate reaches 1"),
    ],
)
def test_bad_input_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cross_liquidation_price(**(TWO_LONGS | {field: value}))


def test_an_account_needs_a_leg() -> None:
    with pytest.raises(InputError, match="no legs"):
        cross_liquidation_price(
            wallet_balance=1.0,
            mark_price=1.0,
            entry_price=1.0,
            quantity=1.0,
            position_side=LONG,
            maintenance_margin_rate=0.01,
        )
