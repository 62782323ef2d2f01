"""What Hyperliquid says of accounts: recorded answers, the documentation's, and the fake venue's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from census_simulation import populated
from powderkeg.errors import InputError, PayloadError
from powderkeg.fake_venues.dialect import Call
from powderkeg.fake_venues.fake_accounts import PopulatedMarket, account_address
from powderkeg.fake_venues.hyperliquid import DIALECT
from powderkeg.model.market_rows import AccountPosition, AccountState, Trade
from powderkeg.venues.asking import Request
from powderkeg.venues.census import AccountReading, ListedAccount, NamedAccount
from powderkeg.venues.hyperliquid import VENUE
from powderkeg.venues.hyperliquid.accounts import (
    CENSUS,
    account_reading,
    listed_accounts,
    margining,
    named_accounts,
)
from venues.recorded import messages, sample
from venues.test_hyperliquid import recorded_pairs

NOW = 1_790_000_000_000
ADDRESS = "0x" + 10 * "ab12"

# The documentation's own example of an isolated position, read 2026-11-25.
DOCUMENTED: dict[str, Any] = {
    "assetPositions": [
        {
            "position": {
                "coin": "ETH",
                "cumFunding": {"allTime": "514.085417", "sinceChange": "0.0", "sinceOpen": "0.0"},
                "entryPx": "2986.3",
                "leverage": {"rawUsd": "-95.059824", "type": "isolated", "value": 20},
                "liquidationPx": "2866.26936529",
                "marginUsed": "4.967826",
                "maxLeverage": 50,
                "positionValue": "100.02765",
                "returnOnEquity": "-0.0026789",
                "szi": "0.0335",
                "unrealizedPnl": "-0.0134",
            },
            "type": "oneWay",
        }
    ],
    "crossMaintenanceMarginUsed": "0.0",
    "crossMarginSummary": {
        "accountValue": "13104.514502",
        "totalMarginUsed": "0.0",
        "totalNtlPos": "0.0",
        "totalRawUsd": "13104.514502",
    },
    "marginSummary": {
        "accountValue": "13109.482328",
        "totalMarginUsed": "4.967826",
        "totalNtlPos": "100.02765",
        "totalRawUsd": "13009.454678",
    },
    "time": 1708622398623,
    "withdrawable": "13104.514502",
}


ACCOUNTS = 400


@pytest.fixture(scope="module")
def market() -> PopulatedMarket:
    """Return a market whose accounts have had half an hour of other marks."""
    made = populated(ACCOUNTS, 3, 1)
    made.now += 30 * 60_000
    return made


def with_field(path: str, value: object) -> bytes:
    """Return the documented answer with another value in one place; of a position's fields the name alone."""
    said = json.loads(json.dumps(DOCUMENTED))
    *way, last = path.split(".")
    place = said if way or last in said else said["assetPositions"][0]["position"]
    for step in way:
        place = place[step] if step in place else said["assetPositions"][0]["position"][step]
    place[last] = value
    return json.dumps(said).encode()


def reading_of(payload: bytes) -> AccountReading:
    return account_reading(payload, ADDRESS, NOW)


def test_the_documented_isolated_position_has_its_equity_as_margin() -> None:
    state, (position,) = reading_of(json.dumps(DOCUMENTED).encode())
    assert state == AccountState(1708622398623, ADDRESS, 13109.482328, 13104.514502, 0.0, 1, "")
    assert position == AccountPosition(
        1708622398623, ADDRESS, "ETH", "long", 0.0335, 2986.3, 100.02765, -0.0134, 20.0, "isolated",
        4.967826, 2866.26936529,
    )  # fmt: skip
    # rawUsd and what the coins are worth
    assert position.margin == pytest.approx(-95.059824 + position.notional, abs=1e-6)


def test_a_recorded_account_of_cross_positions_is_read_whole(shared: Any) -> None:
    ((asked, payload),) = recorded_pairs(shared, "clearinghouseState")
    state, positions = account_reading(payload, asked["user"], NOW)
    # The answer of 2023 has neither a time nor a maintenance margin.
    assert state == AccountState(NOW, asked["user"], 1182.312496, 1182.312496, None, 12, "")
    by_coin = {one.coin: one for one in positions}
    assert by_coin["BTC"].position_side == "short"
    assert by_coin["BTC"].quantity == 0.00785
    assert by_coin["BTC"].liquidation_price == 173198.69592357
    assert by_coin["ETH"].position_side == "long"
    assert by_coin["ETH"].liquidation_price is None
    assert sum(one.notional for one in positions) == pytest.approx(3434.815334)
    assert {one.margin_mode for one in positions} == {"cross"}


