"""Liquidations in fills: the only place where Hyperliquid shows them.

Fills are public by account (``userFills``, ``userFillsByTime``, and the channels of these names), and for all
accounts by block in the bucket ``s3://hl-mainnet-node-data/node_fills_by_block``, where the reader pays.
https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions (WsFill) and
historical-data, read 2026-11-25.

Each fill is told twice, to either side of it, and both copies of a liquidation carry the same object. In a
backstop liquidation both even say ``Liquidated Cross Long``, the vault that takes the position over as well.
So whose fill it is decides, and how it traded decides the side: what the liquidated account sold was long.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.market_rows import Liquidation, PositionSide
from powderkeg.venues.asking import Record
from powderkeg.venues.payload import decoded, decoder, finite, positive, reported_liquidation, time_ms


class _Origin(msgspec.Struct, rename="camel"):
    liquidated_user: str


class _Fill(msgspec.Struct, rename="camel"):
    coin: str
    px: float
    sz: float
    side: str
    time: int
    tid: int
    start_position: float
    liquidation: _Origin | None = None


class _Fills(msgspec.Struct):
    fills: list[_Fill] = []


class _Message(msgspec.Struct):
    data: _Fills


class _Block(msgspec.Struct):
    events: list[tuple[str, _Fill]]


_ANSWER = decoder(list[_Fill])
_MESSAGE = decoder(_Message)
_BLOCK = decoder(_Block)


def liquidations_of_fills(payload: bytes, user: str) -> list[Record]:
    """Return the liquidations of one account among its fills.

    A position that is closed in several trades gives as many rows. A fill against a liquidated account is
    left out: the account's own fill tells of it.

    Parameters
    ----------
    payload
        Answer to ``userFills`` or ``userFillsByTime``, or a message of the channel ``userFills`` or ``user``.
    user
        Address whose fills they are, in any case.

    Raises
    ------
    PayloadError
        The payload is of another shape, or a fill's side and position contradict each other.
    """
    if payload.lstrip().startswith(b"["):
        fills = decoded(payload, _ANSWER, "fills")
    else:
        fills = decoded(payload, _MESSAGE, "fills").data.fills
    return _liquidations((user, fill) for fill in fills)


def liquidations_of_block(payload: bytes) -> list[Record]:
    """Return the liquidations of one block: one line of a file of ``node_fills_by_block``.

    Raises
    ------
    PayloadError
        As `liquidations_of_fills`.
    """
    return _liquidations(decoded(payload, _BLOCK, "node_fills_by_block").events)


def _liquidations(fills: Iterable[tuple[str, _Fill]]) -> list[Record]:
    return [
        Record(fill.coin, _liquidation(fill))
        for user, fill in fills
        if fill.liquidation is not None and fill.liquidation.liquidated_user.lower() == user.lower()
    ]


def _liquidation(fill: _Fill) -> Liquidation:
    price, quantity = positive(fill.px, "px"), positive(fill.sz, "sz")
    # The id tells two fills of a millisecond apart, so rows that are alike are one fill.
    return reported_liquidation(
        time_ms(fill.time, "time"), _closed_side(fill), price, "fill", quantity, event_id=str(fill.tid)
    )


def _closed_side(fill: _Fill) -> PositionSide:
    position = finite(fill.start_position, "startPosition")
    if fill.side == "A" and position > 0:
        return "long"
    if fill.side == "B" and position < 0:
        return "short"
    found = f"side is {fill.side!r} and startPosition {position!r}"
    raise PayloadError(f"{found}; expected A and a long, or B and a short, of an account liquidated")
