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
