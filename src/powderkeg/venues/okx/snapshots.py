"""What OKX tells as of now: instruments, position tiers, mark prices, open interest and the security fund.

https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments, -get-position-tiers, -get-mark-price,
-get-open-interest and -get-security-fund, read 2026-11-25. Dated futures with funding (X-Perps, `instType`
FUTURES) are listed elsewhere and left out.
"""

from __future__ import annotations

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import InstrumentRow, InsuranceFund, LeverageTierRow
from powderkeg.model.times import HOUR
from powderkeg.venues.asking import Instruments, Record, Request, SnapshotSource, for_each
from powderkeg.venues.okx.answers import Answer, family_of, perpetual_of, result_of
from powderkeg.venues.okx.prices import InterestItem, MarkItem, interest_record, mark_record
from powderkeg.venues.payload import (
    decoder,
    finite,
    instrument_of,
    non_negative,
    number_or_none,
    positive,
    time_ms,
)

_SWAPS = ("instType", "SWAP")
# Tiers are whole contracts, or hundredths of one: the next one begins a step above the last.
_LARGEST_STEP = 1.0


class _Instrument(msgspec.Struct, rename="camel"):
    inst_type: str
    inst_id: str
    uly: str
    settle_ccy: str
    ct_type: str
    ct_val: str
    ct_mult: str
    ct_val_ccy: str
    tick_sz: str
    lot_sz: str
    lever: str
    list_time: str
    state: str


class _Tier(msgspec.Struct, rename="camel"):
    inst_family: str
    tier: int
    min_sz: float
    max_sz: float
    mmr: float
    max_lever: float


class _FundChange(msgspec.Struct):
    ts: int


class _Fund(msgspec.Struct, rename="camel"):
    inst_family: str
    total: float
    details: list[_FundChange]


_INSTRUMENT_ANSWER = decoder(Answer[_Instrument])
_TIER_ANSWER = decoder(Answer[_Tier])
_MARK_ANSWER = decoder(Answer[MarkItem])
_INTEREST_ANSWER = decoder(Answer[InterestItem])
_FUND_ANSWER = decoder(Answer[_Fund])


def _number(text: str, field: str) -> float:
    number = number_or_none(text, field)
    if number is None:
        raise PayloadError(f"{field} is empty; expected a number")
    return positive(number, field)


def _instruments(payload: bytes, _: Instruments, now: int) -> list[Record]:
    records = []
    for row in result_of(payload, _INSTRUMENT_ANSWER, "instruments"):
        if not (row.ct_val and row.ct_mult and row.tick_sz and row.lot_sz):
            continue  # announced: until minutes before its listing all but name and time are empty
        base, _dash, quote = row.uly.partition("-")
        # Linear contracts hold coin, inverse ones dollars; whatever else there may be has no house units.
        inverse = row.ct_type == "inverse"
        if row.inst_type != "SWAP" or row.ct_type not in {"linear", "inverse"}:
            continue
        if (row.ct_val_ccy == quote) != inverse:
            continue
        listed = number_or_none(row.list_time, "listTime")
        leverage = number_or_none(row.lever, "lever")
        described = InstrumentRow(
            ts=now,
            base=base,
            quote=quote,
            settle=row.settle_ccy,
            contract=row.ct_type,
            contract_size=positive(_number(row.ct_val, "ctVal") * _number(row.ct_mult, "ctMult"), "ctVal"),
            tick_size=_number(row.tick_sz, "tickSz"),
            quantity_step=_number(row.lot_sz, "lotSz"),
            status="trading" if row.state == "live" else row.state,
            listed_ts=None if listed is None else time_ms(int(listed), "listTime"),
            maximum_leverage=None if leverage is None else positive(leverage, "lever"),
        )
        records.append(Record(row.inst_id, described))
    return records


