"""What Deribit tells as of now: instruments, mark prices and open interest.

https://docs.deribit.com/api-reference/market-data/public-get_instruments and public-ticker, read 2026-11-25.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import InstrumentRow, MarketRow
from powderkeg.model.times import HOUR, MINUTE
from powderkeg.venues.asking import Instruments, Record, Request, SnapshotSource, for_each
from powderkeg.venues.deribit.answers import Answer, result_of
from powderkeg.venues.deribit.tickers import Ticker, mark_price_of, open_interest_of
from powderkeg.venues.payload import decoder, instrument_of, positive, time_ms

# In the units of the limit, which are plain requests: 10,000 credits where those cost 500.
_INSTRUMENTS_WEIGHT = 20
_CONTRACTS = {"linear": "linear", "reversed": "inverse"}


class _Instrument(msgspec.Struct):
    instrument_name: str
    kind: str
    base_currency: str
    quote_currency: str
    contract_size: float
    tick_size: float
    is_active: bool
    creation_timestamp: int
    settlement_currency: str = ""
    settlement_period: str = ""
    instrument_type: str = ""
    state: str = "open"
    max_leverage: float | None = None


_INSTRUMENTS_ANSWER = decoder(Answer[list[_Instrument]])
_TICKER_ANSWER = decoder(Answer[Ticker])


def _contract(row: _Instrument) -> str:
    """Return the kind of contract of a perpetual that house units can express, empty for all others."""
    if row.kind != "future" or row.settlement_period != "perpetual":
        return ""
    contract = _CONTRACTS.get(row.instrument_type, "")
    # A perpetual settled in a third currency would be neither.
    settled_in = row.quote_currency if contract == "linear" else row.base_currency
    return contract if row.settlement_currency == settled_in else ""


def _status(row: _Instrument) -> str:
    if row.state != "open":
        return row.state
    return "trading" if row.is_active else "inactive"


def _instruments(payload: bytes, _: Instruments, now: int) -> list[Record]:
    return [
        Record(
            row.instrument_name,
            InstrumentRow(
                ts=now,
                base=row.base_currency,
                quote=row.quote_currency,
                settle=row.settlement_currency,
                contract=_contract(row),
                contract_size=positive(row.contract_size, "contract_size"),
                tick_size=positive(row.tick_size, "tick_size"),
                quantity_step=1.0,  # an amount must be a multiple of the contract size
                status=_status(row),
                listed_ts=time_ms(row.creation_timestamp, "creation_timestamp"),
                maximum_leverage=(
                    None if row.max_leverage is None else positive(row.max_leverage, "max_leverage")
                ),
            ),
        )
        for row in result_of(payload, _INSTRUMENTS_ANSWER, "instruments")
        if _contract(row)
    ]


@for_each
def _ticker_request(instrument: Instrument) -> Request:
    return Request("rest", "/api/v2/public/ticker", (("instrument_name", instrument.symbol),))


def _of_ticker(
    row_of: Callable[[Ticker, Instrument], MarketRow],
) -> Callable[[bytes, Instruments, int], list[Record]]:
    def read(payload: bytes, instruments: Instruments, _: int) -> list[Record]:
        ticker = result_of(payload, _TICKER_ANSWER, "ticker")
        instrument = instrument_of(instruments, ticker.instrument_name)
        return [Record(ticker.instrument_name, row_of(ticker, instrument))]

    return read


SNAPSHOTS = (
    SnapshotSource(
        table="instruments",
        request=lambda _: Request(
            "rest",
            "/api/v2/public/get_instruments",
            (("currency", "any"), ("kind", "future"), ("expired", "false")),
            weight=_INSTRUMENTS_WEIGHT,
        ),
        read=_instruments,
        whole_venue=True,
        poll=6 * HOUR,
    ),
    SnapshotSource(
        table="mark_prices",
        request=_ticker_request,
        read=_of_ticker(lambda ticker, _: mark_price_of(ticker)),
        poll=5 * MINUTE,
    ),
    SnapshotSource(
        table="open_interest",
        request=_ticker_request,
        read=_of_ticker(open_interest_of),
        poll=5 * MINUTE,
    ),
)
