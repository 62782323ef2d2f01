"""The venues that powderkeg speaks, by name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from powderkeg.errors import InputError
from powderkeg.venues.venue import Venue

VENUE_NAMES = ("binance", "bybit", "okx", "gate", "deribit", "hyperliquid")


def venue(name: str) -> Venue:
    """Return the venue with this name, in any case.

    Raises
    ------
    InputError
        powderkeg does not speak it; the message lists those it does.
    """
    if name.lower() not in VENUE_NAMES:
        raise InputError(f"venue is {name!r}; expected one of {', '.join(VENUE_NAMES)}")
    found: Venue = importlib.import_module(f"powderkeg.venues.{name.lower()}").VENUE
    return found


def venues(names: Iterable[str] = VENUE_NAMES) -> tuple[Venue, ...]:
    """Return these venues, all by default; raises `InputError` as `venue`."""
    return tuple(venue(name) for name in names)


def venues_with_history() -> tuple[Venue, ...]:
    """Return the venues that publish their open interest's past: those of a map when none are named."""
    return tuple(one for one in venues() if any(source.table == "open_interest" for source in one.history))
