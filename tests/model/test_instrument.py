"""Tier tables are refused unless their maintenance margin is continuous; each refusal says where and why."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from powderkeg.errors import InputError
from powderkeg.model.instrument import Instrument, LeverageTier, TierTable

NAMES: dict[str, Any] = {
    "venue": "somewhere",
    "symbol": "BTCUSDT",
    "base": "BTC",
    "quote": "USDT",
    "as_of": "2026-01-31",
    "source": "a page",
}
TIERS = (
    LeverageTier(0.0, 50_000.0, 0.004, 0.0, 125.0),
    LeverageTier(50_000.0, 250_000.0, 0.005, 50.0, 100.0),
    LeverageTier(250_000.0, math.inf, 0.01, 1_300.0, 50.0),
)
TABLE = TierTable(**NAMES, tiers=TIERS)


def test_amounts_follow_from_floors_and_rates() -> None:
    derived = TierTable.from_floors(
        **NAMES,
        notional_floors=[0, 50_000, 250_000],
        maintenance_margin_rates=[0.004, 0.005, 0.01],
        maximum_leverages=[125, 100, 50],
    )

    np.testing.assert_allclose(derived.maintenance_amounts, TABLE.maintenance_amounts, atol=1e-9)
    assert [tier.notional_cap for tier in derived.tiers] == [50_000, 250_000, math.inf]


def test_columns_are_read_only_arrays_of_one_value_per_tier() -> None:
    columns = {
        "notional_floor": TABLE.notional_floors,
        "notional_cap": TABLE.notional_caps,
        "maintenance_margin_rate": TABLE.maintenance_margin_rates,
        "maintenance_amount": TABLE.maintenance_amounts,
        "maximum_leverage": TABLE.maximum_leverages,
    }
    for name, column in columns.items():
        assert column.tolist() == [getattr(tier, name) for tier in TIERS]
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1.0


def test_the_contract_gives_the_unit_of_the_notional() -> None:
    assert TABLE.notional_unit == "USDT"
    assert replace(TABLE, contract="inverse").notional_unit == "BTC"
    assert TABLE.title == "somewhere BTCUSDT (as of 2026-01-31)"


def test_values_are_frozen() -> None:
    for value in (TABLE, TIERS[0], Instrument("binance", "BTCUSDT", "BTC", "USDT")):
        with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
            value.symbol = "ETHUSDT"  # type: ignore[union-attr, misc]


def test_amounts_that_a_venue_has_rounded_are_accepted() -> None:
    rounded = (*TIERS[:2], replace(TIERS[2], maintenance_amount=1_300.000_5))

    assert TierTable(**NAMES, tiers=rounded).maintenance_amounts[2] == 1_300.000_5


@pytest.mark.parametrize(
    ("number", "field", "value", "expected"),
    [
        (1, "notional_floor", 10.0, "0 in the first tier"),
        (1, "maintenance_amount", 5.0, "0 in the first tier"),
        (2, "notional_floor", 60_000.0, "the notional_cap of the tier below, 50,000"),
        (2, "notional_floor", 40_000.0, "the notional_cap of the tier below, 50,000"),
        (2, "notional_cap", 50_000.0, "more than its notional_floor 50,000"),
        (3, "notional_cap", 100.0, "more than its notional_floor 250,000"),
        (1, "maintenance_margin_rate", 0.0, "a fraction above 0 and below 1"),
        (3, "maintenance_margin_rate", 1.0, "a fraction above 0 and below 1"),
        (3, "maintenance_margin_rate", 0.004, r"at least that of the tier below, 0\.005"),
        (2, "maintenance_amount", 51.0, "50, which keeps the maintenance margin continuous"),
        (3, "maintenance_amount", 0.0, "1,300, which keeps the maintenance margin continuous"),
        (2, "maximum_leverage", 0.5, "a finite number from 1"),
        (2, "maximum_leverage", math.inf, "a finite number from 1"),
        (3, "maximum_leverage", 101.0, "at most that of the tier below, 100"),
        (2, "maintenance_margin_rate", math.nan, "a number"),
    ],
)
def test_a_bad_tier_is_named_with_its_field_value_and_expectation(
    number: int, field: str, value: float, expected: str
) -> None:
    changes: dict[str, Any] = {field: value}
    tiers = tuple(
        replace(tier, **changes) if position == number else tier
        for position, tier in enumerate(TIERS, start=1)
    )

    message = rf"somewhere BTCUSDT \(as of 2026-01-31\), tier {number}: {field} is .*; expected {expected}"
    with pytest.raises(InputError, match=message):
        TierTable(**NAMES, tiers=tiers)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("venue", "", "venue of a tier table is empty"),
        ("source", "", "source of a tier table is empty"),
        ("as_of", "March 2021", "as_of is 'March 2021'; expected a day such as 2021-03-18"),
        ("as_of", "20210318", "as_of is '20210318'; expected a day such as 2021-03-18"),
        ("as_of", "2021-02-30", "as_of is '2021-02-30'"),
        ("contract", "quanto", "contract is 'quanto'; expected 'linear' or 'inverse'"),
        ("tiers", (), "no tiers; expected at least one"),
    ],
)
def test_a_bad_table_is_refused(field: str, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TierTable(**(NAMES | {"tiers": TIERS} | {field: value}))


def test_the_columns_that_make_a_table_have_one_length() -> None:
    with pytest.raises(
        InputError, match="2 notional_floors, 1 maintenance_margin_rates and 2 maximum_leverages"
    ):
        TierTable.from_floors(
            **NAMES,
            notional_floors=[0, 1],
            maintenance_margin_rates=[0.1],
            maximum_leverages=[2, 1],
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbol": ""}, "symbol of an instrument is empty"),
        ({"contract": "quanto"}, "contract is 'quanto'; expected 'linear' or 'inverse'"),
        ({"contract_size": 0.0}, r"contract_size is 0\.0; expected a positive number"),
        ({"contract_size": math.nan}, "contract_size is nan; expected a positive number"),
    ],
)
def test_a_bad_instrument_is_refused(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"venue": "okx", "symbol": "BTC-USDT-SWAP", "base": "BTC", "quote": "USDT"}

    with pytest.raises(InputError, match=message):
        Instrument(**(good | change))
