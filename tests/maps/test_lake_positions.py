"""Positions in a lake: the last state that was known, and nothing learned later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from powderkeg.errors import WindowError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.maps.lake_positions import lake_open_interest, lake_snapshot
from powderkeg.maps.measured_map import measured_map
from powderkeg.model.account_positions import CROSS, ISOLATED
from powderkeg.model.market_rows import AccountPosition, AccountState, MarketRow, MarkPrice, OpenInterest
from powderkeg.model.times import HOUR
from powderkeg.venues.census import PERPETUALS

NOON = 1_770_724_800_000
VENUE = "hyperliquid"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def held(ts: int, account: str, coin: str, **changed: Any) -> AccountPosition:
    """Return a cross long of 2 at a mark of 100 whose level is 80."""
    row = AccountPosition(ts, account, coin, "long", 2.0, 95.0, 200.0, 10.0, 5.0, "cross", 40.0, 80.0)
    return row._replace(**changed)


def put(lake: Lake, ts: int, account: str, *positions: AccountPosition, received: int | None = None) -> None:
    """Write one state of an account with its positions."""
    state = AccountState(ts, account, 60.0, 60.0, 4.0, len(positions), "standard")
    tables: dict[str, list[MarketRow]] = {"account_states": [state], "positions": list(positions)}
    for table, rows in tables.items():
        put_rows(lake, table, PERPETUALS, rows, ts if received is None else received)


def put_rows(lake: Lake, table: str, symbol: str, rows: list[MarketRow], received: int) -> None:
    lake.append(DatasetKey(table, VENUE, symbol), rows, received_ts=received, source="rest")


def test_the_last_state_of_each_account_counts_and_a_coin_it_lacks_is_closed(lake: Lake) -> None:
    put(lake, NOON - HOUR, "a", held(NOON - HOUR, "a", "BTC"), held(NOON - HOUR, "a", "ETH"))
    put(lake, NOON, "a", held(NOON, "a", "BTC", quantity=3.0, notional=330.0))
    put(lake, NOON - HOUR, "b")
    snapshot = lake_snapshot(lake, VENUE, NOON)
    assert snapshot.accounts == ("a", "b")
    assert (snapshot.coins, snapshot.quantity.tolist()) == (("BTC",), [3.0])
    assert snapshot.mark_price.tolist() == [110.0]
    assert snapshot.state_ts.tolist() == [NOON, NOON - HOUR]
    assert snapshot.margin_mode.tolist() == [CROSS]
    assert snapshot.age.tolist() == [0]


def test_what_was_learned_later_is_not_in_an_earlier_snapshot(lake: Lake) -> None:
    put(lake, NOON - HOUR, "a", held(NOON - HOUR, "a", "BTC"))
    before = lake_snapshot(lake, VENUE, NOON)
    put(lake, NOON - 1, "a", held(NOON - 1, "a", "BTC", quantity=9.0), received=NOON + 1)
    put(lake, NOON + HOUR, "a")
    after = lake_snapshot(lake, VENUE, NOON)
    assert before.quantity.tolist() == after.quantity.tolist() == [2.0]
    assert not len(lake_snapshot(lake, VENUE, NOON + HOUR))


def test_states_older_than_asked_for_are_left_out_and_none_is_an_error(lake: Lake) -> None:
    put(lake, NOON - 3 * HOUR, "a", held(NOON - 3 * HOUR, "a", "BTC"))
    with pytest.raises(WindowError, match=r"no account's state of the 2h before 2026-02-10T12:00:00Z"):
        lake_snapshot(lake, VENUE, NOON, oldest=2 * HOUR)
    assert len(lake_snapshot(lake, VENUE, NOON, oldest=4 * HOUR)) == 1


def test_isolated_margin_portfolio_accounts_and_missing_levels_come_through(lake: Lake) -> None:
    put(
        lake, NOON, "a",
        held(NOON, "a", "BTC", margin_mode="isolated", margin=33.0),
        held(NOON, "a", "ETH", position_side="short", liquidation_price=None),
    )  # fmt: skip
    state = AccountState(NOON, "p", 1.0, 1.0, None, 0, "portfolio")
    put_rows(lake, "account_states", PERPETUALS, [state], NOON)
    snapshot = lake_snapshot(lake, VENUE, NOON)
    assert snapshot.margin_mode.tolist() == [ISOLATED, CROSS]
    assert snapshot.isolated_margin[0] == 33.0
    assert snapshot.position_side.tolist() == [1, -1]
    assert np.isnan(snapshot.liquidation_price).tolist() == [False, True]
    assert snapshot.portfolio_margin.tolist() == [False, True]


def test_recorded_marks_and_open_interest_go_before_what_states_say(lake: Lake) -> None:
    put(lake, NOON - HOUR, "a", held(NOON - HOUR, "a", "BTC"))
    put_rows(lake, "mark_prices", "BTC", [MarkPrice(NOON - 1000, 90.0, None, None, None)], NOON - 1000)
    interest = OpenInterest(NOON - 1000, 40.0, 80.0, "base", 2, None)
    put_rows(lake, "open_interest", "BTC", [interest], NOON - 1000)
    snapshot = lake_snapshot(lake, VENUE, NOON)
    assert snapshot.mark_price.tolist() == [90.0]
    assert lake_open_interest(lake, VENUE, "BTC", NOON, 90.0) == 3_600.0
    assert lake_open_interest(lake, VENUE, "ETH", NOON, 90.0) is None
    found = measured_map(snapshot, "BTC", open_interest=3_600.0)
    assert found.sides[0].coverage == pytest.approx(2 * 90.0 / 3_600.0)
    assert found.ages == (HOUR, HOUR, HOUR)
