"""What Binance tells as of now: instruments, open interest, mark prices and insurance funds.

https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api and its pages
Exchange-Information, Open-Interest, Mark-Price and Insurance-Fund-Balance, read 2026-11-25.
"""

from __future__ import annotations

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import InstrumentRow, InsuranceFund, MarkPrice, OpenInterest
from powderkeg.model.times import HOUR, SECOND
from powderkeg.venues.asking import Instruments, Record, Request, SnapshotSource, for_each
from powderkeg.venues.payload import (
    decoded,
    decoder,
    finite,
    instrument_of,
    number_or_none,
    positive,
    time_ms,
)

# Perpetuals of coins in dollars. Those on stocks and metals are TRADIFI_PERPETUAL.
_CONTRACT_TYPE = "PERPETUAL"
_QUOTES = {"USDT", "USDC"}


class _Filter(msgspec.Struct, rename="camel"):
    filter_type: str
    tick_size: float = 0.0
    step_size: float = 0.0


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    contract_type: str
    status: str
    base_asset: str
    quote_asset: str
    margin_asset: str
    onboard_date: int
    filters: list[_Filter]


class _ExchangeInfo(msgspec.Struct):
    symbols: list[_Symbol]


class _Interest(msgspec.Struct, rename="camel"):
    symbol: str
    open_interest: float
    time: int


class _Premium(msgspec.Struct, rename="camel"):
    symbol: str
    mark_price: float
    index_price: str
    last_funding_rate: str
    next_funding_time: int
    time: int


class _Asset(msgspec.Struct, rename="camel"):
    asset: str
    margin_balance: float
    update_time: int


class _Fund(msgspec.Struct):
    symbols: list[str]
    assets: list[_Asset]


_EXCHANGE_INFO = decoder(_ExchangeInfo)
_INTEREST = decoder(_Interest)
_PREMIUMS = decoder(list[_Premium])
_FUNDS = decoder(list[_Fund])


def mark_price(
    ts: int, mark: float, index: str, funding_rate: str, next_funding: int, field: str
) -> MarkPrice:
    """Return a mark price as answers and messages state it: no index as 0, no funding as empty and 0.

    Raises
    ------
    PayloadError
        A number is none, or not of its kind; the message has `field`.
    """
    index_price = number_or_none(index, f"{field}: index price")
    if index_price is not None and index_price < 0:
        raise PayloadError(f"{field}: index price is {index!r}; expected a number from 0")
    return MarkPrice(
        time_ms(ts, f"{field}: time"),
        positive(mark, f"{field}: mark price"),
        index_price or None,
        number_or_none(funding_rate, f"{field}: funding rate"),
        time_ms(next_funding, f"{field}: next funding time") if next_funding else None,
    )


def _instruments(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        Record(
            row.symbol,
            InstrumentRow(
                ts=now,
                base=row.base_asset,
                quote=row.quote_asset,
                settle=row.margin_asset,
                contract="linear",
                contract_size=1.0,  # quantities are in base
                tick_size=_step_of(row, "PRICE_FILTER", "tick_size"),
                quantity_step=_step_of(row, "LOT_SIZE", "step_size"),
                status="trading" if row.status == "TRADING" else row.status,
                listed_ts=time_ms(row.onboard_date, "onboardDate") if row.onboard_date else None,
                maximum_leverage=None,
            ),
        )
        for row in decoded(payload, _EXCHANGE_INFO, "exchangeInfo").symbols
        if row.contract_type == _CONTRACT_TYPE and row.quote_asset in _QUOTES
    ]


def _step_of(row: _Symbol, kind: str, field: str) -> float:
    for one in row.filters:
        if one.filter_type == kind:
            return positive(getattr(one, field), f"{row.symbol}: {kind}")
    raise PayloadError(f"{row.symbol} has no {kind} among its filters; expected one")


@for_each
def _interest_request(instrument: Instrument) -> Request:
    return Request("rest", "/fapi/v1/openInterest", (("symbol", instrument.symbol),))


def _interests(payload: bytes, instruments: Instruments, _: int) -> list[Record]:
    row = decoded(payload, _INTEREST, "openInterest")
    instrument_of(instruments, row.symbol)
    value = positive(row.open_interest, "openInterest")
    return [Record(row.symbol, OpenInterest(time_ms(row.time, "time"), value, value, "base", 1, None))]


def _mark_prices(payload: bytes, instruments: Instruments, _: int) -> list[Record]:
    return [
        Record(
            row.symbol,
            mark_price(
                row.time,
                row.mark_price,
                row.index_price,
                row.last_funding_rate,
                row.next_funding_time,
                f"premiumIndex {row.symbol}",
            ),
        )
        for row in decoded(payload, _PREMIUMS, "premiumIndex")
        if row.symbol in instruments
    ]


def _funds(payload: bytes, instruments: Instruments, _: int) -> list[Record]:
    # A pool has no name, only the symbols that it stands behind, and those come and go: it is kept with
    # every instrument that was asked for.
    return [
        Record(
            symbol,
            InsuranceFund(
                time_ms(asset.update_time, "updateTime"),
                asset.asset,
                finite(asset.margin_balance, "marginBalance"),
            ),
        )
        for fund in decoded(payload, _FUNDS, "insuranceBalance")
        for symbol in fund.symbols
        if symbol in instruments
        for asset in fund.assets
    ]


SNAPSHOTS = (
    SnapshotSource(
        table="instruments",
        request=lambda _: Request("rest", "/fapi/v1/exchangeInfo"),
        read=_instruments,
        whole_venue=True,
        poll=6 * HOUR,
    ),
    SnapshotSource(
        table="open_interest",
        request=_interest_request,
        read=_interests,
        # All some six hundred perpetuals take half of the budget so.
        poll=30 * SECOND,
    ),
    SnapshotSource(
        table="mark_prices",
        request=lambda _: Request("rest", "/fapi/v1/premiumIndex", weight=10),
        read=_mark_prices,
        whole_venue=True,
        poll=0,  # streamed every second from then on
    ),
    SnapshotSource(
        table="insurance_funds",
        request=lambda _: Request("rest", "/fapi/v1/insuranceBalance"),
        read=_funds,
        whole_venue=True,
        poll=HOUR,
    ),
)