def test_a_sample_without_the_summary_of_everything_adds_up(shared: Any) -> None:
    name = "http_clearinghouse_state_negative_total_raw_usd.json"
    state, positions = reading_of(sample(shared, "hyperliquid", name))
    assert state == AccountState(1_700_000_000_000, ADDRESS, 1736.030875, 1736.030875, None, 0, "")
    assert not positions
    without = json.loads(json.dumps(DOCUMENTED))
    del without["marginSummary"]
    assert reading_of(json.dumps(without).encode()).state.account_value == pytest.approx(13109.482328)


def test_an_address_that_nobody_uses_is_an_empty_account(market: PopulatedMarket) -> None:
    for address in (account_address(ACCOUNTS), "0x" + 40 * "0"):
        request = CENSUS.request(address)
        payload = DIALECT.answer(Call(request.path, {}, request.body or b""), market)
        state, positions = account_reading(payload or b"", address, NOW)
        assert (state.account_value, state.positions, positions) == (0.0, 0, [])


def test_equity_below_zero_is_read_as_it_is() -> None:
    payload = with_field("marginSummary.accountValue", "-12.5")
    assert reading_of(payload).state.account_value == -12.5
    assert reading_of(with_field("marginUsed", "-0.25")).positions[0].margin == -0.25


@pytest.mark.parametrize("level", [None, "0.0", "-31.5"])
def test_a_level_that_no_price_can_reach_is_none(level: str | None) -> None:
    assert reading_of(with_field("liquidationPx", level)).positions[0].liquidation_price is None


def test_a_coin_that_is_listed_no_more_is_kept_under_its_name() -> None:
    payload = with_field("coin", "GONE")
    assert reading_of(payload).positions[0].coin == "GONE"


def test_what_is_worth_nothing_by_the_last_digit_is_no_position() -> None:
    state, positions = reading_of(with_field("positionValue", "0.0"))
    assert (state.positions, positions) == (0, [])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("szi", "0.0", r"szi is 0\.0; expected a size above or below 0"),
        ("szi", "NaN", "szi is nan; expected a finite number"),
        ("szi", "many", "szi|float"),
        ("entryPx", "-1", r"entryPx is -1\.0; expected a number above 0"),
        ("entryPx", None, "entryPx"),
        ("positionValue", "-1", r"positionValue is -1\.0; expected a number from 0"),
        ("unrealizedPnl", "inf", "unrealizedPnl is inf; expected a finite number"),
        ("marginUsed", "nan", "marginUsed is nan; expected a finite number"),
        ("liquidationPx", "inf", "liquidationPx is inf; expected a finite number"),
        ("leverage.value", 0, r"leverage.value is 0\.0; expected a number from 1"),
        ("leverage.type", "portfolio", "leverage.type"),
        ("coin", "", "coin is ''; expected a coin"),
        ("time", 17, "time is 17; expected UTC milliseconds"),
        ("marginSummary.accountValue", "inf", "marginSummary.accountValue is inf"),
        ("crossMarginSummary.accountValue", "inf", "crossMarginSummary.accountValue is inf"),
        ("crossMaintenanceMarginUsed", "-1", r"crossMaintenanceMarginUsed is -1\.0"),
        ("assetPositions", None, "assetPositions"),
    ],
)
def test_a_number_that_cannot_be_is_named(path: str, value: object, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        reading_of(with_field(path, value))


@pytest.mark.parametrize("payload", [b"null", b"", b"[]", b'{"assetPositions":[', b"\xff"])
def test_what_is_no_state_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError, match="clearinghouseState"):
        reading_of(payload)


@pytest.mark.parametrize("text", ["", "0x12", 42 * "a", "0x" + 40 * "g", "0x" + 41 * "1", ADDRESS + "1"])
def test_an_account_is_an_address(text: str) -> None:
    for ask in (CENSUS.account, CENSUS.request):
        with pytest.raises(InputError, match="expected an address: 0x and 40 hexadecimal digits"):
            ask(text)


