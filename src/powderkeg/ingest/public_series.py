"""Fetching a series that someone publishes, as a provider."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from powderkeg.errors import InputError
from powderkeg.ingest.venue_client import Patience, PublicClient
from powderkeg.model.provided_series import HeldSeries
from powderkeg.venues.public_series import PublicSeries

_URLS: Mapping[str, str] = MappingProxyType({})


async def fetched_series(
    source: PublicSeries, days: int, *, urls: Mapping[str, str] = _URLS, patience: Patience | None = None
) -> HeldSeries:
    """Return the last days of a public series; asked within the publisher's limits.

    Parameters
    ----------
    source
        Whose series.
    days
        How many, from 1.
    urls
        Base urls that replace the publisher's own, by host.
    patience
        As in `powderkeg.ingest.venue_client.PublicClient`.

    Raises
    ------
    InputError
        `days` is below 1.
    VenueError
        The publisher refused, or did not answer usably.
    """
    if days < 1:
        raise InputError(f"days is {days}; expected 1 or more")
    async with PublicClient(source, urls, patience or Patience()) as client:
        return HeldSeries(source.name, await client.answer(source.request(days), source.read))
