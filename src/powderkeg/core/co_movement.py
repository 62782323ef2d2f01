"""How another coin moves when one moves: in calm and in stressed times, and in the tails.

Regimes are those of the coin that is pushed, by the volatility that was known before each return, so that
a large return does not put itself into the stressed ones. Standard errors are of the sandwich kind: they hold
for fat tails and for variances that change, and take returns of different hours as unrelated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from powderkeg.core.volatility import ewma_volatility
from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray
from powderkeg.model.times import DAY

Regime = Literal["calm", "stressed"]
CALM, STRESSED = 0.5, 0.9
"""Calm: volatility at or below its median; stressed: at or above its 90th percentile."""
HALF_LIFE = DAY
FEWEST = 30
"""With fewer returns than this nothing is said."""
TAIL = 0.05
_NORMAL_90 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Measured:
    """A statistic with its standard error and the number of observations; NaN where it does not exist."""

    value: float
    error: float
    observations: int

    @property
    def low(self) -> float:
        """Lower bound of the central 90 %, if errors are normal."""
        return self.value - _NORMAL_90 * self.error

    @property
    def high(self) -> float:
        """Upper bound of it."""
        return self.value + _NORMAL_90 * self.error


_NOTHING = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class VolatilityRegimes:
    """Which returns fall into which regime.

    Attributes
    ----------
    known_before
        Volatility per root day known before each return, shape (n,), NaN where there was none.
    calm, stressed
        Which returns belong there, shape (n,).
    calm_below, stressed_from
        The bounds, per root day; NaN without a history.
    now
        Volatility known after the last return; NaN without any.
    """

    known_before: FloatArray
    calm: BoolArray
    stressed: BoolArray
    calm_below: float
    stressed_from: float
    now: float

    @property
    def present(self) -> Regime | None:
        """The regime that a next return would fall into; None between the two, or where it is not known."""
        if self.now >= self.stressed_from:
            return "stressed"
        return "calm" if self.now <= self.calm_below else None


def volatility_regimes(close: FloatArray, step: int, half_life: int = HALF_LIFE) -> VolatilityRegimes:
    """Return the regimes of the returns between closes that are `step` milliseconds apart, shape (n + 1,).

    Raises
    ------
    InputError
        A price is not positive.
    """
    volatility = ewma_volatility(close, step, half_life)
    before = volatility[:-1]
    known = before[np.isfinite(before)]
    low, high = np.quantile(known, [CALM, STRESSED]).tolist() if len(known) >= FEWEST else _NOTHING
    return VolatilityRegimes(
        known_before=before,
        calm=before <= low,
        stressed=before >= high,
        calm_below=low,
        stressed_from=high,
        now=float(volatility[-1]) if len(volatility) else math.nan,
    )


def beta_of(pushed: FloatArray, other: FloatArray) -> Measured:
    """Return the least-squares slope through zero of the other coin's returns on the pushed coin's.

    b = sum x y / sum x^2 with the error sqrt(sum x^2 (y - b x)^2) / sum x^2. NaN with fewer than 30 returns
    known of both, or where the pushed coin did not move.

    Parameters
    ----------
    pushed, other
        Log returns of the same intervals, NaN where not known, shape (n,).
    """
    x, y = _both(pushed, other)
    square = float(x @ x)
    if len(x) < FEWEST or square == 0:
        return Measured(*_NOTHING, len(x))
    beta = float(x @ y) / square
    return Measured(beta, math.sqrt(float((x * x) @ np.square(y - beta * x))) / square, len(x))


def correlation_of(pushed: FloatArray, other: FloatArray) -> Measured:
    """Return Pearson's correlation r of two coins' returns about their means, with its error.

    The error is that of the influence of single returns, z_x z_y - r (z_x^2 + z_y^2) / 2, over sqrt(n); for
    normal returns it is the textbook's (1 - r^2) / sqrt(n). Arguments and NaN as in `beta_of`.
    """
    x, y = _both(pushed, other)
    if len(x) < FEWEST or x.std() == 0 or y.std() == 0:
        return Measured(*_NOTHING, len(x))
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    value = float(np.mean(x * y))
    influence = x * y - value * (x * x + y * y) / 2
    return Measured(value, float(influence.std()) / math.sqrt(len(x)), len(x))


def tail_dependence(pushed: FloatArray, other: FloatArray, side: int, tail: float = TAIL) -> Measured:
    """Return how often the other coin has one of its worst returns when the pushed coin has one of its own.

    P(other in its own tail | pushed in its own tail), with the k = tail * n most extreme returns of each as
    its tail: `tail` if they have nothing to do with each other, 1 if they always go together. The error is
    sqrt(p (1 - p) / k), as of k trials; it takes extreme returns of neighbouring hours as unrelated, which
    they are not, so it is too small rather than too large. NaN where a tail holds fewer than 10 returns.

    Parameters
    ----------
    pushed, other
        As in `beta_of`.
    side
        -1: falls; +1: rises.
    tail
        Share of the returns, in (0, 0.5].

    Raises
    ------
    InputError
        A number is outside its range.
    """
    if side not in (-1, 1):
        raise InputError(f"side is {side}; expected -1 or +1")
    if not 0 < tail <= 0.5:
        raise InputError(f"tail is {tail:g}; expected a share in (0, 0.5]")
    x, y = _both(pushed, other)
    count = int(tail * len(x))
    if count < 10:
        return Measured(*_NOTHING, len(x))
    # Ties are broken by order in time, so that a tail holds exactly so many.
    worst = [set(np.argsort(-side * values, kind="stable")[:count].tolist()) for values in (x, y)]
    share = len(worst[0] & worst[1]) / count
    return Measured(share, math.sqrt(share * (1 - share) / count), len(x))


def _both(pushed: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    if pushed.shape != other.shape:
        raise InputError(f"other: shape {other.shape} where pushed has {pushed.shape}")
    known = np.isfinite(pushed) & np.isfinite(other)
    return pushed[known], other[known]
