"""What Gate tells as of now: contracts, risk limits, tickers and the insurance fund.

Endpoints contracts, risk_limit_tiers, tickers and insurance of
https://www.gate.com/docs/developers/apiv4/, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from powderkeg.model.instrument import Contract
from powderkeg.model.market_rows import InstrumentRow, InsuranceFund, LeverageTierRow
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.venues.asking import Instruments, Record, Request, SnapshotSource
from powderkeg.venues.gate.answers import from_seconds, settled_path
from powderkeg.venues.gate.tickers import Ticker, interest_of, mark_of
from powderkeg.venues.payload import decoded, decoder, finite, non_negative, number_or_none, positive

# Counted in contracts by both listings, though a page of tiers has several rows of each.
_PAGE = 100
# The daily balances of about a month come whatever the limit (seen).
_BALANCES = 100
_FIRST, _SECOND = "usdt", "btc"
_TICKERS_FIRST, _TICKERS_SECOND = (
    Request("rest", settled_path(settle, "tickers")) for settle in (_FIRST, _SECOND)
)


class _Contract(msgspec.Struct):
    name: str
    type: str
    quanto_multiplier: float
    order_price_round: float
    order_size_min: float
    leverage_max: float
    status: str = "trading"
    in_delisting: bool = False
    enable_decimal: bool = False
    create_time: int = 0


class _Tier(msgspec.Struct):
    contract: str
    risk_limit: float
    maintenance_rate: float
    leverage_max: float
    deduction: str = ""


class _Balance(msgspec.Struct):
    t: int
    b: float


_CONTRACTS = decoder(list[_Contract])
_TIERS = decoder(list[_Tier])
_TICKERS = decoder(list[Ticker])
_BALANCE_ROWS = decoder(list[_Balance])


def _page(endpoint: str, settle: str, offset: int) -> Request:
    bounds = (("limit", str(_PAGE)), ("offset", str(offset)))
    return Request("rest", settled_path(settle, endpoint), bounds)


def _following(endpoint: str, more: Callable[[bytes], bool]) -> Callable[[bytes, Request], Request | None]:
    """Return how to go on: page by page through what settles in USDT, then the same in BTC."""

    def following(payload: bytes, request: Request) -> Request | None:
        first = request.path == settled_path(_FIRST, endpoint)
        if more(payload):
            offset = int(dict(request.parameters)["offset"]) + _PAGE
            return _page(endpoint, _FIRST if first else _SECOND, offset)
        return _page(endpoint, _SECOND, 0) if first else None

    return following


def _coins_of(row: _Contract) -> tuple[str, str, str, Contract, float] | None:
    """Return base, quote, settlement, kind and size, None where house units cannot express a contract.

    A multiplier of 0 marks the contract of 1 USD that settles in its base. Contracts on a coin that settle in
    a third currency (quanto) are left out.
    """
    base, _, quote = row.name.partition("_")
    if row.type == "direct" and quote == "USDT":
        return base, quote, quote, "linear", positive(row.quanto_multiplier, "quanto_multiplier")
    if row.type == "inverse" and quote == "USD" and not row.quanto_multiplier:
        return base, quote, base, "inverse", 1.0
    return None


def _instruments(payload: bytes, _: Instruments, now: int) -> list[Record]:
    records = []
    for row in decoded(payload, _CONTRACTS, "contracts"):
        coins = _coins_of(row)
        if coins is None:
            continue
        base, quote, settle, contract, size = coins
        described = InstrumentRow(
            ts=now,
            base=base,
            quote=quote,
            settle=settle,
            contract=contract,
            contract_size=size,
            tick_size=positive(row.order_price_round, "order_price_round"),
            # Rounded down to 0 for a client that does not send the header X-Gate-Size-Decimal.
            quantity_step=non_negative(row.order_size_min, "order_size_min") if row.enable_decimal else 1.0,
            status="delisting" if row.in_delisting and row.status == "trading" else row.status,
            listed_ts=from_seconds(row.create_time, "create_time") if row.create_time else None,
            maximum_leverage=positive(row.leverage_max, "leverage_max"),
        )
        records.append(Record(row.name, described))
    return records


def _tiers(payload: bytes, instruments: Instruments, now: int) -> list[Record]:
    records = []
    floor, number, symbol = 0.0, 0, ""
    listed = decoded(payload, _TIERS, "risk_limit_tiers")
    for row in sorted(listed, key=lambda row: (row.contract, row.risk_limit)):
        if row.contract not in instruments:
            continue
        instrument = instruments[row.contract]
        floor, number = (floor, number + 1) if row.contract == symbol else (0.0, 1)
        symbol = row.contract
        tier = LeverageTierRow(
            ts=now,
            tier=number,
            notional_floor=floor,
            notional_cap=positive(row.risk_limit, "risk_limit"),
            maintenance_margin_rate=positive(row.maintenance_rate, "maintenance_rate"),
            maintenance_amount=number_or_none(row.deduction, "deduction"),
            maximum_leverage=positive(row.leverage_max, "leverage_max"),
            unit="quote" if instrument.contract == "linear" else "base",
        )
        records.append(Record(symbol, tier))
        floor = tier.notional_cap
    return records


def _tickers(payload: bytes, instruments: Instruments) -> list[Ticker]:
    return [ticker for ticker in decoded(payload, _TICKERS, "tickers") if ticker.contract in instruments]


def _mark_prices(payload: bytes, instruments: Instruments, now: int) -> list[Record]:
    marks = [(ticker.contract, mark_of(ticker, now)) for ticker in _tickers(payload, instruments)]
    return [Record(symbol, row) for symbol, row in marks if row is not None]


def _interests(payload: bytes, instruments: Instruments, now: int) -> list[Record]:
    interests = [
        (ticker.contract, interest_of(ticker, now, instruments[ticker.contract]))
        for ticker in _tickers(payload, instruments)
    ]
    return [Record(symbol, row) for symbol, row in interests if row is not None]


def _balances(payload: bytes, _: Instruments, __: int) -> list[Record]:
    # One pool for all that settles in USDT: the dataset is the pool.
    return [
        Record("USDT pool", InsuranceFund(from_seconds(row.t, "t"), "USDT", finite(row.b, "b")))
        for row in decoded(payload, _BALANCE_ROWS, "insurance")
    ]


def _more_tickers(_: bytes, request: Request) -> Request | None:
    return _TICKERS_SECOND if request == _TICKERS_FIRST else None


def _ticker_snapshot(table: str, read: Callable[[bytes, Instruments, int], list[Record]]) -> SnapshotSource:
    return SnapshotSource(
        table=table,
        request=lambda _: _TICKERS_FIRST,
        read=read,
        whole_venue=True,
        following=_more_tickers,
        poll=MINUTE,
    )


SNAPSHOTS = (
    SnapshotSource(
        table="instruments",
        request=lambda _: _page("contracts", _FIRST, 0),
        read=_instruments,
        whole_venue=True,
        # A short page is the last.
        following=_following(
            "contracts", lambda payload: len(decoded(payload, _CONTRACTS, "contracts")) == _PAGE
        ),
        poll=6 * HOUR,
    ),
    SnapshotSource(
        # Asked for one contract, rows do not say of which they are.
        table="leverage_tiers",
        request=lambda _: _page("risk_limit_tiers", _FIRST, 0),
        read=_tiers,
        whole_venue=True,
        # Rows do not say how many contracts a page has gone through; an empty page is the last.
        following=_following(
            "risk_limit_tiers", lambda payload: bool(decoded(payload, _TIERS, "risk_limit_tiers"))
        ),
        poll=6 * HOUR,
    ),
    _ticker_snapshot("mark_prices", _mark_prices),
    _ticker_snapshot("open_interest", _interests),
    SnapshotSource(
        table="insurance_funds",
        request=lambda _: Request("rest", settled_path(_FIRST, "insurance"), (("limit", str(_BALANCES)),)),
        read=_balances,
        whole_venue=True,
        poll=HOUR,
    ),
)
