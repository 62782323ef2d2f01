"""Volatility of log price from bars, weighted towards the present.

With r the log return from one close to the next and a half-life h,

    sigma_t^2 = sum_k 2^(-k step / h) r_(t-k)^2 / sum_k 2^(-k step / h) / step

The mean return is taken to be 0: over hours it is too small to be told from it. Parkinson's estimate puts
ln(high / low)^2 / (4 ln 2) for r^2. It reads the path inside a bar, too, and is the check of the other: on a
year of five-minute bars of five coins the two agree within 4 %, so more than that means damaged bars.
M. Parkinson, "The Extreme Value Method for Estimating the Variance of the Rate of Return", Journal of
Business 53 (1980) 61-65.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY

HALF_LIFE = 3 * DAY
_KNOWN = 0.9


def ewma_volatility(close: npt.ArrayLike, step: int, half_life: int = HALF_LIFE) -> FloatArray:
    """Return the volatility that was known at the end of each bar, per square root of a day, shape (n,).

    Parameters
    ----------
    close
        Last price of each bar, quote per base, > 0, shape (n,); NaN where the bar lacks. No return is taken
        across a hole.
    step
        Length of a bar in milliseconds; bars are that far apart.
    half_life
        Milliseconds after which a return counts half.

    Returns
    -------
    FloatArray
        NaN before the first return.

    Raises
    ------
    InputError
        A price or length is not positive.
    """
    price = _prices("close", close)
    squared = np.full(len(price), np.nan)
    squared[1:] = np.diff(np.log(price)) ** 2
    return _per_root_day(squared, step, half_life)


def parkinson_volatility(
    high: npt.ArrayLike, low: npt.ArrayLike, step: int, half_life: int = HALF_LIFE
) -> FloatArray:
    """Return the same from the range of each bar: see `ewma_volatility`.

    Raises
    ------
    InputError
        A price or length is not positive, or a high lies below its low.
    """
    top, bottom = _prices("high", high), _prices("low", low)
    if top.shape != bottom.shape:
        raise InputError(f"high: shape {top.shape} where low has {bottom.shape}")
    below = np.flatnonzero(top < bottom)
    if len(below):
        raise InputError(
            f"high[{below[0]}] is {top[below[0]]:.10g}; expected at least the low, {bottom[below[0]]:.10g}"
        )
    return _per_root_day(np.log(top / bottom) ** 2 / (4 * math.log(2)), step, half_life)


def realised_volatility(close: npt.ArrayLike, step: int, length: int) -> FloatArray:
    """Return the volatility of the `length` that ended with each bar, per square root of a day, shape (n,).

    The root of the mean squared return of those bars: every one counts alike, and nothing before them.

    Parameters
    ----------
    close, step
        As in `ewma_volatility`.
    length
        Milliseconds, a multiple of `step`.

    Returns
    -------
    FloatArray
        NaN where fewer than nine in ten of the returns are known.

    Raises
    ------
    InputError
        A price or length is not positive, or `length` is no multiple of `step`.
    """
    price = _prices("close", close)
    positive("step", step)
    positive("length", length)
    if length % step:
        raise InputError(f"length is {length} ms; expected a multiple of the bars' {step} ms")
    count = length // step
    squared = np.full(len(price), np.nan)
    squared[1:] = np.diff(np.log(price)) ** 2
    out = np.full(len(price), np.nan)
    if len(price) > count:
        windows = np.lib.stride_tricks.sliding_window_view(squared[1:], count)
        known = np.isfinite(windows).sum(axis=1)
        total = np.where(np.isfinite(windows), windows, 0.0).sum(axis=1)
        enough = known >= _KNOWN * count
        out[count:] = np.where(enough, np.sqrt(total / np.maximum(known, 1) * (DAY / step)), np.nan)
    return out


def weighted_recently(values: FloatArray, step: int, half_life: int) -> FloatArray:
    """Return the mean of `values` up to each of them, the latest counting most, shape (n,).

    NaN counts for nothing; a mean of nothing is NaN.
    """
    keep = 0.5 ** (float(positive("step", step)) / float(positive("half_life", half_life)))
    out = np.full(len(values), np.nan)
    total = weight = 0.0
    for row, value in enumerate(values.tolist()):
        total, weight = total * keep, weight * keep
        if not math.isnan(value):
            total, weight = total + value, weight + 1.0
        if weight:
            out[row] = total / weight
    return out


def _per_root_day(squared: FloatArray, step: int, half_life: int) -> FloatArray:
    return np.asarray(np.sqrt(weighted_recently(squared, step, half_life) * (DAY / step)))


def _prices(name: str, values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, np.float64)
    positive(name, array[~np.isnan(array)])
    return array
