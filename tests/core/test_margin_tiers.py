"""The bracket at the liquidation price: one and only one, continuous at its edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from powderkeg.core.liquidation_price import Basis, liquidation_price
from powderkeg.core.margin_tiers import maintenance_margin, tier_index, tiered_liquidation_price
from powderkeg.core.venue_tiers import venue_tier_table
from powderkeg.errors import InputError
from powderkeg.model.instrument import Contract, TierTable

LONG, SHORT = 1, -1
BTC = venue_tier_table("binance", "BTCUSDT")
COIN_BTC = venue_tier_table("binance", "BTCUSD_PERP")

unhurried = settings(deadline=None)


@st.composite
def tier_tables(draw: st.DrawFn) -> TierTable:
    count = draw(st.integers(1, 8))
    widths = draw(st.lists(st.floats(0.1, 100.0), min_size=count, max_size=count))
    steps = draw(st.lists(st.floats(0.0, 0.1), min_size=count, max_size=count))
    contract: Contract = draw(st.sampled_from(["linear", "inverse"]))
    return TierTable.from_floors(
        venue="nowhere",
        symbol="ANY",
        base="ANY",
        quote="USD",
        as_of="2026-01-01",
        source="drawn at random",
        notional_floors=[0.0, *np.cumsum(widths)[:-1].tolist()],
        maintenance_margin_rates=np.minimum(0.001 + np.cumsum(steps), 0.9).tolist(),
        maximum_leverages=[1.0] * count,
        notional_cap=float(np.sum(widths)),
        contract=contract,
    )


@st.composite
def positions(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "entry_price": draw(st.floats(0.1, 10.0)),
        "size": draw(st.floats(0.01, 300.0)),
        "position_side": draw(st.sampled_from([LONG, SHORT])),
        "margin": draw(st.floats(0.0, 300.0)),
        "fee_rate": draw(st.floats(0.0, 0.002)),
    }


def notional_at(table: TierTable, position: dict[str, Any], price: npt.ArrayLike) -> Any:
    size = position["size"]
    return size / np.asarray(price) if table.contract == "inverse" else size * np.asarray(price)


def surplus(table: TierTable, position: dict[str, Any], price: float) -> float:
    """Return equity less maintenance margin and fee, the bracket looked up at `price`."""
    notional = notional_at(table, position, price)
    entry, side, size = position["entry_price"], position["position_side"], position["size"]
    inverse = table.contract == "inverse"
    profit = side * size * ((1 / entry - 1 / price) if inverse else (price - entry))
    demanded = maintenance_margin(notional, table) + position["fee_rate"] * notional
    return float(position["margin"] + profit - demanded)


@unhurried
@given(tier_tables(), positions())
def test_exactly_one_bracket_holds_the_root_it_produces(table: TierTable, position: dict[str, Any]) -> None:
    price, index = tiered_liquidation_price(table, **position)
    roots = liquidation_price(
        contract=table.contract,
        maintenance_margin_rate=table.maintenance_margin_rates,
        maintenance_amount=table.maintenance_amounts,
        **position,
    )
    notionals = notional_at(table, position, roots)
    caps = np.append(table.notional_caps[:-1], np.inf)
    # A root on an edge belongs to both neighbours, which then agree on it.
    edge = np.append(table.notional_floors[1:], np.inf)
    assume(not np.any(np.abs(notionals[:, np.newaxis] / edge - 1) < 1e-9))
    consistent = np.flatnonzero((table.notional_floors < notionals) & (notionals <= caps))

    if np.isnan(price):
        assert int(index) == -1
        assert consistent.size == 0
    else:
        assert consistent.tolist() == [int(index)]
        assert float(price) == roots[int(index)]


@unhurried
@given(tier_tables(), positions())
def test_equity_equals_the_maintenance_margin_of_the_notional_at_the_root(
    table: TierTable, position: dict[str, Any]
) -> None:
    price = float(tiered_liquidation_price(table, **position).liquidation_price)
    assume(not np.isnan(price))

    scale = position["margin"] + notional_at(table, position, price)
    scale += notional_at(table, position, position["entry_price"])
    assert abs(surplus(table, position, price)) <= 1e-11 * scale


@unhurried
@given(tier_tables(), positions())
def test_the_scan_agrees_with_a_search_for_the_change_of_sign(
    table: TierTable, position: dict[str, Any]
) -> None:
    low, high = position["entry_price"] * 1e-9, position["entry_price"] * 1e9
    assume(surplus(table, position, low) * surplus(table, position, high) < 0)
    rising = surplus(table, position, low) < 0
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if (surplus(table, position, middle) < 0) == rising else (low, middle)

    np.testing.assert_allclose(tiered_liquidation_price(table, **position)[0], low, rtol=1e-6)


@unhurried
@given(tier_tables(), st.floats(0.0, 1.0))
def test_maintenance_margin_is_continuous_at_every_edge(table: TierTable, step: float) -> None:
    for edge in table.notional_floors[1:]:
        below, above = edge - 1e-9 * step, edge + 1e-9 * (1 - step)
        jump = maintenance_margin(above, table) - maintenance_margin(below, table)
        assert abs(jump) <= 1e-9 + 1e-12 * edge


def test_liquidation_price_does_not_jump_where_the_bracket_changes() -> None:
    quantity = np.linspace(0.5, 2_000.0, 20_001)
    for side in (LONG, SHORT):
        price, index = tiered_liquidation_price(
            BTC, entry_price=60_000.0, size=quantity, position_side=side, margin=quantity * 60_000 / 3
        )
        assert np.unique(index).size > 4
        assert np.max(np.abs(np.diff(np.log(price)))) < 2e-3
        assert np.all(np.diff(side * price) >= -1e-9)


def test_a_notional_on_an_edge_belongs_to_the_tier_below_it() -> None:
    np.testing.assert_array_equal(tier_index([0, 50e3, 50e3 + 1, 500e6, 9e9], BTC), [0, 0, 1, 9, 9])
    np.testing.assert_allclose(maintenance_margin([[0, 50e3], [250e3, 1e6]], BTC), [[0, 200], [1_200, 8_700]])


def test_many_positions_at_once_equal_one_at_a_time() -> None:
    generator = np.random.default_rng(7)
    count = 200
    entry = generator.uniform(20_000, 90_000, count)
    size = 10 ** generator.uniform(-2, 3.5, count)
    side = generator.choice([LONG, SHORT], count)
    margin = size * entry / generator.uniform(1, 20, count)

    price, index = tiered_liquidation_price(
        BTC, entry_price=entry, size=size, position_side=side, margin=margin
    )

    for number in range(count):
        one_price, one_index = tiered_liquidation_price(
            BTC,
            entry_price=entry[number],
            size=size[number],
            position_side=side[number],
            margin=margin[number],
        )
        np.testing.assert_array_equal(one_price, price[number])
        assert int(one_index) == index[number]


def test_the_bracket_is_that_of_the_liquidation_price_and_not_of_the_entry() -> None:
    # 17 BTC at 60,000 are 1.02 million, in tier 4; at the level of a 2x long they are 0.5 million, in tier 3.
    position: dict[str, Any] = {"entry_price": 60_000.0, "size": 17.0, "margin": 17 * 30_000.0}
    assert int(tier_index(17 * 60_000.0, BTC)) == 3

    price, index = tiered_liquidation_price(BTC, position_side=LONG, **position)
    assert int(index) == 2
    assert float(price) == pytest.approx((17 * 30_000 + 1_300 - 17 * 60_000) / (17 * (0.01 - 1)))

    price, index = tiered_liquidation_price(BTC, position_side=LONG, maintenance_basis="entry", **position)
    assert int(index) == 3
    assert float(price) == pytest.approx(30_000 + (0.025 * 17 * 60_000 - 16_300) / 17)

    _, index = tiered_liquidation_price(BTC, position_side=LONG, maintenance_basis="bankruptcy", **position)
    assert int(index) == 2


def test_the_open_interest_of_the_whole_market_is_not_one_positions_bracket() -> None:
    one: dict[str, Any] = {"entry_price": 60_000.0, "position_side": LONG}
    trader = tiered_liquidation_price(BTC, **one, size=1.0, margin=6_000.0)
    market = tiered_liquidation_price(BTC, **one, size=60_000.0, margin=60_000 * 6_000.0)

    assert int(trader.tier_index) == 1
    assert int(market.tier_index) == 9
    # Taken as one position the market would be far beyond liquidation as it opens; its 1 BTC traders are not.
    assert market.liquidation_price > 60_000 > trader.liquidation_price
    assert float(trader.liquidation_price) == pytest.approx((6_000 + 50 - 60_000) / (0.005 - 1))


def test_an_inverse_contract_has_its_brackets_in_coins() -> None:
    # 2.4 million dollars at 60,000 are 40 BTC; a long's coins grow as the price falls, here to over 50.
    position: dict[str, Any] = {"entry_price": 60_000.0, "size": 2.4e6, "margin": 20.0}
    price, index = tiered_liquidation_price(COIN_BTC, position_side=LONG, **position)
    assert int(tier_index(40.0, COIN_BTC)) == 3
    assert int(index) == 4
    assert float(price) == pytest.approx(2.4e6 * 1.05 / (20 + 1.81 + 40))

    price, index = tiered_liquidation_price(COIN_BTC, position_side=SHORT, **position)
    assert int(index) == 2
    assert float(price) == pytest.approx(2.4e6 * -0.99 / (20 + 0.11 - 40))


def test_no_liquidation_price_has_no_bracket() -> None:
    bases: tuple[Basis, ...] = ("mark", "bankruptcy")
    for basis in bases:
        price, index = tiered_liquidation_price(
            BTC,
            entry_price=60_000.0,
            size=[1.0, 1.0],
            position_side=LONG,
            margin=[60_000.0, 6_000.0],
            maintenance_basis=basis,
        )
        np.testing.assert_array_equal(np.isnan(price), [True, False])
        assert index[0] == -1
        assert index[1] >= 0


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="notional is -1; expected a finite number, 0 or more"):
        maintenance_margin(-1.0, BTC)
    with pytest.raises(InputError, match="size is 0; expected a finite number above 0"):
        tiered_liquidation_price(BTC, entry_price=1.0, size=0.0, position_side=LONG, margin=1.0)
