"""One number with all that is needed to trace it: what it is, of when, from what, and how sure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from powderkeg.errors import InputError
from powderkeg.model.times import iso
from powderkeg.model.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A quantity as of a time.

    Attributes
    ----------
    name
        What it is, a path of full field terms: ``funding_rate.binance``, ``open_interest.change_24h``.
    value
        The number, in `unit`; None where it cannot be told, and `notes` say why. Never NaN.
    unit
        ``USD``, ``fraction``, ``base``, ``price``, ``per_8h``, ``ratio``, ``count``, ``milliseconds``, ...
    as_of
        Nothing known later is in it, UTC milliseconds.
    window
        The time that it is of, half-open; None for an instant, which is `as_of`.
    source
        Tables, venues and models that it was computed from, in words a reader can follow.
    kind
        ``observed`` (reported by venues), ``modelled``, ``measured`` (counted positions), ``simulated``, or
        ``given`` (from a file of the user's).
    coverage
        Share of the window, or of the market, that was seen, in [0, 1]; None where that has no meaning.
    low, high
        Bounds of the 90 % band; None without one.
    notes
        What a reader has to know.

    Raises
    ------
    InputError
        A number is not finite, the coverage lies outside [0, 1], or only one bound of the band is given.
    """

    name: str
    value: float | None
    unit: str
    as_of: int
    source: str
    kind: str = "observed"
    window: Window | None = None
    coverage: float | None = None
    low: float | None = None
    high: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("value", "coverage", "low", "high"):
            found = getattr(self, name)
            if found is not None and not math.isfinite(found):
                raise InputError(f"{name} of {self.name} is {found}; expected a finite number, or None")
        if self.coverage is not None and not 0 <= self.coverage <= 1:
            raise InputError(f"coverage of {self.name} is {self.coverage}; expected it in [0, 1]")
        if (self.low is None) != (self.high is None):
            raise InputError(f"band of {self.name}: {self.low} to {self.high}; expected both bounds or none")

    def as_json(self) -> dict[str, Any]:
        """Return the value with its times as ISO 8601 text, ready for `json.dumps`."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "as_of": iso(self.as_of),
            "window": None
            if self.window is None
            else {"start": iso(self.window.start), "end": iso(self.window.end)},
            "source": self.source,
            "kind": self.kind,
            "coverage": self.coverage,
            "band_90": None if self.low is None else {"low": self.low, "high": self.high},
            "notes": list(self.notes),
        }
