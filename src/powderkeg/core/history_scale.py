"""How large a size is: against the past, in dollars and in units that grow with the market."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from powderkeg.core.arguments import non_negative
from powderkeg.core.liquidation_imbalance import percentile_rank
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

DOLLARS = "dollars"
FEWEST_WINDOWS = 20
"""With fewer past windows no percentile is given."""
_NORMAL = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class ScaleReading:
    """One size in one unit beside its past.

    Attributes
    ----------
    measure
        ``dollars``, or what the size is divided by.
    value
        The size in that unit: USD, or a fraction of the measure. None where the measure is not known now.
    percentile, low, high
        Share of past windows that were smaller, those alike counted half, in [0, 1]; and Wilson's 90 %
        interval for it, as if windows were independent. None with fewer than twenty windows.
    windows
        How many past windows it was compared with.
    larger
        How many of them were larger.
    reason
        Why there is no value or no percentile; empty where there are both.
    """

    measure: str
    value: float | None
    percentile: float | None
    low: float | None
    high: float | None
    windows: int
    larger: int
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        band = None if self.low is None else {"low": self.low, "high": self.high}
        return {
            "measure": self.measure,
            "value": self.value,
            "percentile": self.percentile,
            "band_90": band,
            "windows": self.windows,
            "larger": self.larger,
            "reason": self.reason or None,
        }


def scale_against_history(
    usd: float,
    history: FloatArray,
    measures: Mapping[str, tuple[float, FloatArray]] | None = None,
) -> tuple[ScaleReading, ...]:
    """Return where a size stands among sizes of the past, in dollars and relative to each measure.

    Parameters
    ----------
    usd
        The size: a cluster, a day's liquidations, a push; 0 or more.
    history
        The same of past windows, USD, shape (n,); NaN where one is not known, and it is left out.
    measures
        Name -> what it is now, and what it was in each past window, USD, shape (n,): open interest, depth
        within x %, volume of a day. Sizes are divided by it; where it is NaN or 0 the window is left out.

    Raises
    ------
    InputError
        A size is negative or infinite, or a measure has another shape than the history.
    """
    size = float(non_negative("usd", usd))
    past = np.asarray(history, np.float64)
    non_negative("history", past[~np.isnan(past)])
    readings = [_reading(DOLLARS, size, past)]
    for name, (now, then) in (measures or {}).items():
        if then.shape != past.shape:
            raise InputError(f"{name}: shape {then.shape} where the history has {past.shape}")
        relative = np.divide(past, then, out=np.full(past.shape, np.nan), where=then > 0)
        if math.isfinite(now) and now > 0:
            readings.append(_reading(name, size / now, relative))
        else:
            known = int(np.isfinite(relative).sum())
            readings.append(
                ScaleReading(name, None, None, None, None, known, 0, f"{name} is not known at this time")
            )
    return tuple(readings)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 90 % interval of a share seen in `count` independent cases, at least one.

    E. B. Wilson, "Probable Inference", Journal of the American Statistical Association 22 (1927) 209.
    """
    squared = _NORMAL**2 / count
    middle = (share + squared / 2) / (1 + squared)
    half = _NORMAL * math.sqrt(share * (1 - share) / count + squared / (4 * count)) / (1 + squared)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _reading(measure: str, value: float, past: FloatArray) -> ScaleReading:
    rank = percentile_rank(past, value)
    larger = int(np.count_nonzero(past > value))
    if rank.windows < FEWEST_WINDOWS:
        reason = f"{rank.windows} past windows are known; expected {FEWEST_WINDOWS} or more for a percentile"
        return ScaleReading(measure, value, None, None, None, rank.windows, larger, reason)
    low, high = wilson_interval(rank.share, rank.windows)
    return ScaleReading(measure, value, rank.share, low, high, rank.windows, larger)
