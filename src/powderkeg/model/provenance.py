"""Where a number comes from: which data, how much of it, which model, which version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from powderkeg.model.times import duration_text, iso
from powderkeg.version import __version__


@dataclass(frozen=True, slots=True)
class SeriesCoverage:
    """What one input series covers of the bars it was aligned with.

    Attributes
    ----------
    name
        The series: ``bars``, ``mark_price``, ``open_interest``, ``funding_rate``, ...
    source
        Where it was read: a file's name, or ``frame`` for a table given in Python.
    start, end
        First observation, and the end of the last one (half-open), UTC milliseconds.
    cadence
        Most common distance between observations in milliseconds; 0 for a single one or for events.
    rows
        Number of observations.
    coverage
        Share of the bars, in [0, 1], at which the series was known and not older than two of its cadences.
    notes
        What a reader has to know: conventions chosen, holes found, values converted.
    """

    name: str
    source: str
    start: int
    end: int
    cadence: int
    rows: int
    coverage: float
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the value with its times as ISO 8601 text, ready for `json.dumps`."""
        return {
            "name": self.name,
            "source": self.source,
            "start": iso(self.start),
            "end": iso(self.end),
            "cadence": duration_text(self.cadence),
            "rows": self.rows,
            "coverage": self.coverage,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything needed to tell how a result came about, and to make it again.

    Attributes
    ----------
    kind
        ``modelled`` (estimated from public market data), ``measured`` (summed over known positions) or
        ``simulated`` (from the simulated market); the three are never mixed in one number.
    model
        Name of the model.
    parameter_hash
        First 16 hexadecimal digits of the SHA-256 of every parameter that shapes the result.
    inputs
        One entry per input series.
    warm_up_share
        Upper bound, in [0, 1], of the share of each side that still stems from the guess about the positions
        that existed before the first bar; (long, short).
    kernel
        ``numba`` or ``numpy``: which of the two equal implementations ran.
    notes
        What a reader has to know about the result as a whole.
    version
        Version of powderkeg.
    """

    kind: str
    model: str
    parameter_hash: str
    inputs: tuple[SeriesCoverage, ...]
    warm_up_share: tuple[float, float]
    kernel: str
    notes: tuple[str, ...] = ()
    version: str = field(default=__version__)

    def as_json(self) -> dict[str, Any]:
        """Return the value as nested dictionaries and lists, ready for `json.dumps`."""
        return {
            "version": self.version,
            "kind": self.kind,
            "model": self.model,
            "parameter_hash": self.parameter_hash,
            "kernel": self.kernel,
            "warm_up_share": {"long": self.warm_up_share[0], "short": self.warm_up_share[1]},
            "inputs": [series.as_json() for series in self.inputs],
            "notes": list(self.notes),
        }
