"""What OKX says on its WebSockets; https://www.okx.com/docs-v5/en/#overview-websocket, read 2026-11-25."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from powderkeg.fake_venues.dialect import Heard
from powderkeg.fake_venues.okx.wording import (
    BAR_CODES,
    candle,
    contracts_of,
    family_of,
    interest,
    liquidated,
    mark,
    text,
)
from powderkeg.model.market_rows import Bar, DeleveragingSignal, DepthLevel, InstrumentRow, MarketRow, Trade

_CONNECTION = {"connId": "fake0000"}


class _Message(msgspec.Struct):
    op: str
    args: list[dict[str, str]] = []


def _channel(argument: Mapping[str, str]) -> str:
    return f"{argument['channel']}:{argument.get('instId') or argument.get('instType', '')}"


def heard_by(message: bytes) -> Heard:
    """Return what a client's message means."""
    if message == b"ping":
        return Heard(replies=(b"pong",))
    try:
        heard = msgspec.json.decode(message, type=_Message)
        channels = tuple(_channel(argument) for argument in heard.args)
    except (msgspec.MsgspecError, KeyError):
        words = f"Invalid request: {message.decode(errors='replace')}"
        error = {"event": "error", "code": "60012", "msg": words, **_CONNECTION}
        return Heard(replies=(msgspec.json.encode(error),))
    # One acknowledgement per channel.
    replies = [{"event": heard.op, "arg": argument, **_CONNECTION} for argument in heard.args]
    return Heard(
        channels if heard.op == "subscribe" else (), tuple(msgspec.json.encode(reply) for reply in replies)
    )


def _trade(row: Trade, symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    return {
        "instId": symbol,
        "tradeId": row.trade_id,
        "px": text(row.price),
        "sz": contracts_of(instrument, row.quantity, row.price),
        "side": row.side,
        "ts": str(row.ts),
        "count": "1",
        "source": "0",
        "seqId": row.ts,
    }


def _warning(row: DeleveragingSignal, symbol: str, _: InstrumentRow) -> dict[str, Any]:
    given_up = dict.fromkeys(("ccy", "maxBal", "maxBalTs", "adlType", "adlBal", "adlRecBal", "decRate"), "")
    fund = {"instType": "SWAP", "instFamily": family_of(symbol), "state": "warning", "ts": str(row.ts)}
    return {**given_up, **fund, "bal": text(0.0 if row.balance is None else row.balance)}


def _book(rows: Sequence[MarketRow], symbol: str, instrument: InstrumentRow) -> dict[str, Any]:
    levels: dict[str, list[list[str]]] = {"bid": [], "ask": []}
    for row in rows:
        assert isinstance(row, DepthLevel)  # noqa: S101
        size = contracts_of(instrument, row.quantity, row.price)
        levels[row.side].append([text(row.price), size, "0", "3"])
    ts = rows[-1].ts
    return {"asks": levels["ask"], "bids": levels["bid"], "instId": symbol, "ts": str(ts), "seqId": ts}


# table -> channel, the argument that narrows it, and wording of a row
_PUSHED: dict[str, tuple[str, str, Callable[[Any, str, InstrumentRow], Any]]] = {
    "trades": ("trades", "instId", _trade),
    "mark_prices": ("mark-price", "instId", mark),
    "open_interest": ("open-interest", "instId", interest),
    "bars": ("candle{code}", "instId", candle),
    "deleveraging_signals": ("adl-warning", "instType", _warning),
}


def frames_of(
    table: str, symbol: str, rows: Sequence[MarketRow], instrument: InstrumentRow
) -> list[tuple[str, bytes]]:
    """Return the frames that rows of one instant are pushed in, and their channels."""

    def pushed(channel: str, narrowed: str, data: Sequence[Any]) -> tuple[str, bytes]:
        argument = {"channel": channel, narrowed: symbol if narrowed == "instId" else "SWAP"}
        return _channel(argument), msgspec.json.encode({"arg": argument, "data": data})

    if table == "depth_levels":
        return [pushed("books5", "instId", [_book(rows, symbol, instrument)])]
    if table == "liquidations":
        return [pushed("liquidation-orders", "instType", liquidated(rows, symbol, instrument))]
    channel, narrowed, word = _PUSHED[table]
    if isinstance(rows[0], Bar):
        channel = channel.format(code=BAR_CODES[rows[0].interval_ms])
    return [pushed(channel, narrowed, [word(row, symbol, instrument)]) for row in rows]
