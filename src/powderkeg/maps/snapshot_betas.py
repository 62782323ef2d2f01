"""Betas of the coins in a snapshot: from the marks of earlier ones, or from the bars of a lake."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from powderkeg.core.betas import shrunk_betas
from powderkeg.lake.dataset_key import DatasetKey
from powderkeg.lake.market_lake import Lake
from powderkeg.model.account_positions import PositionSnapshot
from powderkeg.model.arrays import FloatArray
from powderkeg.model.times import DAY, HOUR
from powderkeg.model.window import Window

_HISTORY = 30 * DAY
# Returns over an hour: long enough that coins which trade seldom have moved too.
_STEP = HOUR
_BARS = ("1h", "5m", "1m")


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


def betas_of_lake(lake: Lake, snapshot: PositionSnapshot, symbol: str) -> dict[str, float]:
    """Return the beta of each coin of a snapshot to `symbol`, from hourly returns of the 30 days before it.

    Closes come from the venue's bars in the lake, of an hour, or else of five minutes or one; a coin without
    any has a beta of 1.
    """
    until = snapshot.as_of // _STEP * _STEP
    window = Window(until - _HISTORY, until)
    coins = sorted({*snapshot.coins, symbol})
    closes = np.column_stack([hourly_closes(lake, snapshot.venue, coin, window) for coin in coins])
    with np.errstate(invalid="ignore"):
        betas = shrunk_betas(np.diff(np.log(closes), axis=0), coins.index(symbol))
    return dict(zip(coins, betas.tolist(), strict=True))


def hourly_closes(lake: Lake, venue: str, coin: str, window: Window) -> FloatArray:
    """Return the close at the end of each hour of a window of whole hours, NaN where there is no bar.

    Closes are those of bars of an hour or, where the lake has none in the window, of five minutes or one.
    """
    out = np.full((window.end - window.start) // _STEP, np.nan)
    for variant in _BARS:
        rows = lake.read(DatasetKey("bars", venue, coin, variant), window, ["ts", "interval_ms", "close"])
        if rows.height:
            rows = rows.sort("ts")
            ends = (rows["ts"] + rows["interval_ms"]).to_numpy()
            whole = ends % _STEP == 0
            out[(ends[whole] - window.start) // _STEP - 1] = rows["close"].to_numpy()[whole]
            break
    return out
