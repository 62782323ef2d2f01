"""What Bybit tells as of now: instruments, risk limits, insurance funds and deleveraging alerts.

https://bybit-exchange.github.io/docs/v5/market/instrument, risk-limit, insurance and adl-alert, read
2026-11-25.
"""

from __future__ import annotations

import msgspec

from powderkeg.errors import PayloadError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import DeleveragingSignal, InstrumentRow, InsuranceFund, LeverageTierRow
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.venues.asking import Instruments, Record, Request, SnapshotSource, for_each
from powderkeg.venues.bybit.answers import Answer, Page, result_of
from powderkeg.venues.payload import decoder, finite, instrument_of, number_or_none, positive

# One page holds every instrument of a category today; the cursor is followed all the same.
_PAGE = "1000"


class _LeverageFilter(msgspec.Struct, rename="camel"):
    max_leverage: float


class _PriceFilter(msgspec.Struct, rename="camel"):
    tick_size: float


class _LotSizeFilter(msgspec.Struct, rename="camel"):
    qty_step: float


class _Instrument(msgspec.Struct, rename="camel"):
    symbol: str
    contract_type: str
    status: str
    base_coin: str
    quote_coin: str
    settle_coin: str
    launch_time: int
    leverage_filter: _LeverageFilter
    price_filter: _PriceFilter
    lot_size_filter: _LotSizeFilter


class _RiskLimit(msgspec.Struct, rename="camel"):
    id: int
    symbol: str
    risk_limit_value: float
    maintenance_margin: float
    max_leverage: float
    mm_deduction: str = ""


class _Fund(msgspec.Struct, rename="camel"):
    coin: str
    balance: float
    symbols: str = ""


class _Alert(msgspec.Struct, rename="camel"):
    symbol: str
    balance: float
    pnl_ratio: float
    insurance_pnl_ratio: float
    max_balance: str = ""


_INSTRUMENT_ANSWER = decoder(Answer[Page[_Instrument]])
_RISK_ANSWER = decoder(Answer[Page[_RiskLimit]])
_FUND_ANSWER = decoder(Answer[Page[_Fund]])
_ALERT_ANSWER = decoder(Answer[Page[_Alert]])


def _next_page(payload: bytes, request: Request) -> Request | None:
    cursor = result_of(payload, _INSTRUMENT_ANSWER, "instruments").next_page_cursor
    if cursor:
        kept = tuple(pair for pair in request.parameters if pair[0] != "cursor")
        return Request(request.host, request.path, (*kept, ("cursor", cursor)))
    # After the last linear page come the inverse contracts.
    if ("category", "linear") in request.parameters:
        return _instruments_request("inverse")
    return None


def _instruments_request(category: str) -> Request:
    return Request("rest", "/v5/market/instruments-info", (("category", category), ("limit", _PAGE)))


def _instruments(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        Record(
            row.symbol,
            InstrumentRow(
                ts=now,
                base=row.base_coin,
                quote=row.quote_coin,
                settle=row.settle_coin,
                contract="linear" if row.contract_type == "LinearPerpetual" else "inverse",
                contract_size=1.0,  # linear contracts are counted in base, inverse ones in USD
                tick_size=positive(row.price_filter.tick_size, "tickSize"),
                quantity_step=positive(row.lot_size_filter.qty_step, "qtyStep"),
                status="trading" if row.status == "Trading" else row.status,
                listed_ts=row.launch_time or None,
                maximum_leverage=positive(row.leverage_filter.max_leverage, "maxLeverage"),
            ),
        )
        for row in result_of(payload, _INSTRUMENT_ANSWER, "instruments").rows
        if row.contract_type in {"LinearPerpetual", "InversePerpetual"}
    ]


def _tiers(payload: bytes, instruments: Instruments, now: int) -> list[Record]:
    records = []
    floor, number, symbol = 0.0, 0, ""
    listed = result_of(payload, _RISK_ANSWER, "risk limit").rows
    for row in sorted(listed, key=lambda row: (row.symbol, row.risk_limit_value)):
        floor, number = (floor, number + 1) if row.symbol == symbol else (0.0, 1)
        symbol = row.symbol
        leverage = positive(row.max_leverage, "maxLeverage")
        tier = LeverageTierRow(
            ts=now,
            tier=number,
            notional_floor=floor,
            notional_cap=positive(row.risk_limit_value, "riskLimitValue"),
            maintenance_margin_rate=_rate(row.maintenance_margin, leverage),
            maintenance_amount=number_or_none(row.mm_deduction, "mmDeduction"),
            maximum_leverage=leverage,
            unit="quote" if instrument_of(instruments, symbol).contract == "linear" else "base",
        )
        records.append(Record(symbol, tier))
        floor = tier.notional_cap
    return records


def _rate(margin: float, leverage: float) -> float:
    """Return a maintenance rate: below the initial one, 1 / leverage, written as a fraction or in percent.

    The documentation's examples have both, 0.005 for linear and 0.5 for inverse contracts.
    """
    for rate in (positive(margin, "maintenanceMargin"), margin / 100):
        if rate < 1 / leverage:
            return rate
    raise PayloadError(
        f"maintenanceMargin is {margin!r} at maxLeverage {leverage!r}; expected less than 1 / it"
    )


def _funds(payload: bytes, _: Instruments, now: int) -> list[Record]:
    page = result_of(payload, _FUND_ANSWER, "insurance")
    ts = page.updated_time or now
    return [
        # Pools of several symbols list them all, and the list changes: the first names the pool.
        Record(
            f"{row.coin} pool of {row.symbols.split(',')[0]}".removesuffix(" of "),
            InsuranceFund(ts, row.coin, finite(row.balance, "balance")),
        )
        for row in page.rows
    ]


def _alerts(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        Record(
            row.symbol,
            DeleveragingSignal(
                ts=now,
                balance=finite(row.balance, "balance"),
                peak_balance=number_or_none(row.max_balance, "maxBalance"),
                pnl_ratio=finite(row.pnl_ratio, "pnlRatio"),
                trigger_ratio=finite(row.insurance_pnl_ratio, "insurancePnlRatio"),
            ),
        )
        for row in result_of(payload, _ALERT_ANSWER, "adl alert").rows
    ]


@for_each
def _tier_request(instrument: Instrument) -> Request:
    category = ("category", instrument.contract)
    return Request("rest", "/v5/market/risk-limit", (category, ("symbol", instrument.symbol)))


SNAPSHOTS = (
    SnapshotSource(
        table="instruments",
        request=lambda _: _instruments_request("linear"),
        read=_instruments,
        whole_venue=True,
        following=_next_page,
        poll=6 * HOUR,
    ),
    SnapshotSource(table="leverage_tiers", request=_tier_request, read=_tiers, poll=6 * HOUR),
    SnapshotSource(
        table="insurance_funds",
        request=lambda _: Request("rest", "/v5/market/insurance"),
        read=_funds,
        whole_venue=True,
        poll=HOUR,
    ),
    SnapshotSource(
        table="deleveraging_signals",
        request=lambda _: Request("rest", "/v5/market/adlAlert"),
        read=_alerts,
        whole_venue=True,
        poll=MINUTE,
    ),
)
