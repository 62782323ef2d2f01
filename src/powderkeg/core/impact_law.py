"""Depth from bars alone: the square-root law of market impact, for want of a book.

An order worked through the market moves the price by about Y sigma_T sqrt(Q / V_T), with V_T the volume and
sigma_T the volatility of the time T that it takes; turned round, up to where the order is as large as all
that trades in that time,

    D(x) = V_T (x / (Y sigma_T))^2      for x <= Y sigma_T,      and      D(x) = V_T (x / (Y sigma_T))^0.67

beyond, where what arrives within T no longer matters and the shape is that of a resting book. V_T / sigma_T^2
does not depend on T, which only says where the square root ends: 60 s is the median duration of a cascade at
Hyperliquid. With a day for T the law would let a cascade of minutes meet a day's orders.

Y is of order 1: J. Donier, J. Bonart, "A million metaorder analysis of market impact on the Bitcoin" (2015,
arXiv 1412.4503), find the square root over four decades of size; G. Maitrier, G. Loeper, J.-P. Bouchaud,
"The double square-root law" (2025, arXiv 2502.16246). Read 2026-11-25. Against one recorded book and
one set of published bands the law said 0.5 to 3.9 times what rested there, too much nearer than 0.2 % and
mostly too little beyond 1 %: its band is a quarter to four times.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import finite, non_negative, positive
from powderkeg.core.band_depth import SHAPE_EXPONENT
from powderkeg.core.volatility import ewma_volatility, weighted_recently
from powderkeg.errors import InputError
from powderkeg.model.depth_curve import DepthCurve, Direction
from powderkeg.model.times import DAY, HOUR, MINUTE

IMPACT_CONSTANT = 1.0
LAW_HORIZON = MINUTE
LAW_FACTOR = 4.0
FLOW_HALF_LIFE = 6 * HOUR
_NEAREST, _POINTS = 1e-2, 32
FEWEST_BARS = 30
"""What a law needs at least."""


def impact_depth(
    volume: float,
    volatility: float,
    *,
    direction: Direction,
    source: str,
    as_of: int,
    horizon: int = LAW_HORIZON,
    constant: float = IMPACT_CONSTANT,
) -> DepthCurve:
    """Return the depth that the impact law gives to a market of this volume and volatility.

    The same in both directions. True depth is to be looked for within `LAW_FACTOR` either way:
    ``curve.scaled(1 / LAW_FACTOR)`` and ``curve.scaled(LAW_FACTOR)``.

    Parameters
    ----------
    volume
        Traded notional per day, in quote, > 0.
    volatility
        Of the log price per square root of a day, > 0.
    direction, source, as_of
        As in `DepthCurve`.
    horizon
        T in milliseconds, > 0.
    constant
        Y, > 0.

    Raises
    ------
    InputError
        A number is not positive.
    """
    share = float(positive("horizon", horizon)) / DAY
    traded = float(positive("volume", volume)) * share
    knee = (
        float(positive("constant", constant)) * float(positive("volatility", volatility)) * math.sqrt(share)
    )
    points = np.geomspace(_NEAREST, 1.0, _POINTS)
    return DepthCurve(
        direction=direction,
        displacement=np.concatenate([[0.0], knee * points]),
        absorbed=np.concatenate([[0.0], traded * points**2]),
        tail_exponent=SHAPE_EXPONENT,
        kind="law",
        source=source,
        as_of=as_of,
    )


def recent_flow(
    close: npt.ArrayLike, volume: npt.ArrayLike, step: int, half_life: int = FLOW_HALF_LIFE
) -> tuple[float, float]:
    """Return (traded notional per day, volatility per root day) at the end of bars, for `impact_depth`.

    Both are weighted alike: the law hangs on volume over variance, which is steadier than either.

    Parameters
    ----------
    close, volume
        Of each bar, quote per base and base, shape (n,); NaN where the bar lacks.
    step
        Length of a bar in milliseconds; bars are that far apart.
    half_life
        Milliseconds after which a bar counts half.

    Raises
    ------
    InputError
        Fewer than thirty bars are there, nothing was traded, the price never moved, or a number is outside
        its range.
    """
    price, traded = np.asarray(close, np.float64), np.asarray(volume, np.float64)
    there = np.isfinite(price)
    if np.count_nonzero(there) < FEWEST_BARS:
        raise InputError(f"bars: {np.count_nonzero(there)}; expected {FEWEST_BARS} or more for a law")
    non_negative("volume", traded[there])
    spread = float(ewma_volatility(price, step, half_life)[-1])
    flow = float(weighted_recently(price * traded, step, half_life)[-1]) * DAY / step
    if not (flow > 0 and spread > 0):
        raise InputError(
            f"bars: {flow:.3g} traded a day at a volatility of {spread:.3g}; expected both above 0 for a law"
        )
    return flow, spread


def fitted_impact_constant(
    returns: npt.ArrayLike, imbalance: npt.ArrayLike, volume: npt.ArrayLike
) -> tuple[float, float]:
    """Return Y as bars themselves show it, and its standard error.

    Least squares through the origin of r = Y s, with s = sign(I) sqrt(|I| / V) sigma for takers' buying less
    selling I in a bar, and V and sigma the mean volume and root mean square return of all bars. Bars of a
    second to ten are of the right length; longer ones hold what the market has answered, too.

    Parameters
    ----------
    returns
        Log return of each bar, shape (n,), n >= 30.
    imbalance
        What takers bought less what they sold, |imbalance| <= volume, shape (n,).
    volume
        Traded volume in the same unit, >= 0, shape (n,).

    Raises
    ------
    InputError
        Shapes or numbers do not fit, there are too few bars, or price or imbalance never moves.
    """
    moved, signed = finite("returns", returns), finite("imbalance", imbalance)
    traded = non_negative("volume", volume)
    if not (moved.ndim == 1 and moved.shape == signed.shape == traded.shape):
        raise InputError(f"returns, imbalance, volume: {moved.shape}, {signed.shape}, {traded.shape}")
    if len(moved) < FEWEST_BARS:
        raise InputError(f"returns: {len(moved)} bars; expected {FEWEST_BARS} or more to fit a constant")
    more = np.flatnonzero(np.abs(signed) > traded * (1 + 1e-9))
    if len(more):
        row = int(more[0])
        raise InputError(
            f"imbalance[{row}] is {signed[row]:.10g} of a volume of {traded[row]:.10g}; expected no more"
        )
    spread, mean = float(np.sqrt((moved**2).mean())), float(traded.mean())
    if not (spread > 0 and np.any(signed)):
        raise InputError("returns, imbalance: nothing moves; expected bars with trades on either side")
    stated = np.sign(signed) * np.sqrt(np.abs(signed) / mean) * spread
    weight = float((stated**2).sum())
    constant = float((moved * stated).sum()) / weight
    left = moved - constant * stated
    return constant, float(np.sqrt((left**2 * stated**2).sum())) / weight
