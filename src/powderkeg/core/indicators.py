"""Averages, relative strength and true range of bars, in the forms that charts use.

All are of J. W. Wilder, New Concepts in Technical Trading Systems (1978), or older. Values equal those of
TA-Lib, which the tests hold them against to 1e-9. An array comes without holes: what is missing is left out
before, by whoever knows what it was. A value stands at the end of its bar, and is NaN until there are enough.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from powderkeg.core.arguments import finite, positive
from powderkeg.errors import InputError
from powderkeg.model.arrays import FloatArray

OVERBOUGHT, OVERSOLD = 70.0, 30.0
"""Wilder's bounds of the relative strength index; both belong to their zones."""


def simple_average(values: npt.ArrayLike, length: int) -> FloatArray:
    """Return the mean of the last `length` values at each, shape (n,).

    Raises
    ------
    InputError
        A value is not finite, or `length` is below 1.
    """
    array = finite("values", values)
    _check_length(length, 1)
    out = np.full(len(array), np.nan)
    if len(array) >= length:
        # Sums of windows, not differences of running sums: those lose the digits of what came before.
        out[length - 1 :] = np.lib.stride_tricks.sliding_window_view(array, length).mean(axis=1)
    return out


def exponential_average(values: npt.ArrayLike, length: int) -> FloatArray:
    """Return the exponential average at each value, shape (n,).

    e_t = e_(t-1) + 2 / (length + 1) (v_t - e_(t-1)), beginning with the simple average of the first `length`
    values. What came before the first value is forgotten by 1/e every (length + 1) / 2 values.

    Raises
    ------
    InputError
        A value is not finite, or `length` is below 1.
    """
    array = finite("values", values)
    _check_length(length, 1)
    return _smoothed(array, length, 2.0 / (length + 1))


def relative_strength_index(close: npt.ArrayLike, length: int = 14) -> FloatArray:
    """Return Wilder's index at each bar, in [0, 100], shape (n,).

    100 U / (U + D), U and D being the smoothed rises and falls from close to close: their simple averages
    over the first `length` changes, then U_t = U_(t-1) + (u_t - U_(t-1)) / length. 0 where the price never
    moved, as TA-Lib has it; NaN for the first `length` bars.

    Parameters
    ----------
    close
        Last price of each bar, > 0, shape (n,).
    length
        At least 2.

    Raises
    ------
    InputError
        A price is not a finite number above 0, or `length` is below 2.
    """
    price = positive("close", close)
    _check_length(length, 2)
    change = np.diff(price)
    rise = _smoothed(np.maximum(change, 0.0), length, 1.0 / length)
    fall = _smoothed(np.maximum(-change, 0.0), length, 1.0 / length)
    out = np.full(len(price), np.nan)
    both = rise + fall
    with np.errstate(invalid="ignore"):
        out[1:] = np.where(both > 0, 100.0 * rise / both, np.where(np.isnan(both), np.nan, 0.0))
    return out


def strength_zone(index: float) -> str:
    """Return ``overbought``, ``oversold`` or ``neutral``: names of zones, and no forecasts."""
    if index >= OVERBOUGHT:
        return "overbought"
    return "oversold" if index <= OVERSOLD else "neutral"


def average_true_range(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, length: int = 14
) -> FloatArray:
    """Return Wilder's average true range at each bar, in the unit of the prices, shape (n,).

    The true range is max(high, previous close) - min(low, previous close); smoothed as the index is, from the
    second bar on. NaN for the first `length` bars.

    Raises
    ------
    InputError
        A price is not a finite number above 0, shapes differ, a high lies below its low, or `length` is
        below 1.
    """
    top, bottom, last = positive("high", high), positive("low", low), positive("close", close)
    _check_length(length, 1)
    if not top.shape == bottom.shape == last.shape:
        raise InputError(f"high, low, close: shapes {top.shape}, {bottom.shape}, {last.shape}; expected one")
    if np.any(top < bottom):
        row = int(np.argmax(top < bottom))
        raise InputError(f"high[{row}] is {top[row]:.10g}; expected at least the low, {bottom[row]:.10g}")
    out = np.full(len(top), np.nan)
    true_range = np.maximum(top[1:], last[:-1]) - np.minimum(bottom[1:], last[:-1])
    out[1:] = _smoothed(true_range, length, 1.0 / length)
    return out


def _smoothed(values: FloatArray, length: int, weight: float) -> FloatArray:
    """Return the exponential average with this weight, begun with the mean of the first `length` values."""
    out = np.full(len(values), np.nan)
    if len(values) < length:
        return out
    current = float(values[:length].mean())
    out[length - 1] = current
    for row, value in enumerate(values[length:].tolist(), start=length):
        current += weight * (value - current)
        out[row] = current
    return out


def _check_length(length: int, least: int) -> None:
    if length < least:
        raise InputError(f"length is {length}; expected {least} or more")
