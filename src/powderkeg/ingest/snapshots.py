"""Asking a venue for a state as of now, page by page."""

from __future__ import annotations

from powderkeg.errors import VenueError
from powderkeg.ingest.venue_client import VenueClient
from powderkeg.model.instrument import Instrument
from powderkeg.venues.asking import Instruments, Record, Request, SnapshotSource

_MOST_PAGES = 100


async def snapshot_records(
    client: VenueClient,
    source: SnapshotSource,
    instruments: Instruments,
    now: int,
    instrument: Instrument | None = None,
) -> list[Record]:
    """Return all records of a snapshot: of one instrument or, where the source answers so, of the venue.

    Raises
    ------
    VenueError
        The venue did not answer, refused, or never stops turning pages.
    """
    records: list[Record] = []
    request: Request | None = source.request(None if source.whole_venue else instrument)
    for _ in range(_MOST_PAGES):
        if request is None:
            return records
        asked = request

        def read(payload: bytes, asked: Request = asked) -> tuple[list[Record], Request | None]:
            page = list(source.read(payload, instruments, now))
            return page, source.following(payload, asked) if source.following else None

        page, request = await client.answer(asked, read)
        records += page
    raise VenueError(f"{client.venue.name} {source.table}: more than {_MOST_PAGES} pages; expected an end")