def test_questions_about_accounts_are_light_and_in_lower_case() -> None:
    request = CENSUS.request(ADDRESS.upper().replace("0X", "0x"))
    body = b'{"type":"clearinghouseState","user":"' + ADDRESS.encode() + b'"}'
    assert request == Request("rest", "/info", body=body, weight=2)
    assert CENSUS.margining_request is not None
    assert CENSUS.margining_request(ADDRESS).weight == 2


def test_portfolio_margin_is_told_by_the_spot_state(shared: Any) -> None:
    assert margining(sample(shared, "hyperliquid", "http_spot_clearinghouse_state.json")) == "standard"
    assert margining(b'{"balances":[],"portfolioMarginEnabled":true}') == "portfolio"
    with pytest.raises(PayloadError, match="spotClearinghouseState"):
        margining(b'"unifiedAccount"')


def test_the_leaderboard_gives_addresses_with_what_they_are_worth() -> None:
    row = {"ethAddress": ADDRESS.upper().replace("0X", "0x"), "accountValue": "48857952.3308470026"}
    rows = [{**row, "windowPerformances": [["day", {"pnl": "1.0"}]], "prize": 0, "displayName": None}]
    payload = json.dumps({"leaderboardRows": rows}).encode()
    assert listed_accounts(payload) == [ListedAccount(ADDRESS, 48857952.330847)]
    with pytest.raises(PayloadError, match="ethAddress is '0x12'"):
        listed_accounts(b'{"leaderboardRows":[{"ethAddress":"0x12","accountValue":"1"}]}')
    with pytest.raises(PayloadError, match="accountValue is inf"):
        listed_accounts(json.dumps({"leaderboardRows": [{**row, "accountValue": "inf"}]}).encode())


def test_both_sides_of_a_trade_are_named(market: PopulatedMarket) -> None:
    row = Trade(NOW, "21", 60_000.0, 0.5, "buy")
    ((_, frame),) = DIALECT.frames("trades", "C0", [row], market.instruments["C0"])
    assert named_accounts(frame) == [
        NamedAccount(NOW, account_address(42)),
        NamedAccount(NOW, account_address(43)),
    ]
    assert VENUE.census is CENSUS


def test_frames_that_name_nobody_are_no_error(shared: Any) -> None:
    for frame in messages(shared, "hyperliquid.jsonl"):
        assert not named_accounts(frame)  # recorded before the venue named its users
    trades = json.loads(sample(shared, "hyperliquid", "http_recent_trades_btc.json"))
    frame = json.dumps({"channel": "trades", "data": trades}).encode()
    assert named_accounts(frame) == []  # the sample's names are made up, and no addresses
    for odd in (b"", b"\xff", b'{"channel":"trades"', b'{"channel":"trades","data":[{"users":[1]}]}'):
        assert named_accounts(odd) == ()


def test_the_fake_venue_keeps_to_the_venues_formula_and_to_its_own_sums(market: PopulatedMarket) -> None:
    rate, isolated, cross, none = 0.5 / 40, 0, 0, 0
    for number in range(ACCOUNTS):
        request = CENSUS.request(account_address(number))
        payload = DIALECT.answer(Call(request.path, {}, request.body or b""), market)
        state, positions = account_reading(payload or b"", account_address(number), NOW)
        assert state.ts == market.now
        shared_margin = state.cross_account_value - (state.maintenance_margin or 0.0)
        for one in positions:
            side = 1 if one.position_side == "long" else -1
            mark = one.notional / one.quantity
            available = shared_margin
            if one.margin_mode == "isolated":
                available = one.margin - rate * one.notional
            level = mark - side * available / one.quantity / (1 - rate * side)
            assert available > 0
            if one.liquidation_price is None:
                none += 1
                assert level <= 0
            else:
                assert one.liquidation_price == pytest.approx(level, rel=1e-9)
                assert side * (mark - one.liquidation_price) > 0
            isolated += one.margin_mode == "isolated"
            cross += one.margin_mode == "cross"
        alone = sum(one.margin for one in positions if one.margin_mode == "isolated")
        assert state.account_value == pytest.approx(state.cross_account_value + alone)
    assert min(isolated, cross, none) > 2
