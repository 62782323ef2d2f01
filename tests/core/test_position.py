"""One position as a trader describes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powderkeg.core.liquidation_price import liquidation_log_offset
from powderkeg.core.margin_tiers import maintenance_margin
from powderkeg.core.position import PositionSide, position_liquidation
from powderkeg.core.venue_tiers import venue_tier_table
from powderkeg.errors import InputError
from powderkeg.model.instrument import Contract

BTC = venue_tier_table("binance", "BTCUSDT")
COIN_BTC = venue_tier_table("binance", "BTCUSD_PERP")
PLAIN: dict[str, Any] = {
    "entry_price": 60_000.0,
    "leverage": 10.0,
    "position_side": "long",
    "maintenance_margin_rate": 0.004,
}


def test_a_long_with_a_plain_rate() -> None:
    result = position_liquidation(**PLAIN)

    assert result.liquidation_price == pytest.approx(60_000 * 0.9 / 0.996)
    assert result.bankruptcy_price == pytest.approx(54_000)
    assert result.distance == pytest.approx(0.9 / 0.996 - 1)
    assert result.notional == 60_000
    assert result.margin == 6_000
    assert result.maintenance_margin == pytest.approx(0.004 * 60_000 * 0.9 / 0.996)
    assert result.tier is None


def test_a_short_with_tiers_names_the_bracket_of_its_liquidation_price() -> None:
    result = position_liquidation(
        entry_price=60_000, leverage=3, position_side="short", quantity=700, tiers=BTC
    )

    # 42 million at the entry, 5x at most and 10 %; over 50 million at the level, 12.5 %.
    assert result.tier == BTC.tiers[6]
    assert result.liquidation_price is not None
    notional = 700 * result.liquidation_price
    assert notional > 50e6
    assert result.maintenance_margin == pytest.approx(float(maintenance_margin(notional, BTC)))
    equity = result.margin - 700 * (result.liquidation_price - 60_000)
    assert equity == pytest.approx(result.maintenance_margin)


@settings(deadline=None)
@given(
    leverage=st.floats(1.01, 100),
    side=st.sampled_from(["long", "short"]),
    contract=st.sampled_from(["linear", "inverse"]),
    quantity=st.floats(0.001, 1e4),
)
def test_distance_depends_on_leverage_rate_and_contract_alone(
    leverage: float, side: PositionSide, contract: Contract, quantity: float
) -> None:
    result = position_liquidation(
        entry_price=123.0,
        leverage=leverage,
        position_side=side,
        quantity=quantity,
        contract=contract,
        maintenance_margin_rate=0.005,
    )

    pair = liquidation_log_offset(leverage, 0.005, contract)
    assert result.distance is not None
    assert np.log1p(result.distance) == pytest.approx(float(pair[0 if side == "long" else 1]), abs=1e-9)


@pytest.mark.parametrize(("contract", "side"), [("linear", "long"), ("inverse", "short")])
def test_1x_is_never_liquidated_and_says_none(contract: Contract, side: PositionSide) -> None:
    for table in (None, BTC if contract == "linear" else COIN_BTC):
        result = position_liquidation(
            entry_price=60_123.45,
            leverage=1,
            position_side=side,
            quantity=0.7,
            contract=contract,
            tiers=table,
            maintenance_margin_rate=0.004 if table is None else None,
        )
        assert result.liquidation_price is None
        assert result.bankruptcy_price is None
        assert result.distance is None
        assert result.tier == (None if table is None else table.tiers[0])
        assert result.maintenance_margin == pytest.approx(0.004 * result.notional)


def test_an_inverse_position_counts_in_coins() -> None:
    result = position_liquidation(
        entry_price=60_000, leverage=5, position_side="long", quantity=40, contract="inverse", tiers=COIN_BTC
    )

    assert (result.notional, result.margin) == (40, 8)
    assert result.tier == COIN_BTC.tiers[3]
    assert result.liquidation_price == pytest.approx(2.4e6 * 1.025 / (8 + 0.56 + 40))


def test_extra_margin_moves_the_level_away_and_funding_paid_moves_it_nearer() -> None:
    prices = [position_liquidation(**PLAIN, extra_margin=extra).liquidation_price for extra in (-500, 0, 500)]

    assert prices == sorted(prices, key=lambda price: -(price or 0))
    assert prices[0] == pytest.approx((60_000 - 5_500) / 0.996)


def test_the_maintenance_margin_is_that_of_the_basis() -> None:
    at_entry = position_liquidation(**PLAIN, maintenance_basis="entry")
    assert at_entry.maintenance_margin == pytest.approx(240)
    assert at_entry.liquidation_price == pytest.approx(54_240)

    at_bankruptcy = position_liquidation(**PLAIN, maintenance_basis="bankruptcy")
    assert at_bankruptcy.maintenance_margin == pytest.approx(0.004 * 54_000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position_side": "buy"}, "position_side is 'buy'; expected 'long' or 'short'"),
        ({"leverage": 0.9}, "leverage is 0.9; expected a finite leverage, 1 or more"),
        ({"leverage": float("nan")}, "leverage is nan; expected"),
        ({"quantity": -1.0}, "quantity is -1; expected a finite number above 0"),
        ({"entry_price": 0.0}, "entry_price is 0; expected a finite number above 0"),
        ({"maintenance_margin_rate": None}, "neither of tiers and maintenance_margin_rate given"),
        ({"tiers": BTC}, "both of tiers and maintenance_margin_rate given; expected exactly one"),
        ({"maintenance_margin_rate": -0.1}, "maintenance_margin_rate is -0.1; expected a fraction"),
        ({"extra_margin": float("inf")}, "extra_margin is inf; expected a finite number"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        position_liquidation(**(PLAIN | change))


def test_a_position_that_would_be_liquidated_as_it_is_opened_is_refused() -> None:
    for contract in ("linear", "inverse"):
        for side in ("long", "short"):
            position = PLAIN | {"contract": contract, "position_side": side}
            with pytest.raises(InputError, match=r"margin is .* at leverage 100; expected more than"):
                position_liquidation(**(position | {"leverage": 100.0, "maintenance_margin_rate": 0.02}))
            with pytest.raises(InputError, match=r"margin is .* at leverage 10; expected more than"):
                position_liquidation(**(position | {"extra_margin": -1e6}))


def test_the_venue_limits_leverage_by_the_notional_at_the_entry() -> None:
    position: dict[str, Any] = {"entry_price": 60_000.0, "position_side": "long", "tiers": BTC}

    assert position_liquidation(**position, quantity=0.8, leverage=125).tier == BTC.tiers[0]
    with pytest.raises(
        InputError, match=r"leverage is 125; expected at most 100, which is what tier 2 of binance"
    ):
        position_liquidation(**position, quantity=1.0, leverage=125)
    with pytest.raises(InputError, match=r"notional is 600,000,000 USDT; expected at most 500,000,000"):
        position_liquidation(**position, quantity=10_000.0, leverage=1)


def test_the_contract_of_the_table_has_to_be_the_positions() -> None:
    with pytest.raises(InputError, match=r"contract is 'linear'; expected 'inverse', as binance BTCUSD_PERP"):
        position_liquidation(entry_price=1.0, leverage=2, position_side="long", tiers=COIN_BTC)
