"""The seam between powderkeg and a venue: values that say what can be asked, functions that read what comes.

A venue is one `Venue`. Everything in it is a declaration or a pure function, so the same venue serves
backfill, recorder, fake venue and tests, and nothing in it can lose data. ``ADD_A_VENUE.md`` builds one
step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from powderkeg.errors import InputError
from powderkeg.venues.asking import HistorySource, RateLimit, Refusal, SnapshotSource
from powderkeg.venues.census import Census
from powderkeg.venues.listening import Stream

Completeness = Literal["every", "one per slot", "unknown", "none"]


class Regime(NamedTuple):
    """From this day on something means something else; ISO day, what, and source."""

    since: str
    what: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantics:
    """What a venue's numbers mean, for people and for `docs/venues.md`, which is made from it.

    Attributes
    ----------
    liquidation_completeness, liquidation_slot
        How much of what happened its live feed carries; with ``one per slot`` at most one liquidation per
        instrument in each slot of that many ms.
    liquidation_side, liquidation_price
        What the venue's own side field names (``order``, ``position``), and what its price is (``fill``,
        ``bankruptcy``, ``limit``).
    open_interest_unit, open_interest_sides
        As published; the lake holds one side in base.
    open_interest_history_stamp
        ``instant``: rows of the past are known at their time; ``interval``: at the end of their interval, or
        nobody says.
    clock
        What the venue's times are, where that is not plain milliseconds of the event.
    regimes
        Dated changes.
    notes
        What else misleads.
    """

    liquidation_completeness: Completeness
    liquidation_slot: int | None
    liquidation_side: str
    liquidation_price: str
    open_interest_unit: str
    open_interest_sides: int
    clock: str
    open_interest_history_stamp: Literal["instant", "interval"] = "instant"
    regimes: tuple[Regime, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A venue: declarations and pure functions.

    Attributes
    ----------
    name, title
        In lower case as in paths and on the command line; as people write it.
    urls
        Default base urls by host, without a trailing slash; settings replace them.
    limits
        Rate limit of each HTTP host.
    symbol
        Coin -> symbol of its main perpetual: ``BTC`` -> ``BTCUSDT``.
    refusal
        Body of an answer -> the refusal that it words, or None. Never raises.
    headers
        Sent with every request and when connecting.
    unavailable
        Table -> why this venue has none.
    history, snapshots, stream, semantics
        See there. Of several sources of one series the first that can answer a window is asked.
    census
        See there; None where positions are not public.
    """

    name: str
    title: str
    urls: Mapping[str, str]
    limits: Mapping[str, RateLimit]
    symbol: Callable[[str], str]
    refusal: Callable[[bytes], Refusal | None]
    history: tuple[HistorySource, ...]
    snapshots: tuple[SnapshotSource, ...]
    stream: Stream
    semantics: Semantics
    headers: Mapping[str, str] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    census: Census | None = None

    def snapshot(self, table: str) -> SnapshotSource:
        """Return the snapshot of this table.

        Raises
        ------
        InputError
            The venue has none.
        """
        for source in self.snapshots:
            if source.table == table:
                return source
        raise InputError(
            f"{self.name} offers no snapshot of {table}; it has {[s.table for s in self.snapshots]}"
        )
