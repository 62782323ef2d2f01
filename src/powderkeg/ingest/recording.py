"""Recording several venues at once: one that cannot be reached does not keep the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from powderkeg.errors import InputError, VenueError
from powderkeg.ingest.listed_instruments import instrument_of_row, keep_instrument, listed_rows, listed_symbol
from powderkeg.ingest.recorder import Recorder
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.recorder_settings import RecorderSettings, RecorderStatus
from powderkeg.ingest.state_polls import polled_sources
from powderkeg.ingest.venue_client import Patience, VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import TABLES, InstrumentRow
from powderkeg.venues.asking import Record
from powderkeg.venues.venue import Venue

T = TypeVar("T")
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_ONCE = Patience(attempts=1)
"""Asking what a venue lists is begun anew for as long as it takes; each failure is told at once."""


@dataclass(frozen=True, slots=True)
class RecordingRequest:
    """What to record at one venue.

    Attributes
    ----------
    venue
        Where.
    urls
        Base urls that replace its own.
    symbols
        Symbols of the venue, or coins.
    tables
        Of `recorded_tables`.
    """

    venue: Venue
    urls: Mapping[str, str]
    symbols: Sequence[str]
    tables: Sequence[str]


def recorded_tables(venue: Venue) -> tuple[str, ...]:
    """Return the tables that a venue streams, or tells whenever it is asked."""
    names = [table.name for table in TABLES]
    live = {name for feed in venue.stream.feeds for name in feed.tables}
    live.update(source.table for source in polled_sources(venue, names))
    return tuple(name for name in names if name in live)


def check_tables(venues: Sequence[Venue], names: Sequence[str]) -> None:
    """Check that each of the tables is one that at least one of the venues streams or tells.

    Raises
    ------
    InputError
        One is not, or none is named; the message names it, and the tables that the venues have.
    """
    offered = {table for venue in venues for table in recorded_tables(venue)}
    every = ", ".join(table.name for table in TABLES if table.name in offered)
    titles = ", ".join(venue.title for venue in venues)
    if not names:
        raise InputError(f"tables: none is named; expected some of {every}")
    for name in names:
        if name not in offered:
            reasons = "; ".join(
                f"{venue.title}: {venue.unavailable[name]}" for venue in venues if name in venue.unavailable
            )
            raise InputError(
                f"tables: {name!r} cannot be recorded at {titles}{f' ({reasons})' if reasons else ''}; "
                f"expected some of {every}"
            )


async def record_venues(
    requests: Sequence[RecordingRequest],
    lake: Lake,
    settings: RecorderSettings,
    stop: asyncio.Event,
    statuses: dict[str, RecorderStatus],
    *,
    clock: Callable[[], int],
    heard: Callable[[str, Sequence[Record]], None] = lambda _, __: None,
) -> None:
    """Record until `stop` is set; `statuses` has each venue's status from the start on.

    Parameters
    ----------
    requests
        One for each venue.
    lake, settings, stop
        As for `Recorder`.
    statuses
        Filled by venue.
    clock
        UTC ns.
    heard
        Called with the venue's name and the records of each frame.

    Raises
    ------
    InputError
        A venue lists no such symbol, or has not one of the tables; or no symbol is named.
    LakeError
        The lake cannot be written; all recordings end, and what was acknowledged is safe.
    """
    for request in requests:
        check_tables([request.venue], request.tables)
        if not request.symbols:
            raise InputError("coins: none is named; expected coins or symbols, such as BTC")
    for request in requests:
        starting = ConnectionCounts(request.venue.name, "instruments")
        statuses[request.venue.name] = RecorderStatus(
            request.venue.name, tuple(request.symbols), tuple(request.tables), [starting]
        )
    try:
        async with asyncio.TaskGroup() as group:
            for request in requests:
                group.create_task(_record(request, lake, settings, stop, statuses, clock, heard))
    except BaseExceptionGroup as errors:
        # One error ends them all; it is the one to tell.
        raise errors.exceptions[0] from None


async def _record(
    request: RecordingRequest,
    lake: Lake,
    settings: RecorderSettings,
    stop: asyncio.Event,
    statuses: dict[str, RecorderStatus],
    clock: Callable[[], int],
    heard: Callable[[str, Sequence[Record]], None],
) -> None:
    venue = request.venue
    starting = statuses[venue.name].connections[0]
    async with VenueClient(venue, request.urls, _ONCE) as client:
        rows = await _unless_stopped(stop, _listed(client, starting, clock))
    if rows is None:
        starting.trouble = starting.trouble or f"{venue.title} had not answered when the recording ended"
        return
    async with VenueClient(venue, request.urls) as client:
        instruments = {symbol: instrument_of_row(venue.name, symbol, row) for symbol, row in rows.items()}
        symbols = list(dict.fromkeys(listed_symbol(venue, name, instruments) for name in request.symbols))
        for symbol in symbols:
            await asyncio.to_thread(keep_instrument, lake, venue.name, symbol, rows[symbol])
        recorder = Recorder(
            client,
            lake,
            symbols,
            instruments,
            request.tables,
            settings,
            heard=lambda records: heard(venue.name, records),
            clock=clock,
        )
        statuses[venue.name] = recorder.status
        await recorder.run(stop)


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[None, None, T]) -> T | None:
    """Return what comes of `work`; None if recording is to stop before, and the work is given up."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _listed(
    client: VenueClient, counts: ConnectionCounts, clock: Callable[[], int]
) -> dict[str, InstrumentRow]:
    """Return what the venue lists, however long it takes."""
    wait = _FIRST_WAIT
    while True:
        try:
            rows = await listed_rows(client, clock() // 1_000_000)
        except VenueError as error:
            counts.state = "waiting"
            counts.trouble = str(error)
            counts.reconnects += 1
        else:
            if rows:
                return rows
            counts.trouble = f"{client.venue.title} lists no perpetual"
        await asyncio.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)
