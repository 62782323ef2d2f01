"""Deribit's protocol, spoken by a server; https://docs.deribit.com, read 2026-11-25."""

from __future__ import annotations

from powderkeg.fake_venues.deribit.answering import answer
from powderkeg.fake_venues.deribit.pushing import frames, heard
from powderkeg.fake_venues.deribit.wording import error
from powderkeg.fake_venues.dialect import Dialect
from powderkeg.model.market_rows import InstrumentRow


def example(row: InstrumentRow) -> InstrumentRow:
    """Return BTC-PERPETUAL: settled in the coin, quoted in USD, ten dollars a contract."""
    return row._replace(
        quote="USD",
        settle=row.base,
        contract="inverse",
        contract_size=10.0,
        quantity_step=1.0,
        maximum_leverage=50.0,
    )


DIALECT = Dialect(
    venue="deribit",
    example=example,
    answer=answer,
    limited=error(10028, "too_many_requests"),
    opened=lambda _: (),
    heard=heard,
    frames=frames,
)