def _tiers(payload: bytes, instruments: Instruments, now: int) -> list[Record]:
    """Return the tiers: floors and caps in base for linear contracts and in quote for inverse ones.

    OKX counts tiers in contracts. What a contract holds is fixed, coin if it is linear and dollars if it is
    inverse, and each row names that as its unit. The whole position has the rate of the tier that it falls
    into [third parties; the documentation does not say]: there is nothing to deduct, and the margin jumps at
    a floor.
    """
    records: list[Record] = []
    cap, number, symbol = 0.0, 0, ""
    listed = result_of(payload, _TIER_ANSWER, "position tiers")
    for row in sorted(listed, key=lambda row: (row.inst_family, row.max_sz)):
        if perpetual_of(row.inst_family) != symbol:
            cap, number, symbol = 0.0, 0, perpetual_of(row.inst_family)
        size = instrument_of(instruments, symbol).contract_size
        floor, number = cap, number + 1
        cap = positive(row.max_sz, "maxSz")
        if row.tier != number or not 0 <= row.min_sz - floor <= _LARGEST_STEP or not floor < cap:
            found = f"tier {row.tier} from minSz {row.min_sz!r} to maxSz {cap!r}"
            raise PayloadError(f"{found}; expected tier {number} to begin where the last ends, at {floor!r}")
        tier = LeverageTierRow(
            ts=now,
            tier=number,
            notional_floor=non_negative(floor * size, "minSz"),
            notional_cap=positive(cap * size, "maxSz"),
            maintenance_margin_rate=positive(row.mmr, "mmr"),
            maintenance_amount=0.0,
            maximum_leverage=positive(row.max_lever, "maxLever"),
            unit="base" if instruments[symbol].contract == "linear" else "quote",
            applies_to="whole",
        )
        records.append(Record(symbol, tier))
    return records


def _marks(payload: bytes, _: Instruments, __: int) -> list[Record]:
    return [mark_record(item) for item in result_of(payload, _MARK_ANSWER, "mark price")]


def _interests(payload: bytes, _: Instruments, __: int) -> list[Record]:
    return [interest_record(item) for item in result_of(payload, _INTEREST_ANSWER, "open interest")]


def _funds(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        # `total` is in USD. What a detail calls its balance equals it, beside the currency of its change.
        Record(
            row.inst_family,
            InsuranceFund(
                max((time_ms(change.ts, "ts") for change in row.details), default=now),
                "USD",
                finite(row.total, "total"),
            ),
        )
        for row in result_of(payload, _FUND_ANSWER, "security fund")
    ]


@for_each
def _tier_request(instrument: Instrument) -> Request:
    asked = (_SWAPS, ("tdMode", "isolated"), ("instFamily", family_of(instrument)))
    return Request("rest", "/api/v5/public/position-tiers", asked, weight=2)


@for_each
def _fund_request(instrument: Instrument) -> Request:
    asked = (_SWAPS, ("instFamily", family_of(instrument)))
    return Request("rest", "/api/v5/public/insurance-fund", asked, weight=2)


SNAPSHOTS = (
    SnapshotSource(
        table="instruments",
        request=lambda _: Request("rest", "/api/v5/public/instruments", (_SWAPS,)),
        read=_instruments,
        whole_venue=True,
        poll=6 * HOUR,
    ),
    SnapshotSource(table="leverage_tiers", request=_tier_request, read=_tiers, poll=6 * HOUR),
    # Once: the stream carries both on.
    SnapshotSource(
        table="mark_prices",
        request=lambda _: Request("rest", "/api/v5/public/mark-price", (_SWAPS,), weight=2),
        read=_marks,
        whole_venue=True,
    ),
    SnapshotSource(
        table="open_interest",
        request=lambda _: Request("rest", "/api/v5/public/open-interest", (_SWAPS,)),
        read=_interests,
        whole_venue=True,
    ),
    # It changes once a day, about 08:00 UTC.
    SnapshotSource(table="insurance_funds", request=_fund_request, read=_funds, poll=6 * HOUR),
)
