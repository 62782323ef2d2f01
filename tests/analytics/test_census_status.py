"""What a census covers, from a lake written by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from powderkeg.analytics.census_status import census_status
from powderkeg.core.census_policy import CLASSES
from powderkeg.errors import InputError
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import AccountPosition, AccountState, KnownAccount, OpenInterest
from powderkeg.model.times import DAY, HOUR, MINUTE
from powderkeg.venues.bybit import VENUE as BYBIT
from powderkeg.venues.hyperliquid import VENUE

AT = 1_790_000_000_000
ACCOUNTS, STATES, POSITIONS = (
    DatasetKey(table, "hyperliquid", "perpetuals") for table in ("accounts", "account_states", "positions")
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", create=True)


def keep(lake: Lake, ts: int, account: str, *held: AccountPosition, margining: str = "standard") -> None:
    state = AccountState(ts, account, 100.0, 100.0, 1.0, len(held), margining)
    lake.append(POSITIONS, held, received_ts=ts, source="rest")
    lake.append(STATES, [state], received_ts=ts, source="rest")


def position(
    ts: int, account: str, coin: str, quantity: float, mark: float, level: float | None
) -> AccountPosition:
    side = "long" if quantity > 0 else "short"
    size = abs(quantity)
    return AccountPosition(
        ts, account, coin, side, size, mark, size * mark, 0.0, 5.0, "cross", 1.0, level  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_last_state_of_each_account_counts_and_no_other(lake: Lake) -> None:
    accounts = [KnownAccount(AT - DAY, name, "list") for name in ("a", "b", "c", "d")]
    lake.append(ACCOUNTS, accounts, received_ts=AT, source="rest")
    old, last = AT - 3 * DAY, AT - 10 * MINUTE
    keep(lake, old, "a", position(old, "a", "BTC", 9.0, 100.0, 50.0))
    btc, eth = position(last, "a", "BTC", 2.0, 100.0, 99.0), position(last, "a", "ETH", -4.0, 10.0, 15.0)
    keep(lake, last, "a", btc, eth)
    keep(lake, old, "b", position(old, "b", "BTC", -1.0, 90.0, None), margining="portfolio")
    keep(lake, old + HOUR, "c", position(old + HOUR, "c", "BTC", 5.0, 100.0, 50.0))
    keep(lake, last, "c")  # which has closed it
    # What a crash left: positions whose state was never written are nobody's.
    lake.append(POSITIONS, [position(last + 1, "d", "BTC", 7.0, 1.0, 0.5)], received_ts=AT, source="rest")
    interest = [
        OpenInterest(AT - 2 * HOUR, 99.0, 198.0, "base", 2, None),
        OpenInterest(AT - HOUR, 4.0, 8.0, "base", 2, None),
        OpenInterest(AT + 1, 1.0, 2.0, "base", 2, None),
    ]
    lake.append(DatasetKey("open_interest", "hyperliquid", "BTC"), interest, received_ts=AT, source="rest")
    status = census_status(lake, VENUE, AT, share=1.0)
    assert (status.accounts, status.asked, status.holding, status.portfolio_margin) == (4, 3, 2, 1)
    assert (status.positions, status.notional) == (3, 200.0 + 40.0 + 90.0)
    assert status.ages[1] == 10 * MINUTE
    assert status.ages[3] == 3 * DAY
    # Three quarters of the notional are young: 240 of 330.
    assert status.notional_ages[:2] == (10 * MINUTE, 10 * MINUTE)
    assert status.notional_ages[2] == 3 * DAY
    classes = {one.name: one for one in status.classes}
    assert [classes[name].accounts for name in CLASSES] == [1, 1, 0, 1, 1]
    assert classes["close"].median_age == 10 * MINUTE
    assert classes["close"].expected_interval == 10_000.0
    assert math.isnan(classes["near"].expected_interval)
    first, second = status.coins
    assert (first.coin, first.long, first.short, first.notional) == ("BTC", 2.0, 1.0, 290.0)
    assert (first.open_interest, first.open_interest_ts) == (4.0, AT - HOUR)
    assert (first.long_share, first.short_share) == (0.5, 0.25)
    # A coin that is listed no more, or that nobody recorded, is shown without a share.
    assert (second.coin, second.short, second.open_interest, second.short_share) == ("ETH", 4.0, None, None)


def test_a_lake_without_a_census_has_a_status_of_nothing(lake: Lake) -> None:
    status = census_status(lake, VENUE, AT, share=0.5)
    assert (status.accounts, status.asked, status.holding, status.positions) == (0, 0, 0, 0)
    assert all(math.isnan(age) for age in (*status.ages, *status.notional_ages))
    assert status.coins == ()
    assert [one.accounts for one in status.classes] == [0] * len(CLASSES)


def test_a_venue_without_public_positions_has_no_census(lake: Lake) -> None:
    with pytest.raises(InputError, match="positions are not public at Bybit"):
        census_status(lake, BYBIT, AT, share=0.5)
