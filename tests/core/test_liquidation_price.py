"""The identity equity = maintenance margin + closing fee, its variants, and the mistakes found elsewhere."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from powderkeg.core.liquidation_price import bankruptcy_price, liquidation_log_offset, liquidation_price
from powderkeg.errors import InputError

LONG, SHORT = 1, -1
PLAIN: dict[str, Any] = {
    "entry_price": 100.0,
    "size": 2.0,
    "position_side": LONG,
    "margin": 20.0,
    "maintenance_margin_rate": 0.005,
}

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
bases = st.sampled_from(["mark", "entry", "bankruptcy"])


@st.composite
def positions(draw: st.DrawFn) -> dict[str, Any]:
    """Isolated positions that are not liquidated as they are opened."""
    contract = draw(st.sampled_from(["linear", "inverse"]))
    entry = draw(st.floats(1e-4, 1e6))
    size = draw(st.floats(1e-3, 1e6))
    leverage = draw(st.floats(1.0, 150.0))
    notional = size * entry if contract == "linear" else size / entry
    return {
        "contract": contract,
        "entry_price": entry,
        "size": size,
        "position_side": draw(st.sampled_from([LONG, SHORT])),
        "margin": notional / leverage,
        "maintenance_margin_rate": draw(st.floats(0.05, 0.6)) / leverage,
        "fee_rate": draw(st.floats(0.0, 0.3)) / leverage,
        "maintenance_basis": draw(bases),
        "fee_basis": draw(bases),
    }


def surplus(position: dict[str, Any], price: float) -> float:
    """Return equity less maintenance margin and fee at a mark price: the definition, written out."""
    inverse = position["contract"] == "inverse"
    size, side, entry = position["size"], position["position_side"], position["entry_price"]
    bankrupt = float(
        bankruptcy_price(**{key: position[key] for key in (*ISOLATED, "contract") if key in position})
    )
    at = {"mark": price, "entry": entry, "bankruptcy": bankrupt}

    def notional(basis: str) -> float:
        if np.isnan(at[basis]):
            return 0.0
        return float(size / at[basis] if inverse else size * at[basis])

    profit = side * size * ((1 / entry - 1 / price) if inverse else (price - entry))
    demanded = position["maintenance_margin_rate"] * notional(position["maintenance_basis"])
    fee = position["fee_rate"] * notional(position["fee_basis"])
    return float(position["margin"] + profit - demanded - fee)


ISOLATED = ("entry_price", "size", "position_side", "margin")


@unhurried
@given(positions())
def test_equity_equals_maintenance_margin_and_fee_at_the_root(position: dict[str, Any]) -> None:
    price = float(liquidation_price(**position))
    assume(not np.isnan(price))

    inverse = position["contract"] == "inverse"
    scale = position["size"] * (1 / price + 1 / position["entry_price"] if inverse else price)
    scale += position["margin"] + (0 if inverse else position["size"] * position["entry_price"])
    assert abs(surplus(position, price)) <= 1e-12 * scale


@unhurried
@given(positions())
def test_no_liquidation_price_means_that_no_price_liquidates(position: dict[str, Any]) -> None:
    assume(np.isnan(liquidation_price(**position)))

    notional = position["margin"] * 10
    for factor in np.geomspace(1e-6, 1e6, 25):
        assert surplus(position, position["entry_price"] * factor) >= -1e-9 * notional


@unhurried
@given(positions())
def test_a_price_is_positive_and_finite_or_not_a_number(position: dict[str, Any]) -> None:
    for price in (
        liquidation_price(**position),
        bankruptcy_price(**{key: position[key] for key in (*ISOLATED, "contract")}),
    ):
        assert np.isnan(price) or 0 < price < np.inf


@unhurried
@given(positions())
def test_liquidation_lies_between_entry_and_bankruptcy(position: dict[str, Any]) -> None:
    side, entry = position["position_side"], position["entry_price"]
    liquidated = float(liquidation_price(**position))
    bankrupt = float(bankruptcy_price(**{key: position[key] for key in (*ISOLATED, "contract")}))

    # A short's charges can exceed its margin when they are valued at a price far above the entry.
    assume(surplus(position, entry) > 0)
    if np.isnan(liquidated):
        assert np.isnan(bankrupt)
    else:
        assert side * liquidated < side * entry
        assert np.isnan(bankrupt) or side * bankrupt <= side * liquidated


@unhurried
@given(positions(), st.lists(st.floats(1.0, 20.0), min_size=2, max_size=8, unique=True))
def test_more_leverage_brings_the_liquidation_nearer(
    position: dict[str, Any], leverages: list[float]
) -> None:
    leverages = sorted(leverages)
    assume(all(high / low > 1.001 for low, high in pairwise(leverages)))
    size, entry = position["size"], position["entry_price"]
    notional = size * entry if position["contract"] == "linear" else size / entry
    fixed = {"maintenance_margin_rate": 0.01, "fee_rate": 0.0005, "margin": notional / np.array(leverages)}

    price = liquidation_price(**(position | fixed))

    away = position["position_side"] * (entry - price[~np.isnan(price)])
    assert np.all(np.diff(away) < 0)


@unhurried
@given(positions())
def test_an_inverse_position_is_the_linear_one_of_the_other_side_in_the_reciprocal_price(
    position: dict[str, Any],
) -> None:
    twin = position | {
        "contract": "inverse" if position["contract"] == "linear" else "linear",
        "entry_price": 1 / position["entry_price"],
        "position_side": -position["position_side"],
    }

    linear, inverse = (position, twin) if position["contract"] == "linear" else (twin, position)
    # Compared where it is linear; a level next to zero, or none, is zero up to the rounding of the entry.
    np.testing.assert_allclose(
        np.nan_to_num(1 / liquidation_price(**inverse)),
        np.nan_to_num(liquidation_price(**linear)),
        rtol=1e-9,
        atol=1e-11 * linear["entry_price"],
    )


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_both_contracts_follow_the_closed_form(side: int) -> None:
    entry, size, margin, rate, amount, fee = 50_000.0, 3.0, 9_000.0, 0.01, 250.0, 0.0005

    linear = liquidation_price(
        entry_price=entry,
        size=size,
        position_side=side,
        margin=margin,
        maintenance_margin_rate=rate,
        maintenance_amount=amount,
        fee_rate=fee,
        other_unrealised_pnl=-700.0,
        other_maintenance_margin=120.0,
    )
    expected = (margin - 700.0 - 120.0 + amount - side * size * entry) / (size * (rate + fee - side))
    assert float(linear) == pytest.approx(expected, rel=1e-12)

    contracts, coins, coin_amount = 60_000.0, 0.12, 0.001
    inverse = liquidation_price(
        contract="inverse",
        entry_price=entry,
        size=contracts,
        position_side=side,
        margin=coins,
        maintenance_margin_rate=rate,
        maintenance_amount=coin_amount,
        fee_rate=fee,
    )
    expected = contracts * (side + rate + fee) / (coins + coin_amount + side * contracts / entry)
    assert float(inverse) == pytest.approx(expected, rel=1e-12)


def test_long_and_short_of_a_linear_contract_are_not_mirror_images() -> None:
    down, up = liquidation_log_offset([2.0, 10.0, 100.0], 0.005)

    np.testing.assert_allclose(down, np.log([0.5, 0.9, 0.99]) - np.log(0.995), rtol=1e-12)
    np.testing.assert_allclose(up, np.log([1.5, 1.1, 1.01]) - np.log(1.005), rtol=1e-12)
    assert np.all(-down > up)


@unhurried
@given(positions())
def test_log_offset_is_that_of_the_liquidation_price(position: dict[str, Any]) -> None:
    plain = position | {"fee_rate": 0.0, "maintenance_basis": "mark"}
    size, entry = position["size"], position["entry_price"]
    notional = size * entry if position["contract"] == "linear" else size / entry
    leverage = max(1.0, notional / position["margin"])

    pair = liquidation_log_offset(leverage, position["maintenance_margin_rate"], position["contract"])

    offset = pair[0] if position["position_side"] == LONG else pair[1]
    # Next to 1x the level is next to zero, or to infinity, and its logarithm is all rounding.
    assume(leverage == 1 or leverage > 1.000001)
    np.testing.assert_allclose(offset, np.log(liquidation_price(**plain) / entry), rtol=1e-6, atol=1e-9)


def test_log_offset_of_an_inverse_contract_mirrors_the_linear_one() -> None:
    down, up = liquidation_log_offset([3.0, 50.0], 0.004)
    inverse_down, inverse_up = liquidation_log_offset([3.0, 50.0], 0.004, "inverse")

    np.testing.assert_array_equal(inverse_down, -up)
    np.testing.assert_array_equal(inverse_up, -down)


def test_a_position_at_1x_has_no_level_where_it_cannot_lose_its_margin() -> None:
    long_1x = PLAIN | {"margin": 200.0}
    assert np.isnan(liquidation_price(**long_1x))
    assert np.isnan(bankruptcy_price(**{key: long_1x[key] for key in ISOLATED}))
    assert float(liquidation_price(**(long_1x | {"position_side": SHORT}))) == pytest.approx(200 / 1.005)

    inverse_1x = PLAIN | {"contract": "inverse", "margin": 0.02}
    assert np.isnan(liquidation_price(**(inverse_1x | {"position_side": SHORT})))
    assert float(liquidation_price(**inverse_1x)) == pytest.approx(1.005 * 50)

    assert np.isnan(liquidation_log_offset(1.0, 0.005)[0])
    assert np.isnan(liquidation_log_offset(1.0, 0.005, "inverse")[1])


def test_a_1x_long_is_liquidated_after_all_where_the_venue_values_maintenance_at_the_entry() -> None:
    price = liquidation_price(**(PLAIN | {"margin": 200.0, "maintenance_basis": "entry"}))

    assert float(price) == pytest.approx(0.005 * 100)


@pytest.mark.parametrize("entry", [0.15985604927799832, 0.1, 1 / 3, 61_234.56])
def test_rounding_at_1x_does_not_make_a_level_out_of_nothing(entry: float) -> None:
    size = 151.953125
    long_1x = PLAIN | {"entry_price": entry, "size": size, "margin": size * entry}
    short_1x = long_1x | {"contract": "inverse", "position_side": SHORT, "margin": size / entry}

    assert np.isnan(liquidation_price(**long_1x))
    assert np.isnan(liquidation_price(**short_1x))


def test_an_account_short_of_margin_at_every_price_has_no_level() -> None:
    hopeless = PLAIN | {"position_side": SHORT, "margin": 10.0, "other_unrealised_pnl": -500.0}

    assert np.isnan(liquidation_price(**hopeless))


def test_arguments_broadcast_and_plain_numbers_give_a_plain_shape() -> None:
    assert liquidation_price(**PLAIN).shape == ()
    grid = liquidation_price(
        **(PLAIN | {"margin": np.array([[10.0], [20.0], [40.0]]), "position_side": np.array([1, -1])})
    )
    assert grid.shape == (3, 2)
    assert grid[1, 0] == liquidation_price(**PLAIN)
    assert liquidation_price(**(PLAIN | {"margin": np.array([])})).shape == (0,)


# Mistakes found in published liquidation maps.


@pytest.mark.parametrize("leverage", [2, 5, 10, 25, 50, 100])
def test_one_over_leverage_without_maintenance_is_the_bankruptcy_and_not_the_liquidation_price(
    leverage: int,
) -> None:
    for side in (LONG, SHORT):
        arguments = PLAIN | {"margin": 200.0 / leverage, "position_side": side}
        bankrupt = bankruptcy_price(**{key: arguments[key] for key in ISOLATED})

        assert float(bankrupt) == pytest.approx(100 * (1 - side / leverage))
        assert side * liquidation_price(**arguments) > side * bankrupt


@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("side", [LONG, SHORT])
def test_maintenance_has_the_sign_that_brings_the_liquidation_nearer(contract: str, side: int) -> None:
    notional = 200.0 if contract == "linear" else 0.02
    arguments = PLAIN | {"contract": contract, "position_side": side, "margin": notional / 10}
    rates = np.array([0.0, 0.004, 0.01, 0.05])

    price = liquidation_price(**(arguments | {"maintenance_margin_rate": rates}))
    with_fee = liquidation_price(**(arguments | {"fee_rate": 0.001}))

    assert np.all(np.diff(side * price) > 0)
    assert side * with_fee > side * liquidation_price(**arguments)


def test_at_100x_a_long_is_liquidated_below_its_entry_and_a_short_above_it() -> None:
    rates = np.linspace(0.0, 0.0099, 100)
    for contract in ("linear", "inverse"):
        down, up = liquidation_log_offset(100.0, rates, "linear" if contract == "linear" else "inverse")
        assert np.all(down < 0)
        assert np.all(up > 0)
    down, up = liquidation_log_offset(100.0, 0.004)
    assert 100 * np.expm1(down) == pytest.approx(-0.602410, abs=1e-6)
    assert 100 * np.expm1(up) == pytest.approx(0.597610, abs=1e-6)


def test_a_rate_that_would_put_the_100x_level_beyond_the_entry_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"maintenance_margin_rate is 0\.02; expected less than 1/leverage.*0\.01"
    ):
        liquidation_log_offset([10.0, 100.0], 0.02)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("entry_price", 0.0, "entry_price is 0; expected a finite number above 0"),
        ("entry_price", float("nan"), "entry_price is nan; expected a finite number above 0"),
        ("size", -2.0, "size is -2; expected a finite number above 0"),
        ("size", [1.0, float("inf")], r"size\[1\] is inf; expected a finite number above 0"),
        ("position_side", 0, r"position_side is 0; expected \+1 \(long\) or -1 \(short\)"),
        ("position_side", "long", "position_side is 'long'; expected a number"),
        ("margin", float("nan"), "margin is nan; expected a finite number"),
        ("maintenance_margin_rate", 1.0, "maintenance_margin_rate is 1; expected a fraction"),
        ("maintenance_margin_rate", 0.5 + 0.5j, "maintenance_margin_rate is .* expected a number"),
        ("maintenance_amount", -1.0, "maintenance_amount is -1; expected a finite number, 0 or more"),
        ("fee_rate", -0.0001, "fee_rate is -0.0001; expected a fraction"),
        ("fee_rate", 0.995, "maintenance_margin_rate plus fee_rate reaches 1"),
        ("other_unrealised_pnl", float("inf"), "other_unrealised_pnl is inf; expected a finite number"),
        ("other_maintenance_margin", None, "other_maintenance_margin is nan; expected a finite number"),
        (
            "maintenance_basis",
            "index",
            "maintenance_basis is 'index'; expected one of mark, entry, bankruptcy",
        ),
        ("fee_basis", "last", "fee_basis is 'last'; expected one of mark, entry, bankruptcy"),
        ("contract", "quanto", "contract is 'quanto'; expected one of linear, inverse"),
    ],
)
def test_bad_input_is_named_with_its_value_and_what_was_expected(
    field: str, value: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        liquidation_price(**(PLAIN | {field: value}))


def test_leverage_below_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"leverage is 0\.5; expected a finite leverage, 1 or more"):
        liquidation_log_offset(0.5, 0.01)
