"""Hyperliquid's accounts: what each holds, which ones there are, and how they are margined.

https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint/perpetuals (user's perpetuals
account summary), info-endpoint/spot and rate-limits-and-user-limits, read 2026-11-25. The leaderboard is
what the venue's own site reads; its shape is known from third parties.

An answer covers the perpetuals of the main dex. In a unified account, and in one with portfolio margin, the
collateral is in the spot balances: there the account values of this answer are not what stands behind
cross positions, and only the published liquidation prices say how far away they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from powderkeg.errors import InputError, PayloadError
from powderkeg.model.market_rows import AccountPosition, AccountState, MarginMode
from powderkeg.venues.asking import Request
from powderkeg.venues.census import PERPETUALS, AccountReading, Census, ListedAccount, NamedAccount
from powderkeg.venues.hyperliquid.answers import answer, question
from powderkeg.venues.payload import decoded, decoder, finite, non_negative, positive, time_ms

# Questions about the state of an account are among the few light ones.
_WEIGHT = 2
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


class _Summary(msgspec.Struct, rename="camel"):
    account_value: float


class _Leverage(msgspec.Struct, rename="camel"):
    type: MarginMode
    value: float


class _Position(msgspec.Struct, rename="camel"):
    coin: str
    szi: float
    entry_px: float
    position_value: float
    unrealized_pnl: float
    leverage: _Leverage
    margin_used: float
    liquidation_px: float | None = None


class _AssetPosition(msgspec.Struct):
    position: _Position


class _State(msgspec.Struct, rename="camel"):
    asset_positions: list[_AssetPosition]
    cross_margin_summary: _Summary
    margin_summary: _Summary | None = None
    cross_maintenance_margin_used: float | None = None
    time: int | None = None


class _SpotState(msgspec.Struct, rename="camel"):
    balances: list[msgspec.Raw]
    portfolio_margin_enabled: bool = False


class _Leader(msgspec.Struct, rename="camel"):
    eth_address: str
    account_value: float


class _Leaderboard(msgspec.Struct, rename="camel"):
    leaderboard_rows: list[_Leader]


class _Trade(msgspec.Struct):
    time: int = 0
    users: tuple[str, ...] = ()


class _Trades(msgspec.Struct):
    channel: str
    data: list[_Trade]


_STATE = decoder(_State)
_SPOT_STATE = decoder(_SpotState)
_LEADERBOARD = decoder(_Leaderboard)
_TRADES = decoder(_Trades)


def account(text: str) -> str:
    """Return an address in lower case, as the venue writes it.

    Raises
    ------
    InputError
        It is not 0x and 40 hexadecimal digits.
    """
    address = text.strip().lower()
    if _ADDRESS.fullmatch(address):
        return address
    raise InputError(f"account is {text!r}; expected an address: 0x and 40 hexadecimal digits")


def state_request(address: str) -> Request:
    """Return the question what an account holds; raises `InputError` as `account`."""
    return question("clearinghouseState", _WEIGHT, user=account(address))


def account_reading(payload: bytes, address: str, now: int) -> AccountReading:
    """Return the state of an account and its positions.

    The venue answers for every address: one that nobody has used is worth nothing and holds nothing. An
    older answer carries no time and takes `now`; without a summary over everything, what stands behind
    cross positions and the equity of the isolated ones add up to it. A liquidation price that is not above
    0 cannot be reached, and is none; a position that is worth 0 by the last digit that the venue writes is
    left out.

    Parameters
    ----------
    payload
        Answer to `state_request`.
    address
        Whose it is, which the answer does not repeat.
    now
        UTC milliseconds.

    Raises
    ------
    PayloadError
        The payload is of another shape, or a number is not what it can be; the message has the field.
    """
    said = answer(payload, _STATE, "clearinghouseState")
    at = now if said.time is None else time_ms(said.time, "time")
    told = [_position(one.position, address, at) for one in said.asset_positions]
    positions = [one for one in told if one.notional > 0]
    cross = finite(said.cross_margin_summary.account_value, "crossMarginSummary.accountValue")
    if said.margin_summary is not None:
        value = finite(said.margin_summary.account_value, "marginSummary.accountValue")
    else:
        value = cross + sum(one.margin for one in positions if one.margin_mode == "isolated")
    maintenance = said.cross_maintenance_margin_used
    state = AccountState(
        ts=at,
        account=address,
        account_value=value,
        cross_account_value=cross,
        maintenance_margin=None
        if maintenance is None
        else non_negative(maintenance, "crossMaintenanceMarginUsed"),
        positions=len(positions),
        margining="",  # another question tells
    )
    return AccountReading(state, positions)


def _position(said: _Position, address: str, ts: int) -> AccountPosition:
    size = finite(said.szi, "szi")
    if size == 0:
        raise PayloadError(f"szi is {said.szi!r}; expected a size above or below 0")
    if not said.coin:
        raise PayloadError("coin is ''; expected a coin")
    if not said.leverage.value >= 1:
        raise PayloadError(f"leverage.value is {said.leverage.value!r}; expected a number from 1")
    level = said.liquidation_px
    if level is not None and finite(level, "liquidationPx") <= 0:
        level = None
    return AccountPosition(
        ts=ts,
        account=address,
        coin=said.coin,
        position_side="long" if size > 0 else "short",
        quantity=abs(size),
        entry_price=positive(said.entry_px, "entryPx"),
        notional=non_negative(said.position_value, "positionValue"),
        unrealised_pnl=finite(said.unrealized_pnl, "unrealizedPnl"),
        leverage=finite(said.leverage.value, "leverage.value"),
        margin_mode=said.leverage.type,
        margin=finite(said.margin_used, "marginUsed"),
        liquidation_price=level,
    )


def margining_request(address: str) -> Request:
    """Return the question how an account is margined; raises `InputError` as `account`."""
    return question("spotClearinghouseState", _WEIGHT, user=account(address))


def margining(payload: bytes) -> str:
    """Return ``portfolio`` for an account with portfolio margin, ``standard`` for any other.

    The flag is in no page of the documentation; third parties' readers of the answer have it, and take a
    missing one for no. ``userAbstraction`` would say the same in words, for ten times the weight.

    Raises
    ------
    PayloadError
        The payload is of another shape.
    """
    said = answer(payload, _SPOT_STATE, "spotClearinghouseState")
    return "portfolio" if said.portfolio_margin_enabled else "standard"


def listed_accounts(payload: bytes) -> list[ListedAccount]:
    """Return the accounts of the leaderboard with what each was worth when the venue last drew it up.

    Raises
    ------
    PayloadError
        The payload is of another shape, or a row has no address or no number.
    """
    listed = []
    for row in decoded(payload, _LEADERBOARD, "leaderboard").leaderboard_rows:
        if not _ADDRESS.fullmatch(row.eth_address.lower()):
            raise PayloadError(f"ethAddress is {row.eth_address!r}; expected 0x and 40 hexadecimal digits")
        listed.append(ListedAccount(row.eth_address.lower(), finite(row.account_value, "accountValue")))
    return listed


def named_accounts(frame: bytes) -> Sequence[NamedAccount]:
    """Return who traded, buyer and seller of each trade, by a frame of the channel of trades.

    Any other frame names nobody; neither does a trade recorded before the venue named its users, nor a name
    that is no address.
    """
    if b'"trades"' not in frame[:100]:
        return ()
    try:
        said = _TRADES.decode(frame)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ()
    return [
        NamedAccount(trade.time, user.lower())
        for trade in said.data
        for user in trade.users
        if _ADDRESS.fullmatch(user.lower())
    ]


CENSUS = Census(
    symbol=PERPETUALS,
    covers=lambda symbol: ":" not in symbol,
    example=f"0x{0:040x}",
    account=account,
    request=state_request,
    read=account_reading,
    margining_request=margining_request,
    read_margining=margining,
    listed_request=Request("leaderboard", "/Mainnet/leaderboard"),
    read_listed=listed_accounts,
    named_in=named_accounts,
)
