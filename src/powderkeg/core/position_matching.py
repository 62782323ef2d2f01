"""The same names and the same positions in two snapshots."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import IntArray

_Value = TypeVar("_Value", np.float64, np.int64, np.bool_)


def same_names(names: tuple[str, ...], others: tuple[str, ...]) -> IntArray:
    """Return where each of `names` is among `others`, -1 where it is not, shape (names,)."""
    number = {name: place for place, name in enumerate(others)}
    return np.array([number.get(name, -1) for name in names], np.int64)


def taken(values: npt.NDArray[_Value], rows: IntArray, absent: Any = np.nan) -> npt.NDArray[_Value]:
    """Return `values` at `rows`, and `absent` where a row is -1; shape of `rows`."""
    out = np.full(len(rows), absent, values.dtype)
    out[rows >= 0] = values[rows[rows >= 0]]
    return out


def rows_in(after: PositionSnapshot, account: IntArray, coin: IntArray, side: IntArray) -> IntArray:
    """Return the row that each position has in `after`, -1 where it has none; shape of the arguments.

    Parameters
    ----------
    after
        Where to look.
    account, coin
        Numbers into the accounts and coins of `after`, -1 for those that it lacks.
    side
        +1 for a long, -1 for a short.
    """
    if not len(after):
        return np.full(len(account), -1)
    coins = len(after.coins)
    key = 2 * (after.account * coins + after.coin) + (after.position_side > 0)
    order = np.argsort(key)
    wanted = 2 * (account * coins + coin) + (side > 0)
    place = order[np.minimum(np.searchsorted(key, wanted, sorter=order), len(key) - 1)]
    return np.where((account >= 0) & (coin >= 0) & (key[place] == wanted), place, -1)
