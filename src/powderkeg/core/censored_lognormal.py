"""A lognormal law of which everything beyond a bound is only known to lie beyond it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from powderkeg.model.arrays import BoolArray, FloatArray

_STEPS = 60
_LEAST, _MOST = -8.0, 30.0


class CensoredLognormal(NamedTuple):
    """Median and sigma of most likelihood, NaN where fewer than two different values are known."""

    median: float
    sigma: float


def censored_lognormal(
    values: FloatArray, beyond: BoolArray, weight: FloatArray, *, bound: float
) -> CensoredLognormal:
    """Return the likeliest lognormal law of weighted `values`, some only known to be beyond `bound`.

    With m and v the mean and variance of the known logs, c that of the bound, d = c - m, h the weight beyond
    over the weight known, z = (c - mu) / sigma, and Y = h phi(z) / (1 - Phi(z)),

        sigma = d / (z + Y),    v / d^2 = (1 - Y (z + Y)) / (z + Y)^2

    whose right side falls with z, so z is found by bisection.

    Parameters
    ----------
    values
        Above 0; those beyond the bound are not looked at. Shape (n,).
    beyond
        Which are beyond it, shape (n,).
    weight
        Not negative, shape (n,).
    bound
        Above all the others.

    References
    ----------
    Cohen, "Simplified estimators for the normal distribution when samples are singly censored or truncated",
    Technometrics 1 (1959).
    """
    known = ~beyond & (weight > 0)
    mass = float(weight[known].sum())
    if not mass > 0:
        return CensoredLognormal(math.nan, math.nan)
    logs = np.log(values[known])
    mean = float((weight[known] * logs).sum()) / mass
    variance = float((weight[known] * (logs - mean) ** 2).sum()) / mass
    if not variance > 0:
        return CensoredLognormal(math.nan, math.nan)
    ratio, reach = float(weight[beyond].sum()) / mass, math.log(bound) - mean
    if ratio == 0:
        return CensoredLognormal(math.exp(mean), math.sqrt(variance))
    low, high = _LEAST, _MOST
    for _ in range(_STEPS):
        z = (low + high) / 2
        y = ratio * _hazard(z)
        above = (1 - y * (z + y)) * reach**2 > variance * (z + y) ** 2
        low, high = (z, high) if above or z + y <= 0 else (low, z)
    sigma = reach / (low + ratio * _hazard(low))
    return CensoredLognormal(math.exp(math.log(bound) - sigma * low), sigma)


def _hazard(z: float) -> float:
    """Return phi(z) / (1 - Phi(z)) of the standard normal, by its continued fraction far out."""
    if z > 20:
        return z + 1 / (z + 2 / (z + 3 / z))
    return math.sqrt(2 / math.pi) * math.exp(-z * z / 2) / math.erfc(z / math.sqrt(2))
