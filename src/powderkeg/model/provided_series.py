"""Series that others compute and a user provides: flows of funds and exchanges, indices of sentiment.

A provider is anything with a name and rows. It may read a file, a database or a service; what matters is that
each row says when it was known, for nothing is used before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from powderkeg.errors import InputError
from powderkeg.model.times import DAY, HOUR, iso
from powderkeg.model.window import Window

SeriesKind = Literal["etf_flow", "exchange_netflow", "fear_and_greed"]


class ProvidedRow(NamedTuple):
    """One value: of the time `ts` or of what begins there, known from `known_at` on; UTC milliseconds."""

    ts: int
    value: float
    known_at: int


class SeriesProvider(Protocol):
    """What a series is read from."""

    @property
    def name(self) -> str:
        """What it is called where its numbers are shown: a file, a service."""
        ...

    def series(self, window: Window) -> Sequence[ProvidedRow]:
        """Return the rows whose `ts` lies in [start, end), ascending, one per time."""
        ...


@dataclass(frozen=True, slots=True)
class SeriesMeaning:
    """What the rows of a kind of series are.

    Attributes
    ----------
    unit
        Of the values.
    span
        What a row is of, from its time on, in ms; 0 for an instant.
    known_after
        When a row is known where the provider does not say, in ms from its time.
    longest_gap
        Rows that are known further apart than this, in ms, leave a hole: a series whose last row is older has
        ended, or is interrupted.
    least, most
        Bounds of a value.
    why
        The reason for `known_after`, in words.
    """

    unit: str
    span: int
    known_after: int
    longest_gap: int
    least: float = -1e12
    most: float = 1e12
    why: str = ""


MEANINGS: dict[SeriesKind, SeriesMeaning] = {
    "etf_flow": SeriesMeaning(
        "USD",
        DAY,
        DAY + 6 * HOUR,
        5 * DAY,
        why="New York closes at 20:00 or 21:00 UTC and issuers report over the evening: a day counts as "
        "known at 06:00 UTC of the next. Five days are a weekend with a holiday on either side",
    ),
    "exchange_netflow": SeriesMeaning(
        "USD", DAY, DAY, 2 * DAY, why="a UTC day counts as known when it has ended"
    ),
    "fear_and_greed": SeriesMeaning(
        "index_0_100",
        0,
        HOUR,
        2 * DAY,
        0.0,
        100.0,
        why="published soon after 00:00 UTC of its day; counts as known at 01:00",
    ),
}


@dataclass(frozen=True, slots=True)
class HeldSeries:
    """A provider whose rows are in memory.

    Attributes
    ----------
    name
        See `SeriesProvider`.
    rows
        Ascending by time, one per time, none known before its time.

    Raises
    ------
    InputError
        They are not.
    """

    name: str
    rows: tuple[ProvidedRow, ...]

    def __post_init__(self) -> None:
        before: ProvidedRow | None = None
        for row in self.rows:
            if before is not None and row.ts <= before.ts:
                raise InputError(
                    f"{self.name}: the row of {iso(row.ts)} follows that of {iso(before.ts)}; expected rows "
                    "sorted by time, one per time"
                )
            if row.known_at < row.ts:
                raise InputError(
                    f"{self.name}: the row of {iso(row.ts)} is known at {iso(row.known_at)}; expected its "
                    "time or later"
                )
            before = row

    def series(self, window: Window) -> tuple[ProvidedRow, ...]:
        """Return the rows whose time lies in [start, end)."""
        return tuple(row for row in self.rows if window.start <= row.ts < window.end)


def checked_value(value: float, kind: SeriesKind, name: str, ts: int) -> float:
    """Return a value that a series of this kind can have.

    Raises
    ------
    InputError
        It is outside the bounds, or not finite: in another unit, most likely.
    """
    meaning = MEANINGS[kind]
    if not meaning.least <= value <= meaning.most:
        raise InputError(
            f"{name}: {value:.10g} at {iso(ts)}; expected {kind} in {meaning.unit}, "
            f"from {meaning.least:g} to {meaning.most:g}"
        )
    return value
