"""How Hyperliquid words accounts: what they hold, how they are margined, and the leaderboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from powderkeg.fake_venues.dialect import FakeMarket
from powderkeg.fake_venues.fake_accounts import (
    EMPTY_STATE,
    FakePosition,
    FakeState,
    PopulatedMarket,
    account_address,
)

LEADERBOARD = "/Mainnet/leaderboard"


def clearinghouse_state(asked: Mapping[str, Any], market: FakeMarket) -> Any:
    """Return the answer to ``clearinghouseState``: an empty state for an address that nobody uses."""
    state = _state(asked, market)
    cross = [one for one in state.positions if one.margin_mode == "cross"]
    return {
        "marginSummary": _summary(state.account_value, state.positions),
        "crossMarginSummary": _summary(state.cross_account_value, cross),
        "crossMaintenanceMarginUsed": repr(state.maintenance_margin),
        "withdrawable": repr(max(state.cross_account_value - sum(one.margin for one in cross), 0.0)),
        "assetPositions": [{"type": "oneWay", "position": _position(one)} for one in state.positions],
        "time": market.now,
    }


def spot_state(asked: Mapping[str, Any], market: FakeMarket) -> Any:
    """Return the answer to ``spotClearinghouseState``."""
    said: dict[str, Any] = {"balances": []}
    return said | {"portfolioMarginEnabled": True} if _state(asked, market).portfolio_margin else said


def leaderboard(market: FakeMarket) -> Any:
    """Return the leaderboard; one without rows for a market without accounts."""
    rows = market.accounts.leaderboard(market.now) if isinstance(market, PopulatedMarket) else []
    nothing = {"pnl": "0.0", "roi": "0.0", "vlm": "0.0"}
    return {
        "leaderboardRows": [
            {
                "ethAddress": address,
                "accountValue": repr(value),
                "windowPerformances": [[span, nothing] for span in ("day", "week", "month", "allTime")],
                "prize": 0,
                "displayName": None,
            }
            for address, value in rows
        ]
    }


def users_of_trade(trade_id: int) -> list[str]:
    """Return buyer and seller of a trade: the accounts numbered twice its id, and the next."""
    return [account_address(2 * trade_id), account_address(2 * trade_id + 1)]


def weight_of(asked: Mapping[str, Any]) -> int:
    """Return what a question costs, before what some add per row of their answer."""
    light = {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState"}
    return 2 if asked.get("type") in light else 20


def _state(asked: Mapping[str, Any], market: FakeMarket) -> FakeState:
    address = asked["user"]
    if not (isinstance(address, str) and len(address) == 42 and address.startswith("0x")):
        raise TypeError(address)
    int(address, 16)
    return market.accounts.state(address, market.now) if isinstance(market, PopulatedMarket) else EMPTY_STATE


def _summary(value: float, positions: Any) -> dict[str, str]:
    used = sum(one.margin for one in positions)
    notional = sum(one.notional for one in positions)
    signed = sum(one.quantity * one.mark_price for one in positions)
    return {
        "accountValue": repr(value),
        "totalNtlPos": repr(notional),
        "totalRawUsd": repr(value - signed),
        "totalMarginUsed": repr(used),
    }


def _position(one: FakePosition) -> dict[str, Any]:
    leverage: dict[str, Any] = {"type": one.margin_mode, "value": one.leverage}
    if one.margin_mode == "isolated":
        leverage["rawUsd"] = repr(one.raw_usd)
    gain = one.quantity * (one.mark_price - one.entry_price)
    return {
        "coin": one.coin,
        "szi": repr(one.quantity),
        "leverage": leverage,
        "entryPx": repr(one.entry_price),
        "positionValue": repr(one.notional),
        "unrealizedPnl": repr(gain),
        "returnOnEquity": repr(gain / (abs(one.quantity) * one.entry_price) * one.leverage),
        "liquidationPx": None if one.liquidation_price is None else repr(one.liquidation_price),
        "marginUsed": repr(one.margin),
        "maxLeverage": one.leverage,
        "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
    }
