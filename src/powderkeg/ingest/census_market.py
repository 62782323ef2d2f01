"""What a census is held against: open interest, mark prices and margin tiers of the perpetuals it covers."""

from __future__ import annotations

import asyncio

from powderkeg.errors import InputError
from powderkeg.ingest.merging import merge_if_many
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import MarketRow
from powderkeg.model.times import DAY
from powderkeg.venues.asking import Request, SnapshotSource
from powderkeg.venues.census import Census

_TABLES = ("open_interest", "mark_prices")
_SELDOM, _SELDOM_AFTER = "leverage_tiers", DAY


async def keep_market(client: VenueClient, census: Census, lake: Lake, now: int) -> None:
    """Ask for open interest and mark prices of all covered perpetuals, and keep them.

    Margin tiers are asked for where the lake has none of the last day. Tables that one answer tells are asked
    for once. What the venue does not tell of all its instruments at once is left to the recorder.

    Raises
    ------
    VenueError
        The venue did not answer.
    LakeError
        The lake cannot be written.
    """
    asked: dict[Request, list[SnapshotSource]] = {}
    tables = _TABLES if _has_recent(lake, client.venue.name, now) else (*_TABLES, _SELDOM)
    for table in tables:
        try:
            source = client.venue.snapshot(table)
        except InputError:
            continue
        if source.whole_venue:
            asked.setdefault(source.request(None), []).append(source)
    rows: dict[DatasetKey, list[MarketRow]] = {}
    for request, sources in asked.items():
        payload = await client.answer(request, bytes)
        for source in sources:
            for symbol, row in source.read(payload, {}, now):
                if census.covers(symbol):
                    key = DatasetKey(source.table, client.venue.name, symbol)
                    rows.setdefault(key, []).append(row)
    await asyncio.to_thread(_keep, lake, rows, now)


def _has_recent(lake: Lake, venue: str, now: int) -> bool:
    summary = next(iter(lake.datasets(_SELDOM, venue)), None)
    return summary is not None and summary.last_ts is not None and now - summary.last_ts < _SELDOM_AFTER


def _keep(lake: Lake, rows: dict[DatasetKey, list[MarketRow]], now: int) -> None:
    for key, told in rows.items():
        lake.append(key, told, received_ts=now, source="rest")
        merge_if_many(lake, key)
