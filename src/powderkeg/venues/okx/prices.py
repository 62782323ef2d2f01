"""Mark price and open interest of a swap: the same objects in answers and in messages."""

from __future__ import annotations

import msgspec

from powderkeg.model.market_rows import MarkPrice, OpenInterest
from powderkeg.venues.asking import Record
from powderkeg.venues.payload import non_negative, positive, time_ms


class MarkItem(msgspec.Struct, rename="camel"):
    """A mark price."""

    inst_id: str
    mark_px: float
    ts: int


class InterestItem(msgspec.Struct, rename="camel"):
    """Open interest in contracts, and the venue's own figure in coin."""

    inst_id: str
    oi: float
    oi_ccy: float
    ts: int


def mark_record(item: MarkItem) -> Record:
    """Return a mark price in house units; raises `PayloadError` for a number that cannot be."""
    row = MarkPrice(time_ms(item.ts, "ts"), positive(item.mark_px, "markPx"), None, None, None)
    return Record(item.inst_id, row)


def interest_record(item: InterestItem) -> Record:
    """Return open interest in house units, without a price to convert by; raises as `mark_record`."""
    in_coin, contracts = non_negative(item.oi_ccy, "oiCcy"), non_negative(item.oi, "oi")
    return Record(
        item.inst_id, OpenInterest(time_ms(item.ts, "ts"), in_coin, contracts, "contracts", 1, None)
    )
