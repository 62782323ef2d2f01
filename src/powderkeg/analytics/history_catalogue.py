"""A catalogue of large liquidation days, and the deleveraging events of a lake joined to it."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from powderkeg.analytics.context_deleveraging import EventReading
from powderkeg.model.times import DAY, milliseconds

COIN = "BTC"
"""Whose moves and open interest the written part tells."""
# An event of the lake is that of a day if it begins on it, on the day before, or on the day after.
_AROUND = DAY


@dataclass(frozen=True, slots=True)
class LiquidatedAmount:
    """USD that were quoted.

    Attributes
    ----------
    of
        Of what: all coins, one, or a venue.
    low, high
        As quoted; `high` is None where it was quoted as "more than".
    floor
        Added up from feeds that show a part only: more happened.
    """

    of: str
    low: float
    high: float | None
    floor: bool


@dataclass(frozen=True, slots=True)
class HistoricEvent:
    """A day of the catalogue, as it is written down.

    Attributes
    ----------
    day
        Its midnight, UTC milliseconds.
    name
        What it is called.
    side
        Which side was liquidated more: ``long`` or ``short``.
    move, price_from, price_to
        Of bitcoin, in words and, where they were quoted, as prices.
    liquidations
        Amounts, each with its floor flag.
    open_interest, open_interest_change
        In words, and as a fraction; None where nothing was quoted.
    source
        Whose numbers they are.
    """

    day: int
    name: str
    side: str
    move: str
    price_from: float | None
    price_to: float | None
    liquidations: tuple[LiquidatedAmount, ...]
    open_interest: str | None
    open_interest_change: float | None
    source: str


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A day of the catalogue, an event that a lake shows, or both.

    Attributes
    ----------
    ts
        The day's midnight, or the event's start; UTC milliseconds.
    historic
        As written down; None for an event that only the lake knows.
    detected
        As found in the lake, largest of that time; None where the lake shows none.
    """

    ts: int
    historic: HistoricEvent | None
    detected: EventReading | None

    def as_json(self) -> dict[str, Any]:
        """Return both parts, null where there is none; the written one with its day as ``2025-10-10``."""
        historic = None
        if self.historic is not None:
            one = self.historic
            historic = {
                "date": f"{dt.datetime.fromtimestamp(one.day / 1000, tz=dt.UTC):%Y-%m-%d}",
                "name": one.name,
                "coin": COIN,
                "side": one.side,
                "move": one.move,
                "price_from": one.price_from,
                "price_to": one.price_to,
                "liquidations": [
                    {"of": part.of, "low_usd": part.low, "high_usd": part.high, "floor": part.floor}
                    for part in one.liquidations
                ],
                "open_interest": one.open_interest,
                "open_interest_change": one.open_interest_change,
                "source": one.source,
            }
        return {"historic": historic, "detected": None if self.detected is None else self.detected.as_json()}


@cache
def historic_events() -> tuple[HistoricEvent, ...]:
    """Return the written part of the catalogue, ascending by day."""
    text = (files("powderkeg.analytics") / "history_catalogue.toml").read_text(encoding="utf-8")
    return tuple(sorted((_historic(row) for row in tomllib.loads(text)["event"]), key=lambda one: one.day))


def _historic(row: dict[str, Any]) -> HistoricEvent:
    interest = row.get("open_interest", {})
    return HistoricEvent(
        day=milliseconds(row["date"], "date"),
        name=row["name"],
        side=row["side"],
        move=row["move"]["text"],
        price_from=row["move"].get("from"),
        price_to=row["move"].get("to"),
        liquidations=tuple(
            LiquidatedAmount(part["of"], float(part["low"]), part.get("high"), part["floor"])
            for part in row["liquidations"]
        ),
        open_interest=interest.get("text"),
        open_interest_change=interest.get("change"),
        source=row["source"],
    )


def history_catalogue(at: int, detected: Sequence[EventReading]) -> tuple[CatalogueEntry, ...]:
    """Return the days that were over at a time, with the events of a lake joined to them, ascending.

    Parameters
    ----------
    at
        UTC milliseconds; days that were not over by then are left out.
    detected
        As found in a lake; of several around a day the deepest is joined, the others stand by themselves.
        Those of other coins than bitcoin are joined by date all the same: the days were the whole market's.
    """
    left = list(detected)
    entries = []
    for one in historic_events():
        if one.day + DAY > at:
            continue
        near = [found for found in left if -_AROUND <= found.event.start - one.day < DAY + _AROUND]
        deepest = max(near, key=lambda found: found.event.depth, default=None)
        # A squeeze that raised open interest is not the fall that happens to be near it.
        if deepest is not None and (one.open_interest_change or -1.0) < 0:
            left.remove(deepest)
            entries.append(CatalogueEntry(one.day, one, deepest))
        else:
            entries.append(CatalogueEntry(one.day, one, None))
    entries += [CatalogueEntry(found.event.start, None, found) for found in left]
    return tuple(sorted(entries, key=lambda entry: entry.ts))
