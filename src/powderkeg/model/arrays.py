"""Read-only arrays: what a frozen value hands out cannot be changed behind its back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def read_only(values: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    """Return `values` as a contiguous array of `dtype` that refuses writes.

    An array that is already read-only, contiguous and of that type is passed on as it is;
    anything else is copied, so that the caller's own array stays writable and independent.
    """
    array = np.asarray(values, dtype=dtype)
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C")
        array.flags.writeable = False
    return array
