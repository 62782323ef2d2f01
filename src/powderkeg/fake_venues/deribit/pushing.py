"""What Deribit hears and pushes over its WebSocket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import msgspec

from powderkeg.fake_venues.deribit.wording import amount_of, body, error, ticker_words, trade_words
from powderkeg.fake_venues.dialect import Heard
from powderkeg.model.market_rows import DepthLevel, InstrumentRow, MarketRow, MarkPrice, OpenInterest

_SHORTEST_HEARTBEAT = 10
# The venue counts the trades of an instrument as they happen, whoever listens.
_sequences: defaultdict[str, Iterator[int]] = defaultdict(partial(count, 270_000_001))


class _Request(msgspec.Struct):
    id: int
    method: str
    params: dict[str, Any] = {}


def heard(message: bytes) -> Heard:
    """Return what a client's request means, and the reply."""
    try:
        asked = msgspec.json.decode(message, type=_Request)
    except msgspec.MsgspecError:
        return Heard(replies=(error(-32700, "Parse error"),))

    def replied(**content: Any) -> tuple[bytes, ...]:
        return (body({"id": asked.id, **content, "usIn": 1, "usOut": 2, "usDiff": 1}),)

    if asked.method == "public/subscribe":
        # What it does not know it leaves out.
        known = [
            name
            for name in asked.params.get("channels", [])
            if name.startswith(("trades.", "book.", "ticker."))
        ]
        return Heard(tuple(known), replied(result=known))
    if asked.method == "public/set_heartbeat":
        if asked.params.get("interval", 0) >= _SHORTEST_HEARTBEAT:
            return Heard(replies=replied(result="ok"))
        data = {"reason": f"must be at least {_SHORTEST_HEARTBEAT}", "param": "interval"}
        return Heard(replies=replied(error={"code": -32602, "message": "Invalid params", "data": data}))
    if asked.method == "public/test":
        return Heard(replies=replied(result={"version": "1.2.26"}))
    return Heard(replies=replied(error={"code": -32601, "message": "Method not found"}))


def _levels(rows: Sequence[MarketRow], instrument: InstrumentRow, side: str) -> list[list[float]]:
    return [
        [row.price, amount_of(instrument, row.quantity, row.price)]
        for row in rows
        if isinstance(row, DepthLevel) and row.side == side
    ]


def frames(
    table: str, symbol: str, rows: Sequence[MarketRow], instrument: InstrumentRow
) -> list[tuple[str, bytes]]:
    """Return the channel and frame of what became known at one instant."""

    def pushed(channel: str, data: Any) -> tuple[str, bytes]:
        params = {"channel": channel, "data": data}
        return channel, msgspec.json.encode({"jsonrpc": "2.0", "method": "subscription", "params": params})

    if table in {"trades", "liquidations"}:
        trades = trade_words(rows, symbol, instrument, _sequences[symbol])
        return [pushed(f"trades.{symbol}.100ms", trades)]
    if table == "depth_levels":
        book = {"instrument_name": symbol, "timestamp": rows[-1].ts, "change_id": 136_725_664_747}
        sides = {"bids": _levels(rows, instrument, "bid"), "asks": _levels(rows, instrument, "ask")}
        return [pushed(f"book.{symbol}.none.20.100ms", {**book, **sides})]
    return [
        pushed(
            f"ticker.{symbol}.100ms",
            ticker_words(
                symbol,
                instrument,
                row if isinstance(row, MarkPrice) else None,
                row if isinstance(row, OpenInterest) else None,
            ),
        )
        for row in rows
    ]
