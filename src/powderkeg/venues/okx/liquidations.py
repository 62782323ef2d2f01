"""What one liquidation of OKX says; the same object on the WebSocket and in REST answers.

https://www.okx.com/docs-v5/en/#public-data-websocket-liquidation-orders-channel, read 2026-11-25.
"""

from __future__ import annotations

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import Liquidation, PositionSide
from powderkeg.venues.payload import base_quantity, decoder, positive, reported_liquidation, time_ms

# 2026-07-19: the first day on which the documentation was seen to call bkPx the liquidation mark price; on
# 2026-06-26 it still was the bankruptcy price. OKX announced neither day.
MARK_PRICE_SINCE = 1_784_419_200_000
# A long is closed by selling: all that is known of an account in net mode, whose positions have no side.
_CLOSED_BY: dict[str, PositionSide] = {"sell": "long", "buy": "short"}
_NET = "net"


class Detail(msgspec.Struct, rename="camel"):
    """One liquidation: price, contracts, side of the order and side of the position."""

    bk_px: float
    sz: float
    side: str
    pos_side: str
    ts: int


class Liquidated(msgspec.Struct, rename="camel"):
    """The liquidations of one instrument."""

    inst_id: str
    details: list[Detail]


LIQUIDATED = decoder(list[Liquidated])


def liquidation_of(detail: Detail, instrument: Instrument) -> Liquidation:
    """Return a liquidation in house units.

    Raises
    ------
    PayloadError
        A number is none, a side is unknown, or the order does not close the position that it names.
    """
    price = positive(detail.bk_px, "bkPx")
    quantity = base_quantity(instrument, positive(detail.sz, "sz"), price)
    closed = _CLOSED_BY.get(detail.side)
    if closed is None:
        raise PayloadError(f"side is {detail.side!r}; expected buy or sell")
    if detail.pos_side not in {closed, _NET}:
        raise PayloadError(
            f"posSide is {detail.pos_side!r} beside side {detail.side}; expected {closed} or net"
        )
    ts = time_ms(detail.ts, "ts")
    meaning = "mark" if ts >= MARK_PRICE_SINCE else "bankruptcy"
    return reported_liquidation(ts, closed, price, meaning, quantity)
