"""Which instruments a venue lists, asked at most once a day and kept in the lake."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import cast

from powderkeg.errors import InputError
from powderkeg.ingest.snapshots import snapshot_records
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.instrument import Contract, Instrument
from powderkeg.model.market_rows import InstrumentRow
from powderkeg.model.times import DAY
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

_MOST_LISTED = 12


def instrument_of_row(venue: str, symbol: str, row: InstrumentRow) -> Instrument:
    """Return the instrument that a row describes."""
    contract = cast("Contract", row.contract)
    return Instrument(venue, symbol, row.base, row.quote, contract, row.contract_size)


async def listed_instruments(
    client: VenueClient, lake: Lake, names: Sequence[str], now: int
) -> Mapping[str, Instrument]:
    """Return the instruments of these names, by symbol, in the order of the names.

    A name is a symbol as the venue spells it, or a coin, which means its main perpetual there. Descriptions
    in the lake that are younger than a day are taken; otherwise the venue is asked, and the descriptions
    are kept.

    Raises
    ------
    InputError
        The venue lists no such instrument; the message names some that are near.
    VenueError
        The venue was asked and did not answer.
    """
    venue = client.venue
    found: dict[str, Instrument] = {}
    for name in names:
        for symbol in (name, venue.symbol(name.upper())):
            row = _kept(lake, venue.name, symbol, now)
            if row is not None:
                found[symbol] = instrument_of_row(venue.name, symbol, row)
                break
        else:
            break
    else:
        return found
    rows = await listed_rows(client, now)
    found = {}
    for name in names:
        symbol = listed_symbol(venue, name, rows)
        found[symbol] = instrument_of_row(venue.name, symbol, rows[symbol])
        keep_instrument(lake, venue.name, symbol, rows[symbol])
    return found


async def listed_rows(client: VenueClient, now: int) -> dict[str, InstrumentRow]:
    """Return what the venue says of every instrument that it lists, by symbol; raises `VenueError`."""
    records = await snapshot_records(client, client.venue.snapshot("instruments"), {}, now)
    return {record.symbol: record.row for record in records if isinstance(record.row, InstrumentRow)}


def keep_instrument(lake: Lake, venue: str, symbol: str, row: InstrumentRow) -> None:
    """Put a description into the lake, as learned at its time; raises `LakeError`."""
    lake.append(DatasetKey("instruments", venue, symbol), [row], received_ts=row.ts, source="rest")


def listed_symbol(venue: Venue, name: str, listed: Collection[str]) -> str:
    """Return the symbol that a name means: one of the venue's, or the main perpetual of a coin.

    Raises
    ------
    InputError
        It is not listed; the message names some that are near.
    """
    for spelling in (name, venue.symbol(name.upper()), name.upper()):
        if spelling in listed:
            return spelling
    near = [symbol for symbol in listed if name.upper()[:3] in symbol.upper()][:_MOST_LISTED]
    rest = f"it lists {', '.join(near)}" if near else f"it lists {len(listed)} others"
    raise InputError(f"symbol: {venue.title} lists no perpetual {name!r}; {rest}")


def _kept(lake: Lake, venue: str, symbol: str, now: int) -> InstrumentRow | None:
    key = DatasetKey("instruments", venue, symbol)
    rows = lake.read(key, Window(now - DAY, now + 1), columns=InstrumentRow._fields)
    return InstrumentRow(*rows.row(-1)) if len(rows) else None
