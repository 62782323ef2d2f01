"""What a census is held against: open interest and mark prices of the perpetuals that it covers."""

from __future__ import annotations

import asyncio

from powderkeg.errors import InputError
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import MarketRow
from powderkeg.venues.asking import Request, SnapshotSource
from powderkeg.venues.census import Census

_TABLES = ("open_interest", "mark_prices")
_MOST_PARTS = 64


async def keep_market(client: VenueClient, census: Census, lake: Lake, now: int) -> int:
    """Ask for open interest and mark prices of all covered perpetuals, keep them, and return the rows.

    Tables that one answer tells are asked for once. What the venue does not tell of all its instruments at
    once is left to the recorder.

    Raises
    ------
    VenueError
        The venue did not answer.
    LakeError
        The lake cannot be written.
    """
    asked: dict[Request, list[SnapshotSource]] = {}
    for table in _TABLES:
        try:
            source = client.venue.snapshot(table)
        except InputError:
            continue
        if source.whole_venue:
            asked.setdefault(source.request(None), []).append(source)
    rows: dict[DatasetKey, MarketRow] = {}
    for request, sources in asked.items():
        payload = await client.answer(request, bytes)
        for source in sources:
            for symbol, row in source.read(payload, {}, now):
                if census.covers(symbol):
                    rows[DatasetKey(source.table, client.venue.name, symbol)] = row
    await asyncio.to_thread(_keep, lake, rows, now)
    return len(rows)


def _keep(lake: Lake, rows: dict[DatasetKey, MarketRow], now: int) -> None:
    for key, row in rows.items():
        lake.append(key, [row], received_ts=now, source="rest")
        if lake.summary(key).parts > _MOST_PARTS:
            lake.compact(key)
