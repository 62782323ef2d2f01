"""Probability that price touches a level within a horizon: a measure of risk, and no forecast.

For a driftless Brownian motion of the log price the reflection principle gives, at a distance
d = |ln(level / price)| with z = d / (sigma sqrt(T)),

    P(touch within T) = 2 (1 - Phi(z)) = erfc(z / sqrt(2))

Volatility over the coming hours is itself unknown. If the variance of the whole horizon is sigma^2 T times
(nu - 2) / chi^2_nu, an inverse-gamma variable of mean 1, each path is still Brownian and the reflection
principle holds given the variance; averaged over it the normal tail becomes that of a Student t with nu
degrees, scaled to unit variance:

    P(touch within T) = 2 (1 - F_nu(z sqrt(nu / (nu - 2))))

The factor sqrt(nu / (nu - 2)) is what keeps the variance at sigma^2 T; without it a touch is overstated, at
five degrees 0.31 for 0.20. Independent t-distributed *steps* would not do: over a day of minutes they add up
to a normal variable again.

Neither form knows a direction: a level above and one below at the same log distance are equally likely.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import finite, non_negative, positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.price_grid import PriceGrid
from powderkeg.model.times import DAY

DEGREES = 4
_MOST_DEGREES = 1_000
_ERFC = np.frompyfunc(math.erfc, 1, 1)


def touch_probability(
    distance: npt.ArrayLike, volatility: float, horizon: int, degrees: int | None = DEGREES
) -> FloatArray:
    """Return the probability that levels at these distances are touched within the horizon, in [0, 1].

    Parameters
    ----------
    distance
        |ln(level / price)|, >= 0, of any shape; 1 at a distance of 0.
    volatility
        Of the log price per square root of a day, > 0, such as 0.03.
    horizon
        Milliseconds, > 0.
    degrees
        Degrees of freedom of the tail, a whole number from 3 to 1,000; None for the normal law.

    Raises
    ------
    InputError
        A number is outside its range.
    """
    spread = float(positive("volatility", volatility)) * math.sqrt(float(positive("horizon", horizon)) / DAY)
    standard = np.asarray(non_negative("distance", distance) / spread)
    if degrees is None:
        return np.asarray(_ERFC(standard / math.sqrt(2)), np.float64)
    if degrees != int(degrees) or not 3 <= degrees <= _MOST_DEGREES:
        raise InputError(
            f"degrees: {degrees:g}; expected a whole number from 3 to {_MOST_DEGREES:,} "
            "(the variance is infinite below), or None for the normal law"
        )
    return _student_outside(standard * math.sqrt(degrees / (degrees - 2)), int(degrees))


def expected_liquidation(
    grid: PriceGrid,
    notional: npt.ArrayLike,
    mark_price: float,
    direction: int,
    *,
    volatility: float,
    horizon: int,
    degrees: int | None = DEGREES,
) -> FloatArray:
    """Return touch probability times size per bin of one side of a map, in quote, shape (bins,).

    What would be force-closed within the horizon, averaged over what price may do: a measure of risk that
    weighs near positions against large ones, and no forecast of where price goes. A bin counts at its middle;
    what lies behind the mark counts whole. Amplification by the liquidations themselves is not in it.

    Parameters
    ----------
    grid, notional
        As in `powderkeg.core.cascade_envelope.forced_curve`: the side that the direction liquidates.
    mark_price
        Quote per base, > 0.
    direction
        -1 for longs below the mark, +1 for shorts above.
    volatility, horizon, degrees
        As in `touch_probability`.

    Raises
    ------
    InputError
        A number is outside its range, or `notional` has another shape than the grid.
    """
    mass = non_negative("notional", notional)
    if mass.shape != (grid.count,):
        raise InputError(f"notional: shape {mass.shape}; expected ({grid.count},), one number per bin")
    if direction not in (-1, 1):
        raise InputError(f"direction is {direction}; expected -1 or 1")
    middle = (np.arange(grid.first, grid.first + grid.count) + 0.5) * grid.width
    ahead = direction * (middle - math.log(float(positive("mark_price", mark_price))))
    return np.asarray(mass * touch_probability(np.maximum(ahead, 0.0), volatility, horizon, degrees))


def _student_outside(value: FloatArray, degrees: int) -> FloatArray:
    """Return P(|t| > value) for whole degrees of freedom; finite sums, Abramowitz & Stegun 26.7.3 and 4."""
    angle = np.arctan(finite("distance", value) / math.sqrt(degrees))
    sine, cosine = np.sin(angle), np.cos(angle)
    odd = degrees % 2 == 1
    term = cosine if odd else np.ones_like(cosine)
    total = term.copy()
    for order in range(3 if odd else 2, degrees - 1, 2):
        term = term * cosine**2 * (order - 1) / order
        total = total + term
    inside = (angle + sine * total) * 2 / math.pi if odd else sine * total
    return np.asarray(np.clip(1.0 - inside, 0.0, 1.0))
