"""Facts of a market context: what each writer of a section shares, and what to do about a missing series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from powderkeg.core.co_movement import Measured
from powderkeg.model.fact import Fact
from powderkeg.model.window import Window
from powderkeg.venues.venue import Venue

NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class ContextSection:
    """One part of a context.

    Attributes
    ----------
    name, title
        As a key, and for people.
    facts
        In the order in which they are shown.
    """

    name: str
    title: str
    facts: tuple[Fact, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the section with its facts."""
        return {"name": self.name, "title": self.title, "facts": [fact.as_json() for fact in self.facts]}


@dataclass(frozen=True, slots=True)
class FactWriter:
    """Makes facts as of one time; what is not known has no value and a note, and never a zero.

    Attributes
    ----------
    as_of
        UTC milliseconds.
    """

    as_of: int

    def fact(
        self,
        name: str,
        value: float,
        unit: str,
        source: str,
        *,
        window: Window | None = None,
        kind: str = "observed",
        coverage: float | None = None,
        band: tuple[float, float] | None = None,
        notes: Sequence[str] = (),
    ) -> Fact:
        """Return a fact; NaN is a value of None, for which a note stands if the caller gave none.

        Bounds of a band that are not finite are left out; `coverage` is cut at 1.
        """
        known = math.isfinite(value)
        bounds = band if band is not None and all(map(math.isfinite, band)) and known else (None, None)
        return Fact(
            name=name,
            value=float(value) if known else None,
            unit=unit,
            as_of=self.as_of,
            window=window,
            source=source,
            kind=kind,
            coverage=None if coverage is None or not math.isfinite(coverage) else min(coverage, 1.0),
            low=bounds[0],
            high=bounds[1],
            notes=tuple(notes) if known or notes else (NOT_KNOWN,),
        )

    def measured(
        self, name: str, found: Measured, unit: str, source: str, *, window: Window, kind: str = "observed"
    ) -> Fact:
        """Return a statistic as a fact, with its 90 % band."""
        why = f"{found.observations} observations; too few, or nothing moved"
        return self.fact(
            name,
            found.value,
            unit,
            source,
            window=window,
            kind=kind,
            band=(found.low, found.high),
            notes=(f"from {found.observations} hourly returns",) if math.isfinite(found.value) else (why,),
        )

    def missing(self, name: str, unit: str, reason: str, *, source: str = "the lake") -> Fact:
        """Return a fact without a value, and why it has none."""
        return self.fact(name, math.nan, unit, source, notes=(reason,))


def bringing(venue: Venue, table: str, coin: str) -> str:
    """Return in words how a table of a venue comes into the lake, or why it cannot."""
    if table in venue.unavailable:
        return f"{venue.title}: {venue.unavailable[table]}"
    if any(source.table == table for source in venue.history):
        return f"`powderkeg backfill {venue.name} {coin} --tables {table}` brings it"
    live = any(table in feed.tables for feed in venue.stream.feeds)
    if live or any(source.table == table for source in venue.snapshots):
        return f"`powderkeg record {venue.name} --coins {coin}` brings it"
    return f"{venue.title} does not publish it"


def bringing_any(venues: Sequence[Venue], table: str, coin: str) -> str:
    """Return how a table comes into the lake from one of several venues: the first that offers it."""
    told = [bringing(venue, table, coin) for venue in venues]
    offered = [text for text in told if text.startswith("`")]
    return offered[0] if offered else "; ".join(told)
