"""Betas from the marks of a series of snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powderkeg.core.betas import shrunk_betas
from powderkeg.model.account_positions import PositionSnapshot


def betas_of_snapshots(snapshots: Sequence[PositionSnapshot], symbol: str, until: int) -> dict[str, float]:
    """Return the beta of every coin to `symbol`, from marks known by `until`; see `powderkeg.core.betas`.

    Parameters
    ----------
    snapshots
        Ascending; what comes after `until` is not looked at.
    symbol
        The coin that the others follow.
    until
        UTC milliseconds.
    """
    known = [one for one in snapshots if one.as_of <= until]
    coins = sorted({coin for one in known for coin in one.coins} | {symbol})
    numbers = {coin: number for number, coin in enumerate(coins)}
    marks = np.full((len(known), len(coins)), np.nan)
    for row, one in enumerate(known):
        marks[row, [numbers[coin] for coin in one.coins]] = one.mark_price
    betas = shrunk_betas(np.diff(np.log(marks), axis=0), numbers[symbol])
    return dict(zip(coins, betas.tolist(), strict=True))
