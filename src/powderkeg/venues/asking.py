"""Asking a venue: requests as values, and the sources of history and snapshots that make and read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from powderkeg.errors import InputError
from powderkeg.model.instrument import Instrument
from powderkeg.model.market_rows import MarketRow, variant_name
from powderkeg.model.window import Window

Instruments = Mapping[str, Instrument]


class Record(NamedTuple):
    """A row and the symbol that it is of, as the venue spells it."""

    symbol: str
    row: MarketRow


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a value.

    Attributes
    ----------
    host
        Key of the venue's urls: ``rest``, ``bulk``.
    path
        Begins with a slash.
    parameters
        Query of a GET, in order.
    body
        JSON of a POST; None for a GET.
    weight
        What it costs in the units of the host's rate limit.
    checksum_path
        Where the SHA-256 of the answer is published, for bulk files.
    """

    host: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    weight: int = 1
    checksum_path: str | None = None

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.parameters)
        body = "" if self.body is None else f" {self.body.decode()}"
        return f"{self.path}{'?' if query else ''}{query}{body}"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `weight` units in any `period_ms`, for one host and address."""

    weight: int
    period_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A venue's "no" inside an answer that HTTP calls a success, or in words beside an HTTP error.

    `kind`: ``limited`` (slow down, then ask again), ``unavailable`` (ask again later), ``unknown`` (no such
    instrument, or nothing kept for that time) or ``invalid`` (asking again will not help).
    """

    kind: Literal["limited", "unavailable", "unknown", "invalid"]
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySource:
    """One series of the past, asked window by window.

    Attributes
    ----------
    table, population
        What its rows are; who is counted by a long/short ratio, or what else makes a series of its own.
    intervals
        Interval lengths in ms that can be asked for; (0,) for events.
    span
        The longest window that one request can answer completely, in ms, given the interval. Windows handed
        to `request` never exceed it, and start at multiples of it where `aligned` is set.
    request
        (instrument, window, interval) -> what to ask.
    read
        (payload, instrument, window, interval) -> rows inside [start, end), in any order. Raises
        `PayloadError`.
    depth
        How far back from now the venue answers, in ms; None back to the listing.
    lag
        How long after a window's end its answer is complete, in ms: what is asked for too soon would count as
        complete, and never be asked for again. Ten seconds unless the venue is known to be slower.
    aligned, offset
        Windows must be whole spans that start at `offset` ms plus a multiple of the span: files by the day.
    contracts
        Kinds of contract that this source can express in house units.
    checksummed
        The answers are bulk files with published checksums.
    """

    table: str
    intervals: tuple[int, ...]
    span: Callable[[int], int]
    request: Callable[[Instrument, Window, int], Request]
    read: Callable[[bytes, Instrument, Window, int], Iterable[MarketRow]]
    population: str = ""
    depth: int | None = None
    lag: int = 10_000
    aligned: bool = False
    offset: int = 0
    contracts: tuple[str, ...] = ("linear", "inverse")
    checksummed: bool = False

    def variant(self, interval_ms: int) -> str:
        """Return the name of the series that it gives at this interval, as `market_rows.variant_of`."""
        return variant_name(interval_ms, self.population)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSource:
    """A state that a venue only tells as of now.

    Attributes
    ----------
    table
        What its rows are.
    request
        Instrument, or None for all of the venue at once, -> what to ask. Where each instrument is asked for
        by itself it is made by `for_each`, and raises `InputError` for None.
    read
        (payload, instruments, now in ms) -> records; `now` stamps rows where the venue does not. Raises
        `PayloadError`. For the table ``instruments`` the mapping is empty.
    whole_venue
        One request answers for every instrument: `request` is given None.
    following
        (payload, request) -> the request of the next page, or None at the last.
    poll
        How often a recorder asks, in ms; 0 if once at its start is enough.
    """

    table: str
    request: Callable[[Instrument | None], Request]
    read: Callable[[bytes, Instruments, int], Sequence[Record]]
    whole_venue: bool = False
    following: Callable[[bytes, Request], Request | None] | None = None
    poll: int = 0


def for_each(request: Callable[[Instrument], Request]) -> Callable[[Instrument | None], Request]:
    """Return `request` as a `SnapshotSource` takes it, for a state that is told of one instrument at a time.

    What is returned raises `InputError` where it is given no instrument.
    """

    def checked(instrument: Instrument | None) -> Request:
        if instrument is None:
            raise InputError("instrument is None; expected one, as the venue tells this of one at a time")
        return request(instrument)

    return checked
