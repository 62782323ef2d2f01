"""The worlds estimator in plain numpy: the meaning of `worlds_kernel`, without its economies.

Every world is a dense array of masses. It is what the compiled kernel is tested against, what runs where
numba is not installed, and the page to read first.
"""

from __future__ import annotations

import numpy as np

from powderkeg.model.arrays import FloatArray


def advance_side(
    mass: FloatArray,
    initial: FloatArray,
    *,
    nearest: FloatArray,
    farthest: FloatArray,
    turnover: FloatArray,
    extreme: float,
    met: float,
    entry_low: float,
    entry_high: float,
    previous_interest: float,
    open_interest: float,
    volume: float,
    level_price: FloatArray,
) -> FloatArray:
    """Advance the worlds of one side by one bar in place; return their predicted liquidations in USD.

    Parameters
    ----------
    mass
        Quantity per distance class, turnover class and bin, shape (D, 4, bins). Bins count upwards towards
        the price; the axis of shorts is turned over, so both sides are swept from the top.
    initial
        Upper bound of what is left of the positions assumed before the first bar, shape (D, 4).
    nearest, farthest
        Bounds of the distance classes in bins, shape (D,).
    turnover
        Turnover classes, shape (4,).
    extreme
        The bar's mark extreme on this side, in bins: low for longs, turned-over high for shorts.
    met
        The part of it that the bar's own openings meet: the extreme itself, or the bar's close.
    entry_low, entry_high
        The bar's traded range in bins.
    previous_interest, open_interest
        One-sided open interest before and after the bar.
    volume
        Traded base units.
    level_price
        Price of each bin, shape (bins,).

    Returns
    -------
    Predicted liquidations per world, shape (D, 4).
    """
    bins = mass.shape[2]
    limit, met_limit = int(np.floor(extreme)), int(np.floor(met))

    # 1. Sweep: a bin that the price has touched in any part is liquidated whole.
    swept_quantity = mass[:, :, limit:].sum(axis=2)
    swept_notional = mass[:, :, limit:] @ level_price[limit:]
    mass[:, :, limit:] = 0.0
    remaining = np.maximum(previous_interest - swept_quantity, 0.0)

    # 2. Openings: what the change of open interest shows, and a share of the volume beyond it, each trade
    #    that opens being matched by one that closes.
    change = open_interest - previous_interest
    opened = max(change, 0.0) + turnover * 0.5 * max(volume - abs(change), 0.0)

    #    They are entered uniformly over the bar's range, so their levels are uniform over [low, high]. What
    #    lies beyond what they meet is liquidated in the same bar, at most as much as the sweep has left.
    low, high = entry_low - farthest, entry_high - nearest
    span = np.maximum(high - low, np.finfo(float).tiny)
    beyond = np.where(low >= met_limit, 1.0, np.clip((high - met_limit) / span, 0.0, 1.0))[:, None]
    same_bar = np.minimum(opened * beyond, remaining)
    middle = np.minimum((0.5 * (met_limit + np.maximum(high, met_limit))).astype(np.int64), bins - 1)
    liquidated = swept_notional + same_bar * level_price[middle][:, None]

    # 3. Closings: the rest shrinks by one factor, so that the side holds the open interest again. Where the
    #    sweep has left less than that, more was opened.
    kept = opened * (1.0 - beyond)
    kept = np.where(kept >= open_interest, open_interest, np.maximum(kept, open_interest - remaining))
    factor = np.divide(open_interest - kept, remaining, out=np.zeros_like(kept), where=remaining > 0.0)
    mass *= factor[:, :, None]
    initial[:] = np.minimum(initial, remaining) * factor
    mass += (
        kept[:, :, None] * _placement(low, np.minimum(high, float(met_limit)), met_limit, bins)[:, None, :]
    )
    return np.asarray(liquidated)


def _placement(low: FloatArray, high: FloatArray, limit: int, bins: int) -> FloatArray:
    """Return the share of an opening in each bin, uniform over [low, high], shape (D, bins), rows sum to 1.

    A range inside one bin fills that bin; one that lies wholly beyond the limit fills the bin before it.
    """
    edges = np.arange(bins + 1)
    overlap = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    share = np.clip(overlap, 0.0, None) / np.maximum(high - low, np.finfo(float).tiny)[:, None]
    inside = np.floor(low) == np.floor(high)
    share[inside] = 0.0
    share[inside, np.floor(low[inside]).astype(np.int64)] = 1.0
    share[low >= limit] = 0.0
    share[low >= limit, limit - 1] = 1.0
    return np.asarray(share)
