"""Numbers that venues and other projects have published, each reproduced from its own inputs.

The rows are facts with a source; where a source leaves the venue's convention open, the row names the one
under which it holds (`maintenance_basis`, `fee_basis`, `fee_rate`).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from powderkeg.core.cross_margin import cross_liquidation_price
from powderkeg.core.liquidation_price import liquidation_price
from powderkeg.core.margin_tiers import maintenance_margin
from powderkeg.core.venue_tiers import venue_tier_table

LONG, SHORT = 1, -1

BINANCE = "Binance worked example, also in freqtrade's tests"
FREQTRADE_BINANCE = "freqtrade tests (Binance)"
FREQTRADE_GATE_OKX = "freqtrade tests (Gate and OKX)"
FREQTRADE_BYBIT = "freqtrade tests (Bybit)"
PHEMEX_TAKER_FEE = 0.0006


@dataclass(frozen=True)
class Vector:
    """One published liquidation price and the arguments of `liquidation_price` that lead to it."""

    number: int
    source: str
    expected: float
    tolerance: float
    arguments: Mapping[str, Any] = field(default_factory=dict)


def linear(number: int, source: str, expected: float, tolerance: float, **arguments: Any) -> Vector:
    """Return a vector; with a leverage the margin is notional / leverage."""
    if "leverage" in arguments:
        notional = arguments["entry_price"] * arguments.setdefault("size", 1.0)
        arguments["margin"] = notional / arguments.pop("leverage")
    return Vector(number, source, expected, tolerance, MappingProxyType(arguments))


def inverse(number: int, source: str, expected: float, tolerance: float, **arguments: Any) -> Vector:
    """Return a vector of an inverse contract of 1 USD; with a leverage the margin is notional / leverage."""
    if "leverage" in arguments:
        notional = arguments["size"] / arguments["entry_price"]
        arguments["margin"] = notional / arguments.pop("leverage")
    return Vector(number, source, expected, tolerance, MappingProxyType(arguments | {"contract": "inverse"}))


# The two legs of Binance's example, one wallet.
WALLET = 1_535_443.01
LEG_A: dict[str, float] = {
    "entry_price": 1_456.84,
    "size": 3_683.979,
    "maintenance_margin_rate": 0.10,
    "maintenance_amount": 135_365.0,
}
LEG_B: dict[str, float] = {
    "entry_price": 32_481.98,
    "size": 109.488,
    "maintenance_margin_rate": 0.025,
    "maintenance_amount": 16_300.0,
}
MARK_A, MARK_B = 1_335.18, 31_967.27


def frozen(leg: dict[str, float], mark_price: float) -> dict[str, float]:
    """Return what a long leg at its mark adds to an account and needs from it."""
    notional = leg["size"] * mark_price
    return {
        "other_unrealised_pnl": notional - leg["size"] * leg["entry_price"],
        "other_maintenance_margin": leg["maintenance_margin_rate"] * notional - leg["maintenance_amount"],
    }


def by_leverage(
    side: int, leverage: float, entry_price: float, maintenance_margin_rate: float = 0.01, /, **arguments: Any
) -> dict[str, Any]:
    """Return the arguments of an isolated position with a margin of notional / leverage."""
    return {
        "position_side": side,
        "leverage": leverage,
        "entry_price": entry_price,
        "maintenance_margin_rate": maintenance_margin_rate,
        **arguments,
    }


AMOUNT = {"maintenance_amount": 0.01}
FEE = {"fee_rate": 0.0006}
AT_ENTRY = {"maintenance_basis": "entry"}

LIQUIDATION_PRICES = (
    linear(1, BINANCE, 1114.78, 0.01, position_side=LONG, margin=WALLET, **LEG_A),
    linear(2, BINANCE, 18778.73, 0.01, position_side=LONG, margin=WALLET, **LEG_B),
    linear(3, BINANCE, 1153.26, 0.01, position_side=LONG, margin=WALLET, **LEG_A, **frozen(LEG_B, MARK_B)),
    linear(4, BINANCE, 26316.89, 0.01, position_side=LONG, margin=WALLET, **LEG_B, **frozen(LEG_A, MARK_A)),
    linear(5, FREQTRADE_BINANCE, 11.89108911, 1e-8, **by_leverage(SHORT, 5, 10.0, **AMOUNT)),
    linear(6, FREQTRADE_BINANCE, 13.21122112, 1e-8, **by_leverage(SHORT, 3, 10.0, **AMOUNT)),
    linear(7, FREQTRADE_BINANCE, 9.51485149, 1e-8, **by_leverage(SHORT, 5, 8.0, **AMOUNT)),
    linear(8, FREQTRADE_BINANCE, 11.89768977, 1e-8, **by_leverage(SHORT, 5, 10.0, size=0.6, **AMOUNT)),
    linear(9, FREQTRADE_BINANCE, 8.07070707, 1e-8, **by_leverage(LONG, 5, 10.0, **AMOUNT)),
    linear(10, FREQTRADE_BINANCE, 6.45454545, 1e-8, **by_leverage(LONG, 5, 8.0, **AMOUNT)),
    linear(11, FREQTRADE_BINANCE, 6.72390572, 1e-8, **by_leverage(LONG, 3, 10.0, **AMOUNT)),
    linear(12, FREQTRADE_BINANCE, 8.06397306, 1e-8, **by_leverage(LONG, 5, 10.0, size=0.6, **AMOUNT)),
    linear(13, FREQTRADE_GATE_OKX, 11.87413418, 1e-8, **by_leverage(SHORT, 5, 10.0, **FEE)),
    linear(14, FREQTRADE_GATE_OKX, 13.19348242, 1e-8, **by_leverage(SHORT, 3, 10.0, **FEE)),
    linear(15, FREQTRADE_GATE_OKX, 9.49930734, 1e-8, **by_leverage(SHORT, 5, 8.0, **FEE)),
    linear(16, FREQTRADE_GATE_OKX, 8.08570851, 1e-8, **by_leverage(LONG, 5, 10.0, **FEE)),
    linear(17, FREQTRADE_GATE_OKX, 6.73809043, 1e-8, **by_leverage(LONG, 3, 10.0, **FEE)),
    linear(18, FREQTRADE_BYBIT, 6.7666666, 1e-6, **by_leverage(LONG, 3, 10.0, **AT_ENTRY)),
    linear(19, FREQTRADE_BYBIT, 8.1, 1e-9, **by_leverage(LONG, 5, 10.0, **AT_ENTRY)),
    linear(20, FREQTRADE_BYBIT, 9.1, 1e-9, **by_leverage(LONG, 10, 10.0, **AT_ENTRY)),
    linear(21, FREQTRADE_BYBIT, 13.233333, 1e-6, **by_leverage(SHORT, 3, 10.0, **AT_ENTRY)),
    linear(22, FREQTRADE_BYBIT, 11.9, 1e-9, **by_leverage(SHORT, 5, 10.0, **AT_ENTRY)),
    linear(23, FREQTRADE_BYBIT, 10.9, 1e-9, **by_leverage(SHORT, 10, 10.0, **AT_ENTRY)),
    linear(24, "Bybit help", 19_700, 1e-9, **by_leverage(LONG, 50, 20_000.0, 0.005, **AT_ENTRY)),
    # Half a dollar is one tick; the two pages round to it.
    inverse(
        25,
        "Bybit help, auto-deleveraging page",
        7773.50,
        0.5,
        **by_leverage(LONG, 50, 7_890.08, 0.005, size=5_000.0, **AT_ENTRY),
    ),
    inverse(
        26,
        "Bybit legacy help",
        5739.50,
        0.5,
        position_side=LONG,
        entry_price=8_000.0,
        size=10_000.0,
        margin=0.5,
        maintenance_margin_rate=0.005,
        fee_rate=0.00075,
        maintenance_basis="entry",
        fee_basis="bankruptcy",
    ),
    inverse(
        27,
        "Bybit rule of May 2026",
        55277.78,
        0.01,
        **by_leverage(SHORT, 10, 50_000.0, 0.005, size=60_000.0),
    ),
    linear(
        28,
        "Hyperliquid API docs: rawUsd is what is left of the margin after paying for the position",
        2866.26936529,
        2e-4,
        position_side=LONG,
        entry_price=2_986.3,
        size=0.0335,
        margin=-95.059824 + 0.0335 * 2_986.3,
        maintenance_margin_rate=1 / (2 * 50),
    ),
    # An equity at the mark is a wallet whose positions were entered at the mark.
    linear(
        29,
        "dYdX docs",
        3174.60,
        0.01,
        position_side=SHORT,
        entry_price=3_000.0,
        size=3.0,
        margin=1_000.0,
        maintenance_margin_rate=0.05,
    ),
    linear(
        30,
        "dYdX docs",
        3380.95,
        0.01,
        position_side=SHORT,
        entry_price=3_000.0,
        size=1.5,
        margin=1_000.0,
        maintenance_margin_rate=0.05,
        other_maintenance_margin=1_000 * 1.75 * 0.10,
    ),
    linear(
        31,
        "Phemex help",
        0.3232,
        1e-4,
        position_side=LONG,
        entry_price=0.4,
        size=500.0,
        margin=40.096,
        maintenance_margin_rate=0.01,
        fee_rate=PHEMEX_TAKER_FEE,
    ),
)
MAINTENANCE_AMOUNTS = {32, 33}


def label(vector: Vector) -> str:
    return f"{vector.number}-{vector.source}"


@pytest.mark.parametrize("vector", LIQUIDATION_PRICES, ids=label)
def test_liquidation_price_equals_the_published_one(vector: Vector) -> None:
    price = liquidation_price(**vector.arguments)

    assert float(price) == pytest.approx(vector.expected, rel=0, abs=vector.tolerance)


@pytest.mark.parametrize(("number", "first", "expected"), [(3, 0, 1153.26), (4, 1, 26316.89)])
def test_cross_margin_of_two_legs_equals_the_published_price(
    number: int, first: int, expected: float
) -> None:
    order = [first, 1 - first]
    account = cross_liquidation_price(
        wallet_balance=WALLET,
        mark_price=np.array([MARK_A, MARK_B])[order],
        entry_price=np.array([LEG_A["entry_price"], LEG_B["entry_price"]])[order],
        quantity=np.array([LEG_A["size"], LEG_B["size"]])[order],
        position_side=LONG,
        maintenance_margin_rate=np.array([0.10, 0.025])[order],
        maintenance_amount=np.array([135_365.0, 16_300.0])[order],
    )

    assert float(account.liquidation_price) == pytest.approx(expected, rel=0, abs=0.01)
    assert int(account.side_of_mark) == -1
    assert not account.liquidated_at_mark


def test_vector_32_the_amounts_of_binance_btcusdt_in_march_2021() -> None:
    table = venue_tier_table("binance", "BTCUSDT")

    published = [0, 50, 1_300, 16_300, 266_300, 1_266_300, 2_516_300, 5_016_300, 25_016_300, 100_016_300]
    np.testing.assert_allclose(table.maintenance_amounts, published, rtol=0, atol=1e-6)


def test_vector_33_the_amount_of_binance_coin_margined_btc() -> None:
    table = venue_tier_table("binance", "BTCUSD_PERP")

    amounts = dict(zip(table.notional_floors, table.maintenance_amounts, strict=True))
    assert amounts[30] == pytest.approx(0.56, abs=1e-9)
    assert amounts[50] == pytest.approx(1.81, abs=1e-9)
    assert float(maintenance_margin(100, table)) == pytest.approx(100 * 0.05 - 1.81, abs=1e-9)


@pytest.mark.shared
def test_every_vector_on_file_is_covered_with_its_number_and_tolerance(shared: Path) -> None:
    with (shared / "design" / "vectors.csv").open(newline="", encoding="utf-8") as file:
        rows = {int(row["id"]): row for row in csv.DictReader(file)}

    assert set(rows) == {vector.number for vector in LIQUIDATION_PRICES} | MAINTENANCE_AMOUNTS
    for vector in LIQUIDATION_PRICES:
        assert vector.expected == pytest.approx(float(rows[vector.number]["expected"]), rel=1e-12)
        assert vector.tolerance == float(rows[vector.number]["tolerance"])
