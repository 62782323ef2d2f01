"""How a census works, and how much of a venue's rate limits it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from powderkeg.core.census_policy import CensusPolicy
from powderkeg.errors import InputError
from powderkeg.ingest.rate_limit import USED_SHARE
from powderkeg.ingest.venue_client import Patience, VenueClient
from powderkeg.ingest.watchfulness import Watchfulness
from powderkeg.model.times import DAY
from powderkeg.venues.asking import RateLimit
from powderkeg.venues.census import Census
from powderkeg.venues.venue import Venue

ONE_TRY = Patience(attempts=1, read=20.0, whole=60.0)
"""For the client of a census: who gets no answer keeps its turn, and meanwhile others are asked."""


@dataclass(frozen=True, slots=True)
class CensusSettings:
    """How a census works.

    Attributes
    ----------
    together
        Questions that are under way at once.
    flush
        Seconds between two writes: what a crash can cost.
    listed
        Take accounts from the venue's own list, at the start and every six hours.
    trades
        Take accounts from live trades.
    archive
        Take accounts from recorded trades of the lake's archive, this many ms back; 0 for none.
    market_every
        Seconds between two questions for open interest and mark prices.
    policy
        The schedule's law.
    watchfulness
        When the stream of trades is taken for dead.
    first_pause, longest_pause
        Seconds for which nobody is asked while the venue answers nobody, doubling.
    """

    together: int = 4
    flush: float = 10.0
    listed: bool = True
    trades: bool = True
    archive: int = DAY
    market_every: float = 900.0
    policy: CensusPolicy = field(default_factory=CensusPolicy)
    watchfulness: Watchfulness = field(default_factory=Watchfulness)
    first_pause: float = 0.5
    longest_pause: float = 60.0


def census_of(venue: Venue) -> Census:
    """Return the questions of a census at this venue.

    Raises
    ------
    InputError
        Positions are not public there.
    """
    if venue.census is None:
        raise InputError(f"venue: positions are not public at {venue.title}, so they cannot be counted")
    return venue.census


def with_share(venue: Venue, share: float) -> Venue:
    """Return the venue with that share of each of its rate limits, in (0, 1]; the rest is for others.

    Raises
    ------
    InputError
        The share is another number.
    """
    if not 0 < share <= 1:
        raise InputError(f"share: {share!r} of the venue's rate limit; expected a number above 0, at most 1")
    limits = {
        host: RateLimit(max(int(limit.weight * share), 1), limit.period_ms)
        for host, limit in venue.limits.items()
    }
    return replace(venue, limits=limits)


def census_client(venue: Venue, urls: Mapping[str, str], share: float) -> VenueClient:
    """Return a client for a census with this share of the venue's rate limits; raises as `with_share`."""
    return VenueClient(with_share(venue, share), urls, ONE_TRY)


def states_per_second(venue: Venue, census: Census, share: float) -> float:
    """Return how many states a second a census with this share of the rate limit learns, at most."""
    request = census.request(census.example)
    limit = venue.limits[request.host]
    return USED_SHARE * share * limit.weight / (limit.period_ms / 1000) / request.weight
