"""Recording several venues at once: one that cannot be reached does not keep the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from powderkeg.errors import VenueError
from powderkeg.ingest.listed_instruments import instrument_of_row, keep_instrument, listed_rows, listed_symbol
from powderkeg.ingest.recorder import Recorder
from powderkeg.ingest.recorder_counts import ConnectionCounts
from powderkeg.ingest.recorder_settings import RecorderSettings, RecorderStatus
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.lake.market_lake import Lake
from powderkeg.model.market_rows import InstrumentRow
from powderkeg.venues.asking import Record
from powderkeg.venues.venue import Venue

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


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
        Names; those that it neither streams nor tells are left out.
    """

    venue: Venue
    urls: Mapping[str, str]
    symbols: Sequence[str]
    tables: Sequence[str]


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
        A venue lists no such symbol, or has nothing of the tables.
    LakeError
        The lake cannot be written; all recordings end, and what was acknowledged is safe.
    """
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
    async with VenueClient(venue, request.urls) as client:
        rows = await _listed(client, stop, statuses[venue.name].connections[0], clock)
        if not rows:
            return
        instruments = {symbol: instrument_of_row(venue.name, symbol, row) for symbol, row in rows.items()}
        symbols = [listed_symbol(venue, name, instruments) for name in request.symbols]
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


async def _listed(
    client: VenueClient, stop: asyncio.Event, counts: ConnectionCounts, clock: Callable[[], int]
) -> dict[str, InstrumentRow]:
    """Return what the venue lists, however long it takes; nothing if recording is to stop before."""
    wait = _FIRST_WAIT
    while not stop.is_set():
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
        try:
            await asyncio.wait_for(stop.wait(), wait)
        except TimeoutError:
            wait = min(2 * wait, _LONGEST_WAIT)
    return {}
