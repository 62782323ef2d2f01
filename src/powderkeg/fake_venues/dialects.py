"""The dialects by venue."""

from __future__ import annotations

import importlib

from powderkeg.errors import InputError
from powderkeg.fake_venues.dialect import Dialect

DIALECT_NAMES = ("binance", "bybit", "okx", "gate", "deribit", "hyperliquid")


def dialect(name: str) -> Dialect:
    """Return the dialect of the venue with this name.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in DIALECT_NAMES:
        raise InputError(f"venue is {name!r}; expected one of {', '.join(DIALECT_NAMES)}")
    found: Dialect = importlib.import_module(f"powderkeg.fake_venues.{name}").DIALECT
    return found
