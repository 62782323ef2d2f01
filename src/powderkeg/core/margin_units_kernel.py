"""`powderkeg.core.margin_units` compiled: one pass over the units, nothing allocated per unit."""

from __future__ import annotations

import numpy as np
from numba import njit

from powderkeg.model.arrays import FloatArray, IntArray


@njit(cache=True)
def _value_and_slope(
    move: float,
    equity: float,
    start: int,
    stop: int,
    coin: IntArray,
    exposure: FloatArray,
    beta: FloatArray,
    rates: FloatArray,
    amounts: FloatArray,
) -> tuple[float, float]:
    value, slope = equity, 0.0
    for leg in range(start, stop):
        number = coin[leg]
        follows, held = beta[number], exposure[leg]
        size = abs(held)
        notional = size * max(1.0 + follows * move, 0.0)
        maintained, rate = -np.inf, 0.0
        for tier in range(rates.shape[1]):
            line = rates[number, tier] * notional - amounts[number, tier]
            if line > maintained:
                maintained, rate = line, rates[number, tier]
        value += held * follows * move - maintained
        slope += (held - rate * size) * follows
    return value, slope


@njit(cache=True, error_model="numpy", nogil=True)
def move_limits_and_roots(
    first_leg: IntArray,
    equity: FloatArray,
    coin: IntArray,
    exposure: FloatArray,
    beta: FloatArray,
    rates: FloatArray,
    amounts: FloatArray,
    farthest_rise: float,
    steps: int,
    fall: FloatArray,
    rise: FloatArray,
) -> None:
    """Fill `fall` and `rise` of each unit where it has one; see `powderkeg.core.margin_units`."""
    for unit in range(len(equity)):
        if not np.isfinite(equity[unit]):
            continue
        start, stop = first_leg[unit], first_leg[unit + 1]
        value, _ = _value_and_slope(0.0, equity[unit], start, stop, coin, exposure, beta, rates, amounts)
        if value <= 0.0:
            fall[unit], rise[unit] = 0.0, 0.0
            continue
        lowest, highest = -1.0, farthest_rise
        for leg in range(start, stop):
            follows = beta[coin[leg]]
            if follows > 0.0:
                lowest = max(lowest, -1.0 / follows)
            elif follows < 0.0:
                highest = min(highest, -1.0 / follows)
        for side in range(2):
            move = lowest if side == 0 else highest
            value, slope = _value_and_slope(
                move, equity[unit], start, stop, coin, exposure, beta, rates, amounts
            )
            if value > 0.0:
                continue
            for _ in range(steps):
                nearer = move - value / slope
                if not (abs(nearer) < abs(move) and value < 0.0):
                    break
                move = nearer
                value, slope = _value_and_slope(
                    move, equity[unit], start, stop, coin, exposure, beta, rates, amounts
                )
            move -= value / slope  # the first step came from far away, where rounding is coarse
            if side == 0:
                fall[unit] = move
            else:
                rise[unit] = move
