"""Numeric arguments as float64 arrays, checked once where they enter the core.

Each function returns the argument as an array, or raises an `InputError` that names it, shows the first
value that will not do, and says what was expected.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from powderkeg.errors import InputError
from powderkeg.model.arrays import BoolArray, FloatArray


def finite(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return finite numbers."""
    array = _floats(name, value)
    return _checked(name, array, np.isfinite(array), "a finite number")


def positive(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return finite numbers above 0."""
    array = _floats(name, value)
    return _checked(name, array, (array > 0) & (array < np.inf), "a finite number above 0")


def non_negative(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return finite numbers from 0."""
    array = _floats(name, value)
    return _checked(name, array, (array >= 0) & (array < np.inf), "a finite number, 0 or more")


def fraction(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return fractions in [0, 1)."""
    array = _floats(name, value)
    expected = "a fraction from 0 up to, not including, 1 (0.005 for 0.5 %)"
    return _checked(name, array, (array >= 0) & (array < 1), expected)


def leverage_of(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return finite leverages from 1."""
    array = _floats(name, value)
    return _checked(name, array, (array >= 1) & (array < np.inf), "a finite leverage, 1 or more")


def sign_of(name: str, value: npt.ArrayLike) -> FloatArray:
    """Return position sides as +1.0 (long) and -1.0 (short)."""
    array = _floats(name, value)
    return _checked(name, array, np.abs(array) == 1, "+1 (long) or -1 (short)")


def _floats(name: str, value: npt.ArrayLike) -> FloatArray:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {value!r}; expected a number or an array of numbers") from None


def _checked(name: str, array: FloatArray, good: BoolArray, expected: str) -> FloatArray:
    if not np.all(good):
        first = int(np.argmin(good))
        place = f"[{first}]" if array.ndim == 1 else ""
        raise InputError(f"{name}{place} is {array.flat[first]:.10g}; expected {expected}")
    return array
